"""Every link of a graph once, without a copy of a layer's own arrays; and what one look at each of them gives."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import scipy.sparse as sp

from netsparse.graph import Snapshot

# Shares of the nodes that threads fill in by themselves.
_PARTS = 8


class Links(NamedTuple):
    """Links by rows: link k, starts[r] ≤ k < starts[r + 1], joins nodes[r] and indices[k] + shifts[r].

    Attributes
    ----------
    starts : numpy.ndarray of int64, shape (n_rows + 1,)
    nodes, shifts : numpy.ndarray of int32, shape (n_rows,)
    indices : numpy.ndarray of int32, shape (n_links,)
        Ascending in each row.
    """

    starts: np.ndarray
    nodes: np.ndarray
    shifts: np.ndarray
    indices: np.ndarray

    @classmethod
    def of_layers(cls, snapshot: Snapshot) -> Links:
        """Take the links of all layers in their order; those of a single layer where they are."""
        starts, nodes, shifts, before = [np.zeros(1, np.int64)], [], [], 0
        for layer in snapshot.layers:
            starts.append(layer.biadjacency.indptr[1:].astype(np.int64) + before)
            nodes.append(snapshot.offsets[layer.source] + np.arange(layer.n_source, dtype=np.int32))
            shifts.append(np.full(layer.n_source, snapshot.offsets[layer.target], np.int32))
            before += layer.n_links
        indices = [layer.biadjacency.indices.astype(np.int32, copy=False) for layer in snapshot.layers]
        together = indices[0] if len(indices) == 1 else np.concatenate(indices)
        return cls._made(np.concatenate(starts), np.concatenate(nodes), np.concatenate(shifts), together)

    @classmethod
    def of_adjacency(cls, adjacency: sp.csr_array) -> Links:
        """Take each pair of a symmetric adjacency with sorted rows once, the smaller node first."""
        n = adjacency.shape[0]
        rows = np.repeat(np.arange(n, dtype=np.int32), np.diff(adjacency.indptr))
        upper = rows < adjacency.indices
        starts = np.append(0, np.cumsum(np.bincount(rows[upper], minlength=n)))
        nodes = np.arange(n, dtype=np.int32)
        return cls._made(starts, nodes, np.zeros(n, np.int32), adjacency.indices[upper].astype(np.int32, copy=False))

    @classmethod
    def _made(cls, *arrays: np.ndarray) -> Links:
        # all read-only, as a layer's are: kernels are compiled for it
        views = [array.view() for array in arrays]
        for view in views:
            view.setflags(write=False)
        return cls(*views)

    def ends_of(self, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of some links: int32."""
        rows = np.searchsorted(self.starts, links, side="right") - 1
        return self.nodes[rows], self.indices[links] + self.shifts[rows]

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of every link: int32, shape (n_links,) each."""
        n = np.diff(self.starts)
        return np.repeat(self.nodes, n), self.indices + np.repeat(self.shifts, n)


@numba.njit(inline="always")
def root(parent: np.ndarray, node: int) -> int:
    """Find the root of a node's tree, whose ``parent`` is minus its size, and shorten the way."""
    while parent[node] >= 0:
        if parent[parent[node]] >= 0:
            parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True, nogil=True)
def components(
    n: int, n_least: int, starts: np.ndarray, nodes: np.ndarray, shifts: np.ndarray, indices: np.ndarray
) -> tuple[int, np.ndarray]:
    """Find the connected components, by their first nodes; at ``n_least`` of them the rest is not looked at.

    Each row's first link goes first: in a dense layer the rest is then joined by a few rows.
    """
    parent, left = np.full(n, -1, np.int32), n
    for whole in range(2):
        for r in range(len(nodes)):
            first = starts[r] + whole
            last = starts[r + 1] if whole else min(first + 1, starts[r + 1])
            for k in range(first, last):
                if left <= n_least:
                    break
                a, b = root(parent, nodes[r]), root(parent, indices[k] + shifts[r])
                if a == b:
                    continue
                if parent[a] > parent[b]:
                    a, b = b, a
                parent[a] += parent[b]
                parent[b] = a
                left -= 1
    of_root, labels, found = np.full(n, -1, np.int32), np.empty(n, np.int32), 0
    for node in range(n):
        top = root(parent, node)
        if of_root[top] < 0:
            of_root[top] = found
            found += 1
        labels[node] = of_root[top]
    return found, labels


@numba.njit(cache=True, nogil=True)
def _from(indices: np.ndarray, start: int, stop: int, least: int) -> int:
    """Find the first place of a sorted stretch that holds at least so much."""
    while start < stop:
        middle = (start + stop) // 2
        if indices[middle] < least:
            start = middle + 1
        else:
            stop = middle
    return start


@numba.njit(cache=True, nogil=True, parallel=True)
def both_ways(
    n: int, starts: np.ndarray, nodes: np.ndarray, shifts: np.ndarray, indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give starts (int64) and sorted neighbours (int32) of every node: the symmetric adjacency."""
    counts = np.zeros(n + 1, np.int64)
    bounds = np.array([n * part // _PARTS for part in range(_PARTS + 1)])
    for part in numba.prange(_PARTS):
        low, high = bounds[part], bounds[part + 1]
        for r in range(len(nodes)):
            if low <= nodes[r] < high:
                counts[nodes[r] + 1] += starts[r + 1] - starts[r]
            stop = _from(indices, starts[r], starts[r + 1], high - shifts[r])
            for k in range(_from(indices, starts[r], stop, low - shifts[r]), stop):
                counts[indices[k] + shifts[r] + 1] += 1
    begin = np.cumsum(counts)
    neighbours = np.empty(begin[n], np.int32)
    for part in numba.prange(_PARTS):
        low, high = bounds[part], bounds[part + 1]
        place = begin[low:high].copy()
        for r in range(len(nodes)):
            if low <= nodes[r] < high:
                here = place[nodes[r] - low]
                for k in range(starts[r], starts[r + 1]):
                    neighbours[here + k - starts[r]] = indices[k] + shifts[r]
                place[nodes[r] - low] += starts[r + 1] - starts[r]
            stop = _from(indices, starts[r], starts[r + 1], high - shifts[r])
            for k in range(_from(indices, starts[r], stop, low - shifts[r]), stop):
                head = indices[k] + shifts[r] - low
                neighbours[place[head]] = nodes[r]
                place[head] += 1
        for node in range(low, high):  # of a node in several layers
            row = neighbours[begin[node] : begin[node + 1]]
            for k in range(1, len(row)):
                if row[k] < row[k - 1]:
                    row.sort()
                    break
    return begin, neighbours


@numba.njit(cache=True, nogil=True)
def sum_of_products(
    values: np.ndarray, starts: np.ndarray, nodes: np.ndarray, shifts: np.ndarray, indices: np.ndarray
) -> int:
    """Σ over the links of the product of both ends' values, whole numbers."""
    total = 0
    for r in range(len(nodes)):
        row = 0
        for k in range(starts[r], starts[r + 1]):
            row += values[indices[k] + shifts[r]]
        total += values[nodes[r]] * row
    return total


@numba.njit(cache=True, nogil=True)
def n_inside(labels: np.ndarray, starts: np.ndarray, nodes: np.ndarray, shifts: np.ndarray, indices: np.ndarray) -> int:
    """Count the links whose two ends have the same label."""
    total = 0
    for r in range(len(nodes)):
        for k in range(starts[r], starts[r + 1]):
            total += labels[nodes[r]] == labels[indices[k] + shifts[r]]
    return total


@numba.njit(cache=True, nogil=True)
def carried_forward(indptr: np.ndarray, indices: np.ndarray, n_target: int, values: np.ndarray) -> np.ndarray:
    """Bᵀ values, of a layer's links: what targets get from their sources."""
    found = np.zeros(n_target)
    for row in range(len(indptr) - 1):
        value = values[row]
        for k in range(indptr[row], indptr[row + 1]):
            found[indices[k]] += value
    return found


@numba.njit(cache=True, nogil=True)
def carried_back(indptr: np.ndarray, indices: np.ndarray, values: np.ndarray) -> np.ndarray:
    """B values, of a layer's links: what sources get from their targets."""
    found = np.zeros(len(indptr) - 1)
    for row in range(len(indptr) - 1):
        total = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            total += values[indices[k]]
        found[row] = total
    return found
