"""Layers of the size of a large language model's, 4096 × 11008 neurons at 50 % to 99 % sparsity.

python -m pytest tests/benchmarks/test_scale.py -s

Degrees, density, components, percolation and its curves of the dense one in 2 seconds and 24 bytes a link beside 500
MB; all of `standard` with what each measure took; and what was estimated beside what was measured. It takes some
minutes.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

import netsparse as ns
from netsparse.analysis import as_network
from netsparse.analysis.costs import LIMIT
from netsparse.analysis.measure import choose
from netsparse.topologies import TOPOLOGIES

LIGHT = [
    *("density", "n_links", "degree", "mean_degree", "max_degree", "degree_gini", "degree_entropy"),
    *("degree_assortativity", "giant_component", "n_components", "anp_rate"),
    *("credit_assigned_paths", "log10_credit_assigned_paths", "hub_path_share"),
    *(f"{order}_percolation_{what}" for order in ("random_node", "degree_node", "random_link", "weight_link")
      for what in ("area", "threshold")),
]  # fmt: skip

_SHAPE = (4096, 11008)


def large_layer(density: float, shape: tuple[int, int] = _SHAPE) -> ns.LayerGraph:
    """A layer of random links with float32 weights, made row by row."""
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(rng.random(shape[1], np.float32) < density).astype(np.int32) for _ in range(shape[0])]
    indptr = np.append(0, np.cumsum([len(row) for row in rows])).astype(np.int32)
    indices = np.concatenate(rows)
    weights = rng.standard_normal(len(indices), np.float32)
    weights.setflags(write=False)
    return ns.LayerGraph(
        "layer", sp.csr_array((np.ones(len(indices), np.int8), indices, indptr), shape), weights=weights
    )


def compiled() -> None:
    ns.measure(large_layer(0.3, (30, 40)), "full")


def test_light_measures_of_a_dense_layer_take_two_seconds(benchmark):
    compiled()
    layer = large_layer(0.5)
    # a Network of its own every time: nothing is remembered
    table = benchmark.pedantic(ns.measure, args=(layer, LIGHT), rounds=5)
    print(f"\n{layer.n_links:,} links: median {benchmark.stats.stats.median:.2f} s")
    assert set(table.loc[table["reason"] != "", "measure"]) == {"hub_path_share"}
    network = as_network(layer)
    for found in choose(LIGHT):
        started = time.perf_counter()
        found.function(network, **({"seed": 0} if found.seeded else {}))
        took = time.perf_counter() - started
        if took > 0.01:
            print(f"  {found.name} ({found.of}): {took:.3f} s")
    assert benchmark.stats.stats.median <= 2.0


_ALONE = r"""
import json, re, sys
sys.path.insert(0, {folder!r})
import netsparse as ns
from test_scale import LIGHT, compiled, large_layer
ns.measure(large_layer(0.3, (30, 40)), LIGHT)
layer = large_layer({density})
ns.measure(layer, LIGHT)
peak = re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())  # rusage counts the parent's before exec, too
print(json.dumps([layer.n_links, 1024 * int(peak[1])]))
"""


@pytest.mark.parametrize("density", [0.5, 0.1])
def test_light_measures_take_24_bytes_a_link(density):
    code = _ALONE.format(folder=str(Path(__file__).parent), density=density)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    n_links, peak = json.loads(done.stdout)
    print(f"\n{n_links:,} links: peak {peak / 1e6:.0f} MB, allowed {(24 * n_links + 500e6) / 1e6:.0f} MB")
    assert peak <= 24 * n_links + 500e6


@pytest.mark.parametrize("density", [0.01, 0.5])
def test_standard_of_a_large_layer(density):
    compiled()
    network = as_network(large_layer(density))
    print(f"\n{network.n_nodes:,} nodes, {network.n_links:,} links")
    slowest = 0.0
    for found in choose("standard"):
        if found.of == "run" or (found.cost is not None and found.cost(network).seconds > LIMIT):
            print(f"  {found.name}: not measured")
            continue
        started = time.perf_counter()
        found.function(network, **({"seed": 0} if found.seeded else {}))
        took = time.perf_counter() - started
        slowest = max(slowest, took)
        if took > 1.0:
            print(f"  {found.name} ({found.of}): {took:.0f} s")
    assert slowest < 120.0


def layer_of(topology: str, shape: tuple[int, int], density: float) -> ns.LayerGraph:
    return ns.LayerGraph.from_mask(TOPOLOGIES[topology](shape, density, np.random.default_rng(0)))


GRAPHS = {
    "1568 + 1568 neurons, 1 %, hubs": lambda: layer_of("scale_free", (1568, 1568), 0.01),
    "1568 + 1568 neurons, 50 %": lambda: layer_of("erdos_renyi", (1568, 1568), 0.5),
    "4096 + 11008 neurons, 1 %": lambda: large_layer(0.01),
    "4096 + 11008 neurons, 50 %": lambda: large_layer(0.5),
    "preferential attachment, 8,000 nodes, 160,000 links": lambda: nx.barabasi_albert_graph(8000, 20, seed=0),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_estimates_beside_measured_times(name):
    compiled()
    graph = as_network(GRAPHS[name]())
    print(f"\n{name}: estimated, measured")
    seen, off = set(), []
    for found in choose("full"):
        if found.cost is None or found.cost in seen:
            continue
        seen.add(found.cost)
        estimate = found.cost(graph).seconds
        if estimate > 150.0:
            print(f"  {found.name}: {estimate:.0f} s, not measured")
            continue
        fresh = as_network(graph.snapshot if graph.snapshot is not None else graph.adjacency)
        started = time.perf_counter()
        found.function(fresh, **({"seed": 0} if found.seeded else {}))
        took = time.perf_counter() - started
        if max(estimate, took) > 5.0:  # below, what every graph takes counts for more
            print(f"  {found.name}: {estimate:.1f} s, {took:.1f} s, {estimate / took:.2f}")
            off.append(max(estimate / took, took / estimate))
    assert max(off, default=1.0) < 4.0
