"""Matrix Market and edge lists: text that people write by hand, and other programs."""

import numpy as np
import pytest
import scipy.io

import netsparse as ns
from netsparse import MaskFormatError, NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.form import FORMS

KINDS = [None, "float64", "float32", "float16", "int64", "int8", "uint64", "bool"]


def nasty(layer: LayerGraph, kind: str | None, epoch: int | None = 3) -> Snapshot:
    """One layer whose weights, the first 0, are hard to write exactly."""
    weights = None
    if kind is not None:
        rng = np.random.default_rng(0)
        weights = rng.standard_normal(layer.n_links) if "float" in kind else rng.integers(0, 100, layer.n_links)
        weights = weights.astype(kind)
        weights[:1] = 0
        if kind in ("int64", "uint64"):
            weights[1:2] = 2**53 + 1
    return Snapshot([LayerGraph('a "b", ß\n../c', layer.biadjacency, "in %#", "out\t,", weights)], epoch)


def same(got: Snapshot, wanted: Snapshot) -> bool:
    kinds = [[None if la.weights is None else la.weights.dtype for la in snapshot] for snapshot in (got, wanted)]
    return got == wanted and kinds[0] == kinds[1]


def text_of(path, content: str | bytes):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


MTX = "%%MatrixMarket matrix coordinate"


@pytest.mark.parametrize("kind", KINDS)
def test_matrix_market_comes_back_exactly(nasty_layer, kind, tmp_path):
    snapshot = nasty(nasty_layer, kind)
    FORMS["matrix-market"].write(snapshot, tmp_path / "m.mtx")
    assert same(ns.load(tmp_path / "m.mtx"), snapshot)
    assert scipy.io.mmread(tmp_path / "m.mtx").shape == nasty_layer.biadjacency.shape  # an ordinary file


@pytest.mark.parametrize(
    ("content", "dense"),
    [
        (f"{MTX} real general\n% a comment\n\n2 3 2\n1 1 0.5\n2 3 -1e-3\n", [[0.5, 0, 0], [0, 0, -1e-3]]),
        (f"{MTX} real general\r\n2 3 2\r\n1 1 0.5\r\n2 3 2\r\n", [[0.5, 0, 0], [0, 0, 2]]),
        (f"{MTX} real general\n2 2 2\n1 1 0\n2 2 1.5\n", [[0, 0], [0, 1.5]]),
        (f"{MTX} real general\n2 2 2\n1 1 1\n1 1 1.5\n", [[2.5, 0], [0, 0]]),
        (f"{MTX} pattern general\n2 2 2\n1 1\n1 1\n", [[1, 0], [0, 0]]),
        (f"{MTX} pattern symmetric\n3 3 2\n2 1\n3 3\n", [[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
        (f"{MTX} real skew-symmetric\n2 2 1\n2 1 3\n", [[0, -3], [3, 0]]),
        (f"{MTX} integer general\n2 2 1\n2 1 3\n", [[0, 0], [3, 0]]),
        (f"{MTX} unsigned-integer general\n2 2 1\n2 1 3\n", [[0, 0], [3, 0]]),
        ("%%MatrixMarket matrix array real general\n2 1\n0\n4\n", [[0], [4]]),
    ],
)
def test_matrix_market_of_others(content, dense, tmp_path):
    layer = ns.load(text_of(tmp_path / "m.mtx", content)).layers[0]
    assert np.array_equal(layer.to_scipy().toarray(), dense)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{MTX} complex general\n1 1 1\n1 1 1 2\n", "complex"),
        (f"{MTX} real general\n2 2 1\n1 1 nan\n", "NaN or infinity"),
        (f"{MTX} real general\n2 2 1\n1 1 inf\n", "NaN or infinity"),
        (f"{MTX} real general\n2 2 1\n3 1 1\n", "Matrix Market"),
        (f"{MTX} real general\n2 2 1\n0 1 1\n", "Matrix Market"),
        (f"{MTX} real general\n2 2 2\n1 1 1\n", "Matrix Market"),
        (f"{MTX} real general\n2 2 999999999\n1 1 1\n", "more than the file can hold"),
        (f"{MTX} real general\n99999999999 2 1\n1 1 1\n", "not that of a layer"),
        (f"{MTX} real general\n-2 2 1\n1 1 1\n", "Matrix Market|not a"),
        (f"{MTX} real general\n2 2 1\n1 1 x\n", "Matrix Market"),
        (f"{MTX} real", "Matrix Market"),
        ("%%MatrixMarket matrix array real general\n1000000000 1000000000\n1\n", "of memory"),
        ("%%MatrixMarket vector array real general\n2\n1\n2\n", "Matrix Market"),
    ],
)
def test_broken_matrix_market(content, message, tmp_path):
    with pytest.raises(MaskFormatError, match=message) as caught:
        ns.load(text_of(tmp_path / "m.mtx", content))
    assert "m.mtx" in str(caught.value)


def test_a_description_that_does_not_fit_is_refused(tmp_path):
    snapshot = nasty(LayerGraph.from_mask(np.eye(3)), "float32")
    FORMS["matrix-market"].write(snapshot, tmp_path / "m.mtx")
    text = (tmp_path / "m.mtx").read_text()
    for old, new, message in (
        ('"links": 3', '"links": 4', "promises 4 links"),
        ('"shape": [3, 3]', '"shape": [3, 4]', "promises the shape"),
        ('"weights": "float32"', '"weights": "int8"', "promises weights of type int8"),
        ('"weights": "float32"', '"weights": "object"', "tells of no layer"),
        ('"epoch": 3', '"epoch": "x"', "an epoch is a whole number"),
        ('"format_version": 1', '"format_version": 2', "of format version 2"),
        ('"layers": [', '"layer": [', "names no layers"),
        ("2 2 ", "1 1 ", "holds one twice"),
    ):
        assert old in text
        with pytest.raises(MaskFormatError, match=message):
            ns.load(text_of(tmp_path / "changed.mtx", text.replace(old, new)))


def test_a_form_of_one_matrix_refuses_several(chain, tmp_path):
    with pytest.raises(NetsparseError, match="holds one layer, the network has 3: use snapshot"):
        FORMS["matrix-market"].write(chain(0), tmp_path / "m.mtx")
    assert not list(tmp_path.iterdir())
