"""CSTI: the correlations of the input features, and the start mask that they lead to."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NetsparseError, NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.mask_image import MAX_BINS, draw_mask, size_of
from netsparse.figures.source import Source, groups_of
from netsparse.figures.style import PAGE, figure_of, plain, style
from netsparse.graph import LayerGraph
from netsparse.topologies import Correlations, correlated


def csti(source: Source | np.ndarray, ax: Axes | None = None, density: float = 0.01) -> Figure:
    """Heat map of the correlations between input features beside the mask that links the most correlated ones.

    If the number of features is a square, as in square images of one channel, a third panel shows how many links each
    pixel has.

    Parameters
    ----------
    source : Run, several of these, or numpy.ndarray of shape (n_features, n_features)
        The first run that keeps the correlations of its start (`netsparse.Run.correlations`); or correlations.
    ax : matplotlib.axes.Axes, optional
        Where to draw the heat map alone.
    density : float
        Of the mask, if the source is a matrix.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells the number of features, the mean correlation, and that of the linked pairs.

    Raises
    ------
    NothingToDrawError
        If no run keeps correlations.

    Examples
    --------
    >>> data = np.random.default_rng(0).normal(size=(50, 16))
    >>> print(csti(np.abs(np.corrcoef(data.T)) - np.eye(16), density=0.1))
    Figure(...x...)
    """
    correlations, mask, run = _found(source, density)
    n = len(correlations)
    pairs = correlations[~np.eye(n, dtype=bool)]
    linked = correlations[mask.link_rows % n, mask.biadjacency.indices % n]
    numbers = {
        "features": n,
        "mean_correlation": float(pairs.mean()) if len(pairs) else math.nan,
        "links": mask.n_links,
        "mean_correlation_linked": float(linked.mean()) if len(linked) else math.nan,
        "least_correlation_linked": float(linked.min()) if len(linked) else math.nan,
    }
    with style():
        if ax is not None:
            figure = figure_of(ax)
            _heat_map(ax, correlations)
        else:
            figure = _page(correlations, mask)
    least = numbers["least_correlation_linked"]
    text = f"Absolute Pearson correlations of the {n} input features{f' of {run}' if run else ''}"
    if ax is None:
        text += f", and the start mask of layer {mask.name} that links the {mask.n_links} most correlated pairs"
        text += f" (mean {numbers['mean_correlation_linked']:.2f}, least {least:.2f})" if math.isfinite(least) else ""
    return tell(figure, ax, f"{text}. All pairs: mean {numbers['mean_correlation']:.2f}.", numbers)


def _found(source: Source | np.ndarray, density: float) -> tuple[np.ndarray, LayerGraph, str]:
    """Return the correlations, the first layer's start mask and, of several runs, the one they are of."""
    if isinstance(source, np.ndarray):
        if source.ndim != 2 or source.shape[0] != source.shape[1] or not np.isfinite(source).all():
            raise NetsparseError(f"correlations are a square matrix of finite numbers, not of shape {source.shape}")
        matrix = np.abs(source.astype(np.float32))
        np.fill_diagonal(matrix, 0.0)
        links = correlated(matrix.shape, density, np.random.default_rng(0), Correlations(matrix))
        return matrix, LayerGraph("CSTI", links, "input", "hidden"), ""
    members = [member for group in groups_of(source) for member in group.members]
    for member in members:
        kept = member.run.correlations if member.run is not None else None
        if kept is not None and member.run is not None and member.run.epochs:
            first = member.run.snapshot(member.run.epochs[0]).layers[0]
            return kept, first, member.name if len(members) > 1 else ""
    if members[0].run is None:
        raise NothingToDrawError("CSTI is drawn from a run that keeps its correlations: a table does not hold them")
    raise NothingToDrawError(
        f"{members[0].run.path} keeps no correlations: this run did not start from CSTI, or its input has too many "
        "features, or it was trained before netsparse kept them"
    )


def _page(correlations: np.ndarray, mask: LayerGraph) -> Figure:
    side = math.isqrt(mask.n_source)
    image = side > 1 and side * side == mask.n_source == len(correlations)
    figure = Figure(figsize=(PAGE if image else 0.7 * PAGE, 2.25), layout="constrained")
    axes = figure.subplots(1, 2 + image)
    _heat_map(axes[0], correlations)
    _scale(figure, axes[0], "|r|")
    draw_mask(axes[1], mask, 1.8)
    axes[1].set_title(f"start mask of {plain(mask.name)}\n{size_of(mask)}", fontsize=7.5)
    axes[1].set_xlabel("target neuron", labelpad=-4)
    axes[1].set_ylabel("source neuron", labelpad=-4)
    if image:
        degrees = mask.source_degrees.reshape(side, side)
        axes[2].imshow(degrees, cmap="viridis", interpolation="nearest")
        axes[2].set_title(f"links of each pixel\n{side} × {side}", fontsize=7.5)
        axes[2].set_axis_off()
        _scale(figure, axes[2], "links")
    return figure


def _scale(figure: Figure, ax: Axes, title: str) -> None:
    bar = figure.colorbar(ax.images[0], ax=ax, shrink=0.8, pad=0.06)
    bar.ax.set_title(title, fontsize=7, pad=3)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(length=2)


def _heat_map(ax: Axes, correlations: np.ndarray) -> None:
    n = len(correlations)
    step = max(-(-n // (2 * MAX_BINS)), 1)
    if step > 1:  # means of blocks: a larger image would only make the file large
        edges = np.arange(0, n, step)
        sizes = np.diff([*edges, n])
        correlations = np.add.reduceat(np.add.reduceat(correlations, edges, 0), edges, 1) / np.outer(sizes, sizes)
    ax.imshow(correlations, cmap="magma_r", vmin=0, vmax=1, extent=(0, max(n, 1), max(n, 1), 0))
    ax.set_title(f"correlations of\n{n} input features", fontsize=7.5)
    ax.grid(visible=False)
    ax.set_xticks([0, n] if n else [])
    ax.set_yticks([0, n] if n else [])
    ax.tick_params(length=2, pad=2)
    ax.set_xlabel("feature", labelpad=-4)
    ax.set_ylabel("feature", labelpad=-4)
