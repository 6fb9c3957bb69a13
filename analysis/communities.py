"""Communities: the partition of highest modularity that Leiden finds."""

import random
from dataclasses import dataclass

import igraph
import numpy as np

from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.undefined import Undefined

_REASON = "no links"


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
    """Return the best of several Leiden partitions, computed once a graph and seed; None without links."""
    return network.once(("partition", seed, n_trials), lambda: _leiden(network, seed, n_trials))


def _leiden(network: Network, seed: int, n_trials: int) -> Partition | None:
    linked = np.flatnonzero(network.degrees)
    if not len(linked):
        return None
    graph = network.igraph.induced_subgraph(linked.tolist())
    best: igraph.VertexClustering | None = None
    try:
        for trial in range(n_trials):
            igraph.set_random_number_generator(random.Random(seed * 1_000_003 + trial))
            found = graph.community_leiden(objective_function="modularity", n_iterations=-1)
            if best is None or found.modularity > best.modularity + 1e-12:
                best = found
    finally:
        igraph.set_random_number_generator(random)
    assert best is not None
    membership = np.array(best.membership)
    by_size = np.argsort(-np.bincount(membership), kind="stable")
    rank = np.empty(len(by_size), np.int64)
    rank[by_size] = np.arange(len(by_size))
    labels = np.full(network.n_nodes, -1, np.int64)
    labels[linked] = rank[membership]
    return Partition(labels, float(best.modularity))


@measure("standard")
def modularity(network: Network, seed: int = 0) -> float:
    """Give the modularity Q = Σ_c [L_c/m − (K_c/2m)²] of the best partition that Leiden finds in five trials.

    m links, L_c those inside community c, K_c the degrees of its nodes. Undefined without links.

    Parameters
    ----------
    network : any graph
    seed : int

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
    partition = find_communities(network, seed)
    return Undefined(_REASON) if partition is None else partition.modularity


@measure("standard")
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


@measure("standard")
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


@measure("standard")
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
    return max(0.0, float(overlap))


@measure("standard", of="node", missing="no links")
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
