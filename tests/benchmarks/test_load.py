"""Ten thousand snapshots in one run directory: what a user waits for, and how much memory it takes.

python -m pytest tests/benchmarks/test_load.py -s
"""

import itertools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import CHROMIUM, STEP, launched, open_page

import netsparse as ns
from netsparse import LayerGraph, Run, Snapshot
from netsparse.run import METRIC_COLUMNS

N_EPOCHS = 10_000

# Digits at scale 4 and a sparsity of 95 %, of which every epoch moves 1 % of the links.
SIZES, DENSITY, MOVED = (64, 256, 256, 256), 0.05, 0.01

WHOLE = ("learning_rate", "train_loss", "validation_accuracy", "validation_loss", "test_accuracy", "test_loss")
SECONDS = ("training_seconds", "topology_seconds", "evaluation_seconds", "snapshot_seconds")
LAYER = ("links", "frozen", "itop_rate", "overlap", "links_removed", "links_percolated", "links_regrown")
LAYER += ("links_filled", "links_missing")


def long_run(path: Path, n_epochs: int = N_EPOCHS) -> Run:
    """Make a run as training leaves it, without checkpoint and log."""
    run = Run.create(path)
    rng = np.random.default_rng(0)
    shapes = list(itertools.pairwise(SIZES))
    keys = [np.sort(rng.permutation(n * m)[: round(DENSITY * n * m)]) for n, m in shapes]
    anp = []
    for epoch in range(n_epochs + 1):
        layers = []
        for i, ((n, m), links) in enumerate(zip(shapes, keys, strict=True)):
            if epoch:
                kept = np.delete(links, rng.choice(len(links), round(MOVED * len(links)), replace=False))
                fresh = rng.permutation(np.setdiff1d(rng.integers(n * m, size=4 * (len(links) - len(kept))), kept))
                links = keys[i] = np.union1d(kept, fresh[: len(links) - len(kept)])
            groups = ("input" if i == 0 else f"hidden{i}", f"hidden{i + 1}")
            weights = rng.standard_normal(len(links), np.float32)
            layers.append(LayerGraph.from_keys(links, (n, m), f"sandwich{i + 1}", *groups, weights))
        snapshot = Snapshot(layers, epoch=epoch)
        run.write_snapshot(snapshot)
        anp.append(sum(int(active.sum()) for active in snapshot.active_neurons().values()) / snapshot.n_neurons)
    run.write_config({"dataset": "digits", "method": "cht", "epochs": n_epochs, "seed": 0})
    run.write_metrics(metrics_of(np.array(anp[1:])))
    return run


def metrics_of(anp: np.ndarray) -> pd.DataFrame:
    """Make a table of metrics with the rows that training writes."""
    epochs = np.arange(1, len(anp) + 1)
    rising, seconds = 1 - 1 / (1 + np.sqrt(epochs)), 0.01 + 0.001 * np.sin(epochs)
    values = dict.fromkeys(WHOLE, rising) | {"anp_rate": anp} | dict.fromkeys(SECONDS, seconds)
    columns = [("", name, own) for name, own in values.items()]
    columns += [(f"sandwich{i + 1}", name, rising) for i in range(3) for name in LAYER]
    parts = [pd.DataFrame({"epoch": epochs, "layer": layer, "metric": n, "value": own}) for layer, n, own in columns]
    return pd.concat(parts).sort_values("epoch", kind="stable", ignore_index=True)[METRIC_COLUMNS]


def tell(what: str, seconds: float, processor: float | None = None, memory: float | None = None) -> None:
    more = "" if processor is None else f" | {processor:6.1f} s | {memory:.2f} GB"
    took = f"{seconds:6.2f} s" if seconds >= 0.1 else f"{1000 * seconds:5.1f} ms"
    print(f"{what:<58} | {took}{more}", flush=True)


# Linux counts what a process had before it became another program: so a small one starts what is measured.
START = """
import os, sys, time
started = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - started
print(os.waitstatus_to_exitcode(status), seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=sys.stderr)
"""


def measured(what: str, *words: object) -> tuple[float, float]:
    """Run Python and print what it took; return seconds of the processor, and peak memory in GB."""
    command = [sys.executable, "-S", "-c", START, sys.executable, *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    code, seconds, processor, memory = map(float, done.stderr.splitlines()[-1].split())
    assert code == 0, done.stderr
    tell(what, seconds, processor, memory / 2**20)
    return processor, memory / 2**20


def waited(*words: object) -> tuple[float, float]:
    """Run a command of netsparse (see `measured`)."""
    told = " ".join(word.name.upper() if isinstance(word, Path) else str(word) for word in words)
    return measured(told, "-m", "netsparse", *words)


def cut(table: Path, run: Run, n: int) -> None:
    """Leave the last epochs out of a table, as if measuring had been stopped before them."""
    measures = pd.read_parquet(table)
    kept = measures[(measures["epoch"] <= run.epochs[-1] - n).fillna(False)]
    kept.attrs = measures.attrs
    kept.to_parquet(table, index=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    started = time.perf_counter()
    run = long_run(tmp_path_factory.mktemp("load") / "run")
    print()
    tell("(made)", time.perf_counter() - started)
    return run


def test_listing_and_reading(run):
    for what, work in (
        ("netsparse.load(RUN)", lambda: ns.load(run.path)),
        ("Run.epochs", lambda: run.epochs),
        ("repr(run)", lambda: repr(run)),
        ("Run.snapshot(5000)", lambda: run.snapshot(5000)),
        ("all snapshots, one after the other", lambda: sum(snapshot.n_links for snapshot in run.snapshots())),
        ("Run.metrics", lambda: run.metrics),
    ):
        started = time.perf_counter()
        work()
        tell(what, time.perf_counter() - started)
    assert waited("inspect", run.path)[1] < 1


def test_measuring_and_resuming(run):
    table = run.path.parent / "table.parquet"
    fast = ("measure", run.path, "--measures", "fast")
    assert waited(*fast, "--out", table)[1] < 1.5
    whole = table.read_bytes()
    processor, memory = waited(*fast, "--out", table, "--resume")
    assert (processor < 15, memory < 1.5) == (True, True)
    assert table.read_bytes() == whole
    cut(table, run, 10)
    processor, memory = waited(*fast, "--out", table, "--resume")
    assert (processor < 15, memory < 1.5) == (True, True)
    assert table.read_bytes() == whole
    waited(*fast, "--epochs", "0,5000,10000")
    waited(*fast, "--epochs", "0:10000:100")


def test_figures_report_and_film(run):
    program = "import sys; from netsparse.analysis.background import Run, measure_run; measure_run(Run(sys.argv[1]))"
    measured("the measures that training leaves", "-c", program, run.path)
    figures, report = waited("figures", run.path), waited("report", run.path)
    assert figures[0] + report[0] < 60
    assert max(figures[1], report[1]) < 1.5
    page = run.path / "report.html"
    print(f"report.html: {page.stat().st_size / 1e6:.1f} MB")
    assert page.stat().st_size < 15e6
    waited("film", run.path, "--epochs", "0:10000:200", "--jobs", "2")
    if CHROMIUM is not None:
        step_through(page)


def step_through(path: Path) -> None:
    with launched() as browser:
        started = time.perf_counter()
        page = open_page(browser, path)
        tell("the page opens", time.perf_counter() - started)
        last = int(page.evaluate("Number(document.getElementById('epoch').max)"))
        times = [page.evaluate(STEP, k) for k in range(1, last, max(1, last // 50))]
        tell("a step of its slider, median", np.median(times) / 1000)
        print(page.inner_text("#kept"), page.inner_text("#thinned"))
        assert np.median(times) < 200


def test_the_cost_of_an_epoch_does_not_grow(tmp_path):
    from netsparse.training import TrainConfig, train

    run = Run.create(tmp_path / "trained")
    ends = [time.perf_counter()]

    def stop(report):
        ends.append(time.perf_counter())
        if report.epoch == N_EPOCHS - 5:
            raise KeyboardInterrupt

    config = TrainConfig.resolve({"epochs": N_EPOCHS, "batch_size": 128, "scale": 1.0, "early_stop": False})
    with pytest.raises(KeyboardInterrupt):
        train(config, run, stop)
    print()
    epochs = np.diff(ends)
    for start in (0, 1000, 4000, 8900):
        tell(f"an epoch of training, mean of {start + 1} … {start + 1000}", float(epochs[start : start + 1000].mean()))
    waited("train", "--resume", run.path, "--no-figures")
    assert Run(run.path).metrics["epoch"].max() == N_EPOCHS
    assert epochs[8900:9900].mean() < 2 * epochs[1000:2000].mean()
