"""Link prediction, training steps and epochs on a GPU beside the same machine's CPU and the masked and dense networks.

Run with: python tests/benchmarks/gpu.py [links] [steps] [epochs]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numba
import numpy as np
import torch
from torch import nn

from netsparse import LayerGraph, Run, predict_links, score_links
from netsparse.training import MLP, TrainConfig, train
from netsparse.training.data import Dataset, Split

ROUNDS = 9


def milliseconds(call: Callable[[], object], calls: int = 1, rounds: int = ROUNDS) -> float:
    """Return the median time of a call over some rounds, each waiting for the GPU once behind ``calls`` of them."""
    for _ in range(3):
        call()
    times = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(calls):
            call()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - started) / calls)
    return 1e3 * statistics.median(times)


def masks() -> Iterator[tuple[str, LayerGraph]]:
    """Yield those of docs/performance.md's table of the CPU."""
    rng = np.random.default_rng(0)
    for n, density in ((784, 0.01), (1568, 0.01), (1024, 0.05), (4096, 0.01)):
        keys = np.sort(rng.choice(n * n, round(density * n * n), replace=False, shuffle=False))
        yield f"{n} × {n}, {density:.0%}", LayerGraph.from_keys(keys, (n, n))
    n = 1568
    log_weight = -0.7 * np.log(np.arange(1, n + 1))
    chance = log_weight[:, None] + log_weight[None, :] + rng.gumbel(size=(n, n))
    keys = np.argpartition(-chance.ravel(), n * n // 100)[: n * n // 100]
    yield f"{n} × {n}, 1%, hubs", LayerGraph.from_keys(np.sort(keys), (n, n))


def link_prediction() -> None:
    """Print CH3-L3 scores, and the best 30 % of the number of links, by the kernels of CPU and GPU."""
    print(f"\n| mask | CPU ({numba.get_num_threads()} threads): scores | best | GPU: scores | best | CPU / GPU |")
    for name, layer in masks():
        mask, k = torch.from_numpy(layer.biadjacency.toarray()).cuda(), round(0.3 * layer.n_links)
        expected, found = score_links(layer), score_links(mask).cpu().numpy()
        assert np.allclose(found, expected, rtol=1e-5, equal_nan=True)
        times = [
            milliseconds(call, rounds=5)
            for call in (
                lambda layer=layer: score_links(layer),
                lambda layer=layer, k=k: predict_links(layer, k, ties="random"),
                lambda mask=mask: score_links(mask),
                lambda mask=mask, k=k: predict_links(mask, k, ties="random"),
            )
        ]
        told = " | ".join(f"{t:.2f} ms" for t in times)
        print(f"| {name} | {told} | {times[0] / times[2]:.1f}, {times[1] / times[3]:.1f} |", flush=True)


BATCHES = (32, 512)


def steps_of(backend: str, width: int, sparsity: float) -> list[tuple[float, float]]:
    """Return milliseconds of a training step of 784 → 3 × width → 10, and its peak of memory in MiB, by batch."""
    torch.manual_seed(0)
    dense = backend == "dense"
    model = MLP(784, 10, width, 3, 0.0 if dense else sparsity, backend="auto" if dense else backend, device="cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True)
    found = []
    for batch in BATCHES:
        x, y = torch.randn(batch, 784, device="cuda"), torch.randint(10, (batch,), device="cuda")

        def step(x: torch.Tensor = x, y: torch.Tensor = y) -> None:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

        torch.cuda.reset_peak_memory_stats()
        found.append((milliseconds(step, calls=10), torch.cuda.max_memory_allocated() / 2**20))
    return found


def steps() -> None:
    """Print training steps of the links alone, of the masked and of the dense network."""
    print("\n| width, sparsity, batch | cuda | masked | dense | masked / cuda | memory of cuda | masked | dense |")
    for width in (784, 1568, 4096, 16384):
        plain = steps_of("dense", width, 0.0)
        for sparsity in (0.99, 0.95):
            rows = zip(
                BATCHES, steps_of("cuda", width, sparsity), steps_of("masked", width, sparsity), plain, strict=True
            )
            for batch, *row in rows:
                times = " | ".join(f"{each[0]:.2f} ms" for each in row)
                memory = " | ".join(f"{each[1]:.0f} MiB" for each in row)
                ratio = row[1][0] / row[0][0]
                print(f"| {width}, {sparsity}, {batch} | {times} | {ratio:.2f} | {memory} |", flush=True)


def like_fashion_mnist() -> Dataset:
    """Make random bytes of Fashion-MNIST's shape."""
    rng = np.random.default_rng(0)
    parts = (
        Split(rng.integers(0, 256, (n, 784)).astype(np.uint8), rng.integers(0, 10, n)) for n in (55_000, 5_000, 10_000)
    )
    return Dataset("fashion-mnist", 10, *parts, image_shape=(1, 28, 28))


def epochs() -> None:
    """Print where the time of an epoch goes (medians of epochs 2 and 3 of 4)."""
    data = like_fashion_mnist()
    print("\n| device, backend, scale | training | topology | evaluation | snapshot |")
    for device, backend, scale in (
        ("cuda", "cuda", 1.0),
        ("cuda", "masked", 1.0),
        ("cuda", "cuda", 2.0),
        ("cuda", "masked", 2.0),
        ("cpu", "csr", 1.0),
        ("cpu", "csr", 2.0),
    ):
        options = {"dataset": "fashion-mnist", "method": "cht", "epochs": 4, "batch_size": 32, "early_stop": False}
        config = TrainConfig.resolve({**options, "device": device, "backend": backend, "scale": scale})
        with tempfile.TemporaryDirectory() as folder:
            run = Run.create(f"{folder}/run")
            train(config, run, data=data)
            table = run.metrics.query("layer == '' and 1 < epoch < 4").groupby("metric")["value"].median()
        parts = ("training", "topology", "evaluation", "snapshot")
        told = " | ".join(f"{table[f'{part}_seconds']:.3f} s" for part in parts)
        print(f"| {device}, {backend}, {scale:g} × | {told} |", flush=True)


PARTS = {"links": link_prediction, "steps": steps, "epochs": epochs}

if __name__ == "__main__":
    print(torch.cuda.get_device_name(), torch.__version__)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
