"""Hyperbolic disks drawn: panels, pages of them, links and colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from netsparse.figures.disk_panel import Panel, at_epoch, told_numbers
from netsparse.figures.disks import COMMUNITY_COLOURS, Disk, colours_of
from netsparse.figures.style import COLUMNS, MUTED, PAGE, within

# More paths than these are painted as an image, so that PDF and SVG stay small.
_MANY = 2_000
_MARKERS = ("o", "s", "^", "D", "v", "P")


def draw_page(rows: Sequence[Sequence[Panel]], title: str) -> Figure:
    """Draw rows of panels under each other, with a legend; a single column side by side."""
    if max(map(len, rows)) == 1:
        panels = [row[0] for row in rows]
        rows = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    n_columns = max(map(len, rows))
    size = min(2.5, PAGE / max(n_columns, 2), max(1.5, 8.5 / len(rows)))
    narrow = 0.3 if size * n_columns < 4.4 else 0.0
    head = 0.14 * (2.6 + (size < 2.0) + any(panel.label for row in rows for panel in row))
    figure = Figure(
        figsize=(size * n_columns, (size + head) * len(rows) + 0.5 + narrow), layout=ConstrainedLayoutEngine(h_pad=0.04)
    )
    grid = figure.subplots(len(rows), n_columns, squeeze=False)
    for axes, row in zip(grid, rows, strict=True):
        for ax, panel in zip(axes, row, strict=False):
            draw_panel(ax, panel, size)
        for ax in axes[len(row) :]:
            ax.set_axis_off()
    finish_page(figure, title, rows)
    return figure


def finish_page(figure: Figure, title: str, rows: Sequence[Sequence[Panel]]) -> None:
    """Write the title above a page, and the legend under it: in two lines where the page is narrow."""
    shown = next(panel.disk for row in rows for panel in row if panel.disk.embedded.any())
    narrow = figure.get_figwidth() < 4.4
    figure.suptitle(title.replace(" (", "\n(") if narrow else title, fontsize=8.5)
    figure.legend(
        handles=legend_of(shown),
        loc="outside lower center",
        ncols=2 if narrow else 4,
        handletextpad=0.2,
        columnspacing=1.2,
    )


def draw_panel(ax: Axes, panel: Panel, width: float) -> None:
    """Draw a panel so many inches wide, its numbers in its title."""
    disk = panel.disk
    draw_disk(ax, panel, width)
    above = [within(panel.label, width)] if panel.label else []
    name = at_epoch(disk.epoch, within(disk.layer or "whole network", width - 0.5))
    ax.set_title("\n".join([*above, name, told_numbers(disk, width)]), fontsize=7.5, linespacing=1.35, pad=3)


def draw_disk(ax: Axes, panel: Panel, width: float) -> None:
    """Draw a disk: hubs under the small neurons, links under all, neurons outside the giant component not at all.

    Dots grow with the panel's width in inches.
    """
    disk, links = panel.disk, panel.links
    ax.set(xlim=(-1.04, 1.04), ylim=(-1.04, 1.04), aspect="equal")
    ax.set_axis_off()
    ax.add_patch(Circle((0, 0), 1.0, facecolor="#fafafa", edgecolor="#cccccc", lw=0.6, zorder=0))
    if not disk.embedded.any():
        ax.text(0, 0, "no embedding", ha="center", va="center", color=MUTED)
        return
    xy = disk.xy
    colours = colours_of(disk.community)
    if len(links):
        ax.add_collection(lines_of(xy[links], colours[links], float(np.clip(200.0 / len(links), 0.04, 0.35))))
    degree = disk.degree / max(panel.largest, 1)
    size = (width / 2.3) ** 1.5 * (1.5 + 28.0 * degree**1.2)
    order = np.argsort(-disk.degree, kind="stable")
    order = order[disk.embedded[order]]
    for turn, group in enumerate(dict.fromkeys(disk.group)):
        drawn = order[disk.group[order] == group]
        x, y = xy[drawn].T
        ax.scatter(
            x,
            y,
            size[drawn],
            colours[drawn],
            marker=_MARKERS[turn % len(_MARKERS)],
            linewidths=0.25,
            edgecolors="white",
            zorder=3 + turn * 0.01,
            rasterized=len(drawn) > _MANY,
        )


def lines_of(paths: np.ndarray, colours: np.ndarray, alpha: float) -> LineCollection:
    """Return links as faint lines, of their community's colour within a community, grey between two.

    Parameters
    ----------
    paths : numpy.ndarray, shape (n_links, n_points, 2)
    colours : numpy.ndarray of str, shape (n_links, 2)
        Of both ends.
    """
    own = np.where(colours[:, 0] == colours[:, 1], colours[:, 0], "#777777")
    return LineCollection(
        list(paths), colors=own.tolist(), linewidths=0.35, alpha=alpha, zorder=1, rasterized=len(paths) > _MANY
    )


def legend_of(disk: Disk) -> list[Line2D]:
    """Return what a legend says of a disk: a marker for each neuron group, size and colour."""
    groups = (
        ["source neuron", "target neuron"]
        if disk.layer
        else [within(name, 1.0) for name in dict.fromkeys(disk.group.tolist())]
    )

    def mark(marker: str, size: float, label: str, colour: str = MUTED) -> Line2D:
        return Line2D([], [], ls="", marker=marker, ms=size, color=colour, markeredgecolor="white", label=label)

    return [
        *(mark(_MARKERS[turn % len(_MARKERS)], 5, group) for turn, group in enumerate(groups)),
        mark("o", 8, "size: degree"),
        mark("o", 5, "colour: community", COMMUNITY_COLOURS[0]),
    ]
