"""The page's tables: measures at the first and the last epoch, key figures, configurations, commands."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from netsparse.figures.labels import flat
from netsparse.figures.outcomes import SECONDS, outcome
from netsparse.figures.report.curves import Curves, rounded, table_of
from netsparse.figures.source import Group
from netsparse.harmless import visible
from netsparse.run import Run

# What the measures' table tells of chance: prefix of its columns -> what the page calls the null model.
NULLS = {"null_": "same degrees", "er_": "Erdős–Rényi"}


def measure_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row for each measure of the network and of each layer: first and last epoch, and chance at the last.

    Parameters
    ----------
    table : pandas.DataFrame
        Of one group of runs (`netsparse.figures.report.curves.numbers_of`).

    Returns
    -------
    list of dict
        ``measure``, ``layer``, ``epochs``; ``first`` and ``last`` are the means over the runs, ``values`` the last
        value of each; ``error`` the standard error of the last; ``chance`` a dict by null model of ``mean``, ``z`` and
        ``p`` of the runs that were compared with it; ``reason`` why there is no last value.
    """
    if table.empty:
        return []
    rows = []
    for (name, layer), part in table.groupby(["name", "layer"], sort=False):
        epochs = sorted({int(part["epoch"].min()), int(part["epoch"].max())})
        first, last = (part[part["epoch"] == epoch] for epoch in (epochs[0], epochs[-1]))
        reasons = [str(reason) for reason in last.get("reason", []) if isinstance(reason, str) and reason]
        rows.append(
            {
                "measure": str(name),
                "layer": str(layer),
                "epochs": epochs,
                "first": _mean(first["value"]),
                "last": _mean(last["value"]),
                "values": rounded(last["value"].astype(float), 6),
                "error": _mean(last["standard_error"]) if "standard_error" in last and len(last) == 1 else None,
                "chance": {model: found for prefix, model in NULLS.items() if (found := _chance(last, prefix))},
                "reason": reasons[0] if reasons else "",
            }
        )
    return rows


def _mean(values: pd.Series) -> float | None:
    finite = values.astype(float).dropna()
    return rounded([float(finite.mean())], 6)[0] if len(finite) else None


def _chance(rows: pd.DataFrame, prefix: str) -> dict[str, Any] | None:
    z, p = f"{prefix}z" if prefix != "null_" else "z", f"{prefix}p" if prefix != "null_" else "p"
    if p not in rows or not rows[p].notna().any():
        return None
    some = rows[rows[p].notna()]
    return {"mean": _mean(some[f"{prefix}mean"]), "z": rounded(some[z], 4), "p": rounded(some[p], 4)}


def add_comparison(rows: Sequence[list[dict[str, Any]]]) -> None:
    """Add to the rows of all groups but the first ``against``: p of Welch's t-test of the last values with the first's.

    Where both have two runs or more; it is not corrected for the number of measures.
    """
    reference = {(row["measure"], row["layer"]): row["values"] for row in rows[0]} if rows else {}
    for others in rows[1:]:
        for row in others:
            mine, other = (
                np.array([value for value in values if value is not None])
                for values in (row["values"], reference.get((row["measure"], row["layer"]), []))
            )
            if len(mine) > 1 and len(other) > 1 and np.ptp(mine) + np.ptp(other) > 1e-9 * np.abs([*mine, *other]).max():
                ends = [(own.mean(), own.std(ddof=1), len(own)) for own in (mine, other)]
                test = stats.ttest_ind_from_stats(*ends[0], *ends[1], equal_var=False)
                row["against"] = rounded([float(test.pvalue)], 4)[0]


def key_figures(group: Group, curves: Curves) -> dict[str, Any]:
    """Return what is told of a group first.

    ``accuracy`` and ``aae`` in per cent and ``seconds`` are lists of one number a run; ``anp`` and ``links`` the mean
    at the first and the last epoch, None where they are not known; ``neurons`` and ``layers`` those of the first run.
    """
    found: dict[str, Any] = {"accuracy": [], "aae": [], "seconds": [], "epochs": 0}
    for member in group.members:
        table = table_of(member, "metrics")
        if table is None or table.empty:
            continue
        for name in ("accuracy", "aae"):
            value = outcome(member, name)
            found[name] += rounded([value], 6) if np.isfinite(value) else []
        whole = table[table["layer"] == ""]
        found["seconds"] += rounded([float(whole[whole["metric"].isin(SECONDS)]["value"].sum())], 5)
        found["epochs"] = max(found["epochs"], int(table["epoch"].max()))
    found["anp"] = _ends(curves, "anp_rate")
    found["links"] = _ends(curves, "n_links") or _links(curves)
    run = group.members[0].run
    if run is not None and run.epochs:
        first, last = run.snapshot(run.epochs[0]), run.snapshot(-1)
        found |= {"neurons": sum(first.groups.values()), "layers": len(first.layers)}
        found["links"] = found["links"] or [first.n_links, last.n_links]
    return found


def _ends(curves: Curves, name: str) -> list[float] | None:
    curve = curves.get(name, {}).get("")
    return [curve["mean"][0], curve["mean"][-1]] if curve else None


def _links(curves: Curves) -> list[float] | None:
    own = [curve["mean"] for curve in curves.get("links", {}).values()]
    return [sum(values[0] for values in own), sum(values[-1] for values in own)] if own else None


def configuration(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return a row for each option: its value in each group, all seeds' if they differ, and whether groups differ.

    Examples
    --------
    >>> import tempfile
    >>> from netsparse.figures.source import groups_of
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run.create(folder)
    ...     run.write_config({"method": "cht", "parts": {"percolation": False}})
    ...     [row["option"] for row in configuration(groups_of(run))]
    ['method', 'parts.percolation']
    """
    by_group = [[flat(member.config) for member in group.members] for group in groups]
    names = dict.fromkeys(name for configs in by_group for config in configs for name in config)
    rows = []
    for name in names:
        values = [", ".join(dict.fromkeys(_told(config.get(name)) for config in configs)) for configs in by_group]
        rows.append({"option": name, "values": values, "differs": len(set(values)) > 1})
    return rows


def _told(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def commands(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Return the commands that made the first run, train it again, and make what is seen: ``what`` and ``command``."""
    run = runs[0]
    made = run.environment.get("command")
    found = []
    if isinstance(made, list) and made:
        found.append({"what": "Trained by", "command": _quoted([Path(str(made[0])).name, *map(str, made[1:])])})
    if (run.path / "config.toml").is_file():
        found.append(_command("Train it again", "train", "--config", str(run.path / "config.toml")))
    if run.epochs:
        ends = ",".join(map(str, dict.fromkeys([run.epochs[0], run.epochs[-1]])))
        chance = ("--nulls", "100", "--epochs", ends, "--out", str(run.measures_path))
        found += [
            measuring(run),
            _command("Compare with chance, in place of its measures", "measure", str(run.path), *chance),
            _command("Film the percolation", "film", str(run.path)),
        ]
    return [
        *found,
        _command("Redraw the figures", "figures", *_paths(runs)),
        _command("Make this page again", "report", *_paths(runs)),
    ]


def measuring(run: Run) -> dict[str, str]:
    """Return the command that makes a run's table of measures."""
    return _command("Measure every snapshot", "measure", str(run.path), "--out", str(run.measures_path))


def _paths(runs: Sequence[Run]) -> list[str]:
    """Return what to name on the command line: the runs, or the folder that holds them and no others."""
    folder = runs[0].path.parent
    inside = {run.path.resolve() for run in runs}
    if len(runs) > 1 and {run.path.resolve() for run in Run.find(folder)} == inside:
        return [str(folder)]
    return [str(run.path) for run in runs]


def _command(what: str, *words: str) -> dict[str, str]:
    return {"what": what, "command": _quoted(["netsparse", *words])}


def _quoted(words: Sequence[str]) -> str:
    """Return a command for a shell; what is seen of it is what is copied."""
    return shlex.join(map(visible, words))
