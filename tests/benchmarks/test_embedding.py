"""Coalescent embedding RA1–ncISO–EA of a layer of 1568 + 1568 neurons, 1 %, beside what one would write at first.

Run with: python -m pytest tests/benchmarks/test_embedding.py -s
Without the minute of the full SVD: -k "not full_svd"
"""

import resource
import time

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph
import scipy.sparse.linalg

import netsparse.analysis as analysis
from netsparse import LayerGraph, Snapshot
from netsparse.analysis import as_network
from netsparse.topologies import TOPOLOGIES

ROUNDS = 5
N, DENSITY = 1568, 0.01


@pytest.fixture(scope="module", params=["erdos_renyi", "scale_free"])
def layer(request):
    mask = TOPOLOGIES[request.param]((N, N), DENSITY, np.random.default_rng(0))
    return request.param, LayerGraph.from_mask(mask)


def plain_distances(adjacency: sp.csr_array) -> np.ndarray:
    """RA1 of links without common neighbours, and Dijkstra from all nodes."""
    links = adjacency.tocoo()
    row, column = links.coords
    degrees = np.diff(adjacency.indptr).astype(float)
    weights = degrees[row] + degrees[column] + degrees[row] * degrees[column]
    return csgraph.dijkstra(sp.csr_array((weights, (row, column)), shape=links.shape), directed=False)


def plain_embedding(network, coordinates) -> tuple[np.ndarray, np.ndarray]:
    nodes = network.giant
    adjacency = sp.csr_array(network.adjacency[nodes][:, nodes])
    axes = coordinates(plain_distances(adjacency))
    n = len(nodes)
    theta = np.empty(n)
    theta[np.argsort(np.arctan2(axes[:, 1], axes[:, 0]), kind="stable")] = 2 * np.pi * np.arange(n) / n
    degrees = np.diff(adjacency.indptr)
    beta = 1 / (analysis.fit_power_law(degrees).gamma - 1)
    radius = np.empty(n)
    radius[np.argsort(-degrees, kind="stable")] = 2 * beta * np.log(np.arange(1, n + 1)) + 2 * (1 - beta) * np.log(n)
    return theta, np.maximum(radius, 0)


def by_eigsh(lengths: np.ndarray) -> np.ndarray:
    values, vectors = scipy.sparse.linalg.eigsh(lengths, k=3, which="LM", v0=np.ones(len(lengths)))
    order = np.argsort(-np.abs(values))[1:]
    return np.sqrt(np.abs(values[order])) * vectors[:, order]


def by_svd(lengths: np.ndarray) -> np.ndarray:
    """As the MATLAB program does it: all singular vectors, of which three are used."""
    _, values, right = scipy.linalg.svd(lengths)
    return np.sqrt(values[1:3]) * right[1:3].T


def seconds(compute, rounds: int) -> tuple[float, object]:
    """Return the least time of some rounds, and what was computed."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        found = compute()
        times.append(time.perf_counter() - started)
    return min(times), found


def test_embedding_beside_plain_scipy(layer):
    name, graph = layer
    analysis.coalescent_embedding(graph)  # compiles
    plain, (theta, radius) = seconds(lambda: plain_embedding(as_network(graph), by_eigsh), ROUNDS)
    ours, found = seconds(lambda: analysis.coalescent_embedding(as_network(graph)), ROUNDS)
    print(f"\n{name}: {1e3 * ours:.0f} ms, dijkstra and eigsh of SciPy {1e3 * plain:.0f} ms ({plain / ours:.1f}×)")
    nodes = np.isfinite(found.theta)
    assert analysis.c_score(found.theta[nodes], theta) > 1 - 1e-4
    assert np.allclose(found.radius[nodes], radius)
    assert plain >= 2.5 * ours


def test_embedding_beside_a_full_svd(layer):
    name, graph = layer
    analysis.coalescent_embedding(graph)  # compiles
    ours, found = seconds(lambda: analysis.coalescent_embedding(as_network(graph)), ROUNDS)
    plain, (theta, _) = seconds(lambda: plain_embedding(as_network(graph), by_svd), 1)
    print(f"\n{name}: {1e3 * ours:.0f} ms, with the full SVD {1e3 * plain:.0f} ms ({plain / ours:.0f}×)")
    assert analysis.c_score(found.theta[np.isfinite(found.theta)], theta) > 1 - 1e-4
    assert plain >= 40 * ours


def test_what_uses_the_embedding(layer):
    """Without a rival: they have to stay below 1.5 s."""
    name, graph = layer
    network = as_network(graph)
    embedding = analysis.coalescent_embedding(network)
    labels = np.random.default_rng(0).integers(0, 12, network.n_nodes)
    coordinates = embedding.theta, embedding.radius
    placed = np.isfinite(embedding.theta)
    for what, compute in (
        ("greedy routing", lambda: analysis.greedy_routing(network, *coordinates)),
        ("geometrical congruence", lambda: analysis.congruence(network, *coordinates)),
        ("the same, weighted", lambda: analysis.congruence(network, *coordinates, weighted=True)),
        (
            "ASI, 1,000 permutations",
            lambda: analysis.angular_separability_index(embedding.theta[placed], labels[placed]),
        ),
        ("HD-correlation", lambda: analysis.hd_correlation(embedding, embedding)),
        ("C-score", lambda: analysis.c_score(embedding.theta, embedding.theta)),
    ):
        compute()  # compiles
        ours, _ = seconds(compute, ROUNDS)
        print(f"\n{name}: {what} {1e3 * ours:.0f} ms")
        assert ours < 1.5


def test_a_network_of_200_000_neurons():
    """RA1–ncISO–EA by landmarks: below a minute and, the network itself included, 1.5 GB."""
    n, n_links = 50_000, 5_000_000 // 3
    rng = np.random.default_rng(0)
    layers = [
        LayerGraph.from_keys(np.unique(rng.integers(0, n * n, n_links)), (n, n), f"layer{i}", f"g{i}", f"g{i + 1}")
        for i in range(3)
    ]
    network = as_network(Snapshot(layers))
    analysis.coalescent_embedding(LayerGraph.from_mask(np.eye(5) + np.eye(5, k=1)))  # compiles
    ours, found = seconds(lambda: analysis.coalescent_embedding(network), 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\n{network.n_nodes} neurons, {network.n_links} links: {ours:.1f} s, {found.n_landmarks} landmarks")
    print(f"peak of the whole process {peak:.2f} GiB (only if this test runs alone)")
    assert np.isfinite(found.theta).all()
    assert ours < 60
