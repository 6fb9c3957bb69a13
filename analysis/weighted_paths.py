"""Weighted shortest paths from many sources at once, and sums over the paths of a tree."""

import numba
import numpy as np
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph
from numba import prange

from netsparse.analysis.network import csr_arrays

# Sources that are searched from together, of graphs of up to some size, and of larger ones: their distances to a node
# lie side by side, so that one instruction relaxes many of them, and those to all nodes should fit the cache.
_LANES, _SMALL, _LANES_OF_LARGE = 64, 8_000, 16
# Float32 holds whole numbers exactly up to here.
_WHOLE = 2.0**24
# Up to so many nodes distances that are no whole numbers are kept in double precision.
_DOUBLE = 5_000


def weighted_distances(links: sp.csr_array, sources: np.ndarray | None = None) -> np.ndarray:
    """Lengths of the weighted shortest paths from some nodes to all.

    Parameters
    ----------
    links : scipy.sparse.csr_array, shape (n, n)
        Symmetric, positive lengths of the links.
    sources : numpy.ndarray of int, optional
        Default: all nodes.

    Returns
    -------
    numpy.ndarray, shape (n_sources, n)
        Float32 if the lengths are whole numbers below 2²⁴ (then exact) or nodes are many, else float64; infinite where
        there is no path.
    """
    n = links.shape[0]
    sources = np.arange(n) if sources is None else np.asarray(sources)
    start, neighbours = csr_arrays(links)
    lengths = links.data.astype(np.float64, copy=False)
    whole = bool((lengths == np.floor(lengths)).all())
    wide = np.float64 if n <= _DOUBLE else np.float32
    if not whole:
        return _distances(start, neighbours, lengths, sources, np.empty((len(sources), n), wide))
    exact = lengths.max(initial=0.0) < _WHOLE
    if exact:
        found = _distances(
            start, neighbours, lengths.astype(np.float32), sources, np.empty((len(sources), n), np.float32)
        )
        longest = found.max(initial=0.0)
        if not np.isfinite(longest):
            longest = found[np.isfinite(found)].max(initial=0.0)
        if longest < _WHOLE:  # no larger sum can have been rounded to less
            return found
    return _distances(start, neighbours, lengths, sources, np.empty((len(sources), n), wide))


@numba.njit(cache=True, parallel=True, nogil=True)
def _distances(start, neighbours, lengths, sources, out):  # type: ignore[no-untyped-def]
    """Correct the distances from some sources at a time until none gets shorter.

    The result is Dijkstra's to the last bit: the least over all paths of the sum of lengths from the source on.
    """
    n = len(start) - 1
    n_sources = len(sources)
    lanes = _LANES if n <= _SMALL else _LANES_OF_LARGE
    for block in prange((n_sources + lanes - 1) // lanes):
        first = lanes * block
        n_here = min(lanes, n_sources - first)
        distance = np.full((n, lanes), np.inf, lengths.dtype)
        queued = np.zeros(n, np.bool_)
        queue = np.empty(n, np.int32)
        following = np.empty(n, np.int32)
        n_queue = 0
        for k in range(n_here):
            source = sources[first + k]
            distance[source, k] = 0
            if not queued[source]:
                queued[source] = True
                queue[n_queue] = source
                n_queue += 1
        while n_queue:
            n_following = 0
            for q in range(n_queue):
                u = queue[q]
                queued[u] = False
                from_here = distance[u].copy()
                for p in range(start[u], start[u + 1]):
                    v = neighbours[p]
                    if _relax(distance[v], from_here, lengths[p]) and not queued[v]:
                        queued[v] = True
                        following[n_following] = v
                        n_following += 1
            queue, following = following, queue
            n_queue = n_following
        for k in range(n_here):
            for node in range(n):
                out[first + k, node] = distance[node, k]
    return out


@numba.njit(cache=True, nogil=True)
def _relax(distance, from_here, length):  # type: ignore[no-untyped-def]
    """Shorten what a link shortens; tell whether it did. The number of lanes must not be known to the compiler.

    Of loops of known length it makes one instruction a number, of others one for many.
    """
    shorter = np.int32(0)
    for k in range(len(from_here)):
        new, old = from_here[k] + length, distance[k]
        better = new < old
        distance[k] = new if better else old
        shorter |= np.int32(better)
    return shorter


def spanning_tree(links: sp.csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minimum spanning tree of a connected graph by Kruskal; of equal links the first in row-major order, i < j.

    Returns
    -------
    order : numpy.ndarray
        The nodes, every parent before its children; the root is node 0.
    parent : numpy.ndarray
        Of each node; −1 for the root.
    length : numpy.ndarray
        Of each node's link to its parent; 0 for the root.
    """
    upper = sp.triu(links, k=1, format="coo")
    row, column = upper.coords
    by_place = np.lexsort((column, row))
    row, column, lengths = row[by_place], column[by_place], upper.data[by_place]
    ranks = np.empty(len(lengths))
    ranks[np.argsort(lengths, kind="stable")] = np.arange(1.0, len(lengths) + 1.0)  # all different: no ties are left
    ranked = sp.csr_array((ranks, (row, column)), shape=links.shape)
    chosen = csgraph.minimum_spanning_tree(ranked)
    order, parent = csgraph.breadth_first_order(chosen, 0, directed=False)
    parent = np.where(parent < 0, -1, parent).astype(np.int64)
    child = np.flatnonzero(parent >= 0)
    length = np.zeros(links.shape[0])
    length[child] = np.asarray(links[child, parent[child]]).ravel()
    return order.astype(np.int64), parent, length


@numba.njit(cache=True, nogil=True)
def tree_sums(order, parent, length, x, squared):  # type: ignore[no-untyped-def]
    """Σ_v D(u,v) x_v of every node u, D the distances along the tree; with D² if ``squared``. O(n)."""
    n = len(order)
    below = x.copy()  # Σ of x in the subtree
    weighted = np.zeros(n)  # Σ of distance · x in the subtree, distances from its top
    doubly = np.zeros(n)
    for i in range(n - 1, 0, -1):
        v = order[i]
        u, d = parent[v], length[v]
        doubly[u] += doubly[v] + 2.0 * d * weighted[v] + d * d * below[v]
        weighted[u] += weighted[v] + d * below[v]
        below[u] += below[v]
    root = order[0]
    total = below[root]
    first, second = np.empty(n), np.empty(n)
    first[root], second[root] = weighted[root], doubly[root]
    for i in range(1, n):
        v = order[i]
        u, d = parent[v], length[v]
        inside = weighted[v] + d * below[v]  # seen from the parent
        outside = first[u] - inside
        second[v] = second[u] + d * d * total + 2.0 * d * (outside - inside)
        first[v] = first[u] + d * (total - 2.0 * below[v])
    return second if squared else first
