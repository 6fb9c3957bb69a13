"""Accuracy over the epochs, with the area across the epochs (AAE)."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netsparse.errors import NothingToDrawError
from netsparse.figures.source import Source, metrics_of
from netsparse.figures.style import axes_for, palette, style


def accuracy(source: Source, ax: Axes | None = None) -> Figure:
    """Test and validation accuracy over the epochs; the mean test accuracy over the epochs is the AAE.

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
        If no accuracy was recorded.

    Examples
    --------
    >>> import pandas as pd
    >>> metrics = pd.DataFrame({"epoch": [1, 2], "layer": "", "metric": "test_accuracy", "value": [0.5, 0.9]})
    >>> print(accuracy(metrics))
    Figure(...x...)
    """
    metrics = metrics_of(source)
    curves = metrics[metrics["metric"].isin(["test_accuracy", "validation_accuracy"])].pivot_table(
        index="epoch", columns="metric", values="value"
    )
    if "test_accuracy" not in curves:
        raise NothingToDrawError("no test accuracy was recorded")
    with style():
        figure, ax = axes_for(ax)
        test_colour, validation_colour = palette(2)
        percent = 100 * curves
        floor = max(0.0, float(percent.min().min()) - 5.0)
        marker = "o" if len(percent) < 8 else None
        ax.fill_between(percent.index, percent["test_accuracy"], floor, color=test_colour, alpha=0.15, linewidth=0)
        if "validation_accuracy" in percent:
            ax.plot(percent.index, percent["validation_accuracy"], color=validation_colour, lw=1, label="validation")
        ax.plot(percent.index, percent["test_accuracy"], color=test_colour, marker=marker, ms=3, label="test")
        aae = percent["test_accuracy"].mean()
        ax.set_title(f"Accuracy: final test {percent['test_accuracy'].iloc[-1]:.2f} %, AAE {aae:.2f} %")
        ax.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(floor, 100.5))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend(loc="lower right")
    return figure
