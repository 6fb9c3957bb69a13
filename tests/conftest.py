"""What tests share: nasty and random masks, the authors' numbers, a small trained run."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")
# before anything imports Triton: its kernels are then tested on the CPU
os.environ.setdefault("TRITON_INTERPRET", "1")

import contextlib
import itertools
import signal
import sys
import threading
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numba.core.dispatcher import Dispatcher

from netsparse.cli import main
from netsparse.graph import LayerGraph, Snapshot
from netsparse.run import Run

# A busy machine is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# A shell ignores Ctrl-C for what it runs in the background, and so would all processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _untraced():
    """Have code run without the eyes of coverage, which make it take up to twice as long."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


# methods of others that compute for long
for owner, name in ((Figure, "draw"), (ConstrainedLayoutEngine, "execute"), (Dispatcher, "compile")):
    setattr(owner, name, _untraced()(getattr(owner, name)))

# Tests of many examples, whose lines others reach, but for a few: the coverage that is told is a little too small.
_MANY_EXAMPLES = ("tests/properties/", "tests/analysis/test_measures.py", "tests/netsparse/test_forms_broken.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    with _untraced() if item.nodeid.startswith(_MANY_EXAMPLES) else contextlib.nullcontext():
        return (yield)


DATA = Path(__file__).parent / "data"


def _masks() -> dict[str, np.ndarray]:
    """Masks that break careless code, by name."""
    rng = np.random.default_rng(0)
    hubs = np.zeros((12, 9), int)
    hubs[0, :] = hubs[:, 0] = 1
    hubs[3, 3] = hubs[4, 5] = 1
    isolated = (rng.random((10, 8)) < 0.3).astype(int)
    isolated[[2, 5]] = 0
    isolated[:, [1, 6]] = 0
    two = np.zeros((6, 6), int)
    two[:3, :3] = two[3:, 3:] = 1
    return {
        "edgeless": np.zeros((4, 5), int),
        "no source": np.zeros((0, 3), int),
        "no neuron": np.zeros((0, 0), int),
        "one pair unlinked": np.zeros((1, 1), int),
        "one pair linked": np.ones((1, 1), int),
        "one link": np.eye(3, dtype=int) * np.array([1, 0, 0]),
        "one row": np.ones((1, 5), int),
        "one column": np.ones((5, 1), int),
        "full": np.ones((5, 4), int),
        "identity": np.eye(6, dtype=int),
        "path": np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]]),
        "cycle": np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]]),
        "hubs": hubs,
        "isolated neurons": isolated,
        "two components": two,
        "random": (rng.random((15, 20)) < 0.2).astype(int),
    }


MASKS = _masks()


@pytest.fixture(params=list(MASKS), ids=list(MASKS))
def nasty_layer(request: pytest.FixtureRequest) -> LayerGraph:
    return LayerGraph.from_mask(MASKS[request.param], name="layer")


@pytest.fixture
def nasty_layers() -> list[LayerGraph]:
    """All of them, where one test of many layers does."""
    return [LayerGraph.from_mask(mask, name=name) for name, mask in MASKS.items()]


@pytest.fixture
def random_layer():
    """Make a random layer with weights."""

    def make(
        seed: int,
        shape: tuple[int, int] = (20, 15),
        density: float = 0.2,
        names: tuple[str, str, str] = ("l", "s", "t"),
    ):
        rng = np.random.default_rng(seed)
        mask = rng.random(shape) < density
        weights = rng.standard_normal(int(mask.sum())).astype(np.float32)
        base = LayerGraph.from_mask(mask, *names)
        return LayerGraph(base.name, base.biadjacency, base.source, base.target, weights)

    return make


@pytest.fixture
def chain(random_layer):
    """Make a random chain of layers with weights."""

    def make(seed: int, sizes: tuple[int, ...] = (12, 14, 13, 10), density: float = 0.25) -> Snapshot:
        layers = [
            random_layer(seed * 10 + i, (n, m), density, (f"layer{i}", f"group{i}", f"group{i + 1}"))
            for i, (n, m) in enumerate(itertools.pairwise(sizes))
        ]
        return Snapshot(layers, epoch=seed)

    return make


@pytest.fixture(scope="session")
def oracles() -> dict[str, dict[str, np.ndarray]]:
    """Numbers from the authors' own MATLAB and C++ programs, by graph."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for file in ("matlab_oracles.npz", "ch_oracles.npz"):
        with np.load(DATA / file) as arrays:
            for name in arrays.files:
                graph, key = name.split("/", 1)
                found.setdefault(graph, {})[key] = arrays[name]
    return found


@pytest.fixture(scope="session")
def oracle_adjacency(oracles):
    def make(graph: str) -> np.ndarray:
        n, edges = int(oracles[graph]["n"]), oracles[graph]["edges"]
        adjacency = np.zeros((n, n), int)
        adjacency[edges[:, 0], edges[:, 1]] = adjacency[edges[:, 1], edges[:, 0]] = 1
        return adjacency

    return make


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are drawn to lay them out, but to no file's bytes, which takes most of the time."""
    monkeypatch.setattr("netsparse.figures.draw.render", lambda *_: b"")


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short real run on digits, measured."""
    from netsparse.analysis import measure
    from netsparse.training import TrainConfig, train

    run = Run.create(tmp_path_factory.mktemp("runs") / "digits-cht")
    train(TrainConfig.resolve({"epochs": 4, "batch_size": 32, "scale": 2.0, "sparsity": 0.9}), run)
    between = measure(run, "fast", epochs=[1, 2, 3])
    between = between[between["measure"] != "aae"]
    run.write_measures(pd.concat([between, measure(run, "standard", epochs=[0, 4])], ignore_index=True))
    return run


def _cifar_records(source, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, (20, source.n_classes)[-source.n_labels :][0], (n, source.n_labels))
    return np.concatenate([labels, rng.integers(0, 256, (n, 3072))], axis=1).astype(np.uint8)


def _write_cifar(folder: Path, source, n: int = 12) -> None:
    """Write small files of CIFAR's binary form."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, file in enumerate(file for part in source.parts for file in source.files(part)):
        (folder / file).write_bytes(_cifar_records(source, n, i).tobytes())


def _write_images(folder: Path, parts=(("train", 42), ("val", 6)), classes=("cat", "dog", "eel")) -> None:
    """Write PNG files of several sizes, one colour a class."""
    from PIL import Image

    for (part, n), (i, name) in itertools.product(parts, enumerate(classes)):
        (folder / part / name).mkdir(parents=True)
        rng = np.random.default_rng([i, n])
        for k in range(n // len(classes)):
            pixels = rng.integers(0, 90, (20 + 3 * k, 30 - k, 3))
            pixels[:, :, i] += 120
            Image.fromarray(pixels.astype(np.uint8)).save(folder / part / name / f"{k:02d}.png")


@pytest.fixture
def cifar_records():
    return _cifar_records


@pytest.fixture
def write_cifar():
    return _write_cifar


@pytest.fixture
def write_images():
    return _write_images


def _write_small_masks(folder: Path) -> dict[str, bytes]:
    """Write small files of masks as other programs write them; text forms have tests of their own."""
    import json

    import safetensors.numpy
    import scipy.sparse as sp
    import torch

    from netsparse.storage import write_snapshot

    rng = np.random.default_rng(0)
    mask = ((rng.random((5, 4)) < 0.5) * rng.standard_normal((5, 4))).astype(np.float32)
    np.save(folder / "m.npy", mask)
    np.savez(folder / "m.npz", a=mask, b=mask.T)
    np.savez_compressed(folder / "packed.npz", a=mask)
    sp.save_npz(folder / "sparse.npz", sp.csr_array(mask))
    sp.save_npz(folder / "coo.npz", sp.coo_array(mask), compressed=False)
    safetensors.numpy.save_file({"fc.weight": mask, "fc.bias": mask[0]}, folder / "m.safetensors")
    torch.save({"fc.weight": torch.from_numpy(mask), "s": torch.from_numpy(mask).to_sparse()}, folder / "m.pt")
    write_snapshot(folder / "s.safetensors", Snapshot([LayerGraph.from_weight(mask)], epoch=3))
    index = {"weight_map": {"fc.weight": "m.safetensors"}}
    (folder / "model.index.json").write_text(json.dumps(index))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="session")
def write_small_masks():
    return _write_small_masks


def _weighted(
    layer: LayerGraph,
    kind: str | None,
    name: str = "../a \"b\" & <c>, 'ß'\n",
    groups: tuple[str, str] = ("in, #%", "out\t"),
    *,
    zero: bool = True,
    largest: int = 100,
) -> LayerGraph:
    """Give a layer odd names, and weights of a type that are hard to keep exactly, the first of them 0; or none."""
    weights = None
    if kind is not None:
        rng = np.random.default_rng(0)
        weights = rng.standard_normal(layer.n_links) if "float" in kind else rng.integers(1, 100, layer.n_links)
        weights = weights.astype(kind)
        weights[:1] = 0 if zero else weights[:1]
        if kind in ("int64", "uint64"):
            weights[1:2] = largest
    return LayerGraph(name, layer.biadjacency, *groups, weights)


def _same(got: Snapshot, wanted: Snapshot) -> bool:
    """Whether two networks are equal, and their weights of the same type."""
    kinds = [[None if la.weights is None else la.weights.dtype for la in snapshot] for snapshot in (got, wanted)]
    return got == wanted and kinds[0] == kinds[1]


@pytest.fixture
def weighted():
    return _weighted


@pytest.fixture
def same():
    return _same
