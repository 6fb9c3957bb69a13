"""Link weights that tell how far two linked nodes are apart: RA1, RA2, EBC."""

from __future__ import annotations

from collections.abc import Callable

import igraph
import numba
import numpy as np
import scipy.sparse as sp
from numba import prange

from netsparse.analysis.network import csr_arrays

_CHUNKS = 64


def weigh(adjacency: sp.csr_array, pre_weighting: str, triangles: bool = True) -> sp.csr_array:
    """Give every link its length.

    Parameters
    ----------
    adjacency : scipy.sparse.csr_array
        Symmetric ones, indices sorted.
    pre_weighting : {"RA1", "RA2", "EBC"}
    triangles : bool
        Whether linked nodes may have common neighbours; in graphs of two sides they have none.

    Returns
    -------
    scipy.sparse.csr_array of float64, same pattern
    """
    lengths = PRE_WEIGHTINGS[pre_weighting](adjacency, triangles)
    return sp.csr_array((lengths, adjacency.indices, adjacency.indptr), shape=adjacency.shape)


def common_neighbours(adjacency: sp.csr_array) -> np.ndarray:
    """Count the common neighbours of the two ends of every link, in the order of the adjacency's entries."""
    return _common(*csr_arrays(adjacency), np.zeros(adjacency.nnz, np.int32))


@numba.njit(cache=True, parallel=True, nogil=True)
def _common(start, neighbours, common):  # type: ignore[no-untyped-def]
    n = len(start) - 1
    for chunk in prange(_CHUNKS):
        linked = np.zeros(n, np.bool_)
        for u in range(chunk, n, _CHUNKS):
            d_u = start[u + 1] - start[u]
            for p in range(start[u], start[u + 1]):
                linked[neighbours[p]] = True
            for p in range(start[u], start[u + 1]):
                v = neighbours[p]
                d_v = start[v + 1] - start[v]
                if d_v > d_u or (d_v == d_u and v > u):
                    continue  # counted from v, which has more neighbours to look up
                count = 0
                for q in range(start[v], start[v + 1]):
                    count += linked[neighbours[q]]
                common[p] = count
                back = start[v] + np.searchsorted(neighbours[start[v] : start[v + 1]], u)
                common[back] = count
            for p in range(start[u], start[u + 1]):
                linked[neighbours[p]] = False
    return common


def _degrees_of_ends(adjacency: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
    degrees = np.diff(adjacency.indptr).astype(np.float64)
    return np.repeat(degrees, np.diff(adjacency.indptr)), degrees[adjacency.indices]


# Both in place: large graphs have many links. d_i + d_j + d_i d_j = (1 + d_i)(1 + d_j) − 1, exactly.


def _ra1(adjacency: sp.csr_array, triangles: bool) -> np.ndarray:
    lengths, other = _degrees_of_ends(adjacency)
    lengths += 1.0
    other += 1.0
    lengths *= other
    lengths -= 1.0
    if triangles:
        lengths /= common_neighbours(adjacency) + 1
    return lengths


def _ra2(adjacency: sp.csr_array, triangles: bool) -> np.ndarray:
    lengths, other = _degrees_of_ends(adjacency)
    if not triangles:
        lengths *= other
        return lengths
    common = common_neighbours(adjacency)
    lengths -= common
    other -= common
    lengths *= other
    lengths /= common + 1
    return lengths


def _ebc(adjacency: sp.csr_array, _: bool) -> np.ndarray:
    n = adjacency.shape[0]
    row = np.repeat(np.arange(n), np.diff(adjacency.indptr))
    upper = row < adjacency.indices
    pairs = np.column_stack([row[upper], adjacency.indices[upper]])
    betweenness = np.array(igraph.Graph(n=n, edges=pairs).edge_betweenness(directed=False), float)
    place = sp.csr_array((np.arange(1, len(pairs) + 1), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    both = (place + place.T).tocsr()
    both.sort_indices()
    found: np.ndarray = betweenness[both.data - 1]
    return found


PRE_WEIGHTINGS: dict[str, Callable[[sp.csr_array, bool], np.ndarray]] = {"RA1": _ra1, "RA2": _ra2, "EBC": _ebc}
