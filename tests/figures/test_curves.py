"""Figures of curves over the epochs and of measures before and after: what they draw, and what their captions say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from netsparse import Run
from netsparse.errors import NothingToDrawError
from netsparse.figures import (
    accuracy,
    anp_rate,
    caption,
    hub_paths,
    measure_table,
    network_measures,
    overlap,
    running_time,
)
from netsparse.figures.draw import render
from netsparse.figures.style import METHOD_COLOURS


def metric(name, values, layer="", start=1):
    epochs = range(start, start + len(values))
    return pd.DataFrame({"epoch": epochs, "layer": layer, "metric": name, "value": np.array(values, float)})


def measured(name, values, layer="", start=0):
    table = metric(name, values, layer, start).rename(columns={"metric": "measure"})
    return table.assign(run="r", scope="layer" if layer else "network")


@pytest.fixture
def make_run(tmp_path):
    def make(name, *tables, **config):
        run = Run.create(tmp_path / name)
        run.write_config({"method": "cht", **config})
        if tables:
            run.write_metrics(pd.concat(tables))
        return run

    return make


def line(ax: Axes, label: str):
    return next(one for one in ax.lines if str(one.get_label()).startswith(label))


def names(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def overlapping(figure: Figure) -> bool:
    """Whether the legend under a figure lies over its panels."""
    render(figure, "png")
    (legend,) = figure.legends
    return any(legend.get_window_extent().overlaps(ax.get_tightbbox()) for ax in figure.axes)


def test_accuracy_of_one_run_has_its_validation_and_uses_the_panel():
    table = pd.concat([metric("test_accuracy", [0.8, 0.84, 0.83]), metric("validation_accuracy", [0.81, 0.85, 0.86])])
    figure = accuracy(table)
    (ax,) = figure.axes
    np.testing.assert_allclose(line(ax, "test").get_ydata(), [80, 84, 83])
    np.testing.assert_allclose(line(ax, "validation").get_ydata(), [81, 85, 86])
    assert names(figure) == ["validation", "test"]
    low, high = ax.get_ylim()
    assert 79 < low < 80
    assert 86 < high < 87
    assert caption(figure).numbers["aae"] == pytest.approx(82.3333, abs=1e-3)
    assert "final 83.0 %, AAE 82.3 %" in caption(figure).text
    assert not overlapping(figure)


def test_accuracy_of_seeds_is_a_mean_with_a_band_and_of_methods_has_their_colours(make_run):
    runs = [make_run(f"c{s}", metric("test_accuracy", [0.5, 0.6 + 0.1 * s]), seed=s) for s in (0, 1)]
    runs.append(make_run("s", metric("test_accuracy", [0.2, 0.3]), method="set"))
    figure = accuracy(runs)
    (ax,) = figure.axes
    np.testing.assert_allclose(line(ax, "CHT").get_ydata(), [50, 65])
    assert to_hex(line(ax, "SET").get_color()).upper() == METHOD_COLOURS["set"]
    bands = [c for c in ax.collections if np.isclose(c.get_alpha(), 0.18)]
    assert len(bands) == 1  # of CHT's two seeds; SET has one
    told = caption(figure)
    assert told.numbers["CHT, final_accuracy_sd"] == pytest.approx(50**0.5)
    assert "CHT: final 65.0 ± 7.1 %" in told.text
    assert "over 1 to 2 runs" in told.text
    assert not overlapping(figure)


def test_accuracy_that_is_missing_at_an_epoch_is_passed_over():
    figure = accuracy([metric("test_accuracy", [0.1, np.nan, 0.3]), metric("test_accuracy", [0.4])])
    np.testing.assert_allclose(line(figure.axes[0], "table 1").get_xdata(), [1, 3])
    with pytest.raises(NothingToDrawError, match="no test accuracy"):
        accuracy(metric("test_accuracy", [np.nan]))


def test_the_anp_rate_of_one_run_is_by_layer_and_of_metrics_of_the_whole():
    table = pd.concat([measured("anp_rate", v, layer) for v, layer in (([1, 0.5], ""), ([1, 0.4], "fc1"))])
    figure = anp_rate(table)
    (ax,) = figure.axes
    assert names(figure) == ["fc1", "whole network"]
    assert ax.get_title() == "Percolation: active neurons, 100 % → 50 %"
    np.testing.assert_allclose(line(ax, "fc1").get_ydata(), [100, 40])
    figure = anp_rate([metric("anp_rate", [0.9, 0.6])])
    assert names(figure) == ["whole network"]
    assert caption(figure).numbers == {"first_anp_rate": 90, "last_anp_rate": 60}


def test_the_anp_rates_of_several_have_a_panel_a_layer_they_share():
    parts = {"": [1, 0.5], "fc1": [1, 0.4], "fc2": [1, 0.6]}
    table = pd.concat([measured("anp_rate", values, layer) for layer, values in parts.items()])
    figure = anp_rate({"a": table, "b": table})
    assert [ax.get_title() for ax in figure.axes] == ["Whole network", "fc1", "fc2"]
    other = table[table["layer"] != "fc2"]
    assert [ax.get_title() for ax in anp_rate({"a": table, "b": other}).axes] == ["Whole network", "fc1"]
    ax = Figure().add_subplot()
    anp_rate({"a": table, "b": other}, ax)
    assert len(ax.lines) == 2
    assert "from 100.0 % to 50.0 % (a), from 100.0 % to 50.0 % (b)" in caption(ax).text


def test_the_anp_rates_of_layers_alone_need_one_in_common():
    a, b = (measured("anp_rate", [1, 0.4], layer) for layer in ("x", "y"))
    assert anp_rate({"a": a, "b": a}).axes[0].get_title() == "x"
    with pytest.raises(NothingToDrawError, match="different layers"):
        anp_rate({"a": a, "b": b})


def frozen_at(epoch, epochs, layer):
    return metric("frozen", [float(e >= epoch) for e in range(1, epochs + 1)], layer)


def test_overlap_marks_where_each_layer_froze(make_run):
    tables = [metric("overlap", [0.5, 0.99], "fc1"), metric("overlap", [0.4, 0.6, 0.7], "fc2")]
    figure = overlap(make_run("r", *tables, frozen_at(2, 4, "fc1"), early_stop=0.99))
    (ax,) = figure.axes
    assert names(figure) == ["fc1, frozen at 2", "fc2", "early stop at 99 %"]
    np.testing.assert_allclose(line(ax, "fc1").get_ydata(), [50, 99])  # ends where it froze
    dots = [one for one in ax.lines if one.get_linestyle() == "None"]
    assert [one.get_xdata().tolist() for one in dots] == [[2]]
    assert "Dots: fc1 frozen at epoch 2." in caption(figure).text
    assert caption(figure).numbers["fc1, frozen_epoch"] == 2


def test_overlap_of_methods_is_the_mean_over_layers_of_which_frozen_ones_keep_their_last(make_run):
    tables = [metric("overlap", [0.5, 0.9], "fc1"), metric("overlap", [0.3, 0.5, 0.7], "fc2")]
    cht = make_run("c", *tables, frozen_at(2, 3, "fc1"), frozen_at(3, 3, "fc2"), early_stop=0.7)
    rest = make_run("s", metric("overlap", [0.0, 0.1], "fc1"), method="set", early_stop=False)
    figure = overlap([cht, rest])
    (ax,) = figure.axes
    np.testing.assert_allclose(line(ax, "CHT").get_ydata(), [40, 70, 80])
    assert names(figure) == ["CHT, frozen at 3", "SET", "early stop at 70 %"]


def test_overlap_of_seeds_tells_how_many_froze(make_run):
    runs = [
        make_run("a", metric("overlap", [0.5, 0.9], "fc"), frozen_at(2, 4, "fc"), seed=0),
        make_run("b", metric("overlap", [0.5, 0.7, 0.7], "fc"), frozen_at(9, 4, "fc"), seed=1),
    ]
    figure = overlap(runs)
    np.testing.assert_allclose(line(figure.axes[0], "fc").get_ydata(), [50, 80, 80])
    assert "fc frozen at epoch 2 in 1 of 2 runs" in caption(figure).text


def test_hub_paths_have_their_share_and_their_number():
    table = pd.concat([measured("hub_path_share", [0.5, 0.75]), measured("log10_credit_assigned_paths", [2, 3])])
    figure = hub_paths(table)
    assert [ax.get_ylabel() for ax in figure.axes] == ["share of paths (%)", "log₁₀ of their number"]
    assert caption(figure).numbers == {"first_share": 50, "last_share": 75, "last_log10_paths": 3}
    assert not figure.legends
    figure = hub_paths({"a": table, "b": table})
    assert names(figure) == ["a", "b"]
    with pytest.raises(NothingToDrawError, match="hub_path_share"):
        hub_paths(measured("modularity", [1, 2]))


def test_running_time_is_split_and_summed():
    parts = {"training_seconds": [30, 30], "topology_seconds": [10, 20], "evaluation_seconds": [5, 5]}
    table = pd.concat([metric(name, values) for name, values in parts.items()])
    figure = running_time(table)
    (ax,) = figure.axes
    assert [patch.get_width() for patch in ax.patches] == [30, 15, 5, 0]
    assert names(figure) == ["training 60 %", "topology updates 30 %", "evaluation 10 %", "snapshots 0 %"]
    assert "1:40 min" in [text.get_text().strip() for text in ax.texts]
    assert caption(figure).numbers["total_seconds"] == 100
    figure = running_time({"slow": [table, table], "fast": metric("training_seconds", [1])})
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["slow", "fast"]
    with pytest.raises(NothingToDrawError, match="no running times"):
        running_time(metric("test_accuracy", [1]))


def before_after(name, first, last, layer="", **more):
    return measured(name, [first, last], layer).assign(**more)


def test_measures_before_are_hollow_and_after_filled():
    table = pd.concat([before_after("modularity", 0.2, 0.6), before_after("modularity", 0.3, 0.5, "fc1")])
    figure = network_measures(table)
    (ax,) = figure.axes
    assert ax.get_title() == "modularity Q"
    markers = [one for one in ax.lines if one.get_marker() == "o"]
    drawn = [(float(one.get_ydata()[0]), one.get_markerfacecolor()) for one in markers]
    assert [value for value, _ in drawn] == [0.2, 0.6, 0.3, 0.5]
    assert [face == "white" for _, face in drawn] == [True, False, True, False]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["network", "fc1"]
    assert names(figure) == ["epoch 0, before", "epoch 1, after training"]
    assert caption(figure).numbers["fc1, modularity, last"] == 0.5


def test_measures_of_seeds_have_error_bars_and_null_models_are_grey_and_seen_whole():
    tables = [before_after("modularity", 0.2, last, null_mean=0.01, null_sd=0.001) for last in (0.5, 0.7)]
    figure = network_measures({"CHT": tables, "SET": tables[0]})
    (ax,) = figure.axes
    assert (
        len([c for c in ax.collections if len(c.get_segments()[0]) == 2]) == 1
    )  # CHT after training; the sd before it is 0
    assert len(ax.patches) == 4
    assert ax.get_ylim()[0] < 0.009
    assert names(figure)[-1] == "null models ± sd"
    assert "Grey bars" in caption(figure).text


def test_chosen_measures_and_panels_that_have_no_value_are_left_out():
    parts = [before_after("density", 0.1, 0.2), before_after("modularity", np.nan, np.nan)]
    assert network_measures(pd.concat(parts), measures=["density", "modularity"]).axes[0].get_title() == "density"
    with pytest.raises(NothingToDrawError, match="none of these was measured: giant_component"):
        network_measures(pd.concat(parts))


def test_a_gamma_at_the_bound_of_the_fit_is_told():
    assert "no estimate" in caption(network_measures(before_after("power_law_gamma", 2.5, 10.0))).text
    assert "no estimate" not in caption(network_measures(before_after("power_law_gamma", 2.5, 3.0))).text


def cells(figure: Figure) -> dict[tuple[int, int], str]:
    (table,) = figure.axes[0].tables
    return {place: cell.get_text().get_text() for place, cell in table.get_celld().items()}


def test_the_table_of_one_run_has_a_column_a_layer_and_end():
    table = pd.concat([before_after("modularity", -0.25, 1e-5), before_after("n_links", 7, 8, "fc1")])
    found = cells(measure_table(table))
    assert [found[0, i] for i in range(5)] == [
        "",
        "network\nepoch 0",
        "network\nepoch 1",
        "fc1\nepoch 0",
        "fc1\nepoch 1",
    ]
    assert [found[1, i] for i in range(5)] == ["modularity", "−0.250", "1.0e−05", "–", "–"]
    assert [found[2, i] for i in range(5)] == ["n_links", "–", "–", "7", "8"]


def test_the_table_of_groups_is_of_the_whole_network_and_fits_a_page():
    tables = [before_after("modularity", 0.2, last) for last in (0.5, 0.7)]
    found = cells(measure_table({"CHT": tables, "SET": tables[0]}))
    assert [found[1, i] for i in range(5)] == ["modularity", "0.200 ± 0", "0.60 ± 0.14", "0.200", "0.500"]
    figure = measure_table({f"method {i}": tables for i in range(8)})
    assert cells(figure)[0, 1] == "method 0\nepoch 1"
    assert max(column for _, column in cells(figure)) == 6
    assert "Left out: the last 2 of 8 groups." in caption(figure).text


def test_long_names_of_layers_are_cut_to_what_differs():
    tables = [before_after("modularity", 0.1, 0.2, f"encoder.block.{i}.attention.output") for i in range(3)]
    figure = network_measures(pd.concat(tables))
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == [f"…block.{i}…" for i in range(3)]


def test_tables_of_masks_without_an_epoch_are_drawn():
    table = measured("modularity", [0.3]).assign(epoch=pd.array([None], dtype="Int64"))
    assert network_measures(table).axes
    assert cells(measure_table(table))[1, 1] == "0.300"
