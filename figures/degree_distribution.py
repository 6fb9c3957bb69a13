"""Degree distribution with its power-law fit: first against last epoch, or methods against each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter
from scipy.special import zeta

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import legend
from netsparse.figures.source import Group, Source, Trained, groups_of, layer_names, value_of
from netsparse.figures.style import COLUMN, MUTED, PAGE, Look, figure_of, looks, plain, style, within

_MAX_LAYERS = 11
# Groups up to which each panel has a legend of its own.
_MAX_APART = 5


@dataclass(frozen=True, eq=False)
class _Series:
    """Runs of a group, each at its first or its last epoch."""

    label: str
    look: Look
    members: Sequence[Trained]
    end: int  # 0 the first, -1 the last


def degree_distribution(source: Source, ax: Axes | None = None, layer: str | None = None) -> Figure:
    """Share of neurons with at least so many links, with the power law fitted to it.

    Of one group of runs the first against the last epoch; of several the last epoch of each. Several seeds are their
    mean with a band of ± one standard deviation. Neurons without links do not count. Degrees come from the measures or,
    without measures, from the last snapshot, then without a fit.

    Parameters
    ----------
    source : Run, table of measures, or several of these
        See `netsparse.figures.source.groups_of`.
    ax : matplotlib.axes.Axes, optional
        Where to draw one panel. Default: a panel for each layer and one for the network.
    layer : str, optional
        The layer of the one panel, ``""`` (default with ``ax``) the whole network.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells γ, x_min, mean and largest degree.

    Raises
    ------
    NothingToDrawError
        If no degrees were measured.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> mask = np.random.default_rng(0).random((20, 15)) < 0.2
    >>> table = ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(mask)], epoch=0))
    >>> print(degree_distribution(table))
    Figure(...x...)
    """
    series = _series(groups_of(source))
    measured = any(_has_measures(member) for one in series for member in one.members)
    apart = measured and len(series) <= _MAX_APART  # a legend a panel, with its numbers
    numbers: dict[str, float] = {}
    with style():
        if ax is not None:
            figure = figure_of(ax)
            panels = [(ax, layer or "")]
        else:
            chosen = [layer] if layer is not None else _layers(series)
            columns = min(len(chosen), 4)
            rows = -(-len(chosen) // columns)
            height = rows * (2.2 + 0.13 * len(series) * apart) + 0.2
            figure = Figure(figsize=(max(PAGE * columns / 4, COLUMN), height), layout="constrained")
            grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
            panels = list(zip(grid, chosen, strict=False))
            for empty in grid[len(chosen) :]:
                empty.set_axis_off()
        for panel, name in panels:
            numbers |= _panel(panel, series, name)
        for panel, _ in panels:
            panel.set_ylim(top=1.6)
            panel.set_xlim(right=max(12.0, panel.get_xlim()[1]))
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_minor_formatter(NullFormatter())  # powers of ten are enough
            if (apart or ax is not None) and any(panel.get_legend_handles_labels()[1]):
                under = {"loc": "upper left", "bbox_to_anchor": (-0.05, -0.29)} if ax is None else {"loc": "lower left"}
                panel.legend(fontsize=6.5, handlelength=0.8, borderaxespad=0, labelspacing=0.25, **under)
        fitted = any(np.isfinite(value) for name, value in numbers.items() if name.endswith(", gamma"))
        if ax is None:
            law = f"power law of exponent γ, from {'the degree in brackets' if apart else 'x_min'} on"
            handles = [] if apart else [_dot(one) for one in series]
            handles += [Line2D([], [], color=MUTED, lw=1, label=law)] if fitted else []
            legend(figure, panels[0][0], None, handles)
    return tell(figure, ax, _text(series, fitted), numbers)


def _dot(one: _Series) -> Line2D:
    return Line2D([], [], ls="", marker=one.look.marker, ms=3, mew=0, color=one.look.colour, label=plain(one.label))


def _series(groups: Sequence[Group]) -> list[_Series]:
    found = [
        (group.label, look, members)
        for group, look in zip(groups, looks(groups), strict=True)
        if (members := [member for member in group.members if _epochs(member)])
    ]
    if not found:
        groups[0].members[0].measures  # noqa: B018 of a run without them it says how to get them
        raise NothingToDrawError("no degrees were measured")
    if len(found) > 1:
        return [_Series(label, look, members, -1) for label, look, members in found]
    [(_, look, members)] = found
    epochs = _epochs(members[0])
    last = _Series(f"epoch {epochs[-1]}" if epochs[-1] >= 0 else "", look, members, -1)
    if len(epochs) < 2:
        return [last]
    return [_Series(f"epoch {epochs[0]}", Look(MUTED, "-", "o"), members, 0), last]


def _has_measures(member: Trained) -> bool:
    return member.run is None or member.run.measures_path.is_file()


def _rows(member: Trained) -> pd.DataFrame:
    rows = member.measures
    return rows[(rows["measure"] == "degree") & (rows["scope"] == "node")]


def _epochs(member: Trained) -> list[int]:
    """Return the epochs of which degrees are known; -1 of a table without epochs."""
    if not _has_measures(member):
        return member.run.epochs if member.run is not None else []
    return sorted(int(epoch) for epoch in _rows(member)["epoch"].fillna(-1).unique())


def _layers(series: Sequence[_Series]) -> list[str]:
    """Return the layers of which degrees are known, "" for the network behind them if it is more than its one layer."""
    names: dict[str, None] = {}
    network = False
    for member in (member for one in series for member in one.members):
        if _has_measures(member):
            own = _rows(member)
            names |= dict.fromkeys(layer_names(own))
            network = network or bool((own["layer"] == "").any())
        elif member.run is not None:
            names |= dict.fromkeys(member.run.layer_names(-1))
            network = True
    return [*list(names)[:_MAX_LAYERS], *([""] if network and len(names) != 1 else [])]


def _degrees(member: Trained, layer: str, epoch: int) -> np.ndarray:
    """Return the degrees of the neurons that have links; none if there is no such layer."""
    if _has_measures(member):
        rows = _rows(member)
        found = rows.loc[(rows["layer"] == layer) & (rows["epoch"].fillna(-1) == epoch), "value"].to_numpy(float)
    elif member.run is not None and (not layer or layer in member.run.layer_names(epoch)):
        snapshot = member.run.snapshot(epoch)
        graph = snapshot[layer] if layer else None
        found = (
            np.asarray(snapshot.adjacency.sum(axis=0))
            if graph is None
            else np.concatenate([graph.source_degrees, graph.target_degrees])
        )
    else:
        found = np.empty(0)
    return found[found >= 1]


def _panel(ax: Axes, series: Sequence[_Series], layer: str) -> dict[str, float]:
    """Draw a layer, and return its numbers."""
    numbers: dict[str, float] = {}
    for one in series:
        found = [(member, _epochs(member)[one.end]) for member in one.members]
        degrees = [own for member, epoch in found if len(own := _degrees(member, layer, epoch))]
        gamma, x_min = (
            float(np.mean([_measure(member, name, layer, epoch) for member, epoch in found]))
            for name in ("power_law_gamma", "power_law_x_min")
        )
        fitted = np.isfinite(gamma) and np.isfinite(x_min)
        words = within(one.label, 0.8)
        if fitted:
            words += f"{': ' if words else ''}γ {'≥ 10' if gamma >= 9.995 else f'{gamma:.2f}'} (≥ {x_min:.0f})"
        start = f"{one.label}, " if one.label else ""
        start += f"{layer or 'network'}, "
        numbers |= {f"{start}gamma": gamma, f"{start}x_min": x_min}
        if not degrees:
            continue
        numbers |= {f"{start}mean_degree": float(np.mean([own.mean() for own in degrees]))}
        numbers |= {f"{start}max_degree": float(np.mean([own.max() for own in degrees]))}
        _curve(ax, one.look, degrees, words, (gamma, x_min) if fitted else None)
    ax.set(xscale="log", yscale="log", title=within(layer or "whole network", 1.1), xlabel="degree")
    spec = ax.get_subplotspec()
    if spec is None or spec.is_first_col():
        ax.set_ylabel("share of neurons with\nat least this degree")
    return numbers


def _curve(ax: Axes, look: Look, degrees: Sequence[np.ndarray], words: str, fit: tuple[float, float] | None) -> None:
    """Draw the complementary cumulative distribution, of several runs mean ± sd, and its power law from x_min on."""
    x = np.unique(np.concatenate(degrees))
    ax.plot(
        x, _shares(degrees, x).mean(axis=0), ls="", marker=look.marker, ms=2.2, mew=0, color=look.colour, label=words
    )
    if len(degrees) > 1:
        fine = np.unique(np.round(np.geomspace(x[0], x[-1], 300)))
        shares = _shares(degrees, fine)
        mean, sd = shares.mean(axis=0), shares.std(axis=0, ddof=1)
        floor = shares[shares > 0].min() / len(degrees)  # a logarithmic axis has no room for 0
        ax.fill_between(fine, np.maximum(mean - sd, floor), mean + sd, color=look.colour, alpha=0.18, lw=0)
    if fit is not None:
        gamma, x_min = fit
        law = np.arange(round(x_min), x[-1] + 1)
        share = float(np.mean([np.mean(own >= x_min) for own in degrees]))
        ax.plot(law, share * zeta(gamma, law) / zeta(gamma, x_min), color=look.colour, lw=1)


def _shares(degrees: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return the share of neurons with at least so many links: runs × values."""
    return np.array([1.0 - np.searchsorted(np.sort(own), x, side="left") / len(own) for own in degrees])


def _measure(member: Trained, name: str, layer: str, epoch: int) -> float:
    if not _has_measures(member):
        return float("nan")
    table = member.measures
    return value_of(table.assign(epoch=-1) if epoch < 0 else table, name, layer, epoch)


def _text(series: Sequence[_Series], fitted: bool) -> str:
    ends = "first against last epoch" if series[0].end == 0 else "last epoch"
    n = max(len(one.members) for one in series)
    seeds = f" Dots are means over {n} seeds, bands ± one standard deviation." if n > 1 else ""
    return (
        f"Degree distribution of each layer and of the whole network, {ends}: share of the neurons with links that "
        f"have at least so many.{' Lines: power law of exponent γ from the degree x_min on.' if fitted else ''}{seeds}"
    )
