"""Percolation curves against removing nodes and links one by one with SciPy."""

import sys

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

import netsparse.analysis as analysis
from netsparse import LayerGraph, NetsparseError, Snapshot
from netsparse.analysis import Estimate, as_network, percolation_curve
from netsparse.analysis.percolation_curves import _seeds, _turns
from netsparse.splitmix import shuffled

curves = sys.modules["netsparse.analysis.percolation_curves"]


def two_largest(n, tails, heads, keep_nodes=None):
    """Sizes of the two largest components among the nodes kept."""
    keep = np.ones(n, bool) if keep_nodes is None else keep_nodes
    inside = keep[tails] & keep[heads]
    graph = sp.coo_array((np.ones(inside.sum()), (tails[inside], heads[inside])), shape=(n, n))
    sizes = np.sort(np.bincount(connected_components(graph, directed=False)[1][keep], minlength=2))[::-1]
    return int(sizes[0]), int(sizes[1])


def plain_curve(network, remove, turn):
    """Largest component after 0, 1, … removals, and where the second is largest."""
    tails, heads = network.layer_links.ends
    n = network.n_nodes
    pairs = []
    for removed in range(len(turn) + 1):
        if remove == "nodes":
            keep = np.ones(n, bool)
            keep[turn[:removed]] = False
            pairs.append(two_largest(n, tails, heads, keep))
        else:
            left = turn[removed:]
            pairs.append(two_largest(n, tails[left], heads[left]))
    giant, second = np.array(pairs).T
    return giant, int(second.argmax()) if second.max() else -1


def graphs(chain, random_layer):
    yield as_network(random_layer(1, (14, 11), 0.12))
    yield as_network(chain(2, density=0.1))
    for graph in (
        nx.karate_club_graph(),
        nx.star_graph(6),
        nx.complete_graph(5),
        nx.path_graph(9),
        nx.disjoint_union(nx.cycle_graph(5), nx.cycle_graph(5)),
        nx.gnm_random_graph(40, 40, seed=1),
        nx.path_graph(2),
    ):
        yield as_network(graph)


@pytest.mark.parametrize(
    ("remove", "order"), [("nodes", "random"), ("nodes", "degree"), ("links", "random"), ("links", "degree")]
)
def test_equals_removing_one_by_one(remove, order, chain, random_layer):
    for network in graphs(chain, random_layer):
        curve = percolation_curve(network, remove, order, n_repeats=3, seed=5)
        tails, heads = network.layer_links.ends
        degrees = network.degrees
        by = None if order == "random" else -degrees if remove == "nodes" else -degrees[tails] * degrees[heads]
        n = network.n_nodes if remove == "nodes" else len(tails)
        turn, ends = _turns(by, n)
        seeds = _seeds(n, len(ends), 3, 5)
        plain = [plain_curve(network, remove, shuffled(turn, ends, seed)) for seed in seeds]
        giant = np.array([g for g, _ in plain]) / network.n_nodes
        assert np.array_equal(curve.removed, np.arange(n + 1) / n)
        assert np.allclose(curve.giant, giant.mean(axis=0))
        assert curve.areas == pytest.approx(giant[:, 1:].mean(axis=1))
        assert curve.thresholds == pytest.approx([1.0 if peak < 0 else peak / n for _, peak in plain])


@pytest.mark.parametrize("many", [1, 5, 40, 200])
@pytest.mark.parametrize("order", ["random", "degree", "weight"])
def test_the_end_of_the_order_is_enough(many, order, chain, monkeypatch):
    """Of many links only the last ones are sorted, and one copy of the order serves several seeds."""
    layers = []
    for layer in chain(4, (12, 10, 8), 0.3):  # weights with ties
        weights = np.round(layer.weights, 1)
        layers.append(LayerGraph(layer.name, layer.biadjacency, layer.source, layer.target, weights))
    for graph in (Snapshot(layers), Snapshot(layers[0]), nx.karate_club_graph(), nx.gnm_random_graph(40, 40, seed=1)):
        plain = percolation_curve(graph, "links", order, seed=3)
        with monkeypatch.context() as patch:
            patch.setattr(curves, "_MANY", many)
            patch.setattr(curves, "_COPIED", 2 * many)
            patch.setattr(curves, "_NOTED", 2 * many)
            found = percolation_curve(graph, "links", order, seed=3)
        if order == "weight" and not isinstance(graph, Snapshot):
            assert found.reason == plain.reason
            continue
        for what in ("removed", "giant", "giant_sd", "areas", "thresholds"):
            assert np.array_equal(getattr(found, what), getattr(plain, what)), what


def test_weights_go_from_the_smallest_on(chain):
    network = chain(3, (8, 9, 7), 0.3)
    curve = percolation_curve(network, "links", "weight")
    weights = np.abs(np.concatenate([layer.weights for layer in network]))
    giant, peak = plain_curve(as_network(network), "links", np.argsort(weights))
    assert np.allclose(curve.giant, giant / network.n_neurons)
    assert curve.thresholds.tolist() == [peak / len(weights)]
    assert not isinstance(analysis.weight_link_percolation_area(network), Estimate)
    assert "no weights" in analysis.weight_link_percolation_area(LayerGraph.from_mask(np.eye(3))).reason


def test_a_shuffle_stays_inside_its_runs_and_is_even():
    order, ends = np.arange(7, dtype=np.int32), np.array([3, 4, 7])
    counts = np.zeros((7, 7))
    for seed in range(6000):
        counts[np.arange(7), shuffled(order, ends, np.uint64(seed))] += 1
    third = counts / 6000
    assert third[3, 3] == 1
    assert np.allclose(third[:3, :3], 1 / 3, atol=0.03)
    assert np.allclose(third[4:, 4:], 1 / 3, atol=0.03)


def test_random_links_percolate_where_theory_says():
    """An Erdős–Rényi graph of mean degree 4 loses its giant component as the mean degree falls to 1."""
    graph = nx.gnm_random_graph(4000, 8000, seed=1)
    curve = percolation_curve(graph, "links", "random")
    assert float(curve.threshold) == pytest.approx(0.75, abs=0.04)
    assert 0 < curve.threshold.standard_error < 0.02
    assert len(curve.removed) == 1001
    assert curve.giant[0] == max(map(len, nx.connected_components(graph))) / 4000
    assert list(curve.table.columns) == ["removed", "giant", "giant_sd"]
    hubs = nx.barabasi_albert_graph(2000, 2, seed=1)
    assert analysis.degree_node_percolation_area(hubs) < 0.5 * analysis.random_node_percolation_area(hubs)


def test_same_seed_same_curve_whatever_the_threads():
    import numba

    graph = nx.karate_club_graph()
    before = numba.get_num_threads()
    first = percolation_curve(graph, "links", seed=2)
    try:
        numba.set_num_threads(1)
        again = percolation_curve(graph, "links", seed=2)
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(first.areas, again.areas)
    assert not np.array_equal(first.areas, percolation_curve(graph, "links", seed=3).areas)


def test_degenerate_graphs_and_bad_requests():
    empty = percolation_curve(nx.empty_graph(0))
    assert empty.reason == "no nodes"
    assert percolation_curve(nx.empty_graph(3), "links").reason == "no links"
    one = percolation_curve(nx.empty_graph(1))
    assert (float(one.area), float(one.threshold)) == (0.0, 1.0)
    assert float(percolation_curve(nx.empty_graph(4)).threshold) == 0.0
    parallel = Snapshot([LayerGraph.from_mask([[1]], name, "a", "b") for name in ("x", "y")])
    assert percolation_curve(parallel, "links").giant.tolist() == [1.0, 1.0, 0.5]
    for options, message in (
        ({"remove": "loops"}, "'nodes' or 'links'"),
        ({"remove": "nodes", "order": "weight"}, "choose of: random, degree"),
        ({"n_repeats": 0}, "at least 1"),
    ):
        with pytest.raises(NetsparseError, match=message):
            percolation_curve(nx.path_graph(3), **options)
