"""Files of every written form, cut and flipped: refused by a clear error, or what is read is what was written."""

import networkx as nx
import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp

import netsparse as ns
from netsparse import NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks import writing
from netsparse.masks.form import FORMS

WRITTEN = [name for name, form in FORMS.items() if form.write is not None and name != "npy"]
FOREIGN = ["list.csv", "list.txt", "list.parquet", "graph.graphml", "graph.gml", "plain.mat", "packed.mat", "plain.mtx"]

# No end but that of the last line, or of a text's tag, may be missing.
SPARE = 2


def written(form: str, path) -> Snapshot:
    rng = np.random.default_rng(0)
    mask = LayerGraph.from_mask(rng.random((4, 3)) < 0.5)
    snapshot = Snapshot([LayerGraph("fc", mask.biadjacency, "in", "out", rng.standard_normal(mask.n_links))], epoch=1)
    FORMS[form].write(snapshot, path)
    return snapshot


def foreign(name: str, path) -> None:
    matrix = sp.csc_array(np.array([[0, 1.5, 0], [2, 0, 0]]))
    snapshot = Snapshot([LayerGraph.from_weight(matrix.T)])
    if name == "list.csv":
        path.write_text("source,target,weight,layer\n0,1,1.5,a\n1,0,2,b\n")
    elif name == "list.txt":
        path.write_text("# SNAP\n0\t1\n1\t0\n")
    elif name == "list.parquet":
        snapshot.to_pandas().to_parquet(path)
    elif name.endswith(".mat"):
        cells = np.empty(2, object)
        cells[:] = [matrix, matrix.toarray()]
        variables = {"a": matrix, "b": matrix.toarray(), "c": {"d": 1}}
        variables = variables if name == "plain.mat" else {"adjacency_matrix": cells}
        scipy.io.savemat(path, variables, do_compression=name == "packed.mat")
    elif name == "plain.mtx":
        scipy.io.mmwrite(path, matrix)
    else:
        graph = nx.karate_club_graph().subgraph(range(4))
        (nx.write_gml if name == "graph.gml" else nx.write_graphml)(graph, path)


def read(path):
    """Read a file; None if it is refused."""
    try:
        return ns.load(path, max_bytes=50_000_000)
    except NetsparseError as error:
        if path.name not in str(error):
            raise
        return None


def flipped(whole: bytes, n: int) -> list[bytes]:
    rng = np.random.default_rng(len(whole))
    places = rng.choice(8 * len(whole), min(8 * len(whole), n), replace=False)
    return [whole[: p // 8] + bytes([whole[p // 8] ^ (1 << (p % 8))]) + whole[p // 8 + 1 :] for p in places.tolist()]


@pytest.mark.parametrize("form", WRITTEN)
def test_cut_files_are_refused(form, tmp_path):
    path = tmp_path / "m"
    snapshot = written(form, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        got = read(path)
        assert got is None or got == snapshot or _is_cut_number(form, got, snapshot, whole, length), length


def _is_cut_number(form: str, got: Snapshot, wanted: Snapshot, whole: bytes, length: int) -> bool:
    """Whether only the last digits of the last number of a text are missing, which nothing can tell."""
    return (
        form in ("csv", "tsv", "matrix-market") and length > len(whole) - 25 and got.layers[0].n_links == wanted.n_links
    )


@pytest.mark.parametrize("form", WRITTEN)
def test_flipped_bits_are_refused_or_change_little(form, tmp_path):
    path = tmp_path / "m"
    written(form, path)
    for content in flipped(path.read_bytes(), 300):
        path.write_bytes(content)
        read(path)


@pytest.mark.parametrize("name", FOREIGN)
def test_broken_files_of_others_are_refused_or_read(name, tmp_path):
    path = tmp_path / name
    foreign(name, path)
    whole = path.read_bytes()
    assert read(path) is not None
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        read(path)
    for content in flipped(whole, 300):
        path.write_bytes(content)
        read(path)


def test_the_forms_that_messages_name_are_there():
    for told in (writing._SEVERAL, writing._ZEROS, writing._SPARSE):
        for name in told.replace(" or ", ", ").split(", "):
            assert FORMS[name].write is not None


@pytest.mark.parametrize("form", WRITTEN)
def test_the_same_network_makes_the_same_file(form, tmp_path):
    for name in "ab":
        written(form, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
