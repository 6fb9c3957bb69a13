"""Accuracy over the epochs, with the area across the epochs (AAE)."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import epoch_axis, legend, limits
from netsparse.figures.outcomes import having, mean_sd, outcomes, told_mean, told_runs
from netsparse.figures.source import Source, curves_of
from netsparse.figures.style import Look, axes_for, draw_band, style

# Groups up to which areas are shaded: more would be one grey.
_MAX_SHADED = 3
_TITLE = ("Test accuracy and its area across epochs (AAE)", "Test accuracy, area across epochs (AAE) shaded")


def accuracy(source: Source, ax: Axes | None = None) -> Figure:
    """Test accuracy over the epochs, the area across the epochs (AAE) shaded; of one group validation, too.

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
    found = [
        (group, 100 * curves_of(group, "metrics", "test_accuracy"), look)
        for group, look in having(source, lambda member: member.metrics)
    ]
    drawn = [(group, test, look) for group, test, look in found if len(test)]
    if not drawn:
        raise NothingToDrawError("no test accuracy was recorded")
    groups = [group for group, _, _ in drawn]
    alone, shaded = len(drawn) == 1, len(drawn) <= _MAX_SHADED
    numbers: dict[str, float] = {}
    parts = []
    with style():
        figure, axes = axes_for(ax)
        validation = 100 * curves_of(groups[0], "metrics", "validation_accuracy") if alone else None
        bounds = [value for _, test, _ in drawn for value in (test.min().min(), test.max().max())]
        if validation is not None and len(validation):
            bounds += [validation.min().min(), validation.max().max()]
            draw_band(axes, validation, Look("#E69F00", "--", "s"), "validation", lw=1)
        floor, top = limits(bounds, 0.0, 100.5)
        for group, test, look in drawn:
            final, area = outcomes(group, "accuracy"), outcomes(group, "aae")
            name = "" if alone else f"{group.label}, "
            numbers |= {
                f"{name}final_accuracy": mean_sd(final)[0],
                f"{name}aae": mean_sd(area)[0],
                f"{name}epochs": int(test.index[-1]),
            }
            if len(final) > 1:
                numbers |= {f"{name}final_accuracy_sd": mean_sd(final)[1], f"{name}aae_sd": mean_sd(area)[1]}
            parts.append(f"{'' if alone else group.label + ': '}final {told_mean(final)} %, AAE {told_mean(area)} %")
            label = "test" if alone else f"{group.label} (AAE {told_mean(area)} %)"
            mean = test.mean(axis=1)
            if shaded:
                axes.fill_between(mean.index, mean, floor, color=look.colour, alpha=0.15 / len(drawn), lw=0)
            draw_band(axes, test, look, label)
        title = parts[0].removeprefix("final ")
        axes.set_title(f"Accuracy {title}" if alone else _TITLE[shaded])
        axes.set(ylabel="accuracy (%)", ylim=(floor, top))
        axes.margins(x=0.02)
        epoch_axis(axes)
        legend(figure, axes, ax)
    text = (
        f"Test accuracy over the epochs: {'; '.join(parts)}. The area across the epochs "
        f"(AAE){', shaded,' * shaded} is the mean of the accuracy over the epochs; the axis starts at {floor:.0f} %."
        f"{told_runs(groups)}"
    )
    return tell(figure, ax, text, numbers)
