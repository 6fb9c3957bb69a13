"""One topology update: removal, percolation, regrowth. Graphs in, graphs out; no torch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from netsparse.graph import LayerGraph
from netsparse.selection import find_keys, soft_top_k, top_k
from netsparse.training.methods import Method
from netsparse.training.percolation import percolate
from netsparse.training.regrowth import RowGradients, regrow
from netsparse.training.removal import REMOVAL_RULES
from netsparse.training.start_weights import START_WEIGHTS


class LayerGradients(RowGradients, Protocol):
    """The gradients of one layer: of its links, and of all its pairs by rows.

    Attributes
    ----------
    of_links : numpy.ndarray or None, shape (n_links,)
    """

    of_links: np.ndarray | None


@dataclass(frozen=True)
class LayerUpdate:
    """What one update did to one layer.

    Attributes
    ----------
    graph : LayerGraph
        The layer after the update. Links removed and regrown keep their weight, truly new ones weigh 0 or what the
        method's ``new_link_weights`` draws.
    links_removed : int
        Taken by the removal rule.
    links_percolated : int
        Taken by percolation.
    links_regrown : int
        Added; removed + percolated, unless the density changes or there was no room (`links_missing`).
    links_filled : int
        Those of the regrown that had no positive score and were drawn at random (the method's ``fill``).
    links_missing : int
        By which the layer falls short of its count: 0 unless no room was left.
    overlap : float
        |taken ∩ regrown| / |regrown|; NaN if nothing was regrown.
    """

    graph: LayerGraph
    links_removed: int
    links_percolated: int
    links_regrown: int
    links_filled: int
    links_missing: int
    overlap: float


def update_topology(
    layers: Sequence[LayerGraph],
    method: Method,
    zeta: float,
    rng: np.random.Generator,
    frozen: Collection[str] = (),
    *,
    n_links: Mapping[str, int] | None = None,
    temperature: float = 1.0,
    gradients: Mapping[str, LayerGradients] | None = None,
) -> dict[str, LayerUpdate]:
    """Remove, percolate and regrow links once in all layers that are not frozen.

    With n links in a layer and m afterwards (m = n unless the density changes):

    1. max(n − m, 0) + round(ζ · min(n, m)) links go: those of lowest removal score, ties at random; or, softly, the
       others are drawn to stay, each with chance ∝ score^temperature.
    2. With ``method.percolation``, links of cut-off hidden neurons go, to the fixed point.
    3. As many pairs as are missing to m become links: those of highest regrowth score in what remains; or, softly,
       drawn with chance ∝ score. Pairs just removed are candidates again; the count is never exceeded.

    Parameters
    ----------
    layers : sequence of LayerGraph
        With weights.
    method : Method
        Its removal, percolation, regrowth, selections, subranking, fill and new_link_weights are used.
    zeta : float
        Fraction of links to remove, 0 … 1.
    rng : numpy.random.Generator
    frozen : collection of str
        Names of layers that stay as they are.
    n_links : mapping of str to int, optional
        Links that a layer shall have afterwards; as many as now where nothing is said.
    temperature : float
        Exponent of the soft removal.
    gradients : mapping of str to LayerGradients, optional
        Of the loss, for rules that need them.

    Returns
    -------
    dict of str to LayerUpdate
        By layer name, frozen layers left out.

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology, section 3.
    """
    if method.removal is None or method.regrowth is None:
        raise ValueError(f"method '{method.name}' does not evolve its topology")
    n_links, gradients = n_links or {}, gradients or {}
    stays = {layer.name: np.ones(layer.n_links, bool) for layer in layers}
    removed = {}
    for layer in layers:
        if layer.name not in frozen:
            wanted = n_links.get(layer.name, layer.n_links)
            k = max(layer.n_links - wanted, 0) + round(zeta * min(layer.n_links, wanted))
            gone = _remove(layer, k, method, rng, gradients.get(layer.name), temperature)
            stays[layer.name][gone] = False
            removed[layer.name] = len(gone)
    if method.percolation:
        remaining = [_part(layer, stays[layer.name]) for layer in layers]
        for layer, kept in zip(layers, percolate(remaining, frozen), strict=True):
            stays[layer.name][stays[layer.name]] = kept
    updates = {}
    for layer in layers:
        if layer.name not in frozen:
            kept, wanted = stays[layer.name], n_links.get(layer.name, layer.n_links)
            keys, n_filled = regrow(
                _part(layer, kept),
                max(wanted - int(kept.sum()), 0),
                method.regrowth,
                rng,
                soft=method.regrowth_selection == "soft",
                subranking=method.subranking,
                fill=method.fill,
                gradients=gradients.get(layer.name),
            )
            missing = max(wanted - int(kept.sum()) - len(keys), 0)
            updates[layer.name] = _record(layer, kept, removed[layer.name], keys, n_filled, missing, method, rng)
    return updates


def _remove(
    layer: LayerGraph,
    k: int,
    method: Method,
    rng: np.random.Generator,
    gradients: LayerGradients | None,
    temperature: float,
) -> np.ndarray:
    """Return the positions of k links to remove."""
    assert method.removal is not None
    of_links = None if gradients is None else gradients.of_links
    scores = REMOVAL_RULES[method.removal](layer, of_links, rng, **method.removal_options)
    if method.removal_selection == "hard":
        return top_k(-scores, k, rng)
    with np.errstate(divide="ignore"):
        logs = np.log(scores.astype(np.float64))
    if temperature == 0.0:
        logs = np.zeros(len(scores))  # all alike
    keep = soft_top_k(temperature * logs, layer.n_links - min(k, layer.n_links), rng)
    gone = np.ones(layer.n_links, bool)
    gone[keep] = False
    return np.flatnonzero(gone)


def _part(layer: LayerGraph, stays: np.ndarray) -> LayerGraph:
    shape = (layer.n_source, layer.n_target)
    return LayerGraph.from_keys(layer.link_keys[stays], shape, layer.name, layer.source, layer.target)


def _record(
    layer: LayerGraph,
    stays: np.ndarray,
    n_removed: int,
    regrown: np.ndarray,
    n_filled: int,
    n_missing: int,
    method: Method,
    rng: np.random.Generator,
) -> LayerUpdate:
    """Return the layer after the update, its weights with their links, and what was done."""
    assert layer.weights is not None
    old = layer.link_keys
    taken = old[~stays]
    new = np.sort(np.concatenate([old[stays], regrown]), kind="stable")  # disjoint, and each sorted already
    at, known = find_keys(old, new)
    shape = (layer.n_source, layer.n_target)
    graph = LayerGraph.from_keys(new, shape, layer.name, layer.source, layer.target)
    if method.new_link_weights == "zero":
        weights = np.zeros(len(new), layer.weights.dtype)
    else:
        weights = START_WEIGHTS[method.new_link_weights](graph, rng, method.nonlinearity).astype(layer.weights.dtype)
    weights[known] = layer.weights[at[known]]
    n_again = int(find_keys(taken, regrown)[1].sum())
    return LayerUpdate(
        graph=replace(graph, weights=weights),
        links_removed=n_removed,
        links_percolated=len(taken) - n_removed,
        links_regrown=len(regrown),
        links_filled=n_filled,
        links_missing=n_missing,
        overlap=n_again / len(regrown) if len(regrown) else float("nan"),
    )
