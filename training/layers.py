"""Sparse layers: linear layers of which only some links exist, behind one interface with three backends."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.topologies import erdos_renyi
from netsparse.training.backends import choose_backend
from netsparse.training.links import LINK_TENSORS, Carry, Links, carry_links
from netsparse.training.sequential import check_dtype, sparse_chain
from netsparse.training.start_weights import swi
from netsparse.training.writer import copy_to_host


def _choose(n_in: int, n_out: int, sparsity: float, device: torch.device | str | None, backend: str) -> str:
    kind = torch.device(device if device is not None else torch.get_default_device()).type
    return choose_backend(n_in, n_out, sparsity, kind, backend, interpreted=os.environ.get("TRITON_INTERPRET") == "1")


class SparseLinear(nn.Module):
    """A linear layer of which only some links exist: y = x Wᵀ + b, W zero wherever there is no link.

    It starts as an Erdős–Rényi topology with SWI weights and zero bias; `TopologyScheduler` gives it another one and
    evolves it. Making one gives an object of the backend's own class, all with this interface:

    ``masked`` (`MaskedLinear`)
        The dense weight times a mask, on any device: the reference.
    ``csr`` (`CSRLinear`)
        One weight a link, on the CPU: time and memory go with the number of links.
    ``cuda`` (`CSRLinear`)
        The same on a GPU. Move a layer with ``.to(device)`` and it takes the device's own kernels.

    Parameters
    ----------
    n_in, n_out : int
        Source and target neurons.
    sparsity : float
        Share of the possible links that are missing, 0 … 1.
    bias : bool
    seed : int
        Of the start topology and weights.
    device, dtype
        As in `torch.nn.Linear`.
    activation : {None, "relu"}
        What follows, in the same pass: y = ReLU(x Wᵀ + b).
    backend : {"auto", "masked", "csr", "cuda"}
        ``auto`` takes the faster one (`netsparse.training.backends.choose_backend`); the attribute of this name tells.

    Attributes
    ----------
    weight : torch.nn.Parameter
        ``masked``: shape (n_out, n_in). ``csr``, ``cuda``: shape (n_links,), source neuron by source neuron.
    bias : torch.nn.Parameter or None, shape (n_out,)
    n_links : int
    backend : str

    Raises
    ------
    NetsparseError
        If the sparsity is outside 0 … 1, a size is negative, or backend or activation is unknown or does not run on
        the device.

    Notes
    -----
    Under ``torch.autocast`` ``masked`` and ``cuda`` multiply in the type that it names; ``csr`` stays in its weight's.
    Second derivatives pass through ``masked`` only. What `forward` of ``csr`` and ``cuda`` returns is feature-major in
    memory, a transposed view, which spares the next sparse layer a copy.

    Examples
    --------
    >>> layer = SparseLinear(20, 10, sparsity=0.9, backend="csr")
    >>> layer
    CSRLinear(in_features=20, out_features=10, bias=True, links=20, sparsity=0.9000, backend='csr')
    >>> layer(torch.zeros(3, 20)).shape
    torch.Size([3, 10])
    """

    in_features: int
    out_features: int
    weight: nn.Parameter
    bias: nn.Parameter | None

    def __new__(
        cls,
        n_in: int = 0,
        n_out: int = 0,
        sparsity: float = 0.99,
        bias: bool = True,
        seed: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        activation: str | None = None,
        backend: str = "auto",
    ) -> SparseLinear:
        """Make an object of the backend's class."""
        if cls is SparseLinear:
            cls = MaskedLinear if _choose(n_in, n_out, sparsity, device, backend) == "masked" else CSRLinear
        return super().__new__(cls)

    def __init__(
        self,
        n_in: int,
        n_out: int,
        sparsity: float = 0.99,
        bias: bool = True,
        seed: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        activation: str | None = None,
        backend: str = "auto",
    ) -> None:
        nn.Module.__init__(self)
        if n_in < 0 or n_out < 0:
            raise NetsparseError(f"a layer cannot have {n_in} source and {n_out} target neurons")
        if not 0.0 <= sparsity <= 1.0:
            raise NetsparseError(f"sparsity must lie between 0 and 1, it is {sparsity}")
        if activation not in (None, "relu"):
            raise NetsparseError(f"activation must be None or 'relu', not {activation!r}")
        self.in_features, self.out_features, self.activation = n_in, n_out, activation
        self._backend = _choose(n_in, n_out, sparsity, device, backend)
        self._make_weight(device, dtype)
        self.register_parameter("bias", nn.Parameter(torch.zeros(n_out, device=device, dtype=dtype)) if bias else None)
        rng = np.random.default_rng(seed)
        graph = LayerGraph.from_mask(erdos_renyi((n_in, n_out), 1.0 - sparsity, rng))
        self.set_graph(graph, swi(graph, rng))

    @property
    def backend(self) -> str:
        """``masked``, ``csr`` or ``cuda``."""
        return self._backend

    @property
    def n_links(self) -> int:
        """Number of links."""
        raise NotImplementedError

    def _make_weight(self, device: torch.device | str | None, dtype: torch.dtype | None) -> None:
        raise NotImplementedError

    def to_graph(self, name: str = "layer", source: str = "source", target: str = "target") -> LayerGraph:
        """Return the links and their weights now."""
        raise NotImplementedError

    def set_graph(self, graph: LayerGraph, weights: np.ndarray | None = None) -> Carry:
        """Replace the links.

        Parameters
        ----------
        graph : LayerGraph
            The new links.
        weights : numpy.ndarray, shape (n_links,), optional
            Their weights. Without them a link that was there before keeps its weight and a new one weighs 0.

        Returns
        -------
        callable
            Takes a tensor of the weight's old shape (gradient, optimizer state) to the new links; new links get 0.

        Raises
        ------
        NetsparseError
            If the graph has another shape.
        """
        if (graph.n_source, graph.n_target) != (self.in_features, self.out_features):
            raise NetsparseError(
                f"a graph of shape {(graph.n_source, graph.n_target)} does not fit a layer of "
                f"{self.in_features} source and {self.out_features} target neurons"
            )
        return self._set_graph(graph, weights)

    def _set_graph(self, graph: LayerGraph, weights: np.ndarray | None) -> Carry:
        raise NotImplementedError

    @classmethod
    def from_linear(cls, linear: nn.Linear, *, activation: str | None = None, backend: str = "auto") -> SparseLinear:
        """Make a sparse layer of a linear one.

        Its links are the non-zero entries of ``linear.weight_mask``, if there is one, else of ``linear.weight``.

        Examples
        --------
        >>> linear = nn.Linear(3, 2)
        >>> _ = linear.weight.data.fill_(0.0)
        >>> linear.weight.data[1, 2] = 0.5
        >>> SparseLinear.from_linear(linear, backend="csr").n_links
        1
        """
        weight = linear.weight.detach()
        graph = LayerGraph.from_weight(weight, mask=getattr(linear, "weight_mask", None))
        backend = _choose(graph.n_source, graph.n_target, graph.sparsity, weight.device, backend)
        made = SparseLinear(
            graph.n_source,
            graph.n_target,
            1.0,
            linear.bias is not None,
            device=weight.device,
            dtype=weight.dtype,
            activation=activation,
            backend=backend,
        )
        made.set_graph(graph, graph.weights)
        if made.bias is not None:
            made.bias.data.copy_(linear.bias.detach())
        return made

    @torch.no_grad()
    def to_linear(self) -> nn.Linear:
        """Return a dense ``nn.Linear`` with 0 wherever there is no link, without the activation (see `to_dense`).

        Examples
        --------
        >>> layer = SparseLinear(20, 10, sparsity=0.9)
        >>> x = torch.rand(3, 20)
        >>> torch.allclose(layer.to_linear()(x), layer(x))
        True
        """
        linear = nn.utils.skip_init(
            nn.Linear,
            self.in_features,
            self.out_features,
            self.bias is not None,
            device=self.weight.device,
            dtype=self.weight.dtype,
        )
        linear.weight.copy_(self._dense_weight())
        if self.bias is not None:
            linear.bias.copy_(self.bias)
        return cast(nn.Linear, linear)

    def _dense_weight(self) -> torch.Tensor:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Tell the number of links, the sparsity and the backend."""
        n_links, possible = self.n_links, self.in_features * self.out_features
        activation = f"activation={self.activation!r}, " if self.activation else ""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}, "
            f"{activation}links={n_links}, sparsity={1.0 - n_links / max(possible, 1):.4f}, backend={self.backend!r}"
        )


class MaskedLinear(SparseLinear, nn.Linear):  # type: ignore[misc] # a bias may be None
    """The ``masked`` backend of `SparseLinear`: y = x (W ⊙ M)ᵀ + b, W and M dense.

    Weights, gradients and so the optimizer's state are zero wherever there is no link.

    Attributes
    ----------
    weight_mask : torch.Tensor, shape (n_out, n_in)
        1 where there is a link, else 0, in the weight's dtype; part of the state dict.
    """

    weight_mask: torch.Tensor

    def _make_weight(self, device: torch.device | str | None, dtype: torch.dtype | None) -> None:
        self.weight = nn.Parameter(torch.zeros(self.out_features, self.in_features, device=device, dtype=dtype))
        self.register_buffer("weight_mask", torch.zeros_like(self.weight, requires_grad=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return y of shape (…, n_out) for x of shape (…, n_in)."""
        y = nn.functional.linear(x, self.weight * self.weight_mask, self.bias)
        return torch.relu(y) if self.activation else y

    @property
    def n_links(self) -> int:
        """Number of links."""
        return int(torch.count_nonzero(self.weight_mask))

    def to_graph(self, name: str = "layer", source: str = "source", target: str = "target") -> LayerGraph:
        """Return the links and their weights now."""
        return read_graph(self, name, source, target)

    def _set_graph(self, graph: LayerGraph, weights: np.ndarray | None) -> Carry:
        return write_graph(self, graph, weights)

    def _dense_weight(self) -> torch.Tensor:
        return self.weight * self.weight_mask


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


@torch.no_grad()
def write_graph(layer: nn.Module, graph: LayerGraph, weights: np.ndarray | None) -> Carry:
    """Replace the links of a layer, or of a linear one with a ``weight_mask`` (see `SparseLinear.set_graph`)."""
    if isinstance(layer, CSRLinear):
        return layer.set_graph(graph, weights)
    weight, mask = cast(torch.Tensor, layer.weight), cast(torch.Tensor, layer.weight_mask)
    rows = torch.from_numpy(graph.link_rows).to(weight.device)
    columns = torch.from_numpy(graph.biadjacency.indices.astype(np.int64)).to(weight.device)
    mask.zero_()
    mask[columns, rows] = 1
    if weights is None:
        weight.mul_(mask)
    else:
        weight.zero_()
        weight[columns, rows] = torch.tensor(weights, dtype=weight.dtype, device=weight.device)
    if weight.grad is not None:
        weight.grad.mul_(mask)
    return lambda tensor: tensor.mul_(mask)


def read_graph(layer: nn.Module, name: str, source: str, target: str) -> LayerGraph:
    """Return a layer's links and weights as a graph.

    `LayerGraph.from_weight` gives the same of a masked layer; this gathers the links on the weight's own device, four
    times as fast.
    """
    if isinstance(layer, CSRLinear):
        return layer.to_graph(name, source, target)
    mask = cast(torch.Tensor, layer.weight_mask)
    columns, rows = torch.nonzero(mask, as_tuple=True)
    weights = cast(torch.Tensor, layer.weight).detach()[columns, rows]
    weights = weights if weights.dtype == torch.float64 else weights.float()
    shape = (mask.shape[1], mask.shape[0])
    keys = rows.cpu().numpy().astype(np.int64) * shape[1] + columns.cpu().numpy()
    order = np.argsort(keys)
    return LayerGraph.from_keys(keys[order], shape, name, source, target, weights.cpu().numpy()[order])


def to_dense(model: nn.Module) -> nn.Module:
    """Return a copy of a model in which every `SparseLinear` is a dense ``nn.Linear``, for export (ONNX …).

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    torch.nn.Module
        A layer with an activation becomes an ``nn.Sequential`` of the two.

    Examples
    --------
    >>> to_dense(nn.Sequential(SparseLinear(4, 3, 0.5, activation="relu"), nn.Linear(3, 2)))
    Sequential(
      (0): Sequential(
        (0): Linear(in_features=4, out_features=3, bias=True)
        (1): ReLU()
      )
      (1): Linear(in_features=3, out_features=2, bias=True)
    )
    """
    if isinstance(model, SparseLinear):
        linear = model.to_linear()
        return nn.Sequential(linear, nn.ReLU()) if model.activation else linear
    made = copy.deepcopy(model)
    for name, module in list(made.named_modules()):
        if isinstance(module, SparseLinear):
            made.set_submodule(name, to_dense(module))
    return made
