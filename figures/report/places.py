"""Places of neurons in the hyperbolic disk over the epochs, as whole numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netsparse.figures.disks import Disk
from netsparse.figures.report.arrays import Arrays

NONE = 65_535  # no place, no community


def pack_places(disks: Sequence[Disk], epochs: Sequence[int], groups: Mapping[str, int], arrays: Arrays) -> Any:
    """Put a layer's disks into the page's arrays: angle and radius in 65,534ths of the whole, and the community.

    Parameters
    ----------
    disks : sequence of Disk
    epochs : sequence of int
        The page's epochs. Disks of others are left out.
    groups : mapping of str to int
        The neuron groups and their sizes, in the order of the page's neurons.
    arrays : Arrays

    Returns
    -------
    dict or None
        ``at`` (places in ``epochs``), ``rim`` and ``numbers`` of each disk, and where ``theta``, ``radius`` and
        ``community`` lie, each disks × neurons; None without disks.
    """
    at = {epoch: place for place, epoch in enumerate(epochs)}
    kept = [disk for disk in disks if disk.epoch in at]
    if not kept:
        return None
    tables = [_table(disk, groups) for disk in kept]
    theta, radius, community = (np.stack([table[i] for table in tables]) for i in range(3))
    return {
        "at": [at[disk.epoch] for disk in kept],
        "rim": [float(f"{disk.rim:.6g}") for disk in kept],
        "numbers": [{name: _short(value) for name, value in disk.numbers.items()} for disk in kept],
        "theta": arrays.add(theta),
        "radius": arrays.add(radius),
        "community": arrays.add(community),
    }


def _table(disk: Disk, groups: Mapping[str, int]) -> np.ndarray:
    """Return angle, radius and community of each neuron in the page's order, shape (3, n)."""
    table = np.full((3, sum(groups.values())), NONE, np.int64)
    start = 0
    for group, size in groups.items():
        own = np.flatnonzero((disk.group == group) & (disk.node >= 0) & (disk.node < size))
        at = start + disk.node[own]
        here = disk.embedded[own]
        table[0, at[here]] = np.rint(np.mod(disk.theta[own][here], 2 * np.pi) / (2 * np.pi) * (NONE - 1))
        table[1, at[here]] = np.rint(disk.radius[own][here] / disk.rim * (NONE - 1))
        community = disk.community[own]
        table[2, at] = np.where(community < 0, NONE, np.minimum(community, NONE - 1))
        start += size
    return table


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
