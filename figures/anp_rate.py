"""Active-neuron post-percolation rate over the epochs."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import epoch_axis, legend, panels_for
from netsparse.figures.outcomes import anp_curve, anp_tables, having, mean_sd, told_mean, told_runs
from netsparse.figures.source import Group, Source, curves, layer_names
from netsparse.figures.style import Look, axes_for, draw_band, palette, plain, style

# Of more layers there is no panel each.
_MOST_PANELS = 4


def anp_rate(source: Source, ax: Axes | None = None) -> Figure:
    """ANP rate over the epochs: of one group each layer and the whole network, of several the whole network.

    Where all groups have measures of the same few layers these have a panel each beside it. Several seeds are their
    mean with a band of ± one standard deviation.

    Parameters
    ----------
    source : Run, measures or metrics, or several of these
        See `netsparse.figures.source.groups_of`. Metrics hold the rate of the whole network alone.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells ``first_anp_rate`` and ``last_anp_rate`` (per cent) of each group.

    Raises
    ------
    NothingToDrawError
        If no ANP rate was measured.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> mask = np.random.default_rng(0).random((20, 15)) < 0.2
    >>> table = ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(mask)], epoch=0))
    >>> print(anp_rate(table))
    Figure(...x...)
    """
    found = [(group, look, _by_layer(group)) for group, look in having(source, anp_tables)]
    drawn = [(group, look, rates) for group, look, rates in found if rates]
    if not drawn:
        raise NothingToDrawError("no ANP rate was measured")
    groups = [group for group, _, _ in drawn]
    with style():
        if len(drawn) == 1:
            figure, axes = axes_for(ax)
            _draw_layers(axes, drawn[0][2])
        else:
            layers = _in_common([rates for _, _, rates in drawn], most=1 if ax else _MOST_PANELS)
            figure, panels = panels_for(ax, len(layers))
            axes = panels[0]
            for panel, layer in zip(panels, layers, strict=True):
                for group, look, rates in drawn:
                    if layer in rates:
                        draw_band(panel, rates[layer], look, group.label)
                _finish(panel, plain(layer) or ("Active neurons after percolation", "Whole network")[len(panels) > 1])
                if len(panels) > 1:
                    panel.label_outer()
        legend(figure, axes, ax)
    numbers: dict[str, float] = {}
    parts = []
    for group, _, rates in drawn:
        if "" not in rates:
            continue
        first, last = _ends(rates[""])
        name = "" if len(drawn) == 1 else f"{group.label}, "
        numbers |= {f"{name}first_anp_rate": mean_sd(first)[0], f"{name}last_anp_rate": mean_sd(last)[0]}
        if len(last) > 1:
            numbers |= {f"{name}last_anp_rate_sd": mean_sd(last)[1]}
        label = "" if len(drawn) == 1 else f" ({group.label})"
        parts.append(f"from {told_mean(first)} % to {told_mean(last)} %{label}")
    whole = f" Of the whole network it goes {', '.join(parts)}." if parts else ""
    text = f"ANP rate, the share of neurons that percolation leaves active, over the epochs.{whole}{told_runs(groups)}"
    return tell(figure, ax, text, numbers)


def _by_layer(group: Group) -> dict[str, pd.DataFrame]:
    """Return a group's rates in per cent, epochs × runs, of the whole network ("") and of each layer."""
    names: dict[str, None] = {"": None}
    for table in anp_tables(group.members[0]):
        column = "measure" if "measure" in table.columns else "metric"
        names |= dict.fromkeys(layer_names(table[table[column] == "anp_rate"]))
    found = {name: 100 * curves(group, partial(anp_curve, layer=name)) for name in names}
    return {name: rates for name, rates in found.items() if len(rates)}


def _draw_layers(ax: Axes, rates: dict[str, pd.DataFrame]) -> None:
    names = [name for name in rates if name]
    for name, colour in zip(names, palette(len(names)), strict=True):
        draw_band(ax, rates[name], Look(colour, "-", "o"), name, lw=1.2)
    title = "Percolation: active neurons"
    if "" in rates:
        draw_band(ax, rates[""], Look("black", "-", "o"), "whole network", lw=2)
        first, last = _ends(rates[""])
        title += f", {mean_sd(first)[0]:.0f} % → {mean_sd(last)[0]:.0f} %"
    _finish(ax, title)


def _in_common(found: list[dict[str, pd.DataFrame]], most: int) -> list[str]:
    """Return the layers, "" the whole network first, to draw of several groups: those of all, or one if too many."""
    layers = [name for name in found[0] if all(name in rates for rates in found)]
    if not layers and not any("" in rates for rates in found):
        raise NothingToDrawError("the ANP rates of these are of different layers, and none is of a whole network")
    return layers if 0 < len(layers) <= most else layers[:1] or [""]


def _finish(ax: Axes, title: str) -> None:
    ax.set(title=title, ylabel="ANP rate (%)", ylim=(0, 102))
    epoch_axis(ax)


def _ends(rates: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last value of each run."""
    filled = rates.bfill().iloc[0], rates.ffill().iloc[-1]
    return filled[0].to_numpy(), filled[1].to_numpy()
