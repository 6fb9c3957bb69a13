"""One hyperbolic disk in a panel: what the figures of disks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from netsparse.errors import NothingToDrawError
from netsparse.figures.disks import COMMUNITY_COLOURS, NUMBERS, OTHER_COLOUR, Disk, disks_of
from netsparse.figures.source import Source, Trained, groups_of
from netsparse.figures.style import MUTED, PAGE, plain
from netsparse.run import Run

MAX_LINKS = 20_000
# Layers beside each other.
COLUMNS = 4

# More paths than these are painted as an image, so that PDF and SVG stay small.
_MANY = 2_000
_MARKERS = ("o", "s", "^", "D", "v", "P")
_TOLD = {"power_law_gamma": "γ", "modularity": "Q", "angular_separability": "ASI", "anp_rate": "ANP"}


@dataclass(frozen=True, eq=False)
class Panel:
    """A disk, and what is drawn with it.

    Attributes
    ----------
    disk : Disk
    links : numpy.ndarray of int64, shape (n_links, 2)
        See `links_of`.
    largest : int
        Degree of the largest dot.
    label : str
        Of its group of runs, above the panel; may be empty.
    """

    disk: Disk
    links: np.ndarray
    largest: int
    label: str = ""


def measured(source: Source) -> list[tuple[str, Trained]]:
    """Return label and first measured run of each group, or table; groups without are left out.

    Raises
    ------
    NothingToDrawError
        If nothing is measured.
    """
    groups = groups_of(source)
    found = []
    for group in groups:
        has = [member for member in group.members if member.run is None or member.run.measures_path.is_file()]
        found += [(group.label, _with_epochs(member)) for member in has[:1]]
    return found or [(groups[0].label, groups[0].members[0])]  # whose measures say how to get them


def _with_epochs(member: Trained) -> Trained:
    """Give the epoch -1 to what was measured without epochs, such as masks of another program."""
    measures = member.measures
    if measures.empty or measures["epoch"].notna().any():
        return member
    return Trained(member.name, table=measures.assign(epoch=-1))


def at_epoch(epoch: int, before: str = "") -> str:
    """Return an epoch in words, behind others if there are some; nothing if it is not known (-1).

    Examples
    --------
    >>> at_epoch(3), at_epoch(3, "fc1"), at_epoch(-1, "fc1")
    ('epoch 3', 'fc1, epoch 3', 'fc1')
    """
    return ", ".join(part for part in (before, f"epoch {epoch}" if epoch >= 0 else "") if part)


def at_epochs(epochs: Sequence[int]) -> str:
    """Return " at epochs 0, 2 and 5" for a caption, or nothing if they are not known.

    Examples
    --------
    >>> at_epochs([0, 2, 5]), at_epochs([-1])
    (' at epochs 0, 2 and 5', '')
    """
    known = [str(epoch) for epoch in epochs if epoch >= 0]
    if len(known) < 2:
        return f" at epoch {known[0]}" if known else ""
    return f" at epochs {', '.join(known[:-1])} and {known[-1]}"


def panels_of(
    member: Trained, layer: str, epochs: Sequence[int], label: str = "", n_links: int = MAX_LINKS
) -> list[Panel]:
    """Return a layer's disks at some epochs, fitted to each other, sizes to one scale; bare where nothing is embedded.

    Raises
    ------
    NothingToDrawError
        If the layer has no embedding at any of them.
    """
    found = {disk.epoch: disk for disk in disks_of(member.measures, layer, epochs)}
    if not found:
        at = ", ".join(map(str, epochs))
        raise NothingToDrawError(f"{f'layer {layer!r}' if layer else 'the network'} has no embedding at epoch {at}")
    largest = max(int(disk.degree[disk.embedded].max()) for disk in found.values())
    disks = [found.get(epoch) or _bare(layer, epoch) for epoch in epochs]
    return [Panel(disk, links_of(member.run, disk, n_links), largest, label) for disk in disks]


def _bare(layer: str, epoch: int) -> Disk:
    numbers, whole = np.empty(0), np.empty(0, np.int64)
    return Disk(layer, epoch, np.empty(0, str), whole, numbers, numbers, whole, whole, dict.fromkeys(NUMBERS, np.nan))


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
    above = [shortened(panel.label, width)] if panel.label else []
    name = at_epoch(disk.epoch, shortened(disk.layer or "whole network", width - 0.5))
    ax.set_title("\n".join([*above, name, told(disk, width)]), fontsize=7.5, linespacing=1.35, pad=3)


def links_of(run: Run | None, disk: Disk, most: int = MAX_LINKS) -> np.ndarray:
    """Return the links among a disk's neurons, shape (n_links, 2): indices in the disk's order.

    None without a run that holds the snapshot. Of more than ``most`` so many are drawn at random.

    Examples
    --------
    >>> disk = Disk("fc", 0, *(np.zeros(3),) * 6, {})
    >>> links_of(None, disk).shape
    (0, 2)
    """
    none = np.empty((0, 2), np.int64)
    if run is None or disk.epoch not in run.epochs:
        return none
    snapshot = run.snapshot(disk.epoch)
    if disk.layer:
        graph = snapshot[disk.layer]
        links = np.column_stack([graph.link_rows, graph.biadjacency.indices + graph.n_source])
    else:
        ends = np.column_stack(snapshot.adjacency.tocoo().coords)
        links = ends[ends[:, 0] < ends[:, 1]]
    if len(links) and links.max() >= len(disk.theta):
        return none
    links = links[disk.embedded[links].all(axis=1)]
    if len(links) > most:
        links = links[np.sort(np.random.default_rng(0).choice(len(links), most, replace=False))]
    return links


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


def colours_of(community: np.ndarray) -> np.ndarray:
    """Return the colour of each neuron's community, hexadecimal (see `netsparse.figures.disks.colour_of`)."""
    colours = np.array([*COMMUNITY_COLOURS, OTHER_COLOUR])
    n = len(COMMUNITY_COLOURS)
    return colours[np.where((community >= 0) & (community < n), community, n)]


def told(disk: Disk, width: float) -> str:
    """Return a disk's numbers for its title: in one line, or two if the panel is narrow (width in inches)."""
    words = [
        f"{sign} {'≥ 10' if name == 'power_law_gamma' and value >= 9.995 else f'{value:.2f}'}"
        for name, sign in _TOLD.items()
        if np.isfinite(value := disk.numbers[name])
    ]
    if len(words) < 3 or width >= 2.0:
        return "  ".join(words)
    return "  ".join(words[:2]) + "\n" + "  ".join(words[2:])


def shortened(name: str, width: float) -> str:
    """Return a name, ready for matplotlib, cut in the middle if it is wider than so many inches in small type.

    Examples
    --------
    >>> shortened("sandwich1", 1.0), shortened("encoder.layers.0.attention", 1.0)
    ('sandwich1', 'encoder.…ttention')
    """
    n = max(int(17 * width), 5)
    if len(name) > n:
        name = name[: (n - 1) // 2] + "…" + name[len(name) - n // 2 :]
    return plain(name)


def legend_of(disk: Disk) -> list[Line2D]:
    """Return what a legend says of a disk: a marker for each neuron group, size and colour."""
    groups = (
        ["source neuron", "target neuron"] if disk.layer else [plain(g) for g in dict.fromkeys(disk.group.tolist())]
    )

    def mark(marker: str, size: float, label: str, colour: str = MUTED) -> Line2D:
        return Line2D([], [], ls="", marker=marker, ms=size, color=colour, markeredgecolor="white", label=label)

    return [
        *(mark(_MARKERS[turn % len(_MARKERS)], 5, group) for turn, group in enumerate(groups)),
        mark("o", 8, "size: degree"),
        mark("o", 5, "colour: community", COMMUNITY_COLOURS[0]),
    ]


def numbers_of(panels: Sequence[Panel]) -> dict[str, float]:
    """Return the disks' numbers for the caption, by ``LABEL, layer, epoch N, measure``."""
    numbers: dict[str, float] = {}
    for panel in panels:
        disk = panel.disk
        start = f"{panel.label}, " if panel.label else ""
        start += f"{at_epoch(disk.epoch, disk.layer or 'network')}, "
        inside = disk.community[disk.embedded]
        own = {"neurons": len(inside), "communities": len(np.unique(inside)), **disk.numbers}
        numbers |= {f"{start}{name}": value for name, value in own.items()}
    return numbers
