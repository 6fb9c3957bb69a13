"""Any valid mask in: every measure is a number in its range or NaN with a reason, whatever the order of the neurons."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import strategies
from hypothesis import given
from hypothesis import strategies as st

import netsparse as ns
from netsparse import LayerGraph, Snapshot
from netsparse.analysis import MEASURES, Undefined, as_network

# Bootstraps and null models are slow, and change nothing in what is asked here.
QUICK: dict[str, dict[str, int]] = {
    "power_law_p": {"n_bootstraps": 3},
    "rich_club_p": {"n_nulls": 2},
    "rich_club_peak": {"n_nulls": 2},
    "structural_consistency": {"n_repeats": 1},
}
ON_GRAPHS = [variant for variants in MEASURES.values() for variant in variants if variant.of != "run"]

# Everything else is at least 0.
SIGNED = {"small_world_omega", "degree_assortativity", "power_law_exponential_ratio", "power_law_lognormal_ratio"}
SIGNED |= {"bipartite_modularity", "modularity", "lcp_correlation"}
AT_MOST_1 = {
    *("anp_rate", "angular_separability", "angular_separability_p", "bipartite_modularity", "modularity"),
    *("clustering", "community_group_overlap", "degree_assortativity", "degree_gini", "density", "giant_component"),
    *("geometrical_congruence", "geometrical_congruence_weighted", "global_efficiency", "greedy_routing_efficiency"),
    *("greedy_routing_score", "greedy_routing_success", "hub_path_share", "largest_community", "latapy_clustering"),
    *("lcp_correlation", "local_efficiency", "power_law_exponential_p", "power_law_lognormal_p", "power_law_p"),
    *("rich_club_p", "rich_club_peak", "robins_alexander_clustering", "structural_consistency"),
    *(name for name in MEASURES if "percolation_" in name),
}
WHOLE = {"community", "credit_assigned_paths", "degree", "diameter", "k_core_depth", "max_degree", "meta_depth"}
WHOLE |= {"n_communities", "n_components", "n_links", "nominal_depth", "power_law_x_min"}

# Neurons of equal degree or angle stand in the order of the neurons, and eigenvectors have no sign.
BY_ORDER = {"theta", "radius"}
# Signals have a direction: an input without links is not active, an output without links neither, but only of the last
# group does the rate ask for incoming links.
DIRECTED = {"anp_rate"}


def value_of(variant, network):
    return variant.function(network, **QUICK.get(variant.name, {}))


def numbers_of(variant, network, value):
    """Check that a value is of the kind that a measure promises, and give its finite numbers."""
    if variant.of == "graph":
        assert isinstance(value, float)
        told = [value]
    elif variant.of == "group":
        assert list(value) == list(network.groups)
        told = list(value.values())
    elif isinstance(value, Undefined):
        told = [value]
    else:
        value = np.asarray(value, float)
        assert value.shape == (network.n_nodes,)
        assert variant.missing or np.isfinite(value).all()
        assert not np.isinf(value).any()
        return value[np.isfinite(value)]
    assert all(math.isfinite(number) or number.reason for number in told), variant.name
    return np.array([number for number in told if math.isfinite(number)])


@given(strategies.snapshots())
@strategies.examples(8)
def test_every_measure_is_a_number_in_its_range_or_nan_with_a_reason(snapshot):
    for network in (as_network(snapshot), as_network(snapshot.layers[0])):
        for variant in ON_GRAPHS:
            if variant.level == "full" and network.layers[0] is not snapshot.layers[0]:
                continue
            numbers = numbers_of(variant, network, value_of(variant, network))
            name = variant.name
            assert name in SIGNED or np.all(numbers >= 0), name
            assert name not in AT_MOST_1 or np.all(np.abs(numbers) <= 1 + 1e-9), name
            assert name not in WHOLE or np.all(numbers == np.round(numbers)), name


@given(strategies.snapshots(max_size=5, max_layers=2), st.integers(0, 2))
@strategies.examples(6)
def test_the_table_of_any_network_has_a_reason_for_every_missing_value(snapshot, nulls):
    table = ns.measure(snapshot, "standard", nulls=nulls)
    untold = table["value"].isna() & (table["reason"] == "")
    assert not untold.any()
    assert not table["reason"].str.startswith("failed").any(), table["reason"].unique()
    assert not np.isinf(table.select_dtypes("number").astype(float)).any(axis=None)
    assert not table.duplicated(["scope", "layer", "measure", "group", "node"]).any()


def with_links(layer, rows, columns, shape, names=None):
    """Give a layer whose i-th link is (rows[i], columns[i]), with the weights of the old one's links."""
    order = np.lexsort((columns, rows))
    matrix = sp.csr_array((np.ones(len(rows), np.int32), (rows[order], columns[order])), shape=shape)
    weights = None if layer.weights is None else layer.weights[order]
    return LayerGraph(layer.name, matrix, *(names or (layer.source, layer.target)), weights)


def moved(snapshot, new_places):
    """Give a network whose neurons are in another order: neuron i of a group becomes new_places[group][i]."""
    layers = [
        with_links(
            layer,
            new_places[layer.source][layer.link_rows],
            new_places[layer.target][layer.biadjacency.indices],
            layer.biadjacency.shape,
        )
        for layer in snapshot
    ]
    return Snapshot(layers)


def turned(snapshot):
    """Give a network whose layers lead the other way."""
    return Snapshot(
        with_links(layer, layer.biadjacency.indices, layer.link_rows, layer.biadjacency.shape[::-1], names)
        for layer in snapshot
        for names in [(layer.target, layer.source)]
    )


def close(one, other):
    return np.allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True)


def equal(variant, network, value, other, its_value, new_places):
    if variant.of == "graph":
        return close(value, its_value)
    if variant.of == "group":
        return set(value) == set(its_value) and all(close(value[group], its_value[group]) for group in value)
    if isinstance(value, Undefined) or isinstance(its_value, Undefined):
        return type(value) is type(its_value)
    mine, its = (net.by_group(np.asarray(v, float)) for net, v in ((network, value), (other, its_value)))
    return all(close(mine[group], its[group][new_places[group]]) for group in mine)


@given(strategies.snapshots(odd=False), st.randoms(use_true_random=False))
@strategies.examples(25)
def test_the_order_of_neurons_and_of_layers_and_the_direction_change_no_measure(snapshot, random):
    """But of measures that draw at random: they meet the neurons in another order."""
    names = {group: np.array(random.sample(range(n), n), np.int64) for group, n in snapshot.groups.items()}
    as_they_are = {group: np.arange(n) for group, n in snapshot.groups.items()}
    others = {
        "neurons": (as_network(moved(snapshot, names)), names),
        "layers": (as_network(Snapshot(random.sample(snapshot.layers, len(snapshot)))), as_they_are),
        "direction": (as_network(turned(snapshot)), as_they_are),
    }
    network = as_network(snapshot)
    for variant, (what, (other, places)) in itertools.product(ON_GRAPHS, others.items()):
        if variant.seeded or variant.name in BY_ORDER or (what == "direction" and variant.name in DIRECTED):
            continue
        values = value_of(variant, network), value_of(variant, other)
        assert equal(variant, network, values[0], other, values[1], places), (what, variant.name, values)


@given(strategies.masks(12))
@strategies.examples(60)
def test_a_radius_belongs_to_a_degree_and_an_angle_to_one_neuron(mask):
    """What the order of the neurons does not change in the two measures that it does."""
    network = as_network(LayerGraph.from_mask(mask))
    radius, theta = (value_of(MEASURES[name][0], network) for name in ("radius", "theta"))
    if not isinstance(radius, Undefined):
        inside = np.flatnonzero(np.isfinite(radius))
        falling = network.degrees[inside[np.argsort(radius[inside], kind="stable")]]
        assert np.all(np.diff(falling) <= 0) or np.ptp(radius[inside]) == 0 or radius[inside].min() == 0
        assert set(inside) <= set(network.giant)
    if not isinstance(theta, Undefined):
        angles = theta[np.isfinite(theta)]
        assert len(np.unique(np.round(angles, 9))) == len(angles)
        assert np.all((angles >= 0) & (angles < 2 * np.pi))


@pytest.mark.parametrize("name", sorted({v.name for v in ON_GRAPHS if not v.seeded}))
def test_weights_beyond_all_measure_change_nothing_but_percolation_by_weight(name):
    """Only the order of the sizes of weights counts, and only where links go by weight."""
    layer = LayerGraph.from_mask(np.random.default_rng(0).random((6, 7)) < 0.4)
    weights = np.random.default_rng(1).standard_normal(layer.n_links)
    for variant in MEASURES[name]:
        if variant.of == "graph":
            one, other = (value_of(variant, as_network(replace(layer, weights=w))) for w in (weights, 1e300 * weights))
            assert close(one, other)
