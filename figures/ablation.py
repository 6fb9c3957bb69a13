"""What the parts of a method are worth: the change when one is taken away or replaced."""

from collections.abc import Mapping
from textwrap import fill, wrap
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import legend
from netsparse.figures.labels import NEVER_TOLD, method_name, told
from netsparse.figures.outcomes import OUTCOMES, families_of, having, is_number, mean_sd, outcomes, told_runs
from netsparse.figures.source import Group, Source
from netsparse.figures.style import PAGE, Look, axes_for, looks, plain, style

_IGNORED = (*NEVER_TOLD, "method", "dataset", "parts.name", "parts.summary")
# Of more changes the caption lists none.
_MOST_TOLD = 8


class _Row(NamedTuple):
    label: str
    told: str
    group: Group
    base: Group
    look: Look


def ablation(source: Source, ax: Axes | None = None) -> Figure:
    """Change of accuracy, AAE and ANP rate in percentage points as parts of a method are taken away or replaced.

    The base is the group with the most common options of its method and data set; a bar is a group that differs from
    it in parts, in early stop or in other options that are no numbers. Of tables, or of runs that a mapping labels, the
    first is the base. Error bars are one standard deviation: of the difference seed by seed if both have the same
    seeds, else of the difference of two means' runs.

    Parameters
    ----------
    source : sequence of Run, or metrics or runs by label
        See `netsparse.figures.source.groups_of`.
    ax : matplotlib.axes.Axes, optional
        Where to draw the change of accuracy alone.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells the changes.

    Raises
    ------
    NothingToDrawError
        If no two groups of a method differ in such an option.

    Examples
    --------
    >>> import pandas as pd
    >>> metrics = pd.DataFrame({"epoch": [1, 2], "layer": "", "metric": "test_accuracy", "value": [0.5, 0.9]})
    >>> print(ablation({"all": metrics, "without percolation": metrics.replace(0.9, 0.8)}))
    Figure(...x...)
    """
    rows, bases = _rows(source)
    if not rows:
        raise NothingToDrawError(
            "no two of these groups of runs are of one method and differ in a part or another option that is no number"
        )
    changes = {name: [_change(row.group, row.base, name) for row in rows] for name in OUTCOMES}
    shown = [name for name, found in changes.items() if np.isfinite([mean for mean, _ in found]).any()]
    if not shown:
        raise NothingToDrawError("neither accuracy nor ANP rate was recorded in these runs")
    against = plain(next(iter(bases))) if len(bases) == 1 else "base"
    with style():
        height = 0.75 + sum(0.14 + 0.12 * len(wrap(row.told, 28)) for row in rows)
        if ax is not None:
            figure, panels = axes_for(ax)[0], [ax]
        else:
            figure = Figure(figsize=(PAGE, height), layout="constrained")
            panels = list(figure.subplots(1, len(shown), sharey=True, squeeze=False)[0])
        for panel, name in zip(panels, shown, strict=False):
            _draw(panel, rows, changes[name])
            title = OUTCOMES[name]
            panel.set_title(f"{title[0].upper()}{title[1:]}" if ax is None else f"Change of {title}")
            panel.set_xlabel(f"% points against {against}" if len(against) <= 14 else "change (% points)")
        if len(bases) > 1:
            handles = [panels[0].barh(0, 0, color=look.colour, label=plain(label)) for label, look in bases.items()]
            legend(figure, panels[0], ax, handles)
    numbers = {
        f"{row.label}, {name}{kind}": value
        for name in shown
        for row, change in zip(rows, changes[name], strict=True)
        for kind, value in zip(("_change", "_change_sd"), change, strict=True)
    }
    parts = [
        f"{row.label} {', '.join(f'{OUTCOMES[name]} {_signed(changes[name][i][0])}' for name in shown)}"
        for i, row in enumerate(rows)
    ]
    listed = f": {'; '.join(parts)}" if len(parts) <= _MOST_TOLD else ""
    text = (
        f"Change against {', '.join(bases)} in percentage points, as a part is taken away or replaced{listed}."
        f"{told_runs([row.group for row in rows], 'Bars are means', 'error bars')}"
    )
    return tell(figure, ax, text, numbers)


def _rows(source: Source) -> tuple[list[_Row], dict[str, Look]]:
    """Return what to draw, and the bases by name with their colours."""
    groups = [group for group, _ in having(source, lambda member: member.metrics)]
    if isinstance(source, Mapping) or not any(group.config for group in groups):
        look = looks(groups[:1])[0]
        base = groups[0]
        return [_Row(group.label, group.label, group, base, look) for group in groups[1:]], {
            base.label or "the first": look
        }
    families = families_of(groups, _IGNORED)
    heads = looks([Group(family.label, family.method, family.base.members) for family in families])
    rows, bases = [], {}
    for family, look in zip(families, heads, strict=True):
        for group, changed in family.changed:
            if any(is_number(value) and is_number(usual) for value, usual in changed.values()):
                continue
            words = ", ".join(_word(family.method, option, value) for option, (value, _) in changed.items())
            label = words if len(families) == 1 else f"{family.label}: {words}"
            rows.append(_Row(label, words, group, family.base, look))
            bases[family.label] = look
    return rows, bases


def _word(method: str, option: str, value: Any) -> str:
    """Return what was changed in a word or two."""
    if value is None:
        return f"{option.removeprefix('parts.').replace('_', ' ')} of {method_name(method)}"
    return told(option, value)


def _change(group: Group, base: Group, name: str) -> tuple[float, float]:
    """Return mean and standard deviation of the change, paired by seed where both have the same seeds."""
    ours, theirs = outcomes(group, name), outcomes(base, name)
    seeds, others = ([member.config.get("seed", -1) for member in one.members] for one in (group, base))
    if -1 not in seeds and len(set(seeds)) == len(seeds) and sorted(seeds) == sorted(others):
        return mean_sd(ours[np.argsort(seeds)] - theirs[np.argsort(others)])
    return mean_sd(ours)[0] - mean_sd(theirs)[0], float(np.hypot(mean_sd(ours)[1], mean_sd(theirs)[1]))


def _draw(ax: Axes, rows: list[_Row], changes: list[tuple[float, float]]) -> None:
    means, sds = (np.array(part) for part in zip(*changes, strict=True))
    places = np.arange(len(rows))
    colours = [row.look.colour for row in rows]
    ax.barh(places, means, 0.62, color=colours, xerr=sds if sds.any() else None, error_kw={"elinewidth": 0.8})
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(places, [fill(plain(row.told), 28) for row in rows])
    ax.set(ylim=(len(rows) - 0.4, -0.6))
    ax.grid(axis="y", visible=False)


def _signed(change: float) -> str:
    return f"{change:+.1f}".replace("-", "−") if np.isfinite(change) else "–"
