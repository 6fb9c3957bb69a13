"""The tidy table of measures: made column by column, put in order, taken up again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
        table = table.reindex(columns=columns(nulls))
        missing = (FAILED, REFUSED) if force else FAILED
        self.table = table[~table["reason"].str.startswith(missing)]
        self.present: dict[tuple[str, ...], set[tuple[str, str]]] = {}
        for unit, measure in _keys(self.table)[1]:
            self.present.setdefault(unit, set()).add(measure)

    def missing(self, unit: Unit, measures: Iterable[Measure]) -> list[Measure]:
        """Return the measures that are not in the table; those of a run's metrics, which grow, never are."""
        if unit.scope == "run":
            return list(measures)
        found = self.present.get(unit.key, set())
        return [measure for measure in measures if (measure.name, measure.of) not in found]

    def complete(
        self, new: pd.DataFrame, plan: Sequence[tuple[Unit, Sequence[Measure]]], keep: bool = True
    ) -> pd.DataFrame:
        """Return old and new rows in the order of the plan; what it does not name comes behind it, or not at all."""
        attrs, old = new.attrs, self.table
        renewed = {(unit.run, m.name) for unit, measures in plan if unit.scope == "run" for m in measures}
        if renewed:
            known = [pair in renewed for pair in zip(old["run"], old["measure"], strict=True)]
            old = old[~np.array(known, bool)]
        # an empty table would lend its types to what is joined to it
        both = [table for table in (old, new) if len(table)] or [new]
        table = pd.concat(both, ignore_index=True) if len(both) > 1 else both[0]
        codes, keys = _keys(table)
        units = {unit.key: i for i, (unit, _) in enumerate(plan)}
        places = {
            (unit.key, (measure.name, measure.of)): j for unit, measures in plan for j, measure in enumerate(measures)
        }
        last = len(units) + len(places) + len(keys)
        new_units = dict.fromkeys(unit for unit, _ in keys if unit not in units)
        units |= {unit: last + i for i, unit in enumerate(new_units)}
        ranks = np.array(
            [(units[unit], places.get((unit, measure), last + i)) for i, (unit, measure) in enumerate(keys)], np.int64
        ).reshape(-1, 2)
        order = np.lexsort((ranks[:, 1], ranks[:, 0]))
        rank = np.empty(len(keys), np.int64)
        rank[order] = np.arange(len(keys))
        rows = np.argsort(rank[codes], kind="stable")
        if not keep:
            named = np.array([key in places for key in keys], bool)
            rows = rows[named[codes[rows]]]
        table = table.iloc[rows].reset_index(drop=True)
        table.attrs = attrs
        return table


def _keys(table: pd.DataFrame) -> tuple[np.ndarray, list[tuple[tuple[str, ...], tuple[str, str]]]]:
    """Give a number to each unit's measure in a table: each row's number, and what each number stands for."""
    names = ["run", "epoch", "layer", "scope", "measure"]
    if not len(table):
        return np.empty(0, np.int64), []
    codes = np.zeros(len(table), np.int64)
    for name in names:
        own, distinct = pd.factorize(table[name], use_na_sentinel=False)
        codes = codes * len(distinct) + own
    codes, _ = pd.factorize(codes)
    first = table[names].iloc[np.unique(codes, return_index=True)[1]]
    keys: list[tuple[tuple[str, ...], tuple[str, str]]] = []
    for run, epoch, layer, scope, measure in first.itertuples(index=False, name=None):
        if measure in MEASURES and MEASURES[measure][0].of == "run":
            keys.append(((run, "run"), (measure, "run")))
        else:
            of = scope if scope in ("group", "node") else "graph"
            keys.append(((run, str(None if epoch is pd.NA else epoch), layer), (measure, of)))
    return codes, keys
