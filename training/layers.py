"""Sparse layers: the masked reference, dense weight × mask on any device."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.topologies import erdos_renyi
from netsparse.training.start_weights import swi


class SparseLinear(nn.Linear):
    """A linear layer of which only the links of a mask carry signal: y = x (W ⊙ M)ᵀ + b.

    It starts as an Erdős–Rényi topology with SWI weights and zero bias; `TopologyScheduler` gives it another one.
    Weights, gradients and so the optimizer's state are zero wherever there is no link.

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

    Attributes
    ----------
    weight : torch.nn.Parameter, shape (n_out, n_in)
    weight_mask : torch.Tensor, shape (n_out, n_in)
        1 where there is a link, else 0, in the weight's dtype; part of the state dict.

    Raises
    ------
    NetsparseError
        If the sparsity is outside 0 … 1, or a size is negative.

    Examples
    --------
    >>> layer = SparseLinear(20, 10, sparsity=0.9)
    >>> layer
    SparseLinear(in_features=20, out_features=10, bias=True, links=20, sparsity=0.9000)
    >>> layer(torch.zeros(3, 20)).shape
    torch.Size([3, 10])
    """

    weight_mask: torch.Tensor

    def __init__(
        self,
        n_in: int,
        n_out: int,
        sparsity: float = 0.99,
        bias: bool = True,
        seed: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if n_in < 0 or n_out < 0:
            raise NetsparseError(f"a layer cannot have {n_in} source and {n_out} target neurons")
        if not 0.0 <= sparsity <= 1.0:
            raise NetsparseError(f"sparsity must lie between 0 and 1, it is {sparsity}")
        super().__init__(n_in, n_out, bias=bias, device=device, dtype=dtype)
        self.register_buffer("weight_mask", torch.ones_like(self.weight))
        rng = np.random.default_rng(seed)
        graph = LayerGraph.from_mask(erdos_renyi((n_in, n_out), 1.0 - sparsity, rng))
        write_graph(self, graph, swi(graph, rng))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return y of shape (…, n_out) for x of shape (…, n_in)."""
        return nn.functional.linear(x, self.weight * self.weight_mask, self.bias)

    def extra_repr(self) -> str:
        """Tell the number of links and the sparsity."""
        n_links = int(torch.count_nonzero(self.weight_mask))
        sparsity = 1.0 - n_links / max(self.weight_mask.numel(), 1)
        return f"{super().extra_repr()}, links={n_links}, sparsity={sparsity:.4f}"


@torch.no_grad()
def write_graph(layer: nn.Module, graph: LayerGraph, weights: np.ndarray | None) -> None:
    """Write a graph's links into a layer's ``weight_mask``, and its weights (None: keep) into its ``weight``.

    Whatever is no link becomes exactly 0.
    """
    weight, mask = cast(torch.Tensor, layer.weight), cast(torch.Tensor, layer.weight_mask)
    rows = torch.from_numpy(graph.link_rows).to(weight.device)
    columns = torch.from_numpy(graph.biadjacency.indices.astype(np.int64)).to(weight.device)
    mask.zero_()
    mask[columns, rows] = 1
    if weights is None:
        weight.mul_(mask)
    else:
        weight.zero_()
        weight[columns, rows] = torch.from_numpy(np.asarray(weights)).to(weight)


def read_graph(layer: nn.Module, name: str, source: str, target: str) -> LayerGraph:
    """Return a layer's links and weights as a graph.

    `LayerGraph.from_weight` gives the same; this gathers the links on the weight's own device, four times as fast.
    """
    mask = cast(torch.Tensor, layer.weight_mask)
    columns, rows = torch.nonzero(mask, as_tuple=True)
    weights = cast(torch.Tensor, layer.weight).detach()[columns, rows].float().cpu().numpy()
    shape = (mask.shape[1], mask.shape[0])
    keys = rows.cpu().numpy().astype(np.int64) * shape[1] + columns.cpu().numpy()
    order = np.argsort(keys)
    return LayerGraph.from_keys(keys[order], shape, name, source, target, weights[order])
