"""Neurons in the hyperbolic disk over the epochs, turned so that they stay in place; communities keep their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from netsparse.errors import NothingToDrawError
from netsparse.figures.alignment import align, match_communities
from netsparse.figures.source import layer_names

# Measures of neurons and of the layer that a disk is drawn from, and those that stand in its title.
BY_NEURON = ("theta", "radius", "community", "degree")
NUMBERS = ("modularity", "angular_separability", "anp_rate")

# Of communities, the largest first; those after them are grey. Every two differ by 0.08 in Oklab at least, also as
# readers without red or green see them.
COMMUNITY_COLOURS = [
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc3311",
    "#56b4e9",
    "#882255",
    "#ddcc77",
    "#5e3c99",
    "#cc79a7",
    "#7f3b08",
    "#aa4499",
    "#8c564b",
]
OTHER_COLOUR = "#b4b4b4"


def colours_of(community: np.ndarray) -> np.ndarray:
    """Return communities' colours by their numbers in `disks_of`: hexadecimal, grey beyond the largest and for −1.

    Examples
    --------
    >>> colours_of(np.array([0, 12, -1])).tolist()
    ['#0072b2', '#b4b4b4', '#b4b4b4']
    """
    colours = np.array([*COMMUNITY_COLOURS, OTHER_COLOUR])
    n = len(COMMUNITY_COLOURS)
    return colours[np.where((community >= 0) & (community < n), community, n)]


@dataclass(frozen=True, eq=False)
class Disk:
    """One layer's neurons (or the network's) in the hyperbolic disk at one epoch.

    Attributes
    ----------
    layer : str
        Its name, "" for the whole network.
    epoch : int
    group : numpy.ndarray of str, shape (n,)
        Neuron group of each neuron, all of them, in the order of the layer's nodes: sources, then targets.
    node : numpy.ndarray of int64, shape (n,)
        Index of each neuron in its group.
    theta, radius : numpy.ndarray of float64, shape (n,)
        Hyperbolic coordinates; NaN outside the giant component.
    community : numpy.ndarray of int64, shape (n,)
        −1 of a neuron without links.
    degree : numpy.ndarray of int64, shape (n,)
    numbers : dict of str to float
        ``gamma`` (see `gamma_of`), ``modularity``, ``angular_separability``, ``anp_rate``; NaN where not measured.
    """

    layer: str
    epoch: int
    group: np.ndarray
    node: np.ndarray
    theta: np.ndarray
    radius: np.ndarray
    community: np.ndarray
    degree: np.ndarray
    numbers: dict[str, float]

    @property
    def embedded(self) -> np.ndarray:
        """Whether each neuron has coordinates, shape (n,)."""
        return np.isfinite(self.theta) & np.isfinite(self.radius)

    @property
    def rim(self) -> float:
        """The hyperbolic radius of the disk's edge: 2 ln n of the n neurons embedded, or the largest radius."""
        inside = self.embedded
        if not inside.any():
            return 1.0
        return max(2 * float(np.log(inside.sum())), float(self.radius[inside].max()), 1e-9)

    @property
    def xy(self) -> np.ndarray:
        """Places in the native disk of radius 1, shape (n, 2); NaN where not embedded."""
        return np.column_stack([np.cos(self.theta), np.sin(self.theta)]) * (self.radius / self.rim)[:, None]


def disks_of(
    measures: pd.DataFrame, layer: str, epochs: Sequence[int] | None = None, *, aligned: bool = True
) -> list[Disk]:
    """Return a layer's disks over the epochs.

    Parameters
    ----------
    measures : pandas.DataFrame
        One run's table.
    layer : str
        "" for the whole network.
    epochs : sequence of int, optional
        Default: all that have an embedding. Those without one are left out.
    aligned : bool
        Turn and mirror each disk to fit the one before (`align`), and number communities like those they share the most
        neurons with (`match_communities`), from 0 by their largest share of the neurons at any of the epochs.
        Hyperbolic distances do not change.

    Examples
    --------
    >>> import netsparse as ns
    >>> layer = ns.LayerGraph.from_mask([[1, 1, 0], [0, 1, 1], [0, 0, 1]], name="fc")
    >>> table = ns.measure(ns.Snapshot([layer], epoch=0), ["theta", "radius", "community", "degree"])
    >>> [disk] = disks_of(table, "fc")
    >>> disk.degree
    array([2, 2, 1, 1, 2, 2])
    """
    chosen = measures["layer"] == layer
    if epochs is not None:
        chosen &= measures["epoch"].isin(list(epochs))
    of_neurons = chosen & (measures["scope"] == "node") & measures["measure"].isin(BY_NEURON) & measures["node"].notna()
    rows = measures.loc[of_neurons, ["epoch", "measure", "value", "group", "node"]]
    scope = "layer" if layer else "network"
    numbers = measures[chosen & (measures["scope"] == scope) & measures["measure"].isin(NUMBERS)]
    found: list[Disk] = []
    for epoch, part in rows.groupby("epoch", sort=True):
        by = {str(name): own for name, own in part.groupby("measure")}
        if "theta" not in by or "radius" not in by:
            continue
        own = numbers[numbers["epoch"] == epoch].set_index("measure")["value"]
        told = {"gamma": gamma_of(by["radius"]["value"].to_numpy(float))}
        told |= {name: float(own.get(name, np.nan)) for name in NUMBERS}
        disk = _disk(layer, int(str(epoch)), by, told)
        if disk.embedded.any():  # giant components below four nodes have radii and no angles
            found.append(disk)
    return fitted(found) if aligned else found


def embedded_layers(measures: pd.DataFrame) -> list[str]:
    """Return the layers that have an embedding, in the table's order; [""] if the whole network alone has one.

    Raises
    ------
    NothingToDrawError
        If nothing has one.
    """
    rows = _embedded(measures)
    if rows.empty:
        raise NothingToDrawError(
            "no layer has an embedding (none was measured, all degrees are equal, or no four neurons hang together)"
        )
    return layer_names(rows) or [""]


def embedded_epochs(measures: pd.DataFrame, layer: str | None = None) -> list[int]:
    """Return the epochs at which a layer (by default any) has an embedding, ascending.

    Raises
    ------
    NothingToDrawError
        If there is none.
    """
    rows = _embedded(measures)
    if layer is not None:
        rows = rows[rows["layer"] == layer]
    if rows.empty:
        raise NothingToDrawError(f"layer {layer!r} has no embedding" if layer else "nothing has an embedding")
    return sorted(int(epoch) for epoch in rows["epoch"].unique())


def _embedded(measures: pd.DataFrame) -> pd.DataFrame:
    """Return layer and epoch of every embedding, which has both angles and radii, in the table's order."""
    rows = measures[(measures["scope"] == "node") & measures["value"].notna()]
    radii, angles = (
        rows.loc[rows["measure"] == name, ["layer", "epoch"]].drop_duplicates() for name in ("radius", "theta")
    )
    return radii.merge(angles)


def gamma_of(radius: np.ndarray) -> float:
    """Return the exponent γ that radii were made by: that of the degrees in the giant component.

    Radii in ascending order are max(0, 2β ln i + 2(1 − β) ln n) with β = 1/(γ − 1), so one that is above 0 tells β. It
    may differ from the measure ``power_law_gamma`` of the whole layer.

    Examples
    --------
    >>> i = np.arange(1, 9)
    >>> round(gamma_of(2 * 0.5 * np.log(i) + 2 * 0.5 * np.log(8)), 6)
    3.0
    """
    radii = np.sort(radius[np.isfinite(radius)])
    n = len(radii)
    above = np.flatnonzero(radii > 1e-9)
    if n < 2 or not len(above) or above[0] == n - 1:
        return float("nan")
    i = int(above[0])
    beta = (2 * np.log(n) - radii[i]) / (2 * (np.log(n) - np.log(i + 1)))
    return float(1 + 1 / beta) if beta > 0 else float("nan")


def _disk(layer: str, epoch: int, by: dict[str, pd.DataFrame], numbers: dict[str, float]) -> Disk:
    base = by["theta"]
    neurons = ["group", "node"]
    place = pd.MultiIndex.from_frame(base[neurons])

    def values(name: str, missing: float) -> np.ndarray:
        if name not in by:
            return np.full(len(base), missing)
        own = by[name]
        if not (len(own) == len(base) and all((own[key].array == base[key].array).all() for key in neurons)):
            own = own.drop_duplicates(neurons, keep="last").set_index(neurons).reindex(place)  # rows in another order
        found = own["value"].to_numpy(float)
        return np.where(np.isfinite(found), found, missing)

    return Disk(
        layer,
        epoch,
        base["group"].to_numpy(str),
        base["node"].to_numpy(np.int64),
        values("theta", np.nan),
        values("radius", np.nan),
        values("community", -1).astype(np.int64),
        values("degree", 0).astype(np.int64),
        numbers,
    )


def fitted(disks: Sequence[Disk]) -> list[Disk]:
    """Turn and mirror each disk to fit the one before, and number communities alike in all (see `disks_of`)."""
    found: list[Disk] = []
    for disk in disks:
        found.append(_fitted(disk, found[-1]) if found else disk)
    return _ranked(found)


def _fitted(disk: Disk, before: Disk) -> Disk:
    if len(disk.theta) != len(before.theta):
        return disk
    both = disk.embedded & before.embedded
    theta = align(disk.theta, before.theta, np.where(both, np.minimum(disk.degree, before.degree) + 1.0, 0.0))
    return replace(disk, theta=theta, community=match_communities(disk.community, before.community))


def _ranked(disks: list[Disk]) -> list[Disk]:
    """Give communities numbers by their largest share of the neurons of a disk: the one seen best is 0."""
    share: dict[int, float] = {}
    for disk in disks:
        own, counts = np.unique(disk.community[disk.embedded], return_counts=True)
        for number, part in zip(own.tolist(), (counts / counts.sum()).tolist(), strict=True):
            share[number] = max(share.get(number, 0.0), part)
    ranked = sorted((number for number in share if number >= 0), key=lambda number: (-share[number], number))
    table = np.full(max((int(disk.community.max(initial=-1)) for disk in disks), default=-1) + 2, -1)
    table[ranked] = np.arange(len(ranked))
    unseen = np.flatnonzero(table[:-1] < 0)  # communities outside the giant component
    table[unseen] = np.arange(len(ranked), len(ranked) + len(unseen))
    return [replace(disk, community=table[disk.community]) for disk in disks]
