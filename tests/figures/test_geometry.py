"""Figures of geometry, degrees and masks: what stands where, of one run, of several, and of odd networks."""

import itertools
import shutil

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

import netsparse as ns
from netsparse import LayerGraph, NetsparseError, Run, Snapshot
from netsparse.errors import NothingToDrawError
from netsparse.figures import caption
from netsparse.figures.csti import csti
from netsparse.figures.degree_distribution import degree_distribution
from netsparse.figures.disks import BY_NEURON, NUMBERS, disks_of
from netsparse.figures.draw import render
from netsparse.figures.hyperbolic_disk import hyperbolic_disk
from netsparse.figures.hyperbolic_epochs import hyperbolic_epochs, spread
from netsparse.figures.layer_masks import layer_masks
from netsparse.figures.mask_image import binned
from netsparse.figures.sandwich import sandwich
from netsparse.figures.start_topologies import STARTS, TOPOLOGY_NAMES, start_topologies, topology_of

OF_DISKS = (hyperbolic_disk, hyperbolic_epochs, sandwich)
OF_MASKS = (layer_masks, start_topologies)
MEASURES = [*BY_NEURON, *NUMBERS, "meta_depth", "power_law_gamma", "power_law_x_min"]
LONG = "model.encoder.layers.0.self_attention.$in_{proj}$.weight"


def dots(ax) -> int:
    return sum(len(c.get_offsets()) for c in ax.collections if isinstance(c, PathCollection))


def written(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]


def make_run(path, layers_of, epochs=(0, 3)) -> Run:
    run = Run.create(path)
    for epoch in epochs:
        run.write_snapshot(Snapshot(layers_of(epoch), epoch=epoch))
    run.write_measures(ns.measure(run, MEASURES))
    return run


def layer(seed: int, epoch: int, shape: tuple[int, int], *names: str) -> LayerGraph:
    scores = np.random.default_rng(seed).random(shape)
    return LayerGraph.from_mask(scores < 0.16 / (1 + epoch / 3), *names)


ODD = {
    "one layer": lambda e: [layer(0, e, (30, 20), "fc", "in", "out")],
    "long names": lambda e: [layer(1, e, (20, 20), LONG, LONG + ".in", "<script>")],
    "skip": lambda e: [
        layer(2, e, (25, 20), "a", "x", "h"),
        layer(3, e, (20, 15), "b", "h", "y"),
        layer(4, e, (25, 15), "c", "x", "y"),
    ],
    "chains": lambda e: [layer(5 + i, e, (20, 20), f"q{i}", f"{i}.in", f"{i}.out") for i in range(3)],
    "five layers": lambda e: [layer(9 + i, e, (16, 16), f"fc{i}", f"h{i}", f"h{i + 1}") for i in range(5)],
}


@pytest.fixture(scope="module", params=ODD)
def odd_run(request, tmp_path_factory) -> Run:
    return make_run(tmp_path_factory.mktemp("odd") / "run", ODD[request.param])


@pytest.mark.parametrize("draw", [*OF_DISKS, *OF_MASKS, degree_distribution])
def test_odd_networks_are_drawn(draw, odd_run):
    figure = draw(odd_run)
    assert render(figure, "png")
    assert caption(figure).text.endswith(".")
    ax = Figure().add_subplot()
    draw(odd_run, ax)
    assert len(ax.figure.axes) == 1
    assert ax.get_title()
    assert caption(ax).numbers


@pytest.mark.parametrize("draw", OF_DISKS)
def test_odd_tables_are_drawn(draw, odd_run):
    table = odd_run.measures
    for part in (table, table[table["layer"] != ""], table[table["epoch"] == 3]):
        assert draw(part).axes


@pytest.mark.parametrize("draw", OF_DISKS)
def test_only_neurons_of_the_giant_component_are_coloured_dots(draw, trained_run):
    figure = draw(trained_run, Figure().add_subplot())
    [ax] = figure.axes
    name = "" if draw is sandwich else "sandwich1"
    [disk] = disks_of(trained_run.measures, name, [4])
    n = dots(ax)
    outside = sum(len(c.get_offsets()) for c in ax.collections if isinstance(c, PathCollection) and c.get_zorder() == 2)
    assert n - outside == disk.embedded.sum()
    assert (disk.degree == 0).any()
    assert outside == (np.sum(~disk.embedded) if draw is sandwich else 0)


def test_links_of_a_disk_end_at_their_neurons(trained_run):
    [ax] = hyperbolic_disk(trained_run, layer="sandwich2", epoch=4).axes
    [disk] = disks_of(trained_run.measures, "sandwich2", [4])
    graph = trained_run.snapshot(4)["sandwich2"]
    [lines] = [c for c in ax.collections if isinstance(c, LineCollection)]
    xy = disk.xy
    wanted = {
        tuple(np.round([*xy[i], *xy[graph.n_source + j]], 9))
        for i, j in zip(graph.link_rows, graph.biadjacency.indices, strict=True)
        if disk.embedded[i] and disk.embedded[graph.n_source + j]
    }
    assert {tuple(np.round(segment.ravel(), 9)) for segment in lines.get_segments()} == wanted


def test_a_table_has_no_links_but_the_same_dots(trained_run):
    with_links, without = (hyperbolic_disk(source) for source in (trained_run, trained_run.measures))
    for a, b in zip(with_links.axes, without.axes, strict=True):
        assert dots(a) == dots(b)
        assert a.get_title() == b.get_title()
        assert not any(isinstance(c, LineCollection) for c in b.collections)


def test_disks_of_groups_stand_in_rows(trained_run):
    figure = hyperbolic_disk({"first method": trained_run, "second": trained_run.measures})
    titles = [ax.get_title() for ax in figure.axes]
    assert len(titles) == 6
    assert sum("first method" in title for title in titles) == 3
    assert all("epoch 4" in title for title in titles)
    assert caption(figure).numbers["second, sandwich1, epoch 4, neurons"] > 0


def test_chosen_epochs_and_layers(trained_run):
    figure = hyperbolic_disk(trained_run, epochs=[0])
    assert len(figure.axes) == 3
    figure = hyperbolic_epochs(trained_run, layer="", epochs=[4, 0])
    assert [ax.get_title().split("\n")[0] for ax in figure.axes] == ["epoch 4", "epoch 0"]
    for draw in (hyperbolic_disk, hyperbolic_epochs):
        with pytest.raises(NothingToDrawError, match="no embedding"):
            draw(trained_run, layer="nothing", epochs=[0])
    with pytest.raises(NothingToDrawError, match="no layer 'nothing'"):
        layer_masks(trained_run, layer="nothing")
    assert len(layer_masks(trained_run, layer="sandwich2", epochs=[0, 1, 4]).axes) == 3


def test_an_epoch_without_an_embedding_is_an_empty_disk(trained_run):
    table = trained_run.measures.copy()
    lost = (table["epoch"] == 4) & (table["layer"] == "sandwich2") & (table["measure"] == "radius")
    table.loc[lost, "value"] = np.nan
    for draw in (hyperbolic_disk, hyperbolic_epochs):
        figure = draw(table)
        assert sum(text == "no embedding" for text in written(figure)) == 1
        assert not any("\n0 active" in text for text in written(figure))
    assert "sandwich2" not in caption(figure).text


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 20, 101])
def test_spread_epochs_have_both_ends(n):
    chosen = spread(range(n))
    assert chosen[0] == 0
    assert chosen[-1] == n - 1
    assert len(chosen) == min(n, 6)
    assert chosen == sorted(set(chosen))


def test_the_sandwich_tells_active_neurons_and_depth(trained_run):
    figure = sandwich(trained_run)
    numbers = caption(figure).numbers
    for epoch in (0, 4):
        degrees = disks_of(trained_run.measures, "", [epoch])[0]
        for group in trained_run.snapshot(epoch).groups:
            active = np.count_nonzero(degrees.degree[degrees.group == group])
            assert numbers[f"epoch {epoch}, active neurons of {group}"] == active
    table = trained_run.measures
    depth = table[(table["measure"] == "meta_depth") & (table["scope"] == "network") & (table["epoch"] == 4)]["value"]
    assert numbers["epoch 4, meta_depth"] == depth.item()
    assert len(sandwich([trained_run, trained_run]).axes) == 2
    assert len(sandwich({"a": trained_run, "b": trained_run}).axes) == 2


def test_bands_stand_in_order_and_hubs_lie_deep(trained_run):
    [ax] = sandwich(trained_run, Figure().add_subplot()).axes
    [disk] = disks_of(trained_run.measures, "", [4])
    [found] = [c for c in ax.collections if isinstance(c, PathCollection) and c.get_zorder() == 3]
    y = np.full(len(disk.theta), np.nan)
    order = np.argsort(-disk.degree, kind="stable")
    y[order[disk.embedded[order]]] = found.get_offsets()[:, 1]
    groups = list(dict.fromkeys(disk.group.tolist()))
    for above, below in itertools.pairwise(groups):
        assert np.nanmin(y[disk.group == above]) > np.nanmax(y[disk.group == below])
    for group in groups:
        own = disk.embedded & (disk.group == group)
        by_radius = np.argsort(disk.radius[own])
        assert (np.diff(y[own][by_radius]) >= 0).all()


def test_degrees_are_the_share_with_at_least_so_many(trained_run):
    [ax] = degree_distribution(trained_run, Figure().add_subplot(), layer="sandwich1").axes
    dotted = [line for line in ax.lines if line.get_marker() not in ("None", "")]
    for line, epoch in zip(dotted, (0, 4), strict=True):
        graph = trained_run.snapshot(epoch)["sandwich1"]
        degree = np.concatenate([graph.source_degrees, graph.target_degrees])
        degree = degree[degree > 0]
        for x, share in zip(*line.get_data(), strict=True):
            assert share == pytest.approx(np.mean(degree >= x))


def test_degrees_of_runs_without_measures_come_from_their_snapshots(compared_runs):
    figure = degree_distribution(compared_runs[:4])  # two methods of two seeds
    assert len(figure.axes) == 4
    assert all(len(ax.collections) == 2 for ax in figure.axes)  # a band each
    assert "means over 2 seeds" in caption(figure).text
    assert caption(figure).numbers["CHT, sandwich1, gamma"] is None


def test_degrees_without_epochs(trained_run):
    table = ns.measure(trained_run.snapshot(4).layers[1], MEASURES)
    figure = degree_distribution(table)
    assert len(figure.axes) == 1
    assert np.isfinite(caption(figure).numbers["sandwich2, gamma"])
    assert not any("epoch" in text for text in written(figure))


@pytest.mark.parametrize("draw", OF_DISKS)
def test_disks_without_epochs_do_not_speak_of_epochs(draw, trained_run):
    figure = draw(ns.measure(Snapshot(trained_run.snapshot(4).layers), MEASURES))
    assert not any("epoch" in text for text in written(figure))
    assert "epoch " not in caption(figure).text


def test_bins_count_every_link(random_layer):
    for seed, shape in enumerate([(7, 5), (500, 900), (1, 1000), (400, 400)]):
        graph = random_layer(seed, shape, 0.05)
        for bins in (1, 3, 200, 10_000):
            counts = binned(graph, bins)
            assert counts.sum() == graph.n_links
            assert max(counts.shape) <= 400
    dense = random_layer(1, (9, 6), 0.5)
    assert np.array_equal(binned(dense), dense.biadjacency.toarray())


def test_single_links_of_a_large_mask_stay_visible():
    one = LayerGraph.from_mask(np.eye(784) * (np.arange(784) == 400))
    many = LayerGraph.from_mask((np.add.outer(np.arange(784), np.arange(784)) % 50 == 0) | (np.arange(784) < 20))
    for graph in (one, many):
        [ax] = start_topologies({"a": graph}, Figure(figsize=(2.3, 2.3)).add_subplot()).axes
        ink = ax.images[0].get_array()
        assert ink[ink > 0].min() >= 0.5
        assert np.count_nonzero(ink) == np.count_nonzero(binned(graph, ink.shape[0]))


def test_masks_of_nasty_layers_are_drawn(nasty_layer):
    figure = start_topologies({"mask": nasty_layer})
    assert render(figure, "png")
    assert caption(figure).numbers["mask, links"] == nasty_layer.n_links


@pytest.mark.parametrize("draw", [*OF_MASKS, csti])
def test_masks_are_not_in_tables(draw, trained_run, tmp_path):
    with pytest.raises(NothingToDrawError, match="a table does not hold them"):
        draw(trained_run.measures)
    empty = Run.create(tmp_path / "run")
    with pytest.raises(NothingToDrawError, match=r"no snapshots|no correlations"):
        draw(empty)


def test_start_topologies_are_named_and_told_apart(compared_runs):
    figure = start_topologies(compared_runs[:4])
    titles = [ax.get_title() for ax in figure.axes]
    assert [title.split("\n")[0] for title in titles[:2]] == ["CSTI", "Erdős–Rényi"]
    one = start_topologies(compared_runs[0])
    assert "for comparison" in one.axes[3].get_title()
    numbers = caption(one).numbers
    assert numbers["Erdős–Rényi, for comparison, links"] == numbers["CSTI, sandwich1, links"]
    assert len(start_topologies(compared_runs[2]).axes) == 6  # SET starts from Erdős–Rényi itself


def test_what_methods_start_from_is_what_the_methods_say():
    from netsparse.topologies import TOPOLOGIES
    from netsparse.training.methods import METHODS

    assert set(TOPOLOGY_NAMES) == set(TOPOLOGIES)
    assert set(STARTS) <= set(METHODS)
    for name, method in METHODS.items():
        assert topology_of({"method": name}) == method.topology
    assert topology_of({}) == ""


def test_csti_links_the_most_correlated_pairs(trained_run, tmp_path):
    rng = np.random.default_rng(0)
    matrix = np.abs(np.corrcoef(rng.normal(size=(40, 25)).T))
    before = matrix.copy()
    figure = csti(matrix, density=0.1)
    assert np.array_equal(matrix, before)
    numbers = caption(figure).numbers
    off = np.sort(matrix[~np.eye(25, dtype=bool)])
    assert numbers["links"] == 62
    assert numbers["least_correlation_linked"] == pytest.approx(off[-62], rel=1e-6)
    assert [ax.get_title() for ax in figure.axes][2] == "links of each pixel\n5 × 5"
    assert len(csti(matrix[:24, :24]).axes) == 3  # no square: no image
    with pytest.raises(NetsparseError, match="square matrix"):
        csti(matrix[:3])
    figure = csti([trained_run.measures, trained_run])
    assert caption(figure).numbers["features"] == 64
    bare = tmp_path / "bare"
    shutil.copytree(trained_run.path, bare)
    (bare / "correlations.safetensors").unlink()
    with pytest.raises(NothingToDrawError, match="did not start from CSTI"):
        csti(Run(bare))


def test_large_correlations_are_drawn_as_means():
    matrix = np.zeros((1700, 1700))
    matrix[:3, :3] = 0.9
    [ax] = csti(matrix, Figure().add_subplot()).axes
    image = ax.images[0].get_array()
    assert max(image.shape) <= 800
    assert image[0, 0] == pytest.approx(0.9 * 6 / 9)  # of three features; the diagonal is 0
