"""Snapshot → file → snapshot is the identity in every form, also from form to form; what is written can be measured."""

import tempfile
from pathlib import Path

import numpy as np
import strategies
from hypothesis import given
from hypothesis import strategies as st

import netsparse as ns
from netsparse import NetsparseError, Run, Snapshot
from netsparse.cli import main
from netsparse.masks.form import FORMS

KINDS = (None, *strategies.FLOATS, *strategies.INTEGERS)
WRITTEN = [name for name, form in FORMS.items() if form.write is not None and name != "npy"]
# Why a form may refuse a network; every other has to be held.
REFUSALS = {
    "scipy": ("holds one layer",),
    "matrix-market": ("holds one layer",),
    "npz": ("a link weighs 0", "beyond 2⁵³"),
    "torch": ("beyond 2⁵³",),
    "safetensors": ("beyond 2⁵³",),
    "matlab": ("beyond 2⁵³",),
    "parquet": ("weights in one column",),
}


def told(snapshot: Snapshot) -> list[object]:
    """Give all that a network is: also the types of weights and the sign of 0."""
    return [
        (layer.name, layer.source, layer.target, layer.biadjacency.shape, layer.link_keys.tolist())
        + (() if layer.weights is None else (layer.weights.dtype.newbyteorder("="), layer.weights.tobytes()))
        for layer in snapshot
    ] + [snapshot.epoch]


def holds(form: str, snapshot: Snapshot, path: Path) -> bool:
    """Write a network, or check that it is refused for a reason that is known."""
    try:
        FORMS[form].write(snapshot, path)
    except NetsparseError as error:
        if not any(why in str(error) for why in REFUSALS.get(form, ())):
            raise
    return path.exists()


@given(strategies.snapshots(kinds=KINDS))
@strategies.examples(25)
def test_every_form_gives_a_network_back(snapshot):
    with tempfile.TemporaryDirectory() as folder:
        for form in WRITTEN:
            path = Path(folder) / form
            if holds(form, snapshot, path):
                assert told(ns.load(path)) == told(snapshot), form


@given(strategies.snapshots(kinds=KINDS, max_layers=3), st.lists(st.sampled_from(WRITTEN), min_size=2, max_size=4))
@strategies.examples(40)
def test_a_way_through_several_forms_changes_nothing(snapshot, forms):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "0"
        FORMS["snapshot"].write(snapshot, path)
        for step, form in enumerate(forms, 1):
            if not holds(form, snapshot, Path(folder) / f"tried-{step}"):
                continue
            (path,) = ns.convert(path, Path(folder) / str(step), form)
        assert told(ns.load(path)) == told(snapshot), forms


@given(strategies.snapshots(kinds=KINDS))
@strategies.examples(25)
def test_a_run_directory_gives_a_network_back(snapshot):
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(folder)
        dated = Snapshot(snapshot.layers, snapshot.epoch or 0)
        run.write_snapshot(dated)
        assert run.epochs == [dated.epoch]
        assert told(run.snapshot(dated.epoch)) == told(dated)
        assert run.layer_names(dated.epoch) == [layer.name for layer in dated]


@given(strategies.snapshots(kinds=KINDS))
@strategies.examples(25)
def test_objects_of_other_libraries_give_layers_back(snapshot):
    for layer in snapshot:
        if layer.weights is not None and layer.weights.dtype.kind != "f":
            continue  # torch and SciPy have types of their own for truth values and whole numbers
        again = ns.LayerGraph.from_weight(layer.to_torch(), layer.name, layer.source, layer.target)
        stored = layer.weights if layer.weights is not None else np.ones(layer.n_links)
        kept = np.flatnonzero(stored)  # without a mask a weight of 0 is no link
        assert again.link_keys.tolist() == layer.link_keys[kept].tolist()
        assert np.array_equal(again.weights, stored[kept])
        links = layer.to_pandas()
        assert (links["source"] * max(layer.n_target, 1) + links["target"]).tolist() == layer.link_keys.tolist()
    for graph in (snapshot.to_networkx(), snapshot.to_igraph()):
        assert len(graph.nodes if hasattr(graph, "nodes") else graph.vs) == snapshot.n_neurons


@given(
    snapshot=strategies.snapshots(kinds=KINDS, max_size=5),
    form=st.sampled_from([*WRITTEN, "npy"]),
    nulls=st.integers(0, 1),
)
@strategies.examples(15)
def test_any_file_is_measured_from_the_command_line_or_refused_in_a_line(capsys, snapshot, form, nulls):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        try:
            FORMS[form].write(snapshot, path)
        except NetsparseError:
            path.write_bytes(b"")
        arguments = ["measure", str(path), "--measures", "fast,modularity,theta", "--nulls", str(nulls)]
        for command in (arguments, ["inspect", str(path)]):
            code = 0
            try:
                main(command)
            except SystemExit as end:
                code = end.code or 0
            error = capsys.readouterr().err
            assert code in (0, 2), error
            assert "Traceback" not in error
            assert (code == 0) == bool(path.stat().st_size), error
