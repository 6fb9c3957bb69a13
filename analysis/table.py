"""The tidy table of measures: made column by column, put in order, taken up again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from netsparse.analysis.costs import REFUSED
from netsparse.analysis.jobs import FAILED, NULL_MODELS, NullValues, Part, Unit
from netsparse.analysis.registry import MEASURES, Measure
from netsparse.analysis.significance import significance
from netsparse.errors import NetsparseError

_FIRST = ["run", "epoch", "scope", "layer", "measure", "value"]
_LAST = ["standard_error", "group", "node", "reason"]
COLUMNS = [*_FIRST, *_LAST]
NULL_COLUMNS = ["null_mean", "null_sd", "z", "p", "er_mean", "er_sd", "er_z", "er_p"]

# Of one row's comparison with null models, by place in the unit's list of parts.
_NO_NULLS = (np.nan,) * len(NULL_COLUMNS)
_ALONE = "no null model has a value to compare with"

# What one unit gave: its parts, and its null models' values by kind and number of the first.
Nulls = Mapping[tuple[str, int, int], NullValues]


def columns(nulls: int) -> list[str]:
    """Return the columns of a table with or without null models."""
    return [*_FIRST, *(NULL_COLUMNS if nulls else []), *_LAST]


def make_table(units: Iterable[tuple[Unit, Sequence[Part], Nulls]], nulls: int, seed: int) -> pd.DataFrame:
    """Make the table of what units gave, in their order.

    Parameters
    ----------
    units : iterable of (Unit, list of Part, null models' values)
    nulls : int
        Null models of each kind.
    seed : int
        Kept beside ``nulls`` in the table's ``attrs``.
    """
    runs: list[tuple[str, int | None, str]] = []
    parts: list[Part] = []
    compared: list[tuple[float, ...]] = []
    for unit, own, null_values in units:
        if nulls:
            numbers_of_own = [_compare(part, null_values, nulls) for part in own]
            compared += numbers_of_own
            own = [_told(part, numbers) for part, numbers in zip(own, numbers_of_own, strict=True)]
        parts += own
        runs += [(unit.run, unit.epoch, unit.layer)] * len(own)
    lengths = np.array([np.size(part.value) for part in parts], np.int64)
    by_node = np.array([np.ndim(part.value) for part in parts], bool)
    starts = np.cumsum(lengths) - lengths
    values = np.concatenate([np.atleast_1d(part.value) for part in parts] or [np.empty(0)]).astype(np.float64)
    node = np.arange(len(values)) - np.repeat(starts, lengths)
    epochs = np.array([-1 if epoch is None else epoch for _, epoch, _ in runs], np.int64)
    table: dict[str, Any] = {
        "run": _text([run for run, _, _ in runs], lengths),
        "epoch": _integers(np.repeat(epochs, lengths), np.repeat([epoch is None for _, epoch, _ in runs], lengths)),
        "scope": _text([part.scope for part in parts], lengths),
        "layer": _text([layer for _, _, layer in runs], lengths),
        "measure": _text([part.measure for part in parts], lengths),
        "value": values,
    }
    if nulls:
        numbers = np.array(compared, np.float64).reshape(-1, len(NULL_COLUMNS))
        table |= {name: np.repeat(numbers[:, i], lengths) for i, name in enumerate(NULL_COLUMNS)}
    table |= {
        "standard_error": np.repeat(np.array([part.standard_error for part in parts], np.float64), lengths),
        "group": _text([part.group for part in parts], lengths),
        "node": _integers(node, np.repeat(~by_node, lengths)),
        "reason": _text(
            [part.reason for part in parts], lengths, empty=np.repeat(by_node, lengths) & np.isfinite(values)
        ),
    }
    made = pd.DataFrame(table, copy=False)
    made.attrs = {"seed": seed, "nulls": nulls}
    return made


def _text(texts: Sequence[str], lengths: np.ndarray, empty: np.ndarray | None = None) -> Any:
    """Repeat texts, as numbers of the different ones; empty where it is said."""
    numbers: dict[str, int] = {"": 0}
    codes = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int64)
    codes = np.repeat(codes, lengths)
    if empty is not None:
        codes[empty] = 0
    return pd.Series(list(numbers), dtype=str).array.take(codes)


def _integers(values: np.ndarray, missing: np.ndarray) -> Any:
    missing = np.asarray(missing, bool)
    return pd.arrays.IntegerArray(np.where(missing, 1, values).astype(np.int64), missing)


def _told(part: Part, numbers: tuple[float, ...]) -> Part:
    """Give the reason where a number has null models, but none of them a value."""
    alone = part.of in ("graph", "group") and np.isfinite(part.value) and np.isnan(numbers).all()
    return part._replace(reason=_ALONE) if alone else part


def _compare(part: Part, null_values: Nulls, nulls: int) -> tuple[float, ...]:
    """Compare a number with those of the null models of each kind."""
    if part.of not in ("graph", "group") or not null_values:
        return _NO_NULLS
    numbers: list[float] = []
    for kind in NULL_MODELS:
        found = np.full(nulls, np.nan)
        for (of_kind, start, stop), values in null_values.items():
            place = (part.measure, part.of, part.group)
            if of_kind == kind and place in values:
                found[start:stop] = values[place]
        numbers += significance(part.value, found[np.isfinite(found)])
    return tuple(numbers)


class Done:
    """A table of what was measured before, that is to be completed.

    Parameters
    ----------
    table : pandas.DataFrame
        As `measure` gave it, with its ``attrs``. What failed counts as not measured.
    nulls, seed : int
        What is asked for now.
    force : bool
        Whether what was refused counts as not measured, too.

    Raises
    ------
    NetsparseError
        If it is no such table, or was made with another seed or number of null models.
    """

    def __init__(self, table: pd.DataFrame, nulls: int, seed: int, force: bool = False) -> None:
        if not isinstance(table, pd.DataFrame) or not set(_FIRST) <= set(table.columns):
            raise NetsparseError(f"what is done is a table of measures; this has not the columns {', '.join(_FIRST)}")
        told = {name: table.attrs.get(name) for name in ("seed", "nulls")}
        if None in told.values():
            raise NetsparseError(
                "the table does not say with what seed and how many null models it was made (those of netsparse 0.1.0 "
                "do not), so it cannot be completed; measure anew: netsparse measure RUN --out RUN/measures.parquet"
            )
        for name, asked in (("seed", seed), ("nulls", nulls)):
            if told[name] != asked:
                raise NetsparseError(
                    f"the table was made with {name}={told[name]}, now {name}={asked} is asked for; use the same or "
                    "another table"
                )
        if "reason" not in table:
            table = table.assign(reason="")
        table = table.reindex(columns=columns(nulls))
        missing = (FAILED, REFUSED) if force else FAILED
        self.table = table[~table["reason"].str.startswith(missing)]
        rows = _Rows.of(self.table)
        self._present = np.zeros((len(rows.units), len(rows.measures)), bool)
        self._present[rows.unit, rows.measure] = True
        self._units = {unit: i for i, unit in enumerate(rows.units)}
        self._measures = {measure: i for i, measure in enumerate(rows.measures)}

    def missing(self, unit: Unit, measures: Iterable[Measure]) -> list[Measure]:
        """Return the measures that are not in the table; those of a run's metrics, which grow, never are."""
        if unit.scope == "run":
            return list(measures)
        place = self._units.get(unit.key)
        if place is None:
            return list(measures)
        column, present = self._measures, self._present[place]
        return [m for m in measures if (i := column.get((m.name, m.of))) is None or not present[i]]

    def complete(
        self, new: pd.DataFrame, plan: Sequence[tuple[Unit, Sequence[Measure]]], keep: bool = True
    ) -> pd.DataFrame:
        """Return old and new rows in the order of the plan; what it does not name comes behind it, or not at all."""
        attrs, old = new.attrs, self.table
        renewed = {(unit.run, m.name) for unit, measures in plan if unit.scope == "run" for m in measures}
        if renewed:
            known = np.array(old["measure"].isin({name for _, name in renewed}), bool)
            pairs = old.loc[known, ["run", "measure"]].itertuples(index=False, name=None)
            known[known] = [pair in renewed for pair in pairs]
            old = old[~known]
        # an empty table would lend its types to what is joined to it
        both = [table for table in (old, new) if len(table)] or [new]
        table = pd.concat(both, ignore_index=True) if len(both) > 1 else both[0]
        rows = _Rows.of(table)
        place = _places(rows, plan)
        ranks = {unit.key: i for i, (unit, _) in enumerate(plan)}
        behind = len(plan) + int(place.max(initial=0)) + 1  # what the plan does not name, by its first row
        of_unit = np.array([ranks.get(unit, behind + i) for i, unit in enumerate(rows.units)], np.int64)
        of_row = place[rows.unit, rows.measure]
        first = pd.factorize(rows.unit * len(rows.measures) + rows.measure)[0]
        order = np.lexsort((np.where(of_row < 0, behind + first, of_row), of_unit[rows.unit]))  # which is stable
        if not keep:
            order = order[of_row[order] >= 0]
        table = table.iloc[order].reset_index(drop=True)
        table.attrs = attrs
        return table


def _places(rows: _Rows, plan: Sequence[tuple[Unit, Sequence[Measure]]]) -> np.ndarray:
    """Return the place of each measure (columns) among those that the plan names of a unit (rows); −1 of others."""
    numbers = {unit: i for i, unit in enumerate(rows.units)}
    columns = {measure: i for i, measure in enumerate(rows.measures)}
    place = np.full((len(rows.units), len(rows.measures)), -1, np.int64)
    for unit, measures in plan:
        if (i := numbers.get(unit.key)) is not None:
            for j, measure in enumerate(measures):
                if (column := columns.get((measure.name, measure.of))) is not None:
                    place[i, column] = j
    return place


class _Rows(NamedTuple):
    """What each row of a table belongs to, as numbers: a long table has a million rows.

    Attributes
    ----------
    unit, measure : numpy.ndarray of int64, shape (n,)
        Places in ``units`` and ``measures``, both in the order of their first row.
    units : list of tuple of str
        As `Unit.key`.
    measures : list of (str, str)
        Name, and what it is of.
    """

    unit: np.ndarray
    measure: np.ndarray
    units: Sequence[tuple[str, ...]]
    measures: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Rows:
        scope = table["scope"].where(table["scope"].isin(["group", "node"]), "graph")
        of_run = table["measure"].isin([name for name, own in MEASURES.items() if own[0].of == "run"]).to_numpy(bool)
        measure, first = _numbered([table["measure"], scope])
        kinds = zip(table["measure"].iloc[first], scope.iloc[first], of_run[first], strict=True)
        measures = [(name, "run" if is_run else of) for name, of, is_run in kinds]
        unit, first = _numbered(
            [table["run"], pd.Series(of_run), table["epoch"].mask(of_run), table["layer"].mask(of_run)]
        )
        names = table[["run", "epoch", "layer"]].iloc[first].itertuples(index=False, name=None)
        units = [
            (run, "run") if is_run else (run, str(None if epoch is pd.NA else epoch), layer)
            for (run, epoch, layer), is_run in zip(names, of_run[first], strict=True)
        ]
        return cls(unit, measure, units, measures)


def _numbered(columns: Sequence[pd.Series]) -> tuple[np.ndarray, np.ndarray]:
    """Give the different rows numbers by their first ones; return each row's, and the first row of each."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        own, distinct = pd.factorize(column, use_na_sentinel=False)
        codes = codes * len(distinct) + own
    codes, _ = pd.factorize(codes)
    return codes, np.unique(codes, return_index=True)[1]
