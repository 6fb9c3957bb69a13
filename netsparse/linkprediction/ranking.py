"""Ranking pairs by score, ties by SPcorr (the sub-ranking of the CHT paper's Appendix J)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numba
import numpy as np
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph
from scipy.stats import rankdata

from netsparse.linkprediction.bipartite import row_blocks
from netsparse.selection import top_k
from netsparse.topologies.budget import random_unlinked

# Scores this many bytes at a time.
_BLOCK_BYTES = 64 * 2**20
# Lengths of shortest paths this many bytes at a time.
_LENGTHS_BYTES = 256 * 2**20
# The highest bits of a float32 choose its bin: the sign, the exponent and 5 bits more.
_SHIFT = 18
_N_BINS = 2**13
# A first floor comes from every so many-th score.
_STRIDE = 8

Candidates = tuple[np.ndarray, np.ndarray]


class PairScorer(Protocol):
    """Scores of the pairs of one graph, a block of rows at a time; what is no unlinked pair is NaN.

    Attributes
    ----------
    shape : tuple of int
        Of all scores.
    links : scipy.sparse.csr_array
        The links, in the order of `linked_scores`; those of an undirected graph once, above the diagonal.
    offset : int
        Index of target neuron 0 among all nodes.
    costs : numpy.ndarray, shape (n_rows,)
        About how much work each row is.
    """

    shape: tuple[int, int]
    links: sp.csr_array
    offset: int
    costs: np.ndarray

    def __call__(self, first: int = 0, stop: int | None = None, dtype: type[np.floating] | str = ...) -> np.ndarray:
        """Return the scores of rows first … stop − 1."""

    def linked_scores(self) -> np.ndarray:
        """Return the score of every link, as if that link were not there."""


def best_pairs(
    scorer: PairScorer,
    k: int,
    ties: str,
    rng: np.random.Generator,
    *,
    positive: bool = False,
    block_bytes: int | None = None,
) -> Candidates:
    """Return the keys (row · n_columns + column) and float32 scores of the k best unlinked pairs, best first.

    With ``positive=True`` only pairs of positive score, which have at least one path, are candidates.
    """
    keys, scores = positive_candidates(scorer, k, block_bytes=block_bytes)
    return _choose(scorer, keys, scores, k, ties, rng) if positive else rank(scorer, keys, scores, k, ties, rng)


def rank(
    scorer: PairScorer, keys: np.ndarray, scores: np.ndarray, k: int, ties: str, rng: np.random.Generator
) -> Candidates:
    """Choose the k best of `positive_candidates`; where they are fewer, the best pairs without a path follow them."""
    if k <= len(keys):
        return _choose(scorer, keys, scores, k, ties, rng)
    order = top_k(scores, len(keys), rng)
    if ties == "random" and scorer.offset:  # of a layer: every pair that is neither linked nor among the keys
        rows, columns = scorer.links.tocoo().coords
        taken = np.union1d(rows.astype(np.int64) * scorer.shape[1] + columns, keys)
        without = rng.permutation(random_unlinked(scorer.shape, taken, k - len(keys), rng))
    else:
        without = _best_without_path(scorer, k - len(keys), ties, rng)
    return np.concatenate([keys[order], without]), np.concatenate([scores[order], np.zeros(len(without), np.float32)])


def _choose(
    scorer: PairScorer, keys: np.ndarray, scores: np.ndarray, k: int, ties: str, rng: np.random.Generator
) -> Candidates:
    """Choose the k best of candidates that hold the whole tie at the cut, in the order of their keys."""
    tie_break = None
    if ties == "spcorr" and 0 < k < len(keys):
        cut = _kth_largest(scores, k)
        tied = np.flatnonzero(scores == cut)
        if np.count_nonzero(scores >= cut) > k:  # only this tie straddles the cut
            tie_break = np.zeros(len(keys))
            tie_break[tied] = spcorr(scorer, keys[tied])
    chosen = top_k(scores, k, rng, tie_break)
    return keys[chosen], scores[chosen]


def positive_candidates(
    scorer: PairScorer, k: int, first: int = 0, stop: int | None = None, block_bytes: int | None = None
) -> Candidates:
    """Return all unlinked pairs of rows first … stop − 1 whose positive score is among their k best.

    Ties at the cut are all in, so there may be more than k; in the order of their keys.
    """
    keys, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    stop = scorer.shape[0] if stop is None else stop
    if k == 0 or 0 in scorer.shape:
        return keys, scores
    for start, end in row_blocks((stop - first, scorer.shape[1]), block_bytes or _BLOCK_BYTES):
        # float32 closes the last-bit gaps that the order of summation opens between equal sums
        block = scorer(first + start, first + end, np.float32)
        floor = _kth_largest(scores, k) if len(scores) >= k else np.float32(0)
        more, their_scores = _at_least(block, first + start, floor, k)
        keys, scores = merge([(keys, scores), (more, their_scores)], k)
    return keys, scores


def merge(parts: Iterable[Candidates], k: int) -> Candidates:
    """Join candidates of runs of rows, in the order of the rows, and keep the k best with all ties at the cut."""
    keys, scores = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if len(scores) > k:
        keep = scores >= _kth_largest(scores, k)
        keys, scores = keys[keep], scores[keep]
    return keys, scores


def _kth_largest(scores: np.ndarray, k: int) -> np.float32:
    return np.float32(np.partition(scores, len(scores) - k)[len(scores) - k])


def _at_least(block: np.ndarray, first_row: int, floor: np.float32, k: int) -> Candidates:
    """Return the positive entries of a block that are ≥ floor and, roughly, among its k best (never too few)."""
    n_parts = numba.get_num_threads()
    bits = block.reshape(-1).view(np.uint32)
    lowest = max(floor.view(np.uint32), np.uint32(1))  # the least positive float32
    # k pairs of a sample are k pairs of the block: what they exceed is a floor, and most pairs then fail one test
    lowest = max(lowest, _edge(_histogram(bits, lowest, n_parts, _STRIDE), k))
    counts = _histogram(bits, lowest, n_parts, 1)
    edge = _edge(counts, k)
    ends = np.cumsum(counts[:, edge >> _SHIFT :].sum(axis=1))
    keys, scores = np.empty(ends[-1], np.int64), np.empty(ends[-1], np.uint32)
    _collect(bits, max(lowest, edge), np.concatenate([[0], ends[:-1]]), keys, scores)
    return keys + first_row * block.shape[1], scores.view(np.float32)


def _edge(counts: np.ndarray, k: int) -> np.uint32:
    """Return the lower edge of the bin that holds the k-th largest score, as bits; 0 if there are fewer than k."""
    from_top = np.cumsum(counts.sum(axis=0)[::-1])
    return np.uint32(max(_N_BINS - 1 - int(np.searchsorted(from_top, k)), 0) << _SHIFT)


# A positive float32 sorts like its bits as an unsigned integer, infinity is the largest, NaN lies above it.
_BEYOND = np.uint32(0x7F800001)


@numba.njit(parallel=True, cache=True)
def _histogram(bits: np.ndarray, lowest: np.uint32, n_parts: int, stride: int) -> np.ndarray:
    """Count every stride-th score ≥ lowest by its highest bits, a row of counts for each run of scores."""
    counts = np.zeros((n_parts, _N_BINS), np.int64)
    span = np.uint32(_BEYOND - lowest)
    for part in numba.prange(n_parts):
        mine = counts[part]
        begin, end = part * len(bits) // n_parts, (part + 1) * len(bits) // n_parts
        for i in range(np.uint64(begin), np.uint64(end), np.uint64(stride)):
            if np.uint32(bits[i] - lowest) < span:
                mine[bits[i] >> np.uint32(_SHIFT)] += 1
    return counts


@numba.njit(parallel=True, cache=True)
def _collect(bits: np.ndarray, lowest: np.uint32, starts: np.ndarray, keys: np.ndarray, scores: np.ndarray) -> None:
    """Write the scores ≥ lowest and their places, run by run, to where `_histogram`'s counts put them."""
    n_parts = len(starts)
    span = np.uint32(_BEYOND - lowest)
    for part in numba.prange(n_parts):
        begin, end = part * len(bits) // n_parts, (part + 1) * len(bits) // n_parts
        at = starts[part]
        for i in range(np.uint64(begin), np.uint64(end)):
            if np.uint32(bits[i] - lowest) < span:
                keys[at] = i
                scores[at] = bits[i]
                at += 1


def _best_without_path(scorer: PairScorer, k: int, ties: str, rng: np.random.Generator) -> np.ndarray:
    """Return the keys of k unlinked pairs that score 0, by SPcorr and chance, best first: all of them are one tie."""
    n_zero = sum(len(keys) for keys in _pairs_without_path(scorer))
    by_spcorr = ties == "spcorr" and n_zero > k  # else nothing straddles a cut
    weighted = _weighted(scorer) if by_spcorr else None
    best, rank, chance = np.empty(0, np.int64), np.empty(0), np.empty(0)
    for keys in _pairs_without_path(scorer):
        second = spcorr(scorer, keys, weighted) if by_spcorr else np.zeros(len(keys))
        best, rank = np.concatenate([best, keys]), np.concatenate([rank, second])
        chance = np.concatenate([chance, rng.random(len(keys))])
        order = np.lexsort([chance, -rank])[:k]
        best, rank, chance = best[order], rank[order], chance[order]
    return best


def _pairs_without_path(scorer: PairScorer) -> Iterator[np.ndarray]:
    n_columns = scorer.shape[1]
    for first, stop in row_blocks(scorer.shape, _BLOCK_BYTES):
        row, column = np.nonzero(scorer(first, stop, np.float32) == 0)
        yield (row + first) * n_columns + column


def spcorr(scorer: PairScorer, keys: np.ndarray, weighted: sp.csr_array | None = None) -> np.ndarray:
    """Return SPcorr of the given pairs: how alike two neurons see the rest of the graph.

    Every link weighs 1 / (1 + its own CH score); SPcorr(u, v) is Spearman's correlation between the vectors of
    weighted shortest-path lengths from u and from v to all nodes. Unreachable nodes stand at one value larger than any
    finite length from that node. A vector without variation gives 0.

    Parameters
    ----------
    scorer : PairScorer
    keys : numpy.ndarray of int64, shape (n_pairs,)
        Row · n_columns + column.
    weighted : scipy.sparse.csr_array, optional
        The weighted graph, if it is there already.

    Returns
    -------
    numpy.ndarray of float64, shape (n_pairs,)
        Rounded to 12 digits, so that equal correlations are equal.

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology, Appendix J.
    """
    if len(keys) == 0:
        return np.empty(0)
    weighted = _weighted(scorer) if weighted is None else weighted
    first, second = np.divmod(keys, scorer.shape[1])
    second = second + scorer.offset
    ends, position = np.unique(np.concatenate([first, second]), return_inverse=True)
    if len(ends) * weighted.shape[0] * 8 > _LENGTHS_BYTES and len(ends) > 2:
        return _spcorr_in_halves(scorer, keys, first, second, weighted)
    lengths = csgraph.dijkstra(weighted, directed=True, indices=ends)
    # infinity ranks like any value above the finite lengths.
    # Equal lengths reached over different paths differ in their last bits: ranks must not see that
    ranks = rankdata(np.round(lengths, 10, out=lengths), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.einsum("ij,ij->i", ranks, ranks))
    ranks /= np.where(norm > 0, norm, 1.0)[:, None]
    first, second = position[: len(keys)], position[len(keys) :]
    correlation = np.empty(len(keys))
    for start in range(0, len(keys), 4096):
        part = slice(start, start + 4096)
        correlation[part] = np.einsum("ij,ij->i", ranks[first[part]], ranks[second[part]])
    return np.round(correlation, 12)


def _spcorr_in_halves(
    scorer: PairScorer, keys: np.ndarray, first: np.ndarray, second: np.ndarray, weighted: sp.csr_array
) -> np.ndarray:
    """Split the pairs at the middle of the side that has more end nodes: paths are searched anew, memory stays."""
    side = max((first, second), key=lambda nodes: len(np.unique(nodes)))
    nodes = np.unique(side)
    low = side < nodes[len(nodes) // 2]
    found = np.empty(len(keys))
    for half in (low, ~low):
        found[half] = spcorr(scorer, keys[half], weighted)
    return found


def _weighted(scorer: PairScorer) -> sp.csr_array:
    """Both directions of every link, weighing 1 / (1 + CH score of that link)."""
    rows, columns = (ends.astype(np.int64) for ends in scorer.links.tocoo().coords)
    columns += scorer.offset
    n = scorer.offset + scorer.shape[1]
    ends = (np.concatenate([rows, columns]), np.concatenate([columns, rows]))
    return sp.csr_array((np.tile(1.0 / (1.0 + scorer.linked_scores()), 2), ends), shape=(n, n))
