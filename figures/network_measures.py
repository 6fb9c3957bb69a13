"""A table of measures, first against last epoch."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.source import Source, first_and_last, layer_names, only, value_of
from netsparse.figures.style import PAGE, figure_of, plain, style


def network_measures(source: Source, ax: Axes | None = None) -> Figure:
    """Every measure of the network and of each layer, first against last epoch, as a table.

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
        If nothing was measured.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> mask = np.random.default_rng(0).random((20, 15)) < 0.2
    >>> table = ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(mask)], epoch=0))
    >>> print(network_measures(table))
    Figure(...x...)
    """
    measures = only(source).measures
    rows = measures[measures["scope"].isin(["layer", "network"])]
    if rows.empty:
        raise NothingToDrawError("no layer or network was measured")
    epochs = first_and_last(rows)
    places = ["", *layer_names(rows)] if (rows["scope"] == "network").any() else layer_names(rows)
    values = {
        name: [value_of(rows, name, place, epoch) for place in places for epoch in epochs]
        for name in sorted(dict.fromkeys(rows["measure"]))
    }
    values = {name: row for name, row in values.items() if np.isfinite(row).any()}
    cells = [[_number(value) for value in row] for row in values.values()]
    header = [f"{plain(place) or 'network'}\nepoch {epoch}" for place in places for epoch in epochs]
    given = ax
    with style():
        height = 0.24 * (len(cells) + 3)
        if ax is None:
            figure = Figure(figsize=(max(PAGE, 1.8 + 0.85 * len(header)), height), layout="constrained")
            ax = figure.add_subplot()
        else:
            figure = figure_of(ax)
        ax.set_axis_off()
        ax.set_title("Network measures, first against last epoch")
        table = ax.table(
            cells,
            rowLabels=list(values),
            colLabels=header,
            loc="center",
            cellLoc="right",
            bbox=Bbox.unit(),
        )
        table.auto_set_font_size(False)
        table.set_fontsize(7)
        for (row, column), cell in table.get_celld().items():
            cell.set_linewidth(0.0)
            cell.set_height((2.0 if row == 0 else 1.0) / (len(cells) + 2))
            if row % 2 == 1:
                cell.set_facecolor("#f4f4f4")
            if row == 0:
                cell.get_text().set_fontweight("bold")
            if column >= 0 and row > 0 and (column // len(epochs)) == 0 and places[0] == "":
                cell.get_text().set_fontweight("bold")
    return tell(figure, given, "Network measures, first against last epoch.", {})


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    if abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 1e6 else f"{value:.2e}"
