"""Structural consistency: the definition step by step, and both forms against each other."""

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis as analysis
from netsparse import LayerGraph, NetsparseError, Snapshot
from netsparse.analysis import as_network
from netsparse.analysis.structural_consistency import _found, _matrix, perturbed, perturbed_two_sided


def plain(whole: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """As the paper tells it: eigenvalues shifted one by one, ΔA diagonalised inside degenerate eigenspaces."""
    values, vectors = np.linalg.eigh(rest)
    change = whole - rest
    found, k = np.zeros_like(whole), 0
    while k < len(values):
        end = k + 1
        while end < len(values) and values[end] - values[end - 1] < 1e-10:
            end += 1
        basis = vectors[:, k:end]
        _, turn = np.linalg.eigh(basis.T @ change @ basis)
        for v in (basis @ turn).T:
            found += (values[k] + v @ change @ v) * np.outer(v, v)
        k = end
    return found


def without(whole: np.ndarray, n: int, seed: int) -> np.ndarray:
    rest = whole.copy()
    links = np.argwhere(np.triu(whole))
    for i, j in np.random.default_rng(seed).permutation(links)[:n]:
        rest[i, j] = rest[j, i] = 0
    return rest


def graphs():
    yield nx.karate_club_graph()
    yield nx.disjoint_union(nx.cycle_graph(6), nx.complete_graph(4))  # degenerate
    yield nx.star_graph(7)
    yield nx.gnp_random_graph(20, 0.3, seed=1)


def test_equals_the_definition():
    for graph in graphs():
        whole = as_network(graph).adjacency.toarray().astype(float)
        rest = without(whole, 3, 0)
        assert np.allclose(perturbed(whole, rest), plain(whole, rest), atol=1e-9)


@pytest.mark.parametrize("shape", [(9, 9), (6, 11), (11, 6)])
def test_singular_vectors_give_the_same(shape, random_layer):
    masks = [random_layer(seed, shape, 0.3).biadjacency.toarray() for seed in range(3)]
    masks += [np.eye(*shape, dtype=int), np.ones(shape, int), np.kron([[1, 0], [0, 1]], np.ones((3, 3), int))]
    for mask in masks:
        n = mask.shape[0]
        whole = np.block([[np.zeros((n, n)), mask], [mask.T, np.zeros((mask.shape[1],) * 2)]])
        rest = without(whole, 2, 1)
        square = perturbed(whole, rest)
        assert np.allclose(square[:n, :n], 0, atol=1e-9)
        assert np.allclose(square[:n, n:], perturbed_two_sided(whole[:n, n:], rest[:n, n:]), atol=1e-9)


def test_a_layer_as_a_graph_without_layers_gives_the_same(random_layer):
    layer = random_layer(1, (14, 12), 0.3)
    two_sided = analysis.structural_consistency(layer, seed=4)
    network = as_network(layer)
    whole, possible, flag = _matrix(network)
    assert (whole.shape, possible.all(), flag) == ((14, 12), True, True)
    network = as_network(layer)
    network.sides = None
    whole, possible, flag = _matrix(network)
    assert (whole.shape, int(possible.sum()), flag) == ((26, 26), 14 * 12, False)
    assert analysis.structural_consistency(network, seed=4) == pytest.approx(float(two_sided))


def test_only_pairs_that_a_layer_may_join_are_ranked(chain):
    network = as_network(chain(1, (4, 5, 3, 2)))
    _, possible, _ = _matrix(network)
    assert possible.sum() == 4 * 5 + 5 * 3 + 3 * 2


def test_ties_count_by_their_share():
    scores, linked = np.array([3.0, 1.0, 1.0, 1.0, 0.0]), np.array([True, True, False, False, False])
    assert _found(scores, linked, 2) == pytest.approx((1 + 1 / 3) / 2)
    assert _found(scores, linked, 1) == 1.0
    assert _found(np.zeros(4), np.array([True, False, False, False]), 1) == 0.25


def test_regular_graphs_are_consistent_and_random_ones_less():
    blocks = LayerGraph.from_mask(np.kron(np.eye(3), np.ones((8, 8))))
    noise = LayerGraph.from_mask(np.random.default_rng(0).random((24, 24)) < 1 / 3)
    regular, random = analysis.structural_consistency(blocks), analysis.structural_consistency(noise)
    assert regular > 0.95
    assert random < 0.6
    assert random.standard_error > 0
    assert analysis.structural_consistency(noise) == random
    assert analysis.structural_consistency(noise, seed=1) != random


def test_undefined_and_bad_requests():
    assert analysis.structural_consistency(nx.path_graph(2)).reason == "fewer than two links"
    assert analysis.structural_consistency(nx.empty_graph(0)).reason == "fewer than two links"
    assert analysis.structural_consistency(LayerGraph.from_mask(np.zeros((0, 3)))).reason == "fewer than two links"
    assert 0 <= analysis.structural_consistency(nx.complete_graph(4)) <= 1
    skip = [
        LayerGraph.from_mask(np.ones((3, 3)), name, source, target)
        for name, source, target in (("a", "x", "y"), ("b", "y", "z"), ("c", "x", "z"))
    ]
    assert 0 <= analysis.structural_consistency(Snapshot(skip)) <= 1
    with pytest.raises(NetsparseError, match="between 0 and 1"):
        analysis.structural_consistency(nx.path_graph(4), removed=1.0)
    with pytest.raises(NetsparseError, match="at least 1"):
        analysis.structural_consistency(nx.path_graph(4), n_repeats=0)
