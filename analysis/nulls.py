"""Null models of a graph: the same degrees, or only the same number of links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse.adjacency import symmetric
from netsparse.analysis.network import Network, as_network
from netsparse.graph import LayerGraph, Snapshot
from netsparse.topologies.budget import from_pairs, random_unlinked
from netsparse.topologies.rewired import rewired as rewire_layer
from netsparse.topologies.rewired import rewired_graph


def rewired(graph: Any, seed: Any = 0, swaps_per_link: int = 10, *, toward: str = "random") -> Network:
    """Return a graph with the same degrees and otherwise random links.

    Each layer is rewired by itself with its two sides fixed (see `netsparse.topologies.rewired`); weights move with
    their links. Of a graph without layers pairs of links swap ends, with the two sides fixed if it has two
    (`Network.sides`).

    Parameters
    ----------
    graph : any graph (see `netsparse.analysis`)
    seed : int, sequence of int, or numpy.random.Generator
    swaps_per_link : int
    toward : {"random", "lattice"}

    Examples
    --------
    >>> import netsparse as ns
    >>> layer = ns.LayerGraph.from_mask(np.eye(5) + np.eye(5, k=1))
    >>> np.array_equal(rewired(layer).degrees, as_network(layer).degrees)
    True
    """
    network, rng = as_network(graph), np.random.default_rng(seed)
    if network.snapshot is None:
        if network.sides is None:
            return Network(rewired_graph(network.adjacency, rng, swaps_per_link, toward=toward))
        return _between(network, lambda links: rewire_layer(links, rng, swaps_per_link, toward=toward))
    layers = []
    for layer in network.layers:
        slots = sp.csr_array(
            (np.arange(layer.n_links), layer.biadjacency.indices, layer.biadjacency.indptr),
            shape=layer.biadjacency.shape,
        )
        found = rewire_layer(slots, rng, swaps_per_link, toward=toward)
        weights = None if layer.weights is None else layer.weights[found.data]
        layers.append(LayerGraph(layer.name, found, layer.source, layer.target, weights))
    return Network.of(Snapshot(layers, network.snapshot.epoch))


def erdos_renyi(graph: Any, seed: Any = 0) -> Network:
    """Return a graph with as many links, drawn uniformly among all pairs: in each layer by itself, if there are layers.

    Weights are handed out at random. In a graph without layers that has two sides (`Network.sides`) the links join
    these.

    Parameters
    ----------
    graph : any graph (see `netsparse.analysis`)
    seed : int, sequence of int, or numpy.random.Generator

    References
    ----------
    Erdős, Rényi (1959), On random graphs I: the model G(n, m).

    Examples
    --------
    >>> import networkx as nx
    >>> erdos_renyi(nx.star_graph(5)).n_links
    5
    """
    network, rng = as_network(graph), np.random.default_rng(seed)
    none = np.empty(0, np.int64)

    def random(links: sp.csr_array) -> sp.csr_array:
        return from_pairs(random_unlinked(links.shape, none, links.nnz, rng), links.shape)

    if network.snapshot is None:
        if network.sides is not None:
            return _between(network, random)
        n = network.n_nodes
        ordinals = random_unlinked((n * (n - 1) // 2, 1), none, network.n_links, rng)
        return Network(symmetric(_pairs(ordinals), n))
    layers = []
    for layer in network.layers:
        found = random(layer.biadjacency)
        weights = None if layer.weights is None else layer.weights[rng.permutation(layer.n_links)]
        layers.append(LayerGraph(layer.name, found, layer.source, layer.target, weights))
    return Network.of(Snapshot(layers, network.snapshot.epoch))


def _between(network: Network, change: Callable[[sp.csr_array], sp.csr_array]) -> Network:
    """Change the links of a graph without layers as those of one layer between its two sides."""
    assert network.sides is not None
    first, second = np.flatnonzero(~network.sides), np.flatnonzero(network.sides)
    row, column = change(sp.csr_array(network.adjacency[first][:, second])).tocoo().coords
    return Network(symmetric(np.column_stack([first[row], second[column]]), network.n_nodes))


def _pairs(ordinals: np.ndarray) -> np.ndarray:
    """Return the pairs u > v behind the numbers u (u − 1) / 2 + v."""
    u = ((1.0 + np.sqrt(8.0 * ordinals + 1.0)) / 2.0).astype(np.int64)
    u -= u * (u - 1) // 2 > ordinals  # what rounding got wrong
    u += (u + 1) * u // 2 <= ordinals
    return np.column_stack([u, ordinals - u * (u - 1) // 2])
