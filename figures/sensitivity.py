"""How sensitive a method is to its numbers: update fraction, interval, learning rate, weight decay, and others."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import legend, limits, name_ticks
from netsparse.figures.labels import NEVER_TOLD
from netsparse.figures.outcomes import (
    Family,
    families_of,
    having,
    is_number,
    mean_sd,
    outcomes,
    told_runs,
)
from netsparse.figures.source import Group, Source
from netsparse.figures.style import PAGE, Look, axes_for, looks, plain, style

# The sparsity has a figure of its own.
_IGNORED = (*NEVER_TOLD, "method", "dataset", "sparsity", "parts.name", "parts.summary")
_NAMES = {
    "zeta": "update fraction ζ",
    "update_interval": "update interval",
    "lr": "learning rate",
    "scale": "width scale",
    "early_stop": "early-stop overlap",
}


class _Sweep(NamedTuple):
    """The groups of a family that differ from its base in one number alone, by its value."""

    family: Family
    look: Look
    by_value: dict[float, Group]


def sensitivity(source: Source, ax: Axes | None = None, options: Sequence[str] | None = None) -> Figure:
    """Accuracy (bars) and ANP rate (dots below) as one number of a method changes and all else stays.

    A panel an option with two values at least; bars of the same colour are the same method and data set. Several seeds
    are their mean with error bars of one standard deviation.

    Parameters
    ----------
    source : sequence of Run
        Runs that differ in numbers, such as ``zeta`` or ``lr``.
    ax : matplotlib.axes.Axes, optional
        Where to draw the accuracy over the first of the options alone.
    options : sequence of str, optional
        Names of options of `netsparse train`. Default: all that differ.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells ``accuracy`` and ``anp`` (per cent) at each value.

    Raises
    ------
    NothingToDrawError
        If no two runs of a method differ in such a number alone, or their options are not known.

    Examples
    --------
    >>> import tempfile, pathlib, pandas as pd
    >>> from netsparse import Run
    >>> metrics = pd.DataFrame({"epoch": [1], "layer": "", "metric": "test_accuracy", "value": [0.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     runs = [Run.create(pathlib.Path(folder) / str(value)) for value in (0.1, 0.3)]
    ...     for run, value in zip(runs, (0.1, 0.3)):
    ...         run.write_metrics(metrics)
    ...         run.write_config({"method": "cht", "dataset": "digits", "zeta": value})
    ...     print(sensitivity(runs))
    Figure(...x...)
    """
    groups = [group for group, _ in having(source, lambda member: member.metrics)]
    groups = [group for group in groups if np.isfinite(outcomes(group, "accuracy")).any()]
    sweeps = _sweeps(groups)
    chosen = [name for name in sweeps if options is None or name in options]
    if not chosen:
        raise NothingToDrawError("no two of these groups of runs are of one method and differ in one number alone")
    used = {id(group): group for name in chosen for sweep in sweeps[name] for group in sweep.by_value.values()}
    with_anp = ax is None and any(np.isfinite(outcomes(group, "anp")).any() for group in used.values())
    bounds = [
        mean + k * sd for group in used.values() for mean, sd in [mean_sd(outcomes(group, "accuracy"))] for k in (-1, 1)
    ]
    floor, top = limits(bounds, 0, 100.5)
    floor = max(0.0, floor - 0.6 * (top - floor))
    with style():
        if ax is not None:
            figure, grid, chosen = axes_for(ax)[0], np.array([[ax]]), chosen[:1]
        else:
            figure, grid = _grid(len(chosen), with_anp)
        for i, name in enumerate(chosen):
            pair = grid[(1 + with_anp) * (i // grid.shape[1]) :, i % grid.shape[1]][: 1 + with_anp]
            values = sorted({value for sweep in sweeps[name] for value in sweep.by_value})
            for place, sweep in enumerate(sweeps[name]):
                _draw(pair, sweep, values, place, len(sweeps[name]))
            pair[0].set(ylim=(floor, top), title=plain(_name(name)))
            for panel in pair:
                panel.set_xticks(range(len(values)), [])
                panel.set_xlim(-0.6, len(values) - 0.4)
                panel.grid(axis="x", visible=False)
            name_ticks(pair[-1], range(len(values)), [f"{value:g}" for value in values])
            if i % grid.shape[1] == 0:
                pair[0].set_ylabel("test accuracy (%)")
                if with_anp:
                    pair[1].set_ylabel("ANP (%)")
        families = {sweep.family.label: sweep.look for name in chosen for sweep in sweeps[name]}
        if len(families) > 1:
            handles = [grid[0, 0].bar(0, 0, color=look.colour, label=plain(label)) for label, look in families.items()]
            legend(figure, grid[0, 0], ax, handles)
    numbers: dict[str, float] = {}
    for name in chosen:
        for sweep in sweeps[name]:
            for value, group in sorted(sweep.by_value.items()):
                where = f"{sweep.family.label}, {name} {value:g}"
                numbers |= {f"{where}, {kind}": mean_sd(outcomes(group, kind))[0] for kind in ("accuracy", "anp")}
    lower = " Below: the ANP rate." if with_anp else ""
    whose = ", ".join(families)
    told = "; ".join(f"{_name(name)} {_range(sweeps[name])}" for name in chosen)
    text = f"Test accuracy of {whose} at the end of training as one number changes: {told}."
    text += f"{lower} The axis of the accuracy starts at {floor:.0f} %."
    return tell(figure, ax, text + told_runs(list(used.values()), "Bars are means", "error bars"), numbers)


def _sweeps(groups: list[Group]) -> dict[str, list[_Sweep]]:
    """Return, by option, the groups that differ from their family's base in that number alone, with the base."""
    families = families_of(groups, _IGNORED)
    heads = looks([Group(family.label, family.method, family.base.members) for family in families])
    found: dict[str, list[_Sweep]] = {}
    for family, look in zip(families, heads, strict=True):
        own: dict[str, dict[float, Group]] = {}
        for group, changed in family.changed:
            if len(changed) != 1:
                continue
            ((option, (value, usual)),) = changed.items()
            if is_number(value) and is_number(usual):
                own.setdefault(option, {float(usual): family.base})[float(value)] = group
        for option, by_value in own.items():
            found.setdefault(option, []).append(_Sweep(family, look, by_value))
    return found


def _name(option: str) -> str:
    return _NAMES.get(option, option.removeprefix("parts.").replace("_", " "))


def _range(sweeps: list[_Sweep]) -> str:
    """Return the least and the greatest accuracy, and at which values."""
    found = [(mean_sd(outcomes(g, "accuracy"))[0], value) for sweep in sweeps for value, g in sweep.by_value.items()]
    (low, at_low), (high, at_high) = min(found), max(found)
    return f"{low:.1f} % (at {at_low:g}) to {high:.1f} % (at {at_high:g})"


def _grid(n: int, with_anp: bool) -> tuple[Figure, np.ndarray]:
    """Return axes in columns of an option each, an ANP panel under each if there is one."""
    columns = min(n, 4)
    blocks = -(-n // columns)
    ratios = [2.0, 1.0][: 1 + with_anp] * blocks
    figure = Figure(figsize=(PAGE * max(columns, 2) / 4, (1.7 + 0.8 * with_anp) * blocks), layout="constrained")
    grid = figure.subplots(len(ratios), columns, squeeze=False, sharey="row", height_ratios=ratios)
    for i in range(n, blocks * columns):
        for panel in grid[(1 + with_anp) * (i // columns) :, i % columns][: 1 + with_anp]:
            panel.remove()
    return figure, grid


def _draw(pair: np.ndarray, sweep: _Sweep, values: list[float], place: int, n: int) -> None:
    width = 0.8 / n
    there = [x for x, value in enumerate(values) if value in sweep.by_value]
    groups = [sweep.by_value[values[x]] for x in there]
    places = np.array(there, float) + (place - (n - 1) / 2) * width
    for panel, name in zip(pair, ("accuracy", "anp"), strict=False):
        means, sds = (np.array(part) for part in zip(*(mean_sd(outcomes(g, name)) for g in groups), strict=True))
        bars = sds if sds.any() else None
        if name == "accuracy":
            panel.bar(places, means, 0.9 * width, yerr=bars, color=sweep.look.colour, error_kw={"elinewidth": 0.8})
        else:
            panel.errorbar(places, means, bars, fmt="o", ms=3.5, color=sweep.look.colour, elinewidth=0.8)
            panel.set_ylim(0, 104)
