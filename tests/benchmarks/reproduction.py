"""Train the networks of docs/reproduction.md, and print its table.

Run with:

    python tests/benchmarks/reproduction.py RUNS                        # everything, hours
    python tests/benchmarks/reproduction.py RUNS --datasets mnist --methods cht --scales 1 --seeds 0
    python tests/benchmarks/reproduction.py RUNS --set update_interval=3 --tag interval3
    python tests/benchmarks/reproduction.py RUNS --part removal=magnitude-signed --tag signed
    python tests/benchmarks/reproduction.py RUNS --table

Runs that are there already are not trained again. A run that did not reach its last epoch has to be removed by hand.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from netsparse import Run
from netsparse.training import METHODS, TrainConfig, train
from netsparse.training.data import load_dataset


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path)
    parser.add_argument("--datasets", default="fashion-mnist,mnist")
    parser.add_argument("--methods", default="cht,esml,set,dense")
    parser.add_argument("--scales", default="1,2")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="any training option")
    parser.add_argument("--part", action="append", default=[], metavar="PART=VALUE", help="any part of the method")
    parser.add_argument("--tag", default="", help="joins the runs' names: a variant")
    parser.add_argument("--table", action="store_true", help="print the table only")
    given = parser.parse_args()
    if not given.table:
        more, parts = (dict(pair.split("=", 1) for pair in pairs) for pairs in (given.set, given.part))
        grid = (getattr(given, name).split(",") for name in ("seeds", "datasets", "scales", "methods"))
        for seed, dataset, scale, method in itertools.product(*grid):
            run_one(given.runs, seed, dataset, scale, method, more, parts, given.tag)
    print(table(given.runs).to_string())


def run_one(
    folder: Path,
    seed: str,
    dataset: str,
    scale: str,
    method: str,
    more: dict[str, str],
    parts: dict[str, str],
    tag: str,
) -> None:
    """Train one network, unless it is there."""
    path = folder / "_".join(filter(None, [dataset, f"{scale}x", method, tag, f"seed{seed}"]))
    if path.exists():
        return
    if parts:
        named = replace(METHODS[method], name=f"{method}-{tag}", **{name: typed(text) for name, text in parts.items()})
        method = named.name
        if method not in METHODS:
            METHODS.add(method, named)
    fixed = {"dataset": dataset, "method": method, "scale": float(scale), "seed": int(seed), "snapshot_every": 10}
    config = TrainConfig.resolve({**fixed, **{name: typed(text) for name, text in more.items()}})
    started = time.perf_counter()
    train(config, Run.create(path), data=load_dataset(dataset))
    print(f"{path.name}: {time.perf_counter() - started:.0f} s", flush=True)


def typed(text: str) -> object:
    """Return a value as JSON reads it, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def table(folder: Path) -> pd.DataFrame:
    """Return mean ± standard deviation over the seeds, a row a data set, scale and method (with its variant)."""
    rows = []
    for path in sorted(folder.iterdir()):
        if not (path / "metrics.parquet").exists():
            continue
        run = Run(path)
        whole = run.metrics[run.metrics["layer"] == ""].pivot_table(index="epoch", columns="metric", values="value")
        seconds = whole[["training_seconds", "topology_seconds", "evaluation_seconds", "snapshot_seconds"]].to_numpy()
        links = run.metrics[(run.metrics["metric"] == "links") & (run.metrics["epoch"] == whole.index[-1])][
            "value"
        ].sum()
        rows.append(
            {
                "run": path.name.rsplit("_", 1)[0],
                "epochs": len(whole),
                "final": 100 * whole["test_accuracy"].iloc[-1],
                "best": 100 * whole["test_accuracy"].loc[whole["validation_accuracy"].idxmax()],
                "AAE": 100 * whole["test_accuracy"].mean(),
                "ANP": 100 * whole["anp_rate"].iloc[-1],
                "links": links,
                "seconds": seconds.sum(),
            }
        )
    grouped = pd.DataFrame(rows).groupby("run")
    mean, deviation = grouped.mean(), grouped.std()
    shown = mean[["epochs", "links", "seconds"]].astype(int)
    for name in ("final", "best", "AAE", "ANP"):
        shown[name] = [f"{m:.2f} ± {d:.2f}" for m, d in zip(mean[name], deviation[name], strict=True)]
    return shown.assign(seeds=grouped.size())


if __name__ == "__main__":
    main()
