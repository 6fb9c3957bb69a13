"""The layers' masks as images: first against last epoch, or methods against each other."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import first_of, one_of, tell
from netsparse.figures.mask_image import draw_mask, pictured, size_of
from netsparse.figures.source import Source
from netsparse.figures.style import COLUMNS, PAGE, figure_of, style, within
from netsparse.graph import LayerGraph
from netsparse.run import Run

_MAX_LAYERS = 12
# Groups up to which all layers are drawn, to keep to a page.
_MAX_GROUPS = 4

_Panel = tuple[str, int, LayerGraph]


def layer_masks(
    source: Source, ax: Axes | None = None, layer: str | None = None, epochs: Sequence[int] | None = None
) -> Figure:
    """Each layer's mask as an image, first against last epoch; of several groups of runs the last.

    Source neurons from top to bottom, target neurons from left to right, in blocks of a few neurons where there are
    many: the darker, the more links.

    Parameters
    ----------
    source : Run, or several
        With snapshots. Of several seeds the first is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw one mask, the last epoch's.
    layer : str, optional
        The one layer to draw. Default: all; with ``ax`` the first.
    epochs : sequence of int, optional
        Default: the first and the last; of several groups the last.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells links and density of each mask.

    Raises
    ------
    NothingToDrawError
        If there are no snapshots, or no such layer.

    Examples
    --------
    >>> import tempfile
    >>> import netsparse as ns
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = ns.Run.create(folder)
    ...     run.write_snapshot(ns.Snapshot([ns.LayerGraph.from_mask([[1, 0], [0, 1]])], epoch=0))
    ...     print(layer_masks(run))
    Figure(...x...)
    """
    sources = pictured(source)
    if ax is not None:
        sources = sources[:1]
    several = len(sources) > 1
    rows: list[list[_Panel]] = []
    left = ""
    for label, run in sources:
        at = list(epochs) if epochs is not None else sorted({run.epochs[0], run.epochs[-1]})
        at = at[-1:] if ax is not None or (several and epochs is None) else at
        most = _MAX_LAYERS if len(sources) <= _MAX_GROUPS else 1
        own, cut = _rows(label if several else "", run, layer, at, most)
        rows, left = rows + own, left or cut
    with style():
        if ax is not None:
            panel = rows[0][0]
            _draw(ax, panel, 2.3, axes=(True, True))
            return tell(figure_of(ax), ax, _text([[panel]]), _numbers([[panel]]))
        figure = _page(rows)
    return tell(figure, None, _text(rows) + left + one_of(source), _numbers(rows))


def _rows(label: str, run: Run, layer: str | None, epochs: Sequence[int], most: int) -> tuple[list[list[_Panel]], str]:
    names, left = first_of(run.layer_names(epochs[-1]) if layer is None else [layer], most)
    if layer is not None and layer not in run.layer_names(epochs[-1]):
        raise NothingToDrawError(f"{run.path} has no layer '{layer}'")
    snapshots = [run.snapshot(epoch) for epoch in epochs]
    beside = -(-len(names) // -(-len(names) // COLUMNS))
    rows = [
        [(label, epoch, snapshot[name]) for name in names[start : start + beside]]
        for start in range(0, len(names), beside)
        for epoch, snapshot in zip(epochs, snapshots, strict=True)
    ]
    return rows, left


def _page(rows: Sequence[Sequence[_Panel]]) -> Figure:
    if max(map(len, rows)) == 1:  # one layer: side by side
        rows = [[row[0] for row in rows][start : start + COLUMNS] for start in range(0, len(rows), COLUMNS)]
    n_columns = max(map(len, rows))
    size = min(2.3, PAGE / n_columns)
    head = 0.4 if any(label for row in rows for label, _, _ in row) else 0.27
    figure = Figure(figsize=(size * n_columns + 0.2, (size + head) * len(rows) + 0.25), layout="constrained")
    grid = figure.subplots(len(rows), n_columns, squeeze=False)
    for i, (axes, row) in enumerate(zip(grid, rows, strict=True)):
        for j, (ax, panel) in enumerate(zip(axes, row, strict=False)):
            _draw(ax, panel, size - 0.4, axes=(i == len(rows) - 1, j == 0))
        for ax in axes[len(row) :]:
            ax.set_axis_off()
    return figure


def _draw(ax: Axes, panel: _Panel, width: float, axes: tuple[bool, bool]) -> None:
    label, epoch, graph = panel
    draw_mask(ax, graph, width)
    name = f"{within(graph.name, width - 0.4)}, epoch {epoch}"
    above = [within(label, width)] if label else []
    ax.set_title("\n".join([*above, name, size_of(graph)]), fontsize=7.5, linespacing=1.3, pad=3)
    ax.set_xlabel("target neuron" if axes[0] else "", labelpad=-4)
    ax.set_ylabel("source neuron" if axes[1] else "", labelpad=-4)


def _numbers(rows: Sequence[Sequence[_Panel]]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for label, epoch, graph in (panel for row in rows for panel in row):
        start = f"{label}, " if label else ""
        start += f"{graph.name}, epoch {epoch}, "
        numbers |= {f"{start}links": graph.n_links, f"{start}density": graph.density}
    return numbers


def _text(rows: Sequence[Sequence[_Panel]]) -> str:
    epochs = sorted({epoch for row in rows for _, epoch, _ in row})
    at = f"epoch{'s' if len(epochs) > 1 else ''} {' and '.join(map(str, epochs))}"
    return (
        f"Masks of the layers at {at}: source neurons from top to bottom, target neurons from left to right; the "
        "darker, the more links lie in a block of a few neurons."
    )
