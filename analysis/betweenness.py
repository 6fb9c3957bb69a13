"""Betweenness of nodes, compiled: Brandes' accumulation, sources shared out over the threads."""

from __future__ import annotations

import numba
import numpy as np

# Shares of the sources: fixed, so that sums do not depend on the number of threads.
_SHARES = 16
# Sources that go through the graph together, and the diameter up to which that is quicker than one by one.
_LANES = 16
_SHALLOW = 24


def node_betweenness(indptr: np.ndarray, indices: np.ndarray, sources: np.ndarray, diameter: int) -> np.ndarray:
    """Sum over sources and targets the share of the shortest paths that pass each node; ordered pairs.

    O(n_sources · n_links) time; in shallow graphs that times the diameter, but many sources in an instruction.

    Parameters
    ----------
    indptr, indices : numpy.ndarray
        Of the symmetric adjacency, as `csr_arrays` gives them.
    sources : numpy.ndarray of int
    diameter : int
        Longest shortest path from a source, at least.

    References
    ----------
    Brandes (2001), A faster algorithm for betweenness centrality.
    """
    n_shares = min(_SHARES, max(1, -(-len(sources) // _LANES)))
    accumulate = _by_levels if diameter <= _SHALLOW else _one_by_one
    return accumulate(indptr, indices, sources.astype(np.int64), n_shares).sum(axis=0)


@numba.njit(parallel=True, cache=True, nogil=True)
def _one_by_one(indptr: np.ndarray, indices: np.ndarray, sources: np.ndarray, n_shares: int) -> np.ndarray:
    n = len(indptr) - 1
    sums = np.zeros((n_shares, n))
    for share in numba.prange(n_shares):
        distance, order = np.full(n, -1, np.int32), np.empty(n, np.int32)
        n_paths, passing = np.zeros(n), np.zeros(n)
        for i in range(share, len(sources), n_shares):
            source = sources[i]
            distance[source], n_paths[source], order[0] = 0, 1.0, source
            head, tail = 0, 1
            while head < tail:
                v = order[head]
                head += 1
                for p in range(indptr[v], indptr[v + 1]):
                    u = indices[p]
                    if distance[u] < 0:
                        distance[u] = distance[v] + 1
                        order[tail] = u
                        tail += 1
                    if distance[u] == distance[v] + 1:
                        n_paths[u] += n_paths[v]
            for k in range(tail - 1, 0, -1):
                v = order[k]
                weight = (1.0 + passing[v]) / n_paths[v]
                for p in range(indptr[v], indptr[v + 1]):
                    u = indices[p]
                    if distance[u] == distance[v] - 1:
                        passing[u] += n_paths[u] * weight
                sums[share, v] += passing[v]
            for k in range(tail):
                distance[order[k]], n_paths[order[k]], passing[order[k]] = -1, 0.0, 0.0
    return sums


@numba.njit(parallel=True, cache=True, nogil=True)
def _by_levels(indptr: np.ndarray, indices: np.ndarray, sources: np.ndarray, n_shares: int) -> np.ndarray:
    """Do the same for 16 sources at a time, a level after the other: every neighbour is read, no branch is taken."""
    n = len(indptr) - 1
    sums = np.zeros((n_shares, n))
    n_batches = (len(sources) + _LANES - 1) // _LANES
    for share in numba.prange(n_shares):
        distance = np.empty((n, _LANES), np.int32)
        n_paths, passing = np.empty((n, _LANES)), np.empty((n, _LANES))
        here, there = np.empty((n, _LANES)), np.empty((n, _LANES))
        found = np.empty(_LANES)
        for batch in range(share, n_batches, n_shares):
            distance[:] = -1
            n_paths[:] = 0.0
            here[:] = 0.0
            there[:] = 0.0
            passing[:] = 0.0
            for lane in range(min(_LANES, len(sources) - batch * _LANES)):
                source = sources[batch * _LANES + lane]
                distance[source, lane] = 0
                n_paths[source, lane] = here[source, lane] = 1.0
            level, more = 0, True
            while more:  # here: the paths to the nodes of this level, else 0
                level += 1
                more = False
                for v in range(n):
                    waiting = False
                    for lane in range(_LANES):
                        waiting |= distance[v, lane] < 0
                        there[v, lane] = 0.0
                    if not waiting:
                        continue
                    found[:] = 0.0
                    for p in range(indptr[v], indptr[v + 1]):
                        u = indices[p]
                        for lane in range(_LANES):
                            found[lane] += here[u, lane]
                    for lane in range(_LANES):
                        if distance[v, lane] < 0 and found[lane] > 0.0:
                            distance[v, lane] = level
                            n_paths[v, lane] = there[v, lane] = found[lane]
                            more = True
                here, there = there, here
            for depth in range(level - 1, 0, -1):  # here: what the nodes of this depth hand down to each path, else 0
                for v in range(n):
                    for lane in range(_LANES):
                        at = distance[v, lane] == depth
                        here[v, lane] = (1.0 + passing[v, lane]) / n_paths[v, lane] if at else 0.0
                for v in range(n):
                    above = False
                    for lane in range(_LANES):
                        above |= distance[v, lane] == depth - 1
                    if not above:
                        continue
                    found[:] = 0.0
                    for p in range(indptr[v], indptr[v + 1]):
                        u = indices[p]
                        for lane in range(_LANES):
                            found[lane] += here[u, lane]
                    for lane in range(_LANES):
                        if distance[v, lane] == depth - 1:
                            passing[v, lane] = n_paths[v, lane] * found[lane]
            for v in range(n):
                for lane in range(_LANES):
                    if distance[v, lane] > 0:
                        sums[share, v] += passing[v, lane]
    return sums
