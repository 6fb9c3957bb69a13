"""Structural consistency: how well the rest of a graph foretells links that are taken out."""

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_limits

from netsparse.analysis import costs
from netsparse.analysis.estimate import Estimate
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError

_TAG = 0x5C15
# Eigenvalues nearer than this (times the largest, if that is above 1) are one.
_GAP = 1e-11
# Scores nearer than this (times the largest) are tied.
_TIE = 1e-9


@measure("full", cost=costs.eigenvectors)
def structural_consistency(
    network: Network, removed: float = 0.1, n_repeats: int = 10, seed: int = 0
) -> Estimate | Undefined:
    """Give the structural consistency σ_c: the share of removed links that the perturbed adjacency puts on top.

    A share of the links, L of them, is removed at random. The rest A_R = Σ_k λ_k v_k v_kᵀ is perturbed to first order,
    Ã = Σ_k (v_kᵀ A v_k) v_k v_kᵀ, and of the pairs that are not linked in A_R the L of highest Ã are predicted: σ_c is
    the share of the removed links among them, tied pairs counted by their share. In an eigenspace of several dimensions
    (eigenvalues closer than 1e-11) the v_k are those that diagonalise A − A_R in it. The mean of ``n_repeats``, with
    its standard error.

    Layers of two sides take the singular vectors of the biadjacency B, σ'_k = u_kᵀ B v_k, which give the same in less
    time. Only pairs that a layer may join are ranked. It costs n³. Undefined with fewer than two links.

    Parameters
    ----------
    network : any graph
    removed : float
        Share of the links to remove, at least one link.
    n_repeats : int
    seed : int

    Raises
    ------
    NetsparseError
        If ``removed`` is not between 0 and 1, or ``n_repeats`` below 1.

    References
    ----------
    Lü, Pan, Zhou, Zhang, Stanley (2015), Toward link predictability of complex networks.

    Examples
    --------
    >>> import netsparse as ns
    >>> structural_consistency(ns.LayerGraph.from_mask(np.kron(np.eye(2), np.ones((5, 5)))))
    1.0
    """
    if not 0.0 < removed < 1.0:
        raise NetsparseError(f"removed must lie between 0 and 1, it is {removed}")
    if n_repeats < 1:
        raise NetsparseError(f"n_repeats must be at least 1, it is {n_repeats}")
    whole, possible, two_sided = _matrix(network)
    links = np.argwhere(whole if two_sided else np.triu(whole))
    if len(links) < 2:
        return Undefined("fewer than two links")
    n_removed = max(1, round(removed * len(links)))
    rng = np.random.default_rng([seed, _TAG])
    shares = np.empty(n_repeats)
    for repeat in range(n_repeats):
        rows, columns = links[rng.choice(len(links), n_removed, replace=False)].T
        rest = whole.copy()
        rest[rows, columns] = 0.0
        if not two_sided:
            rest[columns, rows] = 0.0
        with threadpool_limits(1, user_api="blas"):  # several threads would sum in another order
            scores = perturbed_two_sided(whole, rest) if two_sided else perturbed(whole, rest)
        candidates = possible & (rest == 0.0)
        shares[repeat] = _found(scores[candidates], whole[candidates] > 0.0, n_removed)
    return Estimate.of(shares)


def _matrix(network: Network) -> tuple[np.ndarray, np.ndarray, bool]:
    """Give the matrix to perturb, the pairs that may be links, and whether it is a biadjacency."""
    groups = np.repeat(np.arange(len(network.groups)), list(network.groups.values()))
    joined = np.zeros((len(network.groups),) * 2, bool)
    names = {name: i for i, name in enumerate(network.groups)}
    for layer in network.layers:
        joined[names[layer.source], names[layer.target]] = joined[names[layer.target], names[layer.source]] = True
    whole = network.adjacency.astype(np.float64).toarray()
    if network.layers and network.sides is not None:
        first, second = np.flatnonzero(~network.sides), np.flatnonzero(network.sides)
        return whole[np.ix_(first, second)], joined[np.ix_(groups[first], groups[second])], True
    possible = joined[np.ix_(groups, groups)] if network.layers else np.ones(whole.shape, bool)
    return whole, np.triu(possible, k=1), False


def perturbed(whole: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Give Ã of a symmetric adjacency and of what is left of it: Σ P A P over the eigenspaces' projections P."""
    values, vectors = scipy.linalg.eigh(rest, driver="evd")
    space = np.cumsum(np.append(False, np.diff(values) > _GAP * max(1.0, np.abs(values).max())))
    inside = vectors.T @ whole @ vectors
    inside *= space[:, None] == space
    scores: np.ndarray = vectors @ inside @ vectors.T
    return scores


def perturbed_two_sided(whole: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Give the same of a biadjacency, from singular vectors.

    A singular value σ > 0 stands for the eigenvalues ±σ, whose parts add to U S Vᵀ with S the symmetric part of Uᵀ B V;
    the singular vectors of 0 of both sides are one eigenspace.
    """
    left, values, right = scipy.linalg.svd(rest)
    gap = _GAP * max(1.0, values.max(initial=0.0))
    n_positive = int(np.count_nonzero(values > gap))
    space = np.cumsum(np.append(False, -np.diff(values[:n_positive]) > gap))[:n_positive]
    of_left, of_right = (np.append(space, np.full(n - n_positive, -1)) for n in rest.shape)
    inside = left.T @ whole @ right.T
    inside *= of_left[:, None] == of_right
    positive = inside[:n_positive, :n_positive]
    positive[:] = (positive + positive.T) / 2.0
    scores: np.ndarray = left @ inside @ right
    return scores


def _found(scores: np.ndarray, linked: np.ndarray, n_top: int) -> float:
    """Give the share of links among the top scores; of those tied with the last one, as many as their share."""
    last = np.partition(scores, len(scores) - n_top)[len(scores) - n_top]
    tie = _TIE * max(1e-300, np.abs(scores).max())
    above, tied = scores > last + tie, np.abs(scores - last) <= tie
    n_above, n_tied = np.count_nonzero(above), np.count_nonzero(tied)
    found = np.count_nonzero(linked & above) + (n_top - n_above) * np.count_nonzero(linked & tied) / n_tied
    return float(found) / n_top
