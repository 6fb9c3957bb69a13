"""CH2-L3n and CH3-L3n: every intermediate node counts once for a pair; sparse matrix products, no walks."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from netsparse.graph import LayerGraph
from netsparse.linkprediction.bipartite import row_blocks

_BLOCK_BYTES = 64 * 2**20


class NodeBasedScorer:
    r"""Node-based L3 scores of one layer, a block of rows at a time.

    score = B₁ A + (B₂ Aᵀ)ᵀ with, for CH3, B₁[u, b] = [c > 0] / (1 + e'), c = (AAᵀ)[u, b], e' = max(d_b − c − 1, 0), and
    B₂ likewise from AᵀA; for CH2 the numerator is c + [c > 0].

    Parameters
    ----------
    graph : LayerGraph
    rule : {"ch2-l3n", "ch3-l3n"}
    """

    def __init__(self, graph: LayerGraph, rule: str) -> None:
        self.shape = (graph.n_source, graph.n_target)
        self.links = graph.biadjacency
        self.offset = graph.n_source
        self.costs = self.links @ (self.links.T @ np.diff(self.links.indptr))
        self._with_internal = rule.startswith("ch2")
        self._transposed = sp.csr_array(self.links.T)
        self._source_degrees, self._target_degrees = graph.source_degrees, graph.target_degrees
        self._by_target = self._weigh(self._transposed @ self.links, self._target_degrees)

    def __call__(
        self, first: int = 0, stop: int | None = None, dtype: type[np.floating] | str = np.float64
    ) -> np.ndarray:
        """Return the scores of rows first … stop − 1, NaN at linked pairs."""
        stop = self.shape[0] if stop is None else stop
        rows = self.links[first:stop]
        by_source = self._weigh(rows @ self._transposed, self._source_degrees, first)
        scores = (by_source @ self.links + rows @ self._by_target.T).toarray()
        scores[np.repeat(np.arange(stop - first), np.diff(rows.indptr)), rows.indices] = np.nan
        return scores.astype(dtype, copy=False)

    def linked_scores(self) -> np.ndarray:
        """Return the score of every link, in CSR order, as if that link were not there."""
        by_target = self._weigh(self._transposed @ self.links, self._target_degrees, without_link=True)
        found = np.empty(self.links.nnz)
        indptr = self.links.indptr
        for first, stop in row_blocks(self.shape, _BLOCK_BYTES):
            rows = self.links[first:stop]
            by_source = self._weigh(rows @ self._transposed, self._source_degrees, first, without_link=True)
            scores = (by_source @ self.links + rows @ by_target.T).toarray()
            at = np.repeat(np.arange(stop - first), np.diff(rows.indptr))
            found[indptr[first] : indptr[stop]] = scores[at, rows.indices]
        return found

    def _weigh(
        self, codegrees: sp.csr_array, degrees: np.ndarray, first: int = 0, *, without_link: bool = False
    ) -> sp.csr_array:
        """Turn co-degrees [x, z] of rows x = first … into the weight of z as an intermediate node, 0 where z is x."""
        codegrees = codegrees.tocoo()
        rows, columns = codegrees.coords
        internal = codegrees.data.astype(np.int64) - without_link
        weights = 1.0 / np.maximum(degrees[columns] - internal, 1)
        if self._with_internal:
            weights *= 1 + internal
        weights[(internal <= 0) | (rows + first == columns)] = 0.0
        found = sp.csr_array((weights, (rows, columns)), shape=codegrees.shape)
        found.eliminate_zeros()
        return found
