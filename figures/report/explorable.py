"""What the page holds of one run to explore: links, places and degrees at as many epochs as fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from netsparse.figures.disks import BY_NEURON, NUMBERS, Disk, disks_of
from netsparse.figures.report.arrays import Arrays
from netsparse.figures.report.links import density_of, pack_spans, spans_of
from netsparse.figures.report.places import pack_places
from netsparse.graph import LayerGraph
from netsparse.run import Run

# Above either a layer is shown by the density of its links alone: no page draws them at once.
MAX_LINKS = 200_000
MAX_NEURONS = 50_000
# Links times epochs that are read: of all layers, and of those whose links are kept by name.
_MAX_READ = 100_000_000
_MAX_KEPT = 10_000_000


@dataclass(frozen=True, eq=False)
class Explorable:
    """A run to explore.

    Attributes
    ----------
    facts : dict
        For the page's JSON: epochs, layers, where their arrays lie.
    content : str
        The arrays (`Arrays.packed`).
    """

    facts: dict[str, Any]
    content: str


def explorable(run: Run, measures: pd.DataFrame | None, budget: int) -> Explorable | None:
    """Pack a run's snapshots and embeddings into at most ``budget`` characters; None of a run without snapshots.

    ``measures`` is the run's table of measures, which holds the embeddings. If not all epochs fit, the first, the last
    and those with an embedding come first, then others evenly.
    """
    all_epochs = run.epochs
    if not all_epochs:
        return None
    first = run.snapshot(all_epochs[0])
    heavy = {
        layer.name for layer in first if layer.n_links > MAX_LINKS or layer.n_source + layer.n_target > MAX_NEURONS
    }
    disks = _disks(measures, [layer.name for layer in first])
    embedded = sorted({disk.epoch for own in disks.values() for disk in own} & set(all_epochs))
    n_links = {layer.name: max(layer.n_links, 1) for layer in first}
    while True:
        light = sum(n for name, n in n_links.items() if name not in heavy)
        most = min(_MAX_READ // sum(n_links.values()), _MAX_KEPT // max(light, 1))
        epochs = chosen_epochs(all_epochs, embedded, max(most, 2))
        layers, links = _read(run, epochs, heavy)
        while True:
            found = _packed(len(all_epochs), epochs, layers, links, disks)
            n = len(epochs)
            if len(found.content) <= budget or n <= 2:
                break
            epochs = chosen_epochs(epochs, embedded, max(2, min(n - 1, int(0.95 * n * budget / len(found.content)))))
        by_name = {name: n for name, n in n_links.items() if name not in heavy}
        if len(found.content) <= budget or not by_name:
            return found
        heavy |= _largest(by_name, 1 - budget / len(found.content))


def _largest(n_links: Mapping[str, int], share: float) -> set[str]:
    """Return the largest layers, as many as have that share of the links, one at least."""
    names = sorted(n_links, key=lambda name: -n_links[name])
    before = np.cumsum([n_links[name] for name in names]) - [n_links[name] for name in names]
    return {name for name, n in zip(names, before, strict=True) if n < share * sum(n_links.values())}


def chosen_epochs(epochs: Sequence[int], embedded: Sequence[int], n: int) -> list[int]:
    """Choose n epochs: the first, the last, those with an embedding, then others, spread evenly.

    Examples
    --------
    >>> chosen_epochs(range(11), [0, 3, 10], 5)
    [0, 3, 4, 8, 10]
    >>> chosen_epochs(range(3), [], 7)
    [0, 1, 2]
    """
    kept, there = {epochs[0], epochs[-1]}, set(epochs)
    for candidates in ([epoch for epoch in embedded if epoch in there], epochs):
        rest = [epoch for epoch in candidates if epoch not in kept]
        room = min(n - len(kept), len(rest))
        kept |= {rest[int((i + 0.5) * len(rest) / room)] for i in range(room)}
    return sorted(kept)


def _disks(measures: pd.DataFrame | None, layers: Sequence[str]) -> dict[str, list[Disk]]:
    """Return the disks of each layer that has some, "" the whole network."""
    if measures is None or not {"scope", "group", "node"} <= set(measures.columns):
        return {}
    used = measures[measures["measure"].isin([*BY_NEURON, *NUMBERS]) & measures["epoch"].notna()]
    parts = {str(name): part for name, part in used.groupby("layer", sort=False)}
    return {name: disks for name in ["", *layers] if name in parts and (disks := disks_of(parts[name], name))}


_Links = dict[int, dict[str, np.ndarray]]


def _read(run: Run, epochs: Sequence[int], heavy: set[str]) -> tuple[list[LayerGraph], _Links]:
    """Return the layers of the first epoch, and by epoch each layer's link keys, or its grid of density if heavy.

    A layer that is missing at an epoch, or has another shape there, has no links there.
    """
    links: _Links = {}
    layers: list[LayerGraph] = []
    for epoch in epochs:
        snapshot = run.snapshot(epoch)
        layers = layers or list(snapshot)
        here = {layer.name: layer for layer in snapshot}
        links[epoch] = {}
        for layer in layers:
            own = here.get(layer.name)
            same = own is not None and (own.n_source, own.n_target) == (layer.n_source, layer.n_target)
            keys = own.link_keys if own is not None and same else np.zeros(0, np.int64)
            shape = (layer.n_source, layer.n_target)
            links[epoch][layer.name] = density_of(keys, shape) if layer.name in heavy else keys
            links[epoch][f"{layer.name}\0n"] = np.array(len(keys))
    return layers, links


def _packed(
    n_epochs: int, epochs: Sequence[int], layers: Sequence[LayerGraph], links: _Links, disks: dict[str, list[Disk]]
) -> Explorable:
    arrays = Arrays()
    told = []
    for layer in layers:
        own = [links[epoch][layer.name] for epoch in epochs]
        is_grid = own[0].ndim == 2
        groups = {layer.source: layer.n_source, layer.target: layer.n_target}
        told.append(
            {
                "name": layer.name,
                "source": layer.source,
                "target": layer.target,
                "shape": [layer.n_source, layer.n_target],
                "nLinks": [int(links[epoch][f"{layer.name}\0n"]) for epoch in epochs],
                "spans": None if is_grid else pack_spans(spans_of(own), layer.n_target, arrays),
                "grid": {**arrays.add(np.stack(own)), "shape": list(own[0].shape)} if is_grid else None,
                "places": None if is_grid else pack_places(disks.get(layer.name, []), epochs, groups, arrays),
            }
        )
    groups = {
        name: n for layer in layers for name, n in ((layer.source, layer.n_source), (layer.target, layer.n_target))
    }
    by_density = [one["name"] for one in told if one["grid"]]
    facts = {
        "epochs": list(epochs),
        "allEpochs": n_epochs,
        "groups": [{"name": name, "n": n} for name, n in groups.items()],
        "layers": told,
        "whole": len(layers) > 1 and not by_density and sum(layer.n_links for layer in layers) <= MAX_LINKS,
        "places": pack_places(disks.get("", []), epochs, groups, arrays),
    }
    return Explorable(facts, arrays.packed())
