"""Meta-depth: the depth that the hierarchy of the neurons gives to a layer and to the network (inferred)."""

import numba
import numpy as np

from netsparse.analysis.coalescent import hyperbolic_radii
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network, as_network
from netsparse.analysis.undefined import Undefined


@measure("standard")
def hierarchical_span(network: Network) -> float:
    """Give the span r_max − r_min of the hyperbolic radii; with γ ≥ 2 it is 2 ln n / (γ − 1).

    Undefined where there are no radii, as all degrees are equal.

    Examples
    --------
    >>> import networkx as nx
    >>> hierarchical_span(nx.barabasi_albert_graph(100, 2, seed=0)) > 0
    True
    """
    radii = _radii(network)
    return radii if isinstance(radii, Undefined) else float(radii.max() - radii.min())


@measure("standard")
def k_core_depth(network: Network) -> float:
    """Give the degeneracy: the largest k of which there is a k-core. 0 without links.

    References
    ----------
    Batagelj, Zaveršnik (2003), An O(m) algorithm for cores decomposition of networks.

    Examples
    --------
    >>> import networkx as nx
    >>> k_core_depth(nx.complete_graph(4))
    3.0
    """
    return float(_degeneracy(*network.csr))


@numba.njit(cache=True, nogil=True)
def _degeneracy(indptr: np.ndarray, indices: np.ndarray) -> int:
    """Take away a node of fewest links left, again and again: the most that one of them had (Batagelj, Zaveršnik)."""
    n = len(indptr) - 1
    left = indptr[1:] - indptr[:-1]
    order = np.argsort(left, kind="mergesort")  # by links left, all the time
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    most = 0
    first = np.zeros(left.max() + 2 if n > 0 else 1, np.int64)  # in the order, of those with so many left
    for node in range(n):
        first[left[node] + 1] += 1
    first = np.cumsum(first)
    for i in range(n):
        node = order[i]
        most = max(most, left[node])
        for p in range(indptr[node], indptr[node + 1]):
            other = indices[p]
            if left[other] > left[node]:  # goes to the front of those with as many, and joins those with one less
                front = first[left[other]]
                ahead = order[front]
                order[front], order[place[other]] = other, ahead
                place[ahead], place[other] = place[other], front
                first[left[other]] += 1
                left[other] -= 1
    return most


@measure("standard")
def meta_depth(network: Network) -> float:
    """Give the meta-depth: the occupied levels of the hierarchy of the neurons, summed over the layers.

    The paper says only that a layer "has an internal depth due to power-law node hierarchy". Here it is the number of
    occupied Freedman–Diaconis bins of a layer's hyperbolic radii; a network's is the sum over its layers, to be read
    beside its `nominal_depth`: "3 layers, meta-depth 23". A layer without radii (no links, or all degrees equal) counts
    as one level in the sum. A single layer or a graph without layers is undefined where there are no
    radii.

    References
    ----------
    Inferred from: Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb
    brain-inspired training with hyperbolic meta-deep community-layered epitopology, section 4.2.

    Examples
    --------
    >>> import networkx as nx
    >>> meta_depth(nx.barabasi_albert_graph(100, 2, seed=0)) > 1
    True
    """
    if len(network.layers) > 1:
        levels = [_levels(as_network(layer)) for layer in network.layers]
        return float(sum(1.0 if np.isnan(level) else level for level in levels))
    return _levels(network)


@measure("fast", scopes=("network",))
def nominal_depth(network: Network) -> float:
    """Count the layers. Undefined for a graph without layers.

    Examples
    --------
    >>> import netsparse as ns
    >>> nominal_depth(ns.Snapshot([ns.LayerGraph.from_mask([[1]])]))
    1.0
    """
    return float(len(network.layers)) or Undefined("the graph has no layers")


def _radii(network: Network) -> np.ndarray | Undefined:
    radii = hyperbolic_radii(network)
    return radii if isinstance(radii, Undefined) else radii[np.isfinite(radii)]


def _levels(network: Network) -> float:
    radii = _radii(network)
    if isinstance(radii, Undefined):
        return radii
    counts, _ = np.histogram(radii, bins=np.histogram_bin_edges(radii, "fd"))
    return float(np.count_nonzero(counts))
