"""Measures before and after training: at the first and at the last epoch that were measured."""

import numpy as np
import pandas as pd

from netsparse.errors import NothingToDrawError
from netsparse.figures.source import Group, first_and_last

FIRST, LAST = "first", "last"


def ends_of(group: Group, column: str = "value") -> pd.DataFrame:
    """Return the measures of a group's networks at both ends: rows (run, measure), columns (layer, end).

    A table of one epoch, or of none (masks of another program), has a last end only. Layer "" is the whole network.

    Parameters
    ----------
    column : str
        Of the table of measures, such as ``null_mean``; without that column there are no rows.
    """
    found = []
    for number, member in enumerate(group.members):
        rows = member.scalars
        if column not in rows or rows.empty:
            continue
        epochs: list[int | None] = list(first_and_last(rows)) if rows["epoch"].notna().any() else [None]
        for end, epoch in zip((FIRST, LAST)[-len(epochs) :], epochs, strict=True):
            at = rows if epoch is None else rows[rows["epoch"] == epoch]
            found.append(at.assign(run=number, end=end))
    if not found:
        return pd.DataFrame()
    keys = ["run", "measure", "layer", "end"]
    table = pd.concat(found).drop_duplicates(keys, keep="last").set_index(keys)[column]
    return table.replace([np.inf, -np.inf], np.nan).unstack(["layer", "end"])  # noqa: PD010 pivot_table would drop what is NaN


def told_ends(groups: list[Group]) -> tuple[str, str]:
    """Return what to call the first and the last epoch: their numbers, where they are the same in all runs.

    Empty where none is known, as of masks of another program.
    """
    epochs = set()
    for group in groups:
        for member in group.members:
            try:
                found = first_and_last(member.scalars)
                epochs.add((found[0], found[-1]))
            except NothingToDrawError:
                epochs.add((-1, -1))
    if epochs == {(-1, -1)}:
        return "", ""
    if len(epochs) == 1 and -1 not in (only := epochs.pop()):
        return f"epoch {only[0]}", f"epoch {only[1]}"
    return "first epoch", "last epoch"


def runs_of(table: pd.DataFrame, measure: str, layer: str, end: str) -> np.ndarray:
    """Return a measure of each run at an end of `ends_of`; NaN where it is missing."""
    if table.empty or (layer, end) not in table.columns or measure not in table.index.get_level_values("measure"):
        return np.full(1, np.nan)
    return table.xs(measure, level="measure")[(layer, end)].to_numpy(float)
