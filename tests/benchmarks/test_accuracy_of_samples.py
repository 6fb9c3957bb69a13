"""How exact the samples of large graphs are, on graphs whose exact values are known: the tables of docs/measures.md.

python -m pytest tests/benchmarks/test_accuracy_of_samples.py -s
"""

import sys

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis as analysis
from netsparse import LayerGraph, Snapshot
from netsparse.analysis import as_network
from netsparse.topologies import TOPOLOGIES
from netsparse.topologies.budget import from_pairs, random_unlinked


def layers_of(hubs: bool) -> Snapshot:
    """Four groups of 5,000 neurons, 66,667 links a layer."""
    n, n_links, layers = 5000, 66_667, []
    for i in range(3):
        rng = np.random.default_rng(i)
        keys = random_unlinked((n, n), np.empty(0, np.int64), n_links, rng)
        if hubs:
            chance = np.cumsum(1 / np.arange(1, n + 1) ** 0.6)
            ends = np.searchsorted(chance / chance[-1], rng.random((2, int(1.14 * n_links)))).clip(0, n - 1)
            keys = rng.permutation(np.unique(ends[0] * n + ends[1]))[:n_links]
        layers.append(LayerGraph.from_mask(from_pairs(keys, (n, n)), f"layer{i}", f"group{i}", f"group{i + 1}"))
    return Snapshot(layers)


OF_20_000_NODES = {
    "random layers": lambda: layers_of(False),
    "hub-heavy layers": lambda: layers_of(True),
    "small world": lambda: nx.connected_watts_strogatz_graph(20_000, 8, 0.05, seed=0),
    "preferential attachment": lambda: nx.barabasi_albert_graph(20_000, 4, seed=0),
}
PATHS = ("characteristic_path_length", "global_efficiency", "radiality", "diameter")


@pytest.mark.parametrize("name", OF_20_000_NODES)
def test_sampled_sources(name, monkeypatch):
    adjacency = as_network(OF_20_000_NODES[name]()).adjacency
    measures = [getattr(analysis, measure) for measure in PATHS]
    exact = np.array([measure(adjacency) for measure in measures])
    monkeypatch.setattr(sys.modules["netsparse.analysis.network"], "LARGE", 1000)
    off, scaled = [], []
    for seed in range(10):
        network = as_network(adjacency)
        found = [measure(network, seed=seed) for measure in measures]
        off.append(np.abs(np.array(found) / exact - 1))
        scaled += [(value - true) / value.standard_error for value, true in zip(found[:3], exact[:3], strict=True)]
    worst = np.max(off, axis=0)
    told = ", ".join(f"{measure} {100 * share:.2f} %" for measure, share in zip(PATHS, worst, strict=True))
    print(f"\n{name}: {told}; (estimate - exact) / standard error {np.sqrt(np.mean(np.square(scaled))):.2f}")
    assert (worst < 0.01).all()
    assert np.sqrt(np.mean(np.square(scaled))) < 2


WITH_ANGLES = {
    "nPSO, 3,000 nodes, T = 0.1": lambda: analysis.npso(3000, 4, 0.1, 3.0).adjacency,
    "nPSO, 5,000 nodes, T = 0.3, 8 communities": lambda: analysis.npso(5000, 4, 0.3, 2.5, 8).adjacency,
    "nPSO, 3,000 nodes, T = 0.5, 8 communities": lambda: analysis.npso(3000, 4, 0.5, 2.5, 8).adjacency,
    "nPSO, 3,000 nodes, T = 0.7": lambda: analysis.npso(3000, 4, 0.7, 2.3).adjacency,
    **{
        f"{topology} layer": lambda topology=topology: LayerGraph.from_mask(
            TOPOLOGIES[topology]((1568, 1568), 0.01, np.random.default_rng(0))
        )
        for topology in ("scale_free", "erdos_renyi")
    },
}


@pytest.mark.parametrize("name", WITH_ANGLES)
def test_landmarks(name, monkeypatch):
    graph = WITH_ANGLES[name]()
    exact = analysis.coalescent_embedding(graph)
    monkeypatch.setattr(sys.modules["netsparse.analysis.network"], "LARGE", 100)
    told = []
    for n_landmarks in (128, 256, 512):
        found = analysis.coalescent_embedding(as_network(graph).adjacency, n_landmarks=n_landmarks)
        assert found.n_landmarks == n_landmarks
        told.append((analysis.c_score(found.theta, exact.theta), analysis.hd_correlation(found, exact)))
    print(f"\n{name}: " + ", ".join(f"{c:.3f} / {hd:.3f}" for c, hd in told))
    assert not name.startswith("nPSO") or told[1][0] > 0.9
