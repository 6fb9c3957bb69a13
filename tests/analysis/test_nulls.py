"""Null models: what they keep, and that they are random; the numbers of significance."""

import itertools

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from pandas.testing import assert_frame_equal

from netsparse import LayerGraph, NetsparseError, Snapshot
from netsparse.analysis import as_network, jobs, measure
from netsparse.analysis.nulls import erdos_renyi, rewired
from netsparse.analysis.significance import significance
from netsparse.topologies import rewired as module


def degrees_of(layer):
    return layer.source_degrees.tolist(), layer.target_degrees.tolist()


@pytest.mark.parametrize("by_bits", [True, False])
def test_rewired_layers_keep_degrees_and_sides(nasty_layer, by_bits, monkeypatch):
    if not by_bits:
        monkeypatch.setattr(module, "_BITS", -1)
    for toward in ("random", "lattice"):
        null = rewired(nasty_layer, 3, toward=toward).layers[0]
        assert degrees_of(null) == degrees_of(nasty_layer)
        assert null.biadjacency.has_canonical_format
        assert (null.source, null.target, null.name) == (nasty_layer.source, nasty_layer.target, nasty_layer.name)


def test_both_ways_to_look_a_link_up_give_the_same(random_layer, monkeypatch):
    layer = random_layer(1, (40, 30), 0.2)
    by_bits = rewired(layer, 5).layers[0]
    monkeypatch.setattr(module, "_BITS", -1)
    assert rewired(layer, 5).layers[0] == by_bits
    assert rewired(layer, 6).layers[0] != by_bits


def test_weights_move_with_the_links_of_their_source(random_layer):
    layer = random_layer(2, (25, 30), 0.2)
    null = rewired(layer, 0).layers[0]
    assert not np.array_equal(null.biadjacency.indices, layer.biadjacency.indices)
    for row in range(25):
        span = slice(*layer.biadjacency.indptr[row : row + 2])
        assert sorted(null.weights[span]) == sorted(layer.weights[span])
    random = erdos_renyi(layer, 0).layers[0]
    assert sorted(random.weights) == sorted(layer.weights)


def test_every_mask_of_the_same_degrees_comes_equally_often():
    """All 3 × 3 masks with degrees (2, 1, 1) and (2, 1, 1), found by brute force."""
    start = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
    masks = [np.reshape(m, (3, 3)) for m in itertools.product([0, 1], repeat=9)]
    same = [m for m in masks if (m.sum(0) == start.sum(0)).all() and (m.sum(1) == start.sum(1)).all()]
    rng = np.random.default_rng(0)
    found = [module.rewired(sp.csr_array(start), rng, 30).toarray().tobytes() for _ in range(2000)]
    counts = np.array([found.count(m.astype(start.dtype).tobytes()) for m in same])
    assert counts.sum() == 2000
    expected = 2000 / len(same)
    assert ((counts - expected) ** 2 / expected).sum() < 3 * len(same)


@pytest.mark.parametrize(
    "graph",
    [
        nx.karate_club_graph(),
        nx.star_graph(6),
        nx.complete_graph(5),
        nx.path_graph(2),
        nx.empty_graph(0),
        nx.empty_graph(3),
        nx.barabasi_albert_graph(80, 3, seed=0),
    ],
    ids=["karate", "star", "full", "one link", "no nodes", "no links", "hubs"],
)
def test_rewired_graphs_keep_degrees(graph):
    network = as_network(graph)
    for toward in ("random", "lattice"):
        null = rewired(graph, 1, toward=toward)
        assert null.degrees.tolist() == network.degrees.tolist()
        assert (null.adjacency != null.adjacency.T).nnz == 0
        assert null.adjacency.diagonal().sum() == 0
        assert null.adjacency.has_canonical_format
    random = erdos_renyi(graph, 1)
    assert (random.n_nodes, random.n_links) == (network.n_nodes, network.n_links)


def test_rewiring_forgets_the_start_and_the_lattice_is_one():
    ring = sp.csr_array(sum(np.eye(60, k=k) + np.eye(60, k=k - 60) for k in range(4)) > 0)
    null = rewired(LayerGraph.from_mask(ring), 0).layers[0].biadjacency
    overlap = null.multiply(ring).nnz / ring.nnz
    assert overlap < 0.2
    back = rewired(LayerGraph.from_mask(null), 0, 200, toward="lattice").layers[0].biadjacency

    def gap(matrix):
        row, column = matrix.nonzero()
        away = np.abs(row - column) / 60
        return np.minimum(away, 1 - away).mean()

    assert gap(back) < 0.35 * gap(null)


def test_erdos_renyi_layers_of_a_network(chain):
    network = chain(1)
    null = erdos_renyi(network, 0)
    assert null.groups == network.groups
    assert [layer.n_links for layer in null.layers] == [layer.n_links for layer in network]
    assert null.layers[0] != network.layers[0]
    assert erdos_renyi(network, 0).layers[0] == null.layers[0]
    full = LayerGraph.from_mask(np.ones((3, 4)))
    assert erdos_renyi(full, 0).layers[0] == full


def test_a_layer_with_weights_and_without_links_has_null_models():
    empty = LayerGraph.from_weight(np.zeros((3, 2)))
    assert erdos_renyi(empty).layers[0].weights.tolist() == []
    table = measure(empty, ["n_links"], nulls=2)
    assert table[["value", "null_mean", "er_mean"]].to_numpy().tolist() == [[0, 0, 0]]


def test_bad_requests():
    with pytest.raises(NetsparseError, match="negative"):
        rewired(nx.path_graph(4), 0, -1)
    with pytest.raises(NetsparseError, match="toward"):
        rewired(nx.path_graph(4), 0, toward="hub")


def test_significance_by_hand():
    nulls = [1.0, 2.0, 3.0, 4.0]
    found = significance(5.0, nulls)
    assert found.null_mean == 2.5
    assert found.null_sd == pytest.approx(np.std(nulls, ddof=1))
    assert found.z == pytest.approx(2.5 / np.std(nulls, ddof=1))
    assert found.p == pytest.approx(2 * 1 / 5)
    assert significance(2.0, nulls).p == 1.0
    assert significance(1.0, nulls).p == pytest.approx(2 * 2 / 5)
    same = significance(2.0, [2.0, 2.0 + 1e-15])
    assert np.isnan(same.z)
    assert same.p == 1.0
    assert np.isnan(significance(float("nan"), nulls).p)
    assert significance(float("nan"), nulls).null_mean == 2.5
    assert all(np.isnan(number) for number in significance(1.0, [float("nan")]))
    assert significance(1.0, [float("nan"), 3.0]).null_mean == 3.0


def test_p_is_uniform_where_there_is_nothing():
    rng = np.random.default_rng(0)
    p = np.array([significance(x[0], x[1:]).p for x in rng.standard_normal((400, 40))])
    assert 0.42 < p.mean() < 0.6
    assert (p <= 0.1).mean() < 0.16


def test_sides(chain):
    network = as_network(chain(1))
    assert network.sides.tolist() == [False] * 12 + [True] * 14 + [False] * 13 + [True] * 10
    triangle = [
        LayerGraph.from_mask(np.eye(2), "a", "x", "y"),
        LayerGraph.from_mask(np.eye(2), "b", "y", "z"),
        LayerGraph.from_mask(np.eye(2)[::-1], "c", "x", "z"),
    ]
    sides = as_network(Snapshot(triangle)).sides  # the groups form a triangle, the neurons a ring of six
    assert sides is not None
    assert as_network(nx.cycle_graph(5)).sides is None
    for graph in (nx.cycle_graph(6), nx.path_graph(5), nx.star_graph(4), nx.empty_graph(3), nx.empty_graph(0)):
        sides = as_network(graph).sides
        assert all(sides[u] != sides[v] for u, v in graph.edges)


@pytest.mark.parametrize(
    "graph", [nx.cycle_graph(8), nx.balanced_tree(2, 3), nx.bipartite.random_graph(9, 7, 0.3, seed=1), nx.star_graph(5)]
)
def test_a_graph_that_has_two_sides_keeps_them(graph):
    network = as_network(graph)
    for null in (rewired(network, 2), rewired(network, 2, toward="lattice"), erdos_renyi(network, 2)):
        rows, columns = null.adjacency.nonzero()
        assert (network.sides[rows] != network.sides[columns]).all()
        assert null.n_links == network.n_links
    assert rewired(network, 2).degrees.tolist() == network.degrees.tolist()


def test_a_two_sided_graph_is_measured_as_the_layer_that_it_is(random_layer):
    layer = random_layer(3, (30, 20), 0.2)
    names = [
        "lcp_correlation",
        "small_world_sigma",
        "robins_alexander_clustering",
        "clustering",
        "degree_assortativity",
    ]
    columns = ["measure", "value", "null_mean", "null_sd", "z", "p", "er_mean", "er_z", "er_p"]
    one, other = (measure(graph, names, nulls=3) for graph in (layer, as_network(layer).adjacency))
    one, other = (t[t["scope"].isin(["layer", "network"])][columns].reset_index(drop=True) for t in (one, other))
    assert_frame_equal(one[columns[:6]], other[columns[:6]])
    assert np.isfinite(other[["er_mean", "null_mean"]].to_numpy()).all()


def test_a_number_without_null_models_to_compare_with_says_so(monkeypatch):
    for kind, (_, number) in jobs.NULL_MODELS.items():
        monkeypatch.setitem(jobs.NULL_MODELS, kind, (lambda *_: as_network(nx.star_graph(3)), number))
    table = measure(nx.cycle_graph(8), ["robins_alexander_clustering", "n_links"], nulls=2).set_index("measure")
    assert table.loc["robins_alexander_clustering", "value"] == 0.0
    assert np.isnan(table.loc["robins_alexander_clustering", "null_mean"])
    assert table["reason"].tolist() == ["no null model has a value to compare with", ""]
