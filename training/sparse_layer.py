"""The layers of a model that a scheduler makes sparse: which they are, what they hold, how dense each is to be."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.topologies import layer_densities
from netsparse.training.csr import CSRLinear
from netsparse.training.layers import SparseLinear
from netsparse.training.masked import gather_links, read_graph
from netsparse.training.methods import Method


def layer_shape(module: nn.Module) -> tuple[int, int]:
    """Return numbers of source and target neurons; a convolution has n_in · k_h · k_w source neurons."""
    if isinstance(module, nn.Conv2d):
        return module.weight[0].numel(), module.out_channels
    return cast(int, module.in_features), cast(int, module.out_features)


@dataclass
class SparseLayer:
    """One layer under a scheduler.

    Attributes
    ----------
    name, source, target : str
        The module's name in the model; the names of the neuron groups that it joins.
    module : torch.nn.Module
        A `SparseLinear`, or a linear or convolutional module with a ``weight_mask``.
    density : float
        Links over possible links that it is to have at the end.
    start_density : float
        And at the start: another one if the method's density changes.
    frozen : bool
        Whether early stop has frozen its topology.
    ever_active : numpy.ndarray of int64
        Sorted keys of all links that it has ever had.
    """

    name: str
    source: str
    target: str
    module: nn.Module
    density: float = 0.0
    start_density: float = 0.0
    frozen: bool = False
    ever_active: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    settled: bool = field(default=False, repr=False)  # its overlap has once reached the early stop's
    stays_full: bool = field(default=False, repr=False)  # all links for ever: nothing to mask
    hook: Any = field(default=None, repr=False)
    owns_mask: bool = field(default=False, repr=False)

    @property
    def weight(self) -> nn.Parameter:
        """The layer's weight: (n_target, n_source), a convolution's, or one number a link (see `SparseLinear`)."""
        return cast(nn.Parameter, self.module.weight)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of source and target neurons (`layer_shape`)."""
        return layer_shape(self.module)

    @property
    def holds_links_only(self) -> bool:
        """Whether there is nothing where there is no link, and so nothing to mask."""
        return isinstance(self.module, CSRLinear)

    @property
    def itop_rate(self) -> float:
        """Share of the possible links that were ever active (in-time over-parameterisation)."""
        return len(self.ever_active) / max(self.shape[0] * self.shape[1], 1)

    @property
    def graph(self) -> LayerGraph:
        """The layer's links and weights now."""
        return self.begin_graph()()

    @property
    def link_gradients(self) -> np.ndarray | None:
        """The gradient that the weight of each link holds now, in the order of the graph's links."""
        gradient = self.weight.grad
        if gradient is None:
            return None
        if self.holds_links_only:
            return gradient.detach().float().cpu().numpy()
        mask = cast(torch.Tensor, self.module.weight_mask).flatten(1)
        return gather_links(mask, gradient.detach().flatten(1))[1]

    def begin_graph(self) -> Callable[[], LayerGraph]:
        """Begin to read the layer's links and weights of now; the function returned gives them."""
        if isinstance(self.module, CSRLinear):
            return self.module.begin_graph(self.name, self.source, self.target)
        graph = read_graph(self.module, self.name, self.source, self.target)
        return lambda: graph


def share_out(layers: Sequence[SparseLayer], sparsity: Any, method: Method) -> None:
    """Give each layer its density at the end and at the start."""
    shapes = [tuple(x.weight.shape) if x.weight.dim() > 1 else x.shape[::-1] for x in layers]
    start = None if method.start_sparsity is None else 1.0 - method.start_sparsity
    if isinstance(sparsity, Mapping):
        ends = [1.0 - _check_sparsity(_first_match(sparsity, layer.name)) for layer in layers]
        starts = [min(end + method.extra_density, 1.0) if start is None else start for end in ends]
    else:
        density = 1.0 - _check_sparsity(sparsity)
        start = min(density + method.extra_density, 1.0) if start is None else start
        ends, starts = (layer_densities(shapes, d, method.layer_density) for d in (density, start))
    for layer, end, start in zip(layers, ends, starts, strict=True):
        if method.density_schedule != "constant" and start < end:
            raise NetsparseError(
                f"method '{method.name}' starts at a density of {start:g}, below the {end:g} that layer '{layer.name}' "
                "is to have: choose a smaller start_sparsity, or a larger sparsity"
            )
        layer.density = end
        layer.start_density = end if method.density_schedule == "constant" else start


def _check_sparsity(sparsity: Any) -> float:
    if isinstance(sparsity, bool) or not isinstance(sparsity, Real) or not 0.0 <= float(sparsity) <= 1.0:
        raise NetsparseError(f"sparsity must be a number between 0 and 1, it is {sparsity!r}")
    return float(sparsity)


def _first_match(by_pattern: Mapping[str, Any], name: str) -> Any:
    for pattern, value in by_pattern.items():
        if fnmatch.fnmatchcase(name, pattern):
            return value
    raise NetsparseError(f"no sparsity is given for layer '{name}'; the patterns are: {', '.join(by_pattern)}")


_KINDS = (nn.Linear, nn.Conv2d, SparseLinear)


def choose_layers(model: nn.Module, wanted: Any) -> dict[str, nn.Module]:
    """Return the layers to make sparse, by name."""
    there: dict[str, nn.Module] = {name or "layer": m for name, m in model.named_modules() if isinstance(m, _KINDS)}
    if wanted is None:
        linear: dict[str, nn.Module] = {name: m for name, m in there.items() if not isinstance(m, nn.Conv2d)}
        sparse: dict[str, nn.Module] = {name: m for name, m in linear.items() if isinstance(m, SparseLinear)}
        chosen = sparse or dict(list(linear.items())[:-1])
        if not chosen:
            raise NetsparseError("the model has no SparseLinear and not two nn.Linear; name the layers with layers=[…]")
        return chosen
    wanted = [wanted] if isinstance(wanted, (str, type)) else wanted
    if not isinstance(wanted, Sequence) or not all(isinstance(one, (str, type)) for one in wanted):
        raise NetsparseError(f"layers takes names of layers and types, not {wanted!r}")
    names = ", ".join(there) or "none"
    if not wanted:
        raise NetsparseError(f"no layer is named; there are: {names}")
    found: set[str] = set()
    for one in wanted:
        if isinstance(one, type):
            fits = [name for name, m in there.items() if isinstance(m, one)]
            said = f"is a {one.__name__}"
        else:
            fits = [name for name in there if fnmatch.fnmatchcase(name, one)]
            said = f"is named '{one}'"
        if not fits:
            raise NetsparseError(f"no linear or convolutional layer {said}; there are: {names}")
        found |= set(fits)
    return {name: m for name, m in there.items() if name in found}
