"""What the page knows: everything but its looks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.colors import to_hex

from netsparse.figures.disks import COMMUNITY_COLOURS
from netsparse.figures.labels import dataset_name
from netsparse.figures.report.curves import curves_by_name, merged, numbers_of, table_of
from netsparse.figures.report.explorable import explorable
from netsparse.figures.report.tables import (
    add_comparison,
    commands,
    configuration,
    key_figures,
    measure_rows,
    measuring,
)
from netsparse.figures.source import Group, Trained, groups_of
from netsparse.figures.style import looks, palette
from netsparse.run import Run

# Characters that all runs' links and places may take, and the least that makes one worth exploring.
BUDGET = 9_000_000
_LEAST = 250_000
_DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}


@dataclass(frozen=True, eq=False)
class Payload:
    """What the page knows.

    Attributes
    ----------
    facts : dict
        Becomes JSON.
    contents : list of str
        The arrays of each run to explore (`netsparse.figures.report.arrays.Arrays`).
    """

    facts: dict[str, Any]
    contents: list[str]


def payload_of(runs: Sequence[Run], meanings: Mapping[str, str], budget: int = BUDGET) -> Payload:
    """Gather what the page knows of runs.

    Parameters
    ----------
    runs : sequence of Run
    meanings : mapping of str to str
        What each measure is, in a line.
    budget : int
        Characters that links and places may take.
    """
    groups = groups_of(runs)
    tables = [numbers_of(group, "scalars") for group in groups]
    curves = [
        merged(curves_by_name(numbers_of(group, "metrics")), curves_by_name(table))
        for group, table in zip(groups, tables, strict=True)
    ]
    rows = [measure_rows(table) for table in tables]
    add_comparison(rows)
    told = [
        {
            "label": group.label,
            "colour": to_hex(look.colour),
            "dash": _DASHES[look.line],
            "runs": [member.name for member in group.members],
            "key": key_figures(group, own),
            "curves": own,
            "measures": own_rows,
        }
        for group, look, own, own_rows in zip(groups, looks(groups), curves, rows, strict=True)
    ]
    unmeasured = [run for run in runs if run.epochs and not run.measures_path.is_file()]
    shown, contents = _explorables(groups, budget)
    used = {row["measure"] for own_rows in rows for row in own_rows} | {name for own in curves for name in own}
    facts = {
        "groups": told,
        "runs": shown,
        "nRuns": sum(len(group.members) for group in groups),
        "unmeasured": len(unmeasured),
        "measuring": measuring(unmeasured[0])["command"] if unmeasured else "",
        "metrics": sorted(_metric_names(groups)),
        "meanings": {name: _plain(text) for name, text in sorted(meanings.items()) if name in used},
        "configuration": configuration(groups),
        "dataset": _dataset(groups),
        "commands": commands(runs),
        "environment": runs[0].environment,
        "communityColours": COMMUNITY_COLOURS,
        "layerColours": [to_hex(colour) for colour in palette(10)],
    }
    return Payload(facts, contents)


def _explorables(groups: Sequence[Group], budget: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the runs that can be explored: all, or the first of each group if the budget is too small for all."""
    members = [(number, member) for number, group in enumerate(groups) for member in group.members]
    if len(members) * _LEAST > budget:
        members = [(number, group.members[0]) for number, group in enumerate(groups)]
    members = members[: max(budget // _LEAST, 1)]
    shown: list[dict[str, Any]] = []
    contents: list[str] = []
    for position, (number, member) in enumerate(members):
        left = budget - sum(map(len, contents))
        found = _explorable(member, left // (len(members) - position))
        if found is None:
            continue
        facts, content = found
        shown.append({"name": member.name, "group": number, **facts})
        contents.append(content)
    return shown, contents


def _explorable(member: Trained, budget: int) -> tuple[dict[str, Any], str] | None:
    found = explorable(member.run, table_of(member, "measures"), budget) if member.run is not None else None
    return None if found is None else (found.facts, found.content)


def _dataset(groups: Sequence[Group]) -> str:
    """Return the name of the data set that all groups were trained on; empty if there are several."""
    names = {str(group.config.get("dataset", "")) for group in groups}
    return dataset_name(names.pop()) if len(names) == 1 else ""


def _plain(meaning: str) -> str:
    """Return a docstring's first line as a description: without marks, pointers and the verb."""
    text = re.sub(r" \(see [^)]*\)", "", meaning).replace("`", "").removeprefix("Give ")
    return text[:1].upper() + text[1:]


def _metric_names(groups: Sequence[Group]) -> set[str]:
    tables = (table_of(member, "metrics") for group in groups for member in group.members)
    return {str(name) for table in tables if table is not None for name in table["metric"].unique()}
