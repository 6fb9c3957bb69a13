import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from netsparse import NetsparseError, Run
from netsparse.training import METHODS, TrainConfig, load_dataset, train
from netsparse.training.checkpoint import load_checkpoint
from netsparse.training.loop import _evaluate, _on_device, _start, _train_epoch, choose_device


def config(**options):
    return TrainConfig.resolve(
        {"epochs": 2, "batch_size": 64, "scale": 1.0, "sparsity": 0.0 if options.get("method") == "dense" else 0.85}
        | options
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_keeps_its_links(method, tmp_path):
    run = Run.create(tmp_path / method)
    result = train(config(method=method, epochs=3), run)
    assert run.epochs == [0, 1, 2, 3]
    assert result.final_test_accuracy > 0.15
    counts = {tuple(layer.n_links for layer in snapshot) for snapshot in run.snapshots()}
    assert len(counts) == 1
    metrics = run.metrics
    assert list(metrics.columns) == ["epoch", "layer", "metric", "value"]
    assert not metrics.duplicated(["epoch", "layer", "metric"]).any()
    whole = set(metrics.loc[metrics["layer"] == "", "metric"])
    assert {"train_loss", "validation_accuracy", "test_accuracy", "learning_rate", "training_seconds"} <= whole
    accuracy = metrics.loc[metrics["metric"].str.endswith("accuracy"), "value"]
    assert accuracy.between(0, 1).all()
    updated = metrics.loc[metrics["metric"] == "overlap", "epoch"].unique().tolist()
    assert updated == ([1, 2] if METHODS[method].evolves else [])


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


def test_same_seed_same_bytes_whatever_the_threads(tmp_path):
    program = (
        "import sys; from netsparse import Run; from netsparse.training import *;"
        "train(TrainConfig.resolve({'epochs': 3, 'scale': 2.0}), Run.create(sys.argv[1]))"
    )
    runs = []
    for threads in ("1", "2"):
        run = tmp_path / threads
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        import os

        subprocess.run(
            [sys.executable, "-c", program, str(run)], check=True, env={**os.environ, **dict.fromkeys(names, threads)}
        )
        runs.append(run)
    files = [*(f"snapshots/epoch-{e:04d}.safetensors" for e in range(4)), "checkpoint.safetensors", "config.toml"]
    for file in files:
        assert (runs[0] / file).read_bytes() == (runs[1] / file).read_bytes(), file


def test_another_seed_is_another_run(tmp_path):
    snapshots = []
    for seed in (0, 1):
        run = Run.create(tmp_path / str(seed))
        train(config(seed=seed), run)
        snapshots.append(run.snapshot(-1))
    assert snapshots[0] != snapshots[1]


@pytest.mark.parametrize("backend", ["csr", "masked"])
def test_a_checkpoint_goes_on_where_the_run_was(backend, tmp_path):
    """Two epochs, checkpoint, one more: the same weights as three epochs in one go."""
    run = Run.create(tmp_path / "run")
    made = config(epochs=3, method="set")
    data, device = load_dataset("digits"), torch.device("cpu")
    samples = _on_device(data, device)["train"]
    torch.set_num_threads(1)
    straight, resumed = _start(made, data, device, backend), _start(made, data, device, backend)
    from netsparse.training.checkpoint import save_checkpoint

    for epoch in (1, 2, 3):
        _train_epoch(straight, samples, 64)
        straight.topology.step()
        if epoch == 2:
            save_checkpoint(run.checkpoint_path, straight, epoch)
    _train_epoch(resumed, samples, 64)  # a state of its own, to be replaced
    assert load_checkpoint(run.checkpoint_path, resumed) == 2
    _train_epoch(resumed, samples, 64)
    resumed.topology.step()
    assert straight.topology.snapshot() == resumed.topology.snapshot()
    assert _evaluate(straight.model, samples) == _evaluate(resumed.model, samples)
    with pytest.raises(NetsparseError, match="another network"):
        load_checkpoint(run.checkpoint_path, _start(config(scale=2.0, method="set"), data, device, backend))
    straight.optimizer.state[straight.model.sandwich1.weight]["momentum_buffer"] = torch.ones(3)
    save_checkpoint(run.checkpoint_path, straight, 3)
    with pytest.raises(NetsparseError, match=r"momentum_buffer of shape \(3,\)"):
        load_checkpoint(run.checkpoint_path, resumed)
    run.checkpoint_path.write_bytes(b"nothing")
    with pytest.raises(NetsparseError, match="not a readable"):
        load_checkpoint(run.checkpoint_path, resumed)


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
    state = _start(config(epochs=9), load_dataset("digits"), device, "csr")
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
    samples = _on_device(load_dataset("digits"), torch.device("cpu"))
    seen = samples["train"].normalised(samples["train"].x)
    assert abs(float(seen.mean())) < 1e-5
    assert float(seen.std()) == pytest.approx(1.0, abs=1e-4)
    assert samples["test"].mean == samples["train"].mean
    assert samples["train"].normalised(torch.zeros(1, 3, dtype=torch.uint8)).dtype == torch.float32
