import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from metrics import untimed

from netsparse import NetsparseError, Run
from netsparse.topologies import Correlations
from netsparse.training import METHODS, TrainConfig, load_dataset, train
from netsparse.training.checkpoint import checkpoint_epoch, hold_checkpoint, load_checkpoint
from netsparse.training.loop import _correlations, _start, choose_device
from netsparse.training.samples import Samples


def config(**options):
    return TrainConfig.resolve(
        {"epochs": 2, "batch_size": 64, "scale": 1.0, "sparsity": 0.0 if options.get("method") == "dense" else 0.85}
        | options
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_keeps_its_links(method, tmp_path):
    run = Run.create(tmp_path / method)
    parts = METHODS[method]
    interval = 10 if parts.update_unit == "step" else 1
    result = train(config(method=method, epochs=3, update_interval=interval), run)
    assert run.epochs == [0, 1, 2, 3]
    assert result.final_test_accuracy > 0.15
    counts = [sum(layer.n_links for layer in snapshot) for snapshot in run.snapshots()]
    wanted = 3 * 64 * 64 if method == "dense" else round(0.15 * 3 * 64 * 64)
    assert counts[-1] == pytest.approx(wanted, abs=2)
    assert sorted(set(counts), reverse=True) == sorted(set(counts), key=counts.index)
    assert (len(set(counts)) == 1) == (parts.density_schedule == "constant")
    metrics = run.metrics
    assert list(metrics.columns) == ["epoch", "layer", "metric", "value"]
    assert not metrics.duplicated(["epoch", "layer", "metric"]).any()
    whole = set(metrics.loc[metrics["layer"] == "", "metric"])
    assert {"train_loss", "validation_accuracy", "test_accuracy", "learning_rate", "training_seconds"} <= whole
    accuracy = metrics.loc[metrics["metric"].str.endswith("accuracy"), "value"]
    assert accuracy.between(0, 1).all()
    updated = metrics.loc[metrics["metric"] == "overlap", "epoch"].unique().tolist()
    if parts.update_unit == "step":  # 20 steps an epoch: at step 10, 20, 30, 40, until three quarters
        assert updated == [1, 2, 3][: 2 + (parts.update_until * 60 > 50)]
        removed = metrics[metrics["metric"] == "links_removed"].groupby("epoch")["value"].sum()
        assert removed[1] > 0
    else:
        assert updated == ([1, 2] if parts.evolves else [])
    itop = metrics[metrics["metric"] == "itop_rate"].pivot_table(index="epoch", columns="layer", values="value")
    assert (itop.diff().dropna() >= 0).all().all()
    assert (itop.loc[3] > wanted / (3 * 64 * 64)).any() == parts.evolves


def test_the_run_directory_tells_everything(trained_run):
    stored = trained_run.config
    assert stored["dataset"] == "digits"
    assert stored["device"] == "cpu"
    assert TrainConfig.resolve(stored).as_dict() == stored
    environment = json.loads((trained_run.path / "environment.json").read_text())
    assert environment["seed"] == 0
    assert environment["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert trained_run.log_path.read_text().count("epoch") >= 4
    assert sorted(p.name for p in trained_run.snapshots_path.iterdir()) == [
        f"epoch-{e:04d}.safetensors" for e in range(5)
    ]


def test_anp_never_rises_and_the_metrics_agree_with_the_snapshots(trained_run):
    metrics = trained_run.metrics
    anp = metrics[metrics["metric"] == "anp_rate"].set_index("epoch")["value"]
    assert (anp.diff().dropna() <= 0).all()
    for snapshot in trained_run.snapshots():
        if snapshot.epoch:
            share = np.mean(np.concatenate(list(snapshot.active_neurons().values())))
            assert share == anp[snapshot.epoch]


@pytest.mark.parametrize(("every", "kept"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4, 5]), (9, [0, 5])])
def test_snapshot_every(every, kept, tmp_path):
    run = Run.create(tmp_path / "run")
    train(config(epochs=5, snapshot_every=every), run)
    assert run.epochs == kept


def test_another_seed_is_another_run(tmp_path):
    snapshots = []
    for seed in (0, 1):
        run = Run.create(tmp_path / str(seed))
        train(config(seed=seed), run)
        snapshots.append(run.snapshot(-1))
    assert snapshots[0] != snapshots[1]


def stored(run):
    """The bytes of everything that must not depend on an interruption, and the metrics without times."""
    files = [*sorted(run.snapshots_path.iterdir()), run.checkpoint_path]
    return {path.name: path.read_bytes() for path in files}, untimed(run.metrics)


RESUMED = [
    *({"method": name} for name in METHODS),
    {"method": "cht", "backend": "masked"},
    {"method": "rigl", "backend": "masked"},
    {"method": "cht", "parts": {"update_unit": "step"}, "update_interval": 7, "early_stop": 0.5},
    {"method": "snfs", "parts": {"update_unit": "step"}, "update_interval": 30},
    {"method": "set", "model": "small-cnn", "sparsity": 0.9, "augment": True},
    {"method": "rigl", "model": "small-cnn", "sparsity": 0.9, "n_sandwich": 1},
]


@pytest.mark.parametrize("options", RESUMED, ids=lambda options: "-".join(map(str, options.values())))
def test_a_resumed_run_ends_like_one_that_was_never_stopped(options, tmp_path):
    straight, stopped = Run.create(tmp_path / "straight"), Run.create(tmp_path / "stopped")
    if METHODS[options["method"]].update_unit == "step":
        options = {"update_interval": 9, **options}
    made = config(epochs=5, **options)
    train(made, straight)

    def stop(report):
        if report.epoch in (2, 3):
            raise KeyboardInterrupt

    resume = False
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(made, stopped, stop, resume=resume)
        resume = True
        torch.rand(7)  # torch's own random state is taken up as well
    assert train(made, stopped, resume=True) == train(made, straight, resume=True)
    (files, metrics), (its_files, its_metrics) = stored(straight), stored(stopped)
    assert files == its_files
    pd.testing.assert_frame_equal(metrics, its_metrics)
    assert straight.config == stopped.config


def test_resuming_before_the_first_checkpoint_and_over_stale_metrics(tmp_path):
    straight, early = Run.create(tmp_path / "straight"), Run.create(tmp_path / "early")
    made = config(epochs=3)
    train(made, straight)
    train(made, early, resume=True)
    assert stored(straight)[0] == stored(early)[0]
    checkpoint = early.checkpoint_path.read_bytes()

    def keep(report):
        if report.epoch == 1:
            ends = time.monotonic() + 60  # it is written behind the loop's back, after the metrics
            while not early_two.checkpoint_path.exists() and time.monotonic() < ends:
                time.sleep(0.001)
            kept.append(early_two.checkpoint_path.read_bytes())

    early_two, kept = Run.create(tmp_path / "two"), []
    train(made, early_two, keep)
    early_two.checkpoint_path.write_bytes(kept[0])  # as if killed when metrics and snapshots were there already
    train(made, early_two, resume=True)
    assert early_two.checkpoint_path.read_bytes() == checkpoint
    assert stored(straight)[0] == stored(early_two)[0]
    early_two.checkpoint_path.write_bytes(kept[0])
    early_two.write_metrics(early_two.metrics.iloc[:0])
    with pytest.raises(NetsparseError, match="the metrics of epoch 1 are missing"):
        train(made, early_two, resume=True)


def test_checkpoints_of_other_networks_and_broken_ones_are_refused(tmp_path):
    run = Run.create(tmp_path / "run")
    made = config(epochs=2, method="set")
    train(made, run)
    data, device = load_dataset("digits"), torch.device("cpu")
    state = _start(made, data, device, "csr", _correlations(made, data))
    assert load_checkpoint(run.checkpoint_path, state) == 2
    for other in ({"scale": 2.0}, {"lr": 0.5}, {"epochs": 6}, {"parts": {"percolation": True}}):
        with pytest.raises(NetsparseError, match=f"belongs to a run with {next(iter(other))} ="):
            load_checkpoint(
                run.checkpoint_path, _start(config(**{"method": "set", "epochs": 2} | other), data, device, "csr", None)
            )
    wide = _start(config(epochs=2, method="set", scale=2.0), data, device, "csr", None)
    with pytest.raises(NetsparseError, match="another network"):
        load_checkpoint(run.checkpoint_path, replace(wide, options=state.options))
    state.optimizer.state[state.model.sandwich1.weight]["momentum_buffer"] = torch.ones(3)
    hold_checkpoint(state, 3)(run.checkpoint_path)
    with pytest.raises(NetsparseError, match=r"momentum_buffer of shape \(3,\)"):
        load_checkpoint(run.checkpoint_path, state)
    run.checkpoint_path.write_bytes(b"nothing")
    with pytest.raises(NetsparseError, match="not a readable"):
        load_checkpoint(run.checkpoint_path, state)


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path):
    run = Run.create(tmp_path / "run")
    with pytest.raises(NetsparseError, match="smaller --lr"):
        train(config(lr=1e30), run)
    assert run.epochs[0] == 0
    assert "smaller --lr" in run.log_path.read_text()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device_is_refused():
    assert choose_device("auto").type == "cpu"
    with pytest.raises(NetsparseError, match="no CUDA device"):
        choose_device("cuda")


def test_the_learning_rate_falls_to_a_hundredth_over_nine_tenths(tmp_path):
    run = Run.create(tmp_path / "run")
    train(config(epochs=10, method="static"), run)
    rates = run.metrics.query("metric == 'learning_rate'")["value"].to_numpy()
    assert rates[0] == pytest.approx(0.025)
    assert rates[-1] == pytest.approx(0.00025)
    assert np.allclose(np.diff(rates[:10]), (0.00025 - 0.025) / 9)


@pytest.mark.parametrize("method", ["cht", "esml", "set"])
def test_csr_and_masked_are_the_same_run(method, tmp_path):
    """Compiled epochs on the links alone, and autograd on dense weights × mask: the same links, the same weights."""
    snapshots, tables = [], []
    for backend in ("csr", "masked"):
        run = Run.create(tmp_path / backend)
        train(config(method=method, backend=backend, epochs=5, batch_size=16, early_stop=False), run)
        snapshots.append(list(run.snapshots()))
        tables.append(run.metrics.set_index(["epoch", "layer", "metric"])["value"])
    moved = 0
    for csr, masked in zip(*snapshots, strict=True):
        for a, b in zip(csr, masked, strict=True):
            assert np.array_equal(a.link_keys, b.link_keys)
            assert np.allclose(a.weights, b.weights, rtol=1e-3, atol=1e-5)
        moved += csr.layers[0].link_keys.tolist() != snapshots[0][0].layers[0].link_keys.tolist()
    assert moved >= 4  # topology updates did something
    for metric in ("train_loss", "validation_accuracy", "test_accuracy"):
        a, b = (table.xs(metric, level="metric") for table in tables)
        assert np.allclose(a, b, atol=1e-2)


def test_the_backend_is_resolved_and_stored(trained_run, tmp_path):
    assert trained_run.config["backend"] == "csr"
    assert "backend csr" in trained_run.log_path.read_text()
    run = Run.create(tmp_path / "run")
    train(config(sparsity=0.1), run)
    assert run.config["backend"] == "masked"
    with pytest.raises(NetsparseError, match="backend must be auto, masked, csr or cuda"):
        config(backend="sparse")
    with pytest.raises(NetsparseError, match="'dense' has no backend 'csr'"):
        config(method="dense", backend="csr")


def test_of_a_long_table_of_metrics_not_every_epoch_is_written_but_the_last_one(tmp_path, monkeypatch):
    straight, stopped = Run.create(tmp_path / "straight"), Run.create(tmp_path / "stopped")
    made = config(epochs=12)
    train(made, straight)
    monkeypatch.setattr("netsparse.training.loop._OFTEN", 0)
    n_written, write = 0, Run.write_metrics

    def write_slowly(run, metrics):
        nonlocal n_written
        n_written += 1
        time.sleep(0.1)
        write(run, metrics)

    def stop(report):
        if report.epoch == 9:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "write_metrics", write_slowly)
    with pytest.raises(KeyboardInterrupt):
        train(made, stopped, stop)
    assert n_written < 9
    assert (checkpoint_epoch(stopped.checkpoint_path), stopped.metrics["epoch"].max()) == (9, 9)
    train(made, stopped, resume=True)
    (files, metrics), (its_files, its_metrics) = stored(straight), stored(stopped)
    assert files == its_files
    pd.testing.assert_frame_equal(metrics, its_metrics)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_done_before_training_died_is_on_disk(error, tmp_path):
    run = Run.create(tmp_path / "run")

    def die(report):
        if report.epoch == 3:
            raise error

    with pytest.raises(error):
        train(config(epochs=9), run, die)
    assert run.epochs == [0, 1, 2, 3]
    assert run.metrics["epoch"].max() == 3
    device = torch.device("cpu")
    made, data = config(epochs=9), load_dataset("digits")
    state = _start(made, data, device, "csr", _correlations(made, data))
    assert load_checkpoint(run.checkpoint_path, state) == 3
    assert state.topology.snapshot(3) == run.snapshot(3)


def test_a_run_directory_that_cannot_be_written_is_told(tmp_path):
    run = Run.create(tmp_path / "run")

    def remove(report):
        import shutil

        shutil.rmtree(run.snapshots_path, ignore_errors=True)

    with pytest.raises(NetsparseError, match="cannot be written"):
        train(config(epochs=9), run, remove)


def test_pixels_are_normalised_by_the_training_samples():
    samples = Samples.of(load_dataset("digits"), torch.device("cpu"))
    seen = samples["train"].normalised(samples["train"].x)
    assert abs(float(seen.mean())) < 1e-5
    assert float(seen.std()) == pytest.approx(1.0, abs=1e-4)
    assert samples["test"].mean == samples["train"].mean
    assert samples["train"].normalised(torch.zeros(1, 3, dtype=torch.uint8)).dtype == torch.float32


def test_what_csti_started_from_is_kept(trained_run, tmp_path):
    x = load_dataset("digits").train.x
    np.testing.assert_allclose(trained_run.correlations, Correlations.of(x).matrix, atol=0.5001 / 255)
    run = Run.create(tmp_path / "esml")
    train(config(method="esml", epochs=1), run)
    assert run.correlations is None
