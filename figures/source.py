"""What figures draw from: runs or tables, one or many, put into groups that differ by more than their seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from netsparse.errors import NetsparseError, NothingToDrawError
from netsparse.figures.labels import SAME_GROUP, labels_of
from netsparse.run import Run

One: TypeAlias = "Run | pd.DataFrame | Trained"
Source: TypeAlias = "One | Sequence[One] | Mapping[str, One | Sequence[One]]"


@dataclass(frozen=True, eq=False)
class Trained:
    """One run, or a table of one.

    Attributes
    ----------
    name : str
        The run's name; may be empty.
    run : Run, optional
    table : pandas.DataFrame, optional
        In place of the run: its metrics or its measures.
    """

    name: str
    run: Run | None = None
    table: pd.DataFrame | None = None

    @cached_property
    def config(self) -> dict[str, Any]:
        """The run's options; empty if they are not known."""
        return self.run.config if self.run is not None else {}

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The training metrics: columns epoch, layer, metric, value."""
        if self.run is not None and not self.run.metrics_path.is_file():
            raise NothingToDrawError(
                f"{self.run.path} has no metrics.parquet: no epoch of a training run was finished there"
            )
        return _checked(self.table if self.run is None else self.run.metrics, "metrics", "metric")

    @cached_property
    def measures(self) -> pd.DataFrame:
        """The table of measures: columns run, epoch, scope, layer, measure, value, group, node, reason."""
        if self.run is not None and not self.run.measures_path.is_file():
            raise NothingToDrawError(
                f"{self.run.path} has no measures.parquet; make it with: "
                f"netsparse measure {self.run.path} --out {self.run.measures_path} "
                "(all runs of a sweep: netsparse sweep CONFIG --measure)"
            )
        return _checked(self.table if self.run is None else self.run.measures, "measures", "measure", "scope")

    @cached_property
    def scalars(self) -> pd.DataFrame:
        """The measures of the network and of its layers, those of neurons and of their groups left out."""
        return self.measures[self.measures["scope"].isin(["layer", "network"])]


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ by their seed alone.

    Attributes
    ----------
    label : str
        What tells it from the other groups, as legends and axes show it.
    method : str
        Name of its training method; empty if it is not known.
    members : tuple of Trained
    """

    label: str
    method: str
    members: tuple[Trained, ...]

    @property
    def config(self) -> dict[str, Any]:
        """The options of its first run."""
        return self.members[0].config


def groups_of(source: Source) -> list[Group]:
    """Put runs or tables into groups: those whose options differ by the seed alone, in the order of their first.

    Parameters
    ----------
    source : Run, pandas.DataFrame, sequence of these, or mapping of labels to these
        A table with a column ``run`` that holds several is as many tables. A mapping says the groups itself. Tables
        have no options: each is a group.

    Raises
    ------
    NetsparseError
        If something is neither a run nor a table, or there is none.

    Examples
    --------
    >>> table = pd.DataFrame({"run": ["a", "b"], "epoch": 0, "measure": "density", "value": 0.1})
    >>> [group.label for group in groups_of(table)]
    ['a', 'b']
    """
    if isinstance(source, Mapping):
        said = [(str(label), tuple(_members(part))) for label, part in source.items()]
        groups = [Group(label, _method(members), members) for label, members in said if members]
    else:
        found: dict[str, list[Trained]] = {}
        for number, member in enumerate(_members(source)):
            found.setdefault(_key(member, number), []).append(member)
        together = list(found.values())
        names = [members[0].name for members in together]
        if len(together) > 1:
            names = [name or f"table {number}" for number, name in enumerate(names, 1)]
        labels = labels_of([members[0].config for members in together], names)
        groups = [
            Group(label, _method(members), tuple(members)) for label, members in zip(labels, together, strict=True)
        ]
    if not groups:
        raise NetsparseError("a figure needs at least one run or table")
    return groups


def folder_of(runs: Sequence[Run]) -> Path:
    """Return where what is drawn of runs goes: into the run, or beside the first of several."""
    return runs[0].path if len(runs) == 1 else runs[0].path.parent


def unfinished(run: Run) -> str:
    """Return "epoch 7 of 15" of a training that has not come to its end; empty if it has, or if that is not known."""
    epochs = run.config.get("epochs")
    if not isinstance(epochs, int) or not run.metrics_path.is_file():
        return ""
    reached = int(run.metrics["epoch"].max()) if len(run.metrics) else 0
    return f"epoch {reached} of {epochs}" if reached < epochs else ""


def _members(source: One | Sequence[One]) -> list[Trained]:
    if isinstance(source, Trained):
        return [source]
    if isinstance(source, Run):
        return [Trained(source.name, run=source)]
    if isinstance(source, pd.DataFrame):
        if "run" not in source.columns:
            return [Trained("", table=source)]
        names = list(dict.fromkeys(source["run"]))
        if len(names) < 2:
            return [Trained(names[0] if names else "", table=source)]
        return [Trained(name, table=source[source["run"] == name]) for name in names]
    if isinstance(source, str) or not isinstance(source, Sequence):
        raise NetsparseError(f"a figure is drawn from a Run or a table, or several of them, not a {_kind(source)}")
    return [member for part in source for member in _members(part)]


def _kind(source: object) -> str:
    return type(source).__name__


def _method(members: Sequence[Trained]) -> str:
    return str(members[0].config.get("method", ""))


def _key(member: Trained, number: int) -> str:
    """Return what runs of one group have in common."""
    if not member.config:
        return f"table {number}"
    return json.dumps({name: value for name, value in member.config.items() if name not in SAME_GROUP}, sort_keys=True)


def _checked(table: pd.DataFrame | None, name: str, *columns: str) -> pd.DataFrame:
    missing = [column for column in ("epoch", "layer", *columns, "value") if table is None or column not in table]
    if table is None or missing:
        raise NetsparseError(f"this table has no column '{missing[0]}': it is no table of {name}")
    return table


def first_and_last(table: pd.DataFrame) -> list[int]:
    """Return the first and the last epoch of a table, once if they are the same."""
    epochs = table["epoch"].dropna()
    if not len(epochs):
        raise NothingToDrawError("there are no epochs to compare")
    return sorted({int(epochs.min()), int(epochs.max())})


def layer_names(table: pd.DataFrame) -> list[str]:
    """Return the layers' names in the table's order."""
    return [name for name in dict.fromkeys(table["layer"]) if name]


def value_of(table: pd.DataFrame, measure: str, layer: str, epoch: int) -> float:
    """Return one value of the table of measures, layer "" for the network; NaN if it is not there."""
    scope = "layer" if layer else "network"
    rows = table[
        (table["measure"] == measure)
        & (table["layer"] == layer)
        & (table["scope"] == scope)
        & (table["epoch"] == epoch)
    ]
    return float(rows["value"].iloc[0]) if len(rows) else float("nan")


def curve_of(table: pd.DataFrame, name: str, layer: str = "") -> pd.Series:
    """Return a metric or measure of a layer (or "" of the whole) over the epochs, what is not finite left out."""
    if "metric" in table.columns:
        rows = table[(table["metric"] == name) & (table["layer"] == layer)]
    else:
        scope = "layer" if layer else "network"
        rows = table[(table["measure"] == name) & (table["layer"] == layer) & (table["scope"] == scope)]
    rows = rows[rows["epoch"].notna() & np.isfinite(rows["value"].astype(float))].drop_duplicates("epoch", keep="last")
    return pd.Series(rows["value"].to_numpy(float), index=rows["epoch"].to_numpy(int), name=name).sort_index()


def curves_of(group: Group, kind: str, name: str, layer: str = "") -> pd.DataFrame:
    """Return a curve of each run of a group: epochs × runs.

    Parameters
    ----------
    kind : {"metrics", "measures", "scalars"}
    name, layer
        As of `curve_of`.
    """
    return curves(group, lambda member: curve_of(getattr(member, kind), name, layer))


def curves(group: Group, read: Callable[[Trained], pd.Series]) -> pd.DataFrame:
    """Return what is read as a curve of each run of a group: epochs × runs."""
    return pd.concat([read(member) for member in group.members], axis=1, keys=range(len(group.members))).sort_index()
