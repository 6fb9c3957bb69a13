"""What dense or very large graphs are measured by instead, against the plain way on small ones."""

import sys

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis as analysis
import netsparse.analysis.network as network_module
from netsparse import LayerGraph, Snapshot
from netsparse.analysis import Estimate, as_network, communities, hops, lcp
from netsparse.analysis.clustering import _by_words, _over_two_steps
from netsparse.analysis.lcp_kernels import sample_l3
from netsparse.analysis.metadepth import _degeneracy


def two_sided(chain, random_layer):
    yield random_layer(1, (70, 150), 0.5)
    yield random_layer(2, (1, 64), 0.9)
    yield random_layer(3, (65, 3), 0.02)
    yield chain(1, (20, 70, 30), 0.4)
    yield nx.complete_bipartite_graph(5, 66)
    yield nx.path_graph(9)
    yield LayerGraph.from_mask(np.zeros((3, 0)))


def test_two_steps_by_words_of_bits(chain, random_layer, nasty_layer):
    for graph in [*two_sided(chain, random_layer), nasty_layer]:
        network = as_network(graph)
        cycles, overlap = _over_two_steps(*network.csr)
        by_words = _by_words(*network.csr, network.sides)
        assert np.array_equal(by_words[0], cycles)
        assert by_words[1] == pytest.approx(overlap, rel=1e-12)


def test_dense_layers_go_by_words(random_layer, monkeypatch):
    layer = random_layer(1, (70, 150), 0.5)
    expected = analysis.latapy_clustering(layer), analysis.robins_alexander_clustering(layer)
    monkeypatch.setattr(sys.modules["netsparse.analysis.clustering"], "MANY_STEPS", 0)
    found = analysis.latapy_clustering(layer), analysis.robins_alexander_clustering(layer)
    assert found == pytest.approx(expected, rel=1e-12)


def test_counts_of_some_links_are_those_of_all(chain, random_layer):
    for graph in two_sided(chain, random_layer):
        network = as_network(graph)
        common, inner = lcp._counts_l3(network.adjacency)
        pairs = network.links.astype(np.int32)
        near, middle = sample_l3(*network.csr, pairs[:, 0].copy(), pairs[:, 1].copy())
        assert np.array_equal(near, common)
        assert np.array_equal(middle, inner)


def test_lcp_correlation_of_a_sample(random_layer, monkeypatch):
    layer = random_layer(1, (70, 90), 0.1)
    exact = analysis.lcp_correlation(layer)
    monkeypatch.setattr(lcp, "MANY_STEPS", 0)
    found = analysis.lcp_correlation(layer, seed=1)
    assert isinstance(found, Estimate)
    assert abs(found - exact) < 6 * found.standard_error
    assert found.standard_error == pytest.approx((1 - found**2) / np.sqrt(1023), rel=0.05)
    assert found == analysis.lcp_correlation(layer, seed=1)


def test_communities_of_sampled_links_are_measured_on_all(monkeypatch):
    blocks = np.kron(np.eye(3), np.ones((20, 30))) > 0
    layer = LayerGraph.from_mask(blocks | (np.random.default_rng(0).random(blocks.shape) < 0.05))
    expected = analysis.modularity(layer), analysis.bipartite_modularity(layer)
    monkeypatch.setattr(communities, "_MOST_LINKS", 1000)
    monkeypatch.setattr(communities, "_N_SAMPLED", 900)
    assert (analysis.modularity(layer), analysis.bipartite_modularity(layer)) == pytest.approx(expected, abs=1e-12)
    assert analysis.n_communities(layer) == 3


@pytest.mark.parametrize("seed", range(5))
def test_degeneracy_against_networkx(seed, random_layer, nasty_layer):
    for graph in (
        nx.gnm_random_graph(40, 60 + 40 * seed, seed=seed),
        nx.barabasi_albert_graph(60, 1 + seed, seed=seed),
        nx.empty_graph(seed),
        nx.complete_graph(seed + 1),
        nx.from_scipy_sparse_array(as_network(random_layer(seed, (20, 30), 0.1 * seed)).adjacency),
        nx.from_scipy_sparse_array(as_network(nasty_layer).adjacency),
    ):
        assert _degeneracy(*as_network(graph).csr) == max(nx.core_number(graph).values(), default=0)


def test_dense_graphs_are_searched_only_as_far_as_needed(random_layer, chain):
    """Rows are left as soon as all is found: with more neighbours than are looked at at a time."""
    for graph in (random_layer(1, (60, 90), 0.6), random_layer(2, (200, 40), 0.3), chain(3, (50, 40, 60), 0.5)):
        network = as_network(graph)
        lengths = dict(nx.all_pairs_shortest_path_length(nx.from_scipy_sparse_array(network.adjacency)))
        found = hops.hops(network)
        total = sum(sum(row.values()) for row in lengths.values())
        assert int(found.block_total.sum()) == total
        assert found.diameter == max(max(row.values()) for row in lengths.values())


def test_what_is_large(monkeypatch, random_layer):
    layer = random_layer(1, (20, 30), 0.5)
    assert not as_network(layer).is_large
    monkeypatch.setattr(network_module, "WORK", 50 * layer.n_links - 1)
    assert as_network(layer).is_large
    assert as_network(Snapshot(layer)).is_large
    monkeypatch.undo()
    assert not network_module.is_large(16_384, 500_000)
    assert network_module.is_large(15_104, 22_500_000)
    assert network_module.is_large(20_001, 0)
