"""What figures share: panels side by side, axes of epochs, names of ticks, legends under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netsparse.figures.style import PAGE, axes_for, figure_of


def epoch_axis(ax: Axes, label: str = "epoch") -> None:
    """Give the axes an x axis of whole epochs."""
    ax.set_xlabel(label)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))


def limits(values: Sequence[float] | np.ndarray, low: float = -np.inf, high: float = np.inf) -> tuple[float, float]:
    """Return limits of an axis that leave a little room around values, inside low … high.

    Examples
    --------
    >>> limits([80, 90], high=90.2)
    (79.3, 90.2)
    """
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    bottom, top = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    room = 0.07 * (top - bottom) or 0.05 * abs(top) or 0.5
    return max(low, bottom - room), min(high, top + room)


def legend(figure: Figure, ax: Axes, given: Axes | None, handles: Sequence[Any] | None = None) -> None:
    """Put the legend under the panels of a figure of our own, or where there is most room in axes that were given."""
    entries = list(handles) if handles is not None else ax.get_legend_handles_labels()[0]
    if not entries:
        return
    if given is not None:
        ax.legend(handles=entries, loc="best")
        return
    longest = max(len(str(entry.get_label())) for entry in entries)
    width = figure.get_size_inches()[0]
    columns = max(1, min(len(entries), int(width / (0.055 * longest + 0.42))))
    rows = -(-len(entries) // columns)
    columns = -(-len(entries) // rows)  # as even as can be
    figure.legend(handles=entries, loc="outside lower center", ncols=columns)
    figure.set_figheight(figure.get_figheight() + 0.145 * rows)


def name_ticks(ax: Axes, places: Sequence[float], names: Sequence[str]) -> None:
    """Name places on the x axis, upright where the names would not fit side by side."""
    width = ax.get_position().width * figure_of(ax).get_figwidth()
    longest = max((len(line) for name in names for line in name.split("\n")), default=0)
    upright = len(places) * (0.058 * longest + 0.08) > width
    ax.set_xticks(places, [name.replace("\n", ", ") for name in names] if upright else names)
    ax.tick_params(axis="x", rotation=90 if upright else 0)


def panels_for(ax: Axes | None, n: int, *, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    """Return a figure with n panels side by side, a column or a page wide; or the axes that were given."""
    if ax is not None or n == 1:
        figure, axes = axes_for(ax)
        return figure, [axes]
    figure = Figure(figsize=(PAGE, 2.1 if n > 2 else 2.4), layout="constrained")
    return figure, list(figure.subplots(1, n, sharey=share_y))
