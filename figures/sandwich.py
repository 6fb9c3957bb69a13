"""The network as a sandwich: groups of neurons as bands, each neuron at its angle and its depth in the hierarchy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch

from netsparse.figures.caption import one_of, tell
from netsparse.figures.disk_drawing import lines_of
from netsparse.figures.disk_panel import at_epoch, at_epochs, links_of, measured, sampled
from netsparse.figures.disks import COMMUNITY_COLOURS, Disk, colours_of
from netsparse.figures.source import Source, Trained, value_of
from netsparse.figures.style import MUTED, PAGE, figure_of, plain, style, within
from netsparse.figures.whole_network import cut_angle, layer_ends, network_disks

_MAX_LINKS = 8_000
# Height of what lies between two bands, that of a band being 1.
_BETWEEN = 0.9


@dataclass(frozen=True, eq=False)
class _Panel:
    """A network at an epoch: its disk and links, each neuron's place from left to right, and what is written beside."""

    disk: Disk
    links: np.ndarray
    x: np.ndarray
    label: str
    depths: dict[tuple[str, str], str]
    depth: float


def sandwich(source: Source, ax: Axes | None = None, epochs: Sequence[int] | None = None) -> Figure:
    """Layered network, input at the top: each neuron at its angle, and inside its group's band at its depth.

    Horizontally a neuron lies at the angle of its hyperbolic embedding, the circle cut where the fewest links cross;
    vertically at √((r_max − r) / (r_max − r_min)) of its hyperbolic radius r: leaves at the top of the band, hubs deep
    in it. Colour: community; size: degree. Neurons outside the giant component are light dots on the band's edge. The
    embedding is that of the whole network or, without one, those of the layers turned to fit each other.

    Parameters
    ----------
    source : Run, table of measures, or several of these
        See `netsparse.figures.source.groups_of`. Links need a run.
    ax : matplotlib.axes.Axes, optional
        Where to draw one epoch, the last.
    epochs : sequence of int, optional
        Default: the first and the last; of several groups the last.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells meta-depth, ANP rate and neurons with links.

    Raises
    ------
    NothingToDrawError
        If nothing has an embedding.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> mask = np.random.default_rng(0).random((20, 15)) < 0.2
    >>> table = ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(mask)], epoch=0))
    >>> print(sandwich(table))
    Figure(...x...)
    """
    sources = measured(source)
    with style():
        panels: list[_Panel] = []
        if ax is not None:
            panels += _panels("", sources[0][1], epochs)[-1:]
            _draw(ax, panels[0])
            figure = figure_of(ax)
        else:
            several = len(sources) > 1
            for label, member in sources:
                own = _panels(label if several else "", member, epochs)
                panels += own[-1:] if several and epochs is None else own
            figure = _page(panels)
    numbers: dict[str, float] = {}
    for panel in panels:
        start = f"{panel.label}, " if panel.label else ""
        start += f"{at_epoch(panel.disk.epoch)}, " if panel.disk.epoch >= 0 else ""
        numbers |= {f"{start}meta_depth": panel.depth, f"{start}anp_rate": panel.disk.numbers["anp_rate"]}
        numbers |= {f"{start}active neurons of {group}": active for group, (active, _) in _sizes(panel.disk).items()}
    return tell(figure, ax, _text(panels) + one_of(source), numbers)


def _panels(label: str, member: Trained, epochs: Sequence[int] | None) -> list[_Panel]:
    measures = member.measures
    disks = network_disks(measures, epochs)
    links = [links_of(member.run, disk, _MAX_LINKS) for disk in disks]
    cut = cut_angle([disk.theta[own] for disk, own in zip(disks, links, strict=True)])
    panels: list[_Panel] = []
    for disk, own in zip(disks, links, strict=True):
        x = np.mod(disk.theta - cut, 2 * np.pi) / (2 * np.pi)
        known = x if not panels else np.where(np.isnan(x), panels[-1].x, x)  # the dead stay where they lived
        depths = {}
        for layer, ends in layer_ends(measures, disk.epoch).items():
            depth = value_of(measures, "meta_depth", layer, disk.epoch)
            depths[ends] = within(layer, 0.62) + (f"\nmeta-depth {depth:.0f}" if np.isfinite(depth) else "")
        panels.append(_Panel(disk, own, known, label, depths, value_of(measures, "meta_depth", "", disk.epoch)))
    return panels


def _page(panels: Sequence[_Panel]) -> Figure:
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    n_bands = max(len(_sizes(panel.disk)) for panel in panels)
    height = max(1.8, 0.62 * n_bands * (1 + _BETWEEN))
    figure = Figure(
        figsize=(PAGE if columns > 1 else 0.62 * PAGE, rows * (height + 0.25) + 0.3 + 0.15 * (columns == 1)),
        layout="constrained",
    )
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, panel in zip(grid, panels, strict=False):
        _draw(ax, panel)
    for ax in grid[len(panels) :]:
        ax.set_axis_off()

    def dot(size: float, colour: str, label: str) -> Line2D:
        return Line2D([], [], ls="", marker="o", ms=size, color=colour, markeredgecolor="white", label=label)

    handles = [
        dot(4, COMMUNITY_COLOURS[0], "leaves: top of the band"),
        dot(8, COMMUNITY_COLOURS[0], "hubs: deep in it"),
        dot(3, "#b0b0b0", "outside the giant component"),
        dot(5, COMMUNITY_COLOURS[1], "colour: community"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2 * columns, handletextpad=0.2, columnspacing=1.2)
    return figure


def _sizes(disk: Disk) -> dict[str, tuple[int, int]]:
    """Return neurons with links, and all, of each group."""
    return {
        group: (int(np.count_nonzero(disk.degree[disk.group == group])), int(np.count_nonzero(disk.group == group)))
        for group in dict.fromkeys(disk.group.tolist())
    }


def _draw(ax: Axes, panel: _Panel) -> None:
    disk = panel.disk
    inside = disk.embedded
    sizes = _sizes(disk)
    top = {group: -(1 + _BETWEEN) * turn for turn, group in enumerate(sizes)}
    tops = np.array([top[group] for group in disk.group.tolist()])
    low, high = np.nanmin(disk.radius), np.nanmax(disk.radius)
    deep = np.sqrt((high - disk.radius) / max(high - low, 1e-9))
    y = tops - np.where(inside, 0.08 + 0.84 * np.nan_to_num(deep), 0.0)
    by_index = disk.node / np.array([max(sizes[group][1], 1) for group in disk.group.tolist()])
    x = np.where(np.isnan(panel.x), by_index, panel.x)
    colours = colours_of(disk.community)
    ax.set(xlim=(-0.27, 1.02), ylim=(min(top.values()) - 1.1, 0.12))
    ax.set_axis_off()
    for group, at in top.items():
        corners = "round,pad=0,rounding_size=0.012"
        box = FancyBboxPatch((0, at - 1), 1, 1, boxstyle=corners, fc="#f4f4f4", ec="none", zorder=0)
        box.set_mutation_aspect(8)
        ax.add_patch(box)
        active, n = sizes[group]
        ax.text(-0.02, at - 0.5, f"{within(group, 0.62)}\n{active} of {n}", ha="right", va="center", fontsize=6.5)
    following = dict(zip(top, list(top)[1:], strict=False))
    for (start, end), words in panel.depths.items():
        if following.get(start) == end:
            middle = top[start] - 1 - _BETWEEN / 2
            ax.text(-0.02, middle, words, ha="right", va="center", fontsize=6.5, color=MUTED)
    if len(panel.links):
        ends = np.stack([x[panel.links], y[panel.links]], axis=-1)
        alpha = float(np.clip(400.0 / len(panel.links), 0.05, 0.4))
        ax.add_collection(lines_of(_bent(ends, 24 if len(ends) < 2000 else 12), colours[panel.links], alpha))
    ax.scatter(x[~inside], y[~inside], 1.2, color="#c4c4c4", lw=0, zorder=2)
    order = np.argsort(-disk.degree, kind="stable")
    order = order[inside[order]]
    share = disk.degree / max(int(disk.degree.max()), 1)
    size = 1.5 + 30.0 * share[order] ** 1.2
    ax.scatter(x[order], y[order], size, colours[order], linewidths=0.2, edgecolors="#ffffffb0", zorder=3)
    told = [f"meta-depth {panel.depth:.0f}"] if np.isfinite(panel.depth) else []
    told += [f"ANP {disk.numbers['anp_rate']:.2f}"] if np.isfinite(disk.numbers["anp_rate"]) else []
    above = f"{plain(panel.label)}\n" if panel.label else ""
    title = [part for part in (at_epoch(disk.epoch), ", ".join(told)) if part]
    ax.set_title(f"{above}{': '.join(title) or 'network'}", x=0.6)


def _bent(ends: np.ndarray, n: int) -> np.ndarray:
    """Return curves that leave one end and reach the other upright: (n_links, 2, 2) to (n_links, n, 2)."""
    t = np.linspace(0, 1, n)[None, :]
    x0, x1, y0, y1 = (ends[:, k, axis, None] for axis in (0, 1) for k in (0, 1))
    x = x0 + (x1 - x0) * t * t * (3 - 2 * t)
    return np.stack([x, y0 + (y1 - y0) * t], axis=-1)


def _text(panels: Sequence[_Panel]) -> str:
    epochs = list(dict.fromkeys(panel.disk.epoch for panel in panels))
    depths = "; ".join(
        f"{at_epoch(panel.disk.epoch, panel.label)} {panel.depth:.0f}".lstrip()
        for panel in panels
        if np.isfinite(panel.depth)
    )
    told = f" Meta-depth (occupied levels of the hierarchy, summed over the layers): {depths}." if depths else ""
    return (
        f"The layered network{at_epochs(epochs)}, input at the top: groups of neurons are bands, with their number of "
        "neurons that have links; a neuron lies at the angle of its hyperbolic embedding, and in its band at its depth "
        "in the hierarchy, leaves at the top, hubs deep. Colour: community; size: degree; light dots on the edge: "
        f"neurons outside the giant component.{told}{sampled([len(panel.links) for panel in panels], _MAX_LINKS)}"
    )
