"""CH scores of the pairs of a bipartite layer by the factorised form, in Numba.

In a bipartite graph the local community of a pair (u, v) need not be built: for an L3 path u – a – b – v (a a target
neuron, b a source neuron) the internal degrees are co-degrees,

    i_a = |N(a) ∩ N(v)| = (AᵀA)[a, v],      i_b = |N(b) ∩ N(u)| = (AAᵀ)[b, u],      e = d − 1 − i,

so the score is a plain sum over L3 walks of a product of two looked-up terms, one for a and one for b.
"""

import numba
import numpy as np
import scipy.sparse as sp

from netsparse.graph import LayerGraph

RULES = {"cn-l3": 0, "ra-l3": 1, "ch1-l3": 2, "ch2-l3": 3, "ch3-l3": 4}


@numba.njit(inline="always")
def _term(rule: int, degree: int, internal: int, external: int) -> float:  # pragma: no cover - compiled
    """Give the factor that one intermediate node contributes to a path."""
    if rule == 4:
        return 1.0 / np.sqrt(1.0 + external)
    if rule == 3:
        return np.sqrt((1.0 + internal) / (1.0 + external))
    if rule == 2:
        return np.sqrt(internal / degree)
    if rule == 1:
        return 1.0 / np.sqrt(degree)
    return 1.0


@numba.njit(parallel=True, cache=True)
def _score_rows(
    first: int,
    n_rows: int,
    n_target: int,
    row_start: np.ndarray,
    columns: np.ndarray,
    column_start: np.ndarray,
    rows: np.ndarray,
    source_codegree: np.ndarray,
    target_codegree: np.ndarray,
    rule: int,
) -> np.ndarray:  # pragma: no cover - compiled
    scores = np.zeros((n_rows, n_target))
    for i in numba.prange(n_rows):
        u = first + i
        linked = np.zeros(n_target, np.bool_)
        for p in range(row_start[u], row_start[u + 1]):
            linked[columns[p]] = True
        for p in range(row_start[u], row_start[u + 1]):
            a = columns[p]
            d_a = column_start[a + 1] - column_start[a]
            for q in range(column_start[a], column_start[a + 1]):
                b = rows[q]
                if b == u:
                    continue  # for an unlinked pair impossible, for a linked one the link itself
                d_b = row_start[b + 1] - row_start[b]
                for r in range(row_start[b], row_start[b + 1]):
                    v = columns[r]
                    if v == a:
                        continue
                    # a linked pair is scored as if its own link were not there: u is no member of N(v), v none of N(u)
                    own = 1 if linked[v] else 0
                    i_a = target_codegree[a, v] - own
                    i_b = source_codegree[b, u] - own
                    scores[i, v] += _term(rule, d_a, i_a, d_a - 1 - i_a) * _term(rule, d_b, i_b, d_b - 1 - i_b)
    return scores


class BipartiteScorer:
    """Scores of one layer by one rule, a block of rows at a time.

    Co-degrees are computed once; memory is O(n_source² + n_target²) for them and O(rows · n_target) for a block.
    Scores are summed in float64 in an order that does not depend on the number of threads.
    """

    def __init__(self, graph: LayerGraph, rule: str) -> None:
        matrix = graph.biadjacency
        transposed = sp.csr_array(matrix.T)
        self.shape = (graph.n_source, graph.n_target)
        self._links = (matrix.indptr, matrix.indices)
        self._arrays = (
            *(np.array(array, np.int64) for array in (matrix.indptr, matrix.indices)),
            *(np.array(array, np.int64) for array in (transposed.indptr, transposed.indices)),
            (matrix @ transposed).toarray(),
            (transposed @ matrix).toarray(),
        )
        self._rule = RULES[rule]

    def __call__(self, first: int = 0, stop: int | None = None, *, linked: bool = False) -> np.ndarray:
        """Return float64 scores of rows first … stop − 1.

        Linked pairs are NaN, or scored as if unlinked with ``linked=True``.
        """
        stop = self.shape[0] if stop is None else stop
        scores: np.ndarray = _score_rows(  # type: ignore[call-arg]
            first, stop - first, self.shape[1], *self._arrays, self._rule
        )
        if not linked:
            indptr, indices = self._links
            rows = np.repeat(np.arange(stop - first), np.diff(indptr[first : stop + 1]))
            scores[rows, indices[indptr[first] : indptr[stop]]] = np.nan
        return scores
