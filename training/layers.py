"""Sparse layers: linear layers of which only some links exist, behind one interface with three backends."""

from __future__ import annotations

import copy
import os
from typing import cast

import numpy as np
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.topologies import erdos_renyi
from netsparse.training.backends import choose_backend
from netsparse.training.links import Carry
from netsparse.training.start_weights import swi


def _choose(n_in: int, n_out: int, sparsity: float, device: torch.device | str | None, backend: str) -> str:
    kind = torch.device(device if device is not None else torch.get_default_device()).type
    return choose_backend(n_in, n_out, sparsity, kind, backend, interpreted=interpreting())


def interpreting() -> bool:
    """Whether Triton's kernels run in its interpreter, which takes tensors of the CPU."""
    return os.environ.get("TRITON_INTERPRET") == "1"


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
    Optimizer state follows the links at a `TopologyScheduler`'s updates; `set_graph` and ``load_state_dict`` by hand
    leave it to you (load the optimizer's, too). Kernels of the CPU run on OpenMP threads, which do not survive a fork:
    start processes that train by ``spawn``. Under ``torch.autocast`` ``masked`` and ``cuda`` multiply in the type that
    it names; ``csr`` stays in its weight's.
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
            from netsparse.training.csr import CSRLinear  # they are made of this class
            from netsparse.training.masked import MaskedLinear

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
        self._asked = _choose(n_in, n_out, sparsity, device, backend)
        self._make_weight(device, dtype)
        self.register_parameter("bias", nn.Parameter(torch.zeros(n_out, device=device, dtype=dtype)) if bias else None)
        rng = np.random.default_rng(seed)
        graph = LayerGraph.from_mask(erdos_renyi((n_in, n_out), 1.0 - sparsity, rng))
        self.set_graph(graph, swi(graph, rng))

    @property
    def backend(self) -> str:
        """``masked``, ``csr`` or ``cuda``."""
        raise NotImplementedError

    @property
    def n_links(self) -> int:
        """Number of links."""
        raise NotImplementedError

    def _make_weight(self, device: torch.device | str | None, dtype: torch.dtype | None) -> None:
        raise NotImplementedError("derive classes from CSRLinear or MaskedLinear, which hold the weights")

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
            Takes a tensor of the weight's old shape (optimizer state …) to the new links, where that can be in place;
            new links get 0. The weight's own gradient is taken along already.

        Raises
        ------
        NetsparseError
            If the graph has another shape, or there is not one weight a link.
        """
        if (graph.n_source, graph.n_target) != (self.in_features, self.out_features):
            raise NetsparseError(
                f"a graph of shape {(graph.n_source, graph.n_target)} does not fit a layer of "
                f"{self.in_features} source and {self.out_features} target neurons"
            )
        if weights is not None and np.shape(weights) != (graph.n_links,):
            raise NetsparseError(f"weights of shape {np.shape(weights)} for {graph.n_links} links")
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
        return cast(SparseLinear, _with_gradients_of(made, linear))

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
        return cast(nn.Linear, _with_gradients_of(linear, self))

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
    dense: dict[int, nn.Module] = {}
    for name, module in list(made.named_modules(remove_duplicate=False)):
        if isinstance(module, SparseLinear):
            made.set_submodule(name, dense.setdefault(id(module), to_dense(module)))
    return made


def _with_gradients_of(made: nn.Module, given: nn.Module) -> nn.Module:
    """Let the parameters of a layer ask for gradients as those of another one do."""
    for name, parameter in made.named_parameters():
        parameter.requires_grad_(given.get_parameter(name).requires_grad)
    return made
