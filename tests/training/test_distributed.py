"""Training in several processes: the same topology on all, the same result as one, one writer."""

import os
import subprocess
import sys

import numpy as np
import pytest

from netsparse import Run
from netsparse.training import TrainConfig, train

WORKER = """
import gc, json, os, sys
from pathlib import Path
import numpy as np, torch
from torch import nn
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from netsparse import Run
from netsparse import NetsparseError
from netsparse.training import Replica, SparseLinear, TopologyScheduler, TrainConfig, train

def masks(topology):
    return {layer.name: layer.graph for layer in topology.layers}

def by_hand(method, backend, total=12):
    '''A user's own loop.'''
    torch.manual_seed(0)
    if backend == "dense":
        layers = [nn.Linear(12, 30), nn.Linear(30, 20)]
    elif backend == "conv":
        conv = nn.Conv2d(3, 10, 2, padding=1)
        layers = [nn.Unflatten(1, (3, 2, 2)), conv, nn.ReLU(), nn.Flatten(), nn.Linear(90, 20)]
    else:
        layers = [SparseLinear(*size, 0.7, activation="relu", backend=backend) for size in ((12, 30), (30, 20))]
    model = nn.Sequential(*layers, nn.Linear(20, 3))
    wrapped = Replica(model) if backend == "csr" else DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    names = [n for n, m in model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d, SparseLinear))][:-1]
    topology = TopologyScheduler(
        model if backend == "csr" else wrapped, optimizer, method, 0.7, layers=names, topology="erdos_renyi",
        total_steps=total, update_interval=2, seed=dist.get_rank(),
    )
    generator = torch.Generator().manual_seed(dist.get_rank())
    for _ in range(total):
        optimizer.zero_grad()
        x = torch.rand(6, 12, generator=generator)
        nn.functional.cross_entropy(wrapped(x), (x[:, 0] * 3).long()).backward()
        optimizer.step()
        topology.step()
    return topology

def stop(report):
    if report.epoch == 2:
        raise KeyboardInterrupt

def trained(name, options, interrupted=False):
    '''A whole training; with an interruption in all processes and a resumption.'''
    config = TrainConfig.resolve(options)
    run = None
    if rank == 0:
        run = Run.create(out / name)
    if interrupted:
        try:
            train(config, run, stop)
        except KeyboardInterrupt:
            pass
        dist.barrier()
        train(config, run, resume=True)
        train(config, run, resume=True)  # nothing is left to do
    else:
        train(config, run)

task, out = sys.argv[1], Path(sys.argv[2])
dist.init_process_group("gloo")
rank = dist.get_rank()

def main():
    if task == "by-hand":
        for method in ("esml", "set", "rigl", "mest", "snfs", "chts"):
            for backend in ("csr", "masked", "dense", "conv"):
                topology = by_hand(method, backend)
                for name, graph in masks(topology).items():
                    np.savez(out / f"{method}.{backend}.{name}.{rank}.npz", keys=graph.link_keys, weights=graph.weights)
                topology.detach()
        layer = SparseLinear(9, 9, 0.5, backend="csr")
        wrapped = DistributedDataParallel(layer)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        try:
            TopologyScheduler(wrapped, optimizer, "set", 0.9)
        except NetsparseError as error:
            (out / f"refused-at-once.{rank}").write_text(str(error))
        extra = {"extra_density": 0.0, "start_sparsity": 1 - 40 / 81}
        topology = TopologyScheduler(wrapped, optimizer, "mest-ems", 0.6, total_steps=9, **extra)
        try:
            for _ in range(9):
                wrapped(torch.rand(3, 9)).sum().backward()
                topology.step()
        except NetsparseError as error:
            (out / f"refused.{rank}").write_text(str(error))
    else:
        for name, options in json.loads((out / "configs.json").read_text()).items():
            trained(name, options)
        name, options = list(json.loads((out / "configs.json").read_text()).items())[0]
        trained("resumed", options, interrupted=True)
    dist.barrier()

main()
gc.collect()  # what holds the group, as DistributedDataParallel does, keeps Gloo's threads alive
dist.destroy_process_group()
for stream in (sys.stdout, sys.stderr):
    stream.flush()
os._exit(0)  # a thread of Gloo that outlives Python aborts the process (pytorch pull request 179291)
"""


def torchrun(n: int, *arguments: str, timeout: int = 300) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False)


@pytest.mark.parametrize("n", [2])
def test_links_and_weights_are_the_same_on_all_processes_bit_for_bit(n, tmp_path):
    """Different data and even different seeds on each; six updates; whatever the layers."""
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    done = torchrun(n, str(worker), "by-hand", str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    files = sorted(tmp_path.glob("*.0.npz"))
    assert len(files) == 6 * (2 + 2 + 2 + 2)
    for path in files:
        first = np.load(path)
        assert len(first["keys"]) > 0
        for rank in range(1, n):
            other = np.load(path.with_name(path.name.replace(".0.npz", f".{rank}.npz")))
            assert np.array_equal(first["keys"], other["keys"]), path.name
            assert np.array_equal(first["weights"], other["weights"]), path.name
    for rank in range(n):
        for name in ("refused", "refused-at-once"):
            assert "netsparse.training.Replica(model)" in (tmp_path / f"{name}.{rank}").read_text()


OPTIONS = {"epochs": 3, "batch_size": 50, "scale": 1.0, "sparsity": 0.85, "early_stop": False}
CONFIGS = {
    "esml": {"method": "esml", "backend": "csr"},
    "cht": {"method": "cht", "backend": "masked"},
    "rigl": {"method": "rigl", "update_interval": 10, "backend": "csr"},
    "mest-ems": {"method": "mest-ems", "backend": "csr"},  # the sizes of its weights change
    "cnn": {"method": "set", "model": "small-cnn", "augment": True},
    "few": {"method": "rigl", "update_interval": 2, "batch_size": 1256},  # one sample is left, for one process
}


def compare(one: Run, several: Run, loose: bool) -> None:
    """The same losses, and nearly the same links: a sum in another order may flip a tie."""
    tables = [run.metrics.set_index(["epoch", "layer", "metric"])["value"] for run in (one, several)]
    for epoch in (1, 2, 3):
        loss, its_loss = (table[epoch, "", "train_loss"] for table in tables)
        assert its_loss == pytest.approx(loss, rel=0.3 if loose else 1e-3)
    last = list(zip(one.snapshot(3), several.snapshot(3), strict=True))
    alike = [len(np.intersect1d(a.link_keys, b.link_keys)) / a.n_links for a, b in last]
    assert min(alike) > (0.3 if loose else 0.97)
    assert [a.n_links for a, _ in last] == [b.n_links for _, b in last]


@pytest.mark.parametrize("n", [3])
def test_several_processes_give_what_one_gives_and_resume(n, tmp_path):
    """The same global batch, shared out. 1,257 samples in batches of 50: the last one is of 7."""
    import json

    options = {name: {**OPTIONS, **more} for name, more in CONFIGS.items()}
    (tmp_path / "configs.json").write_text(json.dumps(options))
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    done = torchrun(n, str(worker), "train", str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    for name, told in options.items():
        one = Run.create(tmp_path / f"{name}-by-one")
        train(TrainConfig.resolve(told), one)
        several = Run(tmp_path / name)
        # batch normalisation sees a share of the batch in each process
        compare(one, several, loose=name == "cnn")
        files = [sorted(str(p.relative_to(run.path)) for p in run.path.rglob("*")) for run in (one, several)]
        assert files[0] == files[1]  # one process alone wrote
        assert several.log_path.read_text().count("epoch   3/3") == 1
    straight, resumed = Run(tmp_path / "esml"), Run(tmp_path / "resumed")
    for file in ("checkpoint.safetensors", *(f"snapshots/epoch-{e:04d}.safetensors" for e in range(4))):
        assert (straight.path / file).read_bytes() == (resumed.path / file).read_bytes(), file


def test_the_command_under_torchrun(tmp_path):
    run = tmp_path / "run"
    options = ["--epochs", "2", "--batch-size", "100", "--scale", "1", "--out", str(run)]
    done = torchrun(2, "-m", "netsparse", "train", *options)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Training ") == done.stdout.count("Test accuracy ") == 1
    assert "2 processes" in done.stdout
    assert done.stdout.count("Run directory ") == 1
    assert (run / "figures" / "accuracy.png").exists()


def test_a_wrong_option_ends_all_processes(tmp_path):
    done = torchrun(2, "-m", "netsparse", "train", "--sparsity", "2", "--out", str(tmp_path / "run"), timeout=120)
    assert done.returncode != 0
    assert "sparsity must be" in done.stderr
    assert not (tmp_path / "run").exists()
