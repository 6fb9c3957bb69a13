"""What a panel with a hyperbolic disk shows: the disk, its links, its colours, and its numbers in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netsparse.errors import NothingToDrawError
from netsparse.figures.disks import NUMBERS, Disk, disks_of
from netsparse.figures.source import Source, Trained, groups_of
from netsparse.run import Run

MAX_LINKS = 20_000

_TOLD = {"gamma": "γ", "modularity": "Q", "angular_separability": "ASI", "anp_rate": "ANP"}


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
    known = [str(epoch) for epoch in sorted(set(epochs)) if epoch >= 0]
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
    return Disk(
        layer,
        epoch,
        np.empty(0, str),
        whole,
        numbers,
        numbers,
        whole,
        whole,
        dict.fromkeys(("gamma", *NUMBERS), np.nan),
    )


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


def sampled(counts: Sequence[int], most: int) -> str:
    """Return for the caption that panels with so many links show some of them, if one does (see `links_of`)."""
    return f" Of more than {most:,} links in a panel so many random ones are drawn." if most in counts else ""


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


def told_numbers(disk: Disk, width: float, *, rate: bool = True) -> str:
    """Return a disk's numbers for its title, the ANP rate if wanted: in two lines if it is narrow (width in inches)."""
    words = [
        f"{sign} {'≥ 10' if name == 'gamma' and value >= 9.995 else f'{value:.2f}'}"
        for name, sign in _TOLD.items()
        if np.isfinite(value := disk.numbers[name]) and (rate or name != "anp_rate")
    ]
    if len(words) < 3 or width >= 2.0:
        return "  ".join(words)
    return "  ".join(words[:2]) + "\n" + "  ".join(words[2:])
