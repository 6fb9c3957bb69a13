"""A model as each of several processes calls it, so that their gradients are averaged."""

from __future__ import annotations

import gc
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from netsparse.training import processes
from netsparse.training.csr import CSRLinear


class Replica:
    """Calls a model; in a group of processes through ``DistributedDataParallel``.

    That one knows each weight's size. A layer that holds its links alone (backends ``csr`` and ``cuda``) changes it
    when its number of links changes, and then the model is wrapped anew. Links are no buffers to be broadcast at each
    step: the topology's updates keep them the same.

    Parameters
    ----------
    model : torch.nn.Module
        On its device.

    Examples
    --------
    >>> replica = Replica(nn.Linear(3, 2))
    >>> replica(torch.zeros(4, 3)).shape
    torch.Size([4, 2])
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._wrapped: nn.Module = model
        self._sizes: list[int] = []

    def renew(self) -> None:
        """Wrap anew at the next call.

        The wrapping orders gradients by the steps that it has seen, and so their sums: from here on they are those of
        a training that was resumed here.
        """
        self._sizes = []

    def __call__(self, x: torch.Tensor) -> Any:
        """Return what the model makes of x."""
        if processes.count() > 1:
            sizes = [parameter.numel() for parameter in self._model.parameters()]
            if sizes != self._sizes:
                self._wrapped = self._model
                gc.collect()  # autograd knows the weights by their old sizes as long as the old wrapping lives
                self._wrapped = self._wrap()
                self._sizes = sizes
        return self._wrapped(x)

    def _wrap(self) -> nn.Module:
        links = [
            f"{name}.{buffer}" if name else buffer
            for name, module in self._model.named_modules()
            if isinstance(module, CSRLinear) or hasattr(module, "weight_mask")
            for buffer, _ in module.named_buffers(recurse=False)
        ]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self._model, links)
        device = next(self._model.parameters()).device
        return DistributedDataParallel(self._model, device_ids=[device] if device.type == "cuda" else None)
