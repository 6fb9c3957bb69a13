"""When numbers go wrong: a training stops or goes on as docs/run-directory.md says, whatever the method and backend."""

import numpy as np
import pytest
import torch
from torch import nn

from netsparse import NetsparseError, Run
from netsparse.training import SparseLinear, TopologyScheduler, TrainConfig, train
from netsparse.training.checkpoint import checkpoint_epoch
from netsparse.training.data import Dataset, Split
from netsparse.training.finite import DivergedError

METHODS = ["cht", "set", "rigl", "dense", "chts"]
CASES = [
    (method, backend) for method in METHODS for backend in ("masked", "csr") if (method, backend) != ("dense", "csr")
]


def samples(n, n_classes, seed, n_features=12):
    rng = np.random.default_rng(seed)
    return Split(rng.random((n, n_features)).astype(np.float32), rng.integers(0, n_classes, n))


def data(n=33, n_classes=3):
    """Random data: 33 samples in batches of 8 leave a last batch of one."""
    parts = [samples(size, n_classes, seed) for seed, size in enumerate((n, 9, 9))]
    return Dataset("digits", n_classes, *parts)


def config(method, backend, **options):
    sparsity = {} if method == "dense" else {"sparsity": 0.5}
    steps = {"update_interval": 2} if method in ("rigl",) else {}
    told = {"epochs": 4, "batch_size": 8, "scale": 2.0, "method": method, "backend": backend}
    return TrainConfig.resolve({**told, **sparsity, **steps, **options})


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run")


@pytest.mark.parametrize(("method", "backend"), CASES)
def test_a_loss_that_is_not_finite_keeps_what_was_done(method, backend, run):
    """The learning rate lasts an epoch or two, then the loss is NaN."""
    reports = []
    with pytest.raises(DivergedError, match=r"epoch \d+: .*train anew with a smaller --lr than 3") as told:
        train(config(method, backend, epochs=60, lr=3.0, weight_decay=1.0), run, reports.append, data())
    done = len(reports)
    assert 1 <= done < 60
    assert f"epoch {done + 1}: " in str(told.value)
    assert f"What was done until epoch {done} is kept in {run.path}" in str(told.value)
    assert (checkpoint_epoch(run.checkpoint_path), run.epochs[-1], run.metrics["epoch"].max()) == (done, done, done)
    assert all(np.isfinite(layer.weights).all() for layer in run.snapshot(-1).layers)


@pytest.mark.parametrize(("method", "backend"), CASES)
def test_weights_that_are_not_finite_stop_it_though_the_loss_is(method, backend, run, monkeypatch):
    """As after the very last batch of an epoch, which no loss has seen."""
    from netsparse.training import fused, loop

    def broken(real):
        def train_epoch(first, *more):
            loss = real(first, *more)
            model = getattr(first, "model", first)
            with torch.no_grad():
                next(iter(model.parameters())).view(-1)[0] = torch.inf
            return loss

        return train_epoch

    monkeypatch.setattr(fused, "train_epoch", broken(fused.train_epoch))
    monkeypatch.setattr(loop, "_train_by_autograd", broken(loop._train_by_autograd))
    with pytest.raises(DivergedError, match=r"epoch 1: 1 of [\d,]+ numbers of .*weight are infinite or NaN"):
        train(config(method, backend), run, data=data())
    assert run.epochs == [0]


@pytest.mark.parametrize(("method", "backend"), CASES)
def test_what_is_small_or_alike_trains(method, backend, run, tmp_path, caplog):
    """A last batch of one, batches of one, one class, hardly any links, none."""
    told = [(config(method, backend), data()), (config(method, backend, batch_size=1, epochs=2), data())]
    told += [(config(method, backend), data(n_classes=1))]
    if method != "dense":
        told += [(config(method, backend, sparsity=sparsity), data()) for sparsity in (0.995, 0.99999)]
    for number, (made, own) in enumerate(told):
        run = Run.create(tmp_path / f"run{number}")
        result = train(made, run, data=own)
        assert run.epochs == list(range(made.epochs + 1))
        assert np.isfinite(run.metrics.query("metric == 'train_loss'")["value"]).all()
        assert result.final_test_accuracy == 1 or number != 2
    if method != "dense":
        assert [layer.n_links for layer in run.snapshot(-1).layers] == [0, 0, 0]
        assert "layer 'sandwich1' starts without a link" in caplog.text


def test_a_layer_that_percolates_away_is_told(caplog):
    """Its targets feed nothing, its sources are fed by nothing: both layers lose all."""
    torch.manual_seed(0)
    model = nn.Sequential(SparseLinear(4, 4), nn.ReLU(), SparseLinear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    topology = TopologyScheduler(model, optimizer, "cht", 0.5, topology="erdos_renyi")
    first, second = topology.layers
    for layer, links in ((first, [[0, 0]]), (second, [[3, 3]])):
        mask = np.zeros((4, 4), int)
        mask[tuple(np.transpose(links))] = 1
        layer.module.set_graph(type(layer.graph).from_mask(mask))
    topology.step()
    assert [layer.graph.n_links for layer in topology.layers] == [0, 0]
    for name in ("0", "2"):
        assert f"step 1: layer '{name}' has lost all its links" in caplog.text
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    topology.step()


@pytest.mark.parametrize("method", ["cht", "set", "chts", "static"])
def test_loops_of_ones_own_are_told_as_well(method):
    model = nn.Sequential(
        SparseLinear(6, 6, sparsity=0.5), nn.ReLU(), SparseLinear(6, 6, sparsity=0.5), nn.Linear(6, 2)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    topology = TopologyScheduler(model, optimizer, method, 0.5, total_steps=9, topology="erdos_renyi")
    with torch.no_grad():
        model[0].weight.view(-1)[:] = torch.nan
    if method == "static":
        topology.step()  # it has nothing to decide
        return
    with pytest.raises(
        NetsparseError, match=r"numbers of layer '0' are infinite or NaN at step 1: .*smaller learning rate"
    ):
        topology.step()
