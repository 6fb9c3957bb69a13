"""The contract that every measure keeps, and the table."""

import inspect
import math

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import netsparse as ns
from netsparse import LayerGraph, NetsparseError, Snapshot
from netsparse.analysis import MEASURES, Undefined, as_network
from netsparse.analysis.measure import COLUMNS, LEVELS, choose

ON_GRAPHS = [(name, variant) for name, variants in MEASURES.items() for variant in variants if variant.of != "run"]
IDS = [f"{name}-{variant.of}" for name, variant in ON_GRAPHS]
# Bootstraps and permutations are slow, and change nothing in what the contract asks.
QUICK: dict[str, dict[str, int]] = {
    "power_law_p": {"n_bootstraps": 5},
    "rich_club_p": {"n_nulls": 5},
    "rich_club_peak": {"n_nulls": 5},
    "structural_consistency": {"n_repeats": 2},
}


def value_of(variant, graph, **options):
    return variant.function(as_network(graph), **QUICK.get(variant.name, {}), **options)


def check(variant, network, value) -> None:
    if variant.of == "graph":
        assert isinstance(value, float)
        assert math.isfinite(value) or value.reason
    elif variant.of == "group":
        assert list(value) == list(network.groups)
        assert all(math.isfinite(number) or number.reason for number in value.values())
    elif isinstance(value, Undefined):
        assert value.reason
    else:
        assert np.shape(value) == (network.n_nodes,)
        assert np.isfinite(value).all() or variant.missing


@pytest.mark.parametrize(("name", "variant"), ON_GRAPHS, ids=IDS)
def test_every_measure_gives_a_value_or_a_reason_on_nasty_layers(name, variant, nasty_layer):
    network = as_network(nasty_layer)
    check(variant, network, value_of(variant, network))


@pytest.mark.parametrize(("name", "variant"), ON_GRAPHS, ids=IDS)
def test_every_measure_works_on_a_network_and_on_any_graph(name, variant, chain):
    for graph in (
        chain(1, (8, 9, 7, 5)),
        nx.karate_club_graph(),
        nx.empty_graph(0),
        nx.empty_graph(1),
        nx.star_graph(5),
    ):
        network = as_network(graph)
        check(variant, network, value_of(variant, network))


@pytest.mark.parametrize(("name", "variant"), ON_GRAPHS, ids=IDS)
def test_relabelling_neurons_changes_no_number(name, variant, random_layer):
    if variant.of != "graph" or "seed" in inspect.signature(variant.function).parameters:
        pytest.skip("a measure that draws meets the nodes in another order")
    rng = np.random.default_rng(0)
    mask = random_layer(1, (30, 24), 0.1).biadjacency.toarray()
    moved = mask[rng.permutation(30)][:, rng.permutation(24)]
    first, second = (value_of(variant, LayerGraph.from_mask(m)) for m in (mask, moved))
    assert first == pytest.approx(second, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(("name", "variant"), ON_GRAPHS, ids=IDS)
def test_every_measure_is_repeatable(name, variant, chain):
    first, again = (value_of(variant, chain(2)) for _ in range(2))
    assert np.array_equal(
        np.array(list(first.values()) if isinstance(first, dict) else first),
        np.array(list(again.values()) if isinstance(again, dict) else again),
        equal_nan=True,
    )


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_is_named_and_told_like_the_others(name):
    for variant in MEASURES[name]:
        assert name == name.lower()
        assert name.isidentifier()
        assert variant.level in LEVELS
        assert set(variant.scopes) <= {"layer", "network"}
        assert variant.function.__doc__ or variant.of == "group"
    assert MEASURES[name].summary
    assert callable(getattr(ns.analysis, name))


def test_all_forms_of_a_graph_give_the_same():
    graph = nx.karate_club_graph()
    adjacency = nx.to_scipy_sparse_array(graph, weight=None)
    forms = [
        graph,
        igraph.Graph(n=34, edges=list(graph.edges)),
        adjacency,
        sp.coo_matrix(adjacency),
        adjacency.toarray(),
    ]
    networks = [as_network(form) for form in forms]
    assert all((network.adjacency != networks[0].adjacency).nnz == 0 for network in networks)
    assert networks[0].n_links == 78
    with_loop = nx.MultiDiGraph([(0, 1), (1, 0), (1, 1)])
    assert as_network(with_loop).n_links == 1


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (np.ones((2, 3)), "square"),
        (np.array([[0, 1], [0, 0]]), "symmetric"),
        (np.ones(4), "square"),
        ("karate", "is no graph"),
        (None, "is no graph"),
    ],
)
def test_what_is_no_graph(graph, message):
    with pytest.raises(NetsparseError, match=message):
        as_network(graph)


def test_a_layer_is_bipartite_whatever_its_shape():
    network = as_network(LayerGraph.from_mask(np.ones((3, 3))))
    assert network.n_nodes == 6
    assert network.n_links == 9


def test_the_table_of_a_snapshot(chain):
    snapshot = chain(5)
    table = ns.measure(snapshot)
    assert list(table.columns) == COLUMNS
    assert set(table["scope"]) == {"network", "layer", "group", "node"}
    assert set(table["layer"]) == {"", "layer0", "layer1", "layer2"}
    assert set(table["epoch"]) == {5}
    assert not table.duplicated(["scope", "layer", "measure", "group", "node"]).any()
    assert (table["value"].isna() == (table["reason"] != "")).all()
    links = table[(table["measure"] == "n_links") & (table["scope"] == "layer")]
    assert links["value"].tolist() == [layer.n_links for layer in snapshot]
    degree = table[(table["measure"] == "degree") & (table["layer"] == "layer1") & (table["group"] == "group2")]
    assert degree["value"].tolist() == snapshot["layer1"].target_degrees.tolist()
    assert degree["node"].tolist() == list(range(13))


def test_levels_include_the_cheaper_ones(chain):
    names = {level: {(m.name, m.of) for m in choose(level)} for level in LEVELS}
    assert names["fast"] < names["standard"] < names["full"]
    assert not {of for _, of in names["fast"]} & {"node"}
    table = ns.measure(chain(1), "fast")
    assert "modularity" not in set(table["measure"])


def test_levels_and_names_and_runs_go_together(chain, trained_run):
    names = {(m.name, m.of) for m in choose(["fast", "modularity", "density"])}
    assert names == {(m.name, m.of) for m in choose("fast")} | {("modularity", "graph")}
    table = ns.measure([trained_run, chain(9)], ["n_links"])
    assert set(table["run"]) == {"digits-cht", ""}
    assert set(table["epoch"]) == {0, 1, 2, 3, 4, 9}


def test_a_layer_alone_a_list_and_a_graph_without_layers(chain):
    layer = chain(1).layers[0]
    assert set(ns.measure(layer, ["n_links"])["scope"]) == {"layer"}
    assert ns.measure([chain(1), chain(2)], ["n_links"])["epoch"].nunique() == 2
    table = ns.measure(nx.path_graph(4), ["n_links", "nominal_depth"])
    assert set(table["scope"]) == {"network"}
    assert table["epoch"].isna().all()
    assert table["reason"].tolist() == ["", "the graph has no layers"]


def test_the_table_of_a_run(trained_run):
    table = ns.measure(trained_run, ["n_links", "aae"])
    assert set(table["run"]) == {"digits-cht"}
    assert table.loc[table["measure"] == "n_links", "epoch"].nunique() == 5
    aae = table[table["measure"] == "aae"]
    metrics = trained_run.metrics
    assert aae["value"].tolist() == [metrics.loc[metrics["metric"] == "test_accuracy", "value"].mean()]
    assert aae["epoch"].tolist() == [4]
    assert set(ns.measure(trained_run, ["n_links"], epochs=[2])["epoch"]) == {2}


def test_bad_requests(chain, trained_run):
    with pytest.raises(NetsparseError, match="did you mean 'modularity'"):
        ns.measure(chain(1), ["modularitty"])
    with pytest.raises(NetsparseError, match="no measure is named"):
        ns.measure(chain(1), [])
    with pytest.raises(NetsparseError, match="of a run only"):
        ns.measure(chain(1), epochs=[1])
    with pytest.raises(NetsparseError, match="no snapshot of epoch 77"):
        ns.measure(trained_run, ["n_links"], epochs=[77])
    for nulls in (-1, 1.5, True, "3"):
        with pytest.raises(NetsparseError, match="nulls is the number"):
            ns.measure(chain(1), nulls=nulls)
    for seed in (-1, 0.5):
        with pytest.raises(NetsparseError, match="a seed is"):
            ns.measure(chain(1), seed=seed)
    for n_jobs in (0, -2, 1.5):
        with pytest.raises(NetsparseError, match="jobs are"):
            ns.measure(chain(1), n_jobs=n_jobs)
    with pytest.raises(NetsparseError, match="its own workers"):
        ns.measure(chain(1), n_jobs=2, cluster="tcp://127.0.0.1:8786")
    assert len(ns.measure(chain(1), ["nominal_depth"], nulls=0, seed=0)) == 1
    with pytest.raises(NetsparseError, match="load it first"):
        ns.measure("mask.npz")
    with pytest.raises(TypeError, match="unexpected keyword"):
        ns.measure(chain(1), nothing=1)


def test_intermediate_results_are_computed_once(monkeypatch, chain):
    import sys

    calls = []
    module = sys.modules["netsparse.analysis.coalescent"]
    original = module._embed
    monkeypatch.setattr(module, "_embed", lambda *a: calls.append(1) or original(*a))
    ns.measure(chain(1).layers[0], ["theta", "radius", "angular_separability", "hierarchical_span", "meta_depth"])
    assert len(calls) == 1


def test_undefined_is_nan_with_a_reason():
    import pickle

    value = Undefined("no links")
    assert math.isnan(value)
    assert pickle.loads(pickle.dumps(value)).reason == "no links"
    table = ns.measure(LayerGraph.from_mask(np.zeros((2, 2))), ["modularity"])
    assert table["reason"].tolist() == ["no links"]
    assert pd.isna(table["value"]).all()


def test_a_snapshot_without_epoch(chain):
    assert ns.measure(Snapshot(chain(1).layers), ["n_links"])["epoch"].isna().all()


def test_a_seed_of_numpys_is_that_number():
    layer = LayerGraph.from_mask(np.random.default_rng(0).random((12, 10)) < 0.3)
    table = ns.measure(layer, ["modularity", "anp_rate"], nulls=np.uint8(2), seed=np.uint8(3))
    pd.testing.assert_frame_equal(table, ns.measure(layer, ["modularity", "anp_rate"], nulls=2, seed=3))
    assert [type(table.attrs[name]) for name in ("seed", "nulls")] == [int, int]


@pytest.mark.parametrize("measures", [None, 3, []])
def test_what_names_no_measure_is_told(measures):
    with pytest.raises(NetsparseError, match="no measure is named"):
        ns.measure(LayerGraph.from_mask([[1]]), measures)
