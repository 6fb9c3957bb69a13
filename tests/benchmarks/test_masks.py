"""Reading the layers of a large model: what a user would else run, beside ours.

By hand: ``python -m pytest tests/benchmarks/test_masks.py -s``.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import safetensors.torch
import scipy.sparse as sp
import torch

import netsparse as ns

SHAPE = (11008, 4096)


@pytest.fixture(scope="module", params=[0.5, 0.99])
def checkpoint(request, tmp_path_factory):
    """Two matrices of a model with 7 billion parameters, bfloat16, of which a share is zero."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    state = {}
    for i in range(2):
        weight = torch.randn(SHAPE)
        weight[torch.rand(SHAPE) < request.param] = 0
        state[f"layers.{i}.mlp.weight"] = weight.bfloat16()
    safetensors.torch.save_file(state, folder / "model.safetensors")
    return folder / "model.safetensors", request.param


def by_torch_and_scipy(path) -> list[sp.csr_array]:
    """Read as one would without netsparse: source neurons as rows, weights kept."""
    state = safetensors.torch.load_file(path)
    return [sp.csr_array(weight.float().numpy().T) for weight in state.values()]


@pytest.mark.parametrize("how", ["netsparse", "torch and SciPy"])
def test_reading(benchmark, checkpoint, how):
    path, share = checkpoint
    benchmark.group = f"read two matrices of 4096 x 11008, {100 * share:.0f} % zeros"
    read = (
        (lambda: [layer.n_links for layer in ns.scan(path)]) if how == "netsparse" else lambda: by_torch_and_scipy(path)
    )
    benchmark.pedantic(read, rounds=5, warmup_rounds=1)


def test_both_read_the_same(checkpoint):
    for layer, matrix in zip(ns.scan(checkpoint[0]), by_torch_and_scipy(checkpoint[0]), strict=True):
        assert np.array_equal(layer.biadjacency.indices, matrix.indices)
        assert np.array_equal(layer.weights, matrix.data)


def test_peak_memory(checkpoint, capsys):
    """At most 24 bytes a link of the largest layer and 500 MB, Python and libraries included."""
    path, share = checkpoint
    program = textwrap.dedent(f"""
        import re
        import netsparse as ns
        names = ["n_links", "density", "degree_gini", "max_degree", "giant_component", "n_components", "anp_rate"]
        table = ns.measure(ns.scan({str(path)!r}), names)
        peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())  # getrusage would tell the parent's
        print(int(table["value"].max()), 1024 * int(peak[1]))
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    n_links, peak = (int(number) for number in done.stdout.split())
    allowed = 24 * n_links + 500_000_000
    with capsys.disabled():
        print(f"\n{100 * share:.0f} % zeros: peak {peak / 1e6:.0f} MB, allowed {allowed / 1e6:.0f} MB")
    assert peak <= allowed
