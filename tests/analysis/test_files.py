"""What `netsparse measure` reads and writes: names, tables that are taken up again, ends."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from netsparse import LayerGraph, NetsparseError, Run, Snapshot
from netsparse.analysis.files import measure_files
from netsparse.run import read_table


def write_mask(path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.random.default_rng(seed).random((12, 9)) < 0.3)


def links_of(path) -> int:
    return int(np.load(path).sum())


def resume(out, *paths, epochs=None):
    return measure_files(paths, ["n_links"], out=out, resume=True, epochs=epochs)


def test_files_of_the_same_name_are_told_apart_in_a_resumed_table(tmp_path):
    first, second, out = tmp_path / "a" / "mask.npy", tmp_path / "b" / "mask.npy", tmp_path / "t.parquet"
    write_mask(first, 1)
    write_mask(second, 2)
    assert links_of(first) != links_of(second)
    resume(out, first)
    names, _ = resume(out, second)
    assert names == {second: str(second)}
    names, table = resume(out, second, first)
    assert names == {second: str(second), first: "mask.npy"}
    values = table[table["scope"] == "network"].set_index("run")["value"]
    assert dict(values) == {str(second): links_of(second), "mask.npy": links_of(first)}


def test_what_was_moved_is_known_by_its_content(tmp_path):
    path, out = tmp_path / "a" / "mask.npy", tmp_path / "t.parquet"
    write_mask(path, 1)
    resume(out, path)
    moved = (tmp_path / "a").rename(tmp_path / "b") / "mask.npy"
    names, table = resume(out, moved)
    assert names == {moved: "mask.npy"}
    assert set(table["run"]) == {"mask.npy"}


def test_what_has_changed_is_not_taken_for_measured(tmp_path, chain):
    path, out = tmp_path / "mask.npy", tmp_path / "t.parquet"
    write_mask(path, 1)
    resume(out, path)
    before = out.read_bytes()
    write_mask(path, 2)
    with pytest.raises(NetsparseError, match="its content has changed"):
        resume(out, path)
    assert out.read_bytes() == before
    run, out = Run.create(tmp_path / "run"), tmp_path / "run.parquet"
    run.write_snapshot(chain(1))
    resume(out, run.path)
    run.write_snapshot(chain(2))  # more epochs are no change
    _, table = resume(out, run.path)
    assert sorted(table["epoch"].unique()) == [1, 2]
    run.write_snapshot(Snapshot(chain(5).layers, epoch=2))
    with pytest.raises(NetsparseError, match="its snapshot of epoch 2 has changed"):
        resume(out, run.path)
    assert set(resume(out, run.path, epochs=[1])[1]["epoch"]) == {1, 2}


def test_a_new_table_names_by_the_whole_path_only_where_it_must(tmp_path):
    paths = [tmp_path / "a" / "mask.npy", tmp_path / "b" / "mask.npy", tmp_path / "c" / "other.npy"]
    for seed, path in enumerate(paths):
        write_mask(path, seed)
    names, _ = measure_files(paths, ["n_links"])
    assert list(names.values()) == [str(paths[0]), str(paths[1]), "other.npy"]


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ending_it_ends_the_workers_and_keeps_what_was_done(number, tmp_path):
    run, out = Run.create(tmp_path / "run"), tmp_path / "t.parquet"
    rng = np.random.default_rng(0)
    for epoch in range(40):
        run.write_snapshot(Snapshot([LayerGraph.from_mask(rng.random((150, 150)) < 0.05)], epoch=epoch))
    command = ["measure", str(run.path), "--jobs", "2", "--nulls", "30", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "netsparse", *command], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for _ in range(600):
        if out.exists() and len(read_table(out)):
            break
        time.sleep(0.1)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    if number == signal.SIGTERM:
        assert process.returncode == 130
        assert "go on with --resume" in told
        assert "Traceback" not in told
    assert len(read_table(out)) > 0
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("workers outlive the command")
