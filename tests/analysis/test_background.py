"""Measuring while a network trains."""

import os
import signal
import time

import pandas as pd
import pytest

from netsparse import NetsparseError, Run, Snapshot
from netsparse.analysis import background, measure
from netsparse.analysis.background import BackgroundMeasuring, embed_run, keep_measures, measure_run, run_plan


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
    measure_run(run)
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
    measure_run(run)
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
    measure_run(run)
    pd.testing.assert_frame_equal(run.measures, table, check_exact=True)


def test_what_else_was_measured_stays(run):
    table = whole_table(run)
    more = measure(run, ["n_links", "closeness"], epochs=[2, 5])
    run.write_measures(more)
    keep_measures(run, 3)
    assert run.measures["epoch"].unique().tolist() == [2]
    measure_run(run)
    is_more = (run.measures["epoch"] == 2) & (run.measures["measure"] == "closeness")
    assert is_more.sum() > 5
    pd.testing.assert_frame_equal(run.measures[~is_more].reset_index(drop=True), table, check_exact=True)
    whole = run.measures_path.read_bytes()
    measure_run(run)
    assert run.measures_path.read_bytes() == whole


@pytest.mark.parametrize("told", [{"seed": 0, "nulls": 3}, {"seed": 1, "nulls": 0}, {}])
def test_a_table_that_cannot_be_completed_is_neither_taken_up_nor_lost(told, run):
    table = whole_table(run)
    table.attrs = told
    run.write_measures(table)
    kept = run.measures_path.read_bytes()
    for work in (measure_run, lambda run: keep_measures(run, 2), BackgroundMeasuring):
        with pytest.raises(
            NetsparseError, match=r"measures\.parquet: does not tell that it was made with seed 0.*move it"
        ):
            work(run)
    assert run.measures_path.read_bytes() == kept


def test_a_table_of_several_runs_is_not_taken_for_one(run):
    table = measure(run, ["n_links"])
    both = pd.concat([table, table.assign(run="other")], ignore_index=True)
    both.attrs = table.attrs
    run.write_measures(both)
    kept = run.measures_path.read_bytes()
    for work in (measure_run, lambda run: keep_measures(run, 2), embed_run):
        with pytest.raises(NetsparseError, match="holds several runs; move it"):
            work(run)
    assert run.measures_path.read_bytes() == kept


def test_a_run_without_snapshots_has_nothing_to_measure(run):
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
    for work in (BackgroundMeasuring, measure_run):
        with pytest.raises(NetsparseError, match=message):
            work(run)
    assert run.measures_path.read_bytes() == kept
