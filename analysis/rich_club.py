"""Rich club: whether nodes of high degree link with each other more than their degrees explain."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from netsparse.analysis import costs
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network, as_network
from netsparse.analysis.rich_club_kernels import count_nulls
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError

_TAG = 0x41C4


@dataclass(frozen=True)
class RichClub:
    """A rich club against its null models.

    Attributes
    ----------
    degrees : numpy.ndarray, shape (n_degrees,)
        The degrees k that occur, but the largest and those above which no pair is left.
    coefficient, null_mean : numpy.ndarray, shape (n_degrees,)
        φ(k) of the graph, and its mean over the null models.
    peak : float
        The largest difference of the two.
    peak_degree : int
        The (first) k where it is.
    p : float
        Share of null models, the graph itself counted as one, whose own peak is no lower.
    """

    degrees: np.ndarray
    coefficient: np.ndarray
    null_mean: np.ndarray
    peak: float
    peak_degree: int
    p: float


@dataclass(frozen=True)
class _Part:
    """One layer, or a graph without layers: its nodes, sources first, and its links among these."""

    nodes: np.ndarray
    tails: np.ndarray
    heads: np.ndarray
    n_source: int  # 0: no sides

    def counts(self, ranks: np.ndarray, n_ranks: int) -> np.ndarray:
        """Count the links whose end of lower degree has each rank."""
        mine = ranks[self.nodes]
        return np.bincount(np.minimum(mine[self.tails], mine[self.heads]), minlength=n_ranks)

    def n_pairs(self, degrees: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Count the pairs that may be linked among the nodes of degree above each k."""
        first = _above(degrees[self.nodes[: self.n_source or None]], k)
        return first * _above(degrees[self.nodes[self.n_source :]], k) if self.n_source else first * (first - 1) // 2

    def extremes(self, degrees: np.ndarray) -> tuple[int, int]:
        """Give the least and the largest product of degrees of a pair of nodes that have links."""
        mine = degrees[self.nodes]
        if self.n_source:
            d, e = mine[np.unique(self.tails)], mine[np.unique(self.heads)]
            return int(d.min() * e.min()), int(d.max() * e.max())
        d = np.sort(mine[mine > 0])
        return int(d[0] * d[1]), int(d[-1] * d[-2])

    def null_counts(
        self, degrees: np.ndarray, ranks: np.ndarray, n_ranks: int, swaps_per_link: int, seeds: np.ndarray
    ) -> np.ndarray:
        """Do what `counts` does in one null model a seed."""
        if len(self.tails) < 2:
            return np.tile(self.counts(ranks, n_ranks), (len(seeds), 1))
        low, high = self.extremes(degrees)
        mine, n_swaps = degrees[self.nodes], swaps_per_link * len(self.tails)
        ranks = ranks[self.nodes]
        return count_nulls(self.tails, self.heads, mine, self.n_source, low, high, n_swaps, seeds, ranks, n_ranks)


def _parts(network: Network) -> list[_Part]:
    if network.snapshot is None:
        tails, heads = network.links.astype(np.int32).T.copy()
        return [_Part(np.arange(network.n_nodes), tails, heads, 0)]
    parts = []
    for layer in network.layers:
        if layer.n_links == 0:  # and perhaps no sources either
            continue
        starts = network.snapshot.offsets[layer.source], network.snapshot.offsets[layer.target]
        nodes = [start + np.arange(n) for start, n in zip(starts, layer.biadjacency.shape, strict=True)]
        heads = layer.biadjacency.indices + np.int32(layer.n_source)
        parts.append(_Part(np.concatenate(nodes), layer.link_rows.astype(np.int32), heads, layer.n_source))
    return parts


def _richer(counts: np.ndarray) -> np.ndarray:
    """Add up from above: links whose both ends are above each rank but the last."""
    found: np.ndarray = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    return found


def _above(degrees: np.ndarray, k: np.ndarray) -> np.ndarray:
    counts: np.ndarray = len(degrees) - np.searchsorted(np.sort(degrees), k, side="right")
    return counts


def rich_club_coefficient(graph: Any) -> pd.DataFrame:
    """Give the rich-club coefficient φ(k): the density among the nodes of degree above k.

    φ(k) = links / possible pairs. In a graph without layers any two nodes may be a pair; of layers, a source and a
    target of the same layer, degrees being those in the graph that is measured.

    Parameters
    ----------
    graph : any graph

    Returns
    -------
    pandas.DataFrame
        Columns ``degree`` (k: the degrees that occur, but the largest), ``n_links``, ``n_pairs``, ``coefficient``; NaN
        without a pair.

    References
    ----------
    Zhou, Mondragón (2004), The rich-club phenomenon in the Internet topology; Colizza et al. (2006), Detecting
    rich-club ordering in complex networks.

    Examples
    --------
    >>> import networkx as nx
    >>> rich_club_coefficient(nx.path_graph(4))
       degree  n_links  n_pairs  coefficient
    0       1        1        1          1.0
    """
    network = as_network(graph)
    k, ranks = np.unique(network.degrees, return_inverse=True)
    counts = np.zeros(len(k), np.int64)
    n_pairs = np.zeros(len(k), np.int64)
    for part in _parts(network):
        counts += part.counts(ranks, len(k))
        n_pairs += part.n_pairs(network.degrees, k)
    links, n_pairs = _richer(counts), n_pairs[:-1]
    coefficient = np.divide(links, n_pairs, out=np.full(len(links), np.nan), where=n_pairs > 0)
    return pd.DataFrame({"degree": k[:-1], "n_links": links, "n_pairs": n_pairs, "coefficient": coefficient})


def rich_club(graph: Any, n_nulls: int = 1000, swaps_per_link: int = 10, seed: int = 0) -> RichClub | Undefined:
    """Test a graph for a rich club.

    The null models of Cannistraci and Muscoloni keep every degree and tear apart what has high degree: each swap draws
    one link by the product w of its ends' degrees and one by w_min + w_max − w, and exchanges an end; there are
    ``swaps_per_link`` · n_links of them. In layers, sources swap with sources and targets with targets of the same
    layer. The rich club's peak is max_k [φ(k) − mean φ_null(k)]; each null model has such a peak as well, and p is the
    share of them, the graph itself counted as one, that are no lower.

    Parameters
    ----------
    graph : any graph
    n_nulls, swaps_per_link : int
    seed : int

    Returns
    -------
    RichClub or Undefined
        Undefined without links, and with equal degrees.

    Raises
    ------
    NetsparseError
        If ``n_nulls`` is below 1 or ``swaps_per_link`` below 0.

    References
    ----------
    Muscoloni, Cannistraci (2017), Rich-clubness test: how to determine whether a complex network has or doesn't have a
    rich-club?

    Examples
    --------
    >>> import networkx as nx
    >>> found = rich_club(nx.karate_club_graph(), n_nulls=100)
    >>> 0 < found.p <= 1
    True
    """
    if n_nulls < 1:
        raise NetsparseError(f"n_nulls must be at least 1, it is {n_nulls}")
    if swaps_per_link < 0:
        raise NetsparseError(f"swaps_per_link must not be negative, it is {swaps_per_link}")
    network = as_network(graph)
    key = ("rich club", n_nulls, swaps_per_link, seed)
    return network.once(key, lambda: _test(network, n_nulls, swaps_per_link, seed))


def _test(network: Network, n_nulls: int, swaps_per_link: int, seed: int) -> RichClub | Undefined:
    if not network.degrees.any():
        return Undefined("no links")
    curve = rich_club_coefficient(network)
    pairs = curve["n_pairs"].to_numpy()
    some = pairs > 0
    if not some.any():
        return Undefined("no two nodes that may be linked have more than the least degree")
    k, ranks = np.unique(network.degrees, return_inverse=True)
    rng = np.random.default_rng([seed, _TAG])
    counts = np.zeros((n_nulls, len(k)), np.int64)
    for part in _parts(network):
        seeds = rng.integers(0, 2**64, n_nulls, np.uint64)
        counts += part.null_counts(network.degrees, ranks, len(k), swaps_per_link, seeds)
    null = _richer(counts)[:, some] / pairs[some]
    coefficient, mean = curve["coefficient"].to_numpy()[some], null.mean(axis=0)
    difference = coefficient - mean
    peak, peaks = difference.max(), (null - mean).max(axis=1)
    p = (1 + np.count_nonzero(peaks >= peak - 1e-12)) / (1 + n_nulls)
    degrees = curve["degree"].to_numpy()[some]
    return RichClub(degrees, coefficient, mean, float(peak), int(degrees[difference.argmax()]), float(p))


@measure("full", cost=costs.rich_club)
def rich_club_peak(network: Network, n_nulls: int = 1000, seed: int = 0) -> float:
    """Give how far the rich club stands above its null models: max_k [φ(k) − mean φ_null(k)].

    See `rich_club`. Undefined without links, and with equal degrees.

    Examples
    --------
    >>> import networkx as nx
    >>> rich_club_peak(nx.path_graph(4))
    0.0
    """
    found = rich_club(network, n_nulls, seed=seed)
    return found if isinstance(found, Undefined) else found.peak


@measure("full", cost=costs.rich_club)
def rich_club_p(network: Network, n_nulls: int = 1000, seed: int = 0) -> float:
    """Give the p-value of the rich club: the share of null models with a peak as high. A small p speaks for a club.

    See `rich_club`. Undefined without links, and with equal degrees.

    Examples
    --------
    >>> import networkx as nx
    >>> rich_club_p(nx.path_graph(4))
    1.0
    """
    found = rich_club(network, n_nulls, seed=seed)
    return found if isinstance(found, Undefined) else found.p
