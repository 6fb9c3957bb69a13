"""How much `netsparse train --measure-every 1` slows the training.

    python -m pytest tests/benchmarks/test_measuring_while_training.py -s

Digits at 12 times their width, 40 epochs; five runs each in turn, of which the medians are compared.
"""

import statistics
import subprocess
import sys

from netsparse import Run

OPTIONS = ["--scale", "12", "--batch-size", "4", "--epochs", "40", "--no-early-stop"]


def seconds_of_training(out, *more: str) -> float:
    command = [sys.executable, "-m", "netsparse", "train", *OPTIONS, *more, "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    metrics = Run(out).metrics
    mine = metrics["metric"].isin(["training_seconds", "topology_seconds"]) & (metrics["epoch"] > 1)
    return float(metrics.loc[mine, "value"].sum())


def test_measuring_every_epoch_slows_the_training_by_less_than_a_twentieth(tmp_path):
    without, measured = [], []
    for i in range(5):
        without.append(seconds_of_training(tmp_path / f"without{i}"))
        measured.append(seconds_of_training(tmp_path / f"measured{i}", "--measure-every", "1"))
    ratio = statistics.median(measured) / statistics.median(without)
    print(
        f"\nwithout {statistics.median(without):.2f} s, measured {statistics.median(measured):.2f} s, {ratio:.3f} times"
    )
    assert ratio < 1.05
