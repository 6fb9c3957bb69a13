"""Communities over the epochs: how stable they are, and where their nodes go."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from netsparse.analysis.communities import find_communities
from netsparse.analysis.network import as_network
from netsparse.errors import NetsparseError
from netsparse.run import Run


def community_stability(epochs: Sequence[Any] | pd.DataFrame | Run, layer: str = "", seed: int = 0) -> pd.DataFrame:
    """Compare the communities of each epoch with those of the next by adjusted mutual information.

    Over the nodes that have a link in both epochs. 1 if the communities are the same, about 0 if they have no more in
    common than random ones of these sizes.

    Parameters
    ----------
    epochs : list of graphs, list of label arrays, table of measures, or Run
        Graphs of the same nodes, as snapshots: their communities are searched. Label arrays: one label a node, −1 or
        NaN for none. A table that holds the measure ``community``, a run's own too: nothing is computed again.
    layer : str
        Of a table: the layer. Default: the whole network.
    seed : int
        Of the search.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``next_epoch`` (place in the list where there are no epochs), ``n_nodes``, ``stability``; NaN
        without common nodes.

    Raises
    ------
    NetsparseError
        If the graphs have different nodes, or the table has no such rows.

    References
    ----------
    Vinh, Epps, Bailey (2010), Information theoretic measures for clusterings comparison.

    Examples
    --------
    >>> community_stability([[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]])
       epoch  next_epoch  n_nodes  stability
    0      0           1        4        1.0
    1      1           2        4       -0.5
    """
    from sklearn.metrics import adjusted_mutual_info_score  # slow to import

    rows = []
    for (epoch, now), (next_epoch, after) in itertools.pairwise(_labels(epochs, layer, seed)):
        both = (now >= 0) & (after >= 0)
        value = float(adjusted_mutual_info_score(now[both], after[both])) if both.any() else np.nan
        rows.append((epoch, next_epoch, int(both.sum()), value))
    return pd.DataFrame(rows, columns=["epoch", "next_epoch", "n_nodes", "stability"])


def community_flow(epochs: Sequence[Any] | pd.DataFrame | Run, layer: str = "", seed: int = 0) -> pd.DataFrame:
    """Count the nodes that go from each community to each of the next epoch.

    Parameters
    ----------
    epochs, layer, seed
        As of `community_stability`.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``next_epoch``, ``community``, ``next_community``, ``n_nodes``, the flows above 0. A
        community of −1 is that of the nodes without links; nodes that have none in both epochs are left out.

    Raises
    ------
    NetsparseError
        If the graphs have different nodes, or the table has no such rows.

    Examples
    --------
    >>> community_flow([[0, 0, 1], [0, 1, 1]])
       epoch  next_epoch  community  next_community  n_nodes
    0      0           1          0               0        1
    1      0           1          0               1        1
    2      0           1          1               1        1
    """
    rows = []
    for (epoch, now), (next_epoch, after) in itertools.pairwise(_labels(epochs, layer, seed)):
        there = (now >= 0) | (after >= 0)
        pairs, counts = np.unique(np.column_stack([now[there], after[there]]), axis=0, return_counts=True)
        rows += [(epoch, next_epoch, int(a), int(b), int(n)) for (a, b), n in zip(pairs, counts, strict=True)]
    return pd.DataFrame(rows, columns=["epoch", "next_epoch", "community", "next_community", "n_nodes"])


def _labels(epochs: Sequence[Any] | pd.DataFrame | Run, layer: str, seed: int) -> list[tuple[Any, np.ndarray]]:
    """Give epoch and label of every node, −1 for none."""
    if isinstance(epochs, Run):
        epochs = epochs.measures
    found = _of_table(epochs, layer) if isinstance(epochs, pd.DataFrame) else _of_list(epochs, seed)
    sizes = sorted({len(labels) for _, labels in found})
    if len(sizes) > 1:
        raise NetsparseError(f"the epochs have different numbers of nodes: {', '.join(map(str, sizes))}")
    return found


def _of_list(epochs: Sequence[Any], seed: int) -> list[tuple[Any, np.ndarray]]:
    found = []
    for place, graph in enumerate(epochs):
        if isinstance(graph, (list, tuple)) or (isinstance(graph, np.ndarray) and graph.ndim == 1):
            labels = np.nan_to_num(np.asarray(graph, np.float64), nan=-1.0).astype(np.int64)
        else:
            network = as_network(graph)
            partition = find_communities(network, seed)
            labels = np.full(network.n_nodes, -1, np.int64) if partition is None else partition.labels
        epoch = getattr(graph, "epoch", None)
        found.append((place if epoch is None else epoch, labels))
    return found


def _of_table(table: pd.DataFrame, layer: str) -> list[tuple[Any, np.ndarray]]:
    chosen = (table["measure"] == "community") & (table["scope"] == "node") & (table["layer"] == layer)
    rows = table[chosen]
    if rows.empty:
        raise NetsparseError(f"the table has no communities of layer {layer!r}; measure 'community' first")
    if rows.duplicated(["epoch", "group", "node"]).any():
        raise NetsparseError("the table holds several runs; choose one")
    wide = rows.pivot_table(index=["group", "node"], columns="epoch", values="value", dropna=False, sort=True)
    return [(int(epoch), wide[epoch].fillna(-1).to_numpy(np.int64)) for epoch in wide.columns]
