"""Runs of many epochs: what is read, kept and told does not grow with them."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from netsparse import LayerGraph, Run, Snapshot
from netsparse.analysis.files import measure_files
from netsparse.figures import draw_figures
from netsparse.figures.report import write_report
from netsparse.figures.report.curves import MAX_POINTS, curves_by_name, merged
from netsparse.figures.report.explorable import chosen_epochs
from netsparse.figures.report.page import render_page


def made_run(path, n_epochs) -> Run:
    run = Run.create(path)
    rng = np.random.default_rng(0)
    for epoch in range(n_epochs):
        run.write_snapshot(Snapshot([LayerGraph.from_mask(rng.random((6, 6)) < 0.5)], epoch=epoch))
    epochs = np.arange(n_epochs)
    run.write_metrics(pd.DataFrame({"epoch": epochs, "layer": "", "metric": "test_accuracy", "value": epochs / 99}))
    return run


@pytest.fixture
def n_listings(monkeypatch):
    """Count how often a folder of snapshots is listed."""
    seen, listdir = [], os.listdir

    def count(path="."):
        if os.path.basename(path) == "snapshots":
            seen.append(path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", count)
    return seen


def test_the_folder_of_snapshots_is_not_listed_for_every_epoch(tmp_path, n_listings):
    found = []
    for n in (3, 40):
        run = made_run(tmp_path / str(n), n)
        counts = []
        for work in (
            lambda run=run: [snapshot.n_links for snapshot in run.snapshots()],
            lambda run=run: measure_files([run.path], "fast", out=run.measures_path),
            lambda run=run: measure_files([run.path], "fast", out=run.measures_path, resume=True),
            lambda run=run: write_report(run),
            lambda run=run: draw_figures(run, formats=["svg"], names=["layer_masks", "anp_rate"]),
        ):
            n_listings.clear()
            work()
            counts.append(len(n_listings))
        found.append(counts)
    assert found[0] == found[1]
    assert 0 < max(found[0]) < 15


def test_a_curve_of_many_epochs_keeps_some_evenly_and_says_of_how_many():
    epochs = np.arange(10 * MAX_POINTS + 1)
    table = pd.DataFrame({"name": "a", "layer": "", "epoch": epochs, "value": epochs / 7})
    curve = curves_by_name(table)["a"][""]
    assert (len(curve["epochs"]), curve["of"]) == (MAX_POINTS, 10 * MAX_POINTS + 1)
    assert (curve["epochs"][0], curve["epochs"][-1]) == (0, 10 * MAX_POINTS)
    assert set(np.diff(curve["epochs"])) <= {10, 11}
    np.testing.assert_allclose(curve["mean"], np.array(curve["epochs"]) / 7, rtol=1e-5)
    other = curves_by_name(table[1:])
    both = merged({"a": {"": curve}}, other)["a"][""]
    assert both["of"] == curve["of"]
    assert len(both["epochs"]) <= 2 * MAX_POINTS
    whole = curves_by_name(table[:MAX_POINTS])["a"][""]
    assert len(whole["epochs"]) == MAX_POINTS
    assert "of" not in whole


def test_a_page_of_many_epochs_holds_no_more_than_one_of_some(tmp_path):
    pages = []
    for factor in (1, 8):
        run = Run.create(tmp_path / str(factor))
        epochs = np.arange(factor * MAX_POINTS)
        values = np.sin(epochs / len(epochs))
        parts = [pd.DataFrame({"epoch": epochs, "layer": "", "metric": f"m{i}", "value": values}) for i in range(5)]
        run.write_metrics(pd.concat(parts))
        page = render_page([run], {})
        pages.append(len(page.split('id="facts">')[1].split("</script>")[0]))
        facts = json.loads(page.split('id="facts">')[1].split("</script>")[0])
        assert all(len(curve[""]["epochs"]) == MAX_POINTS for curve in facts["groups"][0]["curves"].values())
    assert pages[1] < 1.2 * pages[0]


def test_epochs_of_a_page_are_chosen_among_many_embedded_ones():
    chosen = chosen_epochs(range(20_001), range(0, 20_001, 2), 300)
    assert len(chosen) == 300
    assert (chosen[0], chosen[-1]) == (0, 20_000)
    assert max(np.diff(chosen)) < 140
