"""Greedy routing and geometrical congruence against the authors' numbers and by plain walks."""

import itertools

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis as analysis
import netsparse.analysis.network as network_module
from netsparse import NetsparseError
from netsparse.analysis import Estimate, as_network


@pytest.mark.parametrize("graph", ["bipA", "ba", "karate"])
def test_greedy_routing_equals_the_authors(oracles, oracle_adjacency, graph):
    theta, radius = oracles[graph]["embedding/RA1_ncISO_EA"].T
    found = analysis.greedy_routing(oracle_adjacency(graph), theta, radius)
    assert (found.score, found.success, found.hops) == pytest.approx(tuple(oracles[graph]["greedy_routing"]), abs=1e-8)


def plain_greedy(graph, theta, radius):
    """Walk every pair; return what `greedy_routing` does."""

    def distance(i, j):
        return float(analysis.hyperbolic_distance(radius[i], theta[i], radius[j], theta[j]))

    shortest = dict(nx.all_pairs_shortest_path_length(graph))
    ratios, hops, efficiencies = [], [], []
    for source, target in itertools.permutations(graph, 2):
        path = [source]
        while path[-1] != target:
            neighbours = sorted(graph[path[-1]])
            following = min(neighbours, key=lambda v: (round(distance(v, target), 9), v), default=path[-1])
            if following in path:
                break
            path.append(following)
        arrived = path[-1] == target
        length = sum(distance(u, v) for u, v in itertools.pairwise(path))
        ratios.append(shortest[source][target] / (len(path) - 1) if arrived else 0.0)
        if arrived:
            hops.append(len(path) - 1)
        if not graph.has_edge(source, target):
            efficiencies.append(float(arrived) * (distance(source, target) / length if length else 1.0))
    return [np.mean(x) if x else np.nan for x in (ratios, [r > 0 for r in ratios], hops, efficiencies)]


def plain_congruence(graph, theta, radius, weighted):
    def distance(i, j):
        return float(analysis.hyperbolic_distance(radius[i], theta[i], radius[j], theta[j]))

    for u, v in graph.edges:
        graph[u][v]["length"] = distance(u, v)
    ratios = []
    for i, j in itertools.combinations(graph, 2):
        if graph.has_edge(i, j) or not nx.has_path(graph, i, j):
            continue
        lengths = [nx.path_weight(graph, path, "length") for path in nx.all_shortest_paths(graph, i, j)]
        straight = nx.dijkstra_path_length(graph, i, j, "length") if weighted else distance(i, j)
        ratios.append(straight / np.mean(lengths))
    return np.mean(ratios) if ratios else np.nan


def graphs():
    rng = np.random.default_rng(0)
    yield nx.path_graph(2)
    yield nx.complete_graph(5)
    yield nx.star_graph(6)
    yield nx.empty_graph(3)
    yield nx.disjoint_union(nx.cycle_graph(6), nx.path_graph(3))
    for seed in range(6):
        graph = nx.gnp_random_graph(int(rng.integers(8, 26)), 0.2, seed=seed)
        yield graph
    yield nx.bipartite.random_graph(10, 12, 0.2, seed=1)


def test_navigation_equals_plain_walks():
    for seed, graph in enumerate(graphs()):
        rng = np.random.default_rng(seed)
        n = len(graph)
        theta, radius = rng.uniform(0, 2 * np.pi, n), rng.uniform(0, 6, n)
        found = analysis.greedy_routing(graph, theta, radius)
        expected = plain_greedy(graph, theta, radius)
        assert (found.score, found.success, found.hops, found.efficiency) == pytest.approx(expected, nan_ok=True)
        for weighted in (False, True):
            value = analysis.congruence(graph, theta, radius, weighted)
            assert value == pytest.approx(plain_congruence(graph, theta, radius, weighted), nan_ok=True)


def test_ties_go_to_the_lowest_index_and_points_may_coincide():
    graph = nx.Graph([(0, 1), (0, 2), (1, 3), (2, 4), (4, 3)])
    theta, radius = np.zeros(5), np.array([3.0, 2.0, 2.0, 0.0, 1.0])
    found = analysis.greedy_routing(graph, theta, radius)
    assert found.score == pytest.approx(plain_greedy(graph, theta, radius)[0])
    zeros = np.zeros(5)
    found = analysis.greedy_routing(graph, zeros, zeros)
    assert found.score == pytest.approx(plain_greedy(graph, zeros, zeros)[0])
    assert analysis.congruence(graph, zeros, zeros) == 1.0


def test_nodes_without_coordinates_are_left_out():
    graph = nx.karate_club_graph()
    theta, radius = np.linspace(0, 6, 34), np.linspace(1, 5, 34)
    expected = analysis.greedy_routing(graph.subgraph(range(30)), theta[:30], radius[:30])
    theta[30:] = np.nan
    assert analysis.greedy_routing(graph, theta, radius) == expected
    with pytest.raises(NetsparseError, match="34 numbers"):
        analysis.greedy_routing(graph, theta[:5], radius)


def test_npso_networks_at_temperature_0_are_navigable():
    for seed in range(3):
        network = analysis.npso(300, 4, 0.0, 2.5, seed=seed)
        found = analysis.greedy_routing(network.adjacency, network.theta, network.radius)
        assert found.score > 0.97
        assert found.efficiency > 0.6
        assert analysis.congruence(network.adjacency, network.theta, network.radius) > 0.5


def test_the_measures_are_of_the_embedding():
    graph = nx.karate_club_graph()
    embedding = analysis.coalescent_embedding(graph)
    expected = analysis.greedy_routing(graph, embedding.theta, embedding.radius)
    assert analysis.greedy_routing_score(graph) == expected.score
    assert analysis.greedy_routing_efficiency(graph) == expected.efficiency
    assert analysis.geometrical_congruence(graph) == analysis.congruence(graph, embedding.theta, embedding.radius)
    assert "degrees are equal" in analysis.greedy_routing_hops(nx.cycle_graph(7)).reason
    assert "degrees are equal" in analysis.geometrical_congruence_weighted(nx.cycle_graph(7)).reason


def test_sampled_targets_and_sources_estimate_the_whole(monkeypatch):
    network = as_network(analysis.npso(600, 4, 0.3, 2.5, seed=0).adjacency)
    embedding = analysis.coalescent_embedding(network)
    coordinates = embedding.theta, embedding.radius
    exact = analysis.greedy_routing(network, *coordinates)
    whole = [analysis.congruence(network, *coordinates, weighted) for weighted in (False, True)]
    monkeypatch.setattr(network_module, "LARGE", 500)
    off = []
    for seed in range(8):
        found = analysis.greedy_routing(network, *coordinates, seed)
        some = [analysis.congruence(network, *coordinates, weighted, seed) for weighted in (False, True)]
        pairs = [(found.score, exact.score), (found.hops, exact.hops), (found.efficiency, exact.efficiency)]
        for estimate, value in (*pairs, *zip(some, whole, strict=True)):
            assert isinstance(estimate, Estimate)
            off.append((estimate - value) / estimate.standard_error)
    # 256 of 600 are drawn: errors are √(1 − 256/600) of the standard error
    assert np.sqrt(np.mean(np.square(off))) == pytest.approx(np.sqrt(1 - 256 / 600), abs=0.25)
    assert analysis.greedy_routing(network, *coordinates, 1) == analysis.greedy_routing(network, *coordinates, 1)
