"""Weighted shortest paths from many sources at once, and sums over the paths of a tree."""

import numba
import numpy as np
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph
from numba import prange

# Sources that share a block: their distances to a node fill one cache line, and one instruction relaxes all of them.
LANES = 16
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
    start, neighbours = links.indptr.astype(np.int64), links.indices.astype(np.int32, copy=False)
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
        # no larger sum can have been rounded to less than 2²⁴
        if np.where(np.isfinite(found), found, 0.0).max(initial=0.0) < _WHOLE:
            return found
    return _distances(start, neighbours, lengths, sources, np.empty((len(sources), n), wide))


@numba.njit(cache=True, parallel=True, nogil=True)
def _distances(start, neighbours, lengths, sources, out):  # type: ignore[no-untyped-def]
    """Correct the distances of 16 sources at a time until none gets shorter.

    The result is Dijkstra's to the last bit: the least over all paths of the sum of lengths from the source on.
    """
    n = len(start) - 1
    n_sources = len(sources)
    for block in prange((n_sources + LANES - 1) // LANES):
        first = LANES * block
        n_here = min(LANES, n_sources - first)
        distance = np.full((n, LANES), np.inf, lengths.dtype)
        from_here = np.empty(LANES, lengths.dtype)
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
                u = np.uint64(queue[q])
                queued[u] = False
                for k in range(LANES):
                    from_here[k] = distance[u, k]
                for p in range(np.uint64(start[u]), np.uint64(start[u + np.uint64(1)])):
                    v = np.uint64(neighbours[p])
                    length = lengths[p]
                    shorter = np.int32(0)
                    for k in range(np.uint64(LANES)):
                        shorter |= np.int32(1) if from_here[k] + length < distance[v, k] else np.int32(0)
                    if shorter:
                        for k in range(np.uint64(LANES)):
                            new, old = from_here[k] + length, distance[v, k]
                            distance[v, k] = new if new < old else old
                        if not queued[v]:
                            queued[v] = True
                            following[n_following] = v
                            n_following += 1
            queue, following = following, queue
            n_queue = n_following
        for k in range(n_here):
            for node in range(n):
                out[first + k, node] = distance[node, k]
    return out


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
