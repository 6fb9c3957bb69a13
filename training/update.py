"""One topology update: removal, percolation, regrowth. Graphs in, graphs out; no torch."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from netsparse.graph import LayerGraph
from netsparse.selection import find_keys, top_k
from netsparse.training.methods import Method
from netsparse.training.percolation import percolate
from netsparse.training.regrowth import regrow
from netsparse.training.removal import REMOVAL_RULES
from netsparse.training.start_weights import START_WEIGHTS


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
        Added; removed + percolated, unless there was no room (`links_missing`).
    links_filled : int
        Those of the regrown that had no positive score and were drawn at random among active neurons.
    links_missing : int
        Removed + percolated − regrown: 0 unless no room was left for the full count.
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
) -> dict[str, LayerUpdate]:
    """Remove, percolate and regrow links once in all layers that are not frozen.

    1. In each layer the round(ζ · n_links) links of lowest removal score go, ties at random.
    2. With ``method.percolation``, links of cut-off hidden neurons go, to the fixed point.
    3. Each layer gets as many links as it lost: the pairs of highest regrowth score in what remains. Pairs just removed
       are candidates again; the count is never exceeded.

    Parameters
    ----------
    layers : sequence of LayerGraph
        With weights.
    method : Method
        Its removal, percolation, regrowth, subranking and fill are used.
    zeta : float
        Fraction of links to remove, 0 … 1.
    rng : numpy.random.Generator
    frozen : collection of str
        Names of layers that stay as they are.

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
    score = REMOVAL_RULES[method.removal]
    stays = {layer.name: np.ones(layer.n_links, bool) for layer in layers}
    removed = {}
    for layer in layers:
        if layer.name not in frozen:
            lowest = top_k(-score(layer), round(zeta * layer.n_links), rng)
            stays[layer.name][lowest] = False
            removed[layer.name] = len(lowest)
    if method.percolation:
        remaining = [_part(layer, stays[layer.name]) for layer in layers]
        for layer, kept in zip(layers, percolate(remaining, frozen), strict=True):
            stays[layer.name][stays[layer.name]] = kept
    return {
        layer.name: _regrow_layer(layer, stays[layer.name], removed[layer.name], method, rng)
        for layer in layers
        if layer.name not in frozen
    }


def _part(layer: LayerGraph, stays: np.ndarray) -> LayerGraph:
    shape = (layer.n_source, layer.n_target)
    return LayerGraph.from_keys(layer.link_keys[stays], shape, layer.name, layer.source, layer.target)


def _regrow_layer(
    layer: LayerGraph, stays: np.ndarray, n_removed: int, method: Method, rng: np.random.Generator
) -> LayerUpdate:
    assert method.regrowth is not None
    assert layer.weights is not None
    old = layer.link_keys
    taken = old[~stays]
    regrown, n_filled = regrow(
        _part(layer, stays), len(taken), method.regrowth, rng, subranking=method.subranking, fill=method.fill
    )
    new = np.sort(np.concatenate([old[stays], regrown]), kind="stable")  # disjoint, and each sorted already
    at, known = find_keys(old, new)
    shape = (layer.n_source, layer.n_target)
    graph = LayerGraph.from_keys(new, shape, layer.name, layer.source, layer.target)
    if method.new_link_weights == "zero":
        weights = np.zeros(len(new), layer.weights.dtype)
    else:
        weights = START_WEIGHTS[method.new_link_weights](graph, rng).astype(layer.weights.dtype)
    weights[known] = layer.weights[at[known]]
    n_again = int(find_keys(taken, regrown)[1].sum())
    return LayerUpdate(
        graph=replace(graph, weights=weights),
        links_removed=n_removed,
        links_percolated=len(taken) - n_removed,
        links_regrown=len(regrown),
        links_filled=n_filled,
        links_missing=len(taken) - len(regrown),
        overlap=n_again / len(regrown) if len(regrown) else float("nan"),
    )
