"""A layer's mask as an image: what the figures of masks share."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from netsparse.errors import NothingToDrawError
from netsparse.figures.source import Source, groups_of
from netsparse.graph import LayerGraph
from netsparse.run import Run

MAX_BINS = 400

_INK = LinearSegmentedColormap.from_list("ink", ["#ffffff", "#7c93b8", "#0b2545"])
# Ink of a block with one link, so that it stays visible at print size.
_FAINTEST = 0.5


def pictured(source: Source) -> list[tuple[str, Run]]:
    """Return label and first run with snapshots of each group; groups without are left out.

    Raises
    ------
    NothingToDrawError
        If no run has any.
    """
    groups = groups_of(source)
    found = []
    for group in groups:
        runs = [member.run for member in group.members if member.run is not None and member.run.epochs]
        found += [(group.label, run) for run in runs[:1]]
    if found:
        return found
    run = groups[0].members[0].run
    if run is not None:
        raise NothingToDrawError(f"{run.path} holds no snapshots")
    raise NothingToDrawError("masks are drawn from a run's snapshots: a table does not hold them, so hand in the Run")


def binned(graph: LayerGraph, bins: int = MAX_BINS) -> np.ndarray:
    """Count the links in blocks of a few source and target neurons, at most so many blocks a side.

    Examples
    --------
    >>> binned(LayerGraph.from_mask(np.eye(4)), 2)
    array([[2, 0],
           [0, 2]])
    """
    bins = max(min(bins, MAX_BINS), 1)
    rows, columns = (max(-(-n // bins), 1) for n in (graph.n_source, graph.n_target))
    counts = np.zeros((max(-(-graph.n_source // rows), 1), max(-(-graph.n_target // columns), 1)), np.int64)
    np.add.at(counts, (graph.link_rows // rows, graph.biadjacency.indices // columns), 1)
    return counts


def draw_mask(ax: Axes, graph: LayerGraph, width: float) -> None:
    """Draw a mask, source neurons from top to bottom, in blocks of 1/150 inch and more: the darker, the more links.

    Parameters
    ----------
    width : float
        Of the panel in inches.
    """
    counts = binned(graph, round(150 * width))
    most = max(float(np.quantile(counts[counts > 0], 0.99)) if counts.any() else 1.0, 1.0)
    ink = np.where(counts > 0, _FAINTEST + (1 - _FAINTEST) * np.minimum((counts - 1) / max(most - 1, 1.0), 1.0), 0.0)
    if most == 1.0:
        ink = np.minimum(counts, 1) * 0.9
    ax.imshow(
        ink,
        cmap=_INK,
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=(0, max(graph.n_target, 1), max(graph.n_source, 1), 0),
        aspect="auto",
    )
    ax.set_box_aspect(1)
    ax.grid(visible=False)
    ax.spines[["top", "right"]].set_visible(True)
    ax.spines[:].set(linewidth=0.6, color="#8a8a8a")
    ax.set_xticks([0, graph.n_target] if graph.n_target else [])
    ax.set_yticks([0, graph.n_source] if graph.n_source else [])
    ax.tick_params(length=2, pad=2)


def size_of(graph: LayerGraph) -> str:
    """Return a mask's links and density in words.

    Examples
    --------
    >>> size_of(LayerGraph.from_mask(np.eye(4)))
    '4 links, 25 %'
    """
    return f"{graph.n_links} links, {100 * graph.density:.3g} %"
