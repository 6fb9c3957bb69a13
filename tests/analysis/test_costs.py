"""What measures would take: told, and a reason not to begin them."""

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis.costs as costs
from netsparse import LayerGraph, measure
from netsparse.analysis import MEASURES, as_network
from netsparse.analysis.costs import Cost, refusal

COSTS = sorted({v.cost for variants in MEASURES.values() for v in variants if v.cost}, key=lambda cost: cost.__name__)
# What takes no longer than a look at every link, or at every node's degree.
LIGHT = {
    "aae",
    "anp_rate",
    "credit_assigned_paths",
    "degree",
    "degree_assortativity",
    "degree_entropy",
    "degree_gini",
    "density",
    "giant_component",
    "hierarchical_span",
    "hub_path_share",
    "k_core_depth",
    "log10_credit_assigned_paths",
    "max_degree",
    "mean_degree",
    "meta_depth",
    "n_components",
    "n_links",
    "nominal_depth",
    "power_law_exponential_p",
    "power_law_exponential_ratio",
    "power_law_lognormal_p",
    "power_law_lognormal_ratio",
    "radius",
} | {name for name in MEASURES if "percolation" in name}


@pytest.fixture
def registered():
    names = set(MEASURES)
    yield measure
    for name in set(MEASURES) - names:
        del MEASURES._parts[name]


def test_every_measure_that_is_not_light_tells_its_cost():
    for name, variants in MEASURES.items():
        for variant in variants:
            assert (variant.cost is None) == (name in LIGHT), name


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.__name__)
def test_costs_grow_with_nodes_and_links(cost):
    def seconds(n, degree, general):
        if general:
            graph = nx.random_regular_graph(degree, n, seed=0)
        else:
            graph = LayerGraph.from_mask(np.random.default_rng(0).random((n // 2, n // 2)) < 2 * degree / n)
        return cost(as_network(graph)).seconds

    for general in (False, True):
        if not general and cost in (costs.local_efficiency, costs.triangles):
            assert seconds(100, 4, general) == 0.0  # layers have no triangles
            continue
        assert seconds(100, 4, general) < seconds(400, 4, general) < seconds(1600, 4, general)
        assert seconds(400, 4, general) > 0.0
        if cost not in (costs.power_law, costs.power_law_bootstraps, costs.eigenvectors):
            assert seconds(400, 4, general) < seconds(400, 16, general)


def test_costs_of_nasty_layers(nasty_layer):
    for cost in COSTS:
        found = cost(as_network(nasty_layer))
        assert 0.0 <= found.seconds < 60.0
        assert 0.0 <= found.memory < 1e9


def test_costs_add_up(monkeypatch):
    monkeypatch.setattr(costs.numba, "get_num_threads", lambda: 4)
    both = Cost(8.0, 1.0, 5.0) + Cost(4.0, 2.0, 3.0)
    assert both == Cost(12.0, 3.0, 5.0)
    assert both.seconds == 6.0
    assert (both * 2).seconds == 12.0


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        (Cost(alone=1000.0), "about 17 minutes"),
        (Cost(alone=3 * 3600.0), "about 3 hours"),
        (Cost(alone=86400.0 * 1000), "about 1,000 days"),
        (Cost(memory=2.0**60), "about 1,073,741,824 GiB of memory"),
    ],
)
def test_a_reason_tells_how_much_of_what_and_what_to_do(cost, told, random_layer):
    network = as_network(random_layer(1))
    reason = refusal(lambda _: cost, network)
    assert reason.startswith("refused: would take " + told)
    assert reason.endswith(f"(35 nodes, {network.n_links} links); --force (force=True) computes it")
    assert refusal(lambda _: Cost(alone=costs.LIMIT), network) == ""
    assert refusal(None, network) == ""


def test_what_is_refused_is_computed_by_force(registered, chain, caplog):
    seen = []

    def heavy(network):
        return Cost(alone=10_000.0 if network.n_nodes > 30 else 1.0)

    @registered("full", cost=heavy)
    def of_graph(network):
        seen.append(network.n_nodes)
        return 1.0

    @registered("full", of="node", name="of_graph", cost=heavy)
    def by_node(network):
        return np.ones(network.n_nodes)

    table = measure(chain(1), ["of_graph", "n_links"])
    refused = table["reason"].str.startswith("refused: would take about 3 hours")
    assert table[refused][["measure", "scope"]].to_numpy().tolist() == [["of_graph", "network"], ["of_graph", "node"]]
    assert table.loc[refused, "value"].isna().all()
    assert max(seen) <= 30
    assert caplog.text.count("refused") == 1
    assert not measure(chain(1), ["of_graph", "n_links"], done=table)["reason"].eq("").all()
    forced = measure(chain(1), ["of_graph", "n_links"], done=table, force=True)
    assert forced["reason"].eq("").all()
    assert max(seen) > 30
    again = measure(chain(1), ["of_graph", "n_links"], force=True)
    assert forced["value"].tolist() == again["value"].tolist()
    nulls = measure(chain(1), ["of_graph"], nulls=2)
    assert nulls.loc[nulls["scope"] == "network", "null_mean"].isna().all()
    assert measure(chain(1), ["of_graph"], nulls=2, force=True)["null_mean"].eq(1.0).sum() == 4


def test_hours_of_null_models_and_eigenvectors_are_refused():
    layer = LayerGraph.from_mask(np.random.default_rng(0).random((700, 600)) < 0.5)
    large = as_network(nx.path_graph(40_000))
    assert refusal(MEASURES["structural_consistency"].main.cost, large).startswith("refused: would take about")
    assert refusal(MEASURES["rich_club_p"].main.cost, as_network(layer)) == ""
