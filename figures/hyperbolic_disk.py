"""Layers in the hyperbolic disk, first against last epoch."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.source import Source, first_and_last, layer_names, node_values, only, value_of
from netsparse.figures.style import MUTED, PAGE, figure_of, palette, plain, style
from netsparse.run import Run

_N_COLOURS = 10
_MAX_LINKS = 20_000


def hyperbolic_disk(
    source: Source, ax: Axes | None = None, layer: str | None = None, epoch: int | None = None
) -> Figure:
    """Coalescent embedding of each layer's giant component, first against last epoch.

    Angle and radius are the hyperbolic coordinates (native disk: the drawn radius is the hyperbolic one, the rim
    2 ln n). Colour: community, the largest first; size: degree; circle: source neuron, square: target neuron. Links are
    drawn if the source is a run that holds the snapshot.

    Parameters
    ----------
    source : Run or pandas.DataFrame
        A run, or its table of measures.
    ax : matplotlib.axes.Axes, optional
        Where to draw one disk.
    layer : str, optional
        The layer of the one disk, ``""`` the whole network. Default: all layers; with ``ax`` the first one.
    epoch : int, optional
        Default: the first and the last; with ``ax`` the last.

    Returns
    -------
    matplotlib.figure.Figure

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
    measures = only(source).measures
    embedded = measures[(measures["measure"] == "radius") & (measures["scope"] == "node") & measures["value"].notna()]
    if embedded.empty:
        raise NothingToDrawError("no layer has an embedding (none was measured, or all degrees are equal)")
    given = ax
    with style():
        if ax is not None:
            figure = figure_of(ax)
            chosen_layer = layer if layer is not None else (layer_names(embedded) or [""])[0]
            _disk(ax, source, measures, chosen_layer, first_and_last(embedded)[-1] if epoch is None else epoch)
            return tell(figure, given, "Layers in the hyperbolic disk.", {})
        layers = (layer_names(embedded) or [""]) if layer is None else [layer]
        epochs = first_and_last(embedded) if epoch is None else [epoch]
        size = min(2.5, PAGE / max(len(layers), 2))
        figure = Figure(
            figsize=(size * len(layers), size * 1.13 * len(epochs) + 0.5), layout=ConstrainedLayoutEngine(h_pad=0.06)
        )
        grid = figure.subplots(len(epochs), len(layers), squeeze=False)
        for row, at in zip(grid, epochs, strict=True):
            for panel, name in zip(row, layers, strict=True):
                _disk(panel, source, measures, name, at)
        figure.suptitle("Layers in the hyperbolic disk (coalescent embedding of the giant component)", fontsize=8.5)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=4, handletextpad=0.2, columnspacing=1.2)
    return tell(figure, given, "Layers in the hyperbolic disk.", {})


def _disk(ax: Axes, source: Source, measures: pd.DataFrame, layer: str, epoch: int) -> None:
    nodes = node_values(measures, ["theta", "radius", "community", "degree"], layer, epoch)
    nodes = nodes.assign(position=np.arange(len(nodes)))
    embedded = nodes.dropna(subset=["theta", "radius"])
    told = [(label, value_of(measures, name, layer, epoch)) for label, name in _TOLD]
    numbers = "  ".join(f"{label} {value:.2f}" for label, value in told if np.isfinite(value))
    ax.set_title(f"{plain(layer) or 'whole network'}, epoch {epoch}\n{numbers}", fontsize=7.5, linespacing=1.4)
    ax.set(xlim=(-1.06, 1.06), ylim=(-1.06, 1.06), aspect="equal")
    ax.set_axis_off()
    if embedded.empty:
        ax.text(0, 0, "no embedding", ha="center", va="center", color=MUTED)
        return
    rim = max(2 * np.log(len(embedded)), float(embedded["radius"].max()))
    ax.add_patch(Circle((0, 0), 1.0, facecolor="#fafafa", edgecolor="#cccccc", lw=0.8, zorder=0))
    xy = np.column_stack([np.cos(embedded["theta"]), np.sin(embedded["theta"])])
    xy *= (embedded["radius"] / rim).to_numpy()[:, None]
    _draw_links(ax, source, layer, epoch, embedded["position"].to_numpy(), xy, len(nodes))
    colours = np.array([*palette(_N_COLOURS), (0.6, 0.6, 0.6)])
    community = embedded["community"].fillna(_N_COLOURS).clip(upper=_N_COLOURS).astype(int).to_numpy()
    degree = embedded["degree"].to_numpy()
    size = 2.0 + 58.0 * (degree / degree.max()) ** 1.5
    group = embedded.index.get_level_values("group")
    targets = group != next(iter(dict.fromkeys(nodes.index.get_level_values("group"))))
    behind = np.argsort(-degree, kind="stable")  # the small ones lie on top of the hubs
    for marker, side in (("o", ~targets), ("s", targets)):
        drawn = behind[side[behind]]
        x, y = xy[drawn].T
        ax.scatter(
            x, y, size[drawn], colours[community[drawn]], marker=marker, linewidths=0.3, edgecolors="white", zorder=3
        )


_TOLD = (("γ", "power_law_gamma"), ("Q", "modularity"), ("ASI", "angular_separability"), ("ANP", "anp_rate"))


def _draw_links(
    ax: Axes, source: Source, layer: str, epoch: int, position: np.ndarray, xy: np.ndarray, n_nodes: int
) -> None:
    if not isinstance(source, Run) or epoch not in source.epochs:
        return
    snapshot = source.snapshot(epoch)
    if layer:
        graph = snapshot[layer]
        tail, head = graph.link_rows, graph.biadjacency.indices + graph.n_source
    else:
        links = snapshot.adjacency.tocoo()
        tail, head = (ends[links.coords[0] < links.coords[1]] for ends in links.coords)
    place = np.full(n_nodes, -1)
    place[position] = np.arange(len(position))
    tail, head = place[tail], place[head]
    shown = np.flatnonzero((tail >= 0) & (head >= 0))
    shown = shown[:: max(1, -(-len(shown) // _MAX_LINKS))]
    alpha = float(np.clip(60.0 / max(len(shown), 1), 0.03, 0.3))
    segments = np.stack([xy[tail[shown]], xy[head[shown]]], axis=1)
    ax.add_collection(LineCollection(list(segments), colors="#444444", linewidths=0.35, alpha=alpha, zorder=1))


def _legend() -> list[Line2D]:
    def mark(marker: str, size: float, label: str) -> Line2D:
        return Line2D([], [], ls="", marker=marker, ms=size, color=MUTED, markeredgecolor="white", label=label)

    return [
        mark("o", 5, "source neuron"),
        mark("s", 5, "target neuron"),
        mark("o", 8, "size: degree"),
        Line2D([], [], ls="", label="colour: community"),
    ]
