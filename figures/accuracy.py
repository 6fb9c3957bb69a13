"""Accuracy over the epochs, with the area across the epochs (AAE)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.source import Source, curves_of, groups_of
from netsparse.figures.style import Look, axes_for, draw_band, looks, style


def accuracy(source: Source, ax: Axes | None = None) -> Figure:
    """Test accuracy over the epochs, the area across the epochs (AAE) shaded; of one run the validation accuracy, too.

    The AAE is the mean of the test accuracy over the epochs. Several seeds are their mean with a band of ± one standard
    deviation.

    Parameters
    ----------
    source : Run, metrics, or several of these
        See `netsparse.figures.source.groups_of`.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells ``final_accuracy`` and ``aae`` (per cent) of each group.

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
    groups = groups_of(source)
    tests = [100 * curves_of(group, "metrics", "test_accuracy") for group in groups]
    drawn = [(group, test, look) for group, test, look in zip(groups, tests, looks(groups), strict=True) if len(test)]
    if not drawn:
        raise NothingToDrawError("no test accuracy was recorded")
    alone = len(drawn) == 1
    numbers: dict[str, float] = {}
    parts = []
    with style():
        figure, axes = axes_for(ax)
        lowest = min(float(test.min().min()) for _, test, _ in drawn)
        validation = 100 * curves_of(groups[0], "metrics", "validation_accuracy")
        if alone and len(validation):
            lowest = min(lowest, float(validation.min().min()))
            draw_band(axes, validation, Look("#E69F00", "-", "o"), "validation", lw=1)
        floor = max(0.0, lowest - 5.0)
        for group, test, look in drawn:
            last, area = test.ffill().iloc[-1], test.mean()
            name = "" if alone else f"{group.label}, "
            numbers |= {
                f"{name}final_accuracy": last.mean(),
                f"{name}aae": area.mean(),
                f"{name}epochs": int(test.index[-1]),
            }
            if test.shape[1] > 1:
                numbers |= {f"{name}final_accuracy_sd": last.std(), f"{name}aae_sd": area.std()}
            parts.append(f"{name}final {_told(last)} %, AAE {_told(area)} %")
            label = "test" if alone else f"{group.label} (AAE {area.mean():.1f})"
            axes.fill_between(test.index, test.mean(axis=1), floor, color=look.colour, alpha=0.15 / len(drawn), lw=0)
            draw_band(axes, test, look, label)
        title = f"Test accuracy: {parts[0]}" if alone else "Test accuracy, area across epochs (AAE) shaded"
        axes.set_title(title)
        axes.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(floor, 100.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="lower right")
    n = max(test.shape[1] for _, test, _ in drawn)
    band = f" Lines are means over {n} seeds, bands ± one standard deviation." if n > 1 else ""
    return tell(figure, ax, f"Test accuracy over the epochs: {'; '.join(parts)}.{band}", numbers)


def _told(values: "np.ndarray") -> str:
    values = np.asarray(values, float)
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")
