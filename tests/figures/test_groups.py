"""What figures draw from: runs and tables put into groups, and what tells the groups apart."""

import numpy as np
import pandas as pd
import pytest

from netsparse import NetsparseError, Run
from netsparse.errors import NothingToDrawError
from netsparse.figures.ends import ends_of, runs_of, told_ends
from netsparse.figures.labels import labels_of, told
from netsparse.figures.outcomes import (
    anp_curve,
    families_of,
    having,
    mean_sd,
    outcomes,
    series_of,
    told_mean,
    told_runs,
)
from netsparse.figures.source import Trained, curve_of, curves_of, groups_of
from netsparse.figures.style import METHOD_COLOURS, looks


def metrics(accuracy=(0.5, 0.9), **layers):
    rows = [(epoch, "", "test_accuracy", value) for epoch, value in enumerate(accuracy, 1)]
    rows += [(epoch, name, "overlap", v) for name, values in layers.items() for epoch, v in enumerate(values, 1)]
    return pd.DataFrame(rows, columns=["epoch", "layer", "metric", "value"])


def measured(first=0.1, last=0.2, name="modularity", run="r", epochs=(0, 5), layer=""):
    scope = "layer" if layer else "network"
    columns = {"run": run, "epoch": pd.array(epochs, dtype="Int64"), "scope": scope, "layer": layer, "measure": name}
    return pd.DataFrame({**columns, "value": (first, last)[-len(epochs) :]})


@pytest.fixture
def make_run(tmp_path):
    def make(name, table=None, **config):
        run = Run.create(tmp_path / name)
        if config:
            run.write_config(config)
        if table is not None:
            run.write_metrics(table)
        return run

    return make


def test_runs_that_differ_by_the_seed_are_a_group_in_the_order_of_their_first(make_run):
    runs = [
        make_run(f"{method}-{seed}", method=method, seed=seed, device=device, data_dir=f"d{seed}", sparsity=0.9)
        for seed, device in ((0, "cpu"), (1, "cuda"))
        for method in ("set", "cht")
    ]
    groups = groups_of(runs)
    assert [(g.label, g.method, len(g.members)) for g in groups] == [("SET", "set", 2), ("CHT", "cht", 2)]
    assert [m.name for m in groups[1].members] == ["cht-0", "cht-1"]
    assert groups[0].config["sparsity"] == 0.9


def test_a_mapping_says_the_groups_itself(make_run):
    cht, other = make_run("a", method="cht", seed=0), make_run("b", method="cht", seed=1)
    groups = groups_of({"mine": cht, "both": [cht, other], "none": [], "table": metrics()})
    assert [(g.label, g.method, len(g.members)) for g in groups] == [
        ("mine", "cht", 1),
        ("both", "cht", 2),
        ("table", "", 1),
    ]


def test_a_table_of_several_runs_is_as_many_tables_and_one_of_one_is_one():
    table = pd.concat([measured(run="x"), measured(run="y", last=0.5)])
    groups = groups_of(table)
    assert [g.label for g in groups] == ["x", "y"]
    assert curve_of(groups[1].members[0].measures, "modularity").tolist() == [0.1, 0.5]
    assert [g.label for g in groups_of([measured(run="x"), measured(run="z")])] == ["x", "z"]
    assert [g.label for g in groups_of(measured(run="x"))] == ["x"]
    assert [g.label for g in groups_of([metrics(), metrics()])] == ["table 1", "table 2"]


@pytest.mark.parametrize("wrong", ["run", 3, None, [3], {"a": "b"}])
def test_what_is_neither_run_nor_table_is_refused(wrong):
    with pytest.raises(NetsparseError, match="drawn from"):
        groups_of(wrong)


@pytest.mark.parametrize("empty", [[], {}, {"a": []}])
def test_nothing_is_refused(empty):
    with pytest.raises(NetsparseError, match="at least one"):
        groups_of(empty)


@pytest.mark.parametrize("column", ["epoch", "layer", "metric", "value"])
def test_a_table_without_a_column_is_no_table_of_metrics(column):
    with pytest.raises(NetsparseError, match=f"no column '{column}': it is no table of metrics"):
        _ = Trained("", table=metrics().drop(columns=column)).metrics


def test_a_run_without_a_table_says_how_to_get_it(make_run):
    member = Trained("r", run=make_run("r"))
    with pytest.raises(NothingToDrawError, match=r"no metrics\.parquet"):
        _ = member.metrics
    with pytest.raises(NothingToDrawError, match="netsparse measure"):
        _ = member.scalars


def test_curves_leave_out_what_is_missing_and_keep_the_last_of_two():
    table = pd.DataFrame(
        {"epoch": [2, 1, 1, 3, 4], "layer": "", "metric": "x", "value": [2.0, 9.0, 1.0, np.nan, -np.inf]}
    )
    assert curve_of(table, "x").to_dict() == {1: 1.0, 2: 2.0}
    assert curve_of(table, "y").empty


def test_curves_of_a_group_are_epochs_by_runs():
    (group,) = groups_of({"g": [metrics((0.1, 0.2)), metrics((0.3, 0.4, 0.5))]})
    curves = curves_of(group, "metrics", "test_accuracy")
    assert curves.index.tolist() == [1, 2, 3]
    assert curves[1].tolist() == [0.3, 0.4, 0.5]
    assert np.isnan(curves.loc[3, 0])


def test_labels_tell_the_method_and_what_is_rare_within_it():
    configs = [
        {"method": "cht", "sparsity": 0.99, "parts": {}},
        {"method": "cht", "sparsity": 0.99, "parts": {"percolation": False}},
        {"method": "cht", "sparsity": 0.99, "parts": {"topology": "erdos_renyi"}},
        {"method": "set", "sparsity": 0.9, "parts": {}},
    ]
    assert labels_of(configs, list("abcd")) == ["CHT", "CHT no percolation", "CHT topology erdos_renyi", "SET"]


def test_labels_of_what_is_the_same_or_unknown_are_told_by_the_name():
    assert labels_of([{"method": "cht"}, {"method": "cht"}], ["a", "b"]) == ["CHT (a)", "CHT (b)"]
    assert labels_of([{}, {"method": "set"}], ["masks", "b"]) == ["masks", "SET"]
    assert labels_of([{"dataset": "mnist"}], ["a"]) == ["a"]


def test_labels_leave_out_the_defaults_of_a_data_set():
    configs = [
        {"method": "cht", "dataset": "digits", "batch_size": 8, "scale": 4.0},
        {"method": "cht", "dataset": "mnist", "batch_size": 32, "scale": 1.0},
        {"method": "cht", "dataset": "mnist", "batch_size": 32, "scale": 2.0},
    ]
    assert labels_of(configs, list("abc")) == ["CHT digits, 4×", "CHT 1×", "CHT 2×"]
    assert labels_of(configs[:2], list("ab")) == ["CHT digits", "CHT MNIST"]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("dataset", "cifar10", "CIFAR-10"),
        ("dataset", "my data", "my data"),
        ("sparsity", 0.995, "sparsity 99.5 %"),
        ("early_stop", False, "no early stop"),
        ("early_stop", 0.9, "early stop 0.9"),
        ("parts.percolation", True, "percolation"),
        ("update_interval", 3, "update every 3"),
        ("zeta", 0.3, "ζ 0.3"),
    ],
)
def test_options_are_told_in_words(option, value, words):
    assert told(option, value) == words


def test_a_method_has_its_colour_and_variants_of_it_differ(make_run):
    groups = groups_of([make_run(f"r{i}", method="cht", zeta=i / 10) for i in range(1, 5)] + [make_run("x")])
    found = looks(groups)
    assert len({look.colour for look in found}) == 5
    assert len({look.line for look in found[:4]}) == 4
    alone = looks(groups[:1])[0].colour
    assert tuple(np.round(np.multiply(alone, 255))) == tuple(bytes.fromhex(METHOD_COLOURS["cht"][1:]))


def test_runs_without_a_table_are_left_out_and_the_others_keep_their_colours(make_run):
    runs = [make_run("a", metrics(), method="cht", seed=0), make_run("b", method="cht", seed=1)]
    runs += [make_run("c", method="set"), make_run("d", metrics(), method="rigl")]
    found = having(runs, lambda member: member.metrics)
    assert [(g.label, len(g.members)) for g, _ in found] == [("CHT", 1), ("RigL", 1)]
    assert [look for _, look in found] == [looks(groups_of(runs))[i] for i in (0, 2)]
    with pytest.raises(NothingToDrawError, match=r"no metrics\.parquet"):
        having(runs[1], lambda member: member.metrics)


def test_the_anp_rate_is_the_measured_one_before_that_of_training(make_run):
    noted = pd.DataFrame({"epoch": [1, 2], "layer": "", "metric": "anp_rate", "value": [0.7, 0.6]})
    run = make_run("r", noted)
    assert anp_curve(Trained("r", run=run)).to_dict() == {1: 0.7, 2: 0.6}
    run.write_measures(measured(0.9, 0.5, "anp_rate", epochs=(0, 2)))
    assert anp_curve(Trained("r", run=run)).to_dict() == {0: 0.9, 1: 0.7, 2: 0.5}
    assert anp_curve(Trained("r", table=noted)).to_dict() == {1: 0.7, 2: 0.6}


def test_outcomes_are_per_cent_and_missing_ones_are_nan():
    (group,) = groups_of({"g": [metrics((0.5, 0.9)), metrics(())]})
    assert outcomes(group, "accuracy")[0] == 90.0
    assert outcomes(group, "aae")[0] == 70.0
    assert np.isnan(outcomes(group, "accuracy")[1])
    assert np.isnan(outcomes(group, "anp")).all()
    assert mean_sd(np.array([])) == mean_sd(np.array([np.nan])) or np.isnan(mean_sd(np.array([]))).all()
    assert told_mean(np.array([np.nan])) == "–"


def test_a_sentence_on_the_number_of_runs():
    one, two = groups_of({"a": metrics(), "b": [metrics(), metrics()]})
    assert told_runs([one]) == ""
    assert told_runs([two]) == " Lines are means over 2 runs, bands ± one standard deviation."
    assert "over 1 to 2 runs" in told_runs([one, two])


def test_series_join_what_differs_along_the_axis_or_by_defaults_of_a_data_set(make_run):
    common = {"seed": 0}
    runs = [
        make_run("a", method="cht", dataset="digits", sparsity=0.9, lr=0.1, **common),
        make_run("b", method="cht", dataset="mnist", sparsity=0.9, lr=0.2, **common),
        make_run("c", method="cht", dataset="mnist", sparsity=0.99, lr=0.2, **common),
        make_run("d", method="cht", dataset="mnist", sparsity=0.99, lr=0.2, zeta=0.5, **common),
        make_run("e", method="set", dataset="mnist", sparsity=0.99, lr=0.2, **common),
    ]
    across = {s.label: len(s.groups) for s in series_of(groups_of(runs), ["dataset", "sparsity"])}
    assert across == {"CHT": 3, "CHT ζ 0.5": 1, "SET": 1}
    by_data = {s.label: len(s.groups) for s in series_of(groups_of(runs), ["sparsity"])}
    assert by_data == {"CHT digits": 1, "CHT MNIST": 2, "CHT ζ 0.5 MNIST": 1, "SET MNIST": 1}


def test_the_base_of_a_family_has_the_most_common_options(make_run):
    changes = [{"zeta": 0.5}, {}, {"lr": 0.2}, {"parts": {"percolation": False}}]
    common = {"method": "cht", "dataset": "mnist", "zeta": 0.3, "lr": 0.1, "parts": {}}
    groups = groups_of([make_run(f"r{i}", **{**common, **change}) for i, change in enumerate(changes)])
    (family,) = families_of(groups, ["seed"])
    assert family.label == "CHT"
    assert family.base is groups[1]
    assert [changed for _, changed in family.changed] == [
        {"zeta": (0.5, 0.3)},
        {"lr": (0.2, 0.1)},
        {"parts.percolation": (False, None)},
    ]


def test_of_two_the_base_is_the_one_without_changed_parts(make_run):
    changed = make_run("a", method="cht", parts={"topology": "erdos_renyi"})
    plain = make_run("b", method="cht", parts={})
    (family,) = families_of(groups_of([changed, plain]), [])
    assert family.base.members[0].name == "b"
    assert families_of(groups_of([changed]), []) == []
    assert families_of(groups_of([metrics(), metrics()]), []) == []


def test_ends_are_the_first_and_the_last_epoch_of_each_run():
    (group,) = groups_of({"g": [measured(1.0, 2.0), measured(3.0, np.inf, epochs=(1, 7))]})
    table = ends_of(group)
    assert runs_of(table, "modularity", "", "first").tolist() == [1.0, 3.0]
    np.testing.assert_array_equal(runs_of(table, "modularity", "", "last"), [2.0, np.nan])
    assert np.isnan(runs_of(table, "density", "", "last")).all()
    assert np.isnan(runs_of(table, "modularity", "fc1", "last")).all()
    assert told_ends([group]) == ("first epoch", "last epoch")
    assert told_ends(groups_of(measured())) == ("epoch 0", "epoch 5")
    assert ends_of(group, "null_mean").empty


def test_masks_without_an_epoch_have_a_last_end_only():
    (group,) = groups_of(measured(epochs=(None,)))
    table = ends_of(group)
    assert runs_of(table, "modularity", "", "last").tolist() == [0.2]
    assert np.isnan(runs_of(table, "modularity", "", "first")).all()
    assert told_ends([group]) == ("", "")
