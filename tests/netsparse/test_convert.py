"""Masks from any form to any other, exactly."""

import errno
import itertools
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
import safetensors.numpy
import scipy.sparse as sp
import torch

import netsparse as ns
from netsparse import MaskFormatError, NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.conversion import convert
from netsparse.masks.form import FORMS

SEVERAL = ["snapshot", "torch", "safetensors", "npz", "csv", "tsv", "parquet", "graphml", "gml", "matlab"]
ONE = ["scipy", "matrix-market"]
DENSE = ["npz"]  # a link that weighs 0 is none
ODD = [
    "../evil",
    "a b",
    "ß",
    '"quoted"',
    "comma, tab\t",
    "new\nline\r",
    "nul\x00",
    "a\\nb",
    "NA",
    "1",
    "x_mask",
    "file",
]


def network(weighted, layers: list[LayerGraph], kinds: list[str | None], zero: bool) -> Snapshot:
    """All nasty layers apart, some also back and forth between the same two groups, by odd names."""
    named = zip(itertools.cycle(ODD), itertools.cycle(kinds), enumerate(layers))
    apart = [
        weighted(layer, kind, f"{name}{i}", (f"in, #{i}", f"out\n{i}"), zero=zero) for name, kind, (i, layer) in named
    ]
    beside = [
        weighted(layers[-1], kind, name, ("../..", "last"), zero=zero)
        for name, kind in zip(ODD, itertools.cycle(kinds), strict=False)
    ]
    return Snapshot([*apart, *beside], epoch=7)


@pytest.mark.parametrize("form", SEVERAL)
@pytest.mark.parametrize("kinds", [[None], ["float32", None], ["float64", "float16", "int8", "bool", "uint8", "int64"]])
def test_networks_come_back_exactly(nasty_layers, form, kinds, tmp_path, weighted, same):
    wanted = network(weighted, nasty_layers, kinds, zero=form not in DENSE)
    FORMS[form].write(wanted, tmp_path / "m")
    assert same(ns.load(tmp_path / "m"), wanted)


@pytest.mark.parametrize("form", [*SEVERAL, *ONE])
@pytest.mark.parametrize("kind", [None, "float16", "int64", "bool"])
def test_layers_come_back_exactly(nasty_layers, form, kind, tmp_path, weighted, same):
    for layer, name in zip(nasty_layers, itertools.cycle(["fc1.weight", ODD[0]])):
        wanted = Snapshot([weighted(layer, kind, name, ("in", "out"), zero=form not in DENSE)])
        FORMS[form].write(wanted, tmp_path / "m")
        assert same(ns.load(tmp_path / "m"), wanted)


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations([*SEVERAL, *ONE], 2)))
def test_any_form_becomes_any_other(random_layer, first, second, tmp_path, same):
    wanted = Snapshot([random_layer(0, names=("fc.1", "in", "out"))], epoch=3)
    FORMS[first].write(wanted, tmp_path / "a")
    assert convert(tmp_path / "a", tmp_path / "b", second) == [tmp_path / "b"]
    assert same(ns.load(tmp_path / "b"), wanted)


@pytest.mark.parametrize("ending", [e for form in FORMS.values() if form.write is not None for e in form.endings])
def test_the_ending_tells_the_form(random_layer, ending, tmp_path):
    wanted = Snapshot([random_layer(1)])
    FORMS["snapshot"].write(wanted, tmp_path / "a")
    [written] = convert(tmp_path / "a", tmp_path / f"b{ending}")
    got = ns.load(written)
    assert np.array_equal(got.layers[0].weights, wanted.layers[0].weights)
    assert (got == wanted) == (ending != ".npy")


def test_several_layers_in_an_npz_are_arrays(chain, tmp_path, same):
    FORMS["snapshot"].write(chain(1), tmp_path / "a")
    convert(tmp_path / "a", tmp_path / "b.npz")
    assert same(ns.load(tmp_path / "b.npz"), chain(1))
    with np.load(tmp_path / "b.npz") as arrays:
        assert arrays["layer0"].shape == (12, 14)


def test_files_are_ordinary_for_their_own_programs(random_layer, tmp_path):
    layer = random_layer(2, names=("fc", "in", "out"))
    dense = layer.to_scipy().toarray()
    for form in ("scipy", "npy", "npz", "torch", "safetensors"):
        FORMS[form].write(Snapshot([layer]), tmp_path / f"m.{form}")
    assert np.array_equal(sp.load_npz(tmp_path / "m.scipy").toarray(), dense)
    assert np.array_equal(np.load(tmp_path / "m.npy"), dense)
    with np.load(tmp_path / "m.npz") as arrays:
        assert np.array_equal(arrays["fc"], dense)
    held = torch.load(tmp_path / "m.torch", weights_only=True)["state_dict"]
    linear = torch.nn.Sequential()
    linear.add_module("fc", torch.nn.Linear(20, 15, bias=False))
    linear.load_state_dict(held)
    assert np.array_equal(linear.fc.weight.detach().numpy(), dense.T)
    assert np.array_equal(safetensors.numpy.load_file(tmp_path / "m.safetensors")["fc.weight"], dense.T)


def test_links_that_weigh_0_are_under_a_mask_in_torch_files(tmp_path):
    layer = LayerGraph("fc", LayerGraph.from_mask([[1, 1]]).biadjacency, weights=np.array([0.0, 2.0]))
    FORMS["torch"].write(Snapshot([layer]), tmp_path / "m.pt")
    held = torch.load(tmp_path / "m.pt", weights_only=True)["state_dict"]
    assert {name: tensor.tolist() for name, tensor in held.items()} == {
        "fc.weight_orig": [[0.0], [2.0]],
        "fc.weight_mask": [[True], [True]],
    }


@pytest.mark.parametrize("form", ["npy", "npz"])
def test_dense_forms_refuse_links_that_weigh_0(form, tmp_path):
    layer = LayerGraph("fc", LayerGraph.from_mask([[1, 1]]).biadjacency, weights=np.array([0.0, 2.0]))
    with pytest.raises(NetsparseError, match=r"a link weighs 0.*use snapshot"):
        FORMS[form].write(Snapshot([layer]), tmp_path / "m")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["npz", "torch", "safetensors"])
def test_dense_forms_refuse_what_memory_cannot_hold(form, tmp_path):
    layer = LayerGraph.from_mask(sp.csr_array((2**21, 2**21), dtype=np.int8), "wide")
    with pytest.raises(NetsparseError, match=r"of memory.*is a dense form, use snapshot"):
        FORMS[form].write(Snapshot([layer]), tmp_path / "m")


@pytest.mark.parametrize("form", ["npz", "torch", "safetensors"])
def test_dense_forms_whose_description_does_not_fit_are_refused(form, tmp_path):
    FORMS[form].write(Snapshot([LayerGraph.from_weight(np.eye(3), "fc", "in", "out")]), tmp_path / "m")
    assert len(ns.load(tmp_path / "m")) == 1
    other = Snapshot([LayerGraph.from_weight(np.eye(4), "fd", "in", "out")])
    FORMS[form].write(other, tmp_path / "other")
    told, wrong = (_description(form, tmp_path / name) for name in ("m", "other"))
    content = (tmp_path / "m").read_bytes()
    if form == "npz":
        with np.load(tmp_path / "m") as arrays:
            held = {name: arrays[name] for name in arrays.files}
        for change in ({"netsparse": wrong}, {"more": np.eye(2)}, {"fc": np.eye(4)}, {"fc": np.zeros((3, 3))}):
            with (tmp_path / "changed").open("wb") as file:
                np.savez(file, **held | change)
            with pytest.raises(MaskFormatError, match="description"):
                ns.load(tmp_path / "changed")
        return
    assert told != wrong
    shorter = content.replace(
        b'"links\\": 3' if form == "safetensors" else b'"links": 3',
        b'"links\\": 4' if form == "safetensors" else b'"links": 4',
    )
    assert shorter != content
    (tmp_path / "changed").write_bytes(shorter)
    with pytest.raises(MaskFormatError):
        ns.load(tmp_path / "changed")


def _description(form: str, path):
    if form == "npz":
        with np.load(path) as arrays:
            return arrays["netsparse"]
    return path.read_bytes()


def test_epochs_become_a_directory(chain, tmp_path):
    run = ns.Run.create(tmp_path / "run")
    for epoch in (0, 1, 12):
        run.write_snapshot(Snapshot(chain(1).layers, epoch))
    for form, ending in (("csv", ".csv"), ("npz", ".npz"), (None, ".safetensors"), ("safetensors", ".safetensors")):
        target = tmp_path / f"out-{form}"
        written = convert(tmp_path / "run", target, form)
        assert [path.name for path in written] == [f"epoch-{n}{ending}" for n in ("0000", "0001", "0012")]
        assert ns.load(target) == list(run.snapshots())
        assert sorted(target.iterdir()) == written
    convert(tmp_path / "out-csv", tmp_path / "again", "parquet")
    assert ns.load(tmp_path / "again") == list(run.snapshots())


def test_options_of_reading_go_with_it(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.eye(3), y=np.array([[0.5, 2, 0]]))
    convert(tmp_path / "a.npz", tmp_path / "b.csv", tensors="y", rows="out", threshold=1)
    got = ns.load(tmp_path / "b.csv")
    assert [(layer.name, layer.n_source, layer.n_links) for layer in got] == [("y", 3, 1)]


def test_nothing_is_written_over_and_nothing_half(random_layer, chain, tmp_path):
    FORMS["snapshot"].write(Snapshot([random_layer(0)]), tmp_path / "a")
    FORMS["snapshot"].write(chain(0), tmp_path / "chain")
    (tmp_path / "there.csv").write_text("mine")
    before = sorted(tmp_path.iterdir())
    for arguments, message in (
        ((tmp_path / "a", tmp_path / "there.csv"), "is there already"),
        ((tmp_path / "a", tmp_path / "a"), "is there already"),
        ((tmp_path / "a", tmp_path / "b.xyz"), r"names no form \(.*\.csv.*say it by --to"),
        ((tmp_path / "a", tmp_path / "b", "cvs"), "did you mean 'csv'"),
        ((tmp_path / "a", tmp_path / "b", "sharded"), "is only read; these are written"),
        ((tmp_path / "missing", tmp_path / "b.csv"), "no such file"),
        ((tmp_path / "a", tmp_path / "no" / "b.csv"), "there is no directory"),
        ((tmp_path / "chain", tmp_path / "b.mtx"), "holds one layer, the network has 3"),
        ((tmp_path / "chain", tmp_path / "b.npy"), "holds one layer, the network has 3"),
    ):
        with pytest.raises(NetsparseError, match=message):
            convert(*arguments)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_epochs_that_a_form_cannot_hold_leave_nothing(chain, tmp_path):
    (tmp_path / "in").mkdir()
    for epoch in (1, 2):
        FORMS["snapshot"].write(Snapshot(chain(0).layers, epoch), tmp_path / "in" / f"{epoch}.safetensors")
    with pytest.raises(NetsparseError, match="holds one layer"):
        convert(tmp_path / "in", tmp_path / "out", "matrix-market")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if form.write_graph is not None])
def test_undirected_graphs_come_back_exactly(form, tmp_path):
    graph = nx.karate_club_graph()
    nx.write_graphml(graph, tmp_path / "karate.graphml")
    before = ns.load(tmp_path / "karate.graphml")
    convert(tmp_path / "karate.graphml", tmp_path / "out", to=form)
    after = ns.load(tmp_path / "out", graph=True)
    assert (before != after).nnz == 0
    alone = sp.csr_array(np.zeros((2, 2)))
    sp.save_npz(tmp_path / "alone.npz", alone)
    if form in ("csv", "tsv"):
        with pytest.raises(NetsparseError, match="nodes without any, and 2 have none"):
            convert(tmp_path / "alone.npz", tmp_path / "two", to=form, graph=True)
    else:
        convert(tmp_path / "alone.npz", tmp_path / "two", to=form, graph=True)
        assert ns.load(tmp_path / "two", graph=True).shape == (2, 2)


def test_undirected_graphs_of_several_epochs(tmp_path):
    for epoch in (1, 2):
        nx.write_graphml(nx.path_graph(3 + epoch), tmp_path / f"g{epoch}.graphml")
    written = convert(tmp_path / "g*.graphml", tmp_path / "all", to="matrix-market")
    assert [path.name for path in written] == ["epoch-0000.mtx", "epoch-0001.mtx"]
    assert [graph.shape[0] for graph in ns.load(tmp_path / "all", graph=True)] == [4, 5]
    with pytest.raises(NetsparseError, match="holds layers, no undirected graph; one of these does: scipy"):
        convert(tmp_path / "g1.graphml", tmp_path / "g.pt")


def test_several_epochs_take_the_form_of_the_ending(chain, tmp_path):
    for epoch in (0, 1):
        FORMS["snapshot"].write(Snapshot(chain(epoch).layers, epoch), tmp_path / f"e{epoch}.safetensors")
    for target, first in [("all.csv", "epoch-0000.csv"), ("all", "epoch-0000.safetensors"), ("all.v2", None)]:
        written = convert(tmp_path / "e*.safetensors", tmp_path / target)
        assert written[0].name == (first or "epoch-0000.safetensors")
        assert ns.load(tmp_path / target) == ns.load(tmp_path / "e*.safetensors")


def test_a_disk_that_runs_full_is_told_by_the_name_of_the_file(chain, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    run = ns.Run.create(tmp_path / "run")
    for epoch in (0, 1):
        run.write_snapshot(Snapshot(chain(1).layers, epoch=epoch))
    monkeypatch.setattr("netsparse.masks.conversion._form", lambda name: replace(FORMS[name], write=fail))
    with pytest.raises(NetsparseError, match=r"all/epoch-0000\.csv: cannot be written: No space left"):
        convert(run.path, tmp_path / "all", "csv")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
