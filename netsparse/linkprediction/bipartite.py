"""CH scores of the pairs of a bipartite layer by the factorised form, in Numba.

In a bipartite graph the local community of a pair (u, v) need not be built: for an L3 path u – a – b – v (a a target
neuron, b a source neuron) the internal degrees are co-degrees,

    i_a = |N(a) ∩ N(v)| = (AᵀA)[a, v],      i_b = |N(b) ∩ N(u)| = (AAᵀ)[b, u],      e = d − 1 − i,

so the score is a plain sum over L3 walks of a product of two looked-up factors, F(a, v) and G(b, u).

The sum is taken pair by pair of source neurons,

    score(u, ·) = Σ_b G(b, u) · Σ_{a ∈ N(u) ∩ N(b)} F(a, N(b)),

so that the co-degree of (u, b), and with it G, is counted once, and only the outer sum scatters. F is stored packed:
for every b a d_b × d_b block of small integers that point into one table of factors, one byte each as a rule. That is
the compact form of AᵀA, every row that the inner loop reads is contiguous, and caches hold most of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from netsparse.graph import LayerGraph
from netsparse.linkprediction.rules import FactorTable

# Packed co-degrees of this many bytes at a time: a denser layer takes several passes over b.
_PACKED_BYTES = 256 * 2**20


# So many b before they are needed, their rows are called into the cache.
_AHEAD = 4


@intrinsic
def _prefetch(typing, array, index):  # type: ignore[no-untyped-def]
    """Call the cache line of array[index] into the cache."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        layout = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(layout.data, [arguments[1]])
        byte, word = ir.IntType(8), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte.as_pointer(), word, word, word]),
            "llvm.prefetch.p0",
        )
        builder.call(function, [builder.bitcast(pointer, byte.as_pointer()), word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@numba.njit(parallel=True, cache=True)
def _pack(
    blocks: np.ndarray,
    packed: np.ndarray,
    positions: np.ndarray,
    b_first: int,
    row_start: np.ndarray,
    columns: np.ndarray,
    column_start: np.ndarray,
    rows: np.ndarray,
    table_start: np.ndarray,
    table_step: int,
    n_parts: int,
) -> None:
    """Fill the packed blocks of b_first … and the position of a in N(b) of every link (a, b), column by column."""
    n_target = len(column_start) - 1
    b_stop = b_first + len(blocks) - 1
    for part in numba.prange(n_parts):
        codegree = np.zeros(n_target, np.int32)
        for a in range(part, n_target, n_parts):
            begin, end = column_start[a], column_start[a + 1]
            # in full: a co-degree counts the links of every b
            for q in range(begin, end):
                b = np.int64(rows[q])
                for p in range(row_start[b], row_start[b + 1]):
                    codegree[columns[p]] += 1
            first_code = table_start[end - begin]
            for q in range(begin, end):
                b = np.int64(rows[q])
                if not b_first <= b < b_stop:
                    continue
                row = row_start[b]
                degree = row_start[b + 1] - row
                low, high = row, row + degree
                while low < high:
                    middle = (low + high) >> 1
                    if np.int64(columns[middle]) < a:
                        low = middle + 1
                    else:
                        high = middle
                positions[q] = low - row
                start = blocks[b - b_first] + (low - row) * degree
                for j in range(degree):
                    packed[start + j] = first_code + table_step * np.int64(codegree[columns[row + j]])
            for q in range(begin, end):
                b = np.int64(rows[q])
                for p in range(row_start[b], row_start[b + 1]):
                    codegree[columns[p]] = 0


@numba.njit(cache=True)
def _common(
    u: np.integer,
    b_first: int,
    b_stop: int,
    row_start: np.ndarray,
    columns: np.ndarray,
    column_start: np.ndarray,
    rows: np.ndarray,
    positions: np.ndarray,
    codegree: np.ndarray,
    places: np.ndarray,
    touched: np.ndarray,
    common: np.ndarray,
) -> int:
    """List the b that share neighbours a with u and, one b after another, the positions of these a in N(b).

    ``codegree`` comes in as zeros and is left to the caller to clear.
    """
    n_touched = 0
    for p in range(row_start[u], row_start[u + 1]):
        a = columns[p]
        for q in range(column_start[a], column_start[a + 1]):
            b = np.int64(rows[q])
            if b < b_first or b >= b_stop:
                continue
            if codegree[b] == 0:
                touched[n_touched] = b
                n_touched += 1
            codegree[b] += 1
    n_common = np.int64(0)
    for t in range(n_touched):
        places[touched[t]] = n_common
        n_common += codegree[touched[t]]
    for p in range(row_start[u], row_start[u + 1]):
        a = columns[p]
        for q in range(column_start[a], column_start[a + 1]):
            b = np.int64(rows[q])
            if b_first <= b < b_stop:
                common[places[b]] = positions[q]
                places[b] += 1
    return n_touched


@numba.njit(parallel=True, cache=True)
def _score_rows(
    first: int,
    order: np.ndarray,
    bins: np.ndarray,
    longest: int,
    b_first: int,
    blocks: np.ndarray,
    packed: np.ndarray,
    positions: np.ndarray,
    row_start: np.ndarray,
    columns: np.ndarray,
    column_start: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    table_start: np.ndarray,
    table_step: int,
    sums: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Add the paths over b_first … to ``sums`` and, where that is empty, write ``scores`` at once."""
    n_source, n_target = len(row_start) - 1, len(column_start) - 1
    b_stop = b_first + len(blocks) - 1
    in_passes = len(sums) > 0
    for part in numba.prange(len(bins) - 1):
        total = np.zeros(n_target)
        codegree = np.zeros(n_source, np.int32)
        places = np.empty(n_source, np.int64)
        touched = np.empty(n_source, np.uint32)
        common = np.empty(longest, np.uint32)
        inner = np.empty(n_target)
        for i in range(bins[part], bins[part + 1]):
            u = np.int64(order[i])
            n_touched = _common(
                u, b_first, b_stop, row_start, columns, column_start, rows, positions, codegree, places, touched, common
            )
            if in_passes:
                total[:] = sums[u - first]
            where = np.int64(0)
            for t in range(n_touched):
                b = np.int64(touched[t])
                count = np.int64(codegree[b])
                codegree[b] = 0
                here = where
                where += count
                if b == u:
                    continue  # such a path would use the pair's own link
                row = row_start[b]
                degree = row_start[b + 1] - row
                g = values[table_start[degree] + table_step * count]
                block = blocks[b - b_first]
                # a = v would too, but it reaches linked pairs only, which are NaN
                s = block + np.int64(common[here]) * degree
                if t + _AHEAD < n_touched:  # rows come in no order that the processor could foresee
                    c = np.int64(touched[t + _AHEAD])
                    at = np.int64(common[places[c] - codegree[c]]) * (row_start[c + 1] - row_start[c])
                    _prefetch(packed, blocks[c - b_first] + at)  # type: ignore[call-arg]
                    _prefetch(columns, row_start[c])
                if count == 1:
                    for j in range(degree):
                        total[columns[row + j]] += g * values[packed[s + j]]
                    continue
                s1 = block + np.int64(common[here + 1]) * degree
                if count == 2:
                    for j in range(degree):
                        total[columns[row + j]] += g * (values[packed[s + j]] + values[packed[s1 + j]])
                    continue
                s2 = block + np.int64(common[here + 2]) * degree
                if count == 3:
                    for j in range(degree):
                        total[columns[row + j]] += g * (
                            values[packed[s + j]] + values[packed[s1 + j]] + values[packed[s2 + j]]
                        )
                    continue
                s3 = block + np.int64(common[here + 3]) * degree
                if count == 4:
                    for j in range(degree):
                        total[columns[row + j]] += g * (
                            values[packed[s + j]]
                            + values[packed[s1 + j]]
                            + values[packed[s2 + j]]
                            + values[packed[s3 + j]]
                        )
                    continue
                for j in range(degree):
                    inner[j] = (
                        values[packed[s + j]] + values[packed[s1 + j]] + values[packed[s2 + j]] + values[packed[s3 + j]]
                    )
                for x in range(here + 4, here + count - 2, 2):
                    s = block + np.int64(common[x]) * degree
                    s1 = block + np.int64(common[x + 1]) * degree
                    for j in range(degree):
                        inner[j] += values[packed[s + j]] + values[packed[s1 + j]]
                # one or two are left
                s = block + np.int64(common[where - 1]) * degree
                if count % 2 == 1:
                    for j in range(degree):
                        total[columns[row + j]] += g * (inner[j] + values[packed[s + j]])
                else:
                    s1 = block + np.int64(common[where - 2]) * degree
                    for j in range(degree):
                        total[columns[row + j]] += g * (inner[j] + values[packed[s + j]] + values[packed[s1 + j]])
            if in_passes:
                sums[u - first] = total
            else:
                for v in range(n_target):
                    scores[u - first, v] = total[v]
                    total[v] = 0.0
                for p in range(row_start[u], row_start[u + 1]):
                    scores[u - first, columns[p]] = np.nan


@numba.njit(parallel=True, cache=True)
def _score_linked(
    order: np.ndarray,
    bins: np.ndarray,
    longest: int,
    b_first: int,
    blocks: np.ndarray,
    packed: np.ndarray,
    positions: np.ndarray,
    row_start: np.ndarray,
    columns: np.ndarray,
    column_start: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    table_start: np.ndarray,
    table_step: int,
    scores: np.ndarray,
) -> None:
    """Add the paths over b_first … to the scores of links (u, v), as if that link were not there.

    a and v are both common neighbours of u and b then; without the link, u is no member of N(v), v none of N(u), so
    both co-degrees are one less.
    """
    n_source, n_target = len(row_start) - 1, len(column_start) - 1
    b_stop = b_first + len(blocks) - 1
    for part in numba.prange(len(bins) - 1):
        codegree = np.zeros(n_source, np.int32)
        places = np.empty(n_source, np.int64)
        touched = np.empty(n_source, np.uint32)
        common = np.empty(longest, np.uint32)
        link = np.empty(n_target, np.int64)
        for i in range(bins[part], bins[part + 1]):
            u = np.int64(order[i])
            n_touched = _common(
                u, b_first, b_stop, row_start, columns, column_start, rows, positions, codegree, places, touched, common
            )
            for p in range(row_start[u], row_start[u + 1]):
                link[columns[p]] = p
            where = np.int64(0)
            for t in range(n_touched):
                b = np.int64(touched[t])
                count = np.int64(codegree[b])
                codegree[b] = 0
                here = where
                where += count
                if b == u or count < 2:
                    continue
                row = row_start[b]
                degree = row_start[b + 1] - row
                g = values[table_start[degree] + table_step * (count - 1)]
                for x in range(here, where):
                    start = blocks[b - b_first] + np.int64(common[x]) * degree
                    for y in range(here, where):
                        if x != y:
                            j = np.int64(common[y])
                            f = values[np.int64(packed[start + j]) - table_step]
                            scores[link[columns[row + j]]] += g * f


class BipartiteScorer:
    """L3 scores of one layer by one rule, a block of rows at a time.

    Sums are taken in float64, in an order that depends neither on the number of threads nor on the block. With d the
    mean degree, n source neurons: O(n d³) time at most, the walks u – a – b – v; memory is O(n_links), one packed
    co-degree a walk u – a – b (1 byte up to degree 255), and O(rows · n_target) for a block.

    Parameters
    ----------
    graph : LayerGraph
    rule : str
        One of ``cn-l3``, ``ra-l3``, ``ch1-l3``, ``ch2-l3``, ``ch3-l3``.
    """

    def __init__(self, graph: LayerGraph, rule: str) -> None:
        matrix = graph.biadjacency
        self.shape = (graph.n_source, graph.n_target)
        self.links = matrix
        self.offset = graph.n_source
        transposed = matrix.tocsc()
        row_start, column_start = matrix.indptr.astype(np.int64), transposed.indptr.astype(np.int64)
        columns, rows = _unsigned(matrix.indices), _unsigned(transposed.indices)
        self._arrays = (row_start, columns, column_start, rows)
        degrees, target_degrees = np.diff(row_start), np.diff(column_start)
        self.table = FactorTable(rule, np.concatenate([degrees, target_degrees]))
        # two-walks and three-walks from every source neuron
        self._two_walks = matrix @ target_degrees
        self.costs = matrix @ (transposed.T @ degrees)
        self._degrees = degrees
        self._packed: tuple[np.ndarray, ...] | None = None

    @property
    def n_walks(self) -> int:
        """Number of walks u – a – b – v, the operation count of the plain factorised loop."""
        return int(self.costs.sum())

    def __call__(
        self, first: int = 0, stop: int | None = None, dtype: type[np.floating] | str = np.float64
    ) -> np.ndarray:
        """Return the scores of rows first … stop − 1, NaN at linked pairs."""
        stop = self.shape[0] if stop is None else stop
        scores = np.empty((stop - first, self.shape[1]), dtype)
        order, bins = balanced(self.costs[first:stop], first)
        longest = int(self._two_walks[first:stop].max(initial=0))
        none = np.empty((0, 0))
        passes = self._passes()
        sums = none if len(passes) == 1 else np.zeros(scores.shape)
        for b_first, b_stop in passes:
            _score_rows(
                first, order, bins, longest, b_first, *self._pack(b_first, b_stop), *self._arrays,
                self.table.values, self.table.start, self.table.step, sums, scores,
            )  # fmt: skip
        if len(passes) > 1:
            scores[:] = sums
            row_start, columns = self._arrays[:2]
            rows = np.repeat(np.arange(stop - first), self._degrees[first:stop])
            scores[rows, columns[row_start[first] : row_start[stop]]] = np.nan
        return scores

    def linked_scores(self) -> np.ndarray:
        """Return the score of every link, in CSR order, as if that link were not there."""
        scores = np.zeros(len(self._arrays[1]))
        order, bins = balanced(self.costs, 0)
        longest = int(self._two_walks.max(initial=0))
        for b_first, b_stop in self._passes():
            _score_linked(
                order, bins, longest, b_first, *self._pack(b_first, b_stop), *self._arrays,
                self.table.values, self.table.start, self.table.step, scores,
            )  # fmt: skip
        return scores

    def _passes(self) -> list[tuple[int, int]]:
        """Cut the b into runs whose packed co-degrees take `_PACKED_BYTES` at most (one b at least)."""
        size = np.cumsum(self._degrees**2) * self._code_type.itemsize
        if len(size) == 0 or size[-1] <= _PACKED_BYTES:
            return [(0, len(size))]
        cuts = [0]
        while cuts[-1] < len(size):
            before = size[cuts[-1] - 1] if cuts[-1] else 0
            cuts.append(max(cuts[-1] + 1, int(np.searchsorted(size, before + _PACKED_BYTES, side="right"))))
        return list(itertools.pairwise(cuts))

    @property
    def _code_type(self) -> np.dtype:
        return np.dtype(np.min_scalar_type(max(len(self.table.values) - 1, 1)))

    def _pack(self, b_first: int, b_stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self._packed is not None and (b_first, b_stop) == (0, self.shape[0]):
            return self._packed  # type: ignore[return-value]
        blocks = np.concatenate([[0], np.cumsum(self._degrees[b_first:b_stop] ** 2)])
        packed = np.empty(int(blocks[-1]), self._code_type)
        positions = np.empty(len(self._arrays[1]), np.uint32)
        _pack(
            blocks, packed, positions, b_first, *self._arrays, self.table.start, self.table.step,
            numba.get_num_threads(),
        )  # fmt: skip
        if (b_first, b_stop) == (0, self.shape[0]):
            self._packed = (blocks, packed, positions)
        return blocks, packed, positions


def _unsigned(indices: np.ndarray) -> np.ndarray:
    """Give indices that Numba need not check for being negative; without a copy where they are int32."""
    return indices.view(np.uint32) if indices.dtype == np.int32 else indices.astype(np.uint32)


def balanced(costs: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Deal rows to the threads, the costly ones first, there and back: each gets about the same work.

    Returns
    -------
    order : numpy.ndarray of int64
        Rows, counted from ``first``, thread by thread.
    bins : numpy.ndarray of int64, shape (n_threads + 1,)
        Where each thread's rows start and end in ``order``.
    """
    n_threads = numba.get_num_threads()
    turn = np.arange(len(costs)) % (2 * n_threads)
    thread = np.minimum(turn, 2 * n_threads - 1 - turn)
    order = np.argsort(-costs, kind="stable")[np.argsort(thread, kind="stable")] + first
    return order, np.concatenate([[0], np.cumsum(np.bincount(thread, minlength=n_threads))])


def row_blocks(shape: tuple[int, int], n_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield first and stop of blocks of rows whose float32 scores take up to ``n_bytes`` (one row at least)."""
    step = max(1, n_bytes // max(4 * shape[1], 1))
    for first in range(0, shape[0], step):
        yield first, min(first + step, shape[0])
