"""Small-worldness: as clustered as a lattice, as short of path as a random graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from netsparse.analysis import costs
from netsparse.analysis.clustering import clustering, robins_alexander_clustering
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.nulls import rewired
from netsparse.analysis.paths import characteristic_path_length
from netsparse.analysis.undefined import Undefined


@measure("full", cost=costs.small_world_sigma)
def small_world_sigma(network: Network, n_nulls: int = 10, seed: int = 0) -> float:
    """Give the small-world coefficient σ = (C / C_r) / (L / L_r): above 1 for small worlds.

    L is the characteristic path length; C the clustering: of four-cycles (Robins–Alexander) for graphs with two sides,
    as layers are, of triangles (Watts–Strogatz) for others; C_r and L_r are their means over degree-preserving
    rewirings with the two sides fixed. Undefined where one of them is, or where C_r is 0.

    Parameters
    ----------
    network : any graph
    n_nulls : int
        Rewirings.
    seed : int

    References
    ----------
    Humphries, Gurney (2008), Network 'small-world-ness': a quantitative method for determining canonical network
    equivalence.

    Examples
    --------
    >>> import networkx as nx
    >>> small_world_sigma(nx.connected_watts_strogatz_graph(200, 6, 0.05, seed=0)) > 5
    True
    """
    own, nulls = _own(network, seed), _nulls(network, n_nulls, seed)
    if isinstance(own, Undefined):
        return own
    (c, length), (null_c, null_length) = own, nulls
    if not null_c > 0:
        return Undefined("the rewired graphs have no clustering")
    return (c / null_c) / (length / null_length)


@measure("full", cost=costs.small_world_omega)
def small_world_omega(network: Network, n_nulls: int = 10, seed: int = 0) -> float:
    """Give the small-world coefficient ω = L_r / L − C / C_l: near 0 for small worlds, −1 lattices, 1 random graphs.

    C, L and L_r as in `small_world_sigma`; C_l is the clustering of lattice-like graphs of the same degrees, made by
    swaps that bring linked nodes nearer to each other on a ring. Undefined where one of them is, or where C_l is 0.

    Parameters
    ----------
    network : any graph
    n_nulls : int
        Rewirings; a lattice for each two of them.
    seed : int

    References
    ----------
    Telesford, Joyce, Hayasaka, Burdette, Laurienti (2011), The ubiquity of small-world networks.

    Examples
    --------
    >>> import networkx as nx
    >>> abs(small_world_omega(nx.connected_watts_strogatz_graph(200, 6, 0.05, seed=0))) < 0.5
    True
    """
    own = _own(network, seed)
    if isinstance(own, Undefined):
        return own
    measure_clustering = _clustering_of(network)
    lattices = [
        measure_clustering(rewired(network, [seed, 4, i], _LATTICE_SWAPS, toward="lattice"))
        for i in range(max(1, n_nulls // 2))
    ]
    lattice_c = _mean(lattices)
    if not lattice_c > 0:
        return Undefined("the lattice-like graphs have no clustering")
    (c, length), (_, null_length) = own, _nulls(network, n_nulls, seed)
    return null_length / length - c / lattice_c


# Swaps per link that make a lattice of a random graph.
_LATTICE_SWAPS = 300


def _clustering_of(network: Network) -> Callable[[Network], float]:
    return robins_alexander_clustering if network.sides is not None else clustering


def _own(network: Network, seed: int) -> tuple[float, float] | Undefined:
    c, length = _clustering_of(network)(network), characteristic_path_length(network, seed=seed)
    for value in (length, c):
        if isinstance(value, Undefined):
            return value
    return c, length


def _nulls(network: Network, n_nulls: int, seed: int) -> tuple[float, float]:
    """Mean clustering and characteristic path length of rewired graphs, computed once."""

    def compute() -> tuple[float, float]:
        nulls = [rewired(network, [seed, 3, i]) for i in range(max(1, n_nulls))]
        lengths = [characteristic_path_length(null, seed=seed) for null in nulls]
        return _mean([_clustering_of(network)(null) for null in nulls]), _mean(lengths)

    return network.once(("small world", n_nulls, seed), compute)


def _mean(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
