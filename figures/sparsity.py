"""Accuracy and ANP rate over the sparsity."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import legend, name_ticks, panels_for
from netsparse.figures.outcomes import Series, having, mean_sd, outcomes, series_of, told_mean, told_runs
from netsparse.figures.source import Group, Source
from netsparse.figures.style import plain, style


def sparsity(source: Source, ax: Axes | None = None) -> Figure:
    """Test accuracy at the end of training, and ANP rate, over the link density on a logarithmic axis: a line a method.

    A dense run is a horizontal line. Several seeds are their mean with error bars of one standard deviation.

    Parameters
    ----------
    source : sequence of Run
        Runs that differ in their sparsity.
    ax : matplotlib.axes.Axes, optional
        Where to draw the accuracy alone.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells ``accuracy`` and ``anp`` (per cent) of each method and sparsity.

    Raises
    ------
    NothingToDrawError
        If the runs have fewer than two sparsities, or their options are not known.

    Examples
    --------
    >>> import tempfile, pathlib, pandas as pd
    >>> from netsparse import Run
    >>> metrics = pd.DataFrame({"epoch": [1], "layer": "", "metric": "test_accuracy", "value": [0.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     runs = [Run.create(pathlib.Path(folder) / str(value)) for value in (0.9, 0.99)]
    ...     for run, value in zip(runs, (0.9, 0.99)):
    ...         run.write_metrics(metrics)
    ...         run.write_config({"method": "cht", "dataset": "digits", "sparsity": value})
    ...     print(sparsity(runs))
    Figure(...x...)
    """
    groups = [group for group, _ in having(source, lambda member: member.metrics)]
    groups = [
        group for group in groups if "sparsity" in group.config and np.isfinite(outcomes(group, "accuracy")).any()
    ]
    values = sorted({_sparsity(group) for group in groups} - {0.0}, reverse=True)
    if len(values) < 2:
        raise NothingToDrawError("these runs have fewer than two sparsities: there is nothing to compare")
    series = series_of(groups, ["sparsity"])
    with_anp = ax is None and any(np.isfinite(outcomes(group, "anp")).any() for group in groups)
    with style():
        figure, panels = panels_for(ax, 1 + with_anp, share_y=False)
        for panel, name, label in zip(panels, ("accuracy", "anp"), ("test accuracy (%)", "ANP rate (%)"), strict=False):
            for one in series:
                _line(panel, one, name)
            densities = [1 - value for value in values]
            panel.set(xscale="log", xlabel="sparsity (log axis of the density)", ylabel=label)
            name_ticks(panel, densities, [f"{100 * value:g} %" for value in values])
            panel.xaxis.set_minor_locator(NullLocator())
            panel.set_title({"accuracy": "Accuracy over the sparsity", "anp": "Percolation over the sparsity"}[name])
        if with_anp:
            panels[1].set_ylim(0, 104)
        legend(figure, panels[0], ax)
    numbers: dict[str, float] = {}
    parts = []
    for one in series:
        for group in sorted(one.groups, key=_sparsity):
            where = f"{one.label}, {100 * _sparsity(group):g} %"
            numbers |= {f"{where}, {name}": mean_sd(outcomes(group, name))[0] for name in ("accuracy", "anp")}
        ends = [min(one.groups, key=_sparsity), max(one.groups, key=_sparsity)][: len(one.groups)]
        told = (f"{told_mean(outcomes(g, 'accuracy'))} % at sparsity {100 * _sparsity(g):g} %" for g in ends)
        parts.append(f"{one.label} {' and '.join(told)}")
    text = f"Test accuracy at the end of training over the sparsity: {'; '.join(parts)}."
    return tell(figure, ax, text + told_runs(groups, "Markers are means", "error bars"), numbers)


def _sparsity(group: Group) -> float:
    return float(group.config["sparsity"])


def _line(ax: Axes, series: Series, name: str) -> None:
    """Draw a line over the densities, and a horizontal one for dense runs."""
    found = sorted((1 - _sparsity(group), *mean_sd(outcomes(group, name))) for group in series.groups)
    x, mean, sd = (np.array(part) for part in zip(*found, strict=True))
    dense = x == 1.0
    look = series.look
    if dense.any():
        ax.axhline(mean[dense][0], color=look.colour, lw=1, ls="--", label=plain(series.label) if dense.all() else None)
    if not dense.all():
        ax.errorbar(
            x[~dense],
            mean[~dense],
            sd[~dense] if sd[~dense].any() else None,
            color=look.colour,
            ls=look.line,
            marker=look.marker,
            ms=3.5,
            lw=1.3,
            elinewidth=0.8,
            capsize=1.5,
            label=plain(series.label),
        )
