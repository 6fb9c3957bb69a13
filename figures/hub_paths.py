"""Credit-assigned paths through hub neurons over the epochs."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.curves import epoch_axis, legend, limits, panels_for
from netsparse.figures.outcomes import having, mean_sd, told_mean, told_runs
from netsparse.figures.source import Source, curves_of
from netsparse.figures.style import draw_band, style


def hub_paths(source: Source, ax: Axes | None = None) -> Figure:
    """Share of credit-assigned paths (CAP) that pass a hub neuron, and the number of paths, over the epochs.

    Hubs are the hidden neurons of the highest degrees (`netsparse.analysis.hub_path_share`). Several seeds are their
    mean with a band of ± one standard deviation.

    Parameters
    ----------
    source : Run, measures, or several of these
        See `netsparse.figures.source.groups_of`.
    ax : matplotlib.axes.Axes, optional
        Where to draw the share alone.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells ``first_share`` and ``last_share`` (per cent) and ``last_log10_paths`` of each group.

    Raises
    ------
    NothingToDrawError
        If no network with hidden neurons was measured.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> masks = np.random.default_rng(0).random((2, 20, 20)) < 0.2
    >>> layers = [ns.LayerGraph.from_mask(m, f"fc{i}", f"g{i}", f"g{i + 1}") for i, m in enumerate(masks)]
    >>> print(hub_paths(ns.measure(ns.Snapshot(layers, epoch=0))))
    Figure(...x...)
    """
    found = [
        (group, look, 100 * curves_of(group, "scalars", "hub_path_share"))
        for group, look in having(source, lambda member: member.scalars)
    ]
    drawn = [(group, look, share) for group, look, share in found if len(share)]
    if not drawn:
        raise NothingToDrawError("no paths through hidden neurons were measured (hub_path_share of the network)")
    groups = [group for group, _, _ in drawn]
    alone = len(drawn) == 1
    numbers: dict[str, float] = {}
    parts = []
    with style():
        figure, panels = panels_for(ax, 1 if ax is not None else 2, share_y=False)
        for group, look, share in drawn:
            draw_band(panels[0], share, look, group.label)
            first, last = share.bfill().iloc[0].to_numpy(), share.ffill().iloc[-1].to_numpy()
            name = "" if alone else f"{group.label}, "
            numbers |= {f"{name}first_share": mean_sd(first)[0], f"{name}last_share": mean_sd(last)[0]}
            parts.append(f"from {told_mean(first)} % to {told_mean(last)} %" + ("" if alone else f" ({group.label})"))
            paths = curves_of(group, "scalars", "log10_credit_assigned_paths")
            if len(paths):
                numbers[f"{name}last_log10_paths"] = mean_sd(paths.ffill().iloc[-1].to_numpy())[0]
                if len(panels) > 1:
                    draw_band(panels[1], paths, look, group.label)
        panels[0].set(title="Paths through hub neurons", ylabel="share of paths (%)")
        panels[0].set_ylim(limits([value for _, _, share in drawn for value in share.to_numpy().ravel()], 0, 101))
        epoch_axis(panels[0])
        if len(panels) > 1:
            panels[1].set(title="All paths from inputs to outputs", ylabel="log₁₀ of their number")
            epoch_axis(panels[1])
        if not alone:
            legend(figure, panels[0], ax)
    text = (
        "Credit-assigned paths (CAP), from the inputs to the outputs through the layers, over the epochs: the share "
        f"that passes a hub goes {', '.join(parts)}. Hubs: hidden neurons with a degree above the 0.9 "
        f"quantile of those that have links.{told_runs(groups)}"
    )
    return tell(figure, ax, text, numbers)
