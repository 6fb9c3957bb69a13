"""Each measure against hand-computed values, another library, or the authors' own numbers."""

import itertools

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis as analysis
from netsparse import LayerGraph, Snapshot
from netsparse.analysis import Undefined, as_network, measure

GRAPHS = ("bipA", "ba", "karate")


@pytest.fixture(params=GRAPHS)
def oracle(request, oracles, oracle_adjacency):
    return oracles[request.param], as_network(oracle_adjacency(request.param))


def test_counts_paths_and_gamma_equal_the_authors(oracle):
    numbers, network = oracle
    assert network.n_nodes == numbers["measure/N"]
    assert analysis.n_links(network) == numbers["measure/E"]
    assert analysis.density(network) == pytest.approx(float(numbers["measure/density"]), rel=1e-12)
    assert analysis.mean_degree(network) == pytest.approx(float(numbers["measure/avgdeg"]), rel=1e-12)
    assert analysis.characteristic_path_length(network) == pytest.approx(float(numbers["measure/char_path"]), rel=1e-12)
    assert analysis.power_law_gamma(network) == pytest.approx(float(numbers["measure/powerlaw_gamma"]), rel=1e-12)


def test_degrees_by_hand():
    layer = LayerGraph.from_mask([[1, 1, 1, 1], [0, 0, 0, 0]], "fc", "input", "hidden")
    assert analysis.mean_degree(layer) == 8 / 6
    assert analysis.max_degree(layer) == 4
    by_group = {
        v.name: v.function(as_network(layer))
        for n in ("mean_degree", "max_degree", "degree_gini")
        for v in analysis.MEASURES[n]
        if v.of == "group"
    }
    assert by_group["mean_degree"] == {"input": 2.0, "hidden": 1.0}
    assert by_group["max_degree"] == {"input": 4.0, "hidden": 1.0}
    assert by_group["degree_gini"] == {"input": 0.5, "hidden": 0.0}
    degrees = np.array([1, 2, 5, 9])
    plain = np.abs(degrees[:, None] - degrees[None]).sum() / (2 * 16 * degrees.mean())
    assert analysis.degrees._gini(degrees) == pytest.approx(plain)


def test_anp_counts_sources_and_last_targets(chain):
    first = LayerGraph.from_mask([[1, 1, 0], [0, 0, 0]], "fc1", "input", "hidden")
    second = LayerGraph.from_mask([[1, 0], [0, 0], [0, 0]], "fc2", "hidden", "output")
    assert analysis.anp_rate(Snapshot([first, second])) == 3 / 7
    for seed in range(5):
        network = chain(seed, density=0.08)
        sources = sum((layer.source_degrees > 0).sum() for layer in network)
        last = (network.layers[-1].target_degrees > 0).sum()
        assert analysis.anp_rate(network) == pytest.approx((sources + last) / network.n_neurons)


def test_components_against_networkx(chain):
    for seed in range(5):
        network = chain(seed, density=0.06)
        graph = nx.from_scipy_sparse_array(network.adjacency)
        sizes = sorted(map(len, nx.connected_components(graph)))
        assert analysis.n_components(network) == len(sizes)
        assert analysis.giant_component(network) == sizes[-1] / len(graph)


def plain_paths(network: Snapshot) -> list[tuple[int, ...]]:
    """Enumerate every path from the first to the last group of a chain."""
    paths = [(i,) for i in range(network.layers[0].n_source)]
    for layer in network:
        mask = layer.biadjacency.toarray()
        paths = [(*path, j) for path in paths for j in range(layer.n_target) if mask[path[-1], j]]
    return paths


def test_credit_assigned_paths_equal_enumeration(chain):
    for seed in range(6):
        network = chain(seed, (5, 6, 5, 4), 0.35)
        paths = plain_paths(network)
        assert analysis.credit_assigned_paths(network) == len(paths)
        assert analysis.log10_credit_assigned_paths(network) == pytest.approx(np.log10(len(paths)))
        (by_neuron,) = (v for v in analysis.MEASURES["credit_assigned_paths"] if v.of == "node")
        through = as_network(network).by_group(by_neuron.function(as_network(network)))
        for place, group in enumerate(network.groups):
            expected = [sum(path[place] == neuron for path in paths) for neuron in range(network.groups[group])]
            assert through[group].tolist() == expected
        degrees = as_network(network).by_group(as_network(network).degrees)
        linked = np.concatenate([degrees[g][degrees[g] > 0] for g in ("group1", "group2")])
        hubs = {(p, n) for p in (1, 2) for n in np.flatnonzero(degrees[f"group{p}"] > np.quantile(linked, 0.9))}
        share = np.mean([any((p, path[p]) in hubs for p in (1, 2)) for path in paths])
        assert analysis.hub_path_share(network) == pytest.approx(share)


def test_credit_assigned_paths_beyond_float64():
    layers = [LayerGraph.from_mask(np.ones((100, 100)), f"l{i}", f"g{i}", f"g{i + 1}") for i in range(199)]
    deep = Snapshot(layers)
    assert analysis.log10_credit_assigned_paths(deep) == pytest.approx(400.0)
    assert "10^300" in analysis.credit_assigned_paths(deep).reason
    assert analysis.hub_path_share(deep) == pytest.approx(0.0)
    by_neuron = measure(deep, ["credit_assigned_paths"]).query("scope == 'node' and layer == ''")
    assert by_neuron["value"].isna().all()
    assert set(by_neuron["reason"]) == {"beyond the range of float64"}
    loop = [LayerGraph.from_mask(np.eye(2), "a", "x", "y"), LayerGraph.from_mask(np.eye(2), "b", "y", "x")]
    assert "circle" in analysis.credit_assigned_paths(Snapshot(loop)).reason
    dead = Snapshot([LayerGraph.from_mask(np.zeros((2, 2)))])
    assert analysis.credit_assigned_paths(dead) == 0.0


def test_credit_assigned_paths_with_a_skip_connection():
    layers = [
        LayerGraph.from_mask(np.ones((2, 3)), "a", "in", "mid"),
        LayerGraph.from_mask(np.ones((3, 2)), "b", "mid", "out"),
        LayerGraph.from_mask(np.ones((2, 2)), "skip", "in", "out"),
    ]
    for order in itertools.permutations(layers):
        assert analysis.credit_assigned_paths(Snapshot(order)) == 2 * 3 * 2 + 4


def test_path_length_against_networkx(chain):
    for seed in range(4):
        network = chain(seed, density=0.1)
        graph = nx.from_scipy_sparse_array(network.adjacency)
        lengths = [d for _, row in nx.all_pairs_shortest_path_length(graph) for d in row.values() if d]
        assert analysis.characteristic_path_length(network) == pytest.approx(np.mean(lengths))


def test_small_graphs_by_hand():
    def graph(text):
        return nx.Graph([(int(pair[0]), int(pair[1])) for pair in text.split()])

    first = graph("12 13 14 15 16 17 23 45 67")
    assert analysis.mean_degree(first) == pytest.approx(2.571, abs=1e-3)
    assert analysis.characteristic_path_length(first) == pytest.approx(1.5714, abs=1e-4)
    assert analysis.characteristic_path_length(graph("13 14 16 17 23 27 45 56")) == pytest.approx(1.9048, abs=1e-4)


def test_communities_against_networkx_and_by_hand():
    graph = nx.karate_club_graph()
    labels = analysis.community(graph).astype(int)
    parts = [set(np.flatnonzero(labels == c)) for c in range(labels.max() + 1)]
    assert analysis.modularity(graph) == pytest.approx(nx.community.modularity(graph, parts, weight=None))
    assert analysis.modularity(graph) == pytest.approx(0.4198, abs=1e-3)  # the best that is known
    assert [len(p) for p in parts] == sorted((len(p) for p in parts), reverse=True)
    assert analysis.n_communities(graph) == len(parts)
    two = np.kron(np.eye(2), np.ones((3, 3)))
    layer = LayerGraph.from_mask(two)
    assert analysis.modularity(layer) == 0.5
    assert analysis.largest_community(layer) == 0.5
    assert analysis.community_group_overlap(layer) == pytest.approx(0.0)
    assert np.isnan(analysis.community(LayerGraph.from_mask([[1, 0], [0, 0]]))).tolist() == [False, True, False, True]


def test_leiden_leaves_the_random_state_of_others_alone(chain):
    import random

    random.seed(3)
    expected = random.random()
    random.seed(3)
    analysis.modularity(chain(1))
    assert random.random() == expected


def test_meta_depth_of_a_network_is_the_sum_over_its_layers(chain):
    network = chain(1, (20, 22, 21, 18), 0.15)
    layers = [analysis.meta_depth(layer) for layer in network]
    assert analysis.meta_depth(network) == sum(layers)
    assert analysis.nominal_depth(network) == 3
    radii = analysis.coalescent_embedding(network.layers[0]).radius
    radii = radii[np.isfinite(radii)]
    assert analysis.hierarchical_span(network.layers[0]) == radii.max() - radii.min()
    counts, _ = np.histogram(radii, bins="fd")
    assert layers[0] == np.count_nonzero(counts)
    assert isinstance(analysis.meta_depth(LayerGraph.from_mask(np.ones((3, 3)))), Undefined)


def test_k_core_against_networkx(chain):
    graph = nx.from_scipy_sparse_array(chain(2).adjacency)
    assert analysis.k_core_depth(chain(2)) == max(nx.core_number(graph).values())
