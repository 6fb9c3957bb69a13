"""Links and degrees."""

from collections.abc import Callable

import numpy as np

from netsparse.analysis.links import sum_of_products
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.undefined import Undefined


@measure("fast")
def n_links(network: Network) -> float:
    """Count the links.

    Examples
    --------
    >>> import netsparse as ns
    >>> n_links(ns.LayerGraph.from_mask([[1, 0], [1, 1]]))
    3.0
    """
    return float(network.n_links)


@measure("fast")
def density(network: Network) -> float:
    """Give the links as a share of the possible ones.

    n_links / Σ n_source · n_target over the layers; for a graph without layers 2 n_links / (n (n − 1)).
    Undefined where no link is possible.

    Examples
    --------
    >>> import netsparse as ns
    >>> density(ns.LayerGraph.from_mask([[1, 0], [1, 1]]))
    0.75
    """
    possible = sum(layer.n_source * layer.n_target for layer in network.layers)
    if network.snapshot is None:
        possible = network.n_nodes * (network.n_nodes - 1) // 2
    return network.n_links / possible if possible else Undefined("no link is possible")


@measure("standard", of="node")
def degree(network: Network) -> np.ndarray:
    """Count the links of each node.

    Examples
    --------
    >>> import netsparse as ns
    >>> degree(ns.LayerGraph.from_mask([[1, 0], [1, 1]]))
    array([1, 2, 2, 1])
    """
    return network.degrees


@measure("fast")
def mean_degree(network: Network) -> float:
    """Give the mean degree over all nodes, those without links included. Undefined without nodes.

    Examples
    --------
    >>> import netsparse as ns
    >>> mean_degree(ns.LayerGraph.from_mask([[1, 0], [1, 1]]))
    1.5
    """
    return _mean(network.degrees)


@measure("fast")
def max_degree(network: Network) -> float:
    """Give the largest degree. Undefined without nodes.

    Examples
    --------
    >>> import netsparse as ns
    >>> max_degree(ns.LayerGraph.from_mask([[1, 0], [1, 1]]))
    2.0
    """
    return _max(network.degrees)


@measure("fast")
def degree_gini(network: Network) -> float:
    """Give the Gini coefficient of the degrees: 0 if all are equal, near 1 if one node has all links.

    G = Σ_i (2i − n − 1) d_i / (n Σ d), degrees ascending, over all nodes, those without links included. Undefined
    without links.

    Examples
    --------
    >>> import netsparse as ns
    >>> degree_gini(ns.LayerGraph.from_mask([[1, 0], [1, 1]]))
    0.1666...
    """
    return _gini(network.degrees)


@measure("fast")
def degree_entropy(network: Network) -> float:
    """Give the Shannon entropy of the degree distribution in bits: 0 if all degrees are equal.

    H = −Σ_k P(k) log₂ P(k), P(k) the share of nodes of degree k, those without links included. Undefined without nodes.

    References
    ----------
    Solé, Valverde (2004), Information theory of complex networks: on evolution and architectural constraints.

    Examples
    --------
    >>> import netsparse as ns
    >>> degree_entropy(ns.LayerGraph.from_mask([[1, 0], [1, 1]]))
    1.0
    """
    return _entropy(network.degrees)


@measure("standard")
def degree_assortativity(network: Network) -> float:
    """Give the Pearson correlation of the degrees at the two ends of a link, every link in both directions.

    Undefined without links, or where the nodes that have links all have the same degree.

    References
    ----------
    Newman (2002), Assortative mixing in networks.

    Examples
    --------
    A hub with its leaves:

    >>> import networkx as nx
    >>> degree_assortativity(nx.star_graph(3))
    -1.0
    """
    degrees = network.degrees
    ends = int(degrees.sum())
    if ends == 0:
        return Undefined("no links")
    # whole numbers, exact whatever their size: Σ over link ends of d, d² and of the product of both ends' degrees
    k, counts = np.unique(degrees, return_counts=True)
    first, square = (sum(int(n) * int(d) ** power for d, n in zip(k, counts, strict=True)) for power in (2, 3))
    product = 2 * int(sum_of_products(degrees, *network.distinct_links))
    spread = ends * square - first * first
    if spread == 0:
        return Undefined("all nodes with links have the same degree")
    return (ends * product - first * first) / spread


def _entropy(degrees: np.ndarray) -> float:
    if not len(degrees):
        return Undefined("no nodes")
    shares = np.unique(degrees, return_counts=True)[1] / len(degrees)
    return float(abs(shares @ np.log2(shares)))


def _mean(degrees: np.ndarray) -> float:
    return float(degrees.mean()) if len(degrees) else Undefined("no nodes")


def _max(degrees: np.ndarray) -> float:
    return float(degrees.max()) if len(degrees) else Undefined("no nodes")


def _gini(degrees: np.ndarray) -> float:
    n, total = len(degrees), int(degrees.sum())
    if total == 0:
        return Undefined("no links")
    rank = 2 * np.arange(1, n + 1) - n - 1
    return float(rank @ np.sort(degrees)) / (n * total)


def _register_by_group(name: str, statistic: Callable[[np.ndarray], float]) -> None:
    """Register the same statistic of the degrees of each neuron group: per side of a layer."""

    @measure("fast", of="group", name=name)
    def by_group(network: Network) -> dict[str, float]:
        return {group: statistic(degrees) for group, degrees in network.by_group(network.degrees).items()}


for _name, _statistic in (
    ("mean_degree", _mean),
    ("max_degree", _max),
    ("degree_gini", _gini),
    ("degree_entropy", _entropy),
):
    _register_by_group(_name, _statistic)
