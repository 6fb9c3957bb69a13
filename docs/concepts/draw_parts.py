"""Parts of the pictures: figures, colours, small graphs."""

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8a8a8a"


def figure_of(n: int, widths: Sequence[float] | None = None, height: float = 2.5) -> tuple[Figure, Any]:
    """Make a figure with axes beside each other."""
    figure = Figure(figsize=(7.0, height), layout="constrained")
    return figure, figure.subplots(1, n, width_ratios=widths or [1] * n, squeeze=False)[0]


def lines(ax: Any, starts: Any, ends: Any, colour: str, width: float = 1.0, style: str = "-") -> None:
    """Draw straight links."""
    segments = np.stack([np.asarray(starts, float), np.asarray(ends, float)], axis=1)
    ax.add_collection(LineCollection(segments, colors=colour, linewidths=width, linestyles=style, zorder=1))


def dots(
    ax: Any,
    places: Any,
    colour: Any,
    sizes: Any = 60,
    edge: Any = "white",
    marker: str = "o",
    labels: Sequence[str] = (),
) -> None:
    """Draw nodes, with text in them."""
    places = np.asarray(places, float)
    ax.scatter(*places.T, s=sizes, c=colour, edgecolors=edge, linewidths=0.8, marker=marker, zorder=2)
    for (x, y), text in zip(places, labels, strict=False):
        ax.text(x, y, text, ha="center", va="center_baseline", fontsize=7, zorder=3)


def chain(
    ax: Any,
    masks: Sequence[np.ndarray],
    taken: Sequence[np.ndarray] | None = None,
    labels: Sequence[Sequence[str]] | None = None,
    size: float = 70,
    hubs: set[tuple[int, int]] = frozenset(),
) -> None:
    """Draw the layers of a network from left to right, its links and those taken; neurons without links are hollow."""
    sizes = [masks[0].shape[0], *(mask.shape[1] for mask in masks)]
    places = [np.column_stack([np.full(n, x), np.linspace(1, 0, n) if n > 1 else [0.5]]) for x, n in enumerate(sizes)]
    alive = [np.zeros(n, bool) for n in sizes]
    for x, mask in enumerate(masks):
        for links, colour, style in ((mask, BLUE, "-"), (taken[x] if taken else np.zeros_like(mask), RED, ":")):
            tails, heads = np.nonzero(links)
            if len(tails):
                lines(ax, places[x][tails], places[x + 1][heads], colour, 1.4, style)
        alive[x] |= mask.any(1)
        alive[x + 1] |= mask.any(0)
    for x, group in enumerate(places):
        for i, place in enumerate(group):
            colour = ORANGE if (x, i) in hubs else "#cfe3f3" if alive[x][i] else "white"
            dots(ax, [place], colour, size, BLUE if alive[x][i] else RED, labels=[labels[x][i]] if labels else ())
    ax.set(xlim=(-0.3, len(sizes) - 0.7), ylim=(-0.15, 1.15))
    ax.set_axis_off()


def network_of(
    ax: Any, graph: nx.Graph, place: np.ndarray, values: Any, sizes: Any, colour: str, labels: Sequence[str] = ()
) -> None:
    """Draw a small graph, nodes coloured by a value."""
    links = np.array([(a, b) for a, b in graph.edges])
    lines(ax, place[links[:, 0]], place[links[:, 1]], "#bbbbbb", 0.9)
    ax.scatter(*place.T, s=sizes, c=values, cmap=colour, edgecolors="white", linewidths=0.7, zorder=2, vmin=-0.3)
    for (x, y), text in zip(place, labels, strict=False):
        ax.annotate(text, (x, y), (0, 8), textcoords="offset points", ha="center", fontsize=6.5)
    ax.set_aspect("equal")
    ax.margins(0.12)
    ax.set_axis_off()
