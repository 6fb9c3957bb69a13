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
from netsparse.training.layers import SparseLinear
from netsparse.training.links import LINK_TENSORS, Carry, Links, carry_links
from netsparse.training.sequential import check_dtype, sparse_chain
from netsparse.training.writer import copy_to_host

# What a state dict holds of the links: enough to make the rest of.
_STORED = ("source_start", "targets", "target_start")


class CSRLinear(SparseLinear):
    """The ``csr`` and ``cuda`` backends of `SparseLinear`: one weight a link, and nothing of size n_in · n_out.

    Attributes
    ----------
    source_start, targets : torch.Tensor
        The links by source neuron, the order of ``weight``; parts of the state dict, as ``target_start`` is.
    target_start, sources, positions : torch.Tensor
        The same links by target neuron (see `netsparse.training.links.Links`).
    """

    source_start: torch.Tensor
    targets: torch.Tensor
    joins_chain = True  # see SparseSequential
    _links: Links | None

    def _make_weight(self, device: torch.device | str | None, dtype: torch.dtype | None) -> None:
        self.weight = nn.Parameter(torch.zeros(0, device=device, dtype=dtype))
        check_dtype(self.weight.dtype, self._backend)
        self._set_links(LayerGraph.from_keys(np.empty(0, np.int64), (self.in_features, self.out_features)))

    def _set_links(self, graph: LayerGraph) -> None:
        self._links = Links.of(graph, self.weight.device)
        for name in LINK_TENSORS:
            self.register_buffer(name, getattr(self._links, name), persistent=name in _STORED)

    def _apply(self, fn: Any, recurse: bool = True) -> CSRLinear:
        self._links = None  # its tensors may move, in place as well
        return cast(CSRLinear, super()._apply(fn, recurse))

    @property
    def backend(self) -> str:
        """``csr`` on the CPU, ``cuda`` on a GPU."""
        return self._backend if not self.weight.is_cuda else "cuda"

    @property
    def links(self) -> Links:
        """The links as tensors, on the layer's device."""
        links = self._links
        if links is None:
            tensors = (cast(torch.Tensor, self._buffers[name]) for name in LINK_TENSORS)
            links = self._links = Links(self.in_features, self.out_features, *tensors)
        return links

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
            start, targets, weights = (tensor.numpy() for tensor in held().values())
            return LayerGraph(name, self._pattern(start, targets), source, target, weights)

        return graph

    def _pattern(self, start: np.ndarray, targets: np.ndarray) -> sp.csr_array:
        shape = (self.in_features, self.out_features)
        return sp.csr_array((np.ones(len(targets), np.int32), targets, start), shape=shape)

    @torch.no_grad()
    def _set_graph(self, graph: LayerGraph, weights: np.ndarray | None) -> Carry:
        before = LayerGraph("layer", self._pattern(self.source_start.cpu().numpy(), self.targets.cpu().numpy()))
        carry = carry_links(before.link_keys, graph.link_keys, self.weight.device)
        gradient = None if self.weight.grad is None else carry(self.weight.grad)
        if weights is None:
            self.weight.data = carry(self.weight)
        else:
            self.weight.data = torch.tensor(weights, dtype=self.weight.dtype, device=self.weight.device)
        self.weight.grad = gradient
        self._set_links(graph)
        return carry

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take up the links of a state dict before its weights, which are as many."""
        stored = [state_dict.get(f"{prefix}{name}") for name in _STORED]
        if all(tensor is not None for tensor in stored):
            start, targets, target_start = (tensor.cpu().numpy() for tensor in stored if tensor is not None)
            shape = (len(start) - 1, len(target_start) - 1)
            if shape != (self.in_features, self.out_features):
                raise NetsparseError(
                    f"{prefix}weight: the state has {shape[0]} source and {shape[1]} target neurons; this layer has "
                    f"{self.in_features} and {self.out_features}"
                )
            self.set_graph(LayerGraph(prefix.rstrip(".") or "layer", self._pattern(start, targets)))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @torch.no_grad()
    def _dense_weight(self) -> torch.Tensor:
        dense = self.weight.new_zeros(self.out_features, self.in_features)
        sources = torch.repeat_interleave(self.source_start.diff().long())
        dense[self.targets.long(), sources] = self.weight
        return dense
