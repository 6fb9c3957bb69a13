"""The csr and cuda backends: one weight a link, and nothing as large as the dense matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.training.layers import SparseLinear, interpreting
from netsparse.training.links import Carry, Links, carry_links
from netsparse.training.sequential import check_dtype, sparse_chain
from netsparse.training.writer import copy_to_host

# What a state dict holds of the links.
_STORED = ("source_start", "targets", "shape")


class CSRLinear(SparseLinear):
    """The ``csr`` and ``cuda`` backends of `SparseLinear`: one weight a link, and nothing of size n_in · n_out.

    Attributes
    ----------
    source_start, targets : torch.Tensor of int32
        The links by source neuron, the order of ``weight``; with ``shape`` (n_in, n_out) they are in the state dict.
    links : Links
        The same links in both orientations.
    """

    source_start: torch.Tensor
    targets: torch.Tensor
    shape: torch.Tensor

    def _make_weight(self, device: torch.device | str | None, dtype: torch.dtype | None) -> None:
        self.weight = nn.Parameter(torch.zeros(0, device=device, dtype=dtype))
        check_dtype(self.weight.dtype, self._asked)
        shape = (self.in_features, self.out_features)
        self.register_buffer("shape", torch.tensor(shape, device=self.weight.device))
        self.n_changes = 0
        self._set_links(LayerGraph.from_keys(np.empty(0, np.int64), shape))

    def _set_links(self, graph: LayerGraph) -> None:
        links = Links.of(graph, self.weight.device)
        self.register_buffer("source_start", links.source_start)
        self.register_buffer("targets", links.targets)
        self.n_changes += 1
        self._known: tuple[Any, ...] | None = (*self._stamp(), links)

    def _stamp(self) -> tuple[Any, ...]:
        """Return what tells these buffers from others, and from themselves after a change in place."""
        start, targets = (cast(torch.Tensor, self._buffers[name]) for name in ("source_start", "targets"))
        return start, targets, *(0 if tensor.is_inference() else tensor._version for tensor in (start, targets))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": None}

    @property
    def links(self) -> Links:
        """The links as tensors; made anew of the layer's buffers, and checked, if these are others than they were."""
        stamp, known = self._stamp(), self._known
        if known is None or stamp[0] is not known[0] or stamp[1] is not known[1] or stamp[2:] != known[2:4]:
            graph = LayerGraph("layer", self._pattern(*(tensor.cpu().numpy() for tensor in stamp[:2])))
            known = self._known = (*stamp, Links.of(graph, stamp[1].device))
        return cast(Links, known[4])

    @property
    def backend(self) -> str:
        """``csr`` on the CPU, ``cuda`` on a GPU."""
        return "cuda" if self.weight.is_cuda or (self._asked == "cuda" and interpreting()) else "csr"

    @property
    def joins_chain(self) -> bool:
        """Whether calling the layer does nothing but its products (see `SparseSequential`)."""
        return type(self).forward is CSRLinear.forward

    @property
    def n_links(self) -> int:
        """Number of links."""
        return len(self.targets)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return y of shape (…, n_out) for x of shape (…, n_in).

        Raises
        ------
        NetsparseError
            If x does not fit the layer, or the layer's dtype has no kernel.
        """
        return sparse_chain([self], x)

    def to_graph(self, name: str = "layer", source: str = "source", target: str = "target") -> LayerGraph:
        """Return the links and their weights now."""
        return self.begin_graph(name, source, target)()

    def begin_graph(
        self, name: str = "layer", source: str = "source", target: str = "target"
    ) -> Callable[[], LayerGraph]:
        """Begin to read the links and their weights of now; the function returned gives them (see `copy_to_host`)."""
        held = copy_to_host({"start": self.source_start, "targets": self.targets, "weight": self.weight})

        def graph() -> LayerGraph:
            start, targets, weight = held().values()
            weight = weight if weight.dtype == torch.float64 else weight.float()
            return LayerGraph(name, self._pattern(start.numpy(), targets.numpy()), source, target, weight.numpy())

        return graph

    def _pattern(self, start: np.ndarray, targets: np.ndarray) -> sp.csr_array:
        shape = (self.in_features, self.out_features)
        try:
            return sp.csr_array((np.ones(len(targets), np.int32), targets, start), shape=shape)
        except (ValueError, TypeError) as error:
            raise NetsparseError(f"the links of this layer are broken: {error}") from error

    @torch.no_grad()
    def _set_graph(self, graph: LayerGraph, weights: np.ndarray | None) -> Carry:
        before = LayerGraph("layer", self._pattern(self.source_start.cpu().numpy(), self.targets.cpu().numpy()))
        carry = carry_links(before.link_keys, graph.link_keys, self.weight.device)
        gradient = None if self.weight.grad is None else carry(self.weight.grad)
        self._replace_weight(carry(self.weight) if weights is None else self.weight.new_tensor(weights))
        self.weight.grad = gradient
        self._set_links(graph)
        return carry

    def _replace_weight(self, weight: torch.Tensor) -> None:
        """Give the parameter other numbers, perhaps more or fewer.

        A loss that somebody keeps holds the node by which autograd gives the parameter its gradients, and that refuses
        those of another number of links. A change of the type makes it anew.
        """
        if weight.shape != self.weight.shape:
            other = torch.float64 if weight.dtype == torch.float32 else torch.float32
            self.weight.data = torch.empty(0, dtype=other, device=weight.device)
        self.weight.data = weight

    @torch.no_grad()
    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take up the links of a state dict before its weights, which are as many."""
        stored = [state_dict.get(f"{prefix}{name}") for name in _STORED]
        if all(tensor is not None for tensor in stored):
            start, targets, shape = (tensor.cpu().numpy() for tensor in stored if tensor is not None)
            if shape.tolist() != [self.in_features, self.out_features] or len(start) != self.in_features + 1:
                raise NetsparseError(
                    f"{prefix}weight: the state has source and target neurons {shape.tolist()}; this layer has "
                    f"{[self.in_features, self.out_features]}"
                )
            self._set_links(LayerGraph(prefix.rstrip(".") or "layer", self._pattern(start, targets)))
            self._replace_weight(self.weight.new_zeros(len(targets)))
            self.weight.grad = None
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @torch.no_grad()
    def _dense_weight(self) -> torch.Tensor:
        dense = self.weight.new_zeros(self.out_features, self.in_features)
        sources = torch.repeat_interleave(self.source_start.diff().long())
        dense[self.targets.long(), sources] = self.weight
        return dense
