"""Active-neuron post-percolation rate over the epochs."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.source import Source, layer_names, only
from netsparse.figures.style import axes_for, palette, plain, style


def anp_rate(source: Source, ax: Axes | None = None) -> Figure:
    """ANP rate of each layer and of the whole network over the epochs.

    Parameters
    ----------
    source : Run or pandas.DataFrame
        A run, or its table of measures.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    NothingToDrawError
        If no ANP rate was measured.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> mask = np.random.default_rng(0).random((20, 15)) < 0.2
    >>> table = ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(mask)], epoch=0))
    >>> print(anp_rate(table))
    Figure(...x...)
    """
    measures = only(source).measures
    rows = measures[(measures["measure"] == "anp_rate") & measures["scope"].isin(["layer", "network"])]
    rows = rows.dropna(subset="value")
    curves = 100 * rows.pivot_table(index="epoch", columns="layer", values="value")
    if curves.empty:
        raise NothingToDrawError("no ANP rate was measured")
    names = layer_names(rows)
    given = ax
    with style():
        figure, ax = axes_for(ax)
        marker = "o" if len(curves) < 8 else None
        for name, colour in zip(names, palette(len(names)), strict=True):
            ax.plot(curves.index, curves[name], color=colour, marker=marker, ms=3, lw=1.2, label=plain(name))
        title = "Percolation: active neurons"
        if "" in curves:
            ax.plot(curves.index, curves[""], color="black", lw=2, marker=marker, ms=3, label="whole network")
            title += f", {curves[''].iloc[0]:.0f} % → {curves[''].iloc[-1]:.0f} %"
        ax.set_title(title)
        ax.set(xlabel="epoch", ylabel="ANP rate (%)", ylim=(0, 102))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend(loc="lower left")
    return tell(figure, given, "ANP rate over the epochs.", {})
