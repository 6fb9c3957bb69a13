"""Angular separability: whether each community has an arc of its own."""

import numba
import numpy as np
from numba import prange

from netsparse.analysis import costs
from netsparse.analysis.coalescent import coalescent_embedding
from netsparse.analysis.communities import find_communities
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError
from netsparse.splitmix import shuffled


def angular_separability_index(
    theta: np.ndarray, labels: np.ndarray, worst: str = "theoretical", n_permutations: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Tell how well communities stand apart on the circle (ASI), and how likely chance does it as well.

    The nodes are ranked by angle. For each community the foreign nodes in the gaps between its members are counted, the
    largest gap left out: its mistakes. ASI = max(0, 1 − Σ mistakes / Σ worst), worst being
    ⌈(N − N_k)(N_k − 1)/N_k⌉ (theoretical) or the most mistakes among random permutations of the labels.

    Parameters
    ----------
    theta : numpy.ndarray, shape (n,)
        Angles, finite.
    labels : numpy.ndarray, shape (n,)
        Communities.
    worst : {"theoretical", "random"}
    n_permutations : int
        For the p-value and for ``"random"``; 0 gives the p-value NaN.
    seed : int

    Returns
    -------
    index : float
        1: every community has an arc of its own. Undefined with fewer than two communities.
    p : float
        (permutations that separate as well + 1) / (n_permutations + 1).

    Raises
    ------
    NetsparseError
        If angles and labels do not fit, or ``worst`` is unknown or asks for permutations that are not made.

    References
    ----------
    Muscoloni, Cannistraci (2019), Angular separability of data clusters or network communities in geometrical space and
    its relevance to hyperbolic embedding.

    Examples
    --------
    >>> angles = np.arange(6.0)
    >>> angular_separability_index(angles, np.array([0, 0, 0, 1, 1, 1]), n_permutations=0)
    (1.0, nan)
    """
    theta, labels = np.asarray(theta, float), np.asarray(labels)
    if theta.ndim != 1 or theta.shape != labels.shape or not np.isfinite(theta).all():
        raise NetsparseError("angles and labels must be two vectors of equal length, the angles finite")
    if worst not in ("theoretical", "random") or (worst == "random" and n_permutations < 1):
        raise NetsparseError(f"worst must be 'theoretical' or, with permutations, 'random', not {worst!r}")
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        return Undefined("fewer than two communities"), float("nan")
    on_circle = codes[np.argsort(theta, kind="stable")].astype(np.int64)
    mistakes = count_mistakes(on_circle, len(sizes))
    seeds = np.random.default_rng(seed).integers(0, 2**64, n_permutations, dtype=np.uint64)
    by_chance = _mistakes_by_chance(on_circle, len(sizes), seeds)
    n = len(theta)
    most = int(np.sum(-(-(n - sizes) * (sizes - 1) // sizes))) if worst == "theoretical" else int(by_chance.max())
    index = max(0.0, 1.0 - mistakes / most) if most else 1.0
    p = (int(np.sum(by_chance <= mistakes)) + 1) / (n_permutations + 1) if n_permutations else float("nan")
    return index, p


@numba.njit(cache=True, nogil=True)
def count_mistakes(on_circle, n_groups):  # type: ignore[no-untyped-def]
    """Count the foreign nodes in the gaps of all groups, each group's largest gap left out.

    ``on_circle`` are the groups 0 … n_groups − 1 of the nodes in the order of their angles, none of them empty.
    """
    n = len(on_circle)
    first, last = np.full(n_groups, -1), np.empty(n_groups, np.int64)
    largest = np.zeros(n_groups, np.int64)
    total = 0
    for i in range(n):
        group = on_circle[i]
        if first[group] < 0:
            first[group] = i
        else:
            gap = i - last[group] - 1
            total += gap
            largest[group] = max(largest[group], gap)
        last[group] = i
    for group in range(n_groups):
        gap = first[group] + n - last[group] - 1  # around the circle, back to the group's first
        total += gap - max(largest[group], gap)
    return total


@numba.njit(cache=True, parallel=True, nogil=True)
def _mistakes_by_chance(on_circle, n_groups, seeds):  # type: ignore[no-untyped-def]
    """Count the mistakes of one random order of the labels a seed."""
    whole = np.array([len(on_circle)])
    found = np.empty(len(seeds), np.int64)
    for k in prange(len(seeds)):
        found[k] = count_mistakes(shuffled(on_circle, whole, seeds[k]), n_groups)
    return found


def _separability(network: Network, seed: int, n_permutations: int) -> tuple[float, float]:
    embedding = coalescent_embedding(network)
    embedded = np.isfinite(embedding.theta)
    partition = find_communities(network, seed)
    if partition is None or not embedded.any():
        undefined = Undefined(embedding.reason or "no links")
        return undefined, undefined
    labels = partition.labels[embedded]
    index, p = angular_separability_index(embedding.theta[embedded], labels, "theoretical", n_permutations, seed)
    return index, (index if isinstance(index, Undefined) else p)


@measure("standard", cost=costs.embedded_communities)
def angular_separability(network: Network, seed: int = 0) -> float:
    """Give the angular separability index of the communities in the embedding (see `angular_separability_index`).

    Of the giant component, against the theoretical worst case. Undefined without an embedding, or with one community.

    Examples
    --------
    >>> import networkx as nx
    >>> 0 <= angular_separability(nx.karate_club_graph()) <= 1
    True
    """
    return _separability(network, seed, 0)[0]


@measure("standard", cost=costs.embedded_communities)
def angular_separability_p(network: Network, seed: int = 0) -> float:
    """Give the p-value of the angular separability index from 1,000 permutations of the communities.

    Examples
    --------
    >>> import networkx as nx
    >>> angular_separability_p(nx.karate_club_graph()) < 0.01
    True
    """
    return _separability(network, seed, 1000)[1]
