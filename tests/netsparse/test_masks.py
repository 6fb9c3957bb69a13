"""Masks of other programs, good and hostile."""

import os
import pickle

import numpy as np
import pytest
import safetensors.torch
import scipy.io
import scipy.sparse as sp
import torch

import netsparse as ns
from netsparse import LayerGraph, MaskFormatError, NetsparseError

RNG = np.random.default_rng(0)
MASK = (RNG.random((7, 9)) < 0.3) * RNG.standard_normal((7, 9))


def single(path) -> LayerGraph:
    snapshot = ns.load(path)
    assert len(snapshot) == 1
    return snapshot.layers[0]


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr"])
def test_scipy_npz(tmp_path, form):
    sp.save_npz(tmp_path / "m.npz", sp.coo_array(MASK).asformat(form))
    assert np.array_equal(single(tmp_path / "m.npz").biadjacency.toarray() > 0, MASK != 0)


def test_numpy_and_matrix_market(tmp_path):
    np.save(tmp_path / "m.npy", MASK)
    scipy.io.mmwrite(tmp_path / "m.mtx", sp.coo_array(MASK))
    scipy.io.mmwrite(tmp_path / "p.mtx", sp.coo_array(MASK), field="pattern")
    for name in ("m.npy", "m.mtx", "p.mtx"):
        layer = single(tmp_path / name)
        assert layer.name == name[0]
        assert np.array_equal(layer.biadjacency.toarray() > 0, MASK != 0)


def test_several_arrays_are_several_layers_joined_where_all_fit(tmp_path):
    np.savez(tmp_path / "chain.npz", a=np.ones((3, 4)), b=np.ones((4, 2)))
    assert ns.load(tmp_path / "chain.npz").groups == {"group 0": 3, "group 1": 4, "group 2": 2}
    np.savez(tmp_path / "apart.npz", a=np.ones((3, 4)), b=np.ones((5, 2)))
    assert len(ns.load(tmp_path / "apart.npz").groups) == 4


def test_the_name_does_not_decide(tmp_path):
    np.save(tmp_path / "m.npy", MASK)
    os.rename(tmp_path / "m.npy", tmp_path / "m.pt")
    assert single(tmp_path / "m.pt").n_links == np.count_nonzero(MASK)


def _pruned_model() -> torch.nn.Module:
    from torch.nn.utils import prune

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4))
    prune.l1_unstructured(model[0], "weight", amount=0.75)
    return model


def test_torch_state_dicts(tmp_path):
    model = _pruned_model()
    expected = (model[0].weight != 0).T.numpy()
    torch.save(model.state_dict(), tmp_path / "pruned.pt")
    snapshot = ns.load(tmp_path / "pruned.pt")
    assert [layer.name for layer in snapshot] == ["0", "2"]
    assert np.array_equal(snapshot["0"].biadjacency.toarray() > 0, expected)
    assert snapshot["2"].n_links == 24
    torch.nn.utils.prune.remove(model[0], "weight")
    torch.save({"state_dict": model.state_dict(), "epoch": 3}, tmp_path / "plain.pt")
    assert np.array_equal(ns.load(tmp_path / "plain.pt")["0"].biadjacency.toarray() > 0, expected)
    torch.save(model[0].weight.detach(), tmp_path / "tensor.pt")
    assert single(tmp_path / "tensor.pt").n_links == expected.sum()


@pytest.mark.parametrize("backend", ["csr", "masked"])
def test_our_own_sparse_layers_as_a_state_dict(backend, tmp_path):
    model = ns.training.MLP(6, 3, width=5, sparsity=0.5, backend=backend)
    with torch.no_grad():
        model.sandwich1.weight.zero_()  # links that weigh 0 stay links
    torch.save(model.state_dict(), tmp_path / "m.pt")
    safetensors.torch.save_file(model.state_dict(), tmp_path / "m.safetensors")
    for path in (tmp_path / "m.pt", tmp_path / "m.safetensors"):
        network = ns.load(path)
        assert network["sandwich1"].n_links == 15
        expected = model.sandwich2.to_graph()
        assert network["sandwich2"].link_keys.tolist() == expected.link_keys.tolist()
        assert network["sandwich2"].weights.tolist() == expected.weights.tolist()


def test_broken_sparse_layers_are_refused(tmp_path):
    state = ns.training.SparseLinear(6, 3, 0.5, backend="csr").state_dict()
    for name, tensor in (("targets", state["targets"] + 9), ("weight", torch.ones(2)), ("source_start", torch.ones(9))):
        torch.save({**state, name: tensor}, tmp_path / "m.pt")
        with pytest.raises(MaskFormatError):
            ns.load(tmp_path / "m.pt")


def test_safetensors(tmp_path):
    model = _pruned_model()
    torch.nn.utils.prune.remove(model[0], "weight")
    safetensors.torch.save_file(model.state_dict(), tmp_path / "m.safetensors")
    assert np.array_equal(
        ns.load(tmp_path / "m.safetensors")["0"].biadjacency.toarray() > 0, (model[0].weight != 0).T.numpy()
    )
    half = {name: tensor.bfloat16() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(half, tmp_path / "half.safetensors")
    assert ns.load(tmp_path / "half.safetensors")["0"].n_links == 12


def test_torch_and_safetensors_take_the_same_tensors(tmp_path):
    state = {
        "fc1": torch.tensor([[0, 1, 1]], dtype=torch.int8),
        "fc2": torch.tensor([[True, False, True]]),
        "position_ids": torch.arange(512)[None],
        "low": torch.ones(2, 2).to(torch.float8_e4m3fn),
    }
    torch.save(state, tmp_path / "m.pt")
    safetensors.torch.save_file(state, tmp_path / "m.safetensors")
    for name in ("m.pt", "m.safetensors"):
        assert sorted((layer.name, layer.n_links) for layer in ns.load(tmp_path / name)) == [
            ("fc1", 2),
            ("fc2", 2),
            ("low", 4),
        ]
    torch.save(torch.ones(3, 3).bool(), tmp_path / "mask.pt")
    assert single(tmp_path / "mask.pt").n_links == 9
    sparse = torch.sparse_coo_tensor([[0], [199_999]], [1.0], (200_000, 200_000), check_invariants=True)
    torch.save({"w": sparse}, tmp_path / "sparse.pt")
    assert single(tmp_path / "sparse.pt").n_links == 1
    torch.save({"w": torch.ones(2, 2, device="meta")}, tmp_path / "meta.pt")
    with pytest.raises(MaskFormatError, match=r"meta\.pt.*cannot be read"):
        ns.load(tmp_path / "meta.pt")


class Bomb:
    """A pickle that creates a file when it is opened."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_pickles_are_refused_and_never_executed(tmp_path):
    trace = tmp_path / "executed"
    (tmp_path / "bomb.pkl").write_bytes(pickle.dumps(Bomb(str(trace))))
    (tmp_path / "bomb.pt").write_bytes(pickle.dumps(Bomb(str(trace))))
    torch.save({"weight": Bomb(str(trace))}, tmp_path / "zipped.pt")
    np.save(tmp_path / "objects.npy", np.array([Bomb(str(trace))], object), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", a=np.array([Bomb(str(trace))], object))
    for name in ("bomb.pkl", "bomb.pt", "zipped.pt", "objects.npy", "objects.npz"):
        with pytest.raises(MaskFormatError):
            ns.load(tmp_path / name)
    assert not trace.exists()


def _bad_files(folder) -> dict[str, str]:
    """Write files that hold no mask; return the messages that they must give."""
    (folder / "text.npz").write_text("hello, I am a text file\n")
    (folder / "empty.npz").write_bytes(b"")
    (folder / "empty.pt").write_bytes(b"")
    np.save(folder / "nan.npy", np.array([[np.nan, 1.0]]))
    torch.save({"fc.weight": torch.tensor([[float("nan"), 1.0]])}, folder / "nan.pt")
    np.save(folder / "three.npy", np.ones((2, 3, 4)))
    torch.save({"conv": torch.ones(2, 3, 4)}, folder / "three.pt")
    np.save(folder / "text.npy", np.array([["a", "b"]]))
    np.savez(folder / "none.npz")
    (folder / "zip.npz").write_bytes(b"PK\x03\x04 broken")
    torch.save([1, 2], folder / "list.pt")
    (folder / "m.mtx").write_text("%%MatrixMarket matrix coordinate real general\n2 2 1\n5 5 1.0\n")
    (folder / "short.mtx").write_text("%%MatrixMarket matrix coordinate real general\n2 2 3\n1 1 1.0\n")
    sparse = sp.csr_array(np.eye(3))
    sparse.indices[0] = 9
    sp.save_npz(folder / "outside.npz", sparse)
    safetensors.torch.save_file({"bias": torch.ones(3)}, folder / "bias.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "bias.safetensors").read_bytes()[:-4])
    whole = (folder / "nan.npy").read_bytes()
    (folder / "cut.npy").write_bytes(whole[:-4])
    return {
        "text.npz": "not a mask file",
        "empty.npz": "empty",
        "empty.pt": "empty",
        "nan.npy": "NaN or infinity",
        "nan.pt": "NaN or infinity",
        "three.npy": "has the shape",
        "three.pt": "no two-dimensional",
        "text.npy": "holds numbers",
        "none.npz": "holds no array|neither NumPy",
        "zip.npz": "broken zip",
        "list.pt": "not a state dict",
        "m.mtx": "Matrix Market",
        "short.mtx": "Matrix Market",
        "outside.npz": "outside|not a readable",
        "bias.safetensors": "no two-dimensional",
        "cut.safetensors": "not a readable",
        "cut.npy": "promises more numbers than the file holds",
    }


def test_what_holds_no_mask_says_so_and_names_the_file(tmp_path):
    for name, message in _bad_files(tmp_path).items():
        with pytest.raises(MaskFormatError, match=message) as caught:
            ns.load(tmp_path / name)
        assert name in str(caught.value), name


def test_missing_files_and_empty_directories(tmp_path):
    with pytest.raises(NetsparseError, match="no such file"):
        ns.load(tmp_path / "missing.npz")
    with pytest.raises(NetsparseError, match="neither a run directory"):
        ns.load(tmp_path)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.float32])
def test_a_threshold_looks_at_the_numbers_of_any_type(kind, tmp_path):
    matrix = np.array([[100, 5], [0, 120]], kind)
    sp.save_npz(tmp_path / "sparse.npz", sp.csr_array(matrix))
    np.save(tmp_path / "dense.npy", matrix)
    for name in ("sparse.npz", "dense.npy"):
        layer = ns.load(tmp_path / name, threshold=50).layers[0]
        assert layer.link_keys.tolist() == [0, 3]
        assert (layer.weights is None) == (matrix.itemsize == 1)
    assert single(tmp_path / "sparse.npz").n_links == 3


def test_duplicates_of_a_mask_of_bytes_do_not_cancel(tmp_path):
    matrix = sp.coo_array((np.array([1, -1, -128], np.int8), ([0, 0, 1], [0, 0, 1])), shape=(2, 2))
    sp.save_npz(tmp_path / "m.npz", matrix)
    assert single(tmp_path / "m.npz").link_keys.tolist() == [0, 3]
    assert ns.load(tmp_path / "m.npz", threshold=127).n_links == 1
