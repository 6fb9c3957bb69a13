"""One graph as the measures see it; what several of them need is computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

import igraph
import numpy as np
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph

from netsparse.adjacency import as_adjacency, symmetric
from netsparse.analysis.links import Links, both_ways, components
from netsparse.graph import LayerGraph, Snapshot

T = TypeVar("T")

# Up to so many nodes, and nodes times links, measures are exact; above, what looks at every link once a node samples
# sources or landmarks. A layer of 15,104 neurons and 450,000 links (7e9) takes 14 s of embedding, 13 of greedy routing
# and 12 of betweenness on two cores: what is exact takes two minutes at most.
LARGE = 20_000
WORK = 5e10
# From so many ways of two links on graphs of two sides are measured in other ways: where there are so many to a word
# (see `Network.n_words`) by words of bits.
MANY_STEPS = 2e10
STEPS_A_WORD = 4.0


class Network:
    """An undirected graph, and the layers that it came from if it did.

    Make one with `as_network` and hand it to several measures: components, paths, embedding and partition are then
    computed once.

    Parameters
    ----------
    adjacency : scipy.sparse.csr_array, shape (n, n), optional
        Symmetric, ones of int32, no diagonal. That of layers is made when it is first asked for: most measures of them
        do without.
    snapshot : Snapshot, optional
        The layers.

    Attributes
    ----------
    groups : dict of str to int
        Neuron groups and their sizes, in the order of the nodes; one nameless group for a graph without layers.
    """

    def __init__(self, adjacency: sp.csr_array | None, snapshot: Snapshot | None = None) -> None:
        if adjacency is not None:
            self.adjacency = adjacency
        self.snapshot = snapshot
        self.groups = snapshot.groups if snapshot is not None else {"": self.adjacency.shape[0]}
        self._memory: dict[Hashable, Any] = {}

    @classmethod
    def of(cls, snapshot: Snapshot) -> Network:
        """Make one of a snapshot."""
        return cls(None, snapshot)

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return ``compute()``, computed at the first call with this key."""
        if key not in self._memory:
            self._memory[key] = compute()
        found: T = self._memory[key]
        return found

    @property
    def layers(self) -> tuple[LayerGraph, ...]:
        """The layers; none for a graph that did not come from a mask."""
        return self.snapshot.layers if self.snapshot is not None else ()

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return sum(self.groups.values())

    @property
    def n_links(self) -> int:
        """Number of links; links of parallel layers count each."""
        return self.snapshot.n_links if self.snapshot is not None else self.adjacency.nnz // 2

    @property
    def is_large(self) -> bool:
        """Whether measures that look at every link once a node are estimated from a sample of the nodes."""
        return is_large(self.n_nodes, self.n_links)

    @cached_property
    def n_two_steps(self) -> float:
        """Number of ways of two links, there and back included: Σ d²."""
        degrees = self.degrees.astype(np.float64)
        return float(degrees @ degrees)

    @property
    def n_words(self) -> float:
        """Number of words of 64 bits that say of every two nodes of a side which neighbours they share."""
        assert self.sides is not None
        n, second = float(self.n_nodes), float(self.sides.sum())
        return (n - second) * second * n / 64.0

    @cached_property
    def adjacency(self) -> sp.csr_array:
        """The symmetric adjacency, ones of int32."""
        assert self.snapshot is not None
        if self._parallel:
            return self.snapshot.adjacency
        start, neighbours = self.csr
        if len(neighbours) < 2**31:
            start = start.astype(np.int32)
        ones = np.ones(len(neighbours), np.int32)
        return sp.csr_array((ones, neighbours, start), shape=(self.n_nodes, self.n_nodes), copy=False)

    @cached_property
    def csr(self) -> tuple[np.ndarray, np.ndarray]:
        """Starts and sorted neighbours of the adjacency (see `csr_arrays`)."""
        if self.snapshot is None or self._parallel:
            return csr_arrays(self.adjacency)
        return both_ways(self.n_nodes, *self.layer_links)

    @cached_property
    def layer_links(self) -> Links:
        """Every link of the layers, in their order; of a graph without layers every pair of linked nodes."""
        return Links.of_layers(self.snapshot) if self.snapshot is not None else Links.of_adjacency(self.adjacency)

    @property
    def distinct_links(self) -> Links:
        """Every pair of linked nodes once."""
        if not self._parallel:
            return self.layer_links
        return self.once("distinct links", lambda: Links.of_adjacency(self.adjacency))

    @cached_property
    def _parallel(self) -> bool:
        """Whether two layers join the same two groups, so that a pair of nodes may be linked twice."""
        pairs = [frozenset((layer.source, layer.target)) for layer in self.layers]
        return len(set(pairs)) < len(pairs)

    @cached_property
    def degrees(self) -> np.ndarray:
        """Degree of every node, int64."""
        if self.snapshot is None or self._parallel:
            return np.diff(self.adjacency.indptr).astype(np.int64)
        found = np.zeros(self.n_nodes, np.int64)
        for layer in self.layers:
            for group, degrees in ((layer.source, layer.source_degrees), (layer.target, layer.target_degrees)):
                start = self.snapshot.offsets[group]
                found[start : start + len(degrees)] += degrees
        return found

    @cached_property
    def components(self) -> tuple[int, np.ndarray]:
        """Number of connected components, and each node's component, by first nodes."""
        n_linked = int(np.count_nonzero(self.degrees))
        return components(self.n_nodes, self.n_nodes - n_linked + min(n_linked, 1), *self.layer_links)

    @cached_property
    def giant(self) -> np.ndarray:
        """Nodes of the largest connected component, ascending.

        Of equals the one of the highest degrees, compared from the highest on, so that the order of the nodes does not
        decide; the first one only where all degrees are equal.
        """
        if self.n_nodes == 0:
            return np.empty(0, np.int64)
        labels = self.components[1]
        sizes = np.bincount(labels)
        largest = np.flatnonzero(sizes == sizes.max())
        if len(largest) > 1:
            nodes = np.flatnonzero(sizes[labels] == sizes.max())
            nodes = nodes[np.lexsort((-self.degrees[nodes], labels[nodes]))]
            degrees = self.degrees[nodes].reshape(len(largest), -1)  # a row a component, the highest first
            largest = largest[np.lexsort(-degrees.T[::-1])]
        return np.flatnonzero(labels == largest[0])

    @cached_property
    def sides(self) -> np.ndarray | None:
        """Which of two sides each node is on, False the first, so that links join only the two; None if there are none.

        Of layers that alternate between two sets of neuron groups (a chain does) the groups decide, else each
        component, whose first node is on the first side.
        """
        if self.snapshot is not None:
            names = {group: i for i, group in enumerate(self.groups)}
            ends = np.array([(names[layer.source], names[layer.target]) for layer in self.layers])
            sides = _two_sides(symmetric(ends, len(names)))
            if sides is not None:
                return np.repeat(sides, list(self.groups.values()))
        return _two_sides(self.adjacency)

    @property
    def links(self) -> np.ndarray:
        """Pairs of linked nodes, the smaller first, in the adjacency's order, each once: int64, shape (n_pairs, 2)."""
        rows = np.repeat(np.arange(self.n_nodes), self.degrees)
        upper = rows < self.adjacency.indices
        return np.column_stack([rows[upper], self.adjacency.indices[upper].astype(np.int64)])

    @cached_property
    def igraph(self) -> igraph.Graph:
        """The same graph for igraph, which takes 64-bit integers as they are."""
        return igraph.Graph(n=self.n_nodes, edges=self.links)

    def by_group(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Cut a per-node array into one array a group."""
        ends = np.cumsum(list(self.groups.values()))[:-1]
        return dict(zip(self.groups, np.split(values, ends), strict=True))

    def __repr__(self) -> str:
        return f"Network({self.n_nodes} nodes, {self.n_links} links, groups {self.groups})"


def is_large(n_nodes: int, n_links: float) -> bool:
    """Whether a graph is too large for what looks at every link once a node (see `Network.is_large`)."""
    return n_nodes > LARGE or n_nodes * n_links > WORK


def csr_arrays(matrix: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Return starts (int64) and neighbours (int32) of a CSR array: types that a kernel is compiled for once."""
    # writable, as kernels are compiled for
    return np.require(matrix.indptr, np.int64, "W"), np.require(matrix.indices, np.int32, "W")


def _two_sides(adjacency: sp.csr_array) -> np.ndarray | None:
    """Colour a graph with two colours, if that can be."""
    n = adjacency.shape[0]
    links = adjacency.tocoo()
    row, column = links.coords
    # the double cover: node v has a copy on each side; an odd cycle joins the two copies
    cover = sp.coo_array((np.ones(len(row), np.int8), (row, column + n)), shape=(2 * n, 2 * n))
    _, labels = csgraph.connected_components(cover, directed=False)
    first, second = labels[:n], labels[n:]
    return None if (first == second).any() else first > second


def as_network(graph: Any) -> Network:
    """Take any graph as a `Network`.

    Parameters
    ----------
    graph : LayerGraph, Snapshot, Network, networkx graph, igraph graph, or symmetric adjacency (SciPy or NumPy)
        Links are undirected and have no weight: every non-zero entry of an adjacency is a link; loops are dropped,
        parallel links counted once.

    Raises
    ------
    NetsparseError
        If it is none of these, or a matrix that is not square and symmetric.

    Examples
    --------
    >>> import networkx as nx
    >>> as_network(nx.path_graph(3))
    Network(3 nodes, 2 links, groups {'': 3})
    """
    if isinstance(graph, Network):
        return graph
    if isinstance(graph, LayerGraph):
        graph = Snapshot([graph])
    if isinstance(graph, Snapshot):
        return Network.of(graph)
    return Network(as_adjacency(graph))
