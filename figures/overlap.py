"""Overlap of removed and regrown links over the updates."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import epoch_axis, legend
from netsparse.figures.outcomes import having, told_runs
from netsparse.figures.source import Group, Source, Trained, curve_of, curves, layer_names
from netsparse.figures.style import MUTED, Look, axes_for, draw_band, palette, style


def overlap(source: Source, ax: Axes | None = None) -> Figure:
    """Overlap rate |removed ∩ regrown| / |regrown| over the updates, and where early stop froze the topology.

    Of one group of runs each layer, a dot where it froze in a run; of several groups the mean over the layers, a dot
    where the last layer of a run froze. A frozen layer keeps its last overlap. Several seeds are their mean with a band
    of ± one standard deviation.

    Parameters
    ----------
    source : Run, metrics, or several of these
        See `netsparse.figures.source.groups_of`.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells the ``last_overlap`` (per cent) and ``frozen_epoch`` of each layer, or of each group.

    Raises
    ------
    NothingToDrawError
        If the topology was never updated.

    Examples
    --------
    >>> import pandas as pd
    >>> metrics = pd.DataFrame({"epoch": [1, 2], "layer": "fc1", "metric": "overlap", "value": [0.5, 0.9]})
    >>> print(overlap(metrics))
    Figure(...x...)
    """
    groups = having(source, lambda member: member.metrics)
    lines = _lines(groups)
    if not lines:
        updated = any((member.metrics["metric"] == "overlap").any() for group, _ in groups for member in group.members)
        why = "no link was regrown" if updated else "the topology was never updated"
        raise NothingToDrawError(f"{why}, so there is no overlap")
    threshold = _threshold([group for group, _ in groups])
    numbers: dict[str, float] = {}
    stops = []
    with style():
        figure, axes = axes_for(ax)
        for line in lines:
            mean = line.overlap.mean(axis=1)
            draw_band(axes, line.overlap, line.look, ", ".join(filter(None, (line.name, line.told()))), lw=1.2)
            known = [epoch for epoch in line.frozen if epoch >= mean.index[0]]  # others froze before any link regrew
            dots = sorted({int(mean.index[mean.index <= epoch].max()) for epoch in known})
            if dots:
                axes.plot(dots, mean[dots], "o", color=line.look.colour, ms=4.5, mec="white", mew=0.5)
            numbers[f"{line.name}, last_overlap"] = mean.iloc[-1]
            if line.frozen:
                numbers[f"{line.name}, frozen_epoch"] = float(np.mean(line.frozen))
                stops.append(f"{line.name} {line.told(at_length=True)}")
        if threshold:
            axes.axhline(100 * threshold, color=MUTED, lw=0.8, ls="--", label=f"early stop at {100 * threshold:g} %")
        axes.set_title("Overlap of removed and regrown links")
        axes.set(ylabel="overlap rate (%)", ylim=(min(0.0, *(line.overlap.min().min() for line in lines)) - 2, 102))
        epoch_axis(axes, "epoch of the update")
        legend(figure, axes, ax)
    what = "of each layer" if len({id(line.group) for line in lines}) == 1 else "mean over the layers"
    text = f"Overlap rate of the links removed and regrown at an update, {what}."
    if threshold:
        text += f" Early stop freezes a layer at {100 * threshold:g} %."
    if stops:
        text += f" Dots: {'; '.join(stops)}."
    return tell(figure, ax, text + told_runs([line.group for line in lines]), numbers)


class _Line(NamedTuple):
    """A line of the figure: a layer, or a group's mean over its layers.

    ``overlap`` is in per cent, epochs × runs; ``frozen`` are the epochs at which runs froze.
    """

    name: str
    group: Group
    look: Look
    overlap: pd.DataFrame
    frozen: list[int]

    def told(self, *, at_length: bool = False) -> str:
        """Return when it froze, in how many runs at length; empty if it did in none."""
        if not self.frozen:
            return ""
        first, last, n = min(self.frozen), max(self.frozen), len(self.group.members)
        span = f"{first}–{last}" if last > first else f"{first}"
        if not at_length:
            return f"frozen at {span}"
        some = f" in {len(self.frozen)} of {n} runs" if len(self.frozen) < n else ""
        return f"frozen at epoch {span}{some}"


def _lines(groups: list[tuple[Group, Look]]) -> list[_Line]:
    found = [(group, look, _by_layer(group)) for group, look in groups]
    found = [(group, look, layers) for group, look, layers in found if layers]
    if len(found) == 1:
        group, _, layers = found[0]
        looks = [Look(colour, "-", "o") for colour in palette(len(layers))]
        return [
            _line(name, group, look, overlap, [_frozen(member, name) for member in group.members])
            for look, (name, overlap) in zip(looks, layers.items(), strict=True)
        ]
    lines = []
    for group, look, layers in found:
        frozen = [[_frozen(member, name) for name in layers] for member in group.members]
        last = [max(filter(None, epochs)) if all(epochs) else None for epochs in frozen]
        mean = pd.concat(layers.values()).groupby(level=0).mean()
        lines.append(_line(group.label, group, look, mean, last))
    return lines


def _line(name: str, group: Group, look: Look, overlap: pd.DataFrame, frozen: list[int | None]) -> _Line:
    """Make a line that ends where all runs are frozen."""
    epochs = [epoch for epoch in frozen if epoch is not None]
    if len(epochs) == len(frozen):
        until = overlap[overlap.index <= max(epochs)]
        overlap = until if len(until) else overlap  # frozen before the first update that is told
    return _Line(name, group, look, overlap, epochs)


def _by_layer(group: Group) -> dict[str, pd.DataFrame]:
    """Return the overlap in per cent by layer, epochs × runs; a frozen layer keeps its last."""
    tables = [member.metrics for member in group.members]
    names = dict.fromkeys(name for table in tables for name in layer_names(table[table["metric"] == "overlap"]))
    found = {name: curves(group, partial(_overlap, layer=name)) for name in names}
    updates = sorted({epoch for overlap in found.values() for epoch in overlap.index})
    for name, overlap in found.items():
        found[name] = 100 * overlap.reindex(updates)
        for run, member in enumerate(group.members):
            if _frozen(member, name):
                found[name][run] = found[name][run].ffill()
    return {name: overlap for name, overlap in found.items() if overlap.notna().any(axis=None)}


def _overlap(member: Trained, layer: str) -> pd.Series:
    return curve_of(member.metrics, "overlap", layer)


def _frozen(member: Trained, layer: str) -> int | None:
    """Return the first epoch at which a layer was frozen."""
    frozen = curve_of(member.metrics, "frozen", layer)
    epochs = frozen.index[frozen > 0]
    return int(epochs[0]) if len(epochs) else None


def _threshold(groups: list[Group]) -> float | None:
    """Return the overlap of early stop, if all groups that have one have the same."""
    found = {float(group.config["early_stop"]) for group in groups if group.config.get("early_stop")}
    return found.pop() if len(found) == 1 else None
