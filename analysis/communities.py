"""Communities: the partition of highest modularity that Leiden finds, and Barber's modularity of two-sided graphs."""

import random
from dataclasses import dataclass
from typing import Any

import igraph
import numpy as np

from netsparse.analysis import costs
from netsparse.analysis.links import n_inside
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network, as_network
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError

_REASON = "no links"
# Leiden's iterations in each trial; the best one then goes on until nothing improves, but not for ever: equal gains can
# be taken in turn, again and again. Large graphs: one trial.
_TRIAL_ITERATIONS = 2
_MOST_ITERATIONS = 50
_IN_VAIN = 3
# Of more links so many random ones take part in the search.
_MOST_LINKS = 8_000_000
_N_SAMPLED = 4_000_000


@dataclass(frozen=True)
class Partition:
    """A partition of the nodes that have a link.

    Attributes
    ----------
    labels : numpy.ndarray of int64, shape (n_nodes,)
        Community of each node, 0 the largest; −1 for a node without links.
    modularity : float
    """

    labels: np.ndarray
    modularity: float


def find_communities(network: Network, seed: int = 0, n_trials: int = 5) -> Partition | None:
    """Return the best of several short Leiden runs, improved until nothing does; None without links.

    Computed once a graph and seed. In large graphs one run of two iterations is all.
    """
    return network.once(("partition", seed, n_trials), lambda: _newman(network, seed, n_trials))


def _newman(network: Network, seed: int, n_trials: int) -> Partition | None:
    if not network.degrees.any():
        return None
    large = network.is_large
    best: igraph.VertexClustering | None = None
    graph = _searched(network)
    for trial in range(1 if large else n_trials):
        found = _leiden(graph, seed * 1_000_003 + trial, _TRIAL_ITERATIONS)
        if best is None or found.quality > best.quality + 1e-12:
            best = found
    assert best is not None
    if not large:
        best = _improved(graph, seed * 1_000_003 + n_trials, best.membership, _MOST_ITERATIONS)
    labels = _by_size(np.array(best.membership), network.degrees > 0)
    return Partition(labels, _modularity(network, labels))


def _find_two_sided(network: Network, seed: int) -> Partition | None:
    """Improve the partition of `find_communities` by Barber's modularity, of which it has no less than of Newman's.

    Barber's modularity is the directed one if all links point from the first side to the second.
    """
    start = find_communities(network, seed)
    if start is None:
        return None
    tails, heads = _from_first_side(network)
    graph = igraph.Graph(n=network.n_nodes, edges=np.column_stack([tails, heads]), directed=True)
    alone = np.flatnonzero(start.labels < 0)
    membership = start.labels.copy()
    membership[alone] = start.labels.max() + 1 + np.arange(len(alone))
    found = _improved(
        graph,
        seed * 1_000_003,
        membership.tolist(),
        1 if network.is_large else _MOST_ITERATIONS,
        # igraph's own "modularity" of directed graphs starts from other weights (as of 1.0) and is not the directed one
        objective_function="CPM",
        resolution=1.0 / len(tails),
        node_weights=np.bincount(tails, minlength=network.n_nodes).tolist(),
        node_in_weights=np.bincount(heads, minlength=network.n_nodes).tolist(),
    )
    labels = _by_size(np.array(found.membership), network.degrees > 0)
    return Partition(labels, _barber(network, labels))


def _improved(
    graph: igraph.Graph, seed: int, membership: list[int], most: int, **options: Any
) -> igraph.VertexClustering:
    """Go on from a partition, an iteration at a time, until some in a row bring nothing."""
    best, vain = _leiden(graph, seed, 1, membership, **options), 0
    for i in range(1, most):
        found = _leiden(graph, seed + i, 1, best.membership, **options)
        vain = 0 if found.quality > best.quality + 1e-12 else vain + 1
        best = best if vain else found
        if vain == _IN_VAIN:
            break
    return best


def _leiden(
    graph: igraph.Graph,
    seed: int,
    n_iterations: int,
    membership: list[int] | None = None,
    objective_function: str = "modularity",
    **options: Any,
) -> igraph.VertexClustering:
    """Run Leiden with random numbers of its own."""
    try:
        igraph.set_random_number_generator(random.Random(seed))  # nosec B311 # repeatable, not secret
        return graph.community_leiden(
            objective_function=objective_function,
            n_iterations=n_iterations,
            initial_membership=membership,
            **options,
        )
    finally:
        igraph.set_random_number_generator(random)


def _by_size(membership: np.ndarray, linked: np.ndarray) -> np.ndarray:
    """Give communities numbers by size, the largest 0; −1 what has no link."""
    order = np.argsort(-np.bincount(membership[linked]), kind="stable")
    rank = np.empty(max(len(order), int(membership.max()) + 1), np.int64)
    rank[order] = np.arange(len(order))
    return np.where(linked, rank[membership], -1)


def _searched(network: Network) -> igraph.Graph:
    """Give the graph in which a partition is sought: the whole, or random links of very many."""
    if network.n_links <= _MOST_LINKS:
        return network.igraph
    return network.once("sampled links", lambda: igraph.Graph(n=network.n_nodes, edges=_sample(network)))


def _sample(network: Network) -> np.ndarray:
    """Draw links, whatever the seed the same, in their order; int64, shape (n, 2)."""
    links = network.distinct_links
    chosen = np.unique(np.random.default_rng(0).integers(0, len(links.indices), _N_SAMPLED))
    return np.column_stack(links.ends_of(chosen)).astype(np.int64)


def _from_first_side(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Give the end of each link that is searched on the first side, and that on the second."""
    assert network.sides is not None
    if network.n_links > _MOST_LINKS:
        pairs = _sample(network)
        turned = network.sides[pairs[:, 0]]
        return np.where(turned, pairs[:, 1], pairs[:, 0]), np.where(turned, pairs[:, 0], pairs[:, 1])
    first = np.repeat(~network.sides, network.degrees)
    tails = np.repeat(np.arange(network.n_nodes), network.degrees)[first]
    return tails, network.adjacency.indices[first].astype(np.int64)


def _modularity(network: Network, labels: np.ndarray) -> float:
    """Give Newman's modularity of a partition, from whole numbers."""
    ends, linked = int(network.degrees.sum()), network.degrees > 0
    inside = 2 * int(n_inside(labels, *network.distinct_links))
    sums = np.bincount(labels[linked], network.degrees[linked], minlength=1)
    return inside / ends - float((sums * sums).sum()) / ends**2


def _barber(network: Network, labels: np.ndarray) -> float:
    assert network.sides is not None
    n_links, n = int(network.degrees.sum()) // 2, int(labels.max()) + 1
    first, second = (side & (network.degrees > 0) for side in (~network.sides, network.sides))
    sums = np.bincount(labels[first], network.degrees[first], n) * np.bincount(
        labels[second], network.degrees[second], n
    )
    return int(n_inside(labels, *network.distinct_links)) / n_links - float(sums.sum()) / n_links**2


def _checked(network: Network, labels: np.ndarray) -> np.ndarray:
    """Take any labels of a partition as 0, 1, …; nodes without links may have any, NaN too."""
    labels, linked = np.asarray(labels), network.degrees > 0
    if labels.shape != (network.n_nodes,):
        raise NetsparseError(f"labels have shape {labels.shape}; give one a node, {network.n_nodes}")
    if labels.dtype.kind == "f" and np.isnan(labels[linked]).any():
        raise NetsparseError("every node with a link needs a label, one or more are NaN")
    found = np.full(len(labels), -1, np.int64)
    found[linked] = np.unique(labels[linked], return_inverse=True)[1]
    return found


@measure("standard", cost=costs.communities)
def modularity(network: Network, seed: int = 0, labels: np.ndarray | None = None) -> float:
    """Give the modularity Q = Σ_c [L_c/m − (K_c/2m)²] of the best partition that Leiden finds, or of a given one.

    m links, L_c those inside community c, K_c the degrees of its nodes. Five short runs of Leiden start from different
    seeds, and the best goes on until nothing improves; in large graphs it is one run of two iterations, and of more
    than 8 million links 4 million random ones are searched (the modularity is that of all). Undefined
    without links.

    Parameters
    ----------
    network : any graph
    seed : int
    labels : array_like, shape (n_nodes,), optional
        A partition: no search then.

    Raises
    ------
    NetsparseError
        If the labels are not one a node, or NaN for a node with links.

    References
    ----------
    Newman, Girvan (2004), Finding and evaluating community structure in networks; Traag, Waltman, van Eck (2019), From
    Louvain to Leiden.

    Examples
    --------
    Two triangles without a link between:

    >>> import networkx as nx
    >>> modularity(nx.disjoint_union(nx.complete_graph(3), nx.complete_graph(3)))
    0.5
    """
    if labels is not None:
        labels = _checked(network, labels)
        return _modularity(network, labels) if network.degrees.any() else Undefined(_REASON)
    partition = find_communities(network, seed)
    return Undefined(_REASON) if partition is None else partition.modularity


@measure("standard", cost=costs.communities)
def bipartite_modularity(network: Network, seed: int = 0, labels: np.ndarray | None = None) -> float:
    """Give Barber's modularity Q = Σ_c [L_c/m − K1_c K2_c/m²] of the best partition found, or of a given one.

    For graphs of two sides: m links, L_c those inside community c, K1_c and K2_c the degrees of its nodes on either
    side. Compared with `modularity`, Q = Q_Newman + Σ_c ((K1_c − K2_c)/2m)² for the same partition. Leiden improves the
    partition of `modularity` (in large graphs in one iteration). A layer's sides are source and target; in a chain
    the neuron groups alternate; a graph without layers is coloured, the first node of each component on the first side.
    Undefined without links, or with an odd cycle.

    Parameters
    ----------
    network : any graph
    seed : int
    labels : array_like, shape (n_nodes,), optional
        A partition: no search then.

    Raises
    ------
    NetsparseError
        If the labels are not one a node, or NaN for a node with links.

    References
    ----------
    Barber (2007), Modularity and community detection in bipartite networks.

    Examples
    --------
    Two blocks without a link between:

    >>> import netsparse as ns
    >>> bipartite_modularity(ns.LayerGraph.from_mask(np.kron(np.eye(2), np.ones((2, 2)))))
    0.5
    """
    if labels is not None:
        labels = _checked(network, labels)
    if not network.degrees.any():
        return Undefined(_REASON)
    if network.sides is None:
        return Undefined("the graph has an odd cycle, so no two sides")
    if labels is not None:
        return _barber(network, labels)
    partition = network.once(("two-sided partition", seed), lambda: _find_two_sided(network, seed))
    assert partition is not None
    return partition.modularity


@measure("standard", cost=costs.communities)
def n_communities(network: Network, seed: int = 0) -> float:
    """Count the communities of the partition of `modularity`; nodes without links are in none. 0 without links.

    Examples
    --------
    >>> import networkx as nx
    >>> n_communities(nx.disjoint_union(nx.complete_graph(3), nx.complete_graph(3)))
    2.0
    """
    partition = find_communities(network, seed)
    return 0.0 if partition is None else float(partition.labels.max() + 1)


def community_sizes(graph: Any, seed: int = 0) -> np.ndarray:
    """Count the nodes of each community of the partition of `modularity`, the largest first; empty without links.

    Examples
    --------
    >>> import networkx as nx
    >>> community_sizes(nx.disjoint_union(nx.complete_graph(4), nx.complete_graph(3)))
    array([4, 3])
    """
    partition = find_communities(as_network(graph), seed)
    return np.bincount(partition.labels[partition.labels >= 0]) if partition is not None else np.zeros(0, np.int64)


@measure("standard", cost=costs.communities)
def largest_community(network: Network, seed: int = 0) -> float:
    """Give the share of the nodes with a link that the largest community holds. Undefined without links.

    Examples
    --------
    >>> import networkx as nx
    >>> largest_community(nx.disjoint_union(nx.complete_graph(3), nx.complete_graph(3)))
    0.5
    """
    partition = find_communities(network, seed)
    if partition is None:
        return Undefined(_REASON)
    return float(np.mean(partition.labels[partition.labels >= 0] == 0))


@measure("standard", cost=costs.communities)
def community_group_overlap(network: Network, seed: int = 0) -> float:
    """Give the normalised mutual information of communities and neuron groups: 1 if they are the same, 0 if unrelated.

    Over the nodes with a link. Undefined without links, or with less than two neuron groups or communities.

    References
    ----------
    Danon et al. (2005), Comparing community structure identification.

    Examples
    --------
    >>> import netsparse as ns
    >>> community_group_overlap(ns.LayerGraph.from_mask([[1, 0], [0, 1]]))
    0.0
    """
    partition = find_communities(network, seed)
    if partition is None:
        return Undefined(_REASON)
    linked = partition.labels >= 0
    groups = np.repeat(np.arange(len(network.groups)), list(network.groups.values()))[linked]
    labels = partition.labels[linked]
    if len(np.unique(groups)) < 2 or len(np.unique(labels)) < 2:
        return Undefined("fewer than two neuron groups or communities")
    overlap = igraph.compare_communities(labels.tolist(), groups.tolist(), method="nmi")
    return float(overlap) if overlap > 1e-12 else 0.0


@measure("standard", of="node", missing="no links", cost=costs.communities)
def community(network: Network, seed: int = 0) -> np.ndarray | Undefined:
    """Give the community of each node in the partition of `modularity`, 0 the largest; NaN for a node without links.

    Examples
    --------
    >>> import netsparse as ns
    >>> community(ns.LayerGraph.from_mask([[1, 0], [0, 0]]))
    array([ 0., nan,  0., nan])
    """
    partition = find_communities(network, seed)
    if partition is None:
        return Undefined(_REASON)
    return np.where(partition.labels >= 0, partition.labels, np.nan)
