"""Degree-preserving rewiring: the null model that keeps who has how many links, and nothing else."""

from __future__ import annotations

import numba
import numpy as np
import scipy.sparse as sp

from netsparse.errors import NetsparseError
from netsparse.splitmix import STEP, mixed, two_below

# Up to so many pairs a bit each tells what is linked (32 MiB); above, rows are searched.
_BITS = 2**28


def rewired(
    biadjacency: sp.csr_array, rng: np.random.Generator, swaps_per_link: int = 10, *, toward: str = "random"
) -> sp.csr_array:
    r"""Swap the ends of random pairs of links: sources and targets keep their degrees, and the two sides stay two.

    (a, b), (c, d) become (a, d), (c, b) unless one of these is a link already. ``swaps_per_link`` · n_links such swaps
    are tried. The data of a link, its weight say, stays with its source.

    Parameters
    ----------
    biadjacency : scipy.sparse.csr_array, shape (n_source, n_target)
    rng : numpy.random.Generator
    swaps_per_link : int
    toward : {"random", "lattice"}
        ``"lattice"`` takes a swap only if it brings linked neurons nearer to each other, both sides laid out on a ring:
        a lattice-like network with the same degrees.

    Returns
    -------
    scipy.sparse.csr_array
        In canonical form.

    Raises
    ------
    NetsparseError
        If ``swaps_per_link`` is negative or ``toward`` unknown.

    References
    ----------
    Maslov, Sneppen (2002), Specificity and stability in topology of protein networks. The lattice: Telesford et al.
    (2011), The ubiquity of small-world networks.

    Examples
    --------
    >>> mask = sp.csr_array(np.eye(6, dtype=int) + np.eye(6, k=1, dtype=int))
    >>> null = rewired(mask, np.random.default_rng(0))
    >>> np.array_equal(null.sum(axis=0), mask.sum(axis=0)), np.array_equal(null.sum(axis=1), mask.sum(axis=1))
    (True, True)
    """
    _check(swaps_per_link, toward)
    (n_source, n_target), n_links = biadjacency.shape, biadjacency.nnz
    columns = biadjacency.indices.astype(np.int32)
    if n_links > 1:
        rows = np.repeat(np.arange(n_source, dtype=np.int32), np.diff(biadjacency.indptr))
        seed = np.uint64(rng.integers(2**63))
        by_bits = n_source * n_target <= _BITS
        bits = np.zeros((n_source * n_target + 63) // 64 if by_bits else 0, np.uint64)
        lattice = toward == "lattice"
        indptr = biadjacency.indptr.astype(np.int64)
        _swap(rows, columns, indptr, n_target, n_source, bits, swaps_per_link * n_links, lattice, seed)
    found = sp.csr_array((biadjacency.data.copy(), columns, biadjacency.indptr.copy()), shape=biadjacency.shape)
    found.sort_indices()
    return found


def rewired_graph(
    adjacency: sp.csr_array, rng: np.random.Generator, swaps_per_link: int = 10, *, toward: str = "random"
) -> sp.csr_array:
    """Do what `rewired` does with an undirected graph without sides: no loops, no parallel links, the same degrees.

    Parameters
    ----------
    adjacency : scipy.sparse.csr_array, shape (n, n)
        Symmetric, without a diagonal.
    rng, swaps_per_link, toward
        As in `rewired`; the ring is the order of the nodes.

    Examples
    --------
    >>> ring = sp.csr_array(np.eye(8, k=1, dtype=int) + np.eye(8, k=-1, dtype=int))
    >>> null = rewired_graph(ring, np.random.default_rng(0))
    >>> np.array_equal(null.sum(axis=0), ring.sum(axis=0)), (null != null.T).nnz
    (True, 0)
    """
    _check(swaps_per_link, toward)
    indices, indptr = adjacency.indices.astype(np.int32), adjacency.indptr.astype(np.int64)
    if adjacency.nnz > 2:
        rows = np.repeat(np.arange(adjacency.shape[0], dtype=np.int32), np.diff(indptr))
        n_swaps = swaps_per_link * (adjacency.nnz // 2)
        _swap_graph(rows, indices, indptr, n_swaps, toward == "lattice", np.uint64(rng.integers(2**63)))
    found = sp.csr_array((adjacency.data.copy(), indices, indptr.copy()), shape=adjacency.shape)
    found.sort_indices()
    return found


def _check(swaps_per_link: int, toward: str) -> None:
    if swaps_per_link < 0:
        raise NetsparseError(f"swaps_per_link must not be negative, it is {swaps_per_link}")
    if toward not in ("random", "lattice"):
        raise NetsparseError(f"toward must be 'random' or 'lattice', not {toward!r}")


@numba.njit(inline="always")
def has(indices: np.ndarray, start: int, stop: int, node: int) -> bool:
    """Whether a node is among a row's neighbours, which need not be sorted."""
    found = 0
    for p in range(start, stop):  # no early end: so it is vectorised
        found |= indices[p] == node
    return found != 0


@numba.njit(inline="always")
def _on_ring(a: float, b: float) -> float:
    gap = abs(a - b)
    return min(gap, 1.0 - gap)


@numba.njit(cache=True, nogil=True)
def _swap(
    rows: np.ndarray,
    columns: np.ndarray,
    indptr: np.ndarray,
    n_target: int,
    n_source: int,
    bits: np.ndarray,
    n_swaps: int,
    lattice: bool,
    seed: np.uint64,
) -> None:
    one, low = np.uint64(1), np.uint64(63)
    by_bits = len(bits) > 0
    if by_bits:
        for i in range(len(rows)):
            key = np.uint64(rows[i]) * np.uint64(n_target) + np.uint64(columns[i])
            bits[key >> np.uint64(6)] |= one << (key & low)
    state = seed
    for _ in range(n_swaps):
        state += STEP
        i, j = two_below(mixed(state), len(rows))
        a, b, c, d = rows[i], columns[i], rows[j], columns[j]
        if a == c or b == d:
            continue
        if lattice:
            now = _on_ring(a / n_source, b / n_target) + _on_ring(c / n_source, d / n_target)
            then = _on_ring(a / n_source, d / n_target) + _on_ring(c / n_source, b / n_target)
            if then >= now:
                continue
        if by_bits:
            ad = np.uint64(a) * np.uint64(n_target) + np.uint64(d)
            cb = np.uint64(c) * np.uint64(n_target) + np.uint64(b)
            if ((bits[ad >> np.uint64(6)] >> (ad & low)) | (bits[cb >> np.uint64(6)] >> (cb & low))) & one:
                continue
            ab = np.uint64(a) * np.uint64(n_target) + np.uint64(b)
            cd = np.uint64(c) * np.uint64(n_target) + np.uint64(d)
            bits[ab >> np.uint64(6)] ^= one << (ab & low)
            bits[cd >> np.uint64(6)] ^= one << (cd & low)
            bits[ad >> np.uint64(6)] ^= one << (ad & low)
            bits[cb >> np.uint64(6)] ^= one << (cb & low)
        elif has(columns, indptr[a], indptr[a + 1], d) or has(columns, indptr[c], indptr[c + 1], b):
            continue
        columns[i] = d
        columns[j] = b


@numba.njit(cache=True, nogil=True)
def _swap_graph(
    rows: np.ndarray, indices: np.ndarray, indptr: np.ndarray, n_swaps: int, lattice: bool, seed: np.uint64
) -> None:
    n = len(indptr) - 1
    state = seed
    for _ in range(n_swaps):
        state += STEP
        i, j = two_below(mixed(state), len(rows))
        a, b, c, d = rows[i], indices[i], rows[j], indices[j]
        if a in (c, d) or b in (c, d):
            continue
        if lattice:
            now = _on_ring(a / n, b / n) + _on_ring(c / n, d / n)
            if _on_ring(a / n, d / n) + _on_ring(c / n, b / n) >= now:
                continue
        if has(indices, indptr[a], indptr[a + 1], d) or has(indices, indptr[c], indptr[c + 1], b):
            continue
        indices[i] = d
        indices[j] = b
        for p in range(indptr[b], indptr[b + 1]):
            if indices[p] == a:
                indices[p] = c
                break
        for p in range(indptr[d], indptr[d + 1]):
            if indices[p] == c:
                indices[p] = a
                break
