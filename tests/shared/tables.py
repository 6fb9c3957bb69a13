"""What any valid table of measures or metrics is, and any run directory that holds them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import strategies
from hypothesis import strategies as st

import netsparse as ns
from netsparse import LayerGraph, Run, Snapshot

# Numbers that are finite and hard to draw.
_HARD = [0.0, -0.0, -1.0, 1.0, 1e-300, 1e300, -1e300, 5e-324, 1 + 1e-12]

METRICS = (
    "test_accuracy",
    "validation_accuracy",
    "train_loss",
    "test_loss",
    "learning_rate",
    "anp_rate",
    "training_seconds",
    "topology_seconds",
    "evaluation_seconds",
    "snapshot_seconds",
)
LAYER_METRICS = ("links", "frozen", "itop_rate", "links_removed", "links_percolated", "links_regrown", "overlap")
SHARES = {"test_accuracy", "validation_accuracy", "anp_rate", "itop_rate", "overlap"}


@cache
def _networks() -> tuple[Snapshot, ...]:
    """Networks of every kind whose measures tables are made of."""
    rng = np.random.default_rng(0)

    def layer(n: int, m: int, density: float, name: str, source: str, target: str) -> LayerGraph:
        return LayerGraph.from_mask(rng.random((n, m)) < density, name, source, target)

    chain = [layer(8, 9, 0.4, "a", "x", "y"), layer(9, 7, 0.4, "b", "y", "z"), layer(7, 3, 0.6, "c", "z", "out")]
    skip = [layer(6, 5, 0.5, "a", "x", "y"), layer(5, 4, 0.5, "b", "y", "z"), layer(6, 4, 0.3, "c", "x", "z")]
    return (
        Snapshot(chain),
        Snapshot(skip),
        Snapshot([layer(5, 4, 0.0, "a", "x", "y"), layer(4, 3, 1.0, "b", "y", "z")]),
        Snapshot([layer(12, 10, 0.3, "a", "x", "y")]),
        Snapshot([layer(1, 1, 1.0, "a", "x", "y")]),
        Snapshot([layer(0, 3, 1.0, "a", "x", "y")]),
        Snapshot([layer(4, 4, 1.0, "a", "x", "y"), layer(5, 5, 0.3, "b", "p", "q")]),
    )


@cache
def _measured(number: int, nulls: bool) -> pd.DataFrame:
    return ns.measure(_networks()[number], "standard", nulls=2 if nulls else 0)


def epochs(max_size: int = 4) -> st.SearchStrategy[list[int]]:
    """Give different epochs, gaps among them."""
    return st.lists(st.integers(0, 12) | st.integers(0, 10_000), min_size=1, max_size=max_size, unique=True).map(sorted)


@st.composite
def measures(draw: st.DrawFn, run: str | None = None, names: bool = True) -> pd.DataFrame:
    """Give a table of measures: some, of some epochs, layers and scopes, some without a value, some hard."""
    number, nulls = draw(st.integers(0, len(_networks()) - 1)), draw(st.booleans())
    whole = _measured(number, nulls)
    unknown = draw(st.integers(0, 7)) == 0
    parts = []
    for epoch in [None] if unknown else draw(epochs(3)):
        part = whole
        if draw(st.booleans()):  # as `netsparse train` leaves the epochs between
            part = part[part["measure"].isin(draw(_some(sorted(whole["measure"].unique()))))]
        if draw(st.integers(0, 3)) == 0:
            part = part[part["scope"].isin(draw(_some(["network", "layer", "group", "node"])))]
        parts.append(part.assign(epoch=pd.array([epoch] * len(part), "Int64")))
    table = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0].reset_index(drop=True)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    if len(table):
        lost = rng.random(len(table)) < draw(st.sampled_from((0.0, 0.0, 0.1, 0.9, 1.0)))
        table.loc[lost, "value"] = np.nan
        table.loc[lost, "reason"] = draw(st.sampled_from(("no links", "failed: Error: <b>&", "refused: $x_{$")))
        scalars = np.flatnonzero(table["scope"].isin(["network", "layer", "group"]) & ~lost)
        for hard in draw(st.lists(st.sampled_from(_HARD), max_size=2)) if len(scalars) else []:
            table.loc[scalars[rng.integers(len(scalars))], ["value", "reason"]] = [hard, ""]
        if draw(st.integers(0, 3)) == 0:
            table = table.sample(frac=1, random_state=int(rng.integers(100))).reset_index(drop=True)
    if names and draw(st.booleans()):
        odd = draw(st.lists(strategies.names(), min_size=8, max_size=8, unique=True))
        for column, known in (("layer", ("a", "b", "c")), ("group", ("x", "y", "z", "out", "p"))):
            table[column] = table[column].replace(dict(zip(known, odd, strict=False)))
    return table.assign(run=draw(strategies.names()) if run is None else run)


def _some(names: list[str]) -> st.SearchStrategy[set[str]]:
    return st.sets(st.sampled_from(names), max_size=6)


@st.composite
def metrics(draw: st.DrawFn, layer_names: tuple[str, ...] | None = None) -> pd.DataFrame:
    """Give the table of metrics of a training: some metrics, of some epochs, some not finite, as diverging ones are."""
    own = tuple(draw(st.lists(strategies.names(), max_size=3, unique=True))) if layer_names is None else layer_names
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    kept = draw(st.none() | st.sets(st.sampled_from(METRICS + LAYER_METRICS), max_size=5))
    kind = draw(st.sampled_from(("random", "constant", "huge")))
    rows = []
    for epoch in draw(epochs(5)):
        for layer, names in (("", METRICS), *((name, LAYER_METRICS) for name in own)):
            for name in names:
                if kept is None or name in kept:
                    value = {"random": rng.random(), "constant": 1.0, "huge": 1e300 * rng.random()}[kind]
                    value = min(value, 1.0) if name in SHARES else float(round(99 * value)) if "link" in name else value
                    rows.append((epoch, layer, name, value))
    table = pd.DataFrame(rows, columns=["epoch", "layer", "metric", "value"])
    table = table.astype({"epoch": "int64", "value": "float64", "layer": "str", "metric": "str"})
    if len(table):
        table.loc[rng.random(len(table)) < draw(st.sampled_from((0.0, 0.0, 0.3))), "value"] = np.nan
    if len(table) and draw(st.integers(0, 4)) == 0:
        table.loc[(rng.random(len(table)) < 0.3) & table["metric"].str.contains("loss"), "value"] = np.inf
    return table


configurations = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(("cht", "set", "rigl", "my-own")),
        "dataset": st.sampled_from(("digits", "mnist", "image-folder")),
        "seed": st.integers(0, 3),
        "scale": st.sampled_from((0.5, 1.0, 4.0)),
        "sparsity": st.sampled_from((0.0, 0.9, 0.99, 1.0)),
        "zeta": st.sampled_from((0.0, 0.3)),
        "lr": st.sampled_from((0.01, 0.1)),
        "update_interval": st.sampled_from((1, 5)),
        "early_stop": st.sampled_from((0.99, False)),
        "epochs": st.sampled_from((1, 10, 20_000)),
        "parts": st.fixed_dictionaries({}, optional={"percolation": st.booleans(), "removal": st.just("magnitude")}),
    },
)


@st.composite
def runs(draw: st.DrawFn, folder: Path) -> Run:
    """Write a run directory: any of configuration, metrics, measures, snapshots and correlations."""
    run = Run.create(folder)
    number = draw(st.integers(0, len(_networks()) - 1))
    own = tuple(layer.name for layer in _networks()[number])
    if draw(st.booleans()):
        run.write_config(draw(configurations))
    if draw(st.booleans()):
        run.write_metrics(draw(metrics(own)))
    if draw(st.booleans()):
        run.write_measures(draw(measures(run.name, names=False)))
    for epoch in draw(epochs(3)) if draw(st.booleans()) else []:
        run.write_snapshot(Snapshot(_networks()[number].layers, epoch))
    if draw(st.integers(0, 3)) == 0:
        run.write_correlations(np.random.default_rng(0).random((4, 4)))
    return run
