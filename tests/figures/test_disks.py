"""Disks are the table's neurons in the graph's order; turning, mirroring and renumbering are undone exactly."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest

import netsparse as ns
from netsparse import LayerGraph, Run, Snapshot
from netsparse.errors import NothingToDrawError
from netsparse.figures.alignment import align, match_communities
from netsparse.figures.disk_panel import at_epochs, links_of, measured, panels_of
from netsparse.figures.disks import (
    COMMUNITY_COLOURS,
    OTHER_COLOUR,
    colours_of,
    disks_of,
    embedded_epochs,
    embedded_layers,
    gamma_of,
)
from netsparse.figures.source import Trained
from netsparse.figures.style import within
from netsparse.figures.whole_network import cut_angle, layer_ends, network_disks

MEASURES = ["theta", "radius", "community", "degree", "anp_rate", "modularity"]


@pytest.fixture(scope="module")
def percolating(tmp_path_factory) -> Run:
    """Make a run of two layers that lose links from epoch to epoch, measured at all of them."""
    rng = np.random.default_rng(3)
    run = Run.create(tmp_path_factory.mktemp("runs") / "percolating")
    first, second = rng.random((30, 25)), rng.random((25, 20))
    for epoch, density in ((0, 0.2), (2, 0.13), (5, 0.08)):
        layers = [
            LayerGraph.from_mask(first < density, "a", "x", "h"),
            LayerGraph.from_mask(second < density, "b", "h", "y"),
        ]
        run.write_snapshot(Snapshot(layers, epoch=epoch))
    run.write_measures(ns.measure(run, MEASURES))
    return run


def circular(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(np.mod(a - b + np.pi, 2 * np.pi) - np.pi)


@pytest.mark.parametrize("seed", range(10))
def test_turns_and_reflections_are_undone(seed):
    rng = np.random.default_rng(seed)
    reference = rng.random(40) * 2 * np.pi
    moved = np.mod((1 if seed % 2 else -1) * reference + rng.random() * 10, 2 * np.pi)
    fitted = align(moved, reference, rng.random(40) + 0.1)
    assert circular(fitted, reference).max() < 1e-9
    assert ((fitted >= 0) & (fitted < 2 * np.pi)).all()


@pytest.mark.parametrize("seed", range(5))
def test_align_is_the_best_of_all_turns(seed):
    rng = np.random.default_rng(seed)
    theta, reference = rng.random((2, 12)) * 2 * np.pi
    weights = rng.random(12)
    best = max(
        np.sum(weights * np.cos(sign * theta + turn - reference))
        for sign in (1, -1)
        for turn in np.linspace(0, 2 * np.pi, 3601)
    )
    got = np.sum(weights * np.cos(align(theta, reference, weights) - reference))
    assert best - 1e-9 <= got <= best + 1e-4


def test_unknown_angles_do_not_count_and_stay_unknown():
    theta = np.array([0.1, 1.1, np.nan, 3.0])
    reference = np.array([1.1, 2.1, 5.0, np.nan])
    fitted = align(theta, reference, np.array([1.0, 1.0, 0.0, 0.0]))
    assert np.allclose(fitted[[0, 1, 3]], [1.1, 2.1, 4.0])
    assert np.isnan(fitted[2])
    assert align(theta, reference, np.zeros(4)) is theta


@pytest.mark.parametrize("seed", range(20))
def test_communities_match_as_by_trying_all_permutations(seed):
    rng = np.random.default_rng(seed)
    n = 4
    labels, reference = rng.integers(-1, n, (2, 15))
    matched = match_communities(labels, reference)
    here = labels >= 0
    assert np.array_equal(matched >= 0, here)
    # the same partition under other numbers
    pairs = set(zip(labels[here].tolist(), matched[here].tolist(), strict=True))
    assert len(pairs) == len({old for old, _ in pairs}) == len({new for _, new in pairs})
    shared = np.count_nonzero(matched[here] == reference[here])
    best = max(
        np.count_nonzero(np.array(numbers)[labels[here]] == reference[here])
        for numbers in itertools.permutations(range(n))
    )
    assert shared == best


def test_new_communities_get_new_numbers():
    matched = match_communities(np.array([0, 0, 1, 1, 2]), np.array([5, 5, 5, 5, -1]))
    assert len(set(matched.tolist())) == 3
    assert 5 in matched
    assert match_communities(np.array([-1, -1]), np.array([0, 1])).tolist() == [-1, -1]


def test_a_disk_has_the_neurons_in_the_order_of_the_graph(percolating):
    table = percolating.measures
    for epoch in (0, 2, 5):
        snapshot = percolating.snapshot(epoch)
        for graph in snapshot:
            [disk] = disks_of(table, graph.name, [epoch])
            assert np.array_equal(disk.degree, np.concatenate([graph.source_degrees, graph.target_degrees]))
            assert disk.group.tolist() == [graph.source] * graph.n_source + [graph.target] * graph.n_target
            assert disk.node.tolist() == [*range(graph.n_source), *range(graph.n_target)]
        [whole] = disks_of(table, "", [epoch])
        assert np.array_equal(whole.degree, np.asarray(snapshot.adjacency.sum(axis=0)))
        assert list(dict.fromkeys(whole.group.tolist())) == list(snapshot.groups)


def test_links_join_the_right_neurons(percolating):
    for layer in ("a", "b", ""):
        for disk in disks_of(percolating.measures, layer):
            snapshot = percolating.snapshot(disk.epoch)
            name = list(zip(disk.group.tolist(), disk.node.tolist(), strict=True))
            wanted = {
                ((graph.source, int(i)), (graph.target, int(j)))
                for graph in snapshot
                if graph.name == layer or not layer
                for i, j in zip(graph.link_rows, graph.biadjacency.indices, strict=True)
            }
            inside = {name[k] for k in np.flatnonzero(disk.embedded)}
            wanted = {link for link in wanted if inside.issuperset(link)}
            links = [(name[i], name[j]) for i, j in links_of(percolating, disk)]
            assert set(links) == wanted
            assert len(links) == len(wanted)
    [disk] = disks_of(percolating.measures, "a", [0])
    few = links_of(percolating, disk, 10)
    assert len(few) == 10
    assert {tuple(link) for link in few} <= {tuple(link) for link in links_of(percolating, disk)}
    assert len(links_of(None, disk)) == 0


def test_epochs_are_fitted_and_distances_kept(percolating):
    raw, fitted = (disks_of(percolating.measures, "a", aligned=aligned) for aligned in (False, True))
    assert [disk.epoch for disk in fitted] == [0, 2, 5]
    for old, new in zip(raw, fitted, strict=True):
        assert np.array_equal(old.radius, new.radius, equal_nan=True)
        inside = np.flatnonzero(old.embedded)
        apart = [circular(disk.theta[inside][:, None], disk.theta[inside][None]) for disk in (old, new)]
        assert np.allclose(*apart)
        same = [disk.community[:, None] == disk.community[None] for disk in (old, new)]
        assert np.array_equal(*same)
    for before, after in itertools.pairwise(fitted):
        both = before.embedded & after.embedded
        weights = np.minimum(before.degree, after.degree)[both] + 1.0
        score = np.sum(weights * np.exp(1j * (after.theta - before.theta)[both]))
        assert abs(np.angle(score)) < 1e-9


def test_communities_are_numbered_by_their_largest_share(percolating):
    disks = disks_of(percolating.measures, "a")
    n = max(int(disk.community.max()) for disk in disks) + 1
    shares = [max(np.mean(disk.community[disk.embedded] == number) for disk in disks) for number in range(n)]
    assert shares == sorted(shares, reverse=True)
    assert len(set(COMMUNITY_COLOURS)) == 12
    assert OTHER_COLOUR not in COMMUNITY_COLOURS
    assert list(colours_of(np.array([0, 11, 12, -1]))) == [*COMMUNITY_COLOURS[::11], OTHER_COLOUR, OTHER_COLOUR]


def test_layers_and_epochs_with_an_embedding(percolating):
    table = percolating.measures
    assert embedded_layers(table) == ["a", "b"]
    assert embedded_layers(table[table["layer"] == ""]) == [""]
    assert embedded_epochs(table, "b") == embedded_epochs(table) == [0, 2, 5]
    for bad in (
        lambda: embedded_epochs(table, "c"),
        lambda: embedded_layers(table.iloc[:0]),
        lambda: panels_of(Trained("", table=table), "c", [0]),
    ):
        with pytest.raises(NothingToDrawError, match=r"has (no|an) embedding|no layer has"):
            bad()


def test_a_missing_epoch_is_bare_and_sizes_have_one_scale(percolating):
    panels = panels_of(Trained("", run=percolating), "a", [0, 3, 5])
    assert [panel.disk.embedded.any() for panel in panels] == [True, False, True]
    assert len(panels[1].links) == 0
    assert len({panel.largest for panel in panels}) == 1


def test_what_was_measured_without_epochs_has_the_epoch_minus_one():
    table = ns.measure(LayerGraph.from_mask(np.random.default_rng(0).random((20, 15)) < 0.2, "fc"), MEASURES)
    [(_, member)] = measured(table)
    assert embedded_epochs(member.measures) == [-1]
    assert at_epochs([-1]) == ""


def test_a_network_is_joined_from_its_layers(percolating):
    table = percolating.measures
    layers = table[table["layer"] != ""]
    [first, last] = network_disks(layers, None)
    [whole, _] = network_disks(table, None)
    assert [first.epoch, last.epoch] == [0, 5]
    assert np.array_equal(first.group, whole.group)
    assert np.array_equal(first.degree, whole.degree)
    own = {layer: disks_of(layers, layer, [0])[0] for layer in ("a", "b")}
    inside = {
        (g, n)
        for disk in own.values()
        for g, n in zip(disk.group[disk.embedded], disk.node[disk.embedded], strict=True)
    }
    assert {(g, n) for g, n in zip(first.group[first.embedded], first.node[first.embedded], strict=True)} == inside
    # the second layer is turned as a whole: neurons of y keep their angles to each other
    a, b = first.theta[first.group == "y"], own["b"].theta[own["b"].group == "y"]
    known = np.isfinite(a) & np.isfinite(b)
    assert np.allclose(circular(a[known][:, None], a[known][None]), circular(b[known][:, None], b[known][None]))
    assert layer_ends(table, 0) == {"a": ("x", "h"), "b": ("h", "y")}
    with pytest.raises(NothingToDrawError):
        network_disks(table, [7])


@pytest.mark.parametrize("seed", range(5))
def test_the_cut_crosses_the_fewest_links(seed):
    rng = np.random.default_rng(seed)
    ends = rng.random((30, 2)) * 2 * np.pi

    def crossed(angle: float) -> int:
        n = 0
        for a, b in ends:
            turn = np.mod(b - a + np.pi, 2 * np.pi) - np.pi
            low = a if turn > 0 else a + turn
            n += np.mod(angle - low, 2 * np.pi) < abs(turn)
        return n

    middles = (np.arange(360) + 0.5) * 2 * np.pi / 360
    least = min(crossed(angle) for angle in middles)
    assert crossed(cut_angle([ends])) <= least + 1
    assert cut_angle([np.empty((0, 2))]) == 0


def test_names_are_cut_in_the_middle_and_plain():
    assert within("a$b", 2.0) == r"a\$b"
    short = within("model.encoder.layers.0.attention.weight", 1.0)
    assert len(short) == 17
    assert short.startswith("model")
    assert short.endswith("weight")


def test_disks_of_a_long_training_are_fast():
    n, epochs = 1500, 60
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(
            {
                "epoch": np.repeat(np.arange(epochs), n),
                "scope": "node",
                "layer": "a",
                "measure": name,
                "value": values,
                "group": np.tile(np.repeat(["x", "y"], n // 2), epochs),
                "node": np.tile(np.arange(n) % (n // 2), epochs),
            }
        )
        for name, values in {
            "theta": rng.random(n * epochs),
            "radius": rng.random(n * epochs),
            "community": rng.integers(0, 20, n * epochs),
            "degree": rng.integers(1, 9, n * epochs),
        }.items()
    ]
    table = pd.concat(parts)
    start = time.perf_counter()
    assert len(disks_of(table, "a")) == epochs
    assert time.perf_counter() - start < 10


def test_gamma_of_a_disk_is_that_of_its_radii():
    rng = np.random.default_rng(0)
    for gamma in (1.41, 1.9, 2.0, 2.7, 3.5, 10.0):
        i, beta = np.arange(1, 301), 1 / (gamma - 1)
        radius = np.maximum(0, 2 * beta * np.log(i) + 2 * (1 - beta) * np.log(300))
        shuffled = np.concatenate([rng.permutation(radius), [np.nan] * 20])
        assert gamma_of(shuffled) == pytest.approx(gamma, rel=1e-6)
    for nothing in ([], [np.nan], [1.0], [0.0, 0.0]):
        assert np.isnan(gamma_of(np.array(nothing)))


def test_rows_in_any_order_make_the_same_disk():
    layer = ns.LayerGraph.from_mask(np.random.default_rng(0).random((12, 10)) < 0.3)
    table = ns.measure(ns.Snapshot([layer], epoch=0))
    wanted, found = (disks_of(rows, "layer")[0] for rows in (table, table.sample(frac=1, random_state=0)))
    neurons = ("theta", "radius", "community", "degree")
    mine, its = (
        {
            (group, node): values
            for group, node, *values in zip(
                disk.group, disk.node, *(getattr(disk, name) for name in neurons), strict=True
            )
        }
        for disk in (wanted, found)
    )
    assert all(np.array_equal(mine[neuron], its[neuron], equal_nan=True) for neuron in mine)
    assert len(mine) == len(its) == 22
