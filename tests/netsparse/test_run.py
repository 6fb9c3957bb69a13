import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

import netsparse as ns
from netsparse import LayerGraph, MaskFormatError, NetsparseError, Run, Snapshot
from netsparse.cli import main
from netsparse.lock import hold
from netsparse.run import as_run, as_runs, read_table, write_table
from netsparse.storage import pack_header, read_snapshot, write_snapshot, write_whole


def test_snapshot_to_file_and_back_is_the_identity(tmp_path, chain, nasty_layer):
    for number, snapshot in enumerate([chain(1), Snapshot([nasty_layer]), Snapshot([nasty_layer], epoch=12)]):
        path = tmp_path / f"{number}.safetensors"
        write_snapshot(path, snapshot)
        assert read_snapshot(path) == snapshot
        assert ns.load(path) == snapshot


def test_equal_snapshots_are_equal_bytes(tmp_path, chain):
    for name in ("a", "b"):
        write_snapshot(tmp_path / name, chain(1))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_names_of_any_kind_survive(tmp_path):
    layer = LayerGraph.from_mask([[1]], "läyer/../ <script>", "ein gang", "aus\nang")
    write_snapshot(tmp_path / "s", Snapshot([layer]))
    assert read_snapshot(tmp_path / "s").layers[0] == layer


def test_broken_snapshots_are_refused(tmp_path, chain):
    good = tmp_path / "good.safetensors"
    write_snapshot(good, chain(1))
    content = good.read_bytes()
    bad = tmp_path / "bad.safetensors"
    for cut in (0, 5, 100, len(content) - 3):
        bad.write_bytes(content[:cut])
        with pytest.raises(MaskFormatError, match="not a readable safetensors"):
            read_snapshot(bad)
    bad.write_bytes(content.replace(b'format_version\\": 1', b'format_version\\": 9'))
    with pytest.raises(MaskFormatError, match="format version 9"):
        read_snapshot(bad)
    bad.write_bytes(content.replace(b"[12, 14]", b"[12, 04]").replace(b"[12, 04]", b"[12, 3] "))
    with pytest.raises(MaskFormatError, match=r"outside its shape|broken snapshot"):
        read_snapshot(bad)
    bad.write_bytes(content.replace(b"[12, 14]", b"[13, 14]"))
    with pytest.raises(MaskFormatError, match=r"row pointers|pointers of the sparse"):
        read_snapshot(bad)
    with pytest.raises(MaskFormatError, match="not a readable"):
        read_snapshot(tmp_path / "missing")


def test_a_safetensors_file_of_another_program_is_no_snapshot(tmp_path):
    import safetensors.numpy

    safetensors.numpy.save_file({"w": np.eye(2)}, tmp_path / "w.safetensors")
    with pytest.raises(MaskFormatError, match="not a netsparse-snapshot"):
        read_snapshot(tmp_path / "w.safetensors")
    assert json.loads(pack_header("f", 1, {})["netsparse"])["format"] == "f"


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    write_whole(path, b"first")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"second")
    assert path.read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_run_directory_is_never_overwritten(tmp_path):
    run = Run.create(tmp_path / "a" / "run")
    run.write_config({"seed": 1})
    with pytest.raises(NetsparseError, match="not empty"):
        Run.create(tmp_path / "a" / "run")
    assert Run(run.path).config == {"seed": 1}
    numbers = [Run.create_numbered("digits-cht", tmp_path / "runs").name for _ in range(3)]
    assert numbers == ["digits-cht-001", "digits-cht-002", "digits-cht-003"]
    (tmp_path / "file").write_text("")
    with pytest.raises(NetsparseError, match="cannot make"):
        Run.create(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    "names", [["log.txt"], ["thesis.part"], ["environment.json", "snapshots/"], [".lock", "log.txt", "notes.txt"]]
)
def test_what_somebody_else_put_there_is_neither_taken_nor_removed(names, tmp_path):
    for name in names:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_text("mine")
    with pytest.raises(NetsparseError, match="not empty"):
        Run.create(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {name.rstrip("/") for name in names}


def test_what_is_discarded_is_what_the_run_made(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for path in (tmp_path / "real", tmp_path / "link"):
        run = Run.create(path)
        with hold(run):
            run.write_environment({})
            run.write_config({})
            run.log_path.touch()
            run.discard_if_empty()
        assert path.is_dir()
        assert list(path.iterdir()) == []
    run = Run.create(tmp_path / "new")
    (run.path / "notes.txt").touch()  # meanwhile
    run.discard_if_empty()
    assert [path.name for path in run.path.iterdir()] == ["notes.txt"]
    run = Run.create_numbered("some", tmp_path)
    run.discard_if_empty()
    assert not run.path.exists()


def test_a_run_lists_and_reads_its_snapshots(tmp_path, chain):
    run = Run.create(tmp_path / "run")
    for epoch in (10, 2, 0):
        run.write_snapshot(Snapshot(chain(epoch).layers, epoch))
    (run.snapshots_path / ".epoch-0003.safetensors.x.part").write_bytes(b"half")
    assert run.epochs == [0, 2, 10]
    assert run.snapshot(-1).epoch == 10
    assert [snapshot.epoch for snapshot in run.snapshots()] == [0, 2, 10]
    assert isinstance(ns.load(run.path), Run)
    assert [snapshot.epoch for snapshot in ns.load(run.snapshots_path)] == [0, 2, 10]
    with pytest.raises(NetsparseError, match="no snapshot of epoch 5"):
        run.snapshot(5)
    with pytest.raises(NetsparseError, match="needs an epoch"):
        run.write_snapshot(Snapshot(chain(1).layers))


def test_what_is_no_run_directory(tmp_path):
    with pytest.raises(NetsparseError, match="no such run"):
        Run(tmp_path / "nothing")
    with pytest.raises(NetsparseError, match="not a run directory"):
        Run(tmp_path)
    run = Run.create(tmp_path / "run")
    with pytest.raises(NetsparseError, match="no such table"):
        _ = run.metrics
    (run.path / "metrics.parquet").write_text("no table")
    with pytest.raises(NetsparseError, match="not a readable Parquet"):
        _ = run.metrics
    (run.path / "config.toml").write_text("a = = 1")
    with pytest.raises(NetsparseError, match="not valid TOML"):
        _ = run.config


def test_tables_in_three_formats(tmp_path):
    table = pd.DataFrame({"measure": ["a", "b"], "value": [0.1 + 0.2, np.nan]})
    for ending in ("parquet", "csv", "json"):
        write_table(tmp_path / f"t.{ending}", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), table)
    assert json.loads((tmp_path / "t.json").read_text())[0] == {"measure": "a", "value": 0.3}
    with pytest.raises(NetsparseError, match=r"written as \.parquet"):
        write_table(tmp_path / "t.xls", table)
    with pytest.raises(NetsparseError, match="cannot be written"):
        write_table(tmp_path / "no" / "t.csv", table)


def test_correlations_are_kept_to_a_byte(tmp_path):
    run = Run.create(tmp_path / "run")
    assert run.correlations is None
    given = np.random.default_rng(0).random((5, 5)).astype(np.float32)
    run.write_correlations(given)
    np.testing.assert_allclose(run.correlations, given, atol=0.5001 / 255)
    content = run.correlations_path.read_bytes()
    run.correlations_path.write_bytes(content[:-3])
    with pytest.raises(NetsparseError, match="not a readable"):
        _ = run.correlations
    write_whole(run.correlations_path, safetensors.numpy.save({"correlations": given}))
    with pytest.raises(NetsparseError, match="no square matrix"):
        _ = run.correlations


def test_a_folder_of_runs_is_all_of_them(tmp_path):
    for name in ("b", "a"):
        Run.create(tmp_path / "sweep" / name)
    (tmp_path / "sweep" / "figures").mkdir()
    assert [run.name for run in Run.find(tmp_path / "sweep")] == ["a", "b"]
    assert [run.name for run in Run.find(tmp_path / "sweep" / "a")] == ["a"]
    for nothing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NetsparseError):
            Run.find(nothing)


def test_of_a_run_the_two_ends_are_inspected_whatever_lies_between(tmp_path, random_layer, capsys):
    run = Run.create(tmp_path / "run")
    for epoch in range(12):
        run.write_snapshot(Snapshot([random_layer(epoch)], epoch=epoch))
    for epoch in range(1, 11):
        run.snapshot_path(epoch).write_bytes(b"never read")
    main(["inspect", str(run.path)])
    told = capsys.readouterr().out
    assert "Epoch 0: 1 layer" in told
    assert "Epoch 11: 1 layer" in told
    assert "12 epochs; the first and the last are shown." in told


def test_configurations_nested_too_deeply_are_told(tmp_path):
    run = Run.create(tmp_path / "run")
    run.write_environment({})
    (run.path / "config.toml").write_text("a=" + "[" * 100_000)
    (run.path / "environment.json").write_text("[" * 1_000_000)
    with pytest.raises(NetsparseError, match=r"config\.toml: not valid TOML: nested too deeply"):
        _ = run.config
    assert run.environment == {}


def test_what_is_no_run_is_told(tmp_path):
    for source in ("runs/x", Path("runs/x"), ["runs/x"]):
        with pytest.raises(NetsparseError, match=r"a Run is wanted, not a \w+; netsparse\.Run\('runs/x'\) opens one"):
            as_runs(source)
    with pytest.raises(NetsparseError, match="a Run is wanted, not a NoneType"):
        as_runs(None)
    run = Run.create(tmp_path / "run")
    with pytest.raises(NetsparseError, match="a Run is wanted, not a list"):
        as_run([run])
    assert as_runs(run) == [run] == as_runs((run,))
