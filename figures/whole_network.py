"""A whole network's hyperbolic disk, also where its layers alone were embedded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from netsparse.errors import NothingToDrawError
from netsparse.figures.alignment import align, match_communities
from netsparse.figures.disks import (
    NUMBERS,
    Disk,
    disks_of,
    embedded_epochs,
    embedded_layers,
    fitted,
)
from netsparse.figures.source import value_of


def network_disks(measures: pd.DataFrame, epochs: Sequence[int] | None) -> list[Disk]:
    """Return the whole network's disks, fitted to each other: of its embedding or, without one, of its layers'.

    Parameters
    ----------
    measures : pandas.DataFrame
        One run's table.
    epochs : sequence of int, optional
        Default: the first and the last that have an embedding.

    Raises
    ------
    NothingToDrawError
        If nothing has one.
    """
    layers = embedded_layers(measures)
    found = disks_of(measures, "", epochs)
    if found:
        return found if epochs is not None or len(found) < 2 else fitted([found[0], found[-1]])
    known = embedded_epochs(measures)
    at = sorted({known[0], known[-1]}) if epochs is None else [epoch for epoch in epochs if epoch in known]
    if not at:
        raise NothingToDrawError(f"nothing has an embedding at epoch {', '.join(map(str, epochs or []))}")
    joined = [disk for epoch in at if (disk := _joined(measures, layers, epoch)).embedded.any()]
    if not joined:
        raise NothingToDrawError("no neuron has both an angle and a radius")
    return fitted(joined)


def _joined(measures: pd.DataFrame, layers: list[str], epoch: int) -> Disk:
    """Make a disk of the network from those of its layers, each turned to fit the groups that it shares."""
    nodes = _nodes(measures, epoch).drop_duplicates(["group", "node"])
    sizes = nodes.groupby("group", sort=False)["node"].max() + 1
    start = dict(zip(sizes.index, np.cumsum([0, *sizes])[:-1], strict=True))
    n = int(sizes.sum())
    theta, radius = np.full(n, np.nan), np.full(n, np.nan)
    community, degree = np.full(n, -1), np.zeros(n, np.int64)
    for layer in layers:
        for disk in disks_of(measures, layer, [epoch]):
            place = np.array([start[group] for group in disk.group.tolist()], np.int64) + disk.node
            own, own_community, weight = np.full(n, np.nan), np.full(n, -1), np.zeros(n)
            own[place], own_community[place] = disk.theta, disk.community
            weight[place] = disk.degree + 1.0
            own = align(own, theta, np.where(np.isfinite(own) & np.isfinite(theta), weight, 0.0))
            own_community = match_communities(own_community, community)
            degree[place] += disk.degree
            fresh = place[np.isnan(theta[place])]
            theta[fresh], community[fresh] = own[fresh], own_community[fresh]
            radius[fresh] = disk.radius[np.isin(place, fresh)]
    numbers = {"gamma": np.nan, **{name: value_of(measures, name, "", epoch) for name in NUMBERS}}
    group = np.repeat(np.array(list(sizes.index), str), sizes.to_numpy())
    node = np.concatenate([np.arange(size) for size in sizes])
    return Disk("", epoch, group, node, theta, radius, community, degree, numbers)


def _nodes(measures: pd.DataFrame, epoch: int) -> pd.DataFrame:
    named = measures["measure"].isin(["degree", "theta"])  # either may not have been measured
    of = (measures["epoch"] == epoch) & (measures["scope"] == "node") & named & measures["node"].notna()
    return measures.loc[of & (measures["layer"] != ""), ["layer", "group", "node"]]


def layer_ends(measures: pd.DataFrame, epoch: int) -> dict[str, tuple[str, str]]:
    """Return source and target group of each layer.

    Examples
    --------
    >>> import netsparse as ns
    >>> layer = ns.LayerGraph.from_mask([[1, 0]], "fc", "in", "out")
    >>> layer_ends(ns.measure(ns.Snapshot([layer], epoch=0), ["degree"]), 0)
    {'fc': ('in', 'out')}
    """
    groups = _nodes(measures, epoch).drop_duplicates(["layer", "group"]).groupby("layer", sort=False)["group"]
    return {str(layer): (str(own.iloc[0]), str(own.iloc[-1])) for layer, own in groups}


def cut_angle(ends: Sequence[np.ndarray], n: int = 360) -> float:
    """Return the angle that the fewest links cross, each taken the shorter way.

    Parameters
    ----------
    ends : sequence of numpy.ndarray, shape (n_links, 2)
        Angles of both ends.

    Examples
    --------
    >>> cut_angle([np.array([[0.5, 3.0], [3.0, 5.5]])]) > 5.5 or cut_angle([np.array([[0.5, 3.0], [3.0, 5.5]])]) < 0.5
    True
    """
    theta = np.concatenate(ends)
    first, turn = theta[:, 0], np.mod(theta[:, 1] - theta[:, 0] + np.pi, 2 * np.pi) - np.pi
    low = np.mod(np.minimum(first, first + turn), 2 * np.pi)
    start, stop = ((n * angle / (2 * np.pi)).astype(int) + 1 for angle in (low, low + np.abs(turn)))
    steps = np.bincount(start, minlength=2 * n + 2) - np.bincount(stop, minlength=2 * n + 2)
    crossing = np.cumsum(steps)
    return 2 * np.pi * float(np.argmin(crossing[:n] + crossing[n : 2 * n])) / n
