import logging
import sys

import numpy as np
import pytest

from netsparse import NetsparseError
from netsparse.topologies import (
    TOPOLOGIES,
    check_options,
    correlated,
    erdos_renyi,
    layer_densities,
    receptive_field,
    scale_free,
    small_world,
)
from netsparse.topologies.budget import random_unlinked
from netsparse.topologies.correlated import correlation_matrix
from netsparse.topologies.race import sample

DATA = np.random.default_rng(0).random((50, 6)) @ np.random.default_rng(1).random((6, 12))


@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("shape", [(12, 12), (12, 30), (5, 7), (1, 1), (0, 4), (3, 0)])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.37, 1.0])
def test_every_topology_keeps_the_contract(name, shape, density):
    """Exact link count, canonical CSR of the shape, same seed same links."""
    if name == "fully_connected" and density < 1.0 and 0 not in shape:
        with pytest.raises(NetsparseError, match="density 1"):
            TOPOLOGIES[name](shape, density, np.random.default_rng(0), DATA)
        return
    made = [TOPOLOGIES[name](shape, density, np.random.default_rng(3), DATA) for _ in range(2)]
    assert made[0].shape == shape
    assert made[0].nnz == round(density * shape[0] * shape[1])
    assert made[0].has_canonical_format
    assert set(made[0].data.tolist()) <= {1}
    assert np.array_equal(made[0].toarray(), made[1].toarray())


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_impossible_densities_are_refused(name):
    for density in (-0.1, 1.5):
        with pytest.raises(NetsparseError, match="density"):
            TOPOLOGIES[name]((3, 3), density, np.random.default_rng(0), DATA)


def test_erdos_renyi_is_uniform():
    rng = np.random.default_rng(0)
    counts = sum(erdos_renyi((6, 5), 0.3, rng).toarray() for _ in range(3000))
    assert np.all(np.abs(counts - 900) < 5 * np.sqrt(3000 * 0.3 * 0.7))


def test_random_unlinked_never_takes_what_is_taken():
    rng = np.random.default_rng(0)
    taken = np.array([0, 1, 5, 6, 14])
    for k in (0, 3, 10, 50):
        drawn = random_unlinked((3, 5), taken, k, rng)
        assert len(np.unique(drawn)) == len(drawn) == min(k, 10)
        assert not set(drawn) & set(taken)
        assert np.all((drawn >= 0) & (drawn < 15))


def test_correlation_matrix_equals_numpy():
    found = correlation_matrix(DATA)
    expected = np.abs(np.corrcoef(DATA.T))
    np.fill_diagonal(expected, 0.0)
    assert np.allclose(found, expected, atol=1e-5)


def test_correlation_matrix_in_batches_is_the_same(monkeypatch):
    whole = correlation_matrix(DATA)
    # by its module: the package shows the function of the same name
    monkeypatch.setattr(sys.modules["netsparse.topologies.correlated"], "_BATCH", 7)
    assert np.allclose(correlation_matrix(DATA), whole, atol=1e-6)


def test_correlated_of_data_without_features():
    none = np.empty((5, 0))
    assert correlated((0, 3), 0.5, np.random.default_rng(0), none).shape == (0, 3)
    with pytest.raises(NetsparseError, match="these have none"):
        correlated((2, 3), 0.5, np.random.default_rng(0), none)


def test_correlated_links_the_largest_correlations():
    mask = correlated((12, 12), 30 / 144, np.random.default_rng(0), DATA).toarray()
    correlation = correlation_matrix(DATA)
    assert correlation[mask == 1].min() >= correlation[mask == 0].max()
    assert np.all(np.diag(mask) == 0)


def test_correlated_tiles_to_other_widths_and_takes_the_first_rows():
    wide = correlated((24, 24), 0.1, np.random.default_rng(0), DATA).toarray()
    scores = np.tile(correlation_matrix(DATA), (2, 2))
    assert scores[wide == 1].min() >= scores[wide == 0].max()
    cut = correlated((12, 18), 0.1, np.random.default_rng(0), DATA).toarray()
    assert scores[:12, :18][cut == 1].min() >= scores[:12, :18][cut == 0].max()


def test_constant_features_get_no_link_and_missing_links_are_drawn_and_told(caplog):
    data = np.zeros((10, 4))
    data[:, 0] = np.arange(10)
    data[:, 1] = -np.arange(10)
    mask = correlated((4, 4), 2 / 16, np.random.default_rng(0), data).toarray()
    assert np.argwhere(mask).tolist() == [[0, 1], [1, 0]]
    with caplog.at_level(logging.WARNING, "netsparse"):
        more = correlated((4, 4), 6 / 16, np.random.default_rng(0), data)
    assert more.nnz == 6
    assert "drawn at random" in caplog.text


def test_correlated_needs_data():
    for data, message in (
        (None, "needs data"),
        (np.ones((1, 4)), "two samples"),
        (np.ones(4), "two samples"),
        (np.array([[1.0, 2.0], [3.0, np.nan]]), "NaN or infinity, first in feature 1"),
    ):
        with pytest.raises(NetsparseError, match=message):
            correlated((4, 4), 0.1, np.random.default_rng(0), data)


def test_csti_needs_one_matrix_of_features_by_features():
    import tracemalloc

    data = np.random.default_rng(0).random((300, 2000), np.float32)
    correlated((2000, 2000), 0.01, np.random.default_rng(0), data)  # compiles
    tracemalloc.start()
    correlated((2000, 2000), 0.01, np.random.default_rng(0), data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    one, block, batch = 4 * 2000**2, 16 * 2**20, 3 * 8 * 256 * 2000
    assert peak < 1.1 * one + min(block, one) + batch


def bipartite(graph):
    """As networkx has it: source neurons 0 … n − 1."""
    import networkx as nx

    return nx.algorithms.bipartite.from_biadjacency_matrix(graph.tocsr())


def test_small_world_is_clustered_like_a_lattice_and_short_like_a_random_graph():
    import networkx as nx

    found = {}
    for beta in (0.0, 0.1, 1.0):
        made = bipartite(small_world((150, 150), 8 / 150, np.random.default_rng(0), beta=beta))
        found[beta] = nx.average_shortest_path_length(made), nx.bipartite.average_clustering(made)
    (long, clustered), (length, clustering), (short, loose) = found.values()
    assert clustered > 2.5 * loose
    assert clustering > 2 * loose
    assert long > 3 * short
    assert length < 1.5 * short


def test_small_world_lattice_links_the_nearest_and_spreads_the_remainder():
    lattice = small_world((40, 30), 100 / 1200, np.random.default_rng(0), beta=0.0).toarray()
    assert set(lattice.sum(axis=0)) == {3, 4}
    at = (np.arange(40) + 0.5) / 40
    apart = np.abs(at[:, None] - (np.arange(30) + 0.5) / 30)
    apart = 40 * np.minimum(apart, 1 - apart)
    for j in range(30):
        assert apart[lattice[:, j] == 1, j].max() <= apart[lattice[:, j] == 0, j].min() + 1.0
    assert np.array_equal(lattice, small_world((40, 30), 100 / 1200, np.random.default_rng(9), beta=0.0).toarray())


def test_small_world_rewires_the_share_beta_and_all_of_it_is_erdos_renyi():
    lattice = small_world((200, 200), 0.05, np.random.default_rng(0), beta=0.0).toarray()
    for beta in (0.25, 0.6):
        kept = (lattice & small_world((200, 200), 0.05, np.random.default_rng(1), beta=beta).toarray()).sum()
        assert kept / lattice.sum() == pytest.approx(1 - beta, abs=0.04)
    rng = np.random.default_rng(0)
    counts = sum(small_world((6, 5), 0.3, rng, beta=1.0).toarray() for _ in range(3000))
    assert np.all(np.abs(counts - 900) < 5 * np.sqrt(3000 * 0.3 * 0.7))


@pytest.mark.parametrize("gamma", [2.5, 3.0, 3.5])
def test_scale_free_degrees_follow_the_power_law(gamma):
    """The largest degrees fall off as rank^(-1/(γ - 1)): Hill's estimate on both sides."""
    graph = scale_free((6000, 5000), 0.001, np.random.default_rng(0), gamma=gamma)
    for degrees in (graph.sum(axis=0), graph.sum(axis=1)):
        top = np.sort(degrees.astype(float))[::-1][20:400]
        slope = np.polyfit(np.log(np.arange(21, 401)), np.log(top), 1)[0]
        assert 1.0 - 1.0 / slope == pytest.approx(gamma, abs=0.45)
    uniform = erdos_renyi((6000, 5000), 0.001, np.random.default_rng(0))
    assert graph.sum(axis=0).max() > 4 * uniform.sum(axis=0).max()


def test_pairs_are_drawn_in_proportion_to_their_weights():
    """The first of all links is (u, v) with chance weight / sum; a second one by what is left."""
    weights = np.array([[1, 2, 3], [4, 5, 0.5]], np.float32)
    rng = np.random.default_rng(0)
    one = sum(sample((2, 3), 1 / 6, rng, lambda a, b: weights[a:b].copy()).toarray() for _ in range(1200))
    assert np.all(np.abs(one - 1200 * weights / weights.sum()) < 5 * np.sqrt(1200 * weights / weights.sum()))
    two = sum(sample((2, 3), 2 / 6, rng, lambda a, b: weights[a:b].copy()).toarray() for _ in range(1200))
    p = weights.ravel() / weights.sum()
    second = [p[i] + sum(p[j] * p[i] / (1 - p[j]) for j in range(6) if j != i) for i in range(6)]
    assert np.all(np.abs(two.ravel() - 1200 * np.array(second)) < 5 * np.sqrt(1200 * np.array(second)))


def ring_distance(graph):
    rows, columns = graph.tocoo().coords
    apart = np.abs((rows + 0.5) / graph.shape[0] - (columns + 0.5) / graph.shape[1])
    return float((max(graph.shape) * np.minimum(apart, 1 - apart)).mean())


def test_receptive_fields_are_local_and_the_wider_the_more_random():
    shapes = ((400, 300), (300, 400))
    for shape in shapes:
        found = [
            ring_distance(receptive_field(shape, 0.02, np.random.default_rng(0), r=r))
            for r in (0.0, 0.1, 0.2, 0.4, 0.6, 1.0)
        ]
        assert all(np.diff(found) > 0), found
        assert found[0] < 0.03 * found[-1]
        assert found[-1] == pytest.approx(ring_distance(erdos_renyi(shape, 0.02, np.random.default_rng(0))), rel=0.05)


def test_receptive_field_follows_its_law():
    """The first of all links lies at distance d with chance ∝ (1 + d)^-a."""
    rng = np.random.default_rng(0)
    for r in (0.3, 0.7):
        counts = sum(receptive_field((1, 8), 1 / 8, rng, r=r).toarray() for _ in range(1000)).ravel()
        apart = np.abs((np.arange(8) + 0.5) / 8 - 0.5)
        expected = (1 + 8 * np.minimum(apart, 1 - apart)) ** (-(1 - r) / r)
        expected *= 1000 / expected.sum()
        assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected + 1))


def test_options_of_topologies_are_checked():
    check_options("small_world", {"beta": 0.2})
    check_options("receptive_field", {"r": 1})
    for name, options, message in (
        ("small_world", {"beta": 2}, "beta must lie between 0 and 1"),
        ("small_world", {"r": 0.1}, "has no option 'r'; it has: beta"),
        ("erdos_renyi", {"r": 0.1}, "it has: none"),
        ("scale_free", {"gamma": 2}, "gamma must be"),
        ("scale_free", {"gamma": "3"}, "must be a finite number"),
        ("receptive_field", {"r": -1}, "r must lie"),
        ("tree", {}, "unknown topology"),
    ):
        with pytest.raises(NetsparseError, match=message):
            check_options(name, options)


@pytest.mark.parametrize("rule", ["uniform", "er", "erk"])
@pytest.mark.parametrize("density", [0.0, 0.01, 0.2, 0.7, 1.0])
def test_layer_densities_share_out_exactly_the_links(rule, density):
    shapes = [(64, 3, 3, 3), (128, 64, 3, 3), (512, 2048), (10, 512)]
    found = layer_densities(shapes, density, rule)
    sizes = np.array([np.prod(shape) for shape in shapes])
    assert sizes @ np.array(found) == pytest.approx(density * sizes.sum())
    assert all(0 <= d <= 1 + 1e-12 for d in found)


def test_erk_densities_by_hand():
    # raw 5/6 and 7/12: 18 links of the 18 + ... ; factor = 6 / (6 · 5/6 + 12 · 7/12) = 0.5
    assert layer_densities([(2, 3), (3, 4)], 6 / 18, "erk") == pytest.approx([5 / 12, 7 / 24])
    # a full layer: factor 12 / 12 = 1 would be 5/6 and 7/12; twice as many fill the first one
    assert layer_densities([(2, 3), (3, 4)], 16 / 18, "er") == pytest.approx([1.0, 10 / 12])
    with pytest.raises(NetsparseError, match="unknown layer densities"):
        layer_densities([(2, 3)], 0.1, "best")
    with pytest.raises(NetsparseError, match="density"):
        layer_densities([(2, 3)], 1.1)
    assert layer_densities([], 0.1) == []
