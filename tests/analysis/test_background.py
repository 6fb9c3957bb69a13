"""Measuring while a network trains."""

import os
import signal
import time

import pandas as pd
import pytest

from netsparse import NetsparseError, Run, Snapshot
from netsparse.analysis import background
from netsparse.analysis.background import BackgroundMeasuring, measure_run, run_plan


@pytest.fixture
def run(tmp_path, chain):
    run = Run.create(tmp_path / "run")
    for epoch in range(6):
        run.write_snapshot(Snapshot(chain(epoch + 1).layers, epoch=epoch))
    return run


@pytest.fixture
def counted(monkeypatch):
    seen = []
    original = background.compute

    def compute(plan, **options):
        def note(done, total):
            seen.append(total)

        return original(plan, **{**options, "on_progress": note})

    monkeypatch.setattr(background, "compute", compute)
    return seen


def with_attrs(table, **attrs):
    table.attrs = attrs
    return table


def whole_table(run) -> pd.DataFrame:
    measure_run(run)
    table = run.measures
    run.measures_path.unlink()
    return table


def test_the_table_is_the_same_and_nothing_is_measured_twice(run, counted, chain):
    table = whole_table(run)
    assert counted[-1] == 24
    (run.snapshots_path / "epoch-0004.safetensors").unlink()
    with BackgroundMeasuring(run) as measuring:
        for epoch in (0, 1, 2, 3):
            measuring.follow(epoch)
        measuring.follow(4)
        run.write_snapshot(Snapshot(chain(5).layers, epoch=4))  # a moment after it was told
        measuring.finish()
    assert set(run.measures["epoch"]) == {0, 1, 2, 3, 4}
    measure_run(run, resume=True)
    assert counted[-1] == 20  # the two ends by the standard measures, four units each; the disks of layers between
    pd.testing.assert_frame_equal(run.measures, table, check_exact=True)
    assert len(run_plan(run)) == 25


def test_a_process_that_dies_costs_nothing(run, caplog):
    table = whole_table(run)
    with BackgroundMeasuring(run) as measuring:
        measuring.follow(1)
        os.kill(measuring._process.pid, signal.SIGKILL)
        time.sleep(0.2)
        for epoch in range(2, 5):
            measuring.follow(epoch)
    assert "ended with code -9" in caplog.text
    measure_run(run, resume=True)
    pd.testing.assert_frame_equal(run.measures, table, check_exact=True)


def test_what_a_resumed_training_writes_again_is_forgotten(run, chain):
    table = whole_table(run)
    measure_run(run)
    run.write_snapshot(Snapshot(chain(99).layers, epoch=4))  # of the training before, wrong
    with BackgroundMeasuring(run, done=3) as measuring:
        assert run.measures["epoch"].max() == 3
        measuring.follow(4)
        measuring.finish()
    assert run.measures["epoch"].max() == 3
    run.write_snapshot(Snapshot(chain(5).layers, epoch=4))
    measure_run(run, resume=True)
    pd.testing.assert_frame_equal(run.measures, table, check_exact=True)


def test_a_table_of_others_is_not_taken_up(run):
    table = whole_table(run)
    run.write_measures(table.assign(value=0.0))
    other = run.measures
    other.attrs = {"seed": 0, "nulls": 3}
    run.write_measures(other)
    measure_run(run, resume=True)
    pd.testing.assert_frame_equal(run.measures, table, check_exact=True)
    for epoch in run.epochs:
        (run.snapshots_path / f"epoch-{epoch:04d}.safetensors").unlink()
    with pytest.raises(NetsparseError, match="nothing to measure"):
        measure_run(run)


@pytest.mark.parametrize(("version", "message"), [(None, "not a readable Parquet table"), (99, "version 99")])
def test_a_table_that_cannot_be_read_is_told_before_the_training(version, message, run):
    if version is None:
        run.measures_path.write_bytes(b"PAR1")
    else:
        pd.DataFrame({"epoch": [1]}).pipe(with_attrs, format_version=version).to_parquet(run.measures_path)
    kept = run.measures_path.read_bytes()
    with pytest.raises(NetsparseError, match=message):
        BackgroundMeasuring(run)
    assert run.measures_path.read_bytes() == kept
