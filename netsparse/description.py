"""What a file of another program does not tell about a network: names, groups, sizes, epoch; as one JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from netsparse.errors import NetsparseError
from netsparse.graph import Snapshot

DESCRIPTION_FORMAT = "netsparse-description"
DESCRIPTION_VERSION = 1

# Types of weights that every form can hold, wherever as numbers of another type.
WEIGHT_KINDS = ("bool", *(f"{u}int{b}" for b in (8, 16, 32, 64) for u in ("", "u")), "float16", "float32", "float64")


def describe(snapshot: Snapshot) -> dict[str, Any]:
    """Tell a snapshot's epoch and layers, all but the links themselves.

    Returns
    -------
    dict
        ``epoch``, ``layers``: a dict each with name, source, target, shape, links (their number) and weights (their
        type; None if there are none).

    Examples
    --------
    >>> from netsparse.graph import LayerGraph
    >>> describe(Snapshot([LayerGraph.from_mask([[1, 0]], "fc1")], epoch=2))["layers"]
    [{'name': 'fc1', 'source': 'source', 'target': 'target', 'shape': [1, 2], 'links': 1, 'weights': None}]
    """
    layers = [
        {
            "name": layer.name,
            "source": layer.source,
            "target": layer.target,
            "shape": [layer.n_source, layer.n_target],
            "links": layer.n_links,
            "weights": None if layer.weights is None else layer.weights.dtype.name,
        }
        for layer in snapshot.layers
    ]
    return {"epoch": snapshot.epoch, "layers": layers}


def description_text(snapshot: Snapshot) -> str:
    """Give `describe` as a JSON text of one line, in ASCII.

    Raises
    ------
    NetsparseError
        If the weights are of a type that files of other programs do not have.
    """
    for layer in snapshot.layers:
        if layer.weights is not None and layer.weights.dtype.name not in WEIGHT_KINDS:
            raise NetsparseError(f"layer '{layer.name}': weights of type {layer.weights.dtype} cannot be written")
    header = {"format": DESCRIPTION_FORMAT, "format_version": DESCRIPTION_VERSION}
    return json.dumps({**header, **describe(snapshot)})


def printable(text: str) -> str:
    r"""Escape what is not printable, and the backslash, so that different texts stay different.

    Examples
    --------
    >>> printable("a\nb ß")
    'a\\nb ß'
    """
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in text)


def with_printable_names(snapshot: Snapshot) -> Snapshot:
    """Return the same network with `printable` names of layers and groups."""
    layers = [
        replace(layer, name=printable(layer.name), source=printable(layer.source), target=printable(layer.target))
        for layer in snapshot.layers
    ]
    return Snapshot(layers, snapshot.epoch)


def identifiers(names: Iterable[str]) -> list[str]:
    """Make different identifiers of letters, digits and ``_``, of 63 characters at most, that begin with a letter.

    Examples
    --------
    >>> identifiers(["fc.1", "fc_1", "../x", "2"])
    ['fc_1', 'fc_1_2', 'x', 'layer_2']
    """
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        base = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_")
        base = (base if base[:1].isalpha() else f"layer_{base}".rstrip("_"))[:50]
        made, n = base, 2
        while made.lower() in taken:
            made, n = f"{base}_{n}", n + 1
        taken.add(made.lower())
        found.append(made)
    return found
