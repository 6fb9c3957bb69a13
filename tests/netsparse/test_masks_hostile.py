"""Broken and hostile files of masks: a clear error, nothing run, nothing hung, memory bounded."""

import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import scipy.sparse as sp
import torch

import netsparse as ns
from netsparse import MaskFormatError, NetsparseError

RNG = np.random.default_rng(0)
MASK = ((RNG.random((5, 4)) < 0.5) * RNG.standard_normal((5, 4))).astype(np.float32)


class Trace:
    """A pickle that creates a file when it is opened."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


NAMES = [
    "coo.npz",
    "m.npy",
    "m.npz",
    "m.pt",
    "m.safetensors",
    "model.index.json",
    "packed.npz",
    "s.safetensors",
    "sparse.npz",
]


def read_or_refuse(path) -> bool:
    """Read a file, whole and by `scan`; True if it can be read. Any other error is the test's."""
    try:
        ns.load(path, max_bytes=50_000_000)
        return True
    except NetsparseError as error:
        if path.name not in str(error):
            raise
        return False


@pytest.mark.parametrize("name", NAMES)
def test_truncated_files_are_refused(tmp_path, name, write_small_masks):
    whole = write_small_masks(tmp_path)[name]
    for length in range(0, len(whole), 1 if len(whole) < 1500 else 7):
        (tmp_path / name).write_bytes(whole[:length])
        if read_or_refuse(tmp_path / name):
            # only what does not matter may be missing: the end of a JSON text, say
            assert length > len(whole) - 3, length


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bits_are_refused_or_do_not_matter(tmp_path, name, write_small_masks):
    whole = write_small_masks(tmp_path)[name]
    rng = np.random.default_rng(len(whole))
    for place in rng.choice(8 * len(whole), min(8 * len(whole), 400), replace=False):
        broken = bytearray(whole)
        broken[place // 8] ^= 1 << (place % 8)
        (tmp_path / name).write_bytes(broken)
        read_or_refuse(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_random_bytes_inside_are_refused_or_do_not_matter(tmp_path, name, write_small_masks):
    whole = write_small_masks(tmp_path)[name]
    rng = np.random.default_rng(len(whole))
    for _ in range(100):
        start, n = rng.integers(0, len(whole)), rng.integers(1, 40)
        (tmp_path / name).write_bytes(whole[:start] + rng.bytes(n) + whole[start + n * rng.integers(0, 2) :])
        read_or_refuse(tmp_path / name)


def test_pickles_in_every_guise_are_refused_and_never_run(tmp_path):
    trace = tmp_path / "executed"
    bomb = Trace(trace)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"w": bomb}))
    (tmp_path / "old.pt").write_bytes(pickle.dumps(bomb, protocol=0))
    torch.save({"w": bomb}, tmp_path / "zipped.pt")
    torch.save({"w": bomb}, tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    np.savez(tmp_path / "objects.npz", a=np.array([[bomb]], object))
    np.savez(
        tmp_path / "sparse.npz",
        format=np.array(b"csr"),
        shape=np.array([1, 1]),
        data=np.array([bomb], object),
        indices=np.array([0]),
        indptr=np.array([0, 1]),
    )
    (tmp_path / "shards").mkdir()
    torch.save({"w": bomb}, tmp_path / "shards" / "a.bin")
    (tmp_path / "shards" / "x.index.json").write_text(json.dumps({"weight_map": {"w": "a.bin"}}))
    names = ["plain.pt", "old.pt", "zipped.pt", "legacy.pt", "objects.npz", "sparse.npz", "shards"]
    for name in names:
        for read in (ns.load, ns.scan):
            with pytest.raises(MaskFormatError):
                read(tmp_path / name)
    assert not trace.exists()


def zipped(path, entries: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["npz", "scipy", "torch"])
def test_zip_bombs_are_refused_before_they_are_inflated(tmp_path, form, monkeypatch):
    zeros = npy(np.zeros((4000, 4000), np.uint8))  # 16 MB in 16 kB
    entries = {
        "npz": {"a.npy": zeros},
        "scipy": {"format.npy": npy(np.array(b"csr")), "shape.npy": npy(np.array([9, 9])), "data.npy": zeros},
        "torch": {"m/data.pkl": b"\x80\x02}q\x00.", "m/data/0": zeros},
    }[form]
    zipped(tmp_path / "bomb", entries)
    monkeypatch.setattr(zipfile.ZipExtFile, "read", None)  # who inflates fails
    with pytest.raises(MaskFormatError, match=r"inflated, the archive would take 16 MB .* --max-memory"):
        ns.load(tmp_path / "bomb", max_bytes=1_000_000)


def test_an_archive_that_lies_about_its_sizes_is_refused(tmp_path):
    content = npy(np.ones((100, 100)))
    zipped(tmp_path / "m.npz", {"a.npy": content})
    raw = (tmp_path / "m.npz").read_bytes()
    for lie in (10, 200, len(content) - 1, 2**31):
        told = raw.replace(struct.pack("<I", len(content)), struct.pack("<I", lie))
        assert told != raw
        (tmp_path / "m.npz").write_bytes(told)
        with pytest.raises(MaskFormatError):
            ns.load(tmp_path / "m.npz", max_bytes=50_000_000)


def header(shape: tuple[int, ...], kind: str = "<f4", in_columns: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": kind, "fortran_order": in_columns, "shape": shape})
    return buffer.getvalue()


def test_headers_that_promise_more_than_the_file_holds(tmp_path):
    for shape in [(10**9, 10**9), (2**40, 1), (1, 2**62), (6, 4), (2**31, 2**31)]:
        (tmp_path / "m.npy").write_bytes(header(shape) + bytes(80))
        with pytest.raises(MaskFormatError, match="promises more numbers"):
            ns.load(tmp_path / "m.npy")
    for start, end, shape in [(0, 400, [10, 10]), (0, 2**60, [2**30, 2**28]), (2**40, 2**40 + 4, [1, 1])]:
        text = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}}).encode()
        (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))
        with pytest.raises(MaskFormatError, match="not a readable safetensors"):
            ns.load(tmp_path / "m.safetensors")
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{" + bytes(100))
    with pytest.raises(MaskFormatError):
        ns.load(tmp_path / "m.safetensors")
    spread = torch.ones(1).expand(10**6, 10**6)  # one number, a million times a million times
    torch.save({"w": spread}, tmp_path / "m.pt")
    with pytest.raises(MaskFormatError, match="promises more numbers"):
        ns.load(tmp_path / "m.pt")


def sparse_npz(path, matrix=None, **changes) -> None:
    csr = sp.csr_array(MASK) if matrix is None else matrix
    parts = {"format": np.array(b"csr"), "shape": np.array(csr.shape), "data": csr.data}
    parts |= {"indices": csr.indices, "indptr": csr.indptr}
    np.savez(path, **(parts | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": np.array([2**40, 2**40])}, "neurons are the most"),
        ({"shape": np.array([5, 2**31 - 2])}, "would take"),
        ({"shape": np.array([-5, 4])}, "has the shape"),
        ({"shape": np.array([5])}, "has the shape"),
        ({"shape": np.array([5, 4, 3])}, "has the shape"),
        ({"shape": np.array([5.5, np.nan])}, "not a readable"),
        ({"shape": np.array([5, 2])}, "outside"),
        ({"indices": np.full(np.count_nonzero(MASK), -1)}, "outside|negative"),
        ({"indices": np.full(np.count_nonzero(MASK), 2**40)}, "outside|less than"),
        ({"indptr": np.array([0, 9, 3, 4, 5, 6])}, "pointers|not a readable"),
        ({"indptr": np.array([0, 2**40, 2**40, 2**40, 2**40, 2**40])}, "pointers|not a readable"),
        ({"indptr": np.array([0, 1])}, "not a readable|pointers"),
        ({"data": np.full(np.count_nonzero(MASK), np.nan)}, "NaN or infinity"),
        ({"data": np.full(np.count_nonzero(MASK), np.inf)}, "NaN or infinity"),
        ({"data": np.full(np.count_nonzero(MASK), 1j)}, "holds numbers"),
        ({"format": np.array(b"xyz")}, "not a readable"),
        ({"format": np.array([3.5])}, "not a readable"),
    ],
)
def test_sparse_matrices_that_make_no_sense(tmp_path, changes, message):
    sparse_npz(tmp_path / "m.npz", **changes)
    with pytest.raises(MaskFormatError, match=message):
        ns.load(tmp_path / "m.npz", max_bytes=50_000_000)


def test_sparse_tensors_that_make_no_sense(tmp_path):
    with torch.sparse.check_sparse_tensor_invariants(False):
        bad = {
            "outside": torch.sparse_coo_tensor([[0, 9], [0, 1]], [1.0, 1.0], (3, 3)),
            "negative": torch.sparse_coo_tensor([[0, -1], [0, 1]], [1.0, 1.0], (3, 3)),
            "nan": torch.sparse_coo_tensor([[0], [0]], [float("nan")], (3, 3)),
            "huge": torch.sparse_coo_tensor([[0], [0]], [1.0], (2**31, 2**31)),
        }
        for name, tensor in bad.items():
            torch.save({"w": tensor}, tmp_path / f"{name}.pt")
    for name in bad:
        with pytest.raises(MaskFormatError):
            ns.load(tmp_path / f"{name}.pt")


@pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC|BSR) tensor support is in beta")
def test_sparse_tensors_of_every_layout_are_read(tmp_path):
    dense = torch.from_numpy(np.kron(MASK, np.ones((2, 2), np.float32)))
    layouts = {"coo": dense.to_sparse_coo(), "csr": dense.to_sparse_csr(), "csc": dense.to_sparse_csc()}
    layouts["bsr"] = dense.to_sparse_bsr((2, 2))
    layouts["half"] = dense.half().float().to_sparse_coo()
    torch.save(layouts, tmp_path / "m.pt")
    for layer in ns.load(tmp_path / "m.pt"):
        assert np.array_equal(layer.biadjacency.toarray() != 0, dense.T.numpy() != 0), layer.name


def test_duplicates_are_merged_and_told(tmp_path, caplog):
    doubled = sp.coo_array(([1.0, 2.0, 3.0], ([0, 0, 1], [1, 1, 2])), shape=(3, 3))
    sp.save_npz(tmp_path / "m.npz", doubled)
    layer = ns.load(tmp_path / "m.npz").layers[0]
    assert layer.weights.tolist() == [3.0, 3.0]
    assert "1 duplicate link" in caplog.text
    tensor = torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 2.0], (3, 3), check_invariants=True)
    torch.save({"w": tensor}, tmp_path / "m.pt")
    assert ns.scan(tmp_path / "m.pt").notes == ("layer 'w': 1 duplicate link was merged",)


def test_names_that_are_no_text(tmp_path):
    odd = os.fsencode(tmp_path) + b"/\xff\xfe.npy"
    np.save(tmp_path / "m.npy", MASK)
    os.rename(tmp_path / "m.npy", odd)
    network = ns.load(os.fsdecode(odd))
    str(network.layers[0]).encode()  # can be printed
    zipped(tmp_path / "m.npz", {"a.npy": npy(MASK)})
    raw = (tmp_path / "m.npz").read_bytes().replace(b"a.npy", b"\xff.npy")
    (tmp_path / "m.npz").write_bytes(raw)
    assert len(ns.load(tmp_path / "m.npz")) == 1
    text = b'{"\xff\xfe":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}'
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    with pytest.raises(MaskFormatError, match="not a readable safetensors"):
        ns.load(tmp_path / "m.safetensors")
    safetensors.numpy.save_file({"\x1b[31mred\n.weight": MASK}, tmp_path / "red.safetensors")
    (layer,) = ns.load(tmp_path / "red.safetensors").layers
    assert layer.name.isprintable()


def test_path_tricks_lead_nowhere(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    safetensors.numpy.save_file({"w": MASK}, tmp_path / "secret.safetensors")
    for name in ("../secret.safetensors", str(tmp_path / "secret.safetensors"), "..", "", ".", "a\\b", 7, None):
        (folder / "x.index.json").write_text(json.dumps({"weight_map": {"w": name}}))
        with pytest.raises(MaskFormatError, match="no name of a file beside it"):
            ns.load(folder)
    np.savez(tmp_path / "m.npz", **{"../../evil": MASK, "/etc/passwd": MASK})
    assert [layer.name for layer in ns.load(tmp_path / "m.npz")] == ["../../evil", "/etc/passwd"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.npz", "model", "secret.safetensors"]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"weight_map": {"w": "missing.safetensors"}}, "is missing"),
        ({"weight_map": {"v": "a.safetensors"}}, "does not hold 'v'"),
        ({"weight_map": []}, "not a readable index"),
        ({"weight_map": {}}, "no two-dimensional weight"),
        ({"weight_map": {"w": "x.index.json"}}, "not a readable safetensors"),
    ],
)
def test_broken_indices(tmp_path, index, message):
    safetensors.numpy.save_file({"w": MASK}, tmp_path / "a.safetensors")
    (tmp_path / "x.index.json").write_text(json.dumps(index))
    with pytest.raises(MaskFormatError, match=message):
        ns.load(tmp_path)


def test_shards_without_their_index(tmp_path):
    for i in (1, 2):
        safetensors.numpy.save_file({f"w{i}": MASK}, tmp_path / f"model-0000{i}-of-00002.safetensors")
    with pytest.raises(NetsparseError, match=r"its index .* is missing"):
        ns.load(tmp_path)


def test_places_where_there_are_no_masks(tmp_path):
    (tmp_path / "README.md").write_text("# Nothing\n\nto see here\n")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "folder").mkdir()
    for path, message in [
        (tmp_path, "directory with masks"),
        (tmp_path / "folder", "directory with masks"),
        (tmp_path / "*.npz", "no file has a name"),
        (tmp_path / "missing", "no such file"),
    ]:
        with pytest.raises(NetsparseError, match=message):
            ns.load(path)


def test_links_that_lead_in_circles_and_pipes(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "around").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe")
    for name, message in [("loop", "in a circle"), ("nowhere", "leads nowhere"), ("pipe", "not a regular file")]:
        with pytest.raises(NetsparseError, match=message):
            ns.load(tmp_path / name)
    with pytest.raises(NetsparseError, match="directory with masks"):
        ns.load(tmp_path)
    np.save(tmp_path / "m.npy", MASK)
    assert len(ns.load(tmp_path / "around")) == 1


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_read(tmp_path, monkeypatch, what):
    """As any user but root is told."""
    np.save(tmp_path / "m.npy", MASK)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open" if what == "file" else "pathlib.Path.iterdir", denied)
    with pytest.raises(NetsparseError, match="cannot be read: Permission denied"):
        ns.load(tmp_path / "m.npy" if what == "file" else tmp_path)


def test_a_broken_file_among_epochs_is_told(tmp_path):
    for epoch in range(3):
        np.save(tmp_path / f"m{epoch}.npy", MASK)
    whole = (tmp_path / "m1.npy").read_bytes()
    (tmp_path / "m1.npy").write_bytes(whole[:-3])
    with pytest.raises(MaskFormatError, match=r"m1\.npy: .*promises more numbers"):
        ns.load(tmp_path)


def test_directories_and_patterns_are_epochs_in_natural_order(tmp_path):
    arrays = {epoch: (RNG.random((5, 4)) < 0.5).astype(np.uint8) for epoch in (0, 2, 10)}
    for epoch, array in arrays.items():
        np.save(tmp_path / f"mask_{epoch}.npy", array)
    (tmp_path / "notes.txt").write_text("three masks\n")
    (tmp_path / ".hidden.npy").write_bytes(b"broken")
    for path in (tmp_path, tmp_path / "mask_*.npy"):
        found = ns.load(path)
        assert [network.epoch for network in found] == [0, 2, 10]
        assert {layer.name for network in found for layer in network} == {"mask"}
        for network in found:
            assert np.array_equal(network["mask"].biadjacency.toarray(), arrays[network.epoch])
    table = ns.measure(ns.scan(tmp_path), ["n_links"])
    assert table["epoch"].tolist() == [0, 0, 2, 2, 10, 10]
    os.rename(tmp_path / "mask_10.npy", tmp_path / "mask_last.npy")
    assert [network.epoch for network in ns.load(tmp_path)] == [0, 1, 2]  # not all have a number


def test_a_graph_is_what_the_user_says(tmp_path):
    import networkx as nx

    graph = nx.karate_club_graph()
    adjacency = nx.to_scipy_sparse_array(graph, weight=None)
    sp.save_npz(tmp_path / "karate.npz", adjacency)
    read = ns.load(tmp_path / "karate.npz", graph=True)
    assert (read != (adjacency != 0)).nnz == 0
    found = ns.scan(tmp_path / "karate.npz", graph=True)
    assert (found.n_links, len(found)) == (78, 0)
    names = ["n_links", "modularity", "giant_component"]
    table = ns.measure(found, names)
    assert table["value"].tolist() == ns.measure(graph, names)["value"].tolist()
    directed = sp.csr_array(np.triu(adjacency.toarray()))
    sp.save_npz(tmp_path / "directed.npz", directed)
    assert (ns.load(tmp_path / "directed.npz", graph=True) != read).nnz == 0
    assert "without their direction" in ns.scan(tmp_path / "directed.npz", graph=True).read_as[0]
    np.save(tmp_path / "m.npy", MASK)
    with pytest.raises(MaskFormatError, match="not square"):
        ns.load(tmp_path / "m.npy", graph=True)
    with pytest.raises(MaskFormatError, match="has no rows"):
        ns.load(tmp_path / "karate.npz", graph=True, rows="in")


def test_patterns_of_folders_are_epochs_in_natural_order(tmp_path):
    for epoch in (10, 9, 1, 2):
        folder = tmp_path / f"epoch_{epoch}" / "deep"
        folder.mkdir(parents=True)
        np.save(folder / "mask.npy", np.eye(epoch + 1))
        np.save(folder / ".hidden.npy", np.eye(2))
    (tmp_path / "around").symlink_to(tmp_path)
    for pattern in ("epoch_*/deep/mask.npy", "**/*.npy"):
        found = ns.scan(tmp_path / pattern)
        assert [(masks.epoch, masks.n_links) for masks in found] == [(e, e + 1) for e in (1, 2, 9, 10)], pattern
        assert {masks.layers[0].name for masks in found} == {"mask"}


def test_a_changed_file_of_a_pattern_is_not_taken_for_measured(tmp_path):
    from netsparse.analysis.files import measure_files

    for epoch in (1, 2):
        (tmp_path / f"e{epoch}").mkdir()
        np.save(tmp_path / f"e{epoch}" / "mask.npy", np.eye(3))
    arguments = ([tmp_path / "e*" / "mask.npy"], ["n_links"])
    measure_files(*arguments, out=tmp_path / "t.parquet")
    _, again = measure_files(*arguments, out=tmp_path / "t.parquet", resume=True)
    assert again["value"].tolist() == [3, 3, 3, 3]
    np.save(tmp_path / "e1" / "mask.npy", np.ones((3, 3)))
    with pytest.raises(NetsparseError, match=r"its e1/mask\.npy has changed"):
        measure_files(*arguments, out=tmp_path / "t.parquet", resume=True)


class Masked(torch.nn.Module):
    """A parametrization as torch.ao.pruning and sparsimony have it."""

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * self.mask


def test_parametrized_masks_are_those_of_the_weights(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 4))
    mask = torch.zeros(5, 6)
    mask[0, :3] = mask[4, 5] = 1
    torch.nn.utils.parametrize.register_parametrization(model[0], "weight", Masked(mask))
    torch.save(model.state_dict(), tmp_path / "m.pt")
    safetensors.torch.save_file(model.state_dict(), tmp_path / "m.safetensors")
    live = ns.Snapshot.from_model(model)
    for name in ("m.pt", "m.safetensors"):
        read = ns.load(tmp_path / name)
        assert {layer.name: layer.n_links for layer in read} == {"0": 4, "1": 20}
        assert np.array_equal(read["0"].link_keys, live["0"].link_keys)
    two = dict(model.state_dict())
    two["0.parametrizations.weight.1.mask"] = mask
    torch.save(two, tmp_path / "two.pt")
    with pytest.raises(MaskFormatError, match="has 2 masks"):
        ns.load(tmp_path / "two.pt")


@pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC|BSR) tensor support is in beta")
def test_masks_of_any_type_are_masks(tmp_path):
    weight, eye = torch.randn(4, 4), torch.eye(4)
    masks = {
        "long": eye.long(),
        "int": eye.int(),
        "bool": eye.bool(),
        "coo": eye.to_sparse(),
        "csr": eye.to_sparse_csr(),
    }
    for name, mask in masks.items():
        torch.save({"w_orig": weight, "w_mask": mask}, tmp_path / "m.pt")
        (layer,) = ns.load(tmp_path / "m.pt").layers
        assert (layer.n_links, layer.name) == (4, "w"), name
        assert np.array_equal(layer.weights, weight.diagonal().numpy())
    torch.save({"w_orig": weight, "w_mask": torch.ones(2, 2)}, tmp_path / "m.pt")
    with pytest.raises(MaskFormatError, match="the mask has shape"):
        ns.load(tmp_path / "m.pt")
    torch.save({"w_orig": weight.to_sparse(), "w_mask": eye}, tmp_path / "m.pt")
    with pytest.raises(MaskFormatError, match="sparse weights under a mask"):
        ns.load(tmp_path / "m.pt")


@pytest.mark.parametrize("name", ["m.npy", "m.npz", "m.pt", "m.safetensors"])
def test_a_file_that_changes_between_the_looks_is_refused(tmp_path, name):
    def write(array: np.ndarray) -> None:
        state = {"w": torch.from_numpy(array)}
        if name == "m.npy":
            np.save(tmp_path / name, array)
        elif name == "m.npz":
            np.savez(tmp_path / name, w=array)
        elif name == "m.pt":
            torch.save(state, tmp_path / name)
        else:
            safetensors.torch.save_file(state, tmp_path / name)

    write(np.eye(5))
    found = ns.scan(tmp_path / name)
    assert next(iter(found)).n_links == 5
    write(np.ones((7, 7)))
    with pytest.raises(MaskFormatError, match="has changed since it was looked at"):
        next(iter(found))
    with pytest.raises(NetsparseError, match="has changed since it was looked at"):
        ns.measure(found, ["n_links"])
    (tmp_path / name).unlink()
    with pytest.raises(MaskFormatError, match="cannot be read any more"):
        next(iter(found))


def test_directories_of_models_as_hubs_have_them(tmp_path):
    safetensors.numpy.save_file({"w": MASK}, tmp_path / "model.safetensors")
    torch.save({"state": {0: {"exp_avg": torch.ones(3)}}}, tmp_path / "optimizer.pt")
    torch.save(Trace(tmp_path / "executed"), tmp_path / "training_args.bin")
    (found,) = ns.scan(tmp_path)
    assert found.path.name == "model.safetensors"
    assert [note.split(" was passed over")[0] for note in found.notes] == ["optimizer.pt", "training_args.bin"]
    assert not (tmp_path / "executed").exists()
    torch.save({"w": torch.from_numpy(MASK)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(NetsparseError, match=r"masks of several forms: .*; name one file, or a pattern such as"):
        ns.load(tmp_path)
    for name in ("model.safetensors", "pytorch_model.bin"):
        (tmp_path / name).unlink()
    with pytest.raises(MaskFormatError, match=r"optimizer\.pt: no two-dimensional weight"):
        ns.load(tmp_path)


def test_shapes_of_tensors_that_no_layer_has(tmp_path):
    for shape in ([2**62, 0], [2**30, 0], [0, 2**31]):
        text = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
        (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
        with pytest.raises(MaskFormatError, match=r"m\.safetensors"):
            ns.load(tmp_path / "m.safetensors", max_bytes=10**9)


def test_names_that_no_file_can_have(tmp_path):
    for read in (ns.load, ns.scan):
        with pytest.raises(NetsparseError, match="cannot be read: File name too long"):
            read(tmp_path / ("x" * 400))


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused_without_torchs_advice(tmp_path):
    torch.jit.save(torch.jit.trace(torch.nn.Linear(3, 2), torch.ones(1, 3)), tmp_path / "m.pt")
    with pytest.raises(MaskFormatError, match="TorchScript program") as caught:
        ns.load(tmp_path / "m.pt")
    assert "weights_only" not in str(caught.value)


def test_kernels_of_other_dimensions_are_told(tmp_path):
    torch.save({"a.weight": torch.ones(3, 3), "c.weight": torch.ones(2, 3, 4)}, tmp_path / "m.pt")
    assert ns.scan(tmp_path / "m.pt").notes == ("left out, since they have 3 or 5 dimensions: c.weight",)


def test_a_live_model_and_its_file_give_the_same(tmp_path):
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.BatchNorm2d(3), torch.nn.Linear(3, 4))
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight[layer.weight < 0] = 0
    torch.save(model.state_dict(), tmp_path / "m.pt")
    live, read = ns.Snapshot.from_model(model), ns.load(tmp_path / "m.pt", chain="none")
    assert live == read
    with pytest.raises(NetsparseError, match="a int is no torch model"):
        ns.Snapshot.from_model(3)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"tensors": 5}, "patterns"), ({"threshold": True}, "threshold"), ({"chain": {"w": ["a", "a"]}}, "to itself")],
)
def test_options_of_the_wrong_type(tmp_path, options, message):
    torch.save({"w": torch.ones(3, 3)}, tmp_path / "m.pt")
    with pytest.raises(NetsparseError, match=message):
        ns.load(tmp_path / "m.pt", **options)
