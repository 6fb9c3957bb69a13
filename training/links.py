"""A layer's links as tensors, in both orientations, and how what belongs to a link follows it through an update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.selection import find_keys

# Takes what belongs to the links before an update, one number a link, to the links after it.
Carry = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Links:
    """The links of one layer, twice: by source neuron, the order of the weights, and by target neuron.

    Attributes
    ----------
    n_source, n_target : int
    source_start : torch.Tensor of int32, shape (n_source + 1,)
        Where each source neuron's links begin.
    targets : torch.Tensor of int32, shape (n_links,)
        Target neuron of each link.
    target_start : torch.Tensor of int32, shape (n_target + 1,)
        Where each target neuron's links begin in the other order.
    sources, positions : torch.Tensor of int32, shape (n_links,)
        Source neuron of each link, target neuron by target neuron, and where the link stands in the first order.

    Examples
    --------
    >>> Links.of(LayerGraph.from_mask([[0, 1], [1, 1]])).positions
    tensor([1, 0, 2], dtype=torch.int32)
    """

    n_source: int
    n_target: int
    source_start: torch.Tensor
    targets: torch.Tensor
    target_start: torch.Tensor
    sources: torch.Tensor
    positions: torch.Tensor

    @property
    def addresses(self) -> tuple[int, ...]:
        """Where the five tensors lie in memory now, for the kernels of the CPU."""
        return (
            self.source_start.data_ptr(),
            self.targets.data_ptr(),
            self.target_start.data_ptr(),
            self.sources.data_ptr(),
            self.positions.data_ptr(),
        )

    @classmethod
    def of(cls, graph: LayerGraph, device: torch.device | str = "cpu") -> Links:
        """Make them from a graph.

        Raises
        ------
        NetsparseError
            If there are 2³¹ links or more.
        """
        matrix = graph.biadjacency
        if matrix.nnz >= 2**31:
            raise NetsparseError(f"layer '{graph.name}' has {matrix.nnz} links; a sparse layer holds less than 2**31")
        numbers = np.arange(matrix.nnz, dtype=np.int32)
        other = sp.csr_array((numbers, matrix.indices, matrix.indptr), matrix.shape).tocsc()
        parts = (matrix.indptr, matrix.indices, other.indptr, other.indices, other.data)
        return cls(graph.n_source, graph.n_target, *(torch.tensor(part, device=device) for part in parts))


def carry_links(old: np.ndarray, new: np.ndarray, device: torch.device) -> Carry:
    """Return what takes a tensor, one number a link, from old links to new ones: a new link gets 0.

    Parameters
    ----------
    old, new : numpy.ndarray of int64
        Sorted link keys.
    device : torch.device
        Of the tensors.

    Examples
    --------
    >>> carry = carry_links(np.array([1, 4, 6]), np.array([4, 5]), torch.device("cpu"))
    >>> carry(torch.tensor([0.1, 0.2, 0.3]))
    tensor([0.2000, 0.0000])
    """
    at, stays = find_keys(old, new)
    to, found = (torch.from_numpy(index).to(device) for index in (np.flatnonzero(stays), at[stays]))

    def carry(values: torch.Tensor) -> torch.Tensor:
        carried = values.new_zeros(len(new))
        carried[to] = values.detach()[found]
        return carried

    return carry
