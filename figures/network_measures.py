"""Network measures before and after training, a small panel each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.ends import FIRST, LAST, ends_of, runs_of, told_ends
from netsparse.figures.labels import shortened
from netsparse.figures.outcomes import having, mean_sd, told_runs
from netsparse.figures.source import Group, Source, layer_names
from netsparse.figures.style import MUTED, PAGE, axes_for, palette, plain, style

# The measures of the paper's tables, in the order of reading, and their names on axes.
MEASURES = {
    "giant_component": "giant component (share)",
    "power_law_gamma": "power-law exponent γ",
    "degree_gini": "Gini of degrees",
    "characteristic_path_length": "path length L",
    "global_efficiency": "global efficiency",
    "robins_alexander_clustering": "four-cycle clustering",
    "modularity": "modularity Q",
    "bipartite_modularity": "Barber's modularity",
    "n_communities": "communities",
    "angular_separability": "angular separability",
    "hub_path_share": "paths through hubs (share)",
    "meta_depth": "meta-depth",
}
_NULL = "#d0d0d0"
# Fits of γ search up to 10: a value there is no exponent.
_GAMMA_BOUND = 9.99


class _Place(NamedTuple):
    """What has a place on the x axis: a group's whole network, or a layer."""

    label: str
    colour: Any
    group: Group
    layer: str


def network_measures(source: Source, ax: Axes | None = None, measures: Sequence[str] | None = None) -> Figure:
    """Measures before (hollow) and after (filled) training: of one group the network and each layer, of several each.

    Several seeds are their mean with error bars of one standard deviation. Grey bars are the null models, mean ± one
    standard deviation, where the table has them (``nulls=`` of `netsparse.measure`).

    Parameters
    ----------
    source : Run, measures, or several of these
        See `netsparse.figures.source.groups_of`.
    ax : matplotlib.axes.Axes, optional
        Where to draw the first of the measures alone.
    measures : sequence of str, optional
        Names of the table of measures. Default: those of the paper that are there.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells each measure at the first and the last epoch of each group, or of the network and each
        layer.

    Raises
    ------
    NothingToDrawError
        If none of them was measured.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> mask = np.random.default_rng(0).random((20, 15)) < 0.2
    >>> table = ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(mask)], epoch=0))
    >>> print(network_measures(table))
    Figure(...x...)
    """
    having_some = [(group, look, ends_of(group)) for group, look in having(source, lambda member: member.scalars)]
    found = [(group, look, table) for group, look, table in having_some if not table.empty]
    groups = [group for group, _, _ in found]
    tables = {id(group): table for group, _, table in found}
    places = _places(found)
    chosen = list(MEASURES) if measures is None else list(measures)
    shown = [name for name in chosen if _is_there(name, places, tables)]
    if not shown:
        raise NothingToDrawError(f"none of these was measured: {', '.join(chosen)}")
    nulls = {id(group): (ends_of(group, "null_mean"), ends_of(group, "null_sd")) for group in groups}
    with style():
        first, last = told_ends(groups)
        figure, panels = _panels(ax, len(shown), places)
        for panel, name in zip(panels, shown, strict=False):
            _draw(panel, name, places, tables, nulls, alone=first == last)
        _label(panels, places)
        entries = _entries((first, last), any(not table.empty for table, _ in nulls.values()))
        if ax is None and entries:
            figure.legend(handles=entries, loc="outside lower center", ncols=len(entries))
        elif ax is not None and entries:
            low, high = ax.get_ylim()
            ax.set_ylim(low, high + 0.25 * (high - low))  # room for the legend
            ax.legend(handles=entries, loc="upper center", ncols=len(entries))
    numbers = {
        ", ".join(filter(None, (place.label, name, end))): mean_sd(
            runs_of(tables[id(place.group)], name, place.layer, end)
        )[0]
        for name in shown
        for place in places
        for end in (FIRST, LAST)
    }
    whose = "the whole network and each layer" if len(groups) == 1 else "the whole network"
    text = f"Measures of {whose}" + (f": {first} (hollow), {last} (filled)." if first != last else ".")
    text += told_runs(groups, "Markers are means", "error bars")
    if any(not table.empty for table, _ in nulls.values()):
        text += " Grey bars: null models that keep every neuron's degree, mean ± one standard deviation."
    if any(value >= _GAMMA_BOUND for key, value in numbers.items() if "power_law_gamma" in key):
        text += " An exponent γ of 10 is the bound of the fit's search, no estimate."
    return tell(figure, ax, text, numbers)


def _places(found: list[tuple[Group, Any, pd.DataFrame]]) -> list[_Place]:
    if len(found) != 1:
        return [_Place(group.label, look.colour, group, "") for group, look, _ in found]
    group, _, table = found[0]
    layers = dict.fromkeys(name for member in group.members for name in layer_names(member.scalars))
    there = table.columns.get_level_values("layer")
    colours = palette(len(layers))
    places = [_Place("network", "black", group, "")] if "" in there else []
    return places + [_Place(name, colour, group, name) for name, colour in zip(layers, colours, strict=True)]


def _is_there(name: str, places: list[_Place], tables: dict[int, pd.DataFrame]) -> bool:
    values = [runs_of(tables[id(place.group)], name, place.layer, end) for place in places for end in (FIRST, LAST)]
    return bool(np.isfinite(np.concatenate([*values, np.zeros(0)])).any())


def _panels(ax: Axes | None, n: int, places: list[_Place]) -> tuple[Figure, list[Axes]]:
    """Return axes for n panels, so wide that each place keeps its room."""
    if ax is not None:
        return axes_for(ax)[0], [ax]
    columns = min(n, 4 if len(places) <= 8 else 2 if len(places) <= 30 else 1)
    rows = -(-n // columns)
    longest = max(map(len, shortened([place.label for place in places])))
    width = PAGE if columns > 1 or len(places) > 8 else PAGE / 2
    figure = Figure(figsize=(width, 1.25 * rows + 0.055 * longest + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for empty in grid[n:]:
        empty.remove()
    return figure, list(grid[:n])


def _draw(
    ax: Axes,
    name: str,
    places: list[_Place],
    tables: dict[int, pd.DataFrame],
    nulls: dict[int, tuple[pd.DataFrame, pd.DataFrame]],
    *,
    alone: bool,
) -> None:
    ax.use_sticky_edges = False  # bars of null models would end the y axis
    for x, place in enumerate(places):
        both = []
        for shift, end in ((0.0, LAST),) if alone else ((-0.17, FIRST), (0.17, LAST)):
            null, spread = (mean_sd(runs_of(table, name, place.layer, end))[0] for table in nulls[id(place.group)])
            if np.isfinite(null):
                half = spread if np.isfinite(spread) else 0.0
                ax.bar(x + shift, 2 * half, 0.3, null - half, color=_NULL, edgecolor=_NULL, lw=1.2, zorder=1.5)
            mean, sd = mean_sd(runs_of(tables[id(place.group)], name, place.layer, end))
            both.append(mean)
            ax.errorbar(
                x + shift,
                mean,
                sd or None,
                fmt="o",
                ms=4,
                color=place.colour,
                mfc=place.colour if end == LAST else "white",
                elinewidth=0.9,
                capsize=1.5,
                zorder=3,
            )
        if not alone:
            ax.plot((x - 0.17, x + 0.17), both, color=place.colour, lw=0.9, zorder=2)
    ax.set_title(MEASURES.get(name, plain(name.replace("_", " "))), fontsize=7.5)
    ax.set_xlim(-0.6, len(places) - 0.4)
    ax.margins(y=0.12)
    ax.yaxis.get_major_locator().set_params(nbins=4)  # type: ignore[call-arg]
    ax.grid(axis="x", visible=False)


def _label(panels: list[Axes], places: list[_Place]) -> None:
    """Name the places under the last panel of each column."""
    step = -(-len(places) // 60)
    labels = shortened([place.label for place in places])
    for i, panel in enumerate(panels):
        spec = panel.get_subplotspec()
        columns = spec.get_gridspec().ncols if spec is not None else 1
        last = i + columns >= len(panels)
        shown = range(0, len(places), step)
        names = [plain(labels[k]) if last else "" for k in shown]
        upright = sum(len(labels[k]) for k in shown) > 14 * (4 // columns or 1)
        panel.set_xticks(list(shown), names, rotation=90 if upright else 0)
        panel.tick_params(axis="x", length=0)


def _entries(told: tuple[str, str], nulls: bool) -> list[Any]:
    names = {told[0] + ", before": "white", told[1] + ", after training": MUTED} if told[0] != told[1] else {}
    entries: list[Any] = [
        Line2D([], [], ls="", marker="o", ms=4, color=MUTED, mfc=fill, label=label) for label, fill in names.items()
    ]
    return [*entries, Patch(color=_NULL, label="null models ± sd")] if nulls else entries
