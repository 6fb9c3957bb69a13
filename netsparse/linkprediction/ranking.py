"""Ranking pairs by score, ties by SPcorr (the sub-ranking of the CHT paper's Appendix J)."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph
from scipy.stats import rankdata

from netsparse.graph import LayerGraph
from netsparse.linkprediction.bipartite import BipartiteScorer
from netsparse.selection import top_k

# Scores this many bytes at a time.
_BLOCK_BYTES = 64 * 2**20


class PairScorer(Protocol):
    """Scores of the pairs of one layer, a block of rows at a time; linked pairs are NaN."""

    shape: tuple[int, int]

    def __call__(self, first: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the scores of rows first … stop − 1."""


def best_pairs(
    graph: LayerGraph, scorer: PairScorer, k: int, ties: str, rng: np.random.Generator, *, positive: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the link keys and float32 scores of the k best unlinked pairs, best first.

    With ``positive=True`` only pairs of positive score, which have at least one path, are candidates.
    """
    keys, scores = _candidates(scorer, k, positive)
    tie_break = None
    if ties == "spcorr" and isinstance(scorer, BipartiteScorer) and 0 < k < len(keys):
        cut = np.partition(scores, len(scores) - k)[len(scores) - k]
        tied = np.flatnonzero(scores == cut)
        if np.count_nonzero(scores >= cut) > k:  # only this tie straddles the cut
            tie_break = np.zeros(len(keys))
            tie_break[tied] = spcorr(graph, scorer, keys[tied])
    chosen = top_k(scores, k, rng, tie_break)
    return keys[chosen], scores[chosen]


def _candidates(scorer: PairScorer, k: int, positive: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return all unlinked pairs whose score is among the k best, ties at the cut included."""
    n_source, n_target = scorer.shape
    keys, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    if k == 0:
        return keys, scores
    for first, stop in _blocks(n_source, n_target):
        # float32 closes the last-bit gaps that the order of summation opens between equal sums
        block = scorer(first, stop).astype(np.float32)
        row, column = np.nonzero(block > 0 if positive else ~np.isnan(block))
        keys = np.concatenate([keys, (row + first) * n_target + column])
        scores = np.concatenate([scores, block[row, column]])
        if len(scores) > k:
            keep = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
            keys, scores = keys[keep], scores[keep]
    return keys, scores


def _blocks(n_source: int, n_target: int) -> Iterator[tuple[int, int]]:
    """Yield first and stop of blocks of rows whose float64 scores take up to `_BLOCK_BYTES`."""
    step = max(1, _BLOCK_BYTES // max(8 * n_target, 1))
    for first in range(0, n_source, step):
        yield first, min(first + step, n_source)


def spcorr(graph: LayerGraph, scorer: BipartiteScorer, keys: np.ndarray) -> np.ndarray:
    """Return SPcorr of the given pairs: how alike two neurons see the rest of the layer.

    Every link weighs 1 / (1 + its own CH score); SPcorr(u, v) is Spearman's correlation between the vectors of
    weighted shortest-path lengths from u and from v to all neurons of the layer. Unreachable neurons stand at one
    value larger than any finite length. A vector without variation gives 0.

    Parameters
    ----------
    graph : LayerGraph
    scorer : BipartiteScorer
        Of the same graph.
    keys : numpy.ndarray of int64, shape (n_pairs,)
        Link keys, source · n_target + target.

    Returns
    -------
    numpy.ndarray of float64, shape (n_pairs,)
        Rounded to 12 digits, so that equal correlations are equal.

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology, Appendix J.
    """
    sources, targets = np.divmod(keys, graph.n_target)
    ends, position = np.unique(np.concatenate([sources, targets + graph.n_source]), return_inverse=True)
    lengths = csgraph.dijkstra(_weighted_adjacency(graph, scorer), directed=True, indices=ends)
    finite = np.isfinite(lengths)
    lengths[~finite] = 1.0 + (lengths[finite].max() if finite.any() else 0.0)
    # equal lengths reached over different paths differ in their last bits; ranks must not see that
    ranks = rankdata(np.round(lengths, 10), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.einsum("ij,ij->i", ranks, ranks))
    ranks /= np.where(norm > 0, norm, 1.0)[:, None]
    first, second = position[: len(keys)], position[len(keys) :]
    correlation = np.empty(len(keys))
    for start in range(0, len(keys), 4096):
        part = slice(start, start + 4096)
        correlation[part] = np.einsum("ij,ij->i", ranks[first[part]], ranks[second[part]])
    return np.round(correlation, 12)


def _weighted_adjacency(graph: LayerGraph, scorer: BipartiteScorer) -> sp.csr_array:
    """Both directions of every link, weighing 1 / (1 + CH score of that link)."""
    rows, columns = graph.link_rows, graph.biadjacency.indices.astype(np.int64)
    weights = np.empty(graph.n_links)
    indptr = graph.biadjacency.indptr
    for first, stop in _blocks(graph.n_source, graph.n_target):
        part = slice(indptr[first], indptr[stop])
        weights[part] = 1.0 / (1.0 + scorer(first, stop, linked=True)[rows[part] - first, columns[part]])
    n = graph.n_source + graph.n_target
    tail, head = rows, columns + graph.n_source
    return sp.csr_array(
        (np.tile(weights, 2), (np.concatenate([tail, head]), np.concatenate([head, tail]))), shape=(n, n)
    )
