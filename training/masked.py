"""The masked backend: a dense weight times a mask, on any device."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import nn

from netsparse.graph import LayerGraph
from netsparse.training.layers import SparseLinear
from netsparse.training.links import Carry


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
    def backend(self) -> str:
        """``masked``."""
        return "masked"

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


@torch.no_grad()
def write_graph(layer: nn.Module, graph: LayerGraph, weights: np.ndarray | None) -> Carry:
    """Replace the links of a layer with a ``weight_mask`` (see `SparseLinear.set_graph`).

    A convolution's weight (n_out, n_in, k_h, k_w) counts as the matrix (n_out, n_in · k_h · k_w).
    """
    weight, mask = cast(torch.Tensor, layer.weight), cast(torch.Tensor, layer.weight_mask)
    rows = torch.from_numpy(graph.link_rows).to(weight.device)
    columns = torch.from_numpy(graph.biadjacency.indices.astype(np.int64)).to(weight.device)

    def fill(tensor: torch.Tensor, values: torch.Tensor | int) -> None:
        matrix = torch.zeros(graph.n_target, graph.n_source, dtype=tensor.dtype, device=tensor.device)
        matrix[columns, rows] = values
        tensor.copy_(matrix.view(tensor.shape))

    fill(mask, 1)
    if weights is None:
        weight.mul_(mask)
    else:
        fill(weight, torch.tensor(weights, dtype=weight.dtype, device=weight.device))
    if weight.grad is not None:
        weight.grad.mul_(mask)
    return lambda tensor: tensor.mul_(mask)


def read_graph(layer: nn.Module, name: str, source: str, target: str) -> LayerGraph:
    """Return the links and weights of a layer with a ``weight_mask`` as a graph.

    `LayerGraph.from_weight` gives the same; this gathers the links on the weight's own device, four
    times as fast.
    """
    mask = cast(torch.Tensor, layer.weight_mask).flatten(1)
    keys, weights = gather_links(mask, cast(torch.Tensor, layer.weight).detach().flatten(1))
    return LayerGraph.from_keys(keys, (mask.shape[1], mask.shape[0]), name, source, target, weights)


def gather_links(mask: torch.Tensor, values: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the link keys of a mask (n_target, n_source), and the value at each link."""
    columns, rows = torch.nonzero(mask, as_tuple=True)
    found = values[columns, rows]
    found = found if found.dtype == torch.float64 else found.float()
    keys = rows.cpu().numpy().astype(np.int64) * mask.shape[0] + columns.cpu().numpy()
    order = np.argsort(keys)
    return keys[order], found.cpu().numpy()[order]
