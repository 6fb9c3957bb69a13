"""Layers in the hyperbolic disk: first against last epoch, or methods against each other."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.figures.caption import first_of, one_of, tell
from netsparse.figures.disk_drawing import draw_page, draw_panel
from netsparse.figures.disk_panel import MAX_LINKS, Panel, at_epochs, measured, numbers_of, panels_of, sampled
from netsparse.figures.disks import embedded_epochs, embedded_layers
from netsparse.figures.source import Source
from netsparse.figures.style import COLUMNS, figure_of, style

_MAX_LAYERS = 12


def hyperbolic_disk(
    source: Source,
    ax: Axes | None = None,
    layer: str | None = None,
    epoch: int | None = None,
    epochs: Sequence[int] | None = None,
) -> Figure:
    """Coalescent embedding of each layer's giant component, first against last epoch; or method against method.

    Angle and radius are the hyperbolic coordinates (native disk: the drawn radius is the hyperbolic one, the rim
    2 ln n). The disks of one layer are turned and mirrored to fit each other. Colour: community, the same at all epochs
    shown; size: degree; circle: source neuron, square: target neuron. Neurons outside the giant component are not
    drawn. Links are drawn if the source is a run that holds the snapshot.

    Parameters
    ----------
    source : Run, table of measures, or several of these
        See `netsparse.figures.source.groups_of`. Of several seeds the first that has measures is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw one disk.
    layer : str, optional
        The one layer to draw, ``""`` the whole network. Default: all layers; with ``ax`` the first one.
    epoch : int, optional
        The one epoch to draw; with ``ax`` the last by default.
    epochs : sequence of int, optional
        Default: the first and the last; of several groups the last.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells γ, modularity, ASI, ANP rate, neurons and communities of each disk.

    Raises
    ------
    NothingToDrawError
        If no layer has an embedding.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> mask = np.random.default_rng(0).random((20, 15)) < 0.2
    >>> table = ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(mask)], epoch=0))
    >>> print(hyperbolic_disk(table))
    Figure(...x...)
    """
    sources = measured(source)
    wanted = epochs if epoch is None else [epoch]
    with style():
        if ax is not None:
            _, member = sources[0]
            name = embedded_layers(member.measures)[0] if layer is None else layer
            [panel] = panels_of(member, name, list(wanted or embedded_epochs(member.measures, name))[-1:])
            draw_panel(ax, panel, 2.3)
            return tell(figure_of(ax), ax, _text([panel], 1), numbers_of([panel]))
        rows: list[list[Panel]] = []
        left = ""
        for label, member in sources:
            layers, cut = first_of(embedded_layers(member.measures) if layer is None else [layer], _MAX_LAYERS)
            left = left or cut
            at = list(wanted or _ends(embedded_epochs(member.measures), len(sources)))
            columns = [panels_of(member, name, at, label if len(sources) > 1 else "") for name in layers]
            beside = -(-len(columns) // -(-len(columns) // COLUMNS))
            for start in range(0, len(columns), beside):
                rows += [list(row) for row in zip(*columns[start : start + beside], strict=True)]
        figure = draw_page(rows, "Layers in the hyperbolic disk (coalescent embedding)")
    panels = [panel for row in rows for panel in row]
    return tell(figure, None, _text(panels, len(sources)) + left + one_of(source), numbers_of(panels))


def _ends(epochs: list[int], n_sources: int) -> list[int]:
    """Return the first and the last epoch, of several sources the last."""
    return epochs[-1:] if n_sources > 1 else sorted({epochs[0], epochs[-1]})


def _text(panels: Sequence[Panel], n_sources: int) -> str:
    epochs = sorted({panel.disk.epoch for panel in panels})
    of = " of each layer" if len({panel.disk.layer for panel in panels}) > 1 else ""
    fitted = ", turned and mirrored to fit each other" if len(epochs) > 1 and n_sources == 1 else ""
    same = ", the same at all epochs" if fitted else ""
    return (
        f"Coalescent embedding of the giant component{of} in the hyperbolic disk{at_epochs(epochs)}{fitted}. The drawn "
        f"radius is the hyperbolic one, the rim 2 ln n. Colour: community{same}, the largest twelve; size: degree; "
        "circles: source neurons, squares: target neurons. γ: exponent of the degrees that the radii "
        "follow, Q: modularity, ASI: angular separability of the communities, ANP: rate of active neurons after "
        "percolation." + sampled([len(panel.links) for panel in panels], MAX_LINKS)
    )
