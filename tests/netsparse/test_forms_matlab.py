"""MATLAB files: of the authors' program, of others, and broken."""

import struct

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp

import netsparse as ns
from netsparse import MaskFormatError, NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.form import FORMS

KINDS = [None, "float64", "float32", "float16", "int64", "int8", "uint8", "bool"]
MASK = np.array([[0, 1.5, 0], [2, 0, 0]])


@pytest.mark.parametrize("kind", KINDS)
def test_matlab_files_come_back_exactly(nasty_layer, kind, tmp_path, weighted, same):
    snapshot = Snapshot([weighted(nasty_layer, kind)], epoch=2)
    FORMS["matlab"].write(snapshot, tmp_path / "m.mat")
    assert same(ns.load(tmp_path / "m.mat"), snapshot)


def test_several_layers_come_back_exactly(nasty_layer, tmp_path, weighted, same):
    kinds = ((None, "fc.1"), ("float32", "fc_1"), ("int8", "netsparse"), (None, "FC_1"), (None, "x" * 90))
    snapshot = Snapshot([weighted(nasty_layer, kind, name, (f"{name} in", f"{name} out")) for kind, name in kinds])
    FORMS["matlab"].write(snapshot, tmp_path / "m.mat")
    assert same(ns.load(tmp_path / "m.mat"), snapshot)
    assert {name for name, *_ in scipy.io.whosmat(tmp_path / "m.mat")} >= {"netsparse", "fc_1", "fc_1_2", "FC_1_3"}


def test_whole_numbers_that_matlab_cannot_hold_are_refused(tmp_path):
    layer = LayerGraph("a", LayerGraph.from_mask([[1]]).biadjacency, weights=np.array([2**53 + 1]))
    with pytest.raises(NetsparseError, match="beyond 2"):
        FORMS["matlab"].write(Snapshot([layer]), tmp_path / "m.mat")


@pytest.mark.parametrize("compressed", [False, True])
def test_matrices_of_others(compressed, tmp_path):
    path = tmp_path / "m.mat"
    variables = {
        "dense": MASK,
        "single": MASK.astype(np.float32),
        "sparse": sp.csc_array(MASK),
        "mask": MASK != 0,
        "counts": MASK.astype(np.int32),
        "options": 3,
        "text": "hello",
        "cube": np.ones((2, 2, 2)),
        "fields": {"a": 1},
    }
    scipy.io.savemat(path, variables, do_compression=compressed)
    network = ns.load(path)
    assert [layer.name for layer in network] == ["dense", "single", "sparse", "mask", "counts"]
    for layer in network:
        assert np.array_equal(layer.biadjacency.toarray(), MASK != 0)
    assert network["sparse"].to_scipy().toarray().tolist() == MASK.tolist()
    assert network["mask"].weights is None
    assert "left out: options, text, cube, fields" in ns.scan(path).notes
    assert ns.load(path, rows="out", tensors="dense").layers[0].n_source == 3


def test_the_masks_of_the_authors_program(tmp_path):
    scipy.io.savemat(tmp_path / "one.mat", {"weights": np.ones((9, 9)), "adjacency_matrix": sp.csc_array(MASK)})
    assert [layer.name for layer in ns.load(tmp_path / "one.mat")] == ["adjacency_matrix"]
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = MASK, sp.csc_array(MASK.T)
    scipy.io.savemat(tmp_path / "cells.mat", {"adjacency_matrix": cells})
    network = ns.load(tmp_path / "cells.mat")
    assert [layer.name for layer in network] == ["adjacency_matrix{1}", "adjacency_matrix{2}"]
    assert list(network.groups.values()) == [2, 3, 2]  # joined


def test_an_undirected_graph(tmp_path):
    both = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    scipy.io.savemat(tmp_path / "m.mat", {"connectome": both})
    assert ns.load(tmp_path / "m.mat", graph=True).toarray().tolist() == both.tolist()


def cell_of(value) -> dict:
    cells = np.empty((1, 1), object)
    cells[0, 0] = value
    return {"adjacency_matrix": cells}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"a": np.array([[np.nan, 1]])}, "NaN or infinity"),
        ({"a": sp.csc_array(np.array([[np.inf, 1]]))}, "NaN or infinity"),
        ({"a": MASK * 1j}, "complex|real numbers"),
        ({"a": sp.csc_array(MASK * 1j)}, "complex"),
        ({"a": "text", "b": 3}, r"but a \(char \(1, 4\)\), b \(int64 \(1, 1\)\)"),
        ({}, "holds no matrix of numbers, but nothing"),
        (cell_of("text"), "no matrix of real numbers"),
        (cell_of({"x": 1}), "no matrix of real numbers"),
        (cell_of(np.ones((2, 2, 2))), "no matrix of real numbers"),
        ({"adjacency_matrix": "text"}, "no matrix of real numbers"),
        ({"adjacency_matrix": {"x": 1}}, "no matrix of real numbers"),
    ],
)
def test_broken_variables(variables, message, tmp_path):
    scipy.io.savemat(tmp_path / "m.mat", variables)
    with pytest.raises(MaskFormatError, match=message) as caught:
        ns.load(tmp_path / "m.mat")
    assert "m.mat" in str(caught.value)


def test_version_7_3_is_refused_with_what_to_do(tmp_path):
    for start in (b"MATLAB 7.3 MAT-file, Platform: GLNXA64", b"\x89HDF\r\n\x1a\n"):
        (tmp_path / "m.mat").write_bytes(start.ljust(600))
        with pytest.raises(MaskFormatError, match="'-v7'"):
            ns.load(tmp_path / "m.mat")


def test_bombs_are_refused_before_they_are_inflated(tmp_path):
    scipy.io.savemat(tmp_path / "m.mat", {"a": np.zeros((2000, 2000))}, do_compression=True)
    assert (tmp_path / "m.mat").stat().st_size < 10**5
    with pytest.raises(MaskFormatError, match="variable 'a' would take 96 MB"):
        ns.load(tmp_path / "m.mat", max_bytes=10**7)
    content = bytearray((tmp_path / "m.mat").read_bytes())
    content[132:136] = struct.pack("<I", 10**9)
    (tmp_path / "m.mat").write_bytes(content)
    with pytest.raises(MaskFormatError, match="ends before"):
        ns.load(tmp_path / "m.mat")
    scipy.io.savemat(tmp_path / "wide.mat", {"a": sp.csc_array((3, 10**6))})
    with pytest.raises(MaskFormatError, match="of memory"):
        ns.load(tmp_path / "wide.mat", max_bytes=10**7)


def test_a_description_that_does_not_fit_is_refused(tmp_path):
    FORMS["matlab"].write(Snapshot([LayerGraph.from_weight(MASK, "fc", "in", "out")]), tmp_path / "m.mat")
    held = {k: v for k, v in scipy.io.loadmat(tmp_path / "m.mat").items() if k[0] != "_"}
    for change, message in (
        ({"fc": sp.csc_array(MASK)}, "promises the shape"),
        ({"fc": sp.csc_array(MASK.T * [1, 0])}, "promises 2 links"),
        ({"fc": MASK.T}, "is no sparse matrix"),
        ({"more": MASK}, "does not promise 'more'"),
    ):
        scipy.io.savemat(tmp_path / "changed.mat", held | change)
        with pytest.raises(MaskFormatError, match=message):
            ns.load(tmp_path / "changed.mat")
    del held["fc"]
    scipy.io.savemat(tmp_path / "changed.mat", held)
    with pytest.raises(MaskFormatError, match="promises 'fc', which is not there"):
        ns.load(tmp_path / "changed.mat")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "bool"])
def test_all_types_are_read_as_scipy_reads_them(nasty_layers, kind, compressed, tmp_path):
    path = tmp_path / "m.mat"
    arrays = [(layer.biadjacency.toarray() * 3).astype(kind) for layer in nasty_layers]
    arrays = [array for array in arrays if array.shape != (1, 1)]  # a single number is no mask
    variables = {f"a{i}": array for i, array in enumerate(arrays)}
    variables |= {f"s{i}": sp.csc_array(array.astype(float)) for i, array in enumerate(arrays)}
    scipy.io.savemat(path, variables, do_compression=compressed)
    theirs, network = scipy.io.loadmat(path), ns.load(path, chain="none")
    assert len(network) == 2 * len(arrays)
    for layer in network:
        wanted = theirs[layer.name].toarray() if sp.issparse(theirs[layer.name]) else theirs[layer.name]
        assert np.array_equal(layer.biadjacency.toarray() == 1, wanted != 0)


def test_big_endian_files_are_read(tmp_path):
    def element(kind: int, content: bytes) -> bytes:
        return struct.pack(">II", kind, len(content)) + content + bytes(-len(content) % 8)

    flags, shape = element(6, struct.pack(">II", 6, 0)), element(5, struct.pack(">ii", 2, 3))
    name = struct.pack(">HH", 1, 1) + b"a\0\0\0"  # a short element
    numbers = element(9, MASK.T.astype(">f8").tobytes())
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    (tmp_path / "m.mat").write_bytes(head + element(14, flags + shape + name + numbers))
    assert np.array_equal(scipy.io.loadmat(tmp_path / "m.mat")["a"], MASK)
    assert np.array_equal(ns.load(tmp_path / "m.mat").layers[0].to_scipy().toarray(), MASK)
