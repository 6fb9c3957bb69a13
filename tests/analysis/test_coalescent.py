"""Coalescent embedding against the authors' own numbers, and by plain twins of its parts."""

import igraph
import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph

import netsparse.analysis as analysis
import netsparse.analysis.network as network_module
from netsparse import LayerGraph, NetsparseError
from netsparse.analysis import as_network, coalescent, reductions, weighted_paths
from netsparse.analysis.pre_weighting import common_neighbours, weigh

GRAPHS = ("bipA", "ba", "karate")
REDUCTIONS = ("ISO", "ncISO", "MCE", "ncMCE", "LE")


def pairwise(theta: np.ndarray) -> np.ndarray:
    return np.pi - np.abs(np.pi - np.abs(theta[:, None] - theta[None]))


@pytest.fixture(params=GRAPHS)
def oracle(request, oracles, oracle_adjacency):
    return oracles[request.param], as_network(oracle_adjacency(request.param))


@pytest.mark.parametrize("dense", [300, 10], ids=["direct", "iterative"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighting", ["RA1", "RA2"])
def test_embedding_equals_the_authors(oracle, weighting, reduction, dense, monkeypatch):
    numbers, network = oracle
    monkeypatch.setattr(reductions, "_DENSE", dense)
    monkeypatch.setattr(reductions, "_KRYLOV", 30)
    expected = numbers[f"embedding/{weighting}_{reduction}_original"]
    found = analysis.coalescent_embedding(network.adjacency, weighting, reduction, None)
    assert np.allclose(pairwise(found.theta), pairwise(expected[:, 0]), atol=1e-6)
    assert np.allclose(found.radius, expected[:, 1], atol=1e-12)
    assert (found.share, found.reason, found.n_landmarks) == (1.0, "", 0)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighting", ["RA1", "RA2"])
def test_equidistant_adjustment_is_the_authors_circular_order(oracle, weighting, reduction):
    """Nodes of equal coordinates may stand in any order; all others stand where the authors have them."""
    numbers, network = oracle
    expected = numbers[f"embedding/{weighting}_{reduction}_EA"][:, 0]
    original = numbers[f"embedding/{weighting}_{reduction}_original"][:, 0]
    found = analysis.coalescent_embedding(network, weighting, reduction, "EA").theta
    n = len(found)
    assert np.allclose(np.sort(found), np.arange(n) * 2 * np.pi / n)
    # numbers of the groups of equal coordinates in circular order, in both, must be equal up to rotation and reflection
    gaps = np.diff(np.sort(original), append=original.min() + 2 * np.pi)
    group = np.empty(n, int)
    group[np.argsort(original)] = np.concatenate([[0], np.cumsum(gaps > 1e-9)[:-1]])
    n_groups = group.max() + 1
    mine, theirs = (group[np.argsort(angles)] for angles in (found, expected))
    assert np.array_equal(np.sort(mine), np.sort(theirs))

    def steps(circle):
        changed = circle[np.flatnonzero(circle != np.roll(circle, 1))]
        return {((changed[(i + 1) % len(changed)] - c) % n_groups) for i, c in enumerate(changed)}

    assert steps(theirs) <= {1, n_groups - 1, 0}
    assert steps(mine) <= {1, n_groups - 1, 0}


def test_three_dimensions(oracle):
    _, network = oracle
    for reduction in ("ISO", "ncISO", "LE"):
        ball = analysis.coalescent_embedding(network, reduction=reduction, dims=3)
        disk = analysis.coalescent_embedding(network, reduction=reduction, angular_adjustment=None)
        assert np.allclose(pairwise(ball.theta), pairwise(disk.theta), atol=1e-9)  # the azimuth is the disk's angle
        assert np.array_equal(ball.radius, disk.radius)
        assert np.abs(ball.elevation).max() <= np.pi / 2
    lengths = csgraph.dijkstra(weigh(network.adjacency, "RA1"))
    values, vectors = np.linalg.eigh(lengths)
    order = np.argsort(-np.abs(values))[1:4]
    x = np.sqrt(np.abs(values[order])) * vectors[:, order]
    ball = analysis.coalescent_embedding(network, dims=3)
    assert np.allclose(np.abs(ball.elevation), np.abs(np.arctan2(x[:, 2], np.hypot(x[:, 0], x[:, 1]))), atol=1e-9)


def test_edge_betweenness_as_weights(oracle):
    _, network = oracle
    lengths = weigh(network.adjacency, "EBC")
    expected = nx.edge_betweenness_centrality(nx.from_scipy_sparse_array(network.adjacency), normalized=False)
    assert all(lengths[i, j] == pytest.approx(value) == lengths[j, i] for (i, j), value in expected.items())
    assert np.isfinite(analysis.coalescent_embedding(network, "EBC", "MCE").theta).all()


def test_common_neighbours_equal_the_square_of_the_adjacency():
    rng = np.random.default_rng(0)
    for n, density in ((1, 0.0), (5, 1.0), (40, 0.3), (150, 0.05)):
        mask = np.triu(rng.random((n, n)) < density, 1)
        adjacency = as_network((mask | mask.T).astype(int)).adjacency
        square = (adjacency @ adjacency).toarray()
        rows, columns = adjacency.tocoo().coords
        assert np.array_equal(common_neighbours(adjacency), square[rows, columns])


@pytest.mark.parametrize("lengths", ["whole", "long", "real"])
def test_weighted_distances_equal_dijkstra(lengths):
    rng = np.random.default_rng(1)
    for n, density in ((1, 0.0), (7, 0.0), (30, 1.0), (90, 0.04), (200, 0.05)):
        upper = sp.csr_array(np.triu(rng.random((n, n)) < density, 1).astype(float))
        top = {"whole": 50, "long": 2**26, "real": 1}[lengths]
        upper.data = rng.integers(1, top + 1, upper.nnz) + (rng.random(upper.nnz) if lengths == "real" else 0.0)
        links = sp.csr_array(upper + upper.T)
        expected = csgraph.dijkstra(links)
        found = weighted_paths.weighted_distances(links)
        assert np.array_equal(found, expected)
        assert found.dtype == (np.float32 if lengths == "whole" or not links.nnz else np.float64)
        if n > 50:
            sources = rng.choice(n, 37)
            assert np.array_equal(weighted_paths.weighted_distances(links, sources), expected[sources])


def test_sums_along_a_tree_equal_the_matrix():
    rng = np.random.default_rng(2)
    for n in (2, 3, 30, 120):
        upper = sp.triu(sp.csr_array(np.ones((n, n)) if n < 10 else rng.random((n, n)) + 0.01), k=1)
        links = sp.csr_array(upper + upper.T)
        links.data = np.ceil(links.data * 9)  # with ties
        tree = weighted_paths.spanning_tree(links)
        _, parent, length = tree
        plain = nx.minimum_spanning_tree(nx.from_scipy_sparse_array(links))
        assert length.sum() == pytest.approx(plain.size(weight="weight"))
        child = np.flatnonzero(parent >= 0)
        rebuilt = sp.coo_array((length[child], (child, parent[child])), shape=(n, n)).tocsr()
        distances = csgraph.dijkstra(rebuilt, directed=False)
        x = rng.standard_normal(n)
        assert np.allclose(weighted_paths.tree_sums(*tree, x, False), distances @ x)
        assert np.allclose(weighted_paths.tree_sums(*tree, x, True), distances**2 @ x)


@pytest.mark.parametrize(("gamma", "expected"), [(2.0, [0.0, 1.3863, 2.1972]), (3.0, [2.0794, 2.7726, 3.1781])])
def test_radii_by_hand(monkeypatch, gamma, expected):
    monkeypatch.setattr(coalescent, "fit_power_law", lambda _: analysis.PowerLawFit(gamma, 1, 0.0, 8))
    network = as_network(nx.path_graph(8))
    network.degrees = np.array([8, 7, 6, 5, 4, 3, 2, 1])
    assert np.allclose(analysis.hyperbolic_radii(network)[:3], expected, atol=1e-4)


def test_of_two_largest_components_the_order_of_the_nodes_does_not_choose():
    """A star and a path of five nodes each: the star, which has the highest degree, whichever comes first."""
    star, path = nx.star_graph(4), nx.path_graph(5)
    span = 2 * np.log(5) / (analysis.power_law_gamma(star) - 1)
    for graphs, hub in (((star, path), 0), ((path, star), 5)):
        network = as_network(nx.disjoint_union_all([nx.path_graph(2), *graphs]))
        assert network.giant.tolist() == list(range(hub + 2, hub + 7))
        assert analysis.hierarchical_span(network) == pytest.approx(span)


def test_embedding_of_the_giant_component_alone():
    graph = nx.disjoint_union(nx.karate_club_graph(), nx.path_graph(5))
    whole = analysis.coalescent_embedding(nx.karate_club_graph())
    part = analysis.coalescent_embedding(graph)
    assert part.share == 34 / 39
    assert np.isnan(part.theta[34:]).all()
    assert np.array_equal(part.theta[:34], whole.theta)
    equal = analysis.coalescent_embedding(nx.cycle_graph(8))
    assert np.isfinite(equal.theta).all()
    assert np.isnan(equal.radius).all()
    assert "all degrees are equal" in equal.reason


def test_all_components_are_joined_hub_to_hub():
    graph = nx.disjoint_union_all([nx.star_graph(3), nx.karate_club_graph(), nx.empty_graph(2)])
    found = analysis.coalescent_embedding(graph, components="all")
    assert found.share == 1.0
    assert np.isfinite(found.theta).all()
    joined = graph.copy()
    hub = 4 + 33  # node 33 of the karate club has most links
    joined.add_edges_from([(hub, 0), (hub, 38), (hub, 39)])
    assert np.array_equal(found.theta, analysis.coalescent_embedding(joined).theta)
    # the radii: of the degrees without the virtual links
    degrees = np.array(graph.degree)[:, 1]
    assert np.array_equal(np.argsort(found.radius, kind="stable"), np.argsort(-degrees, kind="stable"))
    connected = nx.karate_club_graph()
    one = analysis.coalescent_embedding(connected, components="all")
    assert np.array_equal(one.theta, analysis.coalescent_embedding(connected).theta)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("components", ["giant", "all"])
def test_nasty_layers_give_an_embedding_or_a_reason(nasty_layer, reduction, components):
    for weighting in ("RA1", "RA2", "EBC"):
        found = analysis.coalescent_embedding(nasty_layer, weighting, reduction, components=components)
        assert np.isfinite(found.theta).any() or found.reason
        assert np.isfinite(found.radius).any() or found.reason


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_eigenvalues_of_many_vectors_give_the_same_twice(reduction):
    for graph in (nx.star_graph(400), nx.complete_bipartite_graph(150, 160), nx.complete_graph(310)):
        first, again = (
            analysis.coalescent_embedding(graph, reduction=reduction, angular_adjustment=None) for _ in "ab"
        )
        assert np.isfinite(first.theta).all()
        assert np.array_equal(first.theta, again.theta)


def test_what_cannot_be_embedded():
    graph = nx.karate_club_graph()
    for options, message in (
        ({"pre_weighting": "RA9"}, "pre_weighting"),
        ({"reduction": "PCA"}, "reduction"),
        ({"angular_adjustment": "AE"}, "angular_adjustment"),
        ({"dims": 4}, "dims"),
        ({"dims": 3, "reduction": "MCE"}, "one dimension"),
        ({"components": "some"}, "components"),
        ({"n_landmarks": 2}, "n_landmarks"),
    ):
        with pytest.raises(NetsparseError, match=message):
            analysis.coalescent_embedding(graph, **options)


def test_the_number_of_threads_changes_nothing():
    import numba

    graph = igraph.Graph.Barabasi(400, 4)
    found = []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        found.append(analysis.coalescent_embedding(graph, angular_adjustment=None).theta)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert np.array_equal(*found)


def test_a_layer_is_embedded_as_its_graph(oracle_adjacency, oracles):
    adjacency, side = oracle_adjacency("bipA"), oracles["bipA"]["side"].astype(bool)
    order = np.concatenate([np.flatnonzero(~side), np.flatnonzero(side)])
    layer = LayerGraph.from_mask(adjacency[np.ix_(~side, side)])
    of_layer = analysis.coalescent_embedding(layer, angular_adjustment=None).theta
    of_graph = analysis.coalescent_embedding(adjacency, angular_adjustment=None).theta[order]
    assert np.allclose(pairwise(of_layer), pairwise(of_graph), atol=1e-9)


@pytest.mark.parametrize("reduction", ["ISO", "ncISO"])
def test_landmarks_place_the_nodes_where_all_distances_do(monkeypatch, reduction):
    network = analysis.npso(600, 5, 0.2, 2.5, seed=1).adjacency
    options = {"reduction": reduction, "angular_adjustment": None}
    exact = analysis.coalescent_embedding(network, **options)
    monkeypatch.setattr(network_module, "LARGE", 500)
    every = analysis.coalescent_embedding(network, n_landmarks=600, **options)
    assert np.allclose(pairwise(every.theta), pairwise(exact.theta), atol=1e-6)
    some = analysis.coalescent_embedding(network, n_landmarks=128, **options)
    assert some.n_landmarks == 128
    assert analysis.c_score(some.theta, exact.theta) > 0.97
    assert analysis.hd_correlation(some, exact) > 0.97
    assert np.array_equal(some.radius, exact.radius)
    ball = analysis.coalescent_embedding(network, n_landmarks=64, dims=3, reduction=reduction)
    assert np.isfinite(ball.elevation).all()
    # more landmarks than nodes
    assert analysis.coalescent_embedding(network, n_landmarks=10_000, **options).n_landmarks == 600
