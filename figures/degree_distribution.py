"""Degree distribution with its power-law fit, first against last epoch."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import zeta

from netsparse.errors import NothingToDrawError
from netsparse.figures.source import Source, first_and_last, layer_names, measures_of, node_values, value_of
from netsparse.figures.style import PAGE, palette, style


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
    """
    measures = measures_of(source)
    degrees = measures[(measures["measure"] == "degree") & (measures["scope"] == "node")]
    if degrees.empty:
        raise NothingToDrawError("no degrees were measured")
    with style():
        if ax is not None:
            figure = ax.get_figure(root=True)  # type: ignore[call-arg]
            panels = [(ax, layer or "")]
        else:
            chosen = [layer] if layer is not None else [*layer_names(degrees), ""]
            columns = min(len(chosen), 4)
            rows = -(-len(chosen) // columns)
            figure = Figure(figsize=(PAGE * columns / 4 if columns < 4 else PAGE, 2.3 * rows), layout="constrained")
            grid = figure.subplots(rows, columns, squeeze=False).ravel()
            panels = list(zip(grid, chosen, strict=False))
            for empty in grid[len(chosen) :]:
                empty.set_axis_off()
        for panel, name in panels:
            _panel(panel, measures, name, first_and_last(degrees))
    return figure  # type: ignore[return-value]


def _panel(ax: Axes, measures: "object", layer: str, epochs: list[int]) -> None:
    colours = palette(2)
    for epoch, colour in zip(epochs, colours, strict=False):
        degree = node_values(measures, ["degree"], layer, epoch)["degree"].to_numpy()  # type: ignore[arg-type]
        degree = np.sort(degree[degree >= 1])
        if not len(degree):
            continue
        different = np.unique(degree)
        at_least = 1.0 - np.searchsorted(degree, different, side="left") / len(degree)
        gamma = value_of(measures, "power_law_gamma", layer, epoch)  # type: ignore[arg-type]
        x_min = value_of(measures, "power_law_x_min", layer, epoch)  # type: ignore[arg-type]
        fitted = f", γ = {gamma:.2f}" if np.isfinite(gamma) else ""
        ax.plot(different, at_least, ".", color=colour, ms=4, label=f"epoch {epoch}{fitted}")
        if np.isfinite(gamma) and np.isfinite(x_min):
            x = np.arange(x_min, different[-1] + 1)
            share = np.mean(degree >= x_min)
            ax.plot(x, share * zeta(gamma, x) / zeta(gamma, x_min), color=colour, lw=1)
    ax.set(xscale="log", yscale="log", title=layer or "whole network", xlabel="degree")
    if ax.get_subplotspec() is None or ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
        ax.set_ylabel("share of neurons with\nat least this degree")
    if ax.lines:
        ax.legend(loc="lower left", handletextpad=0.1)
