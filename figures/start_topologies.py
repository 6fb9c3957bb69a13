"""Start topologies: the mask that each method starts from, and the degrees that it gives the source neurons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.figures.caption import tell
from netsparse.figures.mask_image import draw_mask, pictured, size_of
from netsparse.figures.source import Source
from netsparse.figures.style import COLUMN, MUTED, PAGE, figure_of, style, within
from netsparse.graph import LayerGraph
from netsparse.topologies import erdos_renyi

_MAX_PANELS = 6

# Topologies as papers write them; what methods start from unless their parts say so, others from Erdős–Rényi.
TOPOLOGY_NAMES = {
    "correlated": "CSTI",
    "erdos_renyi": "Erdős–Rényi",
    "fully_connected": "fully connected",
    "receptive_field": "receptive field",
    "scale_free": "scale-free",
    "small_world": "small world",
}
STARTS = {"cht": "correlated", "chts": "correlated", "chtss": "correlated", "dense": "fully_connected"}


def start_topologies(source: Source | Mapping[str, LayerGraph], ax: Axes | None = None) -> Figure:
    """Masks at the start of training, and how many source neurons have how many links.

    Of several groups of runs the first layer of each different start; of one run its layers beside an Erdős–Rényi mask
    of the first one's shape and density.

    Parameters
    ----------
    source : Run, several of these, or mapping of labels to layers
        Runs with their first snapshot; or masks of any origin, such as those of `netsparse.topologies`.
    ax : matplotlib.axes.Axes, optional
        Where to draw the first mask alone.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells links, density and degrees of each.

    Raises
    ------
    NothingToDrawError
        If there are no snapshots.

    Examples
    --------
    >>> import netsparse as ns
    >>> rng = np.random.default_rng(0)
    >>> masks = {name: ns.LayerGraph.from_mask(ns.topologies.TOPOLOGIES[name]((30, 20), 0.1, rng))
    ...     for name in ("scale_free", "small_world")}
    >>> print(start_topologies(masks))
    Figure(...x...)
    """
    found = _panels(source)
    panels = found[:_MAX_PANELS]
    left = f" The first {len(panels)} of {len(found)} are drawn." if len(found) > len(panels) else ""
    with style():
        if ax is not None:
            panels = panels[:1]
            _mask(ax, *panels[0], 2.3, first=True)
            figure = figure_of(ax)
        else:
            figure = _page(panels)
    numbers: dict[str, float] = {}
    for title, graph in panels:
        degrees = graph.source_degrees
        name = title.replace("\n", ", ")
        numbers |= {f"{name}, links": graph.n_links, f"{name}, density": graph.density}
        numbers |= {f"{name}, largest source degree": int(degrees.max(initial=0))}
        numbers |= {f"{name}, source neurons without links": int(np.count_nonzero(degrees == 0))}
    return tell(figure, ax, _text(panels, ax) + left, numbers)


def _panels(source: Source | Mapping[str, LayerGraph]) -> list[tuple[str, LayerGraph]]:
    """Return titles and masks."""
    if isinstance(source, Mapping) and any(isinstance(part, LayerGraph) for part in source.values()):
        return [(str(label), part) for label, part in source.items() if isinstance(part, LayerGraph)]
    runs: Any = source
    found = pictured(runs)
    starts = [(label, topology_of(run.config), run.snapshot(run.epochs[0]).layers) for label, run in found]
    if len(starts) > 1:
        different: dict[tuple[Any, ...], tuple[list[str], str, LayerGraph]] = {}
        for label, topology, (graph, *_) in starts:
            key = (topology or label, graph.biadjacency.shape, round(graph.density, 4))
            different.setdefault(key, ([], topology, graph))[0].append(label)
        if len(different) > 1:
            return [(_title(topology, _named(labels)), graph) for labels, topology, graph in different.values()]
    _, topology, layers = starts[0]
    panels = [(_title(topology, graph.name), graph) for graph in layers[: _MAX_PANELS - 1]]
    if topology in ("erdos_renyi", "fully_connected"):
        return panels
    graph = layers[0]
    density = 0.0 if np.isnan(graph.density) else graph.density
    random = erdos_renyi(graph.biadjacency.shape, density, np.random.default_rng(0))
    return [*panels, ("Erdős–Rényi\nfor comparison", LayerGraph(graph.name, random))]


def _named(labels: list[str]) -> str:
    return ", ".join(labels) if len(labels) < 5 else f"{labels[0]} and {len(labels) - 1} more"


def topology_of(config: Mapping[str, Any]) -> str:
    """Return the start topology of a run by its configuration; empty if it does not say.

    Examples
    --------
    >>> topology_of({"method": "cht"}), topology_of({"method": "set", "parts": {"topology": "small_world"}})
    ('correlated', 'small_world')
    """
    chosen = config.get("parts", {}).get("topology")
    if chosen or "method" not in config:
        return str(chosen or "")
    return STARTS.get(config["method"], "erdos_renyi")


def _title(topology: str, below: str) -> str:
    name = TOPOLOGY_NAMES.get(topology, topology)
    return f"{name}\n{below}" if name else below


def _page(panels: list[tuple[str, LayerGraph]]) -> Figure:
    n = len(panels)
    size = min(2.2, PAGE / n)
    figure = Figure(figsize=(max(size * n, COLUMN), size + 1.85), layout="constrained")
    grid = figure.subplots(2, n, squeeze=False, height_ratios=(size, 1.0))
    most = max(int(graph.source_degrees.max(initial=0)) for _, graph in panels)
    for i, (title, graph) in enumerate(panels):
        _mask(grid[0, i], title, graph, size - 0.3, first=i == 0)
        _histogram(grid[1, i], graph, most, first=i == 0)
    top = max(ax.get_ylim()[1] for ax in grid[1])
    for ax in grid[1]:
        ax.set_ylim(0.7, top)
    return figure


def _mask(ax: Axes, title: str, graph: LayerGraph, width: float, *, first: bool) -> None:
    draw_mask(ax, graph, width)
    lines = [within(line, width) for line in title.split("\n")]
    ax.set_title("\n".join([*lines, size_of(graph)]), fontsize=7.5, linespacing=1.3, pad=3)
    ax.set_xlabel("target neuron", labelpad=-4 if width > 1.25 else 1)
    ax.set_ylabel("source neuron" if first else "", labelpad=-4 if width > 1.25 else 1)


def _histogram(ax: Axes, graph: LayerGraph, most: int, *, first: bool) -> None:
    step = max(-(-(most + 1) // 30), 1)
    edges = np.arange(0, most + step + 1, step) - 0.5
    ax.hist(graph.source_degrees, bins=list(edges), color=MUTED)
    ax.set(yscale="log" if graph.n_source else "linear", xlabel="degree", ylabel="source neurons" if first else "")
    ax.set_title(f"largest degree {graph.source_degrees.max(initial=0)}", fontsize=7, pad=2)


def _text(panels: list[tuple[str, LayerGraph]], ax: Axes | None) -> str:
    names = "; ".join(title.replace("\n", ": ") for title, _ in panels)
    degrees = " Below: how many source neurons have how many links." if ax is None else ""
    return (
        f"Start topologies ({names}): source neurons from top to bottom, target neurons from left to right; the "
        f"darker, the more links lie in a block of a few neurons.{degrees}"
    )
