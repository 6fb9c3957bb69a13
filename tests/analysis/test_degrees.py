"""Entropy and assortativity of degrees against networkx, igraph, SciPy and the authors' numbers."""

import networkx as nx
import numpy as np
import pytest
import scipy.stats

import netsparse.analysis as analysis
from netsparse import LayerGraph
from netsparse.analysis import as_network


@pytest.mark.parametrize("graph", ["bipA", "ba", "karate"])
def test_assortativity_equals_the_authors(graph, oracles, oracle_adjacency):
    found = analysis.degree_assortativity(oracle_adjacency(graph))
    assert found == pytest.approx(float(oracles[graph]["measure/assortativity"]), rel=1e-12)


def test_assortativity_equals_igraph_and_pearson(chain):
    for seed in range(4):
        network = as_network(chain(seed))
        found = analysis.degree_assortativity(network)
        assert found == pytest.approx(network.igraph.assortativity_degree(directed=False), abs=1e-12)
        rows, columns = network.adjacency.nonzero()
        pearson = np.corrcoef(network.degrees[rows], network.degrees[columns])[0, 1]
        assert found == pytest.approx(pearson, abs=1e-12)


def test_assortativity_of_degenerate_graphs():
    assert analysis.degree_assortativity(nx.cycle_graph(5)).reason == "all nodes with links have the same degree"
    assert analysis.degree_assortativity(LayerGraph.from_mask([[1, 0], [0, 0]])).reason.startswith("all nodes")
    assert analysis.degree_assortativity(nx.empty_graph(3)).reason == "no links"
    assert analysis.degree_assortativity(nx.star_graph(9)) == -1.0


def test_entropy_equals_scipy_per_side_as_well(random_layer):
    layer = random_layer(3, (30, 20))
    _, counts = np.unique(as_network(layer).degrees, return_counts=True)
    assert analysis.degree_entropy(layer) == pytest.approx(scipy.stats.entropy(counts, base=2))
    (by_group,) = (v for v in analysis.MEASURES["degree_entropy"] if v.of == "group")
    sides = by_group.function(as_network(layer))
    _, counts = np.unique(layer.target_degrees, return_counts=True)
    assert sides["t"] == pytest.approx(scipy.stats.entropy(counts, base=2))
    assert analysis.degree_entropy(nx.cycle_graph(4)) == 0.0
    assert analysis.degree_entropy(nx.empty_graph(0)).reason == "no nodes"
