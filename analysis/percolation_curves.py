"""Percolation curves: what is left of the giant component as nodes or links are taken away."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from netsparse.analysis.estimate import Estimate
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network, as_network
from netsparse.analysis.percolation_kernels import percolate_links, percolate_nodes
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError

ORDERS = {"nodes": ("random", "degree"), "links": ("random", "degree", "weight")}
_POINTS = 1000
_TAG = 0x9E2C
# Of more links only so many of the last ones removed are put in order, at first: they mostly join all that is joined.
_MANY = 1 << 19
# Up to so many links the row of each is noted; of more, which are mostly joined soon, it is looked up.
_NOTED = 1 << 22
# Links in all copies of the order that are shuffled at a time, but one copy at least: 4 bytes each.
_COPIED = 1 << 24


@dataclass(frozen=True)
class PercolationCurve:
    """How the giant component shrinks, over several random orders.

    Attributes
    ----------
    removed : numpy.ndarray, shape (n_points,)
        Share of the nodes or links that is removed, from 0 to 1: every step, or 1,000 steps if there are more.
    giant, giant_sd : numpy.ndarray, shape (n_points,)
        Share of all nodes that the largest component then holds: mean and standard deviation over the repeats.
    areas : numpy.ndarray, shape (n_repeats,)
        Mean of the giant component's share over all removals 1 … n, one a repeat.
    thresholds : numpy.ndarray, shape (n_repeats,)
        Share removed at which the second largest component is largest (the smallest such share), one a repeat; 1 if
        there never is a second component.
    """

    removed: np.ndarray
    giant: np.ndarray
    giant_sd: np.ndarray
    areas: np.ndarray
    thresholds: np.ndarray

    @property
    def area(self) -> Estimate:
        """Mean area over the repeats, with its standard error."""
        return Estimate.of(self.areas)

    @property
    def threshold(self) -> Estimate:
        """Mean threshold over the repeats, with its standard error."""
        return Estimate.of(self.thresholds)

    @property
    def table(self) -> pd.DataFrame:
        """The curve as a table: removed, giant, giant_sd."""
        return pd.DataFrame({"removed": self.removed, "giant": self.giant, "giant_sd": self.giant_sd})


def percolation_curve(
    graph: Any, remove: str = "nodes", order: str = "random", n_repeats: int = 10, seed: int = 0
) -> PercolationCurve | Undefined:
    """Remove nodes or links one after the other and follow the giant component.

    The components are joined in the reverse order by union-find, so that a whole curve costs about as much as looking
    at each link once. The area is the robustness R = 1/n Σ_{q = 1 … n} S(q) of Schneider et al., S(q) the share of all
    nodes in the largest component after q of n removals; the threshold is where the second largest component is
    largest, the usual estimate on a finite graph.

    Parameters
    ----------
    graph : any graph
    remove : {"nodes", "links"}
    order : {"random", "degree", "weight"}
        ``"degree"`` takes nodes of the highest degree in the whole graph first, links of the highest product of the two
        degrees; ``"weight"`` (links of layers) those of the smallest absolute weight. What is tied goes at random.
    n_repeats : int
        Random orders to average over; one is enough, and taken, where nothing is tied.
    seed : int

    Returns
    -------
    PercolationCurve or Undefined
        Undefined without nodes, or without links or weights where these are needed.

    Raises
    ------
    NetsparseError
        If ``remove`` or ``order`` is unknown, or ``n_repeats`` below 1.

    References
    ----------
    Albert, Jeong, Barabási (2000), Error and attack tolerance of complex networks; Newman, Ziff (2001), Fast Monte
    Carlo algorithm for site or bond percolation; Schneider et al. (2011), Mitigation of malicious attacks on networks.

    Examples
    --------
    A star falls apart with its hub:

    >>> import networkx as nx
    >>> percolation_curve(nx.star_graph(3), "nodes", "degree").giant
    array([1.  , 0.25, 0.25, 0.25, 0.  ])
    """
    if remove not in ORDERS:
        raise NetsparseError(f"remove must be 'nodes' or 'links', not {remove!r}")
    if order not in ORDERS[remove]:
        raise NetsparseError(f"order {order!r} is no order of {remove}; choose of: {', '.join(ORDERS[remove])}")
    if n_repeats < 1:
        raise NetsparseError(f"n_repeats must be at least 1, it is {n_repeats}")
    network = as_network(graph)
    key = ("percolation", remove, order, n_repeats, seed)
    compute = _remove_nodes if remove == "nodes" else _remove_links
    return network.once(key, lambda: compute(network, order, n_repeats, seed))


def _remove_nodes(network: Network, order: str, n_repeats: int, seed: int) -> PercolationCurve | Undefined:
    n = network.n_nodes
    if n == 0:
        return Undefined("no nodes")
    turn, ends = _turns(None if order == "random" else -network.degrees, n)
    seeds, at = _seeds(n, len(ends), n_repeats, seed), _steps(n)
    return _curve(at, n, n, *percolate_nodes(*network.csr, turn, ends, seeds, at))


def _remove_links(network: Network, order: str, n_repeats: int, seed: int) -> PercolationCurve | Undefined:
    links = network.layer_links
    m = len(links.indices)
    if m == 0:
        return Undefined("no links")
    weights = [layer.weights for layer in network.layers]
    if order == "weight" and (not weights or any(w is None for w in weights)):
        return Undefined("no weights of layers: those of other graphs are not read")
    by = {"random": None, "degree": lambda: _products(network), "weight": lambda: _sizes(weights)}[order]
    n_merges, at = network.n_nodes - network.components[0], _steps(m)
    rows = np.repeat(np.arange(len(links.nodes), dtype=np.int32), np.diff(links.starts) if m <= _NOTED else 0)
    n_last, whole = min(m, _MANY), False
    while not whole:
        turn, ends, n_first, n_runs = _last_links(by, m, n_last)
        seeds = _seeds(m, n_runs + len(ends), n_repeats, seed)
        n_parts = min(len(seeds), max(1, _COPIED // (m - n_first)))
        *found, whole = percolate_links(
            network.n_nodes, n_merges, *links, rows, turn, ends, n_first, n_runs, seeds, at, n_parts
        )
        n_last *= 8
    return _curve(at, m, network.n_nodes, *found)


def _products(network: Network) -> np.ndarray:
    tails, heads = network.layer_links.ends
    return -network.degrees[tails] * network.degrees[heads]


def _sizes(weights: list[np.ndarray | None]) -> np.ndarray:
    if len(weights) == 1 and weights[0] is not None:
        return np.abs(weights[0])
    together = np.concatenate([w for w in weights if w is not None])
    return np.abs(together, out=together)


def _last_links(by: Callable[[], np.ndarray] | None, m: int, n_last: int) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Give the end of the order of removal, whole runs of at least so many links, as `percolate_links` takes it.

    Runs are found in sorted values; only links of the end need then be sorted.
    """
    if by is None:
        return np.empty(0, np.int32), np.array([m]), 0, 0
    if n_last >= m:
        return *_turns(by(), m), 0, 0
    values = by()
    values.sort()
    least = values[m - n_last]
    n_first = int(np.searchsorted(values, least))
    n_runs = int(np.count_nonzero(values[1 : n_first + 1] != values[:n_first]))
    del values  # links may be many, and this is as large as their weights
    values = by()
    chosen = np.flatnonzero(values >= least)
    turn, ends = _turns(values[chosen], len(chosen))
    return chosen[turn].astype(np.int32), ends, n_first, n_runs


def _turns(by: np.ndarray | None, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the order of removal, smallest first, and the ends of the runs that are tied."""
    if by is None:
        return np.arange(n, dtype=np.int32), np.array([n])
    turn = np.argsort(by, kind="stable").astype(np.int32)
    ends = np.append(np.flatnonzero(np.diff(by[turn])) + 1, n)
    return turn, ends


def _seeds(n: int, n_runs: int, n_repeats: int, seed: int) -> np.ndarray:
    n_repeats = n_repeats if n_runs < n else 1  # without ties every repeat is the same
    return np.random.default_rng([seed, _TAG]).integers(0, 2**64, n_repeats, np.uint64)


def _steps(n: int) -> np.ndarray:
    """Give the numbers of removals to report."""
    return np.arange(n + 1) if n <= _POINTS else np.round(np.linspace(0, n, _POINTS + 1)).astype(np.int64)


def _curve(
    at: np.ndarray, n: int, n_nodes: int, giant: np.ndarray, total: np.ndarray, peak: np.ndarray
) -> PercolationCurve:
    share = giant / n_nodes
    deviation = share.std(axis=0, ddof=1) if len(share) > 1 else np.zeros(len(at))
    thresholds = np.where(peak < 0, 1.0, peak / n)
    return PercolationCurve(at / n, giant.mean(axis=0) / n_nodes, deviation, total / (n * n_nodes), thresholds)


def _value(network: Network, seed: int, remove: str, order: str, what: str) -> float:
    curve = percolation_curve(network, remove, order, seed=seed)
    if isinstance(curve, Undefined):
        return curve
    value: Estimate = getattr(curve, what)
    return value if len(curve.areas) > 1 else float(value)


@measure("standard")
def random_node_percolation_area(network: Network, seed: int = 0) -> float:
    """Give the area under the percolation curve as nodes are removed at random: 1/2 at most, near 0 if fragile.

    The mean over ten orders, with its standard error (see `percolation_curve`). Undefined without nodes.

    Examples
    --------
    >>> import networkx as nx
    >>> random_node_percolation_area(nx.complete_graph(5))
    0.4
    """
    return _value(network, seed, "nodes", "random", "area")


@measure("standard")
def random_node_percolation_threshold(network: Network, seed: int = 0) -> float:
    """Give the share of nodes, removed at random, at which the graph falls apart: where the second component peaks.

    The mean over ten orders, with its standard error (see `percolation_curve`). Undefined without nodes.

    Examples
    --------
    >>> import networkx as nx
    >>> random_node_percolation_threshold(nx.complete_graph(5))
    1.0
    """
    return _value(network, seed, "nodes", "random", "threshold")


@measure("standard")
def degree_node_percolation_area(network: Network, seed: int = 0) -> float:
    """Give the area under the percolation curve as nodes are removed by degree, the highest first: an attack on hubs.

    Degrees are those of the whole graph; ties go at random, in ten orders (see `percolation_curve`). Undefined without
    nodes.

    Examples
    --------
    >>> import networkx as nx
    >>> degree_node_percolation_area(nx.star_graph(3))
    0.1875
    """
    return _value(network, seed, "nodes", "degree", "area")


@measure("standard")
def degree_node_percolation_threshold(network: Network, seed: int = 0) -> float:
    """Give the share of nodes, removed by degree, at which the second largest component peaks.

    Degrees are those of the whole graph; ties go at random, in ten orders (see `percolation_curve`). Undefined without
    nodes.

    Examples
    --------
    >>> import networkx as nx
    >>> degree_node_percolation_threshold(nx.star_graph(3))
    0.25
    """
    return _value(network, seed, "nodes", "degree", "threshold")


@measure("standard")
def random_link_percolation_area(network: Network, seed: int = 0) -> float:
    """Give the area under the percolation curve as links are removed at random.

    The mean over ten orders, with its standard error (see `percolation_curve`). Undefined without links.

    Examples
    --------
    >>> import networkx as nx
    >>> random_link_percolation_area(nx.star_graph(3))
    0.5
    """
    return _value(network, seed, "links", "random", "area")


@measure("standard")
def random_link_percolation_threshold(network: Network, seed: int = 0) -> float:
    """Give the share of links, removed at random, at which the second largest component peaks.

    The mean over ten orders, with its standard error (see `percolation_curve`). Undefined without links.

    Examples
    --------
    >>> import networkx as nx
    >>> random_link_percolation_threshold(nx.path_graph(2))
    1.0
    """
    return _value(network, seed, "links", "random", "threshold")


@measure("standard")
def weight_link_percolation_area(network: Network, seed: int = 0) -> float:
    """Give the area under the percolation curve as links are removed by weight, the smallest absolute one first.

    That is how magnitude removal takes them (see `percolation_curve`). Undefined without links or their weights.

    Examples
    --------
    >>> import netsparse as ns
    >>> weight_link_percolation_area(ns.LayerGraph.from_weight([[0.1, 0.2], [0.3, 0.4]]))
    0.625
    """
    return _value(network, seed, "links", "weight", "area")


@measure("standard")
def weight_link_percolation_threshold(network: Network, seed: int = 0) -> float:
    """Give the share of links, removed by weight from the smallest on, at which the second largest component peaks.

    That is how magnitude removal takes them (see `percolation_curve`). Undefined without links or their weights.

    Examples
    --------
    >>> import netsparse as ns
    >>> weight_link_percolation_threshold(ns.LayerGraph.from_weight([[0.1, 0.2], [0.3, 0.4]]))
    0.5
    """
    return _value(network, seed, "links", "weight", "threshold")
