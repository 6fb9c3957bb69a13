"""CH3-L3 scores and selection beside the plain factorised double loop and `numpy.argpartition`, in one run.

Run with: python -m pytest tests/benchmarks/test_linkprediction.py -s
"""

import statistics
import time

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from netsparse import LayerGraph, score_links
from netsparse.linkprediction.ranking import _choose, positive_candidates

ROUNDS = 9


def uniform(n: int, density: float) -> LayerGraph:
    rng = np.random.default_rng(0)
    keys = np.sort(rng.choice(n * n, round(density * n * n), replace=False, shuffle=False))
    return LayerGraph.from_keys(keys, (n, n))


def hubs(n: int, density: float) -> LayerGraph:
    """P(link) ∝ i^-0.7 j^-0.7, without replacement."""
    rng = np.random.default_rng(0)
    log_weight = -0.7 * np.log(np.arange(1, n + 1))
    chance = log_weight[:, None] + log_weight[None, :] + rng.gumbel(size=(n, n))
    keys = np.argpartition(-chance.ravel(), round(density * n * n))[: round(density * n * n)]
    return LayerGraph.from_keys(np.sort(keys), (n, n))


# mask, milliseconds to reach on the machine of the issue, least ratio to the plain loop
CASES = {
    "784 1 %": (lambda: uniform(784, 0.01), 1.2, 2.0),
    "1568 1 %": (lambda: uniform(1568, 0.01), 9.0, 2.0),
    "1568 1 % hubs": (lambda: hubs(1568, 0.01), 45.0, 3.0),
    "1024 5 %": (lambda: uniform(1024, 0.05), 80.0, 2.0),
    "4096 1 %": (lambda: uniform(4096, 0.01), 280.0, 2.0),
}


@numba.njit(parallel=True)
def plain_loop(row_start, columns, column_start, rows, source, target, root, scores):
    for u in numba.prange(len(row_start) - 1):
        for p in range(row_start[u], row_start[u + 1]):
            a = columns[p]
            d_a = column_start[a + 1] - column_start[a]
            for q in range(column_start[a], column_start[a + 1]):
                b = rows[q]
                if b == u:
                    continue
                g = root[row_start[b + 1] - row_start[b] - source[b, u]]
                for r in range(row_start[b], row_start[b + 1]):
                    v = columns[r]
                    if v != a:
                        scores[u, v] += g * root[d_a - target[a, v]]


class Plain:
    """The factorised form as it reads: two dense co-degree matrices, one double loop."""

    def __init__(self, layer: LayerGraph) -> None:
        matrix = layer.biadjacency
        back = sp.csr_array(matrix.T)
        self.links = [array.astype(np.int64) for array in (matrix.indptr, matrix.indices, back.indptr, back.indices)]
        self.matrix, self.back, self.shape = matrix, back, matrix.shape
        self.root = np.concatenate([[0.0], 1 / np.sqrt(np.arange(1, max(self.shape) + 2))])

    def prepare(self) -> None:
        self.codegrees = ((self.matrix @ self.back).toarray(), (self.back @ self.matrix).toarray())

    def loop(self) -> np.ndarray:
        scores = np.zeros(self.shape)
        plain_loop(*self.links, *self.codegrees, self.root, scores)
        return scores


def seconds(call) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


@pytest.mark.parametrize("name", CASES)
def test_scores_and_selection(benchmark, name):
    make, budget, least_ratio = CASES[name]
    layer = make()
    k = round(0.3 * layer.n_links)
    plain = Plain(layer)
    plain.prepare()
    expected, found = plain.loop(), score_links(layer)
    free = ~np.isnan(found)
    assert np.allclose(found[free], expected[free], rtol=1e-6)

    def scores() -> np.ndarray:
        return score_links(layer)

    class Made:  # the selection alone: scores that are there already
        shape = layer.biadjacency.shape

        def __call__(self, first=0, stop=None, dtype=None):
            return found[first:stop]

    def select() -> None:
        _choose(Made(), *positive_candidates(Made(), k), k, "random", np.random.default_rng(0))

    def argpartition() -> None:
        np.argpartition(np.where(free, -found, 0).ravel(), k)

    select()
    calls = {"scores": scores, "plain": plain.loop, "codegrees": plain.prepare, "select": select, "numpy": argpartition}
    times = {what: [] for what in calls}
    for _ in range(ROUNDS):  # in turn: what slows the machine slows all of them
        for what, call in calls.items():
            times[what].append(seconds(call))
    median = {what: 1e3 * statistics.median(values) for what, values in times.items()}
    benchmark.pedantic(scores, rounds=ROUNDS)
    ratio = median["plain"] / median["scores"]
    print(
        f"\n{name}: scores {median['scores']:.2f} ms, set-up included (to reach {budget}); plain loop "
        f"{median['plain']:.2f} ms and its co-degrees {median['codegrees']:.2f} ms: ratio {ratio:.2f} to the loop "
        f"alone, {ratio + median['codegrees'] / median['scores']:.2f} with them; "
        f"selection {median['select']:.2f} ms, numpy.argpartition {median['numpy']:.2f} ms"
    )
    benchmark.extra_info.update(median, ratio=ratio)
    assert ratio + median["codegrees"] / median["scores"] >= least_ratio
    assert median["select"] <= median["scores"]


@numba.njit
def scatter_a_constant(total, columns, starts, degree):
    for start in starts:
        for j in range(degree):
            total[columns[start + j]] += 1.5


def test_floor_of_one_scattered_addition(benchmark):
    """The inner loop without look-ups: a row of column numbers in, one addition each into a row of sums."""
    n, degree, n_adds = 1568, 16, 10**7
    rng = np.random.default_rng(0)
    columns = np.concatenate([np.sort(rng.choice(n, degree, False)) for _ in range(n)]).astype(np.uint32)
    starts = rng.integers(0, n, n_adds // degree) * degree
    total = np.zeros(n)
    benchmark.pedantic(scatter_a_constant, (total, columns, starts, degree), rounds=ROUNDS, warmup_rounds=1)
    print(f"\n{1e9 * benchmark.stats.stats.median / len(starts) / degree:.2f} ns an addition on one thread")
    assert total.sum() == pytest.approx((ROUNDS + 1) * 1.5 * len(starts) * degree)
