"""Dense matrices in blocks, named tensors, checkpoints that are read layer by layer."""

import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

import netsparse as ns
from netsparse import LayerGraph, MaskFormatError, NetsparseError
from netsparse.masks import dense, tensors
from netsparse.masks.dense import DenseMatrix
from netsparse.masks.options import Options

KINDS = [np.bool_, np.int8, np.uint8, np.int16, np.int64, np.uint64, np.float16, np.float32, np.float64]


def matrix_of(array: np.ndarray, step: int = 3, **more) -> DenseMatrix:
    def blocks():
        rows = array.T if more.get("turned") else array
        for start in range(0, len(rows), step):
            yield np.ascontiguousarray(rows[start : start + step])

    return DenseMatrix("x", array.shape, array.dtype.name, blocks, **more)


def twin(array: np.ndarray, rows: str, threshold: float | None = None, mask: np.ndarray | None = None) -> LayerGraph:
    """The layer of a dense matrix, plainly: all in memory."""
    weights = array.astype(np.float64)
    links = weights != 0 if mask is None else mask != 0
    if threshold is not None:
        links &= np.abs(weights) > threshold
    if rows == "out":
        weights, links = weights.T, links.T
    layer = LayerGraph.from_mask(links, "x")
    own = weights[links]
    is_mask = array.dtype.itemsize == 1 or np.all(own == 1)
    return LayerGraph("x", layer.biadjacency, weights=None if is_mask else own)


@pytest.mark.parametrize("rows", ["in", "out"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("turned", [False, True])
def test_blocks_equal_the_whole(kind, rows, turned):
    rng = np.random.default_rng(1)
    for shape in [(7, 5), (1, 9), (9, 1), (0, 4), (4, 0), (0, 0), (1, 1), (10, 10)]:
        for density in (0.0, 0.3, 1.0):
            array = (rng.integers(1, 100, shape) * (rng.random(shape) < density)).astype(kind)
            for threshold in (None, 20.0):
                matrix, options = matrix_of(array, turned=turned), Options.of(threshold=threshold)
                expected = twin(array, rows, threshold)
                assert matrix.layer(rows, options) == expected
                assert matrix.count(options) == expected.n_links


def test_a_mask_decides_what_is_a_link_and_links_may_weigh_nothing():
    rng = np.random.default_rng(2)
    array = rng.standard_normal((8, 6)).astype(np.float32) * (rng.random((8, 6)) < 0.5)
    mask = (rng.random((8, 6)) < 0.5).astype(np.float32)
    for rows in ("in", "out"):
        for threshold in (None, 0.5):
            read = matrix_of(array, mask=matrix_of(mask)).layer(rows, Options.of(threshold=threshold))
            assert read == twin(array, rows, threshold, mask)
    assert 0 in read.weights or threshold


def test_ones_alone_are_no_weights():
    assert matrix_of(np.eye(3)).layer("in", Options.of()).weights is None
    assert matrix_of(2 * np.eye(3)).layer("in", Options.of()).weights.tolist() == [2, 2, 2]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_told_by_their_place(bad, turned):
    array = np.ones((7, 5), np.float32)
    array[4, 2] = bad
    matrix, message = matrix_of(array, turned=turned), r"NaN or infinity, first at \(4, 2\)"
    with pytest.raises(MaskFormatError, match=message):
        matrix.count(Options.of())
    with pytest.raises(MaskFormatError, match=message):
        matrix.layer("in", Options.of())


def test_a_layer_beyond_the_memory_is_refused_before_it_is_made():
    with pytest.raises(MaskFormatError, match=r"would take .* --max-memory"):
        matrix_of(np.ones((100, 100))).layer("in", Options.of(max_bytes=1000))


@pytest.mark.parametrize(("kind", "own"), [("float8_e4m3fn", torch.float8_e4m3fn), ("float8_e5m2", torch.float8_e5m2)])
def test_all_numbers_of_eight_bits_equal_torchs(kind, own):
    bits = np.arange(256, dtype=np.uint8)
    expected = torch.from_numpy(bits).view(own).float().numpy()
    assert np.array_equal(tensors.decoded(bits, kind), expected, equal_nan=True)


def test_bfloat16_equals_torchs():
    bits = np.arange(0, 2**16, dtype=np.uint16)
    expected = torch.from_numpy(bits).view(torch.bfloat16).float().numpy()
    assert np.array_equal(tensors.decoded(bits, "bfloat16"), expected, equal_nan=True)


def pruned(seed: int, shape: tuple[int, int], density: float = 0.3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=generator)
    return weight * (torch.rand(shape, generator=generator) < density)


@pytest.fixture
def checkpoint():
    """A state dict with all that models hold."""
    return {
        "model.embed.weight": pruned(0, (30, 8), 1.0).to(torch.float16),
        "model.layers.0.mlp.weight": pruned(1, (12, 8)),
        "model.layers.10.mlp.weight": pruned(2, (9, 12)).to(torch.bfloat16),
        "model.layers.2.conv.weight": pruned(3, (6, 18)).reshape(6, 2, 3, 3).double(),
        "model.layers.2.conv.bias": torch.ones(6),
        "model.norm.weight": torch.ones(8),
        "model.ids": torch.arange(6).reshape(2, 3),
        "head.weight_orig": pruned(4, (5, 9), 1.0),
        "head.weight_mask": (pruned(4, (5, 9)) != 0).float(),
    }


def expected_layers(state) -> dict[str, np.ndarray]:
    """Weights (out, in) as matrices of float64."""
    found = {
        name.removesuffix(".weight"): tensor.double().flatten(1).numpy()
        for name, tensor in state.items()
        if tensor.ndim in (2, 4) and tensor.is_floating_point() and not name.startswith("head")
    }
    return {**found, "head": (state["head.weight_orig"] * state["head.weight_mask"]).double().numpy()}


@pytest.fixture(params=["safetensors", "torch", "torch nested", "sharded", "sharded torch"])
def stored(request, checkpoint, tmp_path):
    """The same state dict in every form of a checkpoint."""
    names = list(checkpoint)
    halves = [{name: checkpoint[name] for name in part} for part in (names[:4], names[4:])]
    if request.param == "safetensors":
        safetensors.torch.save_file(checkpoint, tmp_path / "model.safetensors")
        return tmp_path / "model.safetensors"
    if request.param.startswith("torch"):
        state = {"state_dict": checkpoint, "epoch": 3} if "nested" in request.param else checkpoint
        torch.save(state, tmp_path / "model.pt")
        return tmp_path / "model.pt"
    ending = "bin" if "torch" in request.param else "safetensors"
    files = [f"model-0000{i + 1}-of-00002.{ending}" for i in range(2)]
    for file, half in zip(files, halves, strict=True):
        if ending == "bin":
            torch.save(half, tmp_path / file)
        else:
            safetensors.torch.save_file(half, tmp_path / file)
    index = {"metadata": {}, "weight_map": {n: f for f, half in zip(files, halves, strict=True) for n in half}}
    (tmp_path / f"model.{ending}.index.json").write_text(json.dumps(index))
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    (tmp_path / "README.md").write_text("# A model\n\nwith 3 layers and 2 files\n")
    return tmp_path


def test_every_form_of_a_checkpoint_gives_the_same_layers(stored, checkpoint):
    found = ns.scan(stored)
    assert not found.in_memory
    expected = expected_layers(checkpoint)
    assert {layer.name for layer in found.layers} == set(expected)
    for layer in found:
        weights = expected[layer.name].T
        assert np.array_equal(layer.biadjacency.toarray() != 0, weights != 0), layer.name
        assert np.array_equal(layer.weights, weights[weights != 0])
        assert found[layer.name].n_links == layer.n_links
    network = ns.load(stored)
    assert [layer.name for layer in network] == [layer.name for layer in found.layers]


def test_layers_are_in_natural_order_where_the_file_has_none(tmp_path):
    state = {f"layers.{i}.weight": torch.ones(2, 2) for i in (10, 9, 1)}
    safetensors.torch.save_file(state, tmp_path / "m.safetensors")
    assert [layer.name for layer in ns.load(tmp_path / "m.safetensors")] == ["layers.1", "layers.9", "layers.10"]


def test_tensors_are_chosen_by_their_names(stored):
    assert [layer.name for layer in ns.load(stored, tensors="*.mlp").layers] == [
        "model.layers.0.mlp",
        "model.layers.10.mlp",
    ]
    two = ns.load(stored, tensors=["*.conv*", "head*"])
    assert {layer.name for layer in two} == {"model.layers.2.conv", "head"}
    with pytest.raises(MaskFormatError, match=r"no layer is named '\*attention\*'"):
        ns.load(stored, tensors="*attention*")


def test_rows_and_threshold(stored, checkpoint):
    turned = ns.load(stored, rows="in", tensors="*.0.mlp")
    weights = expected_layers(checkpoint)["model.layers.0.mlp"]
    assert np.array_equal(turned.layers[0].biadjacency.toarray() != 0, weights != 0)
    above = ns.load(stored, threshold=0.7, tensors="*.0.mlp").layers[0]
    assert np.array_equal(above.biadjacency.toarray() != 0, np.abs(weights.T) > 0.7)


def test_how_layers_join(stored, tmp_path):
    mlp = ["*.0.mlp", "*.10.mlp", "head"]
    names = [layer.name for layer in ns.load(stored, tensors=mlp)]
    toml = tmp_path / "chain.toml"
    toml.write_text(
        '[layers]\n"model.layers.0.mlp" = ["input", "hidden"]\n"model.layers.10.mlp" = ["hidden", "last"]\n'
    )
    named = ns.load(stored, tensors=mlp, chain=toml)
    assert named["model.layers.10.mlp"].source == "hidden"
    assert named["head"].source == "head.source"  # not named: stands alone
    assert named.groups["input"] == 8
    assert named == ns.load(
        stored,
        tensors=mlp,
        chain={"model.layers.0.mlp": ("input", "hidden"), "model.layers.10.mlp": ["hidden", "last"]},
    )
    alone = ns.load(stored, tensors=mlp, chain="none")
    assert len(alone.groups) == 2 * len(names)
    if names[0] == "model.layers.0.mlp":  # a torch file keeps its order, in which these fit
        assert ns.load(stored, tensors=mlp, chain="order").groups == {
            f"group {i}": n for i, n in enumerate((8, 12, 9, 5))
        }
    with pytest.raises(MaskFormatError, match="do not join in their order"):
        ns.load(stored, chain="order")
    with pytest.raises(MaskFormatError, match="names a layer 'fc9' that is not there"):
        ns.load(stored, chain={"fc9": ["a", "b"]})
    with pytest.raises(MaskFormatError, match=r"do not fit: group 'a' has .* neurons"):
        ns.load(stored, chain={"model.layers.0.mlp": ["a", "b"], "head": ["a", "c"]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": "columns"}, "rows are 'in'"),
        ({"threshold": -1}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"chain": "missing.toml"}, r"missing\.toml.*No such file"),
        ({"chain": {"a": ["x"]}}, "needs two names"),
        ({"chain": {}}, "names the groups"),
        ({"tensors": [""]}, "patterns"),
        ({"max_bytes": 0}, "positive number"),
    ],
)
def test_options_that_make_no_sense(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    np.save("m.npy", np.eye(3))
    with pytest.raises(NetsparseError, match=message):
        ns.load("m.npy", **options)


def test_a_table_tells_what_was_read(stored):
    table = ns.scan(stored).table()
    row = table.set_index("layer").loc["model.layers.2.conv"]
    assert (row["n_source"], row["n_target"], row["kind"]) == (18, 6, "float64")
    assert row["density"] == row["n_links"] / 108


def test_layers_that_are_read_when_measured_give_the_same_table(stored):
    """As do those that were read before; two processes read for themselves."""
    names = ["n_links", "density", "giant_component", "degree_gini", "mean_degree"]
    lazily = ns.measure(ns.scan(stored), names)
    layers = list(ns.scan(stored))
    whole = pd.concat([ns.measure(layer, names) for layer in layers], ignore_index=True)
    pd.testing.assert_frame_equal(lazily, whole)  # and no network, since the layers do not join
    pd.testing.assert_frame_equal(ns.measure(ns.scan(stored), names, n_jobs=2), lazily)
    chain = {"model.layers.0.mlp": ["a", "b"], "model.layers.10.mlp": ["b", "c"]}
    joined = ns.scan(stored, tensors="*.mlp", chain=chain)
    pd.testing.assert_frame_equal(ns.measure(joined, names), ns.measure(joined.snapshot(), names))


def test_a_network_that_cannot_be_held_is_left_out_and_told(tmp_path, caplog):
    np.savez(tmp_path / "m.npz", a=np.ones((40, 40)), b=np.ones((40, 40)))
    found = ns.scan(tmp_path / "m.npz", max_bytes=50_000)
    table = ns.measure(found, ["n_links"])
    assert table["layer"].tolist() == ["a", "b"]
    assert "the network as a whole would take" in caplog.text
    with pytest.raises(MaskFormatError, match="all 3,200 links together"):
        ns.load(tmp_path / "m.npz", max_bytes=30_000)


def test_reading_takes_the_memory_of_the_links_not_of_the_matrix(tmp_path):
    """Twenty bytes a link and some blocks, whatever the form; the matrices have 32 MB each."""
    shape = (2048, 4096)
    state = {f"fc{i}.weight": pruned(i, shape, 0.02) for i in range(3)}
    safetensors.torch.save_file(state, tmp_path / "m.safetensors")
    np.savez_compressed(tmp_path / "m.npz", **{name: tensor.numpy() for name, tensor in state.items()})
    n_links = max(int((tensor != 0).sum()) for tensor in state.values())
    for name in ("m.safetensors", "m.npz"):
        for layer in ns.scan(tmp_path / name):  # compiles and imports
            assert layer.n_links <= n_links
        tracemalloc.start()
        try:
            for layer in ns.scan(tmp_path / name):
                assert layer.n_links <= n_links
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 24 * n_links + 6 * dense.BLOCK_BYTES, (name, peak)
