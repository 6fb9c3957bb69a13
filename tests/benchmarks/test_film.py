"""How long `netsparse film` takes for 100 epochs of the 1× network, what it measures first included.

    python -m pytest tests/benchmarks/test_film.py -s

Three layers of 784 × 784 neurons at 99 % sparsity, of which every epoch links move to a core that grows denser.
"""

import os
import subprocess
import sys
import time

import numpy as np

from netsparse import LayerGraph, Run, Snapshot

N, N_LINKS, EPOCHS = 784, 6147, 100


def moved(mask: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Move a share of the links to pairs near the first neurons, as percolation does."""
    links = np.flatnonzero(mask)
    kept = rng.choice(links, round((1 - share) * len(links)), replace=False)
    near = 1 / (1 + np.arange(N))
    chances = np.outer(near, near).ravel()
    chances[kept] = 0
    new = rng.choice(N * N, N_LINKS - len(kept), replace=False, p=chances / chances.sum())
    after = np.zeros(N * N, bool)
    after[kept] = after[new] = True
    return after.reshape(N, N)


def test_100_epochs_take_less_than_two_minutes(tmp_path):
    rng = np.random.default_rng(0)
    run = Run.create(tmp_path / "run")
    masks = [rng.permutation(np.arange(N * N) < N_LINKS).reshape(N, N) for _ in range(3)]
    for epoch in range(EPOCHS + 1):
        layers = [LayerGraph.from_mask(mask, f"l{i}", f"g{i}", f"g{i + 1}") for i, mask in enumerate(masks)]
        run.write_snapshot(Snapshot(layers, epoch=epoch))
        masks = [moved(mask, 0.3 / (1 + epoch), rng) for mask in masks]
    start, before = time.perf_counter(), os.times()
    command = [sys.executable, "-m", "netsparse", "film", str(run.path), "--out", str(tmp_path / "film.mp4")]
    subprocess.run(command, check=True)
    seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"\n{seconds:.0f} s, {cpu:.0f} s of the processor, {(tmp_path / 'film.mp4').stat().st_size / 1e6:.1f} MB")
    assert seconds < 120
