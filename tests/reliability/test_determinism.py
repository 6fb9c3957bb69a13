"""Same seed, same bytes: whatever the threads, the order of hashes, the workers, and after a kill."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from metrics import untimed

from netsparse import Run

TRAIN = ["train", "--epochs", "5", "--batch-size", "32", "--scale", "2", "--sparsity", "0.9"]
# When it was, and how long it took.
TIMED = {"environment.json", "log.txt", "metrics.parquet"}


def command(folder, n_threads, *arguments):
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "PYTHONHASHSEED")
    return subprocess.Popen(
        [sys.executable, "-m", "netsparse", *arguments],
        cwd=folder,
        env={**os.environ, **dict.fromkeys(names, str(n_threads))},
        stdout=subprocess.DEVNULL,
    )


def stored(run):
    """Give the bytes of all files that tell no times, by name, and the metrics without times."""
    files = {
        str(path.relative_to(run.path)): path.read_bytes()
        for path in sorted(run.path.rglob("*"))
        if path.is_file() and path.name not in TIMED and not path.name.startswith(".")
    }
    return files, untimed(run.metrics)


def equal(one, other):
    (files, metrics), (its_files, its_metrics) = stored(one), stored(other)
    assert len(files) >= 10
    assert list(files) == list(its_files)
    assert [name for name in files if files[name] != its_files[name]] == []
    pd.testing.assert_frame_equal(metrics, its_metrics)


@pytest.mark.parametrize("backend", ["csr", "masked"])
def test_threads_and_a_kill_change_no_byte(backend, tmp_path):
    """Snapshots, checkpoint, tables: the second run has two threads and is killed on its way."""
    options = [*TRAIN, "--backend", backend, "--no-figures"]
    # of one name, because the tables tell it
    one, other = tmp_path / "one" / "run", tmp_path / "other" / "run"
    for run in (one, other):
        run.parent.mkdir()
    assert command(one.parent, 1, *options, "--out", "run").wait(300) == 0
    killed = command(other.parent, 2, *options, "--out", "run")
    started = time.monotonic()
    while not (other / "checkpoint.safetensors").exists() and time.monotonic() - started < 120:
        time.sleep(0.001)
    killed.kill()
    assert killed.wait(60) == -signal.SIGKILL
    assert 0 in Run(other).epochs
    assert command(other.parent, 2, "train", "--resume", "run", "--no-figures").wait(300) == 0
    equal(Run(one), Run(other))


def test_workers_change_no_byte(trained_run, tmp_path):
    """A table of measures with null models, on one worker and on four."""
    for jobs in ("1", "4"):
        measured = ["measure", str(trained_run.path), "--epochs", "0,4", "--measures", "fast", "--nulls", "2"]
        assert command(tmp_path, jobs, *measured, "--jobs", jobs, "--out", f"{jobs}.parquet").wait(300) == 0
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "4.parquet").read_bytes()
