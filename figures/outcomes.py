"""What came of training, in a number a run: final accuracy, AAE, ANP rate; and how it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from netsparse.errors import NothingToDrawError
from netsparse.figures.labels import dataset_name, flat, labels_of, method_name
from netsparse.figures.source import Group, Source, Trained, curve_of, groups_of
from netsparse.figures.style import Look, looks

# What each number is called on axes and in captions; all in per cent.
OUTCOMES = {"accuracy": "test accuracy", "aae": "AAE", "anp": "ANP rate"}

# Metrics of the training loop and what they time.
SECONDS = {
    "training_seconds": "training",
    "topology_seconds": "topology updates",
    "evaluation_seconds": "evaluation",
    "snapshot_seconds": "snapshots",
}


def having(source: Source, read: Callable[[Trained], Any]) -> list[tuple[Group, Look]]:
    """Return the groups with the runs of which a table can be read, and how each is drawn.

    A group keeps its look if others are left out.

    Parameters
    ----------
    read : callable
        It raises `NothingToDrawError` for a run that lacks the table.

    Raises
    ------
    NothingToDrawError
        If no run has it: what was said of the first.
    """
    groups = groups_of(source)
    first: NothingToDrawError | None = None
    found = []
    for group, look in zip(groups, looks(groups), strict=True):
        members = []
        for member in group.members:
            try:
                read(member)
                members.append(member)
            except NothingToDrawError as error:
                first = first or error
        if members:
            found.append((Group(group.label, group.method, tuple(members)), look))
    if not found and first:
        raise first
    return found


def anp_tables(member: Trained) -> list[pd.DataFrame]:
    """Return the tables of a run that may hold ANP rates: its measures before its metrics.

    Raises
    ------
    NothingToDrawError
        If the run has neither.
    """
    if member.run is None:
        kinds = ["metrics"] if member.table is not None and "metric" in member.table.columns else ["scalars"]
    else:
        paths = {"scalars": member.run.measures_path, "metrics": member.run.metrics_path}
        kinds = [kind for kind, path in paths.items() if path.is_file()] or ["scalars"]
    return [getattr(member, kind) for kind in kinds]


def anp_curve(member: Trained, layer: str = "") -> pd.Series:
    """Return a run's ANP rate over the epochs, a fraction: as measured, else as training noted it."""
    curve = pd.Series(dtype=float, name="anp_rate")
    for table in anp_tables(member):
        more = curve_of(table, "anp_rate", layer)
        curve = more if curve.empty else curve.combine_first(more)
    return curve


def outcome(member: Trained, name: str) -> float:
    """Return a number of `OUTCOMES` of a run, in per cent; NaN if it was not recorded."""
    if name == "anp":
        curve = anp_curve(member)
        return 100 * float(curve.iloc[-1]) if len(curve) else float("nan")
    curve = curve_of(member.metrics, "test_accuracy")
    if curve.empty:
        return float("nan")
    return 100 * float(curve.mean() if name == "aae" else curve.iloc[-1])


def outcomes(group: Group, name: str) -> np.ndarray:
    """Return a number of each run of a group, in per cent."""
    return np.array([outcome(member, name) for member in group.members])


def mean_sd(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation (n − 1), missing values left out; NaN of none, sd 0 of one.

    Examples
    --------
    >>> mean_sd(np.array([1.0, np.nan, 3.0]))
    (2.0, 1.414...)
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0


def told_mean(values: np.ndarray, digits: int = 1) -> str:
    """Return "mean ± sd", or the one value.

    Examples
    --------
    >>> told_mean(np.array([1.0, 3.0])), told_mean(np.array([0.5]), 2)
    ('2.0 ± 1.4', '0.50')
    """
    mean, sd = mean_sd(values)
    if not np.isfinite(mean):
        return "–"
    several = np.isfinite(values).sum() > 1
    return f"{mean:.{digits}f}" + (f" ± {sd:.{digits}f}" if several else "")


def told_runs(groups: Sequence[Group], what: str = "Lines are means", error: str = "bands") -> str:
    """Return a sentence, led by a blank, on how many runs a mean is over; empty if each group is one run.

    Examples
    --------
    >>> two = Group("CHT", "cht", (Trained("a"), Trained("b")))
    >>> told_runs([two, Group("SET", "set", (Trained("c"),))])
    ' Lines are means over 1 to 2 runs, bands ± one standard deviation.'
    """
    counts = sorted({len(group.members) for group in groups})
    if counts[-1] == 1:
        return ""
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f" {what} over {number} runs, {error} ± one standard deviation."


@dataclass(frozen=True, eq=False)
class Series:
    """Groups that differ in what the axis shows and, between data sets, in defaults: one line, or bars of one colour.

    Attributes
    ----------
    label, method : str
    groups : tuple of Group
    look : Look
    """

    label: str
    method: str
    groups: tuple[Group, ...]
    look: Look


def series_of(groups: Sequence[Group], across: Sequence[str]) -> list[Series]:
    """Put groups into series that differ in more than the options which an axis shows.

    Options may differ between data sets, each having its own defaults; a series that differs from others of its
    method on the same data set says in what.

    Parameters
    ----------
    groups : sequence of Group
        Those whose options are known; others are left out.
    across : sequence of str
        Options that the axis shows, such as ``["dataset", "scale"]``.
    """
    known = [group for group in groups if group.config]
    datasets = list(dict.fromkeys(str(group.config.get("dataset", "")) for group in known))
    found: dict[str, list[Group]] = {}
    for dataset in datasets:
        same = [group for group in known if str(group.config.get("dataset", "")) == dataset]
        configs = [
            {name: value for name, value in group.config.items() if name not in (*across, "dataset")} for group in same
        ]
        for group, label in zip(same, labels_of(configs, [""] * len(same)), strict=True):
            tell = len(datasets) > 1 and "dataset" not in across
            name = f"{label} {dataset_name(dataset)}" if tell else label
            found.setdefault(name, []).append(group)
    heads = [Group(label, parts[0].method, parts[0].members) for label, parts in found.items()]
    return [
        Series(head.label, head.method, tuple(parts), look)
        for head, parts, look in zip(heads, found.values(), looks(heads), strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Family:
    """Groups of one method on one data set, by what they have changed against their base.

    Attributes
    ----------
    label, method : str
    base : Group
        The one with the most common values.
    changed : tuple of (Group, dict)
        Each other group with the options, flat, in which it differs from the base: name to (value, the base's value);
        None for an option that is not set.
    """

    label: str
    method: str
    base: Group
    changed: tuple[tuple[Group, dict[str, tuple[Any, Any]]], ...]


def families_of(groups: Sequence[Group], ignored: Sequence[str]) -> list[Family]:
    """Put groups of known options into families, each a method on a data set with two groups at least.

    Parameters
    ----------
    groups : sequence of Group
    ignored : sequence of str
        Options that tell no group from another.
    """
    found: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        if group.config:
            found.setdefault((group.method, str(group.config.get("dataset", ""))), []).append(group)
    several = len({dataset for _, dataset in found}) > 1
    families = []
    for (method, dataset), members in found.items():
        if len(members) < 2:
            continue
        options = [flat(group.config) for group in members]
        names = [name for name in dict.fromkeys(key for one in options for key in one) if name not in ignored]
        common = {name: _most_common([one.get(name) for one in options]) for name in names}
        away = [{n: one.get(n) for n in names if repr(one.get(n)) != repr(common[n])} for one in options]
        nearest = min(range(len(members)), key=lambda i: (len(away[i]), sum("parts." in name for name in options[i])))
        base = options[nearest]
        changed = tuple(
            (group, {n: (one.get(n), base.get(n)) for n in names if repr(one.get(n)) != repr(base.get(n))})
            for i, (group, one) in enumerate(zip(members, options, strict=True))
            if i != nearest
        )
        label = method_name(method) + (f" {dataset_name(dataset)}" if several else "")
        families.append(Family(label, method, members[nearest], changed))
    return families


def is_number(value: Any) -> bool:
    """Whether an option's value is a number, and no switch."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _most_common(values: list[Any]) -> Any:
    """Return the most common value; of equally common ones that of an option not set, or the first."""
    counts = Counter(repr(value) for value in values)
    most = max(counts.values())
    candidates = [value for value in values if counts[repr(value)] == most]
    return None if None in candidates else candidates[0]
