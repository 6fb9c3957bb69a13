"""Growth of time and memory of `predict_links` with the layer's width: docs/images/linkprediction_growth.png.

Run with: python tests/benchmarks/linkprediction_growth.py
"""

import json
import subprocess
import sys
import time
from pathlib import Path

SERIES = {
    "mean degree 16": [(n, 16 / n) for n in (512, 1024, 2048, 4096, 8192, 16384, 32768)],
    "density 0.1 %": [(n, 0.001) for n in (512, 1024, 2048, 4096, 8192, 16384, 32768)],
    "density 1 %": [(n, 0.01) for n in (512, 1024, 2048, 4096, 8192)],
}


def measure_one(n: int, density: float) -> None:
    """Print seconds and the process' peak of resident memory, before and after, in MiB."""
    import resource

    import numpy as np

    from netsparse import LayerGraph, predict_links
    from netsparse.topologies.erdos_renyi import erdos_renyi

    layer = LayerGraph.from_mask(erdos_renyi((n, n), density, np.random.default_rng(0)))
    predict_links(LayerGraph.from_mask(erdos_renyi((64, 64), 0.1, np.random.default_rng(0))), 5, ties="random")
    seconds = []
    for _ in range(3 if n <= 4096 else 1):
        started = time.perf_counter()
        predict_links(layer, round(0.3 * layer.n_links), ties="random")
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": sorted(seconds)[len(seconds) // 2], "peak_mib": peak}))


def main() -> None:
    """Measure every point in a process of its own, print a table, draw it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
    for name, points in SERIES.items():
        found = []
        for n, density in points:
            command = [sys.executable, __file__, str(n), str(density)]
            found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            print(f"| {name} | {n} | {found[-1]['seconds']:.3g} | {found[-1]['peak_mib']:.0f} |", flush=True)
        widths = [n for n, _ in points]
        left.plot(widths, [point["seconds"] for point in found], "o-", ms=3, label=name)
        right.plot(widths, [point["peak_mib"] for point in found], "o-", ms=3, label=name)
    for axes, label in ((left, "time [s]"), (right, "peak memory of the process [MiB]")):
        axes.set(xscale="log", xlabel="layer width n (n × n neurons)", ylabel=label)
        axes.set_xticks([512, 2048, 8192, 32768], ["512", "2048", "8192", "32768"])
        axes.minorticks_off()
    left.set_yscale("log")
    right.set_ylim(0, 2200)
    right.set_yticks([0, 512, 1024, 1536, 2048])
    right.axhline(2048, color="grey", lw=0.8, ls="--")
    right.text(512, 2030, "2 GiB", va="top", color="grey", fontsize=8)
    left.legend(frameon=False, fontsize=8)
    path = Path(__file__).parents[2] / "docs" / "images" / "linkprediction_growth.png"
    figure.savefig(path, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_one(int(sys.argv[1]), float(sys.argv[2]))
    else:
        main()
