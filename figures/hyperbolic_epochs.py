"""The network percolating: a row of hyperbolic disks over the epochs for each layer."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from netsparse.figures.caption import first_of, one_of, tell
from netsparse.figures.disk_drawing import draw_disk, draw_panel, finish_page
from netsparse.figures.disk_panel import (
    Panel,
    at_epoch,
    at_epochs,
    measured,
    numbers_of,
    panels_of,
    sampled,
    told_numbers,
)
from netsparse.figures.disks import embedded_epochs, embedded_layers
from netsparse.figures.source import Source, Trained
from netsparse.figures.style import PAGE, figure_of, style, within

_COLUMNS = 6
_MAX_ROWS = 8
# In a panel of an inch more than these only make it slow.
_MAX_LINKS = 3_000


def hyperbolic_epochs(
    source: Source, ax: Axes | None = None, layer: str | None = None, epochs: Sequence[int] | None = None
) -> Figure:
    """Each layer's hyperbolic disk at a few epochs: how the network percolates.

    The disks of a layer are turned and mirrored to fit the one before, communities keep their colours, the size of the
    dots has one scale. Neurons that lost their links, or are outside the giant component, are not drawn.

    Parameters
    ----------
    source : Run, table of measures, or several of these
        See `netsparse.figures.source.groups_of`. Of several groups one layer each is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw one disk: that of the last epoch.
    layer : str, optional
        The one layer to draw, ``""`` the whole network. Default: all; of several groups and with ``ax`` the first.
    epochs : sequence of int, optional
        Default: up to six of those that have an embedding, closer together at the start, where most changes.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells active neurons, ANP rate and the other numbers of each disk.

    Raises
    ------
    NothingToDrawError
        If no layer has an embedding.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> rng = np.random.default_rng(0)
    >>> snapshots = [ns.Snapshot([ns.LayerGraph.from_mask(rng.random((20, 15)) < 0.2)], epoch=e) for e in (0, 1, 2)]
    >>> print(hyperbolic_epochs(ns.measure(snapshots)))
    Figure(...x...)
    """
    sources = measured(source)
    with style():
        if ax is not None:
            [row] = _rows(*sources[0], layer, epochs, one=True)[0]
            draw_panel(ax, row[-1], 2.3)
            return tell(figure_of(ax), ax, _text([row[-1:]]), numbers_of(row[-1:]))
        several = len(sources) > 1
        found = [_rows(label if several else "", member, layer, epochs, one=several) for label, member in sources]
        rows = [row for own, _ in found for row in own]
        figure = _page(rows)
    left = next((cut for _, cut in found if cut and not several), "")
    return tell(figure, None, _text(rows) + left + one_of(source), numbers_of([panel for row in rows for panel in row]))


def spread(epochs: Sequence[int], n: int = _COLUMNS) -> list[int]:
    """Return up to n of the epochs, the first and the last among them, closer together at the start.

    Examples
    --------
    >>> spread(range(101)), spread([0, 5])
    ([0, 4, 16, 36, 64, 100], [0, 5])
    """
    if len(epochs) <= n:
        return list(epochs)
    places = np.round((len(epochs) - 1) * np.linspace(0, 1, n) ** 2).astype(int)
    return [epochs[place] for place in dict.fromkeys(np.maximum(places, np.arange(n)).tolist())]


def _rows(
    label: str, member: Trained, layer: str | None, epochs: Sequence[int] | None, *, one: bool
) -> tuple[list[list[Panel]], str]:
    layers, left = first_of(embedded_layers(member.measures) if layer is None else [layer], 1 if one else _MAX_ROWS)
    at = list(epochs) if epochs is not None else spread(embedded_epochs(member.measures, layer))
    return [panels_of(member, name, at, label, _MAX_LINKS) for name in layers], left


def _page(rows: Sequence[Sequence[Panel]]) -> Figure:
    n_columns = max(map(len, rows))
    size = min(2.2, (PAGE - 0.2) / n_columns)
    narrow = 0.3 if size * n_columns < 4.2 else 0.0
    figure = Figure(
        figsize=(size * n_columns + 0.2, (size + 0.4) * len(rows) + 0.55 + narrow),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03),
    )
    grid = figure.subplots(len(rows), n_columns, squeeze=False)
    for axes, row in zip(grid, rows, strict=True):
        for ax, panel in zip(axes, row, strict=False):
            draw_disk(ax, panel, size)
            ax.set_title(_head(panel), fontsize=6.2, linespacing=1.3, pad=2)
        for ax in axes[len(row) :]:
            ax.set_axis_off()
        first = row[0]
        name = within(first.disk.layer or "whole network", size)
        axes[0].text(
            -1.1,
            0,
            f"{within(first.label, size)}\n{name}" if first.label else name,
            rotation=90,
            ha="right",
            va="center",
            fontsize=7.5,
        )
    finish_page(figure, "Percolation of the layers (in the hyperbolic disk)", rows)
    return figure


def _head(panel: Panel) -> str:
    if not panel.disk.embedded.any():
        return at_epoch(panel.disk.epoch)
    rate = panel.disk.numbers["anp_rate"]
    words = f"{np.count_nonzero(panel.disk.degree)} active" + (f", ANP {rate:.2f}" if np.isfinite(rate) else "")
    lines = (at_epoch(panel.disk.epoch), words, told_numbers(panel.disk, 9.0, rate=False))
    return "\n".join(line for line in lines if line)


def _text(rows: Sequence[Sequence[Panel]]) -> str:
    epochs = list(dict.fromkeys(panel.disk.epoch for row in rows for panel in row))
    ends = [
        f"{row[0].label + ', ' if row[0].label else ''}{row[0].disk.layer or 'whole network'} "
        f"{np.count_nonzero(row[0].disk.degree)} → {np.count_nonzero(row[-1].disk.degree)}"
        for row in rows
        if len(row) > 1 and row[0].disk.embedded.any() and row[-1].disk.embedded.any()
    ]
    active = f" Neurons with links: {'; '.join(ends)}." if ends else ""
    return (
        f"Hyperbolic disks of the giant component{at_epochs(epochs)}, turned and mirrored to fit each other. Neurons "
        f"that lost their links are not drawn.{active} Colour: community, the same at all epochs; size: degree, on one "
        "scale; circles: source neurons, squares: target neurons. γ: exponent of the degrees that the radii follow, Q: "
        "modularity, ASI: angular separability of the communities, ANP: rate of active neurons after percolation."
        + sampled([len(panel.links) for row in rows for panel in row], _MAX_LINKS)
    )
