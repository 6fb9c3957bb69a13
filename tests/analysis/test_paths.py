"""Shortest paths against networkx, the authors' numbers and hand-made ones; samples against the whole."""

import math

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis as analysis
import netsparse.analysis.network as network_module
from netsparse.analysis import Estimate, as_network, hops
from netsparse.analysis.betweenness import node_betweenness
from netsparse.analysis.measure import MEASURES

GRAPHS = {
    "karate": nx.karate_club_graph(),
    "a path as long as the graph": nx.path_graph(1500),
    "isolated nodes and components": nx.gnp_random_graph(700, 0.002, seed=1),
    "one dense": nx.gnp_random_graph(90, 0.3, seed=2),
    "star": nx.star_graph(70),
    "odd ring": nx.cycle_graph(7),
    "full": nx.complete_graph(9),
    "one link": nx.path_graph(2),
    "one node": nx.empty_graph(1),
    "no links": nx.empty_graph(4),
    "no nodes": nx.empty_graph(0),
    "several batches": nx.barabasi_albert_graph(1300, 3, seed=3),
}


def by_node(name, graph):
    (variant,) = (v for v in MEASURES[name] if v.of == "node")
    return variant.function(as_network(graph))


def lengths(graph):
    return {v: dict(row) for v, row in nx.all_pairs_shortest_path_length(graph)}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=list(GRAPHS))
def test_path_measures_equal_networkx(graph):
    distances, n, m = lengths(graph), len(graph), graph.number_of_edges()
    positive = [d for row in distances.values() for d in row.values() if d]
    longest = max(positive, default=0)
    harmonic = [sum(1 / d for d in distances[v].values() if d) for v in graph]
    radial = [sum(longest + 1 - d for d in distances[v].values() if d) / max(n - 1, 1) for v in graph]
    assert by_node("closeness", graph) == pytest.approx(np.array(harmonic, float), rel=1e-12)
    if positive:
        assert analysis.characteristic_path_length(graph) == pytest.approx(np.mean(positive), rel=1e-12)
        assert analysis.diameter(graph) == longest
        assert analysis.radiality(graph) == pytest.approx(np.mean(radial), rel=1e-12)
        assert by_node("radiality", graph) == pytest.approx(np.array(radial), rel=1e-12)
        assert analysis.mean_edge_betweenness(graph) == pytest.approx(sum(positive) / 2 / m, rel=1e-12)
    else:
        for measure in (analysis.characteristic_path_length, analysis.diameter, analysis.radiality):
            assert measure(graph).reason == "no two nodes are joined"
    if n > 1:
        efficiency = math.fsum(1 / d for d in positive) / (n * (n - 1))
        assert analysis.global_efficiency(graph) == pytest.approx(efficiency, rel=1e-12)
        assert analysis.closeness(graph) == pytest.approx(np.mean(harmonic), rel=1e-12)
    else:
        assert analysis.global_efficiency(graph).reason


@pytest.mark.parametrize("name", ["karate", "star", "odd ring", "isolated nodes and components", "no links"])
def test_betweenness_equals_networkx(name):
    graph = GRAPHS[name]
    expected = nx.betweenness_centrality(graph, normalized=False)
    assert analysis.betweenness(graph) == pytest.approx(np.array([expected[v] for v in graph]), abs=1e-9)
    assert analysis.mean_betweenness(graph) == pytest.approx(np.mean(list(expected.values())), abs=1e-9)
    links, values = analysis.edge_betweenness(graph)
    of_links = nx.edge_betweenness_centrality(graph, normalized=False)
    found = dict(zip(map(tuple, links.tolist()), values, strict=True))
    assert found == pytest.approx({tuple(sorted(link)): value for link, value in of_links.items()})
    if of_links:
        assert analysis.mean_edge_betweenness(graph) == pytest.approx(np.mean(list(of_links.values())))


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=list(GRAPHS))
def test_both_kernels_of_betweenness_equal_igraph(graph):
    network = as_network(graph)
    expected = np.array(network.igraph.betweenness(), float)
    for diameter in (0, 10**6):  # by levels, one by one
        arrays = *network.csr, np.flatnonzero(network.degrees)
        assert node_betweenness(*arrays, diameter) / 2 == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "graph",
    [
        nx.karate_club_graph(),
        nx.gnp_random_graph(40, 0.3, seed=1),
        nx.complete_graph(5),
        nx.star_graph(4),
        nx.wheel_graph(12),
        nx.disjoint_union(nx.disjoint_union(nx.complete_graph(4), nx.windmill_graph(3, 4)), nx.empty_graph(3)),
        nx.empty_graph(3),
    ],
    ids=["karate", "random", "full", "star", "hub", "disconnected", "no links"],
)
def test_local_efficiency_equals_networkx(graph):
    assert analysis.local_efficiency(graph) == pytest.approx(nx.local_efficiency(graph), rel=1e-12)


@pytest.mark.parametrize("name", ["bipA", "ba", "karate"])
def test_path_measures_equal_the_authors(name, oracles, oracle_adjacency):
    numbers, network = oracles[name], as_network(oracle_adjacency(name))
    for measure, key in (
        (analysis.global_efficiency, "efficiency_glob"),
        (analysis.local_efficiency, "efficiency_loc"),
        (analysis.closeness, "closeness"),
        (analysis.radiality, "radiality"),
    ):
        assert measure(network) == pytest.approx(float(numbers[f"measure/{key}"]), rel=1e-12), key


def graph_of(links: str) -> nx.Graph:
    """Make a graph of pairs of digits, counted from 1."""
    return nx.Graph([(int(pair[0]), int(pair[1])) for pair in links.split()])


def test_by_hand():
    first = graph_of("12 13 14 15 16 17 23 45 67")
    assert analysis.characteristic_path_length(first) == pytest.approx(1.5714, abs=1e-4)
    assert analysis.global_efficiency(first) == pytest.approx(0.7143, abs=1e-4)
    second = graph_of("13 14 16 17 23 27 45 56")
    assert analysis.characteristic_path_length(second) == pytest.approx(1.9048, abs=1e-4)
    assert analysis.global_efficiency(second) == pytest.approx(0.6468, abs=1e-4)
    third = graph_of("12 15 17 23 24 34 56 57 67")
    assert analysis.closeness(third) == pytest.approx(3.9048, abs=1e-4)
    assert analysis.mean_edge_betweenness(third) == pytest.approx(4.6667, abs=1e-4)
    links, values = analysis.edge_betweenness(third)
    nodes = list(third)
    (between,) = (v for pair, v in zip(links, values, strict=True) if {nodes[i] for i in pair} == {1, 2})
    assert between == 12


SAMPLED = [
    analysis.characteristic_path_length,
    analysis.global_efficiency,
    analysis.closeness,
    analysis.radiality,
    analysis.mean_betweenness,
    analysis.mean_edge_betweenness,
]


def test_samples_estimate_the_whole_and_tell_how_well(monkeypatch):
    graph = nx.disjoint_union(nx.barabasi_albert_graph(2500, 3, seed=0), nx.empty_graph(200))
    exact = [measure(graph) for measure in SAMPLED]
    whole = by_node("closeness", graph)
    monkeypatch.setattr(network_module, "LARGE", 1000)
    monkeypatch.setattr(hops, "_N_SAMPLED", 640)
    errors = {measure.__name__: [] for measure in SAMPLED}
    for seed in range(12):
        network = as_network(graph)
        for measure, value in zip(SAMPLED, exact, strict=True):
            estimate = measure(network, seed=seed)
            assert isinstance(estimate, Estimate)
            assert estimate == measure(graph, seed=seed)
            errors[measure.__name__].append((estimate - value) / estimate.standard_error)
            assert abs(estimate / value - 1) < 0.05
    for name, z in errors.items():
        assert np.abs(z).max() < 5, name
        assert 0.3 < np.sqrt(np.mean(np.square(z))) < 2, name
    estimated = by_node("closeness", graph)
    assert np.corrcoef(estimated, whole)[0, 1] > 0.99
    assert (estimated[2500:] == 0).all()
    exact_betweenness = np.array(as_network(graph).igraph.betweenness())
    assert np.corrcoef(analysis.betweenness(graph), exact_betweenness)[0, 1] > 0.9


def test_path_measures_do_not_depend_on_the_number_of_threads(chain):
    import numba

    graph = nx.barabasi_albert_graph(1200, 3, seed=1)
    before = numba.get_num_threads()
    found = []
    try:
        for n_threads in (1, before):
            numba.set_num_threads(n_threads)
            found.append(by_node("closeness", graph).tobytes() + analysis.betweenness(graph).tobytes())
    finally:
        numba.set_num_threads(before)
    assert found[0] == found[1]
