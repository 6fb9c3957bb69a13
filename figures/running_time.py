"""Where the time of training goes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import legend
from netsparse.figures.outcomes import SECONDS, having, mean_sd, told_runs
from netsparse.figures.source import Group, Source, curve_of
from netsparse.figures.style import axes_for, style, within

# Of the parts, none of them a method's.
_COLOURS = ("#5e3c99", "#b2abd2", "#4d4d4d", "#bababa")


def running_time(source: Source, ax: Axes | None = None) -> Figure:
    """Seconds an epoch takes, split into training, topology updates, evaluation and snapshots: a bar a group of runs.

    Parameters
    ----------
    source : Run, metrics, or several of these
        See `netsparse.figures.source.groups_of`. Several seeds are their mean.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells the seconds an epoch of each part, and the ``total_seconds`` of a run.

    Raises
    ------
    NothingToDrawError
        If no times were recorded.

    Examples
    --------
    >>> import pandas as pd
    >>> metrics = pd.DataFrame({"epoch": [1, 2], "layer": "", "metric": "training_seconds", "value": [0.5, 0.9]})
    >>> print(running_time(metrics))
    Figure(...x...)
    """
    found = [(group, _split(group)) for group, _ in having(source, lambda member: member.metrics)]
    drawn = [(group, split) for group, split in found if np.isfinite(list(split.values())).any()]
    if not drawn:
        raise NothingToDrawError("no running times were recorded")
    groups = [group for group, _ in drawn]
    alone = len(drawn) == 1
    numbers: dict[str, float] = {}
    totals = []
    with style():
        figure, axes = axes_for(ax, height=0.85 + 0.26 * len(drawn))
        left = np.zeros(len(drawn))
        for (metric, name), colour in zip(SECONDS.items(), _COLOURS, strict=True):
            seconds = np.nan_to_num([split[metric] for _, split in drawn])
            share = f" {100 * seconds[0] / sum(np.nan_to_num(list(drawn[0][1].values()))):.0f} %" if alone else ""
            axes.barh(range(len(drawn)), seconds, 0.66, left, color=colour, label=name + share)
            left += seconds
        for y, (group, split) in enumerate(drawn):
            total, spread = mean_sd(_totals(group))
            several = f" ± {_clock(spread)}" if np.isfinite(_totals(group)).sum() > 1 else ""
            totals.append(f"{group.label or 'the run'} {_clock(total)}{several}")
            axes.text(left[y], y, f" {_clock(total)}", va="center", fontsize=7)
            name = "" if alone else f"{group.label}, "
            numbers |= {f"{name}{metric}": seconds for metric, seconds in split.items()}
            numbers[f"{name}total_seconds"] = total
        axes.set_yticks(range(len(drawn)), [within(group.label, 1.2) for group in groups])
        axes.set(
            title="Running time",
            xlabel="seconds an epoch (beside: whole run)",
            xlim=(0, (1.3 if ax is None else 1.8) * left.max() or 1),
            ylim=(len(drawn) - 0.4, -0.6),
        )
        axes.grid(axis="y", visible=False)
        legend(figure, axes, ax)
    text = (
        f"Mean running time of an epoch, by what it is spent on. Whole runs: {'; '.join(totals)}."
        f"{told_runs(groups, 'Bars are means', 'whole runs')}"
    )
    return tell(figure, ax, text, numbers)


def _split(group: Group) -> dict[str, float]:
    """Return the mean seconds an epoch of each part; NaN of what was not recorded."""
    return {
        metric: mean_sd(np.array([curve_of(member.metrics, metric).mean() for member in group.members]))[0]
        for metric in SECONDS
    }


def _totals(group: Group) -> np.ndarray:
    """Return the seconds of all epochs of each run."""
    return np.array([sum(curve_of(member.metrics, metric).sum() for metric in SECONDS) for member in group.members])


def _clock(seconds: float) -> str:
    """Return seconds as people say them.

    Examples
    --------
    >>> _clock(8.25), _clock(75), _clock(7300), _clock(9e9)
    ('8.2 s', '1:15 min', '2:02 h', '2.5e+06 h')
    """
    if not np.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds >= 3.6e6:
        return f"{seconds / 3600:.2g} h"
    unit, small = ("min", round(seconds)) if seconds < 3600 else ("h", round(seconds / 60))
    return f"{small // 60}:{small % 60:02d} {unit}"
