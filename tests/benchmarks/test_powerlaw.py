"""The power-law fit, and its p-value by 1,000 bootstraps, beside igraph's.

Run with: python -m pytest tests/benchmarks/test_powerlaw.py -s
"""

import time

import igraph
import numpy as np
import pytest

from netsparse import LayerGraph
from netsparse.analysis import as_network, fit_power_law, power_law_p
from netsparse.topologies import TOPOLOGIES

N, DENSITY, ROUNDS = 1568, 0.01, 5


def seconds(work, rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


@pytest.mark.parametrize("topology", ["erdos_renyi", "scale_free"])
def test_five_times_as_fast_as_igraph(topology):
    mask = TOPOLOGIES[topology]((N, N), DENSITY, np.random.default_rng(0))
    network = as_network(LayerGraph.from_mask(mask))
    degrees = network.degrees
    fit_power_law(degrees), power_law_p(network, n_bootstraps=4)  # compiles
    values = degrees.tolist()
    fit, its_fit = (
        seconds(lambda: fit_power_law(degrees), ROUNDS),
        seconds(lambda: igraph.power_law_fit(values, p_precision=0.49), ROUNDS),
    )
    p, its_p = (
        seconds(lambda: power_law_p(network), ROUNDS),
        seconds(lambda: igraph.power_law_fit(values, p_precision=0.0158), 1),  # 1 / (4 · 0.0158²) ≈ 1,000 bootstraps
    )
    print(f"\n{topology}: fit {1e3 * fit:.3f} ms, igraph {1e3 * its_fit:.1f} ms ({its_fit / fit:.0f}×)")
    print(f"fit with p-value {1e3 * p:.1f} ms, igraph {1e3 * its_p:.0f} ms ({its_p / p:.0f}×)")
    assert its_fit > 5 * fit
    assert its_p > 5 * p


def test_many_degrees():
    degrees = np.random.default_rng(0).zipf(2.1, 200_000)
    fit_power_law(degrees)
    print(f"\n200,000 degrees: {1e3 * seconds(lambda: fit_power_law(degrees), 3):.0f} ms")
