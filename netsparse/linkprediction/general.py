"""CH scores of the pairs of any undirected graph by the general definition, in Numba.

Here the local community of every pair has to be built: a node may be a neighbour of both u and v.
"""

from __future__ import annotations

import numba
import numpy as np
import scipy.sparse as sp

from netsparse.linkprediction.bipartite import balanced
from netsparse.linkprediction.rules import factor, family_of


@numba.njit(cache=True)
def _pair(
    u: int,
    v: int,
    length: int,
    family: int,
    indptr: np.ndarray,
    indices: np.ndarray,
    near: np.ndarray,
    inside: np.ndarray,
    community: np.ndarray,
    factors: np.ndarray,
) -> float:
    """Score one pair; a link between u and v themselves counts for nothing. ``near`` and ``inside`` are left clear."""
    for p in range(indptr[v], indptr[v + 1]):
        near[indices[p]] = True
    n_inside = 0
    for p in range(indptr[u], indptr[u + 1]):
        a = indices[p]
        if a == v:
            continue
        if length == 2:
            if near[a]:
                inside[a] = True
                community[n_inside] = a
                n_inside += 1
            continue
        for q in range(indptr[a], indptr[a + 1]):
            b = indices[q]
            if b != u and near[b]:
                if not inside[a]:
                    inside[a] = True
                    community[n_inside] = a
                    n_inside += 1
                if not inside[b]:
                    inside[b] = True
                    community[n_inside] = b
                    n_inside += 1
    for n in range(n_inside):
        z = community[n]
        internal = 0
        to_ends = 0
        for q in range(indptr[z], indptr[z + 1]):
            if inside[indices[q]]:
                internal += 1
            elif indices[q] == u or indices[q] == v:
                to_ends += 1
        degree = indptr[z + 1] - indptr[z]
        factors[z] = factor(family, degree, internal, degree - internal - to_ends)
        if length == 3:
            factors[z] = np.sqrt(factors[z])
    score = 0.0
    if length == 2:
        for n in range(n_inside):
            score += factors[community[n]]
    elif n_inside > 0:
        for p in range(indptr[u], indptr[u + 1]):
            a = indices[p]
            if a != v and inside[a]:
                for q in range(indptr[a], indptr[a + 1]):
                    b = indices[q]
                    if b != u and near[b]:
                        score += factors[a] * factors[b]
    for n in range(n_inside):
        inside[community[n]] = False
    for p in range(indptr[v], indptr[v + 1]):
        near[indices[p]] = False
    return score


@numba.njit(parallel=True, cache=True)
def _score_rows(
    first: int,
    order: np.ndarray,
    bins: np.ndarray,
    length: int,
    family: int,
    indptr: np.ndarray,
    indices: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Score the pairs above the diagonal; linked ones, and the rest of the matrix, become NaN."""
    n = len(indptr) - 1
    for part in numba.prange(len(bins) - 1):
        near, inside, reached = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        community, factors = np.empty(n, np.int64), np.empty(n)
        for i in range(bins[part], bins[part + 1]):
            u = order[i]
            row = scores[u - first]
            row[: u + 1] = np.nan
            row[u + 1 :] = 0.0
            reached[:] = False
            for p in range(indptr[u], indptr[u + 1]):
                a = indices[p]
                for q in range(indptr[a], indptr[a + 1]):
                    b = indices[q]
                    if length == 2:
                        reached[b] = True
                    elif b != u:
                        for r in range(indptr[b], indptr[b + 1]):
                            reached[indices[r]] = True
            for p in range(indptr[u], indptr[u + 1]):
                reached[indices[p]] = False
                if indices[p] > u:
                    row[indices[p]] = np.nan
            for v in range(u + 1, n):
                if reached[v]:
                    row[v] = _pair(u, v, length, family, indptr, indices, near, inside, community, factors)


@numba.njit(parallel=True, cache=True)
def _score_pairs(
    us: np.ndarray, vs: np.ndarray, length: int, family: int, indptr: np.ndarray, indices: np.ndarray, n_parts: int
) -> np.ndarray:
    n = len(indptr) - 1
    scores = np.empty(len(us))
    for part in numba.prange(n_parts):
        near, inside = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        community, factors = np.empty(n, np.int64), np.empty(n)
        for i in range(part, len(us), n_parts):
            scores[i] = _pair(us[i], vs[i], length, family, indptr, indices, near, inside, community, factors)
    return scores


class GeneralScorer:
    """L2 or L3 scores of an undirected graph by one rule, a block of rows at a time, pairs above the diagonal only.

    O(pairs with a path · d²) time, d the mean degree.

    Parameters
    ----------
    adjacency : scipy.sparse.csr_array, shape (n, n)
        Symmetric, no diagonal.
    rule : str
        One of ``cn``, ``ra``, ``ch1``, ``ch2``, ``ch3`` with ``-l2`` or ``-l3``.
    """

    offset = 0

    def __init__(self, adjacency: sp.csr_array, rule: str) -> None:
        self.shape = adjacency.shape
        self.links = sp.csr_array(sp.triu(adjacency, k=1))
        self._arrays = (adjacency.indptr.astype(np.int64), adjacency.indices.astype(np.int64))
        self._length, self._family = int(rule[-1]), family_of(rule)
        degrees = np.diff(self._arrays[0])
        self.costs = adjacency @ (adjacency @ degrees)

    def __call__(
        self, first: int = 0, stop: int | None = None, dtype: type[np.floating] | str = np.float64
    ) -> np.ndarray:
        """Return the scores of rows first … stop − 1: NaN at linked pairs, on the diagonal and below."""
        stop = self.shape[0] if stop is None else stop
        scores = np.empty((stop - first, self.shape[1]), dtype)
        order, bins = balanced(self.costs[first:stop], first)
        _score_rows(first, order, bins, self._length, self._family, *self._arrays, scores)
        return scores

    def linked_scores(self) -> np.ndarray:
        """Return the score of every link above the diagonal, in CSR order, as if that link were not there."""
        links = self.links.tocoo()
        us, vs = (ends.astype(np.int64) for ends in links.coords)
        found: np.ndarray = _score_pairs(us, vs, self._length, self._family, *self._arrays, numba.get_num_threads())
        return found
