"""The command line, as a user meets it: in a process of its own where that matters, else by its main function."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp
import torch
from torch.nn.utils import prune

import netsparse as ns
from netsparse.figures import COMPARISONS, FIGURES

SMALL = ["--epochs", "3", "--batch-size", "64", "--scale", "2", "--sparsity", "0.9"]


@pytest.fixture
def undrawn(monkeypatch):
    """No figures, which take most of the time of a short run: for tests of what they do not show."""
    monkeypatch.setattr("netsparse.cli.train.draw", lambda *_: [])
    monkeypatch.setattr("netsparse.cli.train.write_page", lambda *_: Path("report.html"))


def test_train_leaves_a_whole_run_directory_and_says_what_next(cli, tmp_path):
    code, out, err = cli("train", *SMALL)
    assert (code, err) == (0, "")
    run = ns.Run(tmp_path / "runs" / "digits-cht-001")
    assert out.count("epoch ") >= 3
    assert "Test accuracy" in out
    assert "Figures        runs/digits-cht-001/figures" in out
    assert "Report         runs/digits-cht-001/report.html" in out
    assert "Next           netsparse measure runs/digits-cht-001 --epochs 0,3" in out
    assert run.epochs == [0, 1, 2, 3]
    drawn = {path.stem for path in run.figures_path.glob("[!.]*")}
    assert drawn == {*FIGURES, "captions"} - COMPARISONS
    assert "<script>" in (run.path / "report.html").read_text("utf-8")
    for name in ("config.toml", "environment.json", "metrics.parquet", "checkpoint.safetensors", "log.txt"):
        assert (run.path / name).stat().st_size > 0
    table = run.measures
    assert set(table["epoch"]) == {0, 1, 2, 3}
    assert not table.duplicated(["epoch", "scope", "layer", "measure", "group", "node"]).any()
    modularity = table[table["measure"] == "modularity"]
    assert set(modularity["epoch"]) == {0, 1, 2, 3}  # of the layers' disks
    assert set(modularity.loc[modularity["scope"] == "network", "epoch"]) == {0, 3}
    assert len(table[table["measure"] == "aae"]) == 1
    code, out, _ = cli("train", *SMALL, "--method", "set", "--seed", "4", "--no-figures")
    assert (tmp_path / "runs" / "digits-set-001").is_dir()


def test_a_stored_configuration_runs_again_to_the_same_bytes(cli, undrawn, tmp_path):
    assert cli("train", *SMALL, "--no-early-stop", "--zeta", "0.2", "--out", "a")[0] == 0
    assert cli("train", "--config", "a/config.toml", "--out", "b")[0] == 0
    for epoch in range(4):
        file = f"snapshots/epoch-{epoch:04d}.safetensors"
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert ns.Run("b").config["early_stop"] is False
    assert cli("train", "--config", "a/config.toml", "--epochs", "1", "--out", "c")[0] == 0
    assert ns.Run("c").epochs == [0, 1]


def test_the_file_may_name_the_run_directory(cli, undrawn, tmp_path):
    (tmp_path / "c.toml").write_text('epochs = 1\nbatch_size = 256\nscale = 0.5\nout = "here"\n')
    assert cli("train", "--config", "c.toml")[0] == 0
    assert ns.Run(tmp_path / "here").epochs == [0, 1]
    assert cli("train", "--config", "c.toml", "--out", "there")[0] == 0
    (tmp_path / "c.toml").write_text("out = 3")
    code, _, err = cli("train", "--config", "c.toml")
    assert (code, "out must be text" in err) == (2, True)


def test_another_method_than_the_files_takes_its_own_defaults(cli, undrawn, tmp_path):
    assert cli("train", *SMALL, "--epochs", "1", "--scale", "1", "--out", "a")[0] == 0
    code, _, err = cli("train", "--config", "a/config.toml", "--method", "dense", "--out", "b")
    assert code == 0
    assert "early_stop and sparsity belong to its method 'cht'" in err
    assert (ns.Run("b").config["sparsity"], ns.Run("b").config["early_stop"]) == (0.0, False)
    assert cli("train", "--config", "a/config.toml", "--method", "set", "--out", "c")[0] == 0
    assert (ns.Run("c").config["sparsity"], ns.Run("c").config["early_stop"]) == (0.9, False)
    assert cli("train", "--config", "a/config.toml", "--method", "snfs", "--zeta", "0.4", "--out", "d")[0] == 0
    assert cli("train", "--config", "d/config.toml", "--method", "rigl", "--out", "e")[0] == 0
    assert (ns.Run("e").config["zeta"], ns.Run("e").config["update_interval"]) == (0.4, 100)


def test_parts_of_methods_on_the_command_line_and_in_files(cli, undrawn, tmp_path):
    parts = ["topology=small_world", "topology_options.beta=0.1", "percolation=false", "early_stop=0.5", "zeta=0.1"]
    told = [word for part in parts for word in ("--part", part)]
    small = [*SMALL, "--epochs", "2", "--scale", "1"]
    assert cli("train", *small, *told, "--out", "a")[0] == 0
    config = ns.Run("a").config
    assert config["parts"] == {"topology": "small_world", "topology_options": {"beta": 0.1}, "percolation": False}
    assert (config["early_stop"], config["zeta"]) == (0.5, 0.1)
    assert cli("train", "--config", "a/config.toml", "--out", "b")[0] == 0
    assert (tmp_path / "a" / "checkpoint.safetensors").read_bytes() == (
        tmp_path / "b" / "checkpoint.safetensors"
    ).read_bytes()
    (tmp_path / "mine.toml").write_text('base = "set"\nzeta = 0.2\nearly_stop = 0.8\ntopology = "scale_free"\n')
    code, out, _ = cli("train", *small, "--method", "mine.toml")
    assert (code, "Training mine on digits" in out) == (0, True)
    assert (tmp_path / "runs" / "digits-mine-001").is_dir()
    (tmp_path / "mine.toml").unlink()
    config = ns.Run("runs/digits-mine-001").config
    assert (config["zeta"], config["early_stop"], config["parts"]["regrowth"]) == (0.2, 0.8, "random")
    assert cli("train", "--config", "runs/digits-mine-001/config.toml", "--out", "c")[0] == 0
    for part, message in (
        ("percolation", "--part takes NAME=VALUE"),
        ("percolation=maybe", "percolation must be true or false"),
        ("toplogy=small_world", "unknown part 'toplogy'"),
        ("topology_options.r=1", "has no option 'r'"),
        ("removal=false", "both a removal and a regrowth"),
        ("removal_options.share=1", "has no option 'share'"),
    ):
        code, _, err = cli("train", "--part", part)
        assert (code, message in err) == (2, True), err


def test_what_fails_at_its_start_leaves_nothing(cli, undrawn, tmp_path, caplog):
    for told, message in (
        (["--method", "mest-ems", "--epochs", "1"], "train longer"),
        (["--model", "small-cnn", "--part", "topology=correlated"], "needs the inputs of the first layer"),
        (["--part", "topology_options=5", "--part", "topology_options.beta=1"], "as a value and as a table"),
    ):
        code, _, err = cli("train", *told, "--out", "run")
        assert (code, message in err, err.count("error")) == (2, True, 1), err
        assert not (tmp_path / "run").exists()
    assert cli("train", "--method", "rigl", "--epochs", "1", "--batch-size", "100", "--scale", "1")[0] == 0
    assert "too short for a topology update: it has 13 steps, one would come every 100" in caplog.text


def test_a_run_without_its_snapshots_is_told(cli, undrawn, tmp_path):
    assert cli("train", *SMALL, "--out", "run")[0] == 0
    for path in (tmp_path / "run" / "snapshots").iterdir():
        path.unlink()
    code, _, err = cli("train", "--resume", "run")
    assert (code, "its snapshots are missing" in err) == (2, True)
    config = (tmp_path / "run" / "config.toml").read_text()
    (tmp_path / "run" / "config.toml").write_text(config.replace("lr = 0.025", "lr = 0.5"))
    code, _, err = cli("train", "--resume", "run")
    assert (code, "belongs to a run with lr = 0.025, not 0.5" in err) == (2, True)


def test_resume_of_what_is_done_and_of_what_is_not_there(cli, undrawn, tmp_path):
    """What was killed is resumed in tests/reliability."""
    assert cli("train", *SMALL, "--out", "straight")[0] == 0
    code, out, _ = cli("train", "--resume", "straight")  # nothing is left to do
    assert (code, "Test accuracy" in out) == (0, True)
    for told, message in (
        (["--resume", "straight", "--epochs", "9"], "leave --epochs out"),
        (["--resume", "straight", "--part", "zeta=0.1"], "leave --part out"),
        (["--resume", "nothing"], "no such run directory"),
    ):
        code, _, err = cli("train", *told)
        assert (code, message in err) == (2, True), err
    ns.Run.create(tmp_path / "empty")
    assert "no config.toml" in cli("train", "--resume", "empty")[2]


def test_tensorboard_gets_the_metrics(cli, undrawn, tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert cli("train", *SMALL, "--tensorboard", "--out", "a")[0] == 0
    events = EventAccumulator(str(tmp_path / "a" / "tensorboard"))
    events.Reload()
    found = [event.value for event in events.Scalars("test_accuracy")]
    metrics = ns.Run("a").metrics
    expected = metrics.query("metric == 'test_accuracy'")["value"].tolist()
    assert found == pytest.approx(expected)
    assert {"sandwich1/links", "sandwich1/itop_rate", "train_loss"} <= set(events.Tags()["scalars"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, _, err = cli("train", *SMALL, "--tensorboard", "--out", "b")
    assert (code, "pip install tensorboard" in err) == (2, True)
    assert not (tmp_path / "b").exists()


def test_extreme_runs_end_with_their_figures(cli, unrendered, tmp_path):
    """Nothing embeds but the whole network; nothing is removed; everything is; one epoch; fewer than the interval."""
    for number, options in enumerate(
        (
            ["--scale", "1", "--sparsity", "0"],
            ["--scale", "1", "--sparsity", "0.999"],
            ["--scale", "1", "--zeta", "0"],
            ["--scale", "1", "--zeta", "1"],
            ["--epochs", "1", "--update-interval", "9", "--snapshot-every", "9"],
        )
    ):
        code, out, err = cli("train", "--epochs", "2", "--batch-size", "64", "--out", number, *options)
        assert code == 0, err
        assert "Figures" in out
        assert "never updated" not in err or "--epochs" in options
    again = ("--epochs", "2", "--zeta", "1", "--scale", "1", "--out", "again", "--no-figures")
    assert "no room for" in cli("train", *again)[2]


def test_a_run_goes_on_when_nobody_reads_its_output(tmp_path):
    options = "--epochs 12 --batch-size 64 --scale 0.5 --out run"
    command = f"{sys.executable} -m netsparse train {options} | head -1"
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, capture_output=True)
    assert ns.Run(tmp_path / "run").epochs[-1] == 12
    assert (tmp_path / "run" / "figures" / "accuracy.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "minst"], "did you mean 'mnist'"),
        (["--method", "magic"], "unknown method"),
        (["--sparsity", "1.5"], "sparsity must be"),
        (["--epochs", "many"], "Invalid value"),
        (["--early-stop", "0.9", "--no-early-stop"], "exclude each other"),
        (["--config", "missing.toml"], "cannot be read"),
        (["--dataset", "mnist", "--data-dir", "missing"], "no such folder"),
        (["--method", "dense", "--sparsity", "0.5"], "'dense' has sparsity 0"),
        (["--nonsense"], "No such option"),
    ],
)
def test_bad_options_of_train_leave_nothing_behind(cli, tmp_path, arguments, message):
    code, _out, err = cli("train", *arguments)
    assert code == 2
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_train_never_writes_over_something(cli, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("two years")
    code, _, err = cli("train", *SMALL, "--out", "mine")
    assert code == 2
    assert "not empty" in err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def external_masks(folder):
    rng = np.random.default_rng(0)
    sp.save_npz(folder / "random.npz", sp.random_array((40, 30), density=0.1, rng=rng))
    scipy.io.mmwrite(folder / "market.mtx", sp.random_array((25, 35), density=0.1, rng=rng))
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.ReLU(), torch.nn.Linear(30, 10))
    prune.random_unstructured(model[0], "weight", amount=0.9)
    prune.random_unstructured(model[2], "weight", amount=0.8)
    torch.save(model.state_dict(), folder / "pruned.pt")
    return ["random.npz", "market.mtx", "pruned.pt"]


def test_measure_gives_the_values_of_the_python_api(cli, tmp_path):
    for name in external_masks(tmp_path):
        code, out, err = cli("measure", name, "--out", "table.parquet")
        assert code == 0
        assert "modularity" in out
        assert "possible links" in err  # what was read is told
        table = pd.read_parquet(tmp_path / "table.parquet")
        expected = ns.measure(ns.load(tmp_path / name)).assign(run=name)
        pd.testing.assert_frame_equal(table, expected)


def test_measure_writes_csv_and_json_and_takes_several_paths(cli, tmp_path):
    names = external_masks(tmp_path)
    code, _, _ = cli("measure", *names, "--measures", "n_links,density", "--out", "t.csv")
    assert code == 0
    table = pd.read_csv(tmp_path / "t.csv")
    assert set(table["run"]) == set(names)
    assert set(table["measure"]) == {"n_links", "density"}
    assert cli("measure", names[0], "--measures", "n_links", "--out", "t.json")[0] == 0
    rows = json.loads((tmp_path / "t.json").read_text())
    assert {row["measure"]: row["value"] for row in rows} == {"n_links": 120}


def test_measure_a_run(cli, trained_run):
    code, out, _ = cli("measure", trained_run.path, "--measures", "fast")
    assert code == 0
    assert "epoch 0" in out
    assert "epoch 4" in out
    assert "5 epochs were measured" in out
    code, out, _ = cli("measure", trained_run.path, "--epochs", "0,2", "--measures", "n_links")
    assert code == 0
    assert "epoch 2" in out


def test_measure_with_null_models_in_processes(cli, trained_run):
    told = (
        "measure",
        trained_run.path,
        "--measures",
        "n_links,log10_credit_assigned_paths",
        "--epochs",
        "0,4",
        "--nulls",
        "4",
    )
    code, out, _ = cli(*told, "--jobs", "2", "--out", "t.parquet")
    assert code == 0
    assert " z " in out
    assert " p " in out
    table = pd.read_parquet("t.parquet")
    expected = ns.measure(trained_run, ["n_links", "log10_credit_assigned_paths"], 4, epochs=[0, 4])
    pd.testing.assert_frame_equal(table, expected)
    assert (table.attrs["seed"], table.attrs["nulls"]) == (0, 4)


def test_measure_is_resumed(cli, trained_run, monkeypatch, tmp_path):
    from netsparse.analysis import jobs

    original, calls = jobs.run_job, []

    def interrupted(job):
        calls.append(job)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return original(job)

    monkeypatch.setattr("netsparse.analysis.workers.run_job", interrupted)
    told = ("measure", trained_run.path, "--measures", "fast", "--out", "t.parquet")
    code, _, err = cli(*told)
    assert (code, "interrupted" in err) == (130, True)
    assert len(pd.read_parquet("t.parquet")) > 0
    calls.clear()
    monkeypatch.setattr("netsparse.analysis.workers.run_job", lambda job: calls.append(job) or original(job))
    for told_more, message in ((["--seed", "1"], "made with seed=0"), (["--nulls", "2"], "made with nulls=0")):
        code, _, err = cli(*told, "--resume", *told_more)
        assert (code, message in err, err.count("\n")) == (2, True, 1), err
    assert cli(*told, "--resume")[0] == 0
    assert len(calls) == 20 + 1 - 6  # five epochs of three layers and the network, and what is of the whole run
    first = pd.read_parquet("t.parquet")
    pd.testing.assert_frame_equal(first, ns.measure(trained_run, "fast"), check_exact=True)
    calls.clear()
    assert cli(*told, "--resume")[0] == 0
    assert [job.unit.scope for job in calls] == ["run"]
    # a table that is there is replaced by a whole one only
    monkeypatch.setattr("netsparse.analysis.workers.run_job", interrupted)
    calls.clear()
    assert cli(*told)[0] == 130
    pd.testing.assert_frame_equal(pd.read_parquet("t.parquet"), first)


def test_two_masks_of_one_name_are_told_apart(cli, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "m.npy", np.eye(3))
    assert cli("measure", "a/m.npy", "b/m.npy", "--measures", "n_links", "--out", "t.csv")[0] == 0
    assert set(pd.read_csv("t.csv")["run"]) == {"a/m.npy", "b/m.npy"}


def test_measuring_in_the_background_changes_nothing(cli, undrawn, tmp_path):
    small = [*SMALL, "--epochs", "5", "--snapshot-every", "2"]
    assert cli("train", *small, "--out", "a/run")[0] == 0
    code, _, err = cli("train", *small, "--measure-every", "1", "--out", "b/run")
    assert (code, err) == (0, "")
    assert (tmp_path / "a/run/measures.parquet").read_bytes() == (tmp_path / "b/run/measures.parquet").read_bytes()
    assert cli("train", "--resume", "b/run", "--measure-every", "2")[0] == 0
    assert (tmp_path / "a/run/measures.parquet").read_bytes() == (tmp_path / "b/run/measures.parquet").read_bytes()
    code, _, err = cli("train", *small, "--measure-every", "0", "--out", "c")
    assert (code, "--measure-every is" in err) == (2, True)
    assert not (tmp_path / "c").exists()


def bad_masks(folder) -> dict[str, str]:
    (folder / "text.npz").write_text("just words")
    with (folder / "objects.pkl").open("wb") as file:
        pickle.dump({"weight": [1, 2]}, file)
    (folder / "empty.npz").write_bytes(b"")
    np.save(folder / "nan.npy", np.array([[np.nan, 0.0]]))
    torch.save({"fc.weight": torch.full((3, 3), float("nan"))}, folder / "nan.pt")
    np.save(folder / "three.npy", np.zeros((2, 2, 2)))
    torch.save({"conv.weight": torch.zeros(2, 2, 2)}, folder / "three.pt")
    return {
        "text.npz": "not a mask file",
        "objects.pkl": "pickle",
        "empty.npz": "empty",
        "nan.npy": "NaN",
        "nan.pt": "NaN",
        "three.npy": "has the shape",
        "three.pt": "no two-dimensional",
        "missing.npz": "no such file",
    }


def test_measure_refuses_what_is_no_mask(cli, tmp_path):
    for name, message in bad_masks(tmp_path).items():
        code, out, err = cli("measure", name, "--out", "t.csv")
        assert (code, out) == (2, ""), name
        assert message in err
        assert name in err
        assert err.count("\n") <= 2
        assert not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["m.npy", "--measures", "modularitty"], "did you mean 'modularity'"),
        (["m.npy", "--out", "t.xlsx"], "end the name"),
        (["m.npy", "--out", "nowhere/t.csv"], "no such folder"),
        (["m.npy", "--epochs", "1"], "has one only"),
        (["m.npy", "--epochs", "first"], "whole numbers"),
        (["m.npy", "--rows", "columns"], "rows are 'in'"),
        (["m.npy", "--threshold", "-1"], "the threshold"),
        (["m.npy", "--chain", "missing.toml"], "missing.toml"),
        (["m.npy", "--max-memory", "nan"], "gigabytes"),
        (["m.npy", "--max-memory", "inf"], "gigabytes"),
        (["m.npy", "--max-memory", "1e-9"], "--max-memory"),
        (["m.npy", "--tensors", "fc*"], "no layer is named 'fc*'"),
        (["m.npy", "--graph", "--rows", "in"], "has no rows"),
        (["*.npz"], "no file has a name of this pattern"),
        (["m.npy", "--measures", ","], "no measure is named"),
        (["m.npy", "--nulls", "-1"], "nulls is the number"),
        (["m.npy", "--seed", "-1"], "a seed is"),
        (["m.npy", "--jobs", "0"], "jobs are"),
        (["m.npy", "--jobs", "2", "--cluster", "tcp://127.0.0.1:1"], "its own workers"),
        (["m.npy", "--resume"], "name it by --out"),
        (["m.npy", "--resume", "--out", "t.csv"], "only a .parquet table"),
    ],
)
def test_bad_options_of_measure(cli, tmp_path, arguments, message):
    np.save(tmp_path / "m.npy", np.eye(3))
    code, _, err = cli("measure", *arguments)
    assert code == 2
    assert message in err


def test_figures_are_redrawn_from_what_is_stored(cli, unrendered, tmp_path, trained_run):
    code, out, _ = cli("figures", trained_run.path, "--out", "drawn", "--format", "png,svg")
    assert code == 0
    names = {f"{n}.{f}" for n in set(FIGURES) - COMPARISONS for f in ("png", "svg")} | {"captions.json"}
    assert {path.name for path in (tmp_path / "drawn").glob("[!.]*")} == names
    assert {Path(line).name for line in out.splitlines()} == names
    assert cli("figures", trained_run.path, "--format", "bmp")[0] == 2
    code, _, err = cli("figures", tmp_path)
    assert code == 2
    assert "not a run directory" in err
    empty = ns.Run.create(tmp_path / "empty")
    code, _, err = cli("figures", empty.path)
    assert code == 2
    assert "error" in err


def test_several_runs_are_drawn_together(cli, unrendered, tmp_path):
    for number, method in enumerate(("cht", "set", "set")):
        out = f"many/{method}-{number}"
        assert cli("train", *SMALL, "--method", method, "--seed", number, "--out", out, "--no-figures")[0] == 0
        assert not (tmp_path / out / "figures").exists()
        assert not (tmp_path / out / "report.html").exists()
    code, out, _ = cli("figures", "many", "many/set-1", "--format", "svg")
    assert code == 0
    assert f"{Path('many') / 'figures' / 'accuracy.svg'}" in out
    captions = json.loads((tmp_path / "many" / "figures" / "captions.json").read_text())
    assert {"CHT, aae", "SET, aae", "SET, aae_sd"} <= set(captions["accuracy"]["numbers"])
    assert "CHT, aae_sd" not in captions["accuracy"]["numbers"]
    run = ns.Run("many/set-2")
    run.write_metrics(run.metrics.query("epoch < 3"))
    code, _, err = cli("figures", "many", "--only", "accuracy", "--format", "svg")
    assert (code, "set-2 left out: it stands at epoch 2 of 3" in err) == (0, True)
    captions = json.loads((tmp_path / "many" / "figures" / "captions.json").read_text())
    assert "SET, aae_sd" not in captions["accuracy"]["numbers"]


def test_list_tells_the_parts_of_methods(cli):
    from netsparse.training import METHODS

    code, out, _ = cli("list", "methods")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(METHODS)
    for told in ("regrowth=ch3-l3", "removal=magnitude+gradient", "update_interval=100", "density_schedule=sigmoid"):
        assert told in out
    code, out, _ = cli("list", "parts")
    assert code == 0
    for name in METHODS["cht"].parts:
        assert name in out
    for choice in ("small_world", "relative-importance", "momentum", "cosine", "cubic"):
        assert choice in out


def test_list_tells_measures_with_their_levels(cli):
    from netsparse.analysis import MEASURES

    code, out, _ = cli("list", "measures")
    assert code == 0
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if line.startswith("│")]
    assert [row[0] for row in rows] == sorted(MEASURES)
    assert ["closeness", "standard", "node"] in [row[:3] for row in rows]
    assert all(row[3] for row in rows)


@pytest.mark.parametrize("kind", ["topologies", "datasets", "models", "figures"])
def test_list_tells_what_there_is_with_a_line_each(cli, kind):
    from netsparse.cli.list import _registry

    code, out, _ = cli("list", kind)
    assert code == 0
    lines = out.strip().splitlines()
    assert [line.split()[0] for line in lines] == list(_registry(kind))
    assert all(len(line.split()) > 2 for line in lines)
    assert cli("list", "nothing")[0] == 2


def test_debug_shows_the_traceback_wherever_it_stands():
    for arguments in (["--debug", "measure", "missing.npz"], ["measure", "missing.npz", "--debug"]):
        done = subprocess.run([sys.executable, "-m", "netsparse", *arguments], capture_output=True, text=True)
        assert done.returncode != 0
        assert "Traceback" in done.stderr
    done = subprocess.run([sys.executable, "-m", "netsparse", "measure", "missing.npz"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_error_that_should_not_happen_is_told_without_a_traceback(cli, monkeypatch, tmp_path):
    np.save(tmp_path / "m.npy", np.eye(3))
    monkeypatch.setattr("netsparse.analysis.files.scan_all", lambda *_: 1 / 0)
    code, _, err = cli("measure", "m.npy")
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "--debug" in err


def test_interruption_is_told(cli, monkeypatch, tmp_path):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    np.save(tmp_path / "m.npy", np.eye(3))
    monkeypatch.setattr("netsparse.analysis.files.scan_all", interrupt)
    code, _, err = cli("measure", "m.npy")
    assert code == 130
    assert "interrupted" in err


def test_no_command_shows_the_help(cli):
    code, out, err = cli()
    assert "Usage" in out + err
    assert "train" in out + err
    assert code in (0, 2)
    code, _, err = cli("train", "--epochs", "many")
    assert err.splitlines()[1:] == ["Try 'netsparse train --help'."]


def test_version_and_help(cli):
    code, out, _ = cli("--version")
    assert (code, out.strip()) == (0, f"netsparse {ns.__version__}")
    code, out, _ = cli("train", "--help")
    assert code == 0
    for option in (
        "--dataset",
        "--data-dir",
        "--method",
        "--sparsity",
        "--scale",
        "--epochs",
        "--batch-size",
        "--lr",
        "--zeta",
    ):
        assert option in out
    assert not os.environ.get("NETSPARSE_DEBUG")


def test_inspect_and_convert(cli, tmp_path):
    np.savez(tmp_path / "m.npz", fc1=np.eye(4) * 2, fc2=np.ones((4, 3)))
    code, out, err = cli("inspect", "m.npz", "--tensors", "fc1")
    assert (code, err) == (0, "")
    assert "4 of 16 possible links, density 25 %" in out
    code, out, err = cli("convert", "m.npz", "links.csv")
    assert (code, out.strip(), err) == (0, "Written: links.csv", "")
    assert ns.load(tmp_path / "links.csv") == ns.load(tmp_path / "m.npz")
    for arguments, message in [
        (["m.npz", "links.csv"], "is there already"),
        (["m.npz", "links.xyz"], "the ending names no form"),
        (["m.npz", "links2.csv", "--to", "cvs"], "did you mean 'csv'"),
        (["m.npz", "one.mtx"], "holds one layer, the network has 2"),
        (["missing.npz", "links2.csv"], "no such file"),
        (["m.npz", "nowhere/links.csv"], "there is no directory"),
    ]:
        code, out, err = cli("convert", *arguments)
        assert (code, out) == (2, ""), arguments
        assert message in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["links.csv", "m.npz"]
    code, out, _ = cli("list", "forms")
    assert "matrix-market" in out


def test_the_measure_command_forces_what_is_refused(cli, tmp_path, monkeypatch):
    monkeypatch.setattr("netsparse.analysis.costs.LIMIT", -1.0)
    np.save(tmp_path / "m.npy", np.eye(3))
    code, out, _ = cli("measure", "m.npy", "--measures", "modularity")
    assert code == 0
    assert "refused: would take" in out
    assert "--force" in out
    code, out, _ = cli("measure", "m.npy", "--measures", "modularity", "--force")
    assert code == 0
    assert "refused" not in out
