"""Growth of a training step's time with the width at a fixed mean degree: docs/images/sparse_training_growth.png.

Run with: python tests/benchmarks/sparse_training_growth.py
With a width it trains that network on Fashion-MNIST, topology updates and all, and tells its peak of memory:
python tests/benchmarks/sparse_training_growth.py 65536
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

BATCH, DEGREE = 32, 6.5536  # 0.01 % of the links at a width of 65,536
WIDTHS = {"compiled": [1024, 2048, 4096, 8192, 16384, 32768, 65536], "masked": [1024, 2048, 4096]}


def network(kind: str, width: int):
    """Return a network of three layers of equal width, and its optimizer."""
    import torch

    from netsparse.training import MLP

    torch.manual_seed(0)
    backend = "masked" if kind == "masked" else "csr"
    model = MLP(width, 10, width, sparsity=1 - DEGREE / width, backend=backend)
    return model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)


def measure_one(kind: str, width: int) -> None:
    """Print the milliseconds of a step, the number of links, and the process' peak of memory in MiB."""
    import torch
    from torch import nn

    from netsparse.training import fused

    model, optimizer = network(kind, width)
    n = BATCH * 10
    x, y = torch.randn(n, width), torch.randint(10, (n,))

    def step() -> float:
        started = time.perf_counter()
        if kind == "compiled":
            fused.train_epoch(model, optimizer, x, y, torch.arange(n), BATCH)
            return (time.perf_counter() - started) / 10
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[:BATCH]), y[:BATCH]).backward()
        optimizer.step()
        return time.perf_counter() - started

    step()
    times = [step() for _ in range(7)]
    links = sum(module.n_links for module in list(model)[:3])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"milliseconds": 1e3 * statistics.median(times), "links": links, "peak_mib": peak}))


def bandwidth() -> float:
    """Return bytes a second that NumPy reads and writes in place, in arrays of 64 MB."""
    import numpy as np

    array = np.ones(2**24, np.float32)
    times = []
    for _ in range(9):
        started = time.perf_counter()
        array += 1
        times.append(time.perf_counter() - started)
    return 2 * array.nbytes / statistics.median(times)


def bytes_of_a_step(width: int, links: int) -> int:
    """Return what a step has to move at least: every array once for each pass over it.

    A link: its weight, two indices and its place forward, its weight, one index and its gradient backward; weight,
    gradient and momentum in the step of SGD, two of them written. A neuron and sample: written and read forward, read,
    and its gradient written and read, backward. The output layer: weight, gradient, momentum as for links.
    """
    of_links = links * 4 * (4 + 3 + 5)
    of_activations = 4 * width * BATCH * 4 * 5
    of_output = 10 * width * 4 * 8
    return of_links + of_activations + of_output


def train_widest(width: int) -> None:
    """Train the network on Fashion-MNIST: two epochs with a CH3-L3 update between, SWI weights."""
    import numpy as np
    import torch

    from netsparse.training import MLP, TopologyScheduler, fused
    from netsparse.training.data import load_dataset

    data = load_dataset("fashion-mnist")
    torch.manual_seed(0)
    model = MLP(784, 10, width, sparsity=0.9999, backend="csr")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.025, momentum=0.9, weight_decay=5e-4)
    topology = TopologyScheduler(model, optimizer, "esml", 0.9999, layers=["sandwich*"], start_weights="swi")
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    mean, deviation = float(np.mean(data.train.x)), float(np.std(data.train.x[:5000]))
    for epoch in (1, 2):
        started = time.perf_counter()
        loss = fused.train_epoch(model, optimizer, x, y, torch.randperm(len(y)), BATCH, mean, deviation)
        trained = time.perf_counter()
        topology.step()
        links = [layer.graph.n_links for layer in topology.layers]
        print(
            f"epoch {epoch}: loss {loss:.3f}, training {trained - started:.1f} s, update "
            f"{time.perf_counter() - trained:.1f} s, links {links}, peak "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB",
            flush=True,
        )


def main() -> None:
    """Measure every point in a process of its own, print a table, draw it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
    speed = bandwidth()
    print(f"bandwidth {speed / 1e9:.0f} GB/s")
    for kind, widths in WIDTHS.items():
        found = []
        for width in widths:
            command = [sys.executable, __file__, kind, str(width)]
            found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            links, taken, peak = (found[-1][name] for name in ("links", "milliseconds", "peak_mib"))
            floor = 1e3 * bytes_of_a_step(width, links) / speed
            print(
                f"| {kind} | {width} | {links} | {taken:.3g} ms | {1e6 * taken / links:.1f} ns | {floor:.3g} ms | "
                f"{peak:.0f} MiB |",
                flush=True,
            )
        label = "links alone, compiled epochs" if kind == "compiled" else "masked dense"
        left.plot(widths, [point["milliseconds"] for point in found], "o-", ms=3, label=label)
        right.plot(widths, [point["peak_mib"] for point in found], "o-", ms=3, label=label)
        if kind == "compiled":
            floors = [1e3 * bytes_of_a_step(n, point["links"]) / speed for n, point in zip(widths, found, strict=True)]
            left.plot(widths, floors, "--", color="grey", lw=1, label="floor: bytes moved once")
    for axes, label in ((left, "time of a step [ms]"), (right, "peak memory of the process [MiB]")):
        axes.set(xscale="log", xlabel="width of each layer, 6.6 links a neuron", ylabel=label)
        axes.set_xticks([1024, 4096, 16384, 65536], ["1024", "4096", "16,384", "65,536"])
        axes.minorticks_off()
    left.set_yscale("log")
    right.set_ylim(0)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    path = Path(__file__).parents[2] / "docs" / "images" / "sparse_training_growth.png"
    figure.savefig(path, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure_one(sys.argv[1], int(sys.argv[2]))
    elif len(sys.argv) > 1:
        train_widest(int(sys.argv[1]))
    else:
        main()
