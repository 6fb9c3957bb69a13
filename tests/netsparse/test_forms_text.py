"""Matrix Market and lists of links, which people write by hand, and other programs."""

import tracemalloc

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import scipy.io

import netsparse as ns
from netsparse import MaskFormatError, NetsparseError, Run
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.form import FORMS

KINDS = [None, "float64", "float32", "float16", "int64", "int8", "uint64", "bool"]


def text_of(path, content: str | bytes):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


MTX = "%%MatrixMarket matrix coordinate"


@pytest.mark.parametrize("kind", KINDS)
def test_matrix_market_comes_back_exactly(nasty_layer, kind, tmp_path, weighted, same):
    snapshot = Snapshot([weighted(nasty_layer, kind, largest=2**53 + 1)], epoch=3)
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
        (f"{MTX} real general\n2 2 1\n1 1 x\n", "something else than numbers"),
        (f"{MTX} real", "Matrix Market"),
        ("%%MatrixMarket matrix array real general\n1000000000 1000000000\n1\n", "of memory"),
        ("%%MatrixMarket vector array real general\n2\n1\n2\n", "Matrix Market"),
    ],
)
def test_broken_matrix_market(content, message, tmp_path):
    with pytest.raises(MaskFormatError, match=message) as caught:
        ns.load(text_of(tmp_path / "m.mtx", content))
    assert "m.mtx" in str(caught.value)


def test_a_description_that_does_not_fit_is_refused(tmp_path, weighted):
    snapshot = Snapshot([weighted(LayerGraph.from_mask(np.eye(3)), "float32")], epoch=3)
    FORMS["matrix-market"].write(snapshot, tmp_path / "m.mtx")
    text = (tmp_path / "m.mtx").read_text()
    for old, new, message in (
        ('"links": 3', '"links": 4', "promises 4 links"),
        ('"links": 3', '"links": 30000000000000', "links together would take"),
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


def several(weighted, layer: LayerGraph, kinds: list[str | None]) -> Snapshot:
    """Layers that share groups, with weights of different types, one without a link."""
    layers = []
    for i, kind in enumerate(kinds):
        own = weighted(layer, kind, largest=2**53 + 1)
        layers.append(own.renamed(f"{own.name}{i}", f"g{i}" if layer.n_source != layer.n_target else f"n{i}", f"t{i}"))
    layers.append(LayerGraph.from_mask(np.zeros((3, 2)), "NA", "one", "two"))
    return Snapshot(layers)


LISTS = ["csv", "tsv", "parquet"]


@pytest.mark.parametrize("form", LISTS)
@pytest.mark.parametrize("kind", KINDS)
def test_lists_of_links_come_back_exactly(nasty_layers, kind, form, tmp_path, weighted, same):
    for layer in nasty_layers:
        snapshot = Snapshot([weighted(layer, kind, largest=2**53 + 1)], epoch=3)
        FORMS[form].write(snapshot, tmp_path / "m.x")
        assert same(ns.load(tmp_path / "m.x"), snapshot), layer


@pytest.mark.parametrize("form", LISTS)
def test_lists_of_several_layers_come_back_exactly(nasty_layer, form, tmp_path, same, weighted):
    for kinds in ([None, None], ["float32", None, "uint64"], ["float16", "float64", "int8", "bool"], ["bool", "bool"]):
        if form == "parquet" and "uint64" in kinds:
            kinds = ["float32", None, "uint8"]
        snapshot = several(weighted, nasty_layer, kinds)
        FORMS[form].write(snapshot, tmp_path / "m.x")
        assert same(ns.load(tmp_path / "m.x"), snapshot)


def test_many_layers_make_a_long_description(tmp_path):
    layers = [LayerGraph.from_mask(np.eye(2), f"layer {i}", f"{i}", f"{i + 1}") for i in range(900)]
    FORMS["csv"].write(Snapshot(layers), tmp_path / "m.csv")
    assert ns.load(tmp_path / "m.csv") == Snapshot(layers)


# Content, dense matrix a layer.
FOREIGN_LISTS = {
    "header": ("source,target\n0,1\n2,0\n", {"m": [[0, 1], [0, 0], [1, 0]]}),
    "any case, other order": ("Weight;TARGET;Source\n0.5;1;0\n-2;0;1\n", {"m": [[0, 0.5], [-2, 0]]}),
    "pandas with numbers of rows": (",source,target,weight\n0,0,1,0.5\n1,1,0,2.5\n", {"m": [[0, 0.5], [2.5, 0]]}),
    "tabs": ("source\ttarget\tweight\n0\t1\t2\n", {"m": [[0, 2]]}),
    "spaces": ("source target weight\n0 1 2\n", {"m": [[0, 2]]}),
    "quotes": ('"source","target"\n"0","1"\n', {"m": [[0, 1]]}),
    "mark, CRLF, blank lines": ("\ufeffsource,target\r\n\r\n0,1\r\n\r\n", {"m": [[0, 1]]}),
    "SNAP": ("# Directed graph\n# FromNodeId\tToNodeId\n0\t1\n2\t0\n", {"m": [[0, 1], [0, 0], [1, 0]]}),
    "KONECT": ("% bip\n% 1 1 1\n1 1\n2 1 \n", {"m": [[0, 0], [0, 1], [0, 1]]}),
    "networkx": ("0 1 {}\n1 0 {}\n", {"m": [[0, 1], [1, 0]]}),
    "networkx with weights": ("0 1 {'weight': 0.5}\n1 0 {'weight': 2}\n", {"m": [[0, 0.5], [2, 0]]}),
    "networkx with labels": ('b a {}\n"x a {}\n', {"m": [[1], [1]]}),
    "networkx with commas": ("0,1,{}\n1,0,{}\n", {"m": [[0, 1], [1, 0]]}),
    "networkx with attributes": (
        "0 1 {'weight': 2.5, 'color': 'r'}\n1 0 {'label': \"it's 'weight': 7}\", 'weight': 2}\n",
        {"m": [[0, 2.5], [2, 0]]},
    ),
    "networkx with NumPy's weights": ("0 1 {'color': 'r', 'weight': np.float64(0.5)}\n", {"m": [[0, 0.5]]}),
    "networkx with other attributes": ("0 1 {'color': 'r'}\n1 0 {}\n", {"m": [[0, 1], [1, 0]]}),
    "from and to": ("From,To\na,b\nc,b\n", {"m": [[1], [1]]}),
    "src and dst": ("src\tdst\tweight\n0\t1\t2\n", {"m": [[0, 2]]}),
    "node1 and node2": (",node1,node2\n0,0,1\n", {"m": [[0, 1]]}),
    "labels that begin with #": ("# said\nsource,target\n#x,y\n%z,y\n", {"m": [[1], [1]]}),
    "codes with leading zeros": (
        "source,target\n001,7\n1,7\n01,0\n",
        {"m": [[0] * 7 + [1], [1] + [0] * 7, [0] * 7 + [1]]},
    ),
    "NumPy's savetxt": ("0.000000e+00 1.000000e+00 2.500000e+00\n", {"m": [[0, 2.5]]}),
    "no end of line": ("0,1\n1,0", {"m": [[0, 1], [1, 0]]}),
    "zero is no link": ("source,target,weight\n0,1,0\n1,0,3\n", {"m": [[0, 0], [3, 0]]}),
    "duplicates": ("source,target,weight\n0,1,2\n0,1,3\n", {"m": [[0, 5]]}),
    "layers": ("layer,source,target\nb,0,1\na,1,0\nb,1,0\n", {"b": [[0, 1], [1, 0]], "a": [[0], [1]]}),
    "labels": ("source,target\nz,u\ny,u\nz,NA\n", {"m": [[0, 1], [1, 1]]}),
    "labels with # and quotes": ('source,target\na#1,"x,y"\n', {"m": [[1]]}),
}


@pytest.mark.parametrize("name", list(FOREIGN_LISTS))
def test_lists_of_others(name, tmp_path):
    content, dense = FOREIGN_LISTS[name]
    network = ns.load(text_of(tmp_path / "m.txt", content))
    assert [layer.name for layer in network] == list(dense)
    for layer in network:
        assert np.array_equal(layer.to_scipy().toarray(), dense[layer.name])
        assert (layer.source, layer.target) == (f"{layer.name}.source", f"{layer.name}.target")
        assert (layer.weights is None) == ("weight" not in content.lower() and "e+" not in content)


def test_what_a_list_is_taken_for_is_told(tmp_path):
    notes = ns.scan(text_of(tmp_path / "m.csv", "source,target\n0,1\n0,1\n")).notes
    assert "counted from 0" in notes[0]
    assert "1 duplicate link was merged" in notes[1]
    assert "order of their labels" in ns.scan(text_of(tmp_path / "l.csv", "source,target\na,b\n")).notes[0]


def test_layers_of_a_list_can_be_joined(tmp_path):
    path = text_of(tmp_path / "m.csv", "source,target,layer\n0,1,a\n1,0,b\n")
    assert len(ns.load(path).groups) == 4
    assert len(ns.load(path, chain="order").groups) == 3
    joined = ns.load(path, chain={"a": ["x", "y"], "b": ["y", "z"]})
    assert joined.groups == {"x": 1, "y": 2, "z": 1}
    assert [layer.name for layer in ns.load(path, tensors="b")] == ["b"]


def test_a_threshold_takes_links_of_larger_weights(tmp_path):
    path = text_of(tmp_path / "m.csv", "source,target,weight\n0,1,2\n1,0,-3\n")
    assert ns.load(path, threshold=2).layers[0].weights.tolist() == [-3]
    with pytest.raises(MaskFormatError, match="no weights"):
        ns.load(text_of(tmp_path / "p.csv", "0 1\n"), threshold=2)


def test_a_list_as_a_graph(tmp_path):
    path = text_of(tmp_path / "m.csv", "source,target,weight\nb,a,1\na,b,2\nc,c,1\na,d,0\n")
    graph = ns.load(path, graph=True)
    assert graph.toarray().tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    notes = ns.scan(path, graph=True).notes
    assert "1 loop was left out" in notes[0]
    assert "1 link was told once more" in notes[1]
    ids = text_of(tmp_path / "ids.txt", "10 20\n20 999999999999\n")  # which are no indices then
    assert ns.load(ids, graph=True).toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert ns.load(path, graph=True, threshold=5).nnz == 0
    with pytest.raises(MaskFormatError, match="several layers"):
        ns.load(text_of(tmp_path / "l.csv", "source,target,layer\n0,1,a\n0,1,b\n"), graph=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# said\n\nsource,target\n0,1\n-1,2\n", "line 5: source '-1'.*counted from 0"),
        ("source,target\n0,1\n1.5,2\n", "line 3: source '1.5'.*whole numbers"),
        ("source,target\n0,1\n1,\n", "line 3: target ''.*missing"),
        ("source,target\n0,1\n1\n", "line 3: target.*missing"),
        ("source,target\n0,1\n0,1\n1O,2\n", "line 4: source '1O'.*as most are"),
        ("source,target\n0,1,5\n", "more columns than source, target"),
        ("source,target\n0,1\n1,2,5\n", "line 3"),
        ("source,target,weight\n0,1,nan\n", "line 2: weight.*finite"),
        ("source,target,weight\n0,1,-inf\n", "line 2: weight.*finite"),
        ("source,target,weight\n0,1,\n", "line 2: weight.*finite"),
        ("source,target,weight\n0,1,heavy\n", "line 2: weight.*finite"),
        ("source,target,layer\n0,1,a\n0,1,\n", "line 3: the layer is missing"),
        ("source,target,colour\n0,1,2\n", "column 'colour' is none of source"),
        ("source,target,target\n0,1,2\n", "'target' is there twice"),
        ("source,target\n", "holds no link"),
        ("source,target\n0,99999999999\n", "not that of a layer"),
        ("source,target\n0,99999999999999999999999\n", "target '9999.*63 bits"),
        ("source,target\n0,18446744073709551615\n", "target '1844.*63 bits"),
        ("0 1 {'weight': 1}\n1 0 {}\n", "line 2: weight missing"),
        ("0 1 {'weight': 1}\n1 0 {'weight': 'x', 'y': \"it's\" 3}\n", "attributes of a link cannot be read"),
        ("0 1 {'weight': 'heavy'}\n", "line 1: weight.*finite"),
        ("This is {prose}\nand that {}\n", "not a mask file"),
        ("0 1\n0 1 2\n", "not a mask file"),
        ("# only a comment\n", "not a mask file"),
        ("\n\n", "not a mask file"),
        ("a b\nb c\n", "not a mask file"),
        ("# netsparse: {}\nhello\n", "no list of links"),
        ("From source to target, this is prose.\nIt tells nothing.\n", "not a mask file"),
        ("source target and more words\n", "not a mask file"),
        (b"source,target\n\xff,1\n", "not a mask file"),
        (b"source,target\n" + b"0,1\n" * 20_000 + b"\xff,1\n", "not a readable list of links"),
    ],
)
def test_broken_lists(content, message, tmp_path):
    with pytest.raises(MaskFormatError, match=message) as caught:
        ns.load(text_of(tmp_path / "m.csv", content))
    assert "m.csv" in str(caught.value)


def test_memory_is_checked_before_it_is_taken(tmp_path):
    path = text_of(tmp_path / "m.csv", "source,target\n0,400000000\n")
    with pytest.raises(MaskFormatError, match="of memory"):
        ns.load(path, max_bytes=10**9)
    with pytest.raises(MaskFormatError, match="parsing this text would take"):
        ns.load(path, max_bytes=100)


def test_a_column_of_everything_is_no_column_of_layers(tmp_path):
    lines = "".join(f"0,1,{i}\n" for i in range(20_001))
    with pytest.raises(MaskFormatError, match="20,001 layers are more than a network has"):
        ns.load(text_of(tmp_path / "m.csv", f"source,target,layer\n{lines}"))


def test_a_list_whose_description_does_not_fit_is_refused(tmp_path):
    snapshot = Snapshot([LayerGraph.from_weight(np.eye(2), name, f"{name} in", f"{name} out") for name in "ab"])
    FORMS["csv"].write(snapshot, tmp_path / "m.csv")
    text = (tmp_path / "m.csv").read_text()
    for old, new, message in (
        ('"name": "a"', '"name": "c"', "does not promise 'a'"),
        ('"a in"', '""', "tells of no layer"),
        ("0,0,1.0,a\n", "", "promises 2 links, the file holds 1"),
        ("0,0,1.0,a\n", "0,0,x,a\n", "could not convert"),
        ("0,0,1.0,a\n", "q,0,1.0,a\n", "promises indices"),
        ("0,0,1.0,a\n", "5,0,1.0,a\n", "promises 2 source neurons"),
        ("0,0,1.0,a\n", "0,5,1.0,a\n", "promises 2 target neurons"),
        ("0,0,1.0,a\n", "0,-1,1.0,a\n", "a link lies outside"),
    ):
        assert old in text
        with pytest.raises(MaskFormatError, match=message):
            ns.load(text_of(tmp_path / "changed.csv", text.replace(old, new)))
    with pytest.raises(MaskFormatError, match="holds 2 layers"):
        ns.load(tmp_path / "m.csv", graph=True)


def test_parquet_of_others(tmp_path):
    frame = pd.DataFrame({"Source": [0, 1, 0], "target": [1, 0, 1], "weight": [0.5, -1, 0.5], "layer": ["b", "a", "b"]})
    for layer in (frame["layer"], frame["layer"].astype("category"), pd.Series([7, 3, 7])):
        frame.assign(layer=layer).to_parquet(tmp_path / "m.parquet")
        network = ns.load(tmp_path / "m.parquet")
        assert [layer.name for layer in network] == list(dict.fromkeys(layer.astype(str)))
        assert network.layers[0].to_scipy().toarray().tolist() == [[0, 1]]
        assert network.layers[1].to_scipy().toarray().tolist() == [[0], [-1]]
    labels = pd.DataFrame({"source": list("zyz"), "target": ["u", "u", "v"]})
    labels.to_parquet(tmp_path / "l.parquet")
    assert ns.load(tmp_path / "l.parquet").layers[0].to_scipy().toarray().tolist() == [[1, 0], [1, 1]]
    assert ns.load(tmp_path / "l.parquet", graph=True).shape == (4, 4)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"source": [0]}, "no column 'target'"),
        ({"source": [0], "target": [1], "x": [1]}, "column 'x' is none of"),
        ({"source": [0, -1], "target": [1, 1]}, "row 2: source '-1'"),
        ({"source": [0, None], "target": [1, 1]}, "row 2: source 'nan'"),
        ({"source": ["a", None], "target": [1, 1]}, "row 2: source.*missing"),
        ({"source": [0], "target": [1], "weight": [np.inf]}, "row 1: weight.*finite"),
        ({"source": [0, 0], "target": [1, 2], "weight": [None, 1.0]}, "row 1: weight.*finite"),
        ({"source": [0], "target": [1], "layer": [None]}, "row 1: the layer is missing"),
        ({"source": [[1]], "target": [1]}, "holds list"),
        ({"source": [pd.Timestamp(0)], "target": [1]}, "holds timestamp"),
        ({"source": [True], "target": [1]}, "whole numbers"),
        ({"source": [], "target": []}, "no link"),
    ],
)
def test_broken_parquet(columns, message, tmp_path):
    pd.DataFrame(columns).to_parquet(tmp_path / "m.parquet")
    with pytest.raises(MaskFormatError, match=message) as caught:
        ns.load(tmp_path / "m.parquet")
    assert "m.parquet" in str(caught.value)


def test_long_texts_of_a_parquet_are_held_once(tmp_path):
    codes = pa.array(np.zeros(3000, np.int32))
    columns = {side: pa.DictionaryArray.from_arrays(codes, pa.array([side * 20_000])) for side in ("source", "target")}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    tracemalloc.start()
    layer = ns.load(tmp_path / "m.parquet", max_bytes=10**6).layers[0]
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()
    assert layer.to_scipy().toarray().tolist() == [[1]]
    with pytest.raises(MaskFormatError, match="3,000 links would take"):
        ns.load(tmp_path / "m.parquet", max_bytes=10**5)


def test_weights_that_one_column_cannot_hold_are_refused(tmp_path):
    one = LayerGraph.from_mask([[1]], "a", "s", "t")
    layers = [
        LayerGraph("a", one.biadjacency, "s", "t", np.array([2**53 + 1])),
        LayerGraph("b", one.biadjacency, "s", "t", np.array([0.5])),
    ]
    with pytest.raises(NetsparseError, match=r"one column.*use snapshot, csv or tsv"):
        FORMS["parquet"].write(Snapshot(layers), tmp_path / "m.parquet")


@pytest.mark.parametrize("body", [b"1 1 5.\0\n", b"1 1 5.x\n", b"1 1 5\n\xff\n", b"1 1 5\x01\n"])
def test_matrix_market_takes_numbers_alone(tmp_path, body):
    """A zero byte makes SciPy's reader crash, other characters it overlooks."""
    head = b"%%MatrixMarket matrix coordinate real general\n% by Andr\xe9\n2 2 1\n"
    (tmp_path / "m.mtx").write_bytes(head + body)
    with pytest.raises(MaskFormatError, match=r"line [45] holds something else than numbers"):
        ns.load(tmp_path / "m.mtx")
    (tmp_path / "m.mtx").write_bytes(head.replace(b"by", b"\0") + b"1 1 5\n")
    with pytest.raises(MaskFormatError, match="line 2 holds a zero byte"):
        ns.load(tmp_path / "m.mtx")


@pytest.mark.parametrize("end", ["", " ", "\t", "e", "\r", "\r\n", "\n\n"])
def test_matrix_market_may_end_without_an_end_of_line(tmp_path, end):
    """Blanks behind the last number, and no end of the line, make SciPy's reader crash."""
    (tmp_path / "m.mtx").write_text(f"{MTX} real general\n2 2 2\n1 1 3.5\n2 1 5{end}")
    assert ns.load(tmp_path / "m.mtx").layers[0].weights.tolist() == [3.5, 5]


@pytest.mark.parametrize(
    "content",
    [
        "source,target\n0,1,7\n1,2,8\n",
        "source,target\n0,1\n1,2\n2,3,9\n",
        "source,target,weight\n0,1,1.5,a\n1,2,2.5,b\n",
        "source,target\n0,1,7,8\n1,2,8,9\n",
        "source\ttarget\n0\t1\t7\n1\t2\t8\n",
        "source target\n0 1 7\n1 2 8\n",
    ],
)
def test_more_columns_than_the_header_are_refused(content, tmp_path):
    """Not read shifted by one: pandas takes the first column for the names of the rows."""
    (tmp_path / "m.csv").write_text(content)
    with pytest.raises(MaskFormatError, match=r"columns|fields|header"):
        ns.load(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("source,target\n0,1,\n1,2,\n")  # separators at the ends of lines
    assert ns.load(tmp_path / "m.csv").n_links == 2


def test_what_a_text_lacks_is_told(tmp_path):
    for content, advice in [
        ("0.5 1.5 2.5\n1.0 2.0 3.0\n", "a dense matrix is to be saved by numpy.save"),
        ("tail,head\na,b\nb,c\n", "needs a header source,target"),
        ("a b\nb c\n", "needs a header source,target"),
        ("source,target\n0,1\n".encode("utf-16"), "must be UTF-8"),
    ]:
        with pytest.raises(MaskFormatError, match=r"not a mask file; .netsparse list forms. tells") as caught:
            ns.load(text_of(tmp_path / "m.txt", content))
        assert advice in str(caught.value)


def test_what_each_side_was_taken_for_is_told(tmp_path):
    network = ns.scan(text_of(tmp_path / "m.csv", "source,target\n001,2\n1,1\n"))
    assert network.notes[0].startswith("ids in the column source are labels")
    assert network.notes[1].startswith("ids in the column target are neurons' indices")
    assert (network.snapshot().layers[0].n_source, network.snapshot().layers[0].n_target) == (2, 3)
    assert ns.load(tmp_path / "m.csv", graph=True).shape == (3, 3)


def test_comments_among_links_are_told(tmp_path):
    notes = ns.scan(text_of(tmp_path / "m.txt", "# before\n0 1\n# between\n1 0\n")).notes
    assert "1 comment was left out among the links" in notes
    assert len(ns.scan(text_of(tmp_path / "n.txt", "# before\n0 1\n1 0\n")).notes) == 1


def test_labelled_links_of_networkx(tmp_path):
    graph = nx.relabel_nodes(nx.davis_southern_women_graph(), lambda name: name.replace(" ", "_"))
    nx.write_edgelist(graph, tmp_path / "m.txt")
    assert ns.load(tmp_path / "m.txt").layers[0].n_links == 89
    assert ns.load(tmp_path / "m.txt", graph=True).shape == (32, 32)


def test_a_field_of_ten_million_letters_is_refused(tmp_path):
    (tmp_path / "long.csv").write_text("source,target\n" + "1" * 10**7 + ",1\n")
    with pytest.raises(MaskFormatError, match=r"long\.csv"):
        ns.load(tmp_path / "long.csv")


@pytest.mark.parametrize("epoch", ["-1", "true", "9223372036854775808"])
def test_a_description_with_an_impossible_epoch_is_refused(epoch, tmp_path):
    run = Run.create(tmp_path / "run")
    run.write_snapshot(Snapshot([LayerGraph.from_mask([[1]])], epoch=7))
    ns.convert(run.snapshot_path(7), tmp_path / "m.csv")
    text = (tmp_path / "m.csv").read_text()
    assert text.count('"epoch": 7') == 1
    (tmp_path / "m.csv").write_text(text.replace('"epoch": 7', f'"epoch": {epoch}'))
    with pytest.raises(MaskFormatError, match=r"m\.csv: .*an epoch is a whole number"):
        ns.load(tmp_path / "m.csv")
