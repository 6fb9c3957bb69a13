"""Any undirected graph as one symmetric adjacency."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph, Snapshot


def as_adjacency(graph: Any) -> sp.csr_array:
    """Take any graph as a symmetric adjacency of int32 ones without a diagonal.

    Parameters
    ----------
    graph : LayerGraph, Snapshot, networkx graph, igraph graph, or symmetric adjacency (SciPy or NumPy)
        Links have no weight, and no direction even where the graph is directed: every non-zero entry of an adjacency is
        a link; loops are dropped, parallel links counted once.

    Raises
    ------
    NetsparseError
        If it is none of these, or a matrix that is not square and symmetric.

    Examples
    --------
    >>> as_adjacency(np.array([[0, 2], [2, 0]])).toarray()
    array([[0, 1],
           [1, 0]], dtype=int32)
    """
    if isinstance(graph, LayerGraph):
        graph = Snapshot([graph])
    if isinstance(graph, Snapshot):
        return graph.adjacency
    if hasattr(graph, "get_edgelist") and hasattr(graph, "vcount"):  # igraph, known by its manners
        return symmetric(np.array(graph.get_edgelist(), np.int64).reshape(-1, 2), graph.vcount())
    if hasattr(graph, "nodes") and hasattr(graph, "edges"):  # networkx
        index = {node: i for i, node in enumerate(graph.nodes)}
        pairs = np.array([(index[edge[0]], index[edge[1]]) for edge in graph.edges], np.int64)
        return symmetric(pairs.reshape(-1, 2), len(index))
    if sp.issparse(graph) or isinstance(graph, np.ndarray):
        return _from_matrix(graph)
    raise NetsparseError(
        f"a {type(graph).__name__} is no graph: hand in a LayerGraph, a Snapshot, a networkx or igraph graph, or a "
        "symmetric adjacency"
    )


def symmetric(pairs: np.ndarray, n_nodes: int) -> sp.csr_array:
    """Make an adjacency of pairs of nodes, shape (n_pairs, 2), in any order, loops and duplicates left out."""
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    both = np.concatenate([pairs, pairs[:, ::-1]])
    adjacency = sp.coo_array((np.ones(len(both), np.int32), (both[:, 0], both[:, 1])), shape=(n_nodes, n_nodes)).tocsr()
    adjacency.sum_duplicates()
    adjacency.data[:] = 1
    return adjacency


def _from_matrix(matrix: Any) -> sp.csr_array:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise NetsparseError(
            f"an adjacency is square, this has the shape {matrix.shape}; for a mask use LayerGraph.from_mask"
        )
    pattern = LayerGraph.from_mask(matrix, "adjacency").biadjacency
    if (pattern != pattern.T).nnz:
        raise NetsparseError("an adjacency is symmetric, this is not; for a mask use LayerGraph.from_mask")
    coordinates = pattern.tocoo().coords
    return symmetric(np.column_stack(coordinates).astype(np.int64), matrix.shape[0])
