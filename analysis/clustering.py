"""Clustering: of triangles in general graphs, of four-cycles in layers and whatever else has two sides."""

from __future__ import annotations

import numba
import numpy as np

from netsparse.analysis import costs
from netsparse.analysis.hops import n_bits
from netsparse.analysis.links import sum_of_products
from netsparse.analysis.measure import measure
from netsparse.analysis.network import MANY_STEPS, STEPS_A_WORD, Network
from netsparse.analysis.undefined import Undefined

_ONE_SIDED = "the graph has an odd cycle, so its nodes have no two sides"


@measure("standard", of="node", name="clustering", cost=costs.triangles)
def clustering_by_node(network: Network) -> np.ndarray:
    """Give the clustering coefficient of each node: links among its neighbours over possible ones; 0 below two."""
    return network.once("clustering", lambda: _clustering(network))


@measure("standard", cost=costs.triangles)
def clustering(network: Network) -> float:
    """Give the clustering coefficient of Watts and Strogatz: the mean over the nodes of 2 T_i / (d_i (d_i − 1)).

    T_i triangles through node i; nodes with fewer than two links count 0. Layers have no triangles, so it is 0 in every
    chain of layers: see `robins_alexander_clustering` and `latapy_clustering`. Undefined without nodes.

    References
    ----------
    Watts, Strogatz (1998), Collective dynamics of 'small-world' networks. By igraph.

    Examples
    --------
    >>> import networkx as nx
    >>> clustering(nx.complete_graph(4))
    1.0
    """
    values = network.once("clustering", lambda: _clustering(network))
    return float(values.mean()) if len(values) else Undefined("no nodes")


def _clustering(network: Network) -> np.ndarray:
    if network.sides is not None or not network.n_links:
        return np.zeros(network.n_nodes)
    return np.array(network.igraph.transitivity_local_undirected(mode="zero"), float)


@measure("standard", cost=costs.two_steps)
def robins_alexander_clustering(network: Network) -> float:
    """Give the four-cycle clustering of a graph with two sides: 4 C₄ / L₃.

    C₄ = Σ_{i<j} C((BBᵀ)_ij, 2) cycles of four links, L₃ = Σ over the links of (d_i − 1)(d_j − 1) paths of three, for
    the biadjacency B of the two sides. Undefined without a path of three links, and for graphs with an odd cycle.

    References
    ----------
    Robins, Alexander (2004), Small worlds among interlocking directors: network structure and distance in bipartite
    graphs.

    Examples
    --------
    >>> import networkx as nx
    >>> robins_alexander_clustering(nx.complete_bipartite_graph(3, 3))
    1.0
    """
    if network.sides is None:
        return Undefined(_ONE_SIDED)
    paths = n_three_paths(network)
    return 4.0 * n_four_cycles(network) / paths if paths else Undefined("no path of three links")


@measure("standard", of="node", name="latapy_clustering", missing=_ONE_SIDED, cost=costs.two_steps)
def latapy_clustering_by_node(network: Network) -> np.ndarray | Undefined:
    """Give the bipartite clustering of each node: the mean of |N(u) ∩ N(v)| / |N(u) ∪ N(v)| over the v two links off.

    0 for a node without such a v.
    """
    return Undefined(_ONE_SIDED) if network.sides is None else _two_steps(network)[1]


@measure("standard", cost=costs.two_steps)
def latapy_clustering(network: Network) -> float:
    """Give the bipartite clustering of Latapy (dot): the mean over all nodes of their own.

    A node's own is the mean over the nodes v two links off of |N(u) ∩ N(v)| / |N(u) ∪ N(v)|, 0 if there are none.
    Undefined without nodes, and for graphs with an odd cycle.

    References
    ----------
    Latapy, Magnien, Del Vecchio (2008), Basic notions for the analysis of large two-mode networks.

    Examples
    --------
    >>> import networkx as nx
    >>> latapy_clustering(nx.complete_bipartite_graph(3, 3))
    1.0
    """
    if network.sides is None:
        return Undefined(_ONE_SIDED)
    return float(_two_steps(network)[1].mean()) if network.n_nodes else Undefined("no nodes")


@measure("standard", of="group", name="latapy_clustering", cost=costs.two_steps)
def latapy_clustering_by_group(network: Network) -> dict[str, float]:
    """Give the mean bipartite clustering of each neuron group."""
    if network.sides is None:
        return {group: Undefined(_ONE_SIDED) for group in network.groups}
    values = network.by_group(_two_steps(network)[1])
    return {group: float(own.mean()) if len(own) else Undefined("no neurons") for group, own in values.items()}


def n_four_cycles(network: Network) -> int:
    """Count the cycles of four links of a graph with two sides."""
    return int(_two_steps(network)[0].sum()) // 4  # each is met from each of its corners


def n_three_paths(network: Network) -> int:
    """Count the paths of three links of a graph with two sides."""
    return int(sum_of_products(network.degrees - 1, *network.distinct_links))


def _two_steps(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Four-cycles through each node, and its Latapy clustering; computed once."""

    def compute() -> tuple[np.ndarray, np.ndarray]:
        if network.n_two_steps > max(MANY_STEPS, STEPS_A_WORD * network.n_words):
            assert network.sides is not None
            return _by_words(*network.csr, network.sides)
        return _over_two_steps(*network.csr)

    return network.once("two steps", compute)


@numba.njit(parallel=True, cache=True, nogil=True)
def _over_two_steps(indptr: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = len(indptr) - 1
    n_parts = 64  # neighbouring nodes cost alike, so parts are interleaved
    cycles, overlap = np.zeros(n, np.int64), np.zeros(n)
    for part in numba.prange(n_parts):
        common, found = np.zeros(n, np.int32), np.empty(n, np.int32)
        for u in range(part, n, n_parts):
            n_found = 0
            for p in range(indptr[u], indptr[u + 1]):
                a = indices[p]
                for q in range(indptr[a], indptr[a + 1]):
                    v = indices[q]
                    if common[v] == 0:
                        found[n_found] = v
                        n_found += 1
                    common[v] += 1
            degree = indptr[u + 1] - indptr[u]
            total, ratio = 0, 0.0
            for i in range(n_found):
                v = found[i]
                shared = int(common[v])
                common[v] = 0
                if v != u:
                    total += shared * (shared - 1) // 2
                    ratio += shared / (degree + indptr[v + 1] - indptr[v] - shared)
            cycles[u] = total
            if n_found > 1:
                overlap[u] = ratio / (n_found - 1)
    return cycles, overlap


@numba.njit(parallel=True, cache=True, nogil=True)
def _by_words(indptr: np.ndarray, indices: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Do what `_over_two_steps` does by comparing rows of bits: in dense graphs, where every two nodes meet."""
    n = len(indptr) - 1
    cycles, overlap = np.zeros(n, np.int64), np.zeros(n)
    place, n_of = np.empty(n, np.int64), np.zeros(2, np.int64)
    for v in range(n):
        place[v] = n_of[int(second[v])]
        n_of[int(second[v])] += 1
    for side in range(2):
        nodes = np.flatnonzero(second == (side == 1))
        bits = np.zeros((len(nodes), (n_of[1 - side] + 63) // 64), np.uint64)
        for i in numba.prange(len(nodes)):
            for p in range(indptr[nodes[i]], indptr[nodes[i] + 1]):
                other = place[indices[p]]
                bits[i, other // 64] |= np.uint64(1) << np.uint64(other % 64)
        for i in numba.prange(len(nodes)):
            u = nodes[i]
            degree = indptr[u + 1] - indptr[u]
            total, ratio, n_found = 0, 0.0, 0
            for j in range(len(nodes)):
                if j == i:
                    continue
                shared = 0
                for w in range(bits.shape[1]):
                    shared += n_bits(bits[i, w] & bits[j, w])
                if shared > 0:
                    v = nodes[j]
                    total += shared * (shared - 1) // 2
                    ratio += shared / (degree + indptr[v + 1] - indptr[v] - shared)
                    n_found += 1
            cycles[u] = total
            if n_found > 0:
                overlap[u] = ratio / n_found
    return cycles, overlap
