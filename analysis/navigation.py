"""How well the geometry guides: greedy routing and geometrical congruence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse.analysis import costs
from netsparse.analysis.coalescent import coalescent_embedding
from netsparse.analysis.estimate import Estimate
from netsparse.analysis.measure import measure
from netsparse.analysis.navigation_kernels import congruence_sums, greedy_sums, link_lengths
from netsparse.analysis.network import Network, as_network, csr_arrays, is_large
from netsparse.analysis.undefined import Undefined
from netsparse.analysis.weighted_paths import weighted_distances
from netsparse.errors import NetsparseError

# Of larger graphs so many targets, or sources, are drawn.
_N_SAMPLES = 256
_TAG = 20170


@dataclass(frozen=True)
class GreedyRouting:
    """What greedy routing achieves, over all ordered pairs of nodes.

    Attributes
    ----------
    score : float
        GR-score: mean of hops of the shortest path / hops walked, 0 for a path that fails.
    success : float
        Share of the paths that arrive.
    hops : float
        Mean hops of those that arrive.
    efficiency : float
        GRE: mean over pairs without a link of hyperbolic distance / length walked, 0 for a path that fails.
    """

    score: float
    success: float
    hops: float
    efficiency: float


def greedy_routing(graph: Any, theta: np.ndarray, radius: np.ndarray, seed: int = 0) -> GreedyRouting:
    """Walk from every node to every other, each time to the neighbour that is nearest to the target.

    Of equally near neighbours the one of lowest index is taken. A path fails when it would come to a node again. In
    large graphs the paths to 256 random targets stand for all; the numbers then carry their standard error.

    Parameters
    ----------
    graph : any graph (see `netsparse.analysis`)
    theta, radius : numpy.ndarray, shape (n_nodes,)
        Coordinates in the hyperbolic disk; nodes without (NaN) are left out.
    seed : int

    Returns
    -------
    GreedyRouting
        Undefined for fewer than two nodes with coordinates; ``hops`` if no path arrives, ``efficiency`` if every pair
        is linked.

    Raises
    ------
    NetsparseError
        If the coordinates do not fit the graph.

    References
    ----------
    Boguñá, Krioukov, Claffy (2009), Navigability of complex networks. Muscoloni, Cannistraci (2019), Navigability
    evaluation of complex networks by greedy routing efficiency. PNAS 116, 1468.

    Examples
    --------
    >>> import networkx as nx
    >>> found = greedy_routing(nx.path_graph(4), np.array([0.0, 0.5, 1.0, 1.5]), np.ones(4))
    >>> found.score, found.success, round(found.hops, 3)
    (1.0, 1.0, 1.667)
    """
    start, neighbours, theta, radius = _placed(as_network(graph), theta, radius)
    n = len(theta)
    if n < 2:
        none = Undefined("fewer than two nodes with coordinates")
        return GreedyRouting(none, none, none, none)
    targets, sampled = _drawn(n, len(neighbours) // 2, seed)
    lengths = link_lengths(start, neighbours, theta, radius)
    ratio, arrived, steps, efficiency, unlinked = greedy_sums(start, neighbours, theta, radius, lengths, targets).T
    pairs = np.full(len(targets), n - 1.0)
    return GreedyRouting(
        _mean(ratio, pairs, sampled, ""),
        _mean(arrived, pairs, sampled, ""),
        _mean(steps, arrived, sampled, "no greedy path arrives"),
        _mean(efficiency, unlinked, sampled, "every pair of nodes is linked"),
    )


def congruence(graph: Any, theta: np.ndarray, radius: np.ndarray, weighted: bool = False, seed: int = 0) -> float:
    """Compare the geometry with the topology: geometrical congruence (GC).

    Mean over unordered pairs of nodes that have a path and no link of distance / pTSP, pTSP being the mean length of
    all topological shortest paths between the two, links as long as their hyperbolic distance. In large graphs 256
    random sources stand for all; the number then carries its standard error.

    Parameters
    ----------
    graph : any graph (see `netsparse.analysis`)
    theta, radius : numpy.ndarray, shape (n_nodes,)
        Coordinates in the hyperbolic disk; nodes without (NaN) are left out.
    weighted : bool
        The distance is the length of the shortest path along such links, not the hyperbolic distance.
    seed : int

    Returns
    -------
    float
        0 … 1. Undefined if there is no such pair.

    Raises
    ------
    NetsparseError
        If the coordinates do not fit the graph.

    References
    ----------
    Cannistraci, Muscoloni (2022), Geometrical congruence, greedy navigability and myopic transfer in complex networks
    and brain connectomes. Nature Communications 13, 7308.

    Examples
    --------
    Of four nodes at the corners of a square, two pairs have no link; their paths lead around a corner:

    >>> import networkx as nx
    >>> theta, radius = np.arange(4) * np.pi / 2, np.full(4, 5.0)
    >>> round(congruence(nx.cycle_graph(4), theta, radius), 3), congruence(nx.cycle_graph(4), theta, radius, True)
    (0.537, 1.0)
    """
    start, neighbours, theta, radius = _placed(as_network(graph), theta, radius)
    n = len(theta)
    sources, sampled = _drawn(n, len(neighbours) // 2, seed) if n else (np.empty(0, np.int64), False)
    lengths = link_lengths(start, neighbours, theta, radius)
    sums = np.zeros((len(sources), 2))
    step = _N_SAMPLES if weighted else max(n, 1)
    for first in range(0, len(sources), step):
        part = sources[first : first + step]
        straight = np.empty((0, n))
        if weighted:
            links = sp.csr_array((lengths, neighbours, start), shape=(n, n))
            straight = weighted_distances(links, part).astype(np.float64, copy=False)
        sums[first : first + step] = congruence_sums(start, neighbours, theta, radius, lengths, part, straight, sampled)
    return _mean(sums[:, 0], sums[:, 1], sampled, "no pair of nodes has a path and no link")


def _placed(network: Network, theta: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the graph of the nodes with coordinates, and these."""
    theta, radius = np.asarray(theta, float), np.asarray(radius, float)
    if theta.shape != (network.n_nodes,) or radius.shape != (network.n_nodes,):
        raise NetsparseError(f"angles and radii must be vectors of {network.n_nodes} numbers, one a node")
    adjacency, nodes = network.adjacency, np.flatnonzero(np.isfinite(theta) & np.isfinite(radius))
    if len(nodes) < network.n_nodes:
        adjacency = sp.csr_array(adjacency[nodes][:, nodes])
    if not adjacency.has_sorted_indices:
        adjacency = adjacency.sorted_indices()
    return *csr_arrays(adjacency), theta[nodes], radius[nodes]


def _drawn(n: int, n_links: int, seed: int) -> tuple[np.ndarray, bool]:
    if not is_large(n, n_links):
        return np.arange(n), False
    return np.sort(np.random.default_rng([seed, _TAG]).choice(n, _N_SAMPLES, replace=False)), True


def _mean(sums: np.ndarray, counts: np.ndarray, sampled: bool, reason: str) -> float:
    """Σ sums / Σ counts; of a sample with its standard error, that of a ratio of two means."""
    total, n = float(counts.sum()), len(counts)
    if not total:
        return Undefined(reason)
    mean = float(sums.sum()) / total
    if not sampled:
        return mean
    residual = sums - mean * counts
    return Estimate(mean, float(np.sqrt(residual @ residual * n / (n - 1)) / total))


def _routing(network: Network, seed: int) -> GreedyRouting:
    embedding = coalescent_embedding(network)
    if embedding.reason:
        none = Undefined(embedding.reason)
        return GreedyRouting(none, none, none, none)
    return network.once(
        ("greedy routing", seed), lambda: greedy_routing(network, embedding.theta, embedding.radius, seed)
    )


def _congruence(network: Network, weighted: bool, seed: int) -> float:
    embedding = coalescent_embedding(network)
    if embedding.reason:
        return Undefined(embedding.reason)
    return congruence(network, embedding.theta, embedding.radius, weighted, seed)


@measure("standard", cost=costs.routing)
def greedy_routing_score(network: Network, seed: int = 0) -> float:
    """Give the GR-score of the coalescent embedding: how well greedy paths do (see `greedy_routing`).

    Of the giant component. Undefined without coordinates. An estimate from 256 targets in large graphs.

    Examples
    --------
    >>> import networkx as nx
    >>> 0 <= greedy_routing_score(nx.karate_club_graph()) <= 1
    True
    """
    return _routing(network, seed).score


@measure("standard", cost=costs.routing)
def greedy_routing_success(network: Network, seed: int = 0) -> float:
    """Give the share of greedy paths that arrive in the coalescent embedding (see `greedy_routing`).

    Of the giant component. Undefined without coordinates. An estimate from 256 targets in large graphs.

    Examples
    --------
    >>> import networkx as nx
    >>> greedy_routing_success(nx.star_graph(5))
    1.0
    """
    return _routing(network, seed).success


@measure("standard", cost=costs.routing)
def greedy_routing_hops(network: Network, seed: int = 0) -> float:
    """Give the mean hops of the greedy paths that arrive in the coalescent embedding (see `greedy_routing`).

    Of the giant component. Undefined without coordinates. An estimate from 256 targets in large graphs.

    Examples
    --------
    >>> import networkx as nx
    >>> greedy_routing_hops(nx.star_graph(4))  # 8 pairs with the hub, 12 without
    1.6
    """
    return _routing(network, seed).hops


@measure("standard", cost=costs.routing)
def greedy_routing_efficiency(network: Network, seed: int = 0) -> float:
    """Give the greedy routing efficiency (GRE) of the coalescent embedding (see `greedy_routing`).

    Of the giant component. Undefined without coordinates. An estimate from 256 targets in large graphs.

    Examples
    --------
    >>> import networkx as nx
    >>> 0 <= greedy_routing_efficiency(nx.karate_club_graph()) <= 1
    True
    """
    return _routing(network, seed).efficiency


@measure("full", cost=costs.congruence)
def geometrical_congruence(network: Network, seed: int = 0) -> float:
    """Give the geometrical congruence (GC) of the coalescent embedding (see `congruence`).

    Of the giant component. Undefined without coordinates. An estimate from 256 sources in large graphs.

    Examples
    --------
    >>> import networkx as nx
    >>> 0 <= geometrical_congruence(nx.karate_club_graph()) <= 1
    True
    """
    return _congruence(network, False, seed)


@measure("full", cost=costs.congruence)
def geometrical_congruence_weighted(network: Network, seed: int = 0) -> float:
    """Give the congruence of weighted with topological shortest paths in the coalescent embedding (see `congruence`).

    Of the giant component. Undefined without coordinates. An estimate from 256 sources in large graphs.

    Examples
    --------
    >>> import networkx as nx
    >>> 0 <= geometrical_congruence_weighted(nx.karate_club_graph()) <= 1
    True
    """
    return _congruence(network, True, seed)
