"""Metrics and measures over the epochs: a curve for each group of runs, mean and deviation over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from netsparse.errors import NothingToDrawError
from netsparse.figures.source import Group, Trained

Curves = dict[str, dict[str, dict[str, Any]]]

# Points of a curve: more than a chart has pixels nobody sees, and the page would hold megabytes of them.
MAX_POINTS = 1000


def table_of(member: Trained, kind: str) -> pd.DataFrame | None:
    """Return a run's table, an attribute of `Trained` such as "metrics"; None if there is none."""
    try:
        return getattr(member, kind)
    except NothingToDrawError:
        return None


def numbers_of(group: Group, kind: str) -> pd.DataFrame:
    """Return the numbers of layers ("" the network) of all runs of a group: name, layer, epoch, member, value and more.

    Parameters
    ----------
    group : Group
    kind : {"metrics", "scalars"}
    """
    column = "metric" if kind == "metrics" else "measure"
    parts = []
    for number, member in enumerate(group.members):
        table = table_of(member, kind)
        if table is None:
            continue
        kept = table[table["epoch"].notna()].rename(columns={column: "name"})
        parts.append(kept.assign(member=number, layer=kept["layer"].fillna("")))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["name", "layer", "epoch", "value"])


def curves_by_name(table: pd.DataFrame) -> Curves:
    """Return name → layer → its curve: ``epochs``, ``mean`` and, where there are several runs, ``sd`` (n − 1).

    Of more than `MAX_POINTS` epochs so many are kept, evenly, the first and the last among them; ``of`` tells how many
    there are.

    Examples
    --------
    >>> table = pd.DataFrame({"name": "a", "layer": "", "epoch": [0, 0], "value": [1.0, 3.0]})
    >>> curves_by_name(table)
    {'a': {'': {'epochs': [0], 'mean': [2.0], 'sd': [1.4142]}}}
    """
    table = table[np.isfinite(table["value"].astype(float))]
    if table.empty:
        return {}
    by = table.groupby(["name", "layer", "epoch"], sort=False)["value"].agg(["mean", "std"]).reset_index()
    found: Curves = {}
    for (name, layer), part in by.groupby(["name", "layer"], sort=False):
        part, n = part.sort_values("epoch"), len(part)
        if n > MAX_POINTS:
            part = part.iloc[np.linspace(0, n - 1, MAX_POINTS).round().astype(int)]
        curve: dict[str, Any] = {"epochs": part["epoch"].astype(int).tolist(), "mean": rounded(part["mean"], 6)}
        if part["std"].notna().any():
            curve["sd"] = rounded(part["std"], 5)
        if n > MAX_POINTS:
            curve["of"] = n
        found.setdefault(str(name), {})[str(layer)] = curve
    return found


def merged(first: Curves, second: Curves) -> Curves:
    """Return the curves of both; where both have one, the longer, and of the other one its epochs beside."""
    names = list(dict.fromkeys([*first, *second]))
    return {name: _joined(first.get(name, {}), second.get(name, {})) for name in names}


def _joined(first: dict[str, dict[str, Any]], second: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {}
    for layer in dict.fromkeys([*first, *second]):
        curves = [own[layer] for own in (first, second) if layer in own]
        points: dict[int, tuple[float, float | None]] = {}
        for curve in sorted(curves, key=lambda own: len(own["epochs"])):
            sd = curve.get("sd", [None] * len(curve["epochs"]))
            points |= dict(zip(curve["epochs"], zip(curve["mean"], sd, strict=True), strict=True))
        epochs = sorted(points)
        found[layer] = {"epochs": epochs, "mean": [points[epoch][0] for epoch in epochs]}
        if any("sd" in curve for curve in curves):
            found[layer]["sd"] = [points[epoch][1] for epoch in epochs]
        if counts := [curve["of"] for curve in curves if "of" in curve]:
            found[layer]["of"] = max(counts)
    return found


def rounded(values: Sequence[float] | pd.Series, digits: int) -> list[float | None]:
    """Return numbers of so many digits, None in place of what is not finite: JSON has no NaN."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]
