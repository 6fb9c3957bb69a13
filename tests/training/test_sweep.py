"""Sweeps: grids, variants and seeds; what is there is skipped, what fails is told, one table."""

import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from netsparse import NetsparseError, Run
from netsparse.analysis.registry import choose
from netsparse.cli import main
from netsparse.training.sweep import read_sweep, run_sweep

ROOT = Path(__file__).parents[2]
TEXT = """
[train]
epochs = 2
scale = 1.0
batch_size = 100
[grid]
sparsity = [0.8, 0.9]
seed = [0, 1]
[variants.cht]
[variants.no-csti.parts]
topology = "erdos_renyi"
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    return path


def test_every_combination_is_a_run(config):
    runs = read_sweep(config)
    assert len({run.name for run in runs}) == 8
    assert runs[0].name == "cht_sparsity-0.8_seed-0"
    assert runs[-1].point == {"variant": "no-csti", "sparsity": 0.9, "seed": 1}
    assert [run.config.resolved_method.topology for run in runs] == ["correlated"] * 4 + ["erdos_renyi"] * 4
    assert {run.config.epochs for run in runs} == {2}
    config.write_text("[grid]\nparts.percolation = [true, false]\n")
    assert [run.point for run in read_sweep(config)] == [{"parts.percolation": True}, {"parts.percolation": False}]
    config.write_text("[train]\nepochs = 3\n")
    assert [run.name for run in read_sweep(config)] == ["run"]


def test_the_options_may_be_a_runs_config(config):
    run = Run.create(config.parent / "before")
    run.write_config({"epochs": 7})
    config.write_text(
        f"[train]\n{(run.path / 'config.toml').read_text()}[variants.a]\nformat_version = 1\n[variants.b]\n"
    )
    assert [run.config.epochs for run in read_sweep(config)] == [7, 7]
    config.write_text("[variants.a]\nformat_version = 99\n")
    with pytest.raises(NetsparseError, match=r"variants\.a: configuration .*99"):
        read_sweep(config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gird]\n", "unknown table 'gird'"),
        ("grid = 3\n", "grid must be a table"),
        ("[grid]\nseed = 3\n", "seed must be a list of values"),
        ("[grid]\nseed = []\n", "seed must be a list of values"),
        ("[variants]\na = 3\n", "'a' must be a table"),
        ("[grid]\nsparsity = [0.5, 2.0]\n", "run 'sparsity-2': sparsity must be"),
        ('[grid]\nmethod = ["cht", "magic"]\n', "unknown method 'magic'"),
        ("[grid]\nseed = [1, 1]\n", "two runs would be called 'seed-1'"),
        ("[grid]\nparts.percolate = [true]\n", "unknown part 'percolate'"),
        ("[grid\n", "not valid TOML"),
    ],
)
def test_bad_files_are_told_before_anything_runs(text, message, config, capsys):
    config.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(config)])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_sweep_skips_resumes_and_tables(config, capsys):
    main(["sweep", str(config)])
    assert capsys.readouterr().out.count("trained ") == 8
    table = pd.read_csv("runs/mine/results.csv")
    assert list(table.columns[:4]) == ["variant", "sparsity", "n_runs", "n_failed"]
    assert table["n_runs"].tolist() == [2] * 4
    for row in table.itertuples():
        runs = [Run(f"runs/mine/{row.variant}_sparsity-{row.sparsity:g}_seed-{seed}") for seed in (0, 1)]
        found = [run.metrics.query("metric == 'test_accuracy' and epoch == 2")["value"].item() for run in runs]
        assert row.final_test_accuracy_mean == pytest.approx(np.mean(found))
        assert row.final_test_accuracy_sd == pytest.approx(np.std(found, ddof=1))
        every = [run.metrics.query("metric == 'test_accuracy'")["value"].mean() for run in runs]
        assert row.aae_mean == pytest.approx(np.mean(every))
        assert row.links_mean == runs[0].snapshot(-1).n_links
    Run("runs/mine/cht_sparsity-0.8_seed-0").checkpoint_path.unlink()
    main(["sweep", str(config)])
    said = capsys.readouterr().out
    assert (said.count("skipped "), said.count("resumed ")) == (7, 1)
    again = pd.read_csv("runs/mine/results.csv")
    timeless = [name for name in table.columns if "seconds" not in name]
    pd.testing.assert_frame_equal(table[timeless], again[timeless])


def test_runs_of_a_sweep_are_measured_once(config, monkeypatch):
    config.write_text(TEXT.replace("[0.8, 0.9]", "[0.8]"))
    main(["sweep", str(config)])
    runs = Run.find("runs/mine")
    assert not any(run.measures_path.exists() for run in runs)
    monkeypatch.setattr("netsparse.analysis.background.choose", lambda _: choose(["density", "modularity"]))
    main(["sweep", str(config), "--measure"])
    assert all(set(run.measures["measure"]) == {"density", "modularity"} for run in runs)
    monkeypatch.setattr("netsparse.analysis.background.measure_run", None)  # nothing is left for it to do
    main(["sweep", str(config), "--measure"])


def test_failed_runs_are_told_and_stop_no_other(config, capsys):
    other = Run.create("runs/mine/cht_sparsity-0.8_seed-0")
    other.write_config(read_sweep(config)[1].config.as_dict())
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(config)])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "a run with other options is there" in said.err
    assert "1 of 8 runs failed: cht_sparsity-0.8_seed-0" in said.err
    table = pd.read_csv("runs/mine/results.csv")
    assert table["n_failed"].tolist() == [1, 0, 0, 0]
    assert table["n_runs"].tolist() == [1, 2, 2, 2]
    assert np.isnan(table["final_test_accuracy_sd"][0])


def test_a_damaged_run_stops_no_other(config, capsys):
    config.write_text(TEXT.replace("[0.8, 0.9]", "[0.8]"))
    main(["sweep", str(config)])
    capsys.readouterr()
    damaged = Run("runs/mine/cht_sparsity-0.8_seed-0")
    damaged.metrics_path.write_bytes(b"nothing")
    with pytest.raises(SystemExit):
        main(["sweep", str(config)])
    said = capsys.readouterr()
    assert said.out.count("skipped ") == 3
    assert "cht_sparsity-0.8_seed-0: cannot be read" in said.err.replace("runs/mine/", "")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_no_job_outlives_the_sweep(how, config, tmp_path):
    config.write_text("[train]\nepochs = 100000\n[grid]\nseed = [0, 1, 2]\n")
    command = [sys.executable, "-m", "netsparse", "sweep", str(config), "--jobs", "2"]
    sweep = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder, started = tmp_path / "runs" / "mine", time.monotonic()
    while len(list(folder.glob("*/metrics.parquet"))) < 2 and time.monotonic() - started < 120:
        time.sleep(0.2)
    sweep.send_signal(how)
    assert sweep.wait(timeout=60) != 0
    time.sleep(3)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/metrics.parquet")}
    time.sleep(3)
    assert len(before) == 2
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("*/metrics.parquet")}


def test_a_run_whose_process_is_killed_stops_no_other(config, tmp_path):
    """As the system does when memory runs out."""
    config.write_text("[train]\nbatch_size = 100\n[grid]\nepochs = [100000, 2, 3]\n")
    endless = tmp_path / "out" / "epochs-100000" / "checkpoint.safetensors"

    def trainings():  # not the idle workers that an earlier test's measuring left
        return [child for child in multiprocessing.active_children() if isinstance(child, SpawnProcess)]

    def kill_the_last_one():
        while len(told) < 2 or not endless.exists() or len(trainings()) > 1:
            time.sleep(0.1)
        trainings()[0].kill()

    told = []
    thread = threading.Thread(target=kill_the_last_one, daemon=True)
    thread.start()
    outcomes = run_sweep(read_sweep(config), tmp_path / "out", lambda run: {}, 2, told.append)
    thread.join()
    assert [outcome.how for outcome in outcomes] == ["failed", "trained", "trained"]
    assert "its process died with exit code -9" in outcomes[0].error


def test_jobs_change_no_result(config, tmp_path):
    runs = read_sweep(config)[:4]
    for jobs in (1, 4):
        outcomes = run_sweep(runs, tmp_path / str(jobs), lambda run: {"epochs": len(run.epochs)}, jobs)
        assert [(outcome.how, outcome.run.name) for outcome in outcomes] == [("trained", run.name) for run in runs]
    for run in runs:
        one, two = (tmp_path / jobs / run.name / "checkpoint.safetensors" for jobs in "14")
        assert one.read_bytes() == two.read_bytes()
    with pytest.raises(NetsparseError, match="jobs must be at least 1"):
        run_sweep(runs, tmp_path, dict, 0)


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "sweeps").glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_right(path):
    assert len(read_sweep(path)) >= 15


def test_a_sweep_beyond_all_measure_is_refused_at_once(config):
    values = list(range(1, 301))
    config.write_text(f"[grid]\nseed = {values}\nepochs = {values}\nbatch_size = {values}\n")
    with pytest.raises(NetsparseError, match=r"a sweep of 27,000,000 runs; 100,000 are the most"):
        read_sweep(config)
