"""Every figure draws a run, a table, into given axes, and says so when there is nothing to draw."""

import json
import shutil

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import netsparse as ns
from netsparse import NetsparseError, Run, Snapshot
from netsparse.errors import NothingToDrawError
from netsparse.figures import COMPARISONS, FIGURES, RARE, caption, draw_figures
from netsparse.figures.draw import render

FROM_METRICS = ("accuracy", "overlap", "running_time", "sparsity", "ablation", "sensitivity")
# drawn from metrics, too, if there are no measures
FROM_EITHER = ("anp_rate", "adaptive_percolation")
# compared by their options, which tables lack
FROM_OPTIONS = ("adaptive_percolation", "sparsity", "sensitivity")
# drawn from masks and correlations, which a run directory keeps and tables lack
FROM_DIRECTORY = ("csti", "layer_masks", "start_topologies")
# has panels under panels that have the title
UNTITLED = ("sensitivity",)


@pytest.fixture
def source_of(trained_run, compared_runs):
    """Give what a figure is drawn from: a run, or runs to compare."""
    return lambda name: compared_runs if name in COMPARISONS else trained_run


def table_of(run: Run, name: str) -> pd.DataFrame:
    return run.metrics if name in FROM_METRICS else run.measures


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_a_run_and_a_table(name, trained_run, source_of):
    before = dict(mpl.rcParams)
    table = table_of(trained_run, name)
    sources = [source_of(name), {"a": table, "b": table} if name in COMPARISONS else table]
    for source in sources[: 1 if name in FROM_OPTIONS + FROM_DIRECTORY else 2]:
        figure = FIGURES[name](source)
        assert isinstance(figure, Figure)
        assert figure.axes
        parts = ("lines", "collections", "patches", "tables", "images")
        assert all(any(len(getattr(ax, part)) for part in parts) for ax in figure.axes)
        titles = [ax.get_title() for ax in figure.axes]
        assert all(titles) or (name in UNTITLED and any(titles))
        told = caption(figure)
        assert told.text.endswith(".")
        assert told.numbers or name not in FROM_METRICS + FROM_EITHER
    assert dict(mpl.rcParams) == before
    assert getattr(ns.figures, name) is FIGURES[name]
    assert FIGURES[name].__doc__


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_into_given_axes(name, source_of):
    ax = Figure().add_subplot()
    assert FIGURES[name](source_of(name), ax) is ax.figure
    assert len(ax.figure.axes) == 1
    assert ax.get_title()
    assert caption(ax).text


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_several_runs(name, compared_runs, trained_run):
    """Two methods of two seeds: from their metrics, or from the measures of a run under two names."""
    if name in COMPARISONS or name in FROM_METRICS + FROM_EITHER:
        assert FIGURES[name](compared_runs).axes
    else:
        assert FIGURES[name]({"a": trained_run, "b": [trained_run, trained_run]}).axes


@pytest.mark.parametrize("name", sorted(COMPARISONS))
def test_every_comparison_says_that_there_is_nothing_to_compare(name, trained_run, compared_runs):
    for one_group in (trained_run, compared_runs[:2]):
        with pytest.raises(NothingToDrawError, match=r"differ|fewer than two"):
            FIGURES[name](one_group)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_is_missing(name, trained_run):
    empty = table_of(trained_run, name).iloc[:0]
    with pytest.raises(NothingToDrawError):
        FIGURES[name](empty)
    with pytest.raises(NetsparseError, match=r"no table of|drawn from"):
        FIGURES[name](pd.DataFrame({"x": [1]}))
    with pytest.raises(NetsparseError, match="drawn from"):
        FIGURES[name]("run")


def test_all_figures_of_a_run_are_equal_bytes_twice(trained_run, tmp_path):
    formats = ["png", "pdf", "svg"]
    paths, left_out = draw_figures(trained_run, tmp_path / "a", formats)
    assert left_out == {}
    expected = [f"{name}.{ending}" for name in FIGURES if name not in COMPARISONS for ending in formats]
    assert [path.name for path in paths] == [*expected, "captions.json"]
    again, _ = draw_figures(trained_run, tmp_path / "b", ["svg"])  # has all that is drawn, as text
    again += draw_figures(trained_run, tmp_path / "b", ["png", "pdf"], ["sandwich", "measure_table", "layer_masks"])[0]
    assert len({path.name for path in again}) == len(expected) / 3 + 7
    for path in again:
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes(), path.name
    assert b"<text" in (tmp_path / "a" / "accuracy.svg").read_bytes()


def test_comparisons_are_drawn_where_runs_differ_and_equal_bytes_twice(compared_runs, tmp_path):
    written = []
    for folder in ("a", "b"):
        paths, left_out = draw_figures(compared_runs, str(tmp_path / folder), ["svg"])
        assert not {*FROM_METRICS, *FROM_EITHER} & set(left_out)
        assert {*COMPARISONS, "accuracy"} <= {path.stem for path in paths}
        written.append({path.name: path.read_bytes() for path in paths})
    assert written[0] == written[1]


def test_an_unknown_format_is_refused(trained_run, tmp_path):
    paths, _ = draw_figures(trained_run, tmp_path / "one", "svg", "accuracy")
    assert [path.name for path in paths] == ["accuracy.svg", "captions.json"]
    for formats in (["gif"], [], "gif"):
        with pytest.raises(NetsparseError, match="choose from: png, pdf, svg"):
            draw_figures(trained_run, tmp_path / "f", formats)
    (tmp_path / "file").write_text("")
    with pytest.raises(NetsparseError, match="cannot make"):
        draw_figures(trained_run, tmp_path / "file" / "f")


def test_a_run_without_measures_leaves_those_figures_out_and_says_how_to_get_them(tmp_path, trained_run):
    run = Run.create(tmp_path / "run")
    run.write_metrics(trained_run.metrics)
    paths, left_out = draw_figures(run)
    drawn = [name for name in FIGURES if name in (*FROM_METRICS, *FROM_EITHER) and name not in COMPARISONS]
    assert [path.stem for path in paths] == [*drawn, "captions"]
    assert all("netsparse measure" in why for name, why in left_out.items() if name not in FROM_DIRECTORY)


def test_a_run_without_metrics_draws_the_rest(tmp_path, trained_run):
    run = Run.create(tmp_path / "run")
    run.write_measures(trained_run.measures)
    paths, left_out = draw_figures(run)
    assert set(left_out) == {*FROM_METRICS, *FROM_DIRECTORY} - COMPARISONS - RARE
    assert "no metrics.parquet" in left_out["overlap"]
    assert len(paths) == len(FIGURES) - len({*FROM_METRICS, *FROM_DIRECTORY, *COMPARISONS}) + 1


def test_a_dense_network_has_no_overlap_and_no_disk(tmp_path):
    from netsparse.training import TrainConfig, train

    run = Run.create(tmp_path / "dense")
    train(TrainConfig.resolve({"method": "dense", "epochs": 1, "scale": 0.5, "batch_size": 256}), run)
    run.write_measures(ns.measure(run))
    paths, left_out = draw_figures(run)
    assert set(left_out) == {"overlap"}  # and nothing of CSTI, which few runs start from
    assert set(draw_figures(run, names=["csti"])[1]) == {"csti"}  # unless it is asked for
    assert "never updated" in left_out["overlap"]
    assert len(paths) == len(FIGURES) - len(COMPARISONS) - 1


def test_no_radius_at_all_leaves_the_disk_out():
    table = ns.measure(Snapshot([ns.LayerGraph.from_mask(np.ones((3, 3)))], epoch=0))
    with pytest.raises(NothingToDrawError, match="no layer has an embedding"):
        ns.figures.hyperbolic_disk(table)
    assert ns.figures.network_measures(table)


def test_the_disk_of_one_layer_and_epoch(trained_run):
    figure = ns.figures.hyperbolic_disk(trained_run, layer="sandwich2", epoch=0)
    (ax,) = figure.axes
    assert ax.get_title().startswith("sandwich2, epoch 0")
    whole = ns.figures.hyperbolic_disk(trained_run, layer="", epoch=4)
    assert whole.axes[0].get_title().startswith("whole network")
    xy = np.concatenate([c.get_offsets() for c in ax.collections if len(c.get_offsets()) > 1])
    assert np.hypot(*xy.T).max() <= 1.0 + 1e-9


def test_names_that_matplotlib_would_read_as_mathematics(tmp_path):
    rng = np.random.default_rng(0)
    for bad in ("a$b^{c", "layer $x_{$", "[red]$x$[/red]"):
        layer = ns.LayerGraph.from_mask(rng.random((12, 12)) < 0.3, bad, "x_1", "y$")
        table = ns.measure(Snapshot([layer], epoch=0))
        for name in ("anp_rate", "degree_distribution", "hyperbolic_disk", "network_measures", "measure_table"):
            assert render(FIGURES[name](table), "png")
        metrics = pd.DataFrame({"epoch": [1, 2], "layer": bad, "metric": "overlap", "value": [0.5, 0.9]})
        assert render(FIGURES["overlap"](metrics), "png")


def test_names_of_letters_that_are_unseen_or_that_the_font_lacks(tmp_path):
    """Warnings are errors here: nobody is told by one of each letter."""
    metrics = pd.DataFrame({"epoch": [1, 2] * 2, "layer": ["層", "層", "\x0ea\r\n", "\x0ea\r\n"], "metric": "overlap"})
    figure = FIGURES["overlap"](metrics.assign(value=[0.5, 0.9, 0.6, 0.8]))
    assert "層".encode() in render(figure, "svg")
    assert "�a��".encode() in render(figure, "svg")
    assert render(figure, "png")


def test_names_longer_than_a_figure_are_cut():
    metrics = pd.DataFrame({"epoch": 1, "layer": "", "metric": "training_seconds", "value": [1.0]})
    figure = FIGURES["running_time"]({"long" * 50: metrics, "b": metrics.assign(value=1e300)})
    assert render(figure, "svg")


def test_a_giant_component_too_small_to_embed_has_radii_and_no_disk():
    """Three neurons in a row have two degrees, so radii, but no angles."""
    rng = np.random.default_rng(0)
    small = ns.LayerGraph.from_mask([[1, 1]], "small", "a", "b")
    table = ns.measure(Snapshot([small], epoch=0))
    assert table.query("measure == 'radius' and scope == 'node'")["value"].notna().any()
    for name in ("hyperbolic_disk", "hyperbolic_epochs", "sandwich"):
        with pytest.raises(NothingToDrawError, match="no layer has an embedding"):
            FIGURES[name](table)
    large = ns.LayerGraph.from_mask(rng.random((12, 12)) < 0.3, "large", "c", "d")
    beside = ns.measure(Snapshot([small, large], epoch=0))
    titles = [ax.get_title() for ax in FIGURES["hyperbolic_disk"](beside).axes if ax.get_title()]
    assert [title.split(",")[0] for title in titles] == ["large"]


def test_a_table_of_nothing_but_reasons_is_not_drawn():
    table = ns.measure(Snapshot([ns.LayerGraph.from_mask(np.zeros((0, 0)))], epoch=0), ["modularity", "mean_degree"])
    with pytest.raises(NothingToDrawError, match="no measure of a layer or network has a value"):
        FIGURES["measure_table"](table)


def test_a_layer_frozen_before_any_link_regrew():
    """Its overlap is undefined at the first update, at which it froze."""
    rows = [(1, "overlap", np.nan), (1, "frozen", 1.0), (2, "frozen", 1.0), (3, "overlap", 0.5)]
    metrics = pd.DataFrame(rows, columns=["epoch", "metric", "value"]).assign(layer="a")
    assert len(FIGURES["overlap"](metrics).axes[0].lines) == 1


def test_layers_embedded_whose_degrees_were_not_measured():
    ends = (("l", "g", "h"), ("m", "i", "o"))
    rng = np.random.default_rng(0)
    layers = [ns.LayerGraph.from_mask(rng.random((8, 8)) < 0.4, *names) for names in ends]
    table = ns.measure(Snapshot(layers, epoch=0), ["theta", "radius"])
    assert FIGURES["sandwich"](table[table["layer"] != ""]).axes
    apart = table[(table["node"] % 2 == 0) == (table["measure"] == "theta")]  # no neuron has both
    with pytest.raises(NothingToDrawError):
        FIGURES["sandwich"](apart)


def test_a_layer_that_never_regrew_a_link_is_left_out_of_the_overlap():
    metrics = pd.DataFrame({"epoch": [1, 1], "layer": ["a", "b"], "metric": "overlap", "value": [np.nan, 0.5]})
    assert len(ns.figures.overlap(metrics).axes[0].lines) == 1
    with pytest.raises(NothingToDrawError, match="no link was regrown"):
        ns.figures.overlap(metrics.iloc[:1])


def test_the_whole_network_is_drawn_where_no_layer_embeds():
    ends = (("l", "g", "h"), ("m", "h", "o"))
    layers = [ns.LayerGraph.from_mask(np.ones((3, 3)), *names) for names in ends]
    table = ns.measure(Snapshot(layers, epoch=0))
    for ax in (None, Figure().add_subplot()):
        figure = ns.figures.hyperbolic_disk(table, ax)
        assert figure.axes[0].get_title().startswith("whole network")


def test_captions_of_other_figures_in_the_folder_stay(trained_run, tmp_path):
    draw_figures(trained_run, tmp_path, ["svg"], ["accuracy", "overlap"])
    draw_figures(trained_run, tmp_path, ["svg"], ["anp_rate"])
    captions = json.loads((tmp_path / "captions.json").read_text("utf-8"))
    assert list(captions) == ["format_version", "accuracy", "anp_rate", "overlap"]
    (tmp_path / "overlap.svg").unlink()
    draw_figures(trained_run, tmp_path, ["svg"], ["anp_rate"])
    captions = json.loads((tmp_path / "captions.json").read_text("utf-8"))
    assert list(captions) == ["format_version", "accuracy", "anp_rate"]


def test_an_epoch_that_is_not_there_is_told_before_anything_is_drawn(trained_run, tmp_path):
    with pytest.raises(NetsparseError, match="no snapshot of epoch 9; there are 0, 1, 2, 3, 4"):
        draw_figures(trained_run, tmp_path / "f", epochs=[0, 9])
    assert not (tmp_path / "f").exists()


def test_a_damaged_file_costs_its_own_figures_alone(trained_run, tmp_path):
    run = Run(shutil.copytree(trained_run.path, tmp_path / "run"))
    run.correlations_path.write_bytes(b"damaged")
    with pytest.raises(NetsparseError, match=r"the other figures are in .*; not drawn: csti: .*correlations"):
        draw_figures(run, tmp_path / "f", ["svg"], ["csti", "accuracy", "overlap"])
    assert {path.name for path in (tmp_path / "f").glob("[!.]*")} == {"accuracy.svg", "overlap.svg", "captions.json"}
