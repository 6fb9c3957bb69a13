"""LCP-correlation against the authors' numbers, by hand and by looking at every link."""

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis as analysis
from netsparse import LayerGraph, NetsparseError, Snapshot
from netsparse.analysis import as_network
from netsparse.analysis.lcp import _counts_l2, _counts_l3


@pytest.mark.parametrize("graph", ["bipA", "ba", "karate"])
def test_equals_the_authors(graph, oracles, oracle_adjacency):
    expected = float(oracles[graph]["measure/LCPcorr"])
    assert analysis.lcp_correlation(oracle_adjacency(graph), paths="L2") == pytest.approx(expected, rel=1e-12)


def test_by_hand():
    links = [12, 13, 15, 17, 23, 27, 34, 35, 37, 45, 46, 56, 57, 67]
    graph = nx.Graph([divmod(pair, 10) for pair in links])
    assert analysis.lcp_correlation(graph) == pytest.approx(0.8148, abs=1e-4)


def plain(graph: nx.Graph, u: int, v: int, length: int) -> tuple[int, int]:
    """Count the nodes on paths of a length between the ends of a link, and the links among or between them."""
    if length == 2:
        common = set(graph[u]) & set(graph[v])
        return len(common), graph.subgraph(common).number_of_edges()
    middle = [(a, b) for a in graph[u] for b in graph[v] if a != v and b != u and graph.has_edge(a, b)]
    return len({node for link in middle for node in link}), len(middle)


def test_counts_of_every_link(chain, random_layer):
    graphs = [as_network(random_layer(s, (12, 9), 0.3)) for s in range(3)] + [as_network(chain(1, (6, 7, 5), 0.4))]
    for network in graphs:
        graph = nx.from_scipy_sparse_array(network.adjacency)
        common, inner = _counts_l3(network.adjacency)
        expected = [plain(graph, u, v, 3) for u, v in sorted(map(sorted, graph.edges))]
        assert list(zip(common.tolist(), inner.tolist(), strict=True)) == expected
        b = network.adjacency.toarray()
        formula = [(b @ b @ b)[u, v] - network.degrees[u] - network.degrees[v] + 1 for u, v in sorted(graph.edges)]
        assert inner.tolist() == formula
        numbers = np.array([pair for pair in expected if pair[0]])
        assert analysis.lcp_correlation(network) == pytest.approx(np.corrcoef(numbers.T)[0, 1])
    for graph in (nx.karate_club_graph(), nx.gnp_random_graph(30, 0.4, seed=1), nx.complete_graph(6)):
        network = as_network(graph)
        common, inner = _counts_l2(network.adjacency)
        rows, columns = network.adjacency.nonzero()
        upper = rows < columns
        expected = [plain(graph, u, v, 2) for u, v in zip(rows[upper], columns[upper], strict=True)]
        assert list(zip(common[upper].tolist(), inner[upper].tolist(), strict=True)) == expected


def test_counts_of_every_link_of_nasty_graphs(nasty_layer):
    """Both forms on empty, hub-heavy, full and disconnected ones; the second one with a triangle at every link."""
    network = as_network(nasty_layer)
    graph = nx.from_scipy_sparse_array(network.adjacency)
    common, inner = _counts_l3(network.adjacency)
    expected = [plain(graph, u, v, 3) for u, v in sorted(map(sorted, graph.edges))]
    assert list(zip(common.tolist(), inner.tolist(), strict=True)) == expected
    graph.add_edges_from([("top", node) for node in list(graph)])
    network = as_network(nx.convert_node_labels_to_integers(graph))
    graph = nx.from_scipy_sparse_array(network.adjacency)
    common, inner = _counts_l2(network.adjacency)
    rows, columns = network.adjacency.nonzero()
    expected = [plain(graph, u, v, 2) for u, v in zip(rows, columns, strict=True) if u < v]
    upper = rows < columns
    assert list(zip(common[upper].tolist(), inner[upper].tolist(), strict=True)) == expected


def test_which_paths():
    skip = [
        LayerGraph.from_mask(np.ones((3, 3)), name, source, target)
        for name, source, target in (("a", "x", "y"), ("b", "y", "z"), ("c", "x", "z"))
    ]
    assert as_network(Snapshot(skip)).sides is None
    assert analysis.lcp_correlation(Snapshot(skip)) == 0.0  # all links alike
    layer = LayerGraph.from_mask(np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 1, 1]]))
    assert analysis.lcp_correlation(layer, paths="L2") == 0.0
    assert analysis.lcp_correlation(layer) == analysis.lcp_correlation(layer, paths="L3") != 0.0
    with pytest.raises(NetsparseError, match="odd cycle"):
        analysis.lcp_correlation(nx.complete_graph(3), paths="L3")
    with pytest.raises(NetsparseError, match="'auto', 'L2' or 'L3'"):
        analysis.lcp_correlation(layer, paths="L4")


def test_degenerate_graphs_give_0():
    for graph in (nx.empty_graph(0), nx.empty_graph(3), nx.complete_graph(3), nx.complete_graph(5), nx.star_graph(4)):
        assert analysis.lcp_correlation(graph) == 0.0
    for mask in (np.ones((3, 4)), np.zeros((2, 2)), np.eye(3), np.zeros((0, 0))):
        assert analysis.lcp_correlation(LayerGraph.from_mask(mask)) == 0.0
