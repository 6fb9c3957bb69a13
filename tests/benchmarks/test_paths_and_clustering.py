"""Paths, four-cycle clustering and rewiring beside igraph and networkx, in one run.

    python -m pytest tests/benchmarks/test_paths_and_clustering.py -s

1568 + 1568 neurons, 1 % of the links, random and hub-heavy. A benchmark prints its ratio and asserts what was promised.
"""

import statistics
import time

import igraph
import networkx as nx
import numpy as np
import pytest

from netsparse import LayerGraph
from netsparse.analysis import (
    Network,
    as_network,
    characteristic_path_length,
    global_efficiency,
    latapy_clustering,
    rewired,
    robins_alexander_clustering,
)
from netsparse.topologies import TOPOLOGIES


@pytest.fixture(scope="module", params=["erdos_renyi", "scale_free"])
def layer(request):
    matrix = TOPOLOGIES[request.param]((1568, 1568), 0.01, np.random.default_rng(0))
    return LayerGraph.from_mask(matrix, request.param)


def seconds(function, n: int = 1) -> float:
    """Return the median of n runs."""
    found = []
    for _ in range(n):
        started = time.perf_counter()
        function()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def compare(benchmark, told: str, ours, theirs, promised: float, n: int = 1, *, close: bool = True) -> None:
    """Time both, print the ratio, and keep the promise."""
    value = ours()  # compiled
    expected = theirs()
    if close:
        assert value == pytest.approx(expected, rel=1e-9)
    slow = seconds(theirs, n)
    benchmark(ours)
    fast = benchmark.stats.stats.median
    print(f"\n{told}: {1e3 * fast:.1f} ms against {1e3 * slow:.0f} ms, {slow / fast:.0f} times")
    assert slow / fast >= promised


def test_characteristic_path_length_and_efficiency_against_igraph(benchmark, layer):
    adjacency = as_network(layer).adjacency
    graph = as_network(layer).igraph

    def ours():
        network = Network(adjacency)  # nothing is computed yet; igraph's graph is there as well
        return characteristic_path_length(network), global_efficiency(network)

    def theirs():
        histogram = np.array([count for *_, count in graph.path_length_hist(directed=False).bins()])
        steps, n = np.arange(1, len(histogram) + 1), graph.vcount()
        return steps @ histogram / histogram.sum(), 2 * (histogram / steps).sum() / (n * (n - 1))

    compare(benchmark, f"path length and efficiency, {layer.name}, igraph", ours, theirs, 30, 5)


def test_four_cycle_clustering_against_networkx(benchmark, layer):
    network = as_network(layer)
    graph = nx.from_scipy_sparse_array(network.adjacency)

    def ours():
        network = as_network(layer)
        return robins_alexander_clustering(network), latapy_clustering(network)

    def theirs():
        values = nx.bipartite.latapy_clustering(graph)
        return nx.bipartite.robins_alexander_clustering(graph), sum(values.values()) / len(values)

    compare(benchmark, f"Robins-Alexander and Latapy, {layer.name}, networkx.bipartite", ours, theirs, 100)


def test_rewiring_against_igraph(benchmark, layer):
    """igraph's rewiring does not keep the two sides; of the public ones that we found it is the fastest."""
    graph = as_network(layer).igraph
    n = 10 * layer.n_links

    def theirs():
        copy = graph.copy()
        copy.rewire(n=n)
        return copy

    assert isinstance(theirs(), igraph.Graph)
    told = f"rewiring with the sides fixed, 10 swaps a link, {layer.name}, igraph"
    compare(benchmark, told, lambda: rewired(layer, 0), theirs, 5, 5, close=False)
