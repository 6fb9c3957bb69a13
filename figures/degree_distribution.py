"""Degree distribution with its power-law fit, first against last epoch."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import zeta

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.source import Source, first_and_last, layer_names, node_values, only, value_of
from netsparse.figures.style import MUTED, PAGE, figure_of, palette, plain, style


def degree_distribution(source: Source, ax: Axes | None = None, layer: str | None = None) -> Figure:
    """Share of neurons with at least so many links, with the power law fitted to it, first against last epoch.

    Parameters
    ----------
    source : Run or pandas.DataFrame
        A run, or its table of measures.
    ax : matplotlib.axes.Axes, optional
        Where to draw one panel. Default: a panel for each layer and one for the network.
    layer : str, optional
        The layer of the one panel, ``""`` (default with ``ax``) the whole network.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    NothingToDrawError
        If no degrees were measured.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> mask = np.random.default_rng(0).random((20, 15)) < 0.2
    >>> table = ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(mask)], epoch=0))
    >>> print(degree_distribution(table))
    Figure(...x...)
    """
    measures = only(source).measures
    degrees = measures[(measures["measure"] == "degree") & (measures["scope"] == "node")]
    if degrees.empty:
        raise NothingToDrawError("no degrees were measured")
    given = ax
    with style():
        if ax is not None:
            figure = figure_of(ax)
            panels = [(ax, layer or "")]
        else:
            chosen = [layer] if layer is not None else [*layer_names(degrees), ""]
            columns = min(len(chosen), 4)
            rows = -(-len(chosen) // columns)
            figure = Figure(figsize=(PAGE * columns / 4, 2.3 * rows + 0.3), layout="constrained")
            grid = figure.subplots(rows, columns, squeeze=False).ravel()
            panels = list(zip(grid, chosen, strict=False))
            for empty in grid[len(chosen) :]:
                empty.set_axis_off()
        epochs = first_and_last(degrees)
        for panel, name in panels:
            _panel(panel, measures, name, epochs)
        if ax is None:
            figure.legend(handles=_legend(epochs), loc="outside lower center", ncols=3)
        else:
            ax.legend(handles=_legend(epochs), loc="lower left")
    return tell(figure, given, "Degree distribution, first against last epoch.", {})


def _panel(ax: Axes, measures: pd.DataFrame, layer: str, epochs: list[int]) -> None:
    gammas = []
    for epoch, colour in zip(epochs, palette(2), strict=False):
        degree = node_values(measures, ["degree"], layer, epoch)["degree"].to_numpy()
        degree = np.sort(degree[degree >= 1])
        gamma = value_of(measures, "power_law_gamma", layer, epoch)
        x_min = value_of(measures, "power_law_x_min", layer, epoch)
        gammas.append(f"{gamma:.2f}" if np.isfinite(gamma) else "–")
        if not len(degree):
            continue
        different = np.unique(degree)
        at_least = 1.0 - np.searchsorted(degree, different, side="left") / len(degree)
        ax.plot(different, at_least, ".", color=colour, ms=4)
        if np.isfinite(gamma) and np.isfinite(x_min):
            x = np.arange(x_min, different[-1] + 1)
            share = np.mean(degree >= x_min)
            ax.plot(x, share * zeta(gamma, x) / zeta(gamma, x_min), color=colour, lw=1)
    ax.set(
        xscale="log", yscale="log", title=f"{plain(layer) or 'whole network'}\nγ {' → '.join(gammas)}", xlabel="degree"
    )
    spec = ax.get_subplotspec()
    if spec is None or spec.is_first_col():
        ax.set_ylabel("share of neurons with\nat least this degree")


def _legend(epochs: list[int]) -> list[Line2D]:
    dots = [
        Line2D([], [], ls="", marker=".", color=colour, label=f"epoch {epoch}")
        for epoch, colour in zip(epochs, palette(2), strict=False)
    ]
    return [*dots, Line2D([], [], color=MUTED, lw=1, label="power law from x_min on")]
