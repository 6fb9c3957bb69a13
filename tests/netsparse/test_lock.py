"""One writer at a time: real processes on one run directory."""

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from netsparse import LayerGraph, NetsparseError, Run, Snapshot
from netsparse.analysis.background import embed_run, measure_run
from netsparse.cli import main
from netsparse.figures.draw import draw_figures
from netsparse.lock import RunLockedError, hold, in_turn
from netsparse.storage import clear_asides
from netsparse.training import TrainConfig, train

HOLDER = """
import sys, time
from pathlib import Path
from netsparse.lock import hold, in_turn
from netsparse.run import Run
path = Path(sys.argv[1])
with in_turn(path) if path.name == ".lock" else hold(Run(path)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(path):
    """Have another process hold a run directory, or a lock file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(60)


@pytest.fixture
def run(tmp_path, trained_run):
    shutil.copytree(trained_run.path, tmp_path / "run")
    return Run(tmp_path / "run")


def test_a_second_writer_is_refused_and_a_dead_one_holds_nobody_up(run, tmp_path, capsys, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.toml").write_text("[train]\nepochs = 4\n")
    refused = "writes into this run directory now; wait until it has ended"
    with held(run.path) as process:
        for arguments in (
            ["train", "--resume", "run"],
            ["film", "run"],
            ["measure", "run", "--measures", "n_links", "--out", "run/measures.parquet"],
        ):
            with pytest.raises(SystemExit, match="2"):
                main(arguments)
            assert f"run: process {process.pid} on " in (said := capsys.readouterr().err)
            assert refused in said
            assert "Traceback" not in said
        for write in (measure_run, embed_run, lambda run: train(TrainConfig.resolve(run.config), run, resume=True)):
            with pytest.raises(RunLockedError, match=refused):
                write(run)
        # reading, and writing elsewhere, goes on
        main(["measure", "run", "--epochs", "4", "--measures", "n_links", "--out", "elsewhere.parquet"])
        draw_figures(run, names=["accuracy"], formats=["svg"])
        assert run.snapshot(-1).epoch == 4
        aside = run.path / ".metrics.parquet.abcd_123.part"
        aside.touch()
        process.kill()
        process.wait(60)
        assert json.loads((run.path / ".writer.json").read_text())["pid"] == process.pid
        with caplog.at_level("INFO"), hold(run):
            assert json.loads((run.path / ".writer.json").read_text())["pid"] == os.getpid()
            assert not aside.exists()
    assert f"process {process.pid} on " in caplog.text
    assert not (run.path / ".writer.json").exists()


def test_of_two_that_create_one_run_the_second_is_refused_and_harms_nothing(tmp_path, monkeypatch, capsys):
    """What the first has made so far looks like a run that was killed as it began."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text("[train]\nepochs = 2\nbatch_size = 64\n[grid]\nseed = [0]\n")
    for path, arguments in (("run", ["train", "--out", "run"]), ("runs/s/seed-0", ["sweep", "s.toml"])):
        run = Run.create(path)
        with held(run.path):
            with pytest.raises(SystemExit, match="2"):
                main(arguments)
            assert "writes into this run directory now" in capsys.readouterr().err
            assert (run.path / ".writer.json").exists()
        assert Run.create(path).epochs == []


def test_a_run_that_has_begun_is_never_created_again(tmp_path):
    run = Run.create(tmp_path / "run")
    (run.path / ".lock").touch()
    run.write_environment({})
    (run.path / ".config.toml.abcd_123.part").touch()
    Run.create(run.path)  # killed as it began
    run.write_snapshot(Snapshot([LayerGraph.from_mask([[1]])], epoch=0))
    with pytest.raises(NetsparseError, match="not empty"):
        Run.create(run.path)
    other = Run.create(tmp_path / "other")
    with hold(other):
        other.discard_if_empty()
    assert not other.path.exists()


def test_the_lock_is_held_again_by_its_thread_alone(tmp_path):
    run, told = Run.create(tmp_path / "run"), []

    def take():
        try:
            with hold(run):
                told.append("held")
        except RunLockedError as error:
            told.append(str(error))

    with hold(run):
        with hold(Run(run.path)):
            pass
        assert (run.path / ".writer.json").exists()
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
    take()
    assert f"process {os.getpid()} on " in told[0]
    assert told[1:] == ["held"]
    assert run.epochs == []


def test_two_that_draw_into_one_folder_keep_each_others_captions(run, tmp_path, caplog):
    """The second waits: what it reads of the captions is what the first has written."""
    out, drawn = tmp_path / "drawn", []
    out.mkdir()

    def draw():
        draw_figures(run, out, ["svg"], ["overlap"])
        drawn.append("overlap")

    with held(out / ".lock") as first:
        (out / ".overlap.svg.abcd_123.part").touch()
        thread = threading.Thread(target=draw)
        thread.start()
        thread.join(1)
        assert drawn == []
        (out / "accuracy.svg").touch()
        (out / "captions.json").write_text('{"format_version": 1, "accuracy": {"text": "mine", "numbers": {}}}')
        first.stdin.close()
        thread.join(60)
    captions = json.loads((out / "captions.json").read_text())
    assert captions["accuracy"]["text"] == "mine"
    assert "overlap" in captions
    assert "waiting for it" in caplog.text
    assert not list(out.glob("*.part"))


def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    run = Run.create(tmp_path / "run")
    (run.path / ".lock").mkdir()
    for lock in (hold(run), in_turn(run.path / ".lock")):
        with pytest.raises(NetsparseError, match="run: cannot be written: Is a directory"), lock:
            pass
    clear_asides(tmp_path / "nowhere")  # nothing to clear
