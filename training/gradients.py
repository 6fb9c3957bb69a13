"""The dense gradient of a layer's weights, watched when an update needs it and made a block of rows at a time.

What growing by gradient needs is ∂loss/∂w for every pair of neurons, linked or not: Ẇ[i, j] = Σ over samples of
x[i] · ẏ[j]. A sparse layer never makes it. So hooks keep what comes in (x) and what comes back (ẏ) in the steps before
an update, and the product is made at the update alone, some rows of it at a time. Plain ``nn.Linear`` and ``nn.Conv2d``
make their dense gradient anyhow; theirs is kept before it is masked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from netsparse.training import processes

# Of one step on the next, where gradients are summed with momentum.
DECAY = 0.9

Step = list[tuple[torch.Tensor, torch.Tensor]]


class LayerWatch:
    """What one layer's gradients are made of.

    Attributes
    ----------
    of_links : numpy.ndarray or None
        Gradient of each link, in the order of the layer's graph.
    """

    of_links: np.ndarray | None = None

    def __init__(self, module: nn.Module, n_steps: int) -> None:
        self.module = module
        self.n_steps = n_steps
        self.clear()

    def __deepcopy__(self, memo: dict[int, Any]) -> LayerWatch:
        """Return this one: a copy of the layer has its hook, which minds the layer alone."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle nothing: what is unpickled watches no layer."""
        return LayerWatch, (nn.Identity(), 1)

    def clear(self) -> None:
        """Forget everything."""
        self._steps: deque[Step] = deque(maxlen=self.n_steps)
        self._now: Step = []
        self._dense: torch.Tensor | None = None
        self._dense_now: torch.Tensor | None = None
        self.overflowed = False

    @property
    def is_empty(self) -> bool:
        """Whether no gradient has come."""
        return not (self._steps or self._now) and self._dense is None and self._dense_now is None

    def forward_hook(self, module: nn.Module, arguments: tuple[Any, ...], output: torch.Tensor) -> None:
        """Keep what came in, and when it comes back the gradient of what went out."""
        if module is not self.module or not output.requires_grad:  # a copy of the layer has the hook as well
            return
        if self._now and _is_zeroed(module.get_parameter("weight")):
            self._now = []  # of a backward pass that zero_grad() discarded
        x = arguments[0].detach().flatten(0, -2) if arguments[0].dim() > 1 else arguments[0].detach()[None]
        output_width = output.shape[-1]  # said, since a process's share of a batch may be empty
        passed = output.detach() > 0 if getattr(module, "activation", None) == "relu" else None

        def backward_hook(gradient: torch.Tensor) -> None:
            gradient = gradient.detach() if passed is None else gradient.detach() * passed
            self._now.append((x, gradient.reshape(len(x), output_width)))

        output.register_hook(backward_hook)

    def keep_dense(self, gradient: torch.Tensor) -> None:
        """Keep the dense gradient of a plain layer's weight, before it is masked and added to ``weight.grad``."""
        gradient = gradient.detach().flatten(1)
        if self._dense_now is None or _is_zeroed(self.module.get_parameter("weight")):
            self._dense_now = gradient.clone()
        else:
            self._dense_now = self._dense_now + gradient

    def step_done(self) -> None:
        """Close a step of the optimizer. One whose scaled loss overflowed was not taken, and does not count."""
        tensors = [gradient for _, gradient in self._now]
        tensors += [] if self._dense_now is None else [self._dense_now]
        if not tensors:
            return
        self.overflowed = not all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
        if not self.overflowed and self._now:
            self._steps.append(self._now)
        if not self.overflowed and self._dense_now is not None:
            more = self._dense_now
            self._dense = more if self.n_steps == 1 or self._dense is None else self._dense * DECAY + more
        self._now, self._dense_now = [], None

    def state(self) -> dict[str, Any]:
        """Return what was seen, as tensors."""
        return {"steps": list(self._steps), "now": self._now, "dense": self._dense, "dense_now": self._dense_now}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self._steps = deque(state["steps"], maxlen=self.n_steps)
        self._now, self._dense, self._dense_now = state["now"], state["dense"], state["dense_now"]

    def gather(self) -> None:
        """Put together what the processes of a distributed training have seen."""
        self.step_done()
        shares = processes.gather([[(x.cpu(), gradient.cpu()) for x, gradient in step] for step in self._steps])
        n = min(map(len, shares))
        steps = [[pair for share in shares for pair in share[len(share) - n + i]] for i in range(n)]
        self._steps = deque(steps, maxlen=self.n_steps)
        if self._dense is not None:
            processes.sum_over(self._dense)

    def rows(self, first: int, stop: int) -> np.ndarray:
        """Return the gradients of source neurons first … stop − 1, shape (stop − first, n_target)."""
        self.step_done()
        if self._dense is not None:
            return self._dense[:, first:stop].t().float().cpu().numpy()
        total: torch.Tensor | float = 0.0
        for age, step in enumerate(reversed(self._steps)):
            for x, gradient in step:
                total = total + DECAY**age * (x[:, first:stop].t().to(gradient.dtype) @ gradient)
        assert torch.is_tensor(total)
        return total.float().cpu().numpy()


def _is_zeroed(weight: torch.Tensor) -> bool:
    """Whether ``zero_grad()`` was called since the last backward pass."""
    return weight.grad is None or not bool(weight.grad.any())


class GradientWatch:
    """Watches the gradients of layers while it is armed.

    Parameters
    ----------
    layers : dict of str to (torch.nn.Module, bool)
        By name: the module, and whether its dense gradient is handed in (`LayerWatch.keep_dense`) or has to be made.
    optimizer : torch.optim.Optimizer
        Its steps part one batch from the next.
    n_steps : int
        How many steps before an update count, the older ones less and less; 1: the last one alone.
    """

    def __init__(self, layers: dict[str, tuple[nn.Module, bool]], optimizer: torch.optim.Optimizer, n_steps: int):
        self.layers = {name: LayerWatch(module, n_steps) for name, (module, _) in layers.items()}
        self._made = [self.layers[name] for name, (_, handed_in) in layers.items() if not handed_in]
        self.n_steps = n_steps
        self._optimizer = optimizer
        self._handles: list[Any] = []

    @property
    def is_armed(self) -> bool:
        """Whether gradients are watched now."""
        return bool(self._handles)

    def arm(self) -> None:
        """Watch from now on."""
        if self.is_armed:
            return
        self._handles = [watch.module.register_forward_hook(watch.forward_hook) for watch in self._made]
        self._handles.append(self._optimizer.register_step_post_hook(self._step_done))

    def disarm(self) -> None:
        """Stop watching, and forget."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        for watch in self.layers.values():
            watch.clear()

    def _step_done(self, *_: Any) -> None:
        for watch in self.layers.values():
            watch.step_done()

    def gather(self, names: Sequence[str]) -> None:
        """Put together what all processes have seen; those of a distributed training call it together."""
        for name in names:
            self.layers[name].gather()
