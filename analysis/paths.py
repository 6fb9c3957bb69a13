"""Shortest paths, counted in links: lengths, efficiency, closeness, radiality, betweenness.

Up to 20,000 nodes all are exact, the betweenness of each node in graphs that are not large (`Network.is_large`).
Above, paths are sought from 1,024 random nodes that have a link: sums over all nodes are scaled up from these, and
scalar measures carry their standard error (over blocks of 64 sources).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from netsparse.analysis import costs
from netsparse.analysis.betweenness import node_betweenness
from netsparse.analysis.estimate import Estimate
from netsparse.analysis.hops import Hops, hops
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network, as_network
from netsparse.analysis.undefined import Undefined

_UNJOINED = "no two nodes are joined"
_SINGLE = "fewer than two nodes"
# Sources of betweenness of large graphs: each costs two passes over all links.
_N_SAMPLED = 64


@measure("standard", cost=costs.paths)
def characteristic_path_length(network: Network, seed: int = 0) -> float:
    """Give the mean number of links of the shortest path between two nodes, over the pairs that have one.

    L = Σ d_ij / number of pairs with 0 < d_ij < ∞. Undefined where no two nodes are joined. Estimated above 20,000
    nodes.

    References
    ----------
    Watts, Strogatz (1998), Collective dynamics of 'small-world' networks.

    Examples
    --------
    >>> import networkx as nx
    >>> characteristic_path_length(nx.path_graph(3))
    1.3333...
    """
    found = hops(network, seed)
    pairs = int(found.block_pairs.sum())
    if not pairs:
        return Undefined(_UNJOINED)
    length = int(found.block_total.sum()) / pairs
    return _told(found, length, found.block_total / np.maximum(found.block_pairs, 1))


@measure("standard", cost=costs.paths)
def global_efficiency(network: Network, seed: int = 0) -> float:
    """Give the mean of 1 / distance over all pairs of nodes, which is 0 for pairs without a path.

    E = Σ_{i≠j} 1/d_ij / (n (n − 1)). Undefined for fewer than two nodes. Estimated above 20,000 nodes.

    References
    ----------
    Latora, Marchiori (2001), Efficient behavior of small-world networks.

    Examples
    --------
    >>> import networkx as nx
    >>> global_efficiency(nx.path_graph(3))
    0.8333...
    """
    n = network.n_nodes
    if n < 2:
        return Undefined(_SINGLE)
    return _mean_over_nodes(hops(network, seed), 1.0 / (n - 1), n)


@measure("standard", cost=costs.paths)
def diameter(network: Network, seed: int = 0) -> float:
    """Give the longest of the shortest paths, in links, over the pairs that have one.

    Undefined where no two nodes are joined. Above 20,000 nodes it is the longest that was met
    from 1,024 random nodes and from the 512 that lie farthest from these: at least so much.

    Examples
    --------
    >>> import networkx as nx
    >>> diameter(nx.path_graph(3))
    2.0
    """
    return float(hops(network, seed).diameter) or Undefined(_UNJOINED)


@measure("standard", of="node", name="closeness", cost=costs.paths)
def closeness_by_node(network: Network, seed: int = 0) -> np.ndarray:
    """Give the (harmonic) closeness of each node, Σ_{j≠i} 1/d_ij."""
    found = hops(network, seed)
    return found.harmonic * found.scale


@measure("standard", cost=costs.paths)
def closeness(network: Network, seed: int = 0) -> float:
    """Give the mean over the nodes of the (harmonic) closeness Σ_{j≠i} 1/d_ij, nodes out of reach counting 0.

    It is (n − 1) times the global efficiency. Undefined without nodes. Estimated above 20,000 nodes.

    References
    ----------
    Marchiori, Latora (2000), Harmony in the small-world.

    Examples
    --------
    >>> import networkx as nx
    >>> closeness(nx.path_graph(3))
    1.6666...
    """
    return _mean_over_nodes(hops(network, seed), 1.0, network.n_nodes) if network.n_nodes else Undefined("no nodes")


@measure("standard", of="node", name="radiality", missing=_UNJOINED, cost=costs.paths)
def radiality_by_node(network: Network, seed: int = 0) -> np.ndarray | Undefined:
    """Give the radiality of each node, Σ_{j≠i} (diameter + 1 − d_ij) / (n − 1), 0 for what is out of reach."""
    found = hops(network, seed)
    if not found.diameter:
        return Undefined(_UNJOINED)
    return ((found.diameter + 1) * found.pairs - found.total) * (found.scale / (network.n_nodes - 1))


@measure("standard", cost=costs.paths)
def radiality(network: Network, seed: int = 0) -> float:
    """Give the mean over the nodes of the radiality Σ_{j≠i} (diameter + 1 − d_ij) / (n − 1).

    Nodes out of reach add 0. Undefined where no two nodes are joined. Estimated above 20,000 nodes.

    References
    ----------
    Valente, Foreman (1998), Integration and radiality: measuring the extent of an individual's connectedness and
    reachability in a network.

    Examples
    --------
    >>> import networkx as nx
    >>> radiality(nx.path_graph(3))
    1.6666...
    """
    found, n = hops(network, seed), network.n_nodes
    if not found.diameter:
        return Undefined(_UNJOINED)
    sums = (found.diameter + 1) * found.block_pairs - found.block_total
    total = int(sums.sum()) * found.scale / (n * (n - 1))
    return _told(found, total, sums * (found.n_linked / (n * (n - 1)) / _block_sizes(found)))


@measure("standard", of="node", cost=costs.betweenness)
def betweenness(network: Network, seed: int = 0) -> np.ndarray:
    """Give the betweenness of each node: over all pairs of others, the share of their shortest paths that it is on.

    Unordered pairs, not normalised. In large graphs: from the paths of 64 random nodes that have a link, scaled up.

    References
    ----------
    Freeman (1977), A set of measures of centrality based on betweenness.

    Examples
    --------
    >>> import networkx as nx
    >>> betweenness(nx.path_graph(3))
    array([0., 1., 0.])
    """
    linked = np.flatnonzero(network.degrees)
    sources = linked
    if network.is_large:
        sources = np.random.default_rng([seed, 2]).permutation(linked)[:_N_SAMPLED]
    diameter = hops(network, seed).diameter
    sums = node_betweenness(*network.csr, sources, diameter)
    return sums * (0.5 * len(linked) / max(len(sources), 1))


@measure("standard", cost=costs.paths)
def mean_betweenness(network: Network, seed: int = 0) -> float:
    """Give the mean over the nodes of their betweenness: Σ_{i<j} (d_ij − 1) / n over the pairs that have a path.

    Undefined without nodes. Estimated above 20,000 nodes.

    Examples
    --------
    >>> import networkx as nx
    >>> mean_betweenness(nx.path_graph(3))
    0.3333...
    """
    found, n = hops(network, seed), network.n_nodes
    if not n:
        return Undefined("no nodes")
    sums = found.block_total - found.block_pairs
    return _told(
        found, int(sums.sum()) * found.scale / (2 * n), sums * (found.n_linked / (2 * n) / _block_sizes(found))
    )


@measure("standard", cost=costs.paths)
def mean_edge_betweenness(network: Network, seed: int = 0) -> float:
    """Give the mean over the links of their betweenness: Σ_{i<j} d_ij / number of links (see `edge_betweenness`).

    Undefined without links. Estimated above 20,000 nodes.

    Examples
    --------
    >>> import networkx as nx
    >>> mean_edge_betweenness(nx.path_graph(3))
    2.0
    """
    found, n_links = hops(network, seed), int(network.degrees.sum()) // 2
    if not n_links:
        return Undefined("no links")
    value = int(found.block_total.sum()) * found.scale / (2 * n_links)
    return _told(found, value, found.block_total * (found.n_linked / (2 * n_links) / _block_sizes(found)))


def edge_betweenness(graph: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give the betweenness of each link: over all pairs of nodes, the share of their shortest paths that it is on.

    Parameters
    ----------
    graph : any graph (see `netsparse.analysis`)

    Returns
    -------
    links : numpy.ndarray, shape (n_links, 2)
        The two nodes of each link, the smaller first.
    values : numpy.ndarray, shape (n_links,)

    References
    ----------
    Girvan, Newman (2002), Community structure in social and biological networks. By igraph.

    Examples
    --------
    >>> import networkx as nx
    >>> edge_betweenness(nx.path_graph(3))[1]
    array([2., 2.])
    """
    network = as_network(graph)
    return network.links, np.array(network.igraph.edge_betweenness(directed=False), float)


@measure("standard", cost=costs.local_efficiency)
def local_efficiency(network: Network) -> float:
    """Give the mean over the nodes of the global efficiency of the graph among a node's neighbours.

    0 for nodes with fewer than two neighbours, and so in every graph whose links join two sides. Undefined without
    nodes.

    References
    ----------
    Latora, Marchiori (2001), Efficient behavior of small-world networks.

    Examples
    --------
    >>> import networkx as nx
    >>> local_efficiency(nx.complete_graph(4))
    1.0
    """
    if not network.n_nodes:
        return Undefined("no nodes")
    if network.sides is not None:
        return 0.0
    return float(_local_efficiencies(*network.csr).mean())


@numba.njit(parallel=True, cache=True, nogil=True)
def _local_efficiencies(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    n = len(indptr) - 1
    found = np.zeros(n)
    for v in numba.prange(n):
        start, stop = indptr[v], indptr[v + 1]
        k = stop - start
        if k < 2:
            continue
        # the graph among the neighbours, nodes numbered by their place in v's sorted row
        distance, queue = np.empty(k, np.int32), np.empty(k, np.int32)
        total = 0.0
        for i in range(k):
            distance[:] = -1
            distance[i] = 0
            queue[0] = i
            head, tail = 0, 1
            while head < tail:
                a = queue[head]
                head += 1
                node, q = indices[start + a], start
                for p in range(indptr[node], indptr[node + 1]):  # both rows are sorted
                    while q < stop and indices[q] < indices[p]:
                        q += 1
                    if q == stop:
                        break
                    b = q - start
                    if indices[q] == indices[p] and distance[b] < 0:
                        distance[b] = distance[a] + 1
                        total += 1.0 / distance[b]
                        queue[tail] = b
                        tail += 1
        found[v] = total / (k * (k - 1))
    return found


def _block_sizes(found: Hops) -> np.ndarray:
    sizes = np.full(len(found.block_pairs), 64)
    sizes[-1:] = found.n_sources - 64 * (len(sizes) - 1)
    return sizes


def _mean_over_nodes(found: Hops, factor: float, n: int) -> float:
    """Give factor · Σ 1/d / n over all ordered pairs."""
    factor *= found.n_linked / n
    value = float(found.block_harmonic.sum()) * factor / max(found.n_sources, 1)
    return _told(found, value, found.block_harmonic * (factor / _block_sizes(found)))


def _told(found: Hops, value: float, by_block: np.ndarray) -> float:
    """Give a number as it is, or as an estimate if the sources are a sample: the blocks tell its standard error."""
    if not found.sampled:
        return value
    return Estimate(value, float(np.std(by_block, ddof=1) / np.sqrt(len(by_block))))
