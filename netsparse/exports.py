"""Layers and networks for other libraries: networkx, igraph, SciPy, torch, pandas.

The methods ``to_…`` of `LayerGraph` and `Snapshot` are these functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netsparse.description import description_text
from netsparse.graph import LayerGraph, Snapshot

if TYPE_CHECKING:
    import igraph
    import networkx as nx
    import pandas as pd
    import torch


def layer_to_scipy(layer: LayerGraph) -> sp.csr_array:
    """Give a layer's links as a matrix (n_source, n_target) of weights, or of ones (int32).

    A link that weighs 0 is a stored zero. SciPy has no float16: such weights become float32.
    """
    links = layer.biadjacency.copy()
    if layer.weights is not None:
        wide = np.float32 if layer.weights.dtype == np.float16 else layer.weights.dtype
        links = sp.csr_array((layer.weights.astype(wide), links.indices, links.indptr), shape=links.shape)
        links.has_canonical_format = True
    return links


def layer_to_torch(layer: LayerGraph) -> torch.Tensor:
    """Give a layer's links as a sparse COO tensor (n_target, n_source), the way round of ``torch.nn.Linear.weight``.

    Its values are the weights, or ones (float32). A link that weighs 0 is a stored zero.
    """
    import torch

    order = np.argsort(layer.biadjacency.indices, kind="stable")
    where = np.stack([layer.biadjacency.indices[order].astype(np.int64), layer.link_rows[order]])
    values = np.ones(layer.n_links, np.float32) if layer.weights is None else layer.weights[order]
    return torch.sparse_coo_tensor(
        torch.from_numpy(where),
        torch.from_numpy(values.astype(values.dtype.newbyteorder("="))),
        (layer.n_target, layer.n_source),
        is_coalesced=True,
        check_invariants=False,
    )


def layer_to_pandas(layer: LayerGraph) -> pd.DataFrame:
    """Give a layer's links as a table: columns source and target, indices in their groups, and weight if it has any."""
    import pandas as pd

    columns: dict[str, np.ndarray] = {
        "source": layer.link_rows,
        "target": layer.biadjacency.indices.astype(np.int64),
    }
    if layer.weights is not None:
        columns["weight"] = layer.weights
    return pd.DataFrame(columns)


def to_pandas(snapshot: Snapshot) -> pd.DataFrame:
    """Give a network's links as a table (see `layer_to_pandas`) with a last column layer.

    The weight is missing (NaN) in layers that have none, where others have weights.
    """
    import pandas as pd

    tables = [layer_to_pandas(layer).assign(layer=layer.name) for layer in snapshot.layers]
    table = pd.concat(tables, ignore_index=True)
    return table[[name for name in ("source", "target", "weight", "layer") if name in table]]


def to_networkx(snapshot: Snapshot) -> nx.Graph:
    """Give a network as an undirected networkx graph.

    Every neuron is a node, called ``GROUP:INDEX``, with the attributes group and index, and in a network of one layer
    bipartite (0: source, 1: target). Links have the attributes layer and, if there are weights, weight. The graph's
    attribute ``netsparse`` tells names, sizes and epoch (see `netsparse.description.describe`). The graph is a
    MultiGraph if two layers join the same two groups.
    """
    import networkx as nx

    graph = nx.MultiGraph() if _is_parallel(snapshot) else nx.Graph()
    graph.graph["netsparse"] = description_text(snapshot)
    names = _node_names(snapshot)
    for group, size in snapshot.groups.items():
        start = snapshot.offsets[group]
        side = {"bipartite": int(group == snapshot.layers[0].target)} if len(snapshot) == 1 else {}
        graph.add_nodes_from((names[start + i], {"group": group, "index": i, **side}) for i in range(size))
    for layer, tails, heads in _ends(snapshot):
        pairs = zip((names[i] for i in tails.tolist()), (names[i] for i in heads.tolist()), strict=True)
        if layer.weights is None:
            graph.add_edges_from(pairs, layer=layer.name)
        else:
            weighted = zip(pairs, layer.weights.tolist(), strict=True)
            graph.add_edges_from(((tail, head, {"weight": w}) for (tail, head), w in weighted), layer=layer.name)
    return graph


def to_igraph(snapshot: Snapshot) -> igraph.Graph:
    """Give a network as an undirected igraph graph.

    Vertices have the attributes name (``GROUP:INDEX``), group, index, and in a network of one layer type (False:
    source, True: target); edges layer and, if there are weights, weight; the graph ``netsparse`` as in `to_networkx`.
    """
    import igraph

    ends = list(_ends(snapshot))
    pairs = np.column_stack([np.concatenate([tails for _, tails, _ in ends]), np.concatenate([h for *_, h in ends])])
    graph = igraph.Graph(n=snapshot.n_neurons, edges=pairs)
    graph["netsparse"] = description_text(snapshot)
    graph.vs["name"] = _node_names(snapshot)
    graph.vs["group"] = [group for group, size in snapshot.groups.items() for _ in range(size)]
    graph.vs["index"] = [i for size in snapshot.groups.values() for i in range(size)]
    if len(snapshot) == 1:
        n_source = snapshot.layers[0].n_source
        graph.vs["type"] = [i >= n_source for i in range(snapshot.n_neurons)]
    graph.es["layer"] = [layer.name for layer in snapshot.layers for _ in range(layer.n_links)]
    if any(layer.weights is not None for layer in snapshot.layers):
        weights: list[Any] = []
        for layer in snapshot.layers:
            weights += [None] * layer.n_links if layer.weights is None else layer.weights.tolist()
        graph.es["weight"] = weights
    return graph


def _is_parallel(snapshot: Snapshot) -> bool:
    """Whether two layers join the same two groups."""
    joined = [frozenset((layer.source, layer.target)) for layer in snapshot.layers]
    return len(set(joined)) < len(joined)


def _node_names(snapshot: Snapshot) -> list[str]:
    return [f"{group}:{i}" for group, size in snapshot.groups.items() for i in range(size)]


def _ends(snapshot: Snapshot) -> Iterator[tuple[LayerGraph, np.ndarray, np.ndarray]]:
    """Give each layer with the two ends of its links among all neurons of the network."""
    offsets = snapshot.offsets
    for layer in snapshot.layers:
        heads = layer.biadjacency.indices.astype(np.int64) + offsets[layer.target]
        yield layer, layer.link_rows + offsets[layer.source], heads
