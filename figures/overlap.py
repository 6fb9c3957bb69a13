"""Overlap of removed and regrown links over the updates."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.source import Source, layer_names, only
from netsparse.figures.style import MUTED, axes_for, palette, plain, style
from netsparse.run import Run


def overlap(source: Source, ax: Axes | None = None) -> Figure:
    """Overlap rate |removed ∩ regrown| / |regrown| of each layer at each update, and where early stop froze a layer.

    Parameters
    ----------
    source : Run or pandas.DataFrame
        A run, or its metrics.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    NothingToDrawError
        If the topology was never updated.

    Examples
    --------
    >>> import pandas as pd
    >>> metrics = pd.DataFrame({"epoch": [1, 2], "layer": "fc1", "metric": "overlap", "value": [0.5, 0.9]})
    >>> print(overlap(metrics))
    Figure(...x...)
    """
    metrics = only(source).metrics
    updates = metrics[metrics["metric"] == "overlap"]
    rows = updates.dropna(subset="value")
    curves = 100 * rows.pivot_table(index="epoch", columns="layer", values="value")
    if curves.empty:
        why = "no link was regrown" if len(updates) else "the topology was never updated"
        raise NothingToDrawError(f"{why}, so there is no overlap")
    names = layer_names(rows)
    frozen = metrics[(metrics["metric"] == "frozen") & (metrics["value"] > 0)].groupby("layer")["epoch"].min()
    given = ax
    with style():
        figure, ax = axes_for(ax)
        for name, colour in zip(names, palette(len(names)), strict=True):
            curve = curves[name].dropna()
            marker = "o" if len(curves) < 8 else None
            label = plain(name)
            if name in frozen:
                label += f", frozen at epoch {int(frozen[name])}"
            ax.plot(curve.index, curve, color=colour, lw=1.2, marker=marker, ms=3, label=label)
            if name in frozen:
                ax.plot(curve.index[-1], curve.iloc[-1], "o", color=colour, ms=5)
        threshold = source.config.get("early_stop") if isinstance(source, Run) else None
        if threshold:
            ax.axhline(100 * threshold, color=MUTED, lw=0.8, ls="--", label=f"early stop at {100 * threshold:g} %")
        ax.set_title("Overlap of removed and regrown links")
        ax.set(xlabel="epoch of the update", ylabel="overlap rate (%)", ylim=(min(0.0, curves.min().min()), 102))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend(loc="best")
    return tell(figure, given, "Overlap of removed and regrown links.", {})
