"""One look at each link of a graph, against SciPy on the adjacency."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse.csgraph as csgraph

from netsparse import Snapshot
from netsparse.adjacency import as_adjacency
from netsparse.analysis import as_network
from netsparse.analysis.links import Links, carried_back, carried_forward, sum_of_products


def snapshots(chain, random_layer):
    yield chain(1, density=0.1)
    yield chain(2, (30, 20, 40), 0.02)  # many without a link, some components
    yield Snapshot([random_layer(s, (20, 15), 0.1, (f"l{s}", "s", "t")) for s in range(2)])  # parallel
    yield Snapshot([random_layer(1, (9, 7), 0.3, ("x", "a", "b")), random_layer(2, (7, 9), 0.3, ("y", "b", "a"))])
    yield Snapshot(
        [  # the later groups first
            random_layer(1, (9, 7), 0.3, ("x", "b", "c")),
            random_layer(2, (8, 9), 0.3, ("y", "a", "b")),
            random_layer(3, (8, 7), 0.3, ("z", "a", "c")),
        ]
    )


def test_a_network_of_layers_is_what_its_adjacency_says(chain, random_layer, nasty_layer):
    for snapshot in [*snapshots(chain, random_layer), Snapshot(nasty_layer)]:
        network, adjacency = as_network(snapshot), snapshot.adjacency
        assert np.array_equal(network.degrees, np.diff(adjacency.indptr))
        for made, known in zip(network.csr, (adjacency.indptr, adjacency.indices), strict=True):
            assert np.array_equal(made, known)
        assert (network.adjacency != adjacency).nnz == 0
        n_components, labels = csgraph.connected_components(adjacency, directed=False)
        assert network.components[0] == n_components
        assert np.array_equal(network.components[1], labels)
        values = np.arange(network.n_nodes)
        assert 2 * sum_of_products(values, *network.distinct_links) == values @ (adjacency @ values)


@pytest.mark.parametrize("graph", [nx.empty_graph(0), nx.empty_graph(3), nx.karate_club_graph(), nx.star_graph(4)])
def test_a_graph_without_layers_is_what_its_adjacency_says(graph):
    network, adjacency = as_network(graph), as_adjacency(graph)
    assert np.array_equal(np.column_stack(network.layer_links.ends), network.links)
    n_components, labels = csgraph.connected_components(adjacency, directed=False)
    assert network.components[0] == n_components
    assert np.array_equal(network.components[1], labels)


def test_links_of_layers_are_theirs_in_their_order(chain):
    snapshot = chain(3, (8, 9, 7), 0.3)
    tails, heads = Links.of_layers(snapshot).ends
    first, second = snapshot
    assert tails.tolist() == [*first.link_rows, *(8 + second.link_rows)]
    assert heads.tolist() == [*(8 + first.biadjacency.indices), *(17 + second.biadjacency.indices)]
    alone = Links.of_layers(Snapshot(first))
    assert np.shares_memory(alone.indices, first.biadjacency.indices)


def test_what_layers_carry(nasty_layer, random_layer):
    for layer in (nasty_layer, random_layer(1)):
        links = layer.biadjacency
        values = np.random.default_rng(0).random(layer.n_source)
        assert np.array_equal(carried_forward(links.indptr, links.indices, layer.n_target, values), links.T @ values)
        values = np.random.default_rng(0).random(layer.n_target)
        assert np.array_equal(carried_back(links.indptr, links.indices, values), links @ values)


def test_light_measures_of_layers_make_no_adjacency(random_layer, monkeypatch):
    import netsparse as ns

    monkeypatch.setattr(Snapshot, "adjacency", property(lambda self: pytest.fail("made")))
    network = as_network(random_layer(1))
    names = ["fast", "degree", "degree_assortativity", "random_link_percolation_area", "random_node_percolation_area"]
    assert not ns.measure(network, names)["reason"].str.startswith("failed").any()
    assert "adjacency" not in vars(network)
