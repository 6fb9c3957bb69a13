"""Layers and networks handed to other libraries."""

import json

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch

import netsparse as ns
from netsparse.adjacency import as_adjacency
from netsparse.graph import LayerGraph, Snapshot

KINDS = ["float64", "float32", "float16", "int64", "int8", "uint8", "bool"]


def weighted(nasty_layer: LayerGraph, kind: str) -> LayerGraph:
    weights = np.arange(nasty_layer.n_links).astype(kind)  # the first link weighs 0
    return LayerGraph("l", nasty_layer.biadjacency, "a", "b", weights)


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_scipy_and_torch_hold_the_same_links(nasty_layer, kind):
    layer = nasty_layer if kind is None else weighted(nasty_layer, kind)
    matrix, tensor, table = layer.to_scipy(), layer.to_torch(), layer.to_pandas()
    assert isinstance(matrix, sp.csr_array)
    assert matrix.nnz == tensor._nnz() == len(table) == layer.n_links
    assert tuple(tensor.shape) == matrix.shape[::-1]
    dense = np.zeros(matrix.shape)
    weights = np.ones(layer.n_links) if kind is None else layer.weights
    dense[layer.link_rows, layer.biadjacency.indices] = weights
    assert np.array_equal(matrix.toarray(), dense)
    assert np.array_equal(tensor.to_dense().numpy(), dense.T)
    assert list(table) == ["source", "target", *(["weight"] if kind else [])]
    if kind is not None:
        assert np.array_equal(table["weight"], layer.weights)
        assert table["weight"].dtype == layer.weights.dtype
    matrix.data[:] = 7  # a copy: the layer stays as it is
    assert layer.n_links == 0 or layer.biadjacency.data[0] == 1


def test_a_tensor_comes_back_by_from_weight(random_layer):
    layer = random_layer(0)
    tensor = layer.to_torch()
    assert tensor.is_coalesced()
    assert LayerGraph.from_weight(tensor, "l", "s", "t") == layer
    checked = torch.sparse_coo_tensor(tensor.indices(), tensor.values(), tensor.shape, check_invariants=True)
    assert torch.equal(checked.coalesce().indices(), tensor.indices())


def test_a_networkx_graph_holds_all_neurons_and_links(nasty_layer):
    for layer in (nasty_layer, weighted(nasty_layer, "float32")):
        graph = layer.to_networkx()
        assert type(graph) is nx.Graph
        assert np.array_equal(as_adjacency(graph).toarray(), Snapshot([layer]).adjacency.toarray())
        sides = nx.get_node_attributes(graph, "bipartite")
        assert list(sides.values()) == [0] * layer.n_source + [1] * layer.n_target
        told = json.loads(graph.graph["netsparse"])
        assert told["layers"][0]["shape"] == [layer.n_source, layer.n_target]
        if layer.weights is not None:
            assert list(nx.get_edge_attributes(graph, "weight").values()) == layer.weights.tolist()


def test_an_igraph_graph_holds_all_neurons_and_links(nasty_layer):
    for layer in (nasty_layer, weighted(nasty_layer, "float32")):
        graph = layer.to_igraph()
        assert np.array_equal(as_adjacency(graph).toarray(), Snapshot([layer]).adjacency.toarray())
        assert graph.vs["type"] == [False] * layer.n_source + [True] * layer.n_target
        assert graph.vs["name"] == list(layer.to_networkx().nodes)
        assert graph.es["layer"] == [layer.name] * layer.n_links
        if layer.weights is not None:
            assert graph.es["weight"] == layer.weights.tolist()


def test_a_network_is_one_graph(chain):
    network = chain(3)
    graph, igraph = network.to_networkx(), network.to_igraph()
    assert np.array_equal(as_adjacency(graph).toarray(), network.adjacency.toarray())
    assert np.array_equal(as_adjacency(igraph).toarray(), network.adjacency.toarray())
    assert "bipartite" not in graph.nodes["group0:0"]
    assert graph.nodes["group1:3"] == {"group": "group1", "index": 3}
    assert {layer for *_, layer in graph.edges(data="layer")} == {"layer0", "layer1", "layer2"}
    assert json.loads(igraph["netsparse"]) == json.loads(graph.graph["netsparse"])
    table = network.to_pandas()
    assert list(table) == ["source", "target", "weight", "layer"]
    assert len(table) == network.n_links
    assert list(network.to_scipy()) == list(network.to_torch()) == [layer.name for layer in network]


def test_parallel_layers_and_layers_without_weights():
    first = LayerGraph.from_mask(np.eye(2), "a", "x", "y")
    second = LayerGraph.from_weight(np.array([[2.0, 0], [0, 0]]), "b", "x", "y")
    both = Snapshot([first, second])
    graph = both.to_networkx()
    assert type(graph) is nx.MultiGraph
    assert graph.number_of_edges() == 3
    assert both.to_igraph().es["weight"] == [None, None, 2.0]
    assert both.to_pandas()["weight"].isna().tolist() == [True, True, False]
    assert list(Snapshot([first]).to_pandas()) == ["source", "target", "layer"]


def test_measures_of_an_exported_graph_are_those_of_the_layer(random_layer):
    layer = random_layer(4)
    own = ns.measure(Snapshot([layer]), "fast").query("scope == 'network'").set_index("measure")["value"]
    for graph in (layer.to_networkx(), layer.to_igraph()):
        exported = ns.measure(graph, "fast").query("scope == 'network'").set_index("measure")["value"]
        # these know the layers: how many links there could be, which way signals run
        layered = [name for name in own.index if name == "density" or "depth" in name or "credit" in name]
        shared = own.index.drop(layered).intersection(exported.index)
        assert len(shared) > 5
        assert exported[shared].to_dict() == pytest.approx(own[shared].to_dict(), nan_ok=True, rel=1e-12)
