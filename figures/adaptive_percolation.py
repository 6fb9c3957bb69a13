"""Adaptive percolation: the final ANP rate across tasks, scales and sparsities."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import legend, name_ticks, panels_for
from netsparse.figures.labels import dataset_name, told
from netsparse.figures.outcomes import Series, anp_tables, having, mean_sd, outcomes, series_of, told_mean, told_runs
from netsparse.figures.source import Group, Source
from netsparse.figures.style import plain, style

_ACROSS = ("dataset", "scale", "sparsity")


def adaptive_percolation(source: Source, ax: Axes | None = None) -> Figure:
    """ANP rate at the end of training on data sets, at scales and sparsities: how far percolation adapts to the task.

    Bars of the same colour are the same method; a panel a data set if scale or sparsity differ as well. Several seeds
    are their mean with error bars of one standard deviation. Dense runs are left out.

    Parameters
    ----------
    source : sequence of Run
        Runs that differ in data set, scale or sparsity.
    ax : matplotlib.axes.Axes, optional
        Where to draw; all in one panel.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells the ``anp_rate`` (per cent) of each method and setting.

    Raises
    ------
    NothingToDrawError
        If the runs differ in none of these, or their options are not known.

    Examples
    --------
    >>> import tempfile, pathlib, pandas as pd
    >>> from netsparse import Run
    >>> metrics = pd.DataFrame({"epoch": [1], "layer": "", "metric": "anp_rate", "value": [0.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     runs = [Run.create(pathlib.Path(folder) / str(scale)) for scale in (1, 2)]
    ...     for run, scale in zip(runs, (1, 2)):
    ...         run.write_metrics(metrics)
    ...         run.write_config({"method": "cht", "dataset": "digits", "scale": scale, "sparsity": 0.9})
    ...     print(adaptive_percolation(runs))
    Figure(...x...)
    """
    groups = [group for group, _ in having(source, anp_tables) if group.config.get("sparsity")]
    groups = [group for group in groups if np.isfinite(outcomes(group, "anp")).any()]
    varied = [option for option in _ACROSS if len({group.config.get(option) for group in groups}) > 1]
    if not varied:
        raise NothingToDrawError("these runs do not differ in data set, scale or sparsity: there is nothing to compare")
    series = series_of(groups, _ACROSS)
    settings = _settings(groups, varied)
    datasets = list(dict.fromkeys(setting[0] for setting in settings))
    apart = ax is None and 1 < len(datasets) <= 4 and len(settings) > len(datasets)
    numbers: dict[str, float] = {}
    parts = []
    with style():
        figure, panels = panels_for(ax, len(datasets) if apart else 1)
        for i, panel in enumerate(panels):
            here = [setting for setting in settings if not apart or setting[0] == datasets[i]]
            shown = [option for option in varied if not (apart and option == "dataset")]
            for place, one in enumerate(series):
                _bars(panel, one, here, place, len(series))
            name_ticks(panel, range(len(here)), [_name(setting, shown) for setting in here])
            panel.set(ylabel="final ANP rate (%)", ylim=(0, 104), xlabel=_axis(shown))
            panel.set_title(dataset_name(str(datasets[i])) if apart else "Adaptive percolation", wrap=True)
            panel.grid(axis="x", visible=False)
            panel.set_xlim(-0.6, len(here) - 0.4)
            if apart:
                panel.label_outer()
        if ax is None:
            legend(figure, panels[0], ax)
        else:
            ax.set(ylim=(0, 128), yticks=range(0, 101, 20))  # room for the legend above the bars
            ax.legend(loc="upper left", ncols=3)
    for one in series:
        for group in one.groups:
            values = outcomes(group, "anp")
            where = _name(_setting(group), varied, ", ")
            numbers[f"{one.label}, {where}, anp_rate"] = mean_sd(values)[0]
            numbers |= {f"{one.label}, {where}, anp_rate_sd": mean_sd(values)[1]} if len(values) > 1 else {}
        parts.append(_told(one, varied))
    across = ", ".join({"dataset": "data sets", "scale": "scales", "sparsity": "sparsities"}[o] for o in varied)
    text = f"Share of neurons still active at the end of training (ANP rate) across {across}: {'; '.join(parts)}."
    return tell(figure, ax, text + told_runs(groups, "Bars are means", "error bars"), numbers)


def _told(series: Series, varied: list[str]) -> str:
    """Return the least and the greatest rate of a series, and where."""
    ends = sorted(series.groups, key=lambda group: mean_sd(outcomes(group, "anp"))[0])
    told_ends = [f"{told_mean(outcomes(g, 'anp'))} % ({_name(_setting(g), varied, ', ')})" for g in (ends[0], ends[-1])]
    return f"{series.label} {told_ends[0]}" + (f" to {told_ends[1]}" if len(ends) > 1 else "")


def _setting(group: Group) -> tuple[Any, ...]:
    return tuple(group.config.get(option) for option in _ACROSS)


def _settings(groups: list[Group], varied: list[str]) -> list[tuple[Any, ...]]:
    """Return the settings there are: data sets in their order, then by what differs."""
    datasets = list(dict.fromkeys(group.config.get("dataset") for group in groups))
    return sorted({_setting(group) for group in groups}, key=lambda s: (datasets.index(s[0]), s[1] or 0, s[2] or 0))


def _bars(ax: Axes, series: Series, settings: list[tuple[Any, ...]], place: int, n: int) -> None:
    width = min(0.8 / n, 0.4)
    found = {_setting(group): mean_sd(outcomes(group, "anp")) for group in series.groups}
    there = [x for x, setting in enumerate(settings) if setting in found]
    means, sds = zip(*(found[settings[x]] for x in there), strict=True) if there else ((), ())
    ax.bar(
        np.array(there, float) + (place - (n - 1) / 2) * width,
        means,
        0.9 * width,
        yerr=sds if any(sds) else None,
        color=series.look.colour,
        error_kw={"elinewidth": 0.8},
        label=plain(series.label),
    )


def _name(setting: tuple[Any, ...], shown: list[str], join: str = "\n") -> str:
    words = {option: told(option, value) for option, value in zip(_ACROSS, setting, strict=True) if option in shown}
    if join == "\n" and "sparsity" in words:
        words["sparsity"] = words["sparsity"].removeprefix("sparsity ")
    return join.join(plain(word) for word in words.values())


def _axis(shown: list[str]) -> str:
    """Return what to write under the axis; nothing where the ticks say it."""
    words = {"scale": "width of the hidden layers / inputs", "sparsity": "sparsity"}
    return ", ".join(words[option] for option in shown if option in words)
