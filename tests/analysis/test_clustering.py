"""Clustering against networkx and hand-made numbers; small-worldness on graphs whose nature is known."""

import itertools

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis as analysis
from netsparse import LayerGraph, Snapshot
from netsparse.analysis import as_network
from netsparse.analysis.clustering import n_four_cycles, n_three_paths
from netsparse.analysis.measure import MEASURES


def by_node(name, graph):
    (variant,) = (v for v in MEASURES[name] if v.of == "node")
    return variant.function(as_network(graph))


def check_two_sided(graph: nx.Graph) -> None:
    """Compare with networkx, which wants nodes that have two sides."""
    expected = nx.bipartite.latapy_clustering(graph, mode="dot")
    assert by_node("latapy_clustering", graph) == pytest.approx(np.array([expected[v] for v in graph]), rel=1e-12)
    if len(graph):
        assert analysis.latapy_clustering(graph) == pytest.approx(np.mean(list(expected.values())), rel=1e-12)
    found = analysis.robins_alexander_clustering(graph)
    if n_three_paths(as_network(graph)):
        assert found == pytest.approx(nx.bipartite.robins_alexander_clustering(graph), rel=1e-12)
    else:
        assert found.reason == "no path of three links"


def test_two_sided_clustering_equals_networkx_on_nasty_layers(nasty_layer):
    check_two_sided(nx.from_scipy_sparse_array(as_network(nasty_layer).adjacency))


def test_two_sided_clustering_equals_networkx_on_networks(chain):
    for seed in range(3):
        network = chain(seed)
        check_two_sided(nx.from_scipy_sparse_array(network.adjacency))
        values = as_network(network).by_group(by_node("latapy_clustering", network))
        (variant,) = (v for v in MEASURES["latapy_clustering"] if v.of == "group")
        means = variant.function(as_network(network))
        assert means == pytest.approx({group: own.mean() for group, own in values.items()})


def plain_counts(graph: nx.Graph) -> tuple[int, int]:
    """Count four-cycles and paths of three links by trying all quadruples of nodes."""
    cycles = paths = 0
    for a, b, c, d in itertools.permutations(graph, 4):
        if graph.has_edge(a, b) and graph.has_edge(b, c) and graph.has_edge(c, d):
            paths += 1
            cycles += graph.has_edge(d, a)
    return cycles // 8, paths // 2


@pytest.mark.parametrize("seed", range(4))
def test_counts_equal_enumeration(seed):
    graph = nx.bipartite.random_graph(6, 7, 0.4, seed=seed)
    network = as_network(graph)
    assert (n_four_cycles(network), n_three_paths(network)) == plain_counts(graph)


def test_two_sided_clustering_by_hand():
    full = nx.complete_bipartite_graph(3, 3)
    assert n_four_cycles(as_network(full)) == 9
    assert n_three_paths(as_network(full)) == 36
    assert analysis.robins_alexander_clustering(full) == 1.0
    assert analysis.robins_alexander_clustering(nx.cycle_graph(8)) == 0.0
    assert "odd cycle" in analysis.robins_alexander_clustering(nx.cycle_graph(7)).reason
    assert "odd cycle" in analysis.latapy_clustering(nx.cycle_graph(7)).reason


def test_clustering_of_triangles(oracles, oracle_adjacency, chain):
    graphs = [nx.karate_club_graph(), nx.star_graph(4), nx.empty_graph(3), nx.gnp_random_graph(30, 0.3, seed=0)]
    for graph in graphs:
        expected = nx.clustering(nx.Graph(graph.edges) if not graph.nodes else graph)
        assert by_node("clustering", graph) == pytest.approx(np.array([expected[v] for v in graph]))
        assert analysis.clustering(graph) == pytest.approx(nx.average_clustering(graph))
    assert analysis.clustering(nx.Graph(["12", "13", "14", "15", "16", "17", "23", "45", "67"])) == pytest.approx(
        0.8857, abs=1e-4
    )
    for name in ("bipA", "ba", "karate"):
        expected = float(oracles[name]["measure/clustering"])
        assert analysis.clustering(oracle_adjacency(name)) == pytest.approx(expected, rel=1e-12)
    assert analysis.clustering(chain(1)) == 0.0
    assert analysis.clustering(nx.empty_graph(0)).reason == "no nodes"


def test_small_worldness_of_small_worlds_lattices_and_random_graphs():
    small, random = nx.connected_watts_strogatz_graph(150, 6, 0.05, seed=1), nx.gnm_random_graph(150, 450, seed=1)
    assert analysis.small_world_sigma(small) > 4
    assert 0.5 < analysis.small_world_sigma(random) < 1.8
    assert analysis.small_world_omega(nx.watts_strogatz_graph(150, 6, 0.0)) < -0.6
    assert abs(analysis.small_world_omega(small)) < 0.6
    assert analysis.small_world_omega(random) > 0.7


def test_small_worldness_of_layers_is_that_of_four_cycles():
    """A ring of two sides, a twentieth of whose links are somewhere else."""
    n = 80
    ring = sum(np.eye(n, k=k, dtype=int) + (np.eye(n, k=k - n, dtype=int) if k else 0) for k in range(5))
    rng = np.random.default_rng(0)
    moved = rng.random(ring.shape) < 0.05
    mask = np.where(moved & (ring > 0), 0, ring)
    mask[rng.integers(0, n, 20), rng.integers(0, n, 20)] = 1
    layer = LayerGraph.from_mask(mask)
    assert analysis.small_world_sigma(layer) > 2
    assert analysis.small_world_omega(layer) < 0.5
    random = LayerGraph.from_mask(rng.random((n, n)) < 0.06)
    assert analysis.small_world_sigma(random) == pytest.approx(1.0, abs=0.35)
    assert analysis.small_world_omega(random) > 0.5
    joined = Snapshot([layer.renamed("a", "x", "y"), random.renamed("b", "y", "z")])
    assert 1 < analysis.small_world_sigma(joined) < analysis.small_world_sigma(layer)


def test_small_worldness_where_there_is_none(nasty_layer):
    for measure in (analysis.small_world_sigma, analysis.small_world_omega):
        value = measure(nasty_layer)
        assert np.isfinite(value) or value.reason
    assert analysis.small_world_sigma(nx.star_graph(5)).reason == "no path of three links"
    assert analysis.small_world_omega(nx.empty_graph(3)).reason == "no two nodes are joined"
