"""What the report page knows, how it is packed and written."""

import base64
import html
import json
import re
import zlib

import numpy as np
import pandas as pd
import pytest

from netsparse.cli import main
from netsparse.errors import NetsparseError
from netsparse.figures.disks import Disk, disks_of
from netsparse.figures.report import write_report
from netsparse.figures.report.arrays import Arrays
from netsparse.figures.report.curves import curves_by_name, merged
from netsparse.figures.report.explorable import chosen_epochs, explorable
from netsparse.figures.report.links import density_of, pack_spans, spans_of
from netsparse.figures.report.page import as_json
from netsparse.figures.report.payload import payload_of
from netsparse.figures.report.places import NONE, pack_places
from netsparse.figures.report.tables import add_comparison, commands, measure_rows
from netsparse.figures.source import unfinished
from netsparse.graph import LayerGraph, Snapshot
from netsparse.run import Run


def unpacked(content: str, place: dict) -> np.ndarray:
    """Read an array as the page does."""
    raw = zlib.decompress(base64.b64decode(content))
    return np.frombuffer(raw, f"<u{place['bytes']}", place["n"], place["at"]).astype(np.int64)


def links_at(content: str, spans: dict, k: int) -> set[tuple[int, int]]:
    """Find an epoch's links as the page does."""
    begin, step, target, more = (unpacked(content, spans[name]) for name in ("begin", "step", "target", "more"))
    found, i = set(), 0
    for first, n in enumerate(begin):
        source = 0
        for _ in range(n):
            source += step[i]
            if first <= k <= first + more[i]:
                found.add((int(source), int(target[i])))
            i += 1
    return found


def facts_of(path) -> dict:
    return json.loads(re.search(r'id="facts">(.*?)</script>', path.read_text(), re.DOTALL)[1])


def test_arrays_come_back_in_the_smallest_type():
    arrays = Arrays()
    kept = [np.array([0, 255]), np.array([256, 3, 1]), np.array([65_536]), np.zeros(0, int)]
    places = [arrays.add(values) for values in kept]
    assert [place["bytes"] for place in places] == [1, 2, 4, 1]
    assert all(place["at"] % 4 == 0 for place in places)
    for place, values in zip(places, kept, strict=True):
        assert unpacked(arrays.packed(), place).tolist() == values.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_links_of_every_epoch_come_back_from_their_spans(seed):
    rng = np.random.default_rng(seed)
    shape, n_epochs = (int(rng.integers(1, 30)), int(rng.integers(1, 400))), int(rng.integers(1, 9))
    density = rng.random(n_epochs) * rng.integers(0, 2, n_epochs)
    keys = [np.flatnonzero(rng.random(shape[0] * shape[1]) < share) for share in density]
    arrays = Arrays()
    spans = pack_spans(spans_of(keys), shape[1], arrays)
    for k, own in enumerate(keys):
        wanted = {(int(key) // shape[1], int(key) % shape[1]) for key in own}
        assert links_at(arrays.packed(), spans, k) == wanted


def test_density_counts_all_links():
    rng = np.random.default_rng(0)
    key = np.sort(rng.choice(300 * 7, 500, replace=False))
    grid = density_of(key, (300, 7), 16)
    assert grid.shape == (16, 7)
    assert grid.sum() == 500
    assert grid[0].sum() == ((key // 7) * 16 // 300 == 0).sum()
    assert density_of(np.zeros(0, int), (0, 3)).shape == (0, 3)


def test_places_come_back_within_a_hundredth_of_a_pixel():
    rng = np.random.default_rng(0)
    n = 50
    group = np.array(["s"] * 20 + ["t"] * 30)
    node = np.concatenate([np.arange(20), np.arange(30)])
    radius = np.where(rng.random(n) < 0.2, np.nan, rng.uniform(0, 9, n))
    community = rng.integers(-1, 5, n)
    disk = Disk("l", 7, group, node, rng.uniform(0, 7, n), radius, community, np.ones(n, int), {"modularity": np.nan})
    arrays = Arrays()
    places = pack_places([disk], [0, 7], {"t": 30, "s": 20}, arrays)
    theta, r, c = (unpacked(arrays.packed(), places[name]) for name in ("theta", "radius", "community"))
    order = np.concatenate([np.arange(20, 50), np.arange(20)])  # the page's groups come in another order
    here = disk.embedded[order]
    assert places["at"] == [1]
    assert places["numbers"] == [{"modularity": None}]
    assert ((r == NONE) == ~here).all()
    found = r[here] / (NONE - 1) * np.exp(2j * np.pi * theta[here] / (NONE - 1))
    assert np.abs(found - disk.xy[order][here] @ [1, 1j]).max() < 1e-4
    assert np.where(c == NONE, -1, c).tolist() == community[order].tolist()


def test_a_run_is_packed_as_it_is(trained_run):
    found = explorable(trained_run, trained_run.measures, 10**7)
    assert found.facts["epochs"] == trained_run.epochs
    for k, snapshot in enumerate(trained_run.snapshots()):
        for layer, told in zip(snapshot, found.facts["layers"], strict=True):
            wanted = {(int(s), int(t)) for s, t in zip(*layer.biadjacency.nonzero(), strict=True)}
            assert links_at(found.content, told["spans"], k) == wanted
            assert told["nLinks"][k] == layer.n_links
    disks = disks_of(trained_run.measures, "sandwich2")
    assert [found.facts["epochs"][at] for at in found.facts["layers"][1]["places"]["at"]] == [d.epoch for d in disks]


def test_a_small_budget_keeps_the_first_the_last_and_the_embedded_epochs(trained_run):
    whole = explorable(trained_run, trained_run.measures, 10**7)
    less = explorable(trained_run, trained_run.measures, len(whole.content) - 1)
    assert less.facts["epochs"][0] == 0
    assert less.facts["epochs"][-1] == 4
    assert 2 <= len(less.facts["epochs"]) < 5
    assert less.facts["allEpochs"] == 5
    tiny = explorable(trained_run, None, 1)  # even two epochs are too many: densities alone are left
    assert tiny.facts["epochs"] == [0, 4]
    assert all(layer["spans"] is None and layer["grid"] for layer in tiny.facts["layers"])
    assert chosen_epochs(range(101), [0, 50, 100], 3) == [0, 50, 100]
    assert len(chosen_epochs(range(101), range(101), 13)) == 13


def test_a_layer_that_changes_its_shape_or_goes_has_no_links_there(tmp_path):
    run = Run.create(tmp_path / "run")
    for epoch, shape in enumerate([(2, 3), (3, 3)]):
        run.write_snapshot(Snapshot([LayerGraph.from_mask(np.ones(shape), "a")], epoch=epoch))
    run.write_snapshot(Snapshot([LayerGraph.from_mask(np.ones((2, 3)), "b")], epoch=2))
    assert explorable(run, None, 10**6).facts["layers"][0]["nLinks"] == [6, 0, 0]


def test_rows_tell_chance_reasons_and_differences():
    base = {"layer": "", "scope": "network", "member": 0}
    table = pd.DataFrame(
        [
            {**base, "name": "q", "epoch": 0, "value": 1.0},
            {**base, "name": "q", "epoch": 9, "value": 2.0, "null_mean": 1.5, "null_sd": 0.1, "z": 5.0, "p": 0.01},
            {**base, "name": "q", "epoch": 9, "value": 4.0, "member": 1},
            {**base, "name": "bad", "epoch": 9, "value": np.nan, "reason": "no links"},
        ]
    )
    q, bad = measure_rows(table)
    assert (q["first"], q["last"], q["values"], q["epochs"]) == (1.0, 3.0, [2.0, 4.0], [0, 9])
    assert q["chance"] == {"same degrees": {"mean": 1.5, "z": [5.0], "p": [0.01]}}
    assert (bad["last"], bad["reason"], bad["chance"]) == (None, "no links", {})
    other = [{**q, "values": [20.0, 22.0]}]
    add_comparison([[q, bad], other])
    assert other[0]["against"] == pytest.approx(0.0061, abs=1e-4)  # t = 18 / sqrt(2), 2 degrees of freedom
    assert measure_rows(pd.DataFrame(columns=["name"])) == []


def test_curves_are_means_over_seeds_and_joined_by_epoch():
    table = pd.DataFrame({"name": "a", "layer": "l", "epoch": [1, 0, 1], "value": [1.0, 5.0, 3.0]})
    curves = curves_by_name(table)
    assert curves == {"a": {"l": {"epochs": [0, 1], "mean": [5.0, 2.0], "sd": [None, 1.4142]}}}
    short = {"a": {"l": {"epochs": [2], "mean": [1.0]}, "m": {"epochs": [0], "mean": [2.0]}}}
    longer = {"epochs": [0, 1, 2], "mean": [5.0, 2.0, 1.0], "sd": [None, 1.4142, None]}
    assert merged(short, curves)["a"] == {"l": longer, "m": short["a"]["m"]}
    assert curves_by_name(table.assign(value=np.nan)) == {}


def test_commands_are_quoted_for_the_shell(tmp_path):
    run = Run.create(tmp_path / "a b$(rm)")
    run.write_config({"method": "cht"})
    run.write_environment({"command": ["/somewhere/bin/netsparse", "train", "--out", "a b"]})
    told = {one["what"]: one["command"] for one in commands([run])}
    assert told["Trained by"] == "netsparse train --out 'a b'"
    assert told["Redraw the figures"] == f"netsparse figures '{run.path}'"
    other = Run.create(tmp_path / "c")
    assert commands([run, other])[-1]["command"] == f"netsparse report {tmp_path}"
    (run.path / "environment.json").write_text("no JSON")
    assert "Trained by" not in {one["what"] for one in commands([run])}


def test_equal_runs_give_equal_bytes_and_a_small_file(trained_run, tmp_path):
    paths = [write_report(trained_run, tmp_path / f"{name}.html") for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size < 4e6
    text = paths[0].read_text()
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text)
    facts = facts_of(paths[0])
    assert [len(facts["runs"]), facts["nRuns"], facts["unmeasured"]] == [1, 1, 0]
    assert facts["groups"][0]["key"]["neurons"] == sum(trained_run.snapshot(0).groups.values())


def test_what_names_say_is_data_and_never_html(tmp_path):
    name = "</script><script>alert(1)</script>\u2028&amp;"
    run = Run.create(tmp_path / "<img src=x>")
    run.write_config({"method": name})
    run.write_environment({"versions": {"a": "\ud800"}})  # as names of files that are no UTF-8 come
    run.write_snapshot(Snapshot([LayerGraph.from_mask([[1, 0]], name, "<b>", "]]>")], epoch=0))
    path = write_report(run)
    text = path.read_text()
    assert "alert(1)</script>" not in text
    assert text.count("<script") == text.count("</script>")
    assert html.unescape(re.search("<title>(.*?) –", text)[1]) == name
    facts = facts_of(path)
    assert [facts["runs"][0]["layers"][0][key] for key in ("name", "source", "target")] == [name, "<b>", "]]>"]
    assert json.loads(as_json({"x": name}))["x"] == name
    assert not set("<>&\u2028") & set(as_json({name: name}))


def test_many_runs_share_the_budget(trained_run):
    facts = payload_of([trained_run] * 3, {}, budget=600_000).facts
    assert facts["nRuns"] == 3
    assert len(facts["runs"]) == 1  # the first of the only group
    meant = payload_of([trained_run], {"modularity": "Give the modularity `Q` (see `f`).", "none": "x"}).facts[
        "meanings"
    ]
    assert meant == {"modularity": "The modularity Q."}


def test_what_cannot_be_written_is_told_and_leaves_nothing(trained_run, tmp_path):
    with pytest.raises(NetsparseError, match="at least one run"):
        write_report([])
    with pytest.raises(NetsparseError, match=r"end its name in \.html"):
        write_report(trained_run, tmp_path / "report.pdf")
    with pytest.raises(NetsparseError, match="is a folder"):
        write_report(trained_run, tmp_path)
    with pytest.raises(NetsparseError, match="cannot be written"):
        write_report(trained_run, tmp_path / "nowhere" / "report.html")
    with pytest.raises(NetsparseError, match="nothing stored"):
        write_report(Run.create(tmp_path / "empty"))
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_the_command_writes_the_page_and_refuses_wrong_paths(trained_run, tmp_path, capsys):
    out = tmp_path / "page.html"
    main(["report", str(trained_run.path), "--out", str(out)])
    assert capsys.readouterr().out.strip() == str(out)
    assert "partition" in facts_of(out)["meanings"]["modularity"]
    with pytest.raises(SystemExit, match="2"):
        main(["report", str(tmp_path / "nothing")])
    assert "no such run directory" in capsys.readouterr().err


def test_a_run_whose_metrics_are_empty(trained_run, tmp_path):
    """A training that stopped before its first epoch ended."""
    run = Run.create(tmp_path / "run")
    run.write_config(trained_run.config)
    run.write_metrics(trained_run.metrics.iloc[:0])
    run.write_snapshot(trained_run.snapshot(0))
    assert write_report(run).stat().st_size
    assert unfinished(run) == "epoch 0 of 4"
