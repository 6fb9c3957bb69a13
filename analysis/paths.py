"""Shortest paths."""

import numpy as np

from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.undefined import Undefined


@measure("standard")
def characteristic_path_length(network: Network) -> float:
    """Give the mean number of links of the shortest path between two nodes, over the pairs that have one.

    Undefined where no two nodes are joined.

    Examples
    --------
    >>> import networkx as nx
    >>> characteristic_path_length(nx.path_graph(3))
    1.3333...
    """
    histogram = np.array([count for *_, count in network.igraph.path_length_hist(directed=False).bins()])
    if not histogram.sum():
        return Undefined("no two nodes are joined")
    return float(np.arange(1, len(histogram) + 1) @ histogram / histogram.sum())
