"""Runs of every release (tests/data/make_run.py) are opened by this one; files of a newer one are refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import safetensors
import safetensors.numpy

import netsparse as ns
from netsparse.storage import unpack_header

RUNS = Path(__file__).parents[1] / "data" / "runs"

# What each release's own programs said of its run: right answers of 360 test samples by epoch, the last epoch's loss,
# the active share of the neurons behind it, rows of metrics and measures, and whether it kept correlations.
EXPECTED = {
    "0.1.0": ([121, 231, 279], 1.0336879, 0.7767857, 81, 2989, False),
    "0.2.0": ([129, 202, 246], 1.2647437, 0.8035714, 96, 7043, True),
}

# Each file of a run directory that has a version, and a command that reads it.
READERS = {
    "config.toml": ("train", "--resume", "RUN"),
    "environment.json": ("report", "RUN"),
    "metrics.parquet": ("figures", "RUN", "--only", "accuracy", "--format", "svg", "--out", "drawn"),
    "measures.parquet": ("measure", "RUN", "--resume", "--out", "RUN/measures.parquet"),
    "correlations.safetensors": ("figures", "RUN", "--only", "csti", "--format", "svg", "--out", "drawn"),
    "checkpoint.safetensors": ("train", "--resume", "RUN", "--no-figures"),
    "snapshots/epoch-0003.safetensors": ("measure", "RUN", "--measures", "n_links"),
    "figures/captions.json": ("figures", "RUN", "--only", "accuracy", "--format", "svg"),
}


@pytest.fixture(params=sorted(path.name for path in RUNS.iterdir()))
def release(request, tmp_path) -> str:
    """A release, whose runs lie as ``finished`` and ``interrupted`` in the folder."""
    for name in ("finished", "interrupted"):
        shutil.copytree(RUNS / request.param / name, tmp_path / name)
    return request.param


def version_of(path: Path) -> object:
    """Return the format version that a file tells; None if it tells none."""
    if path.suffix == ".toml":
        first = path.read_text("utf-8").splitlines()[0].partition(" = ")
        return int(first[2]) if first[0] == "format_version" else None
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8")).get("format_version")
    if path.suffix == ".parquet":
        return pd.read_parquet(path).attrs.get("format_version")
    with safetensors.safe_open(path, "numpy") as file:
        return unpack_header(file.metadata()).get("format_version")


def give_version(path: Path, version: int | str) -> None:
    """Let a file tell another format version."""
    if path.suffix in (".toml", ".json"):
        text, key = path.read_text("utf-8"), '"format_version": 1' if path.suffix == ".json" else "format_version = 1"
        assert text.count(key) == 1
        path.write_text(text.replace(key, key[:-1] + json.dumps(version)), "utf-8")
    elif path.suffix == ".parquet":
        table = pd.read_parquet(path)
        table.attrs["format_version"] = version
        table.to_parquet(path, index=False)
    else:
        with safetensors.safe_open(path, "numpy") as file:
            header, tensors = unpack_header(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        path.write_bytes(
            safetensors.numpy.save(tensors, {"netsparse": json.dumps({**header, "format_version": version})})
        )


def refusal(cli, *arguments):
    """What a command says that is refused."""
    code, _, err = cli(*arguments)
    assert code == 2, err
    assert "should not happen" not in err
    return err


@pytest.mark.parametrize("entry", ["epoch", "options", "optimizer", "topology", "lr_scheduler"])
@pytest.mark.parametrize("value", [None, [1], "x"])
def test_a_checkpoint_whose_header_is_damaged_is_told(cli, entry, value, tmp_path):
    shutil.copytree(RUNS / "0.2.0" / "interrupted", tmp_path / "run")
    path = tmp_path / "run" / "checkpoint.safetensors"
    with safetensors.safe_open(path, "numpy") as file:
        header, tensors = unpack_header(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header = {name: own for name, own in header.items() if name != entry} | ({} if value is None else {entry: value})
    path.write_bytes(safetensors.numpy.save(tensors, {"netsparse": json.dumps(header)}))
    before = path.read_bytes()
    assert "run/checkpoint.safetensors: " in refusal(cli, "train", "--resume", "run")
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["metrics", "measures"])
@pytest.mark.parametrize("damage", ["epoch", "value", "layer", "text", "number", "attrs"])
def test_a_table_that_is_damaged_is_told(cli, name, damage, tmp_path):
    shutil.copytree(RUNS / "0.2.0" / "finished", tmp_path / "run")
    path = tmp_path / "run" / f"{name}.parquet"
    if damage == "attrs":
        table = pyarrow.parquet.read_table(path)
        pyarrow.parquet.write_table(
            table.replace_schema_metadata({**table.schema.metadata, b"PANDAS_ATTRS": b"[1]"}), path
        )
    else:
        table = pd.read_parquet(path)
        changed = {"text": {"value": "much"}, "number": {"layer": 3}}.get(damage)
        table = table.drop(columns=damage) if changed is None else table.assign(**changed)
        table.to_parquet(path)
    before = {path: path.read_bytes() for path in (tmp_path / "run").glob("*.parquet")}
    commands = [("train", "--resume", "run"), ("report", "run"), ("film", "run")]
    commands.append(("figures", "run", "--only", "accuracy,anp_rate,measure_table", "--format", "svg"))
    if name == "measures":
        commands.append(("measure", "run", "--resume", "--out", "run/measures.parquet"))
    for arguments in commands:
        assert f"run/{name}.parquet: " in refusal(cli, *arguments), arguments
    assert {path: path.read_bytes() for path in before} == before


def test_captions_that_are_none_are_drawn_anew(cli, tmp_path):
    shutil.copytree(RUNS / "0.2.0" / "finished", tmp_path / "run")
    path = tmp_path / "run" / "figures" / "captions.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("[1]")
    assert cli("figures", "run", "--only", "accuracy", "--format", "svg")[0] == 0
    assert list(json.loads(path.read_text())) == ["format_version", "accuracy"]


def test_each_release_since_the_first_one_has_runs():
    assert {path.name for path in RUNS.iterdir()} == set(EXPECTED)
    assert "0.1.0" in EXPECTED


def test_a_run_of_every_release_opens(release, tmp_path):
    right, loss, anp_rate, n_metrics, n_measures, with_correlations = EXPECTED[release]
    run = ns.load(tmp_path / "finished")
    assert run.epochs == [0, 1, 2, 3]
    for snapshot in run.snapshots():
        layers = [(layer.name, layer.source, layer.target, layer.n_links) for layer in snapshot.layers]
        assert layers == [
            ("sandwich1", "input", "hidden1", 205),
            ("sandwich2", "hidden1", "hidden2", 51),
            ("sandwich3", "hidden2", "hidden3", 51),
        ]
        assert all(np.isfinite(layer.weights).all() for layer in snapshot.layers)
    assert ns.load(run.snapshot_path(2)).epoch == 2
    assert {"dataset": "digits", "method": "cht", "epochs": 3, "seed": 1}.items() <= run.config.items()
    assert "format_version" not in {**run.config, **run.environment}
    assert run.environment["versions"]["netsparse"].startswith(release)
    metrics = run.metrics.query("layer == ''").pivot_table(index="epoch", columns="metric", values="value")
    assert (360 * metrics["test_accuracy"]).round(6).tolist() == right
    assert metrics["train_loss"].iloc[-1] == pytest.approx(loss)
    measures = run.measures
    found = measures.query("epoch == 3 and scope == 'network'").set_index("measure")["value"]
    assert found["n_links"] == 307
    assert found["anp_rate"] == pytest.approx(anp_rate, abs=1e-6)
    assert (len(run.metrics), len(measures)) == (n_metrics, n_measures)
    assert "format_version" not in {**measures.attrs, **run.metrics.attrs}
    assert (run.correlations is not None) == with_correlations
    if run.correlations is not None:
        assert run.correlations.shape == (64, 64)
    assert ns.load(tmp_path / "interrupted").epochs == [0, 1]


def test_a_run_of_every_release_is_measured_and_drawn(cli, release, tmp_path):
    code, out, _ = cli("inspect", "finished")
    assert (code, "307 of 1,536 possible links" in out) == (0, True)
    fresh = ("measure", "finished", "--measures", "n_links,anp_rate", "--out", "t.parquet")
    assert cli(*fresh)[0] == 0
    assert cli(*fresh, "--resume")[0] == 0
    found = ns.run.read_table(tmp_path / "t.parquet").query("scope == 'network' and epoch == 3")
    stored = ns.load(tmp_path / "finished").measures.query("scope == 'network' and epoch == 3")
    for measure in ("n_links", "anp_rate"):
        same = [table.set_index("measure")["value"][measure] for table in (found, stored)]
        assert same[0] == same[1]
    code, _, err = cli("measure", "finished", "--measures", "n_links", "--resume", "--out", "finished/measures.parquet")
    if release == "0.1.0":  # its table does not say by what seed
        assert (code, "measure anew: netsparse measure" in err) == (2, True)
        code, _, err = cli("film", "finished")
        assert (code, "measure anew: netsparse measure" in err) == (2, True)
    else:
        assert (code, err) == (0, "")
    code, _, err = cli("figures", "finished", "--only", "accuracy,anp_rate", "--format", "svg")
    assert (code, err) == (0, "")
    assert version_of(tmp_path / "finished" / "figures" / "captions.json") == 1
    assert cli("report", "finished")[0] == 0


@pytest.mark.parametrize("backend", ["csr", "masked"])
def test_an_interrupted_run_of_every_release_goes_on_as_if_it_had_not_been(
    cli, monkeypatch, release, backend, tmp_path
):
    monkeypatch.setattr("netsparse.analysis.background.measure_run", lambda *_, **__: None)
    config = tmp_path / "interrupted" / "config.toml"
    if release == "0.1.0":  # it had one backend, masked; what it stored is taken up by each
        config.write_text(config.read_text() + f'backend = "{backend}"\n')
    elif f'backend = "{backend}"' not in config.read_text():
        pytest.skip("a checkpoint belongs to its backend")
    finished, resumed = ns.load(tmp_path / "finished"), ns.load(tmp_path / "interrupted")
    kept = resumed.snapshot_path(1).read_bytes()
    assert cli("train", "--resume", "interrupted", "--no-figures")[0] == 0
    assert resumed.snapshot_path(1).read_bytes() == kept
    assert resumed.epochs == [0, 1, 2, 3]
    for epoch in (2, 3):
        for was, now in zip(finished.snapshot(epoch).layers, resumed.snapshot(epoch).layers, strict=True):
            np.testing.assert_array_equal(now.link_keys, was.link_keys)
            np.testing.assert_allclose(now.weights, was.weights, atol=1e-5)  # another processor may round otherwise
    told = [run.metrics.query("metric == 'train_loss'")["value"].tolist() for run in (resumed, finished)]
    assert told[0] == pytest.approx(told[1], rel=1e-5)
    ever = np.unique(np.concatenate([finished.snapshot(epoch).layers[0].link_keys for epoch in range(4)]))
    rate = resumed.metrics.query("metric == 'itop_rate' and layer == 'sandwich1' and epoch == 3")["value"].item()
    assert rate == len(ever) / (64 * 16)
    assert version_of(resumed.checkpoint_path) == 3


def test_a_sweep_takes_a_finished_run_of_every_release_as_its_own(cli, release, tmp_path):
    options = 'scale = 0.25\nsparsity = 0.8\nepochs = 3\nbatch_size = 32\ndevice = "cpu"\n'
    (tmp_path / "sweep.toml").write_text(f"[train]\n{options}[grid]\nseed = [1]\n")
    (tmp_path / "finished").rename(tmp_path / "seed-1")
    before = {path: path.read_bytes() for path in (tmp_path / "seed-1").rglob("*") if path.is_file()}
    code, out, _ = cli("sweep", "sweep.toml", "--out", ".")
    assert (code, "skipped  seed-1: test accuracy" in out) == (0, True)
    assert all(path.read_bytes() == content for path, content in before.items())
    assert pd.read_csv(tmp_path / "results.csv")["n_runs"].item() == 1


def test_a_state_of_another_network_is_refused(cli, release, tmp_path):
    shutil.copy(RUNS / release / "interrupted" / "checkpoint.safetensors", tmp_path / "finished")
    config = tmp_path / "finished" / "config.toml"
    config.write_text(config.read_text().replace("scale = 0.25", "scale = 0.5"))
    (tmp_path / "finished" / "measures.parquet").unlink()
    code, _, err = cli("train", "--resume", "finished", "--no-figures")
    assert (code, "checkpoint.safetensors: " in err, "belongs to a" in err) == (2, True, True)


def test_every_file_that_is_read_again_tells_its_version(trained_run, tmp_path):
    run = ns.Run(shutil.copytree(trained_run.path, tmp_path / "run"))
    ns.figures.draw_figures(run, formats=["svg"], names=["accuracy"])
    files = [path for path in run.path.rglob("*") if path.is_file() and path.name != ".lock"]  # it is empty
    found = {path.relative_to(run.path).as_posix(): path for path in files}
    versioned = {name: version_of(path) for name, path in found.items() if path.suffix not in (".txt", ".svg")}
    assert {name for name in versioned if not name.startswith("snapshots/")} == {
        name for name in READERS if not name.startswith("snapshots/")
    }
    assert versioned.pop("checkpoint.safetensors") == 3
    assert set(versioned.values()) == {1}


@pytest.mark.parametrize("name", READERS)
def test_a_newer_file_is_refused(cli, name, tmp_path):
    run = shutil.copytree(RUNS / "0.2.0" / "finished", tmp_path / "RUN")
    (run / "figures" / "accuracy.svg").touch()
    give_version(run / name, 99)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "log.txt"}
    code, _, err = cli(*READERS[name])
    assert code == 2
    assert f"{name}: " in err
    assert f"of format version 99: a newer netsparse wrote it, this one ({ns.__version__}) reads up to version" in err
    assert "update netsparse" in err
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_newer_configuration_is_refused_as_options_and_damaged_versions_are_told(cli, tmp_path):
    config = shutil.copy(RUNS / "0.2.0" / "finished" / "config.toml", tmp_path)
    give_version(Path(config), "one")
    code, _, err = cli("train", "--config", "config.toml")
    assert (code, "of format version 'one': versions are whole numbers from 1 on; the file is damaged" in err) == (
        2,
        True,
    )
    Path(config).write_text("format_version = 2\n")
    code, _, err = cli("train", "--config", "config.toml")
    assert (code, "config.toml: configuration of format version 2: a newer netsparse" in err) == (2, True)
    Path(config).write_text("format_version = 1\nformat_versions = 1\n")
    code, _, err = cli("train", "--config", "config.toml")
    assert (code, "unknown option 'format_versions'" in err) == (2, True)
