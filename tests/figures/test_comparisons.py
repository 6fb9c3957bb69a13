"""Figures over runs that differ in an option: what is compared with what."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from netsparse import Run
from netsparse.errors import NothingToDrawError
from netsparse.figures import ablation, adaptive_percolation, caption, sensitivity, sparsity


@pytest.fixture
def make_run(tmp_path):
    numbers = iter(range(100))

    def make(accuracy=0.9, anp=0.5, **config):
        run = Run.create(tmp_path / f"run-{next(numbers)}")
        run.write_config({"method": "cht", "dataset": "mnist", "sparsity": 0.9, "seed": 0, **config})
        rows = [(1, "", "test_accuracy", accuracy), (1, "", "anp_rate", anp)]
        run.write_metrics(pd.DataFrame(rows, columns=["epoch", "layer", "metric", "value"]))
        return run

    return make


def ticks(axis) -> list[str]:
    return [text.get_text() for text in axis.get_ticklabels()]


def names(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def heights(ax) -> list[float]:
    return [round(float(patch.get_height()), 3) for patch in ax.patches]


def test_adaptive_percolation_has_a_panel_a_data_set_and_bars_a_method(make_run):
    runs = [
        make_run(anp=anp, dataset=dataset, method=method, scale=scale)
        for dataset, method, scale, anp in [
            ("mnist", "cht", 2.0, 0.2),
            ("mnist", "cht", 1.0, 0.3),
            ("mnist", "set", 1.0, 1.0),
            ("fashion-mnist", "cht", 1.0, 0.4),
        ]
    ]
    figure = adaptive_percolation(runs)
    assert [ax.get_title() for ax in figure.axes] == ["MNIST", "Fashion-MNIST"]
    assert [ticks(ax.xaxis) for ax in figure.axes] == [["1×", "2×"], ["1×"]]
    assert [heights(ax) for ax in figure.axes] == [[30, 20, 100], [40]]
    assert names(figure) == ["CHT", "SET"]
    assert "CHT 20.0 % (MNIST, 2×) to 40.0 % (Fashion-MNIST, 1×); SET 100.0 % (MNIST, 1×)" in caption(figure).text
    ax = Figure().add_subplot()
    adaptive_percolation(runs, ax)
    assert len(ax.patches) == 4


def test_adaptive_percolation_takes_the_defaults_of_a_data_set_for_the_same_series(make_run):
    runs = [make_run(dataset="digits", lr=0.1, sparsity=0.95), make_run(dataset="mnist", lr=0.2)]
    figure = adaptive_percolation([*runs, make_run(anp=1.0, dataset="mnist", method="dense", sparsity=0.0)])
    assert names(figure) == ["CHT"]
    assert ticks(figure.axes[0].xaxis) == ["digits\n95 %", "MNIST\n90 %"]


def test_many_settings_stand_upright(make_run):
    figure = adaptive_percolation([make_run(dataset=f"data set number {i}") for i in range(6)])
    assert all(text.get_rotation() == 90 for text in figure.axes[0].get_xticklabels())


def test_sparsity_is_over_the_density_with_error_bars_and_dense_runs_are_a_line(make_run):
    runs = [make_run(0.8 + s / 10 + seed / 100, sparsity=s, seed=seed) for s in (0.9, 0.5) for seed in (0, 1)]
    runs += [make_run(0.95, 1.0, method="dense", sparsity=0.0), make_run(0.7, method="set")]
    figure = sparsity(runs)
    accuracy_ax, anp_ax = figure.axes
    assert ticks(accuracy_ax.xaxis) == ["90 %", "50 %"]
    cht = next(one for one in accuracy_ax.lines if len(one.get_xdata()) == 2 and one.get_marker() == "o")
    np.testing.assert_allclose(cht.get_xdata(), [0.1, 0.5])
    np.testing.assert_allclose(cht.get_ydata(), [89.5, 85.5])
    assert any(np.allclose(one.get_ydata(), 95) for one in accuracy_ax.lines)
    assert sorted(names(figure)) == ["CHT", "SET", "dense"]
    assert anp_ax.get_ylim() == (0, 104)
    told = caption(figure)
    assert told.numbers["CHT, 90 %, accuracy"] == pytest.approx(89.5)
    assert "CHT 85.5 ± 0.7 % at sparsity 50 % and 89.5 ± 0.7 % at sparsity 90 %; dense 95.0 %" in told.text


def test_sparsity_needs_two_of_them(make_run):
    with pytest.raises(NothingToDrawError, match="fewer than two sparsities"):
        sparsity([make_run(), make_run(method="dense", sparsity=0.0)])


def test_ablation_compares_with_the_most_common_options(make_run):
    runs = [
        make_run(0.9, 0.5, zeta=0.3, early_stop=0.99, parts={}),
        make_run(0.8, 0.6, zeta=0.3, early_stop=0.99, parts={"percolation": False}),
        make_run(0.91, 0.5, zeta=0.3, early_stop=False, parts={}),
        make_run(0.7, 0.5, zeta=0.5, early_stop=0.99, parts={}),  # a number: for sensitivity
    ]
    figure = ablation(runs)
    assert [ax.get_title() for ax in figure.axes] == ["Test accuracy", "AAE", "ANP rate"]
    assert ticks(figure.axes[0].yaxis) == ["no percolation", "no early stop"]
    assert [round(patch.get_width(), 3) for patch in figure.axes[0].patches] == [-10, 1]
    assert [round(patch.get_width(), 3) for patch in figure.axes[2].patches] == [10, 0]
    assert "no percolation test accuracy −10.0, AAE −10.0, ANP rate +10.0" in caption(figure).text
    assert figure.axes[0].get_xlabel() == "% points against CHT"


def test_ablation_pairs_the_seeds(make_run):
    base = [make_run(0.9 + 0.05 * s, seed=s, parts={}) for s in (0, 1)]
    less = [make_run(0.8 + 0.05 * s, seed=s, parts={"percolation": False}) for s in (1, 0)]
    assert caption(ablation(base + less)).numbers["no percolation, accuracy_change_sd"] == pytest.approx(0, abs=1e-9)
    other = [make_run(0.8 + 0.05 * s, seed=s + 5, parts={"percolation": False}) for s in (1, 0)]
    unpaired = caption(ablation(base + other)).numbers["no percolation, accuracy_change_sd"]
    assert unpaired == pytest.approx(2**0.5 * 5 / 2**0.5)


def test_ablation_of_two_methods_has_a_colour_each(make_run):
    runs = [make_run(method=m, parts=parts) for m in ("cht", "set") for parts in ({}, {"start_weights": "swi"})]
    figure = ablation(runs)
    assert names(figure) == ["CHT", "SET"]
    assert ticks(figure.axes[0].yaxis) == ["start weights swi"] * 2
    assert set(caption(figure).numbers) >= {"CHT: start weights swi, aae_change", "SET: start weights swi, aae_change"}


def test_ablation_of_tables_is_against_the_first(make_run):
    all_parts, less = make_run(0.9).metrics, make_run(0.7).metrics
    figure = ablation({"all": all_parts, "without": less})
    assert ticks(figure.axes[0].yaxis) == ["without"]
    assert caption(figure).numbers["without, accuracy_change"] == pytest.approx(-20)


def test_a_part_that_only_the_base_has_is_that_of_the_method(make_run):
    runs = [make_run(seed=s, parts={"topology": "erdos_renyi"}, sparsity=s) for s in (0.5,)]
    runs += [make_run(parts={"topology": "erdos_renyi"}, early_stop=False), make_run(parts={"topology": "erdos_renyi"})]
    figure = ablation([*runs, make_run(parts={})])
    assert "topology of CHT" in ticks(figure.axes[0].yaxis)


def test_sensitivity_has_a_panel_a_number_and_the_base_in_each(make_run):
    runs = [
        make_run(0.8, 0.5, zeta=0.3, lr=0.1),
        make_run(0.82, 0.4, zeta=0.5, lr=0.1),
        make_run(0.7, 0.6, zeta=0.1, lr=0.1),
        make_run(0.85, 0.5, zeta=0.3, lr=0.2),
        make_run(0.1, 0.5, zeta=0.5, lr=0.2),  # two numbers changed: not shown
    ]
    figure = sensitivity(runs)
    assert [ax.get_title() for ax in figure.axes] == ["update fraction ζ", "learning rate", "", ""]
    zeta, lr, zeta_anp, lr_anp = figure.axes
    assert heights(zeta) == [70, 80, 82]
    assert heights(lr) == [80, 85]
    assert ticks(zeta_anp.xaxis) == ["0.1", "0.3", "0.5"]
    assert ticks(lr_anp.xaxis) == ["0.1", "0.2"]
    assert zeta.get_xlim() == zeta_anp.get_xlim()
    assert "update fraction ζ 70.0 % (at 0.1) to 82.0 % (at 0.5)" in caption(figure).text
    assert [ax.get_title() for ax in sensitivity(runs, options=["lr"]).axes] == ["learning rate", ""]


def test_sensitivity_of_two_methods_has_a_colour_each(make_run):
    figure = sensitivity([make_run(method=m, zeta=z) for m in ("cht", "set") for z in (0.1, 0.3)])
    assert names(figure) == ["CHT", "SET"]
    assert len({patch.get_facecolor() for patch in figure.axes[0].patches if patch.get_height()}) == 2


def test_sensitivity_of_parts_that_are_switched_is_an_ablation(make_run):
    runs = [make_run(early_stop=False, parts={}), make_run(early_stop=0.99, parts={})]
    with pytest.raises(NothingToDrawError, match="one number alone"):
        sensitivity(runs)
    assert ablation(runs).axes


def test_tables_have_no_options_to_compare(make_run):
    table = make_run().metrics
    for draw in (adaptive_percolation, sparsity, sensitivity):
        with pytest.raises(NothingToDrawError, match=r"differ|fewer than two"):
            draw({"a": table, "b": table})
