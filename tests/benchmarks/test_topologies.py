"""Start topologies at 4096 × 4096, 1 %, and the dense gradient of a sparse layer, beside what one would write at first.

Run with: python -m pytest tests/benchmarks/test_topologies.py -s
"""

import statistics
import time
import tracemalloc

import numpy as np
import pytest
import torch
from torch import nn

from netsparse.topologies import TOPOLOGIES
from netsparse.training import SparseLinear, TopologyScheduler

ROUNDS = 5
N, DENSITY = 4096, 0.01


def gumbel_of_all_pairs(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Weighted sampling of pairs without replacement, the whole matrix at once."""
    keys = np.log(weights) + rng.gumbel(size=weights.shape)
    return np.argpartition(-keys.ravel(), round(DENSITY * weights.size))[: round(DENSITY * weights.size)]


@pytest.fixture(scope="module")
def data():
    return np.random.default_rng(0).random((1000, N), np.float32)


@pytest.mark.parametrize("name", [name for name in TOPOLOGIES if name != "fully_connected"])
def test_a_topology_takes_less_than_a_second(name, data):
    seconds = []
    for seed in range(ROUNDS + 1):
        started = time.perf_counter()
        graph = TOPOLOGIES[name]((N, N), DENSITY, np.random.default_rng(seed), data)
        seconds.append(time.perf_counter() - started)
        assert graph.nnz == round(DENSITY * N * N)
    rng, weights = np.random.default_rng(0), np.ones((N, N))
    plain = []
    for _ in range(2):
        started = time.perf_counter()
        if name == "correlated":
            scores = np.abs(np.corrcoef(data.T)).ravel()
            np.argpartition(-scores, graph.nnz)
        else:
            gumbel_of_all_pairs(weights, rng)
        plain.append(time.perf_counter() - started)
    median = statistics.median(seconds[1:])  # the first one compiles
    what = "numpy.corrcoef, argpartition" if name == "correlated" else "Gumbel noise on all pairs"
    print(f"\n{name}: {1e3 * median:.0f} ms; {what}: {1e3 * min(plain):.0f} ms")
    assert median < 1.0


@pytest.mark.parametrize("n", [1024, 4096])
def test_an_update_by_gradient_makes_no_dense_gradient(n):
    """RigL's step with an update on `csr`, beside the dense gradient by autograd, in time and memory of NumPy."""
    layer = SparseLinear(n, n, 0.99, backend="csr")
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    topology = TopologyScheduler(layer, optimizer, "rigl", 0.99, total_steps=1000, update_interval=1)
    dense, x = nn.Linear(n, n), torch.rand(32, n)
    ours, plain = [], []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        layer(x).square().mean().backward()
        optimizer.step()
        topology.step()
        ours.append(time.perf_counter() - started)
        optimizer.zero_grad()
        started = time.perf_counter()
        dense(x).square().mean().backward()
        scores = dense.weight.grad.abs().flatten()
        scores.topk(round(0.003 * n * n))
        plain.append(time.perf_counter() - started)
        dense.zero_grad()
    layer(x).square().mean().backward()
    optimizer.step()
    tracemalloc.start()
    topology.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    a, b = statistics.median(ours[1:]), statistics.median(plain[1:])
    print(f"\n{n} × {n}, 1 %: step with update {1e3 * a:.0f} ms, dense step and topk {1e3 * b:.0f} ms ({b / a:.1f}×);")
    print(f"peak of the update {peak / 2**20:.0f} MiB, a dense float32 gradient {4 * n * n / 2**20:.0f} MiB")
    if n == 4096:
        assert peak < 2 * 4 * n * n
