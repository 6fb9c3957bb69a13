"""Compiled epochs against the same epochs by autograd and torch's own optimizer."""

import copy

import numba
import numpy as np
import pytest
import torch
from torch import nn

from netsparse import NetsparseError
from netsparse.training import MLP, SparseLinear, SparseSequential, fused

SGD = {
    "momentum and weight decay": {"momentum": 0.9, "weight_decay": 1e-3},
    "nesterov": {"momentum": 0.8, "nesterov": True},
    "plain": {},
}


def samples(n=53, n_features=12, n_classes=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, n_features, generator=generator, dtype=dtype)
    return x, torch.randint(n_classes, (n,), generator=generator), torch.randperm(n, generator=generator)


def network(dtype=torch.float64, **options):
    torch.manual_seed(0)
    return MLP(12, 4, width=17, sparsity=0.7, backend="csr", **options).to(dtype)


def by_autograd(model, optimizer, x, y, order, batch_size):
    total = 0.0
    for batch in order.split(batch_size):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(order)


def assert_same(model, optimizer, twin, its_optimizer, tolerance):
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance)
        ours, theirs = (o.state[p].get("momentum_buffer") for o, p in ((optimizer, a), (its_optimizer, b)))
        assert (ours is None) == (theirs is None)
        assert ours is None or torch.allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("sgd", SGD)
@pytest.mark.parametrize("batch_size", [1, 16, 53, 100])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_an_epoch_equals_autograd_and_torchs_sgd(sgd, batch_size, dtype, tolerance):
    x, y, order = samples(dtype=dtype)
    model = network(dtype)
    twin = copy.deepcopy(model)
    optimizer, its = (torch.optim.SGD(m.parameters(), lr=0.05, **SGD[sgd]) for m in (model, twin))
    assert fused.fits(model, optimizer, x)
    for _ in range(3):
        loss = fused.train_epoch(model, optimizer, x, y, order, batch_size)
        assert loss == pytest.approx(by_autograd(twin, its, x, y, order, batch_size), rel=10 * tolerance)
    assert_same(model, optimizer, twin, its, tolerance)


@pytest.mark.parametrize("order_of_two", ["fused first", "autograd first"])
def test_it_goes_on_where_the_other_left_off(order_of_two):
    x, y, order = samples()
    model = network()
    twin = copy.deepcopy(model)
    optimizer, its = (torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9) for m in (model, twin))
    calls = [fused.train_epoch, by_autograd]
    for call in calls if order_of_two == "fused first" else calls[::-1]:
        call(model, optimizer, x, y, order, 8)
        by_autograd(twin, its, x, y, order, 8)
    assert_same(model, optimizer, twin, its, 1e-10)


def test_bytes_are_normalised_on_the_way():
    x = torch.randint(256, (40, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    _, y, order = samples(40)
    model = network(torch.float32)
    twin = copy.deepcopy(model)
    optimizer, its = (torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9) for m in (model, twin))
    mean, deviation = float(np.float32(72.9)), float(np.float32(89.7))
    fused.train_epoch(model, optimizer, x, y, order, 8, mean, deviation)
    by_autograd(twin, its, (x.float() - mean) / deviation, y, order, 8)
    assert_same(model, optimizer, twin, its, 1e-5)


def test_groups_of_parameters_keep_their_own_rates():
    x, y, order = samples()
    model = network()
    twin = copy.deepcopy(model)

    def make(m):
        biases = [p for name, p in m.named_parameters() if name.endswith("bias")]
        weights = [p for name, p in m.named_parameters() if name.endswith("weight")]
        groups = [{"params": weights}, {"params": biases, "lr": 0.01, "weight_decay": 0.0, "momentum": 0.5}]
        return torch.optim.SGD(groups, lr=0.05, momentum=0.9, weight_decay=1e-2)

    optimizer, its = make(model), make(twin)
    fused.train_epoch(model, optimizer, x, y, order, 8)
    by_autograd(twin, its, x, y, order, 8)
    assert_same(model, optimizer, twin, its, 1e-10)


def test_layers_without_bias_activation_or_links():
    x, y, order = samples()
    layers = [
        SparseLinear(12, 9, 0.5, bias=False, activation="relu", backend="csr", dtype=torch.float64),
        SparseLinear(9, 9, 1.0, backend="csr", dtype=torch.float64),
        SparseLinear(9, 6, 0.0, backend="csr", activation="relu", dtype=torch.float64),
    ]
    model = SparseSequential(*layers, nn.Linear(6, 4, bias=False, dtype=torch.float64))
    twin = copy.deepcopy(model)
    optimizer, its = (torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9) for m in (model, twin))
    fused.train_epoch(model, optimizer, x, y, order, 8)
    by_autograd(twin, its, x, y, order, 8)
    assert_same(model, optimizer, twin, its, 1e-10)


def test_the_result_does_not_depend_on_the_threads(monkeypatch):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba has one thread here")
    monkeypatch.setattr("netsparse.training.cpu_kernels._PARALLEL_FROM", 0)
    x, y, order = samples(dtype=torch.float32)
    found = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        model = network(torch.float32)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        loss = fused.train_epoch(model, optimizer, x, y, order, 16)
        found.append((loss, [p.detach().clone() for p in model.parameters()]))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))


def test_calls_are_kept_short(monkeypatch):
    monkeypatch.setattr(fused, "_AT_ONCE", 1)
    x, y, order = samples()
    model = network()
    twin = copy.deepcopy(model)
    optimizer, its = (torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9) for m in (model, twin))
    calls = []
    run = fused._Workspace.run
    monkeypatch.setattr(fused._Workspace, "run", lambda self, *a: calls.append(len(a[2])) or run(self, *a))
    fused.train_epoch(model, optimizer, x, y, order, 8)
    assert calls == [8] * 6 + [5]
    by_autograd(twin, its, x, y, order, 8)
    assert_same(model, optimizer, twin, its, 1e-10)


def test_what_does_not_fit_is_left_to_autograd():
    x, _, _ = samples()
    model = network()

    def sgd(m, **options):
        return torch.optim.SGD(m.parameters(), lr=0.1, **options)

    assert fused.fits(model, sgd(model), x)
    assert not fused.fits(model, torch.optim.Adam(model.parameters()), x)
    assert not fused.fits(model, sgd(model, momentum=0.9, dampening=0.1), x)
    assert not fused.fits(model, sgd(model, maximize=True), x)
    assert not fused.fits(model, sgd(model.sandwich1), x)
    assert not fused.fits(model, sgd(model), x.half())
    assert not fused.fits(model, sgd(model), x[:, :11])
    masked = MLP(12, 4, width=17, sparsity=0.7, backend="masked").double()
    chains = nn.Sequential(*model), SparseSequential(*model, nn.Softmax()), SparseSequential(model.output)
    for other in (masked, *chains):
        assert not fused.fits(other, sgd(other), x)
    assert not fused.fits(SparseSequential(), sgd(model), x)
    assert not fused.fits(SparseSequential(nn.Tanh(), nn.ReLU()), sgd(model), x)
    hooked, frozen = network(), network()
    hooked.sandwich2.register_forward_hook(lambda *a: None)
    assert not fused.fits(hooked, sgd(hooked), x)
    frozen.sandwich2.weight.requires_grad_(False)
    assert not fused.fits(frozen, sgd(frozen), x)
    for attach in ("register_hook", "register_post_accumulate_grad_hook"):
        watched = network()
        getattr(watched.sandwich2.weight, attach)(lambda *a: None)
        assert not fused.fits(watched, sgd(watched), x)
    stepped = sgd(model)
    stepped.register_step_post_hook(lambda *a: None)
    assert not fused.fits(model, stepped, x)
    shared = SparseLinear(12, 12, 0.5, backend="csr", dtype=torch.float64)
    twice = SparseSequential(shared, shared, nn.Linear(12, 4, dtype=torch.float64))
    assert not fused.fits(twice, sgd(twice), x)
    half = network().bfloat16()
    assert not fused.fits(half, sgd(half), x)
    broken = network()
    broken.sandwich1.bias.data = torch.zeros(3, dtype=torch.float64)
    assert not fused.fits(broken, sgd(broken), x)
    optimizer = sgd(model, momentum=0.9)
    optimizer.state[model.output.weight]["momentum_buffer"] = torch.zeros(3, 3, dtype=torch.float64)
    assert not fused.fits(model, optimizer, x)
    with torch.autocast("cpu"):
        assert not fused.fits(model, sgd(model), x)


@pytest.mark.parametrize(
    ("y", "order", "message"),
    [
        (torch.full((53,), 4), None, "class 4 … 4 lies outside 0 … 3"),
        (torch.full((53,), -1), None, "class -1"),
        (torch.zeros(53), None, "one int64 a sample"),
        (torch.zeros(9, dtype=torch.int64), None, "index 0 … 52 lies outside 0 … 8"),
        (None, torch.tensor([0, 53]), "index 0 … 53"),
        (None, torch.zeros(2, 2, dtype=torch.int64), "one int64 a sample"),
    ],
)
def test_what_compiled_code_would_read_beyond_is_refused(y, order, message):
    x, labels, shuffled = samples()
    model = network()
    expected = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(NetsparseError, match=message):
        fused.train_epoch(model, optimizer, x, labels if y is None else y, shuffled if order is None else order, 8)
    assert all(torch.equal(a, b) for a, b in zip(expected.values(), model.state_dict().values(), strict=True))


def test_no_samples_and_no_fit():
    x, y, _ = samples()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert fused.train_epoch(model, optimizer, x, y, torch.empty(0, dtype=torch.int64), 8) == 0.0
    with pytest.raises(NetsparseError, match="only a SparseSequential"):
        fused.train_epoch(nn.Linear(12, 4), optimizer, x, y, torch.arange(3), 8)


@pytest.mark.parametrize("batch_size", [0, -3, 2.5])
def test_bad_batch_sizes_are_refused(batch_size):
    x, y, order = samples()
    model = network()
    with pytest.raises(NetsparseError, match="batch_size"):
        fused.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.1), x, y, order, batch_size)


def test_state_of_other_links_is_left_to_torch():
    x, y, order = samples()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    fused.train_epoch(model, optimizer, x, y, order, 8)
    model.load_state_dict(MLP(12, 4, width=17, sparsity=0.2, backend="csr").double().state_dict())
    assert not fused.fits(model, optimizer, x)  # the momentum is one of fewer links
    model.float()
    assert not fused.fits(model, optimizer, x)


def test_learning_rate_schedulers_see_the_steps():
    x, y, order = samples()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    fused.train_epoch(model, optimizer, x, y, order, 8)
    scheduler.step()  # warns if it thinks that the optimizer made no step
    assert optimizer.param_groups[0]["lr"] == 0.05


def test_a_loss_that_runs_away_comes_out_as_no_number():
    x, y, order = samples(dtype=torch.float32)
    model = network(torch.float32)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e30)
    assert not np.isfinite(fused.train_epoch(model, optimizer, x, y, order, 8))
