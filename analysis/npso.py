"""The nPSO model: networks that grow in the hyperbolic disk, with known coordinates and communities."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import scipy.sparse as sp

from netsparse.adjacency import symmetric
from netsparse.errors import NetsparseError


@dataclass(frozen=True)
class NPSO:
    """A network of the nPSO model.

    Attributes
    ----------
    adjacency : scipy.sparse.csr_array, shape (n, n)
        Symmetric ones; every measure takes it.
    theta, radius : numpy.ndarray, shape (n,)
        The coordinates from which the network grew, radii as they are at the end.
    communities : numpy.ndarray of int64, shape (n,)
        The nearest Gaussian of each node; all 0 if the angles are uniform.
    """

    adjacency: sp.csr_array
    theta: np.ndarray
    radius: np.ndarray
    communities: np.ndarray


def npso(n: int, m: int, temperature: float, gamma: float, n_communities: int = 0, seed: int = 0) -> NPSO:
    r"""Grow a network by nonuniform popularity–similarity optimisation.

    Node t = 1 … n appears at radius 2 ln t and an angle that is uniform, or drawn from one of C Gaussians (means
    2πk/C, standard deviation 2π/6C, equally likely); node i is then at radius 2β ln i + 2(1−β) ln t, β = 1/(γ−1). The
    new node links to m old ones: the nearest in the hyperbolic disk at temperature T = 0, else drawn without
    replacement with weights 1/(1+exp((d−R)/2T)),
    R = 2 ln t − 2 ln[2T (1−e^{−(1−β) ln t}) / (sin(πT) m (1−β))]. The first m + 1 nodes link to each other.

    Parameters
    ----------
    n : int
        Nodes.
    m : int
        Links of a new node, half the mean degree; at least 1 and less than n.
    temperature : float
        0 ≤ T < 1; the lower, the more clustered.
    gamma : float
        Exponent of the degrees, at least 2.
    n_communities : int
        Gaussians; 0: uniform angles (the PSO model).
    seed : int

    Returns
    -------
    NPSO
        With m(m+1)/2 + (n−m−1) m links.

    Raises
    ------
    NetsparseError
        If a parameter is out of its range.

    References
    ----------
    Papadopoulos et al. (2012), Popularity versus similarity in growing networks. Muscoloni, Cannistraci (2018), A
    nonuniform popularity-similarity optimization (nPSO) model to efficiently generate realistic complex networks with
    communities. New Journal of Physics 20, 052002.

    Examples
    --------
    >>> network = npso(100, 3, temperature=0.1, gamma=2.5, n_communities=4)
    >>> network.adjacency.nnz // 2
    294
    """
    for name, value in (("n", n), ("m", m), ("n_communities", n_communities)):
        if not isinstance(value, Integral):
            raise NetsparseError(f"{name} must be a whole number, not {value!r}")
    if not 1 <= m < n:
        raise NetsparseError(f"m={m} links of a new node: it must be at least 1 and less than the number of nodes, {n}")
    if not 0.0 <= temperature < 1.0:
        raise NetsparseError(f"temperature={temperature}: it must be at least 0 and below 1")
    if not gamma >= 2.0:
        raise NetsparseError(f"gamma={gamma}: the exponent must be at least 2")
    if n_communities < 0:
        raise NetsparseError(f"n_communities={n_communities}: it must be 0 (uniform angles) or more")
    rng = np.random.default_rng(seed)
    theta = _angles(n, n_communities, rng)
    beta = 1.0 / (gamma - 1.0)
    log_t = np.log(np.arange(1, n + 1))
    links = [(i, j) for i in range(m + 1) for j in range(i)]
    for new in range(m + 1, n):
        distances = _distances(theta[: new + 1], 2 * beta * log_t[:new] + 2 * (1 - beta) * log_t[new], 2 * log_t[new])
        chosen = _choose(distances, m, temperature, beta, log_t[new], rng)
        links += [(new, int(old)) for old in chosen]
    nearest = np.round(theta * n_communities / (2 * np.pi)).astype(np.int64) % max(n_communities, 1)
    radius = 2 * beta * log_t + 2 * (1 - beta) * log_t[-1]
    return NPSO(symmetric(np.array(links, np.int64), n), theta, radius, nearest)


def _angles(n: int, n_communities: int, rng: np.random.Generator) -> np.ndarray:
    if n_communities == 0:
        return rng.uniform(0.0, 2 * np.pi, n)
    centre = 2 * np.pi / n_communities * rng.integers(0, n_communities, n)
    return np.mod(centre + rng.normal(0.0, 2 * np.pi / (6 * n_communities), n), 2 * np.pi)


def _distances(theta: np.ndarray, radius: np.ndarray, new_radius: float) -> np.ndarray:
    """Hyperbolic distances of the last node to those before it."""
    half = np.sin((theta[:-1] - theta[-1]) / 2.0) ** 2
    argument = np.cosh(radius - new_radius) + 2.0 * np.sinh(radius) * np.sinh(new_radius) * half
    return np.arccosh(np.maximum(argument, 1.0))


def _choose(
    distances: np.ndarray, m: int, temperature: float, beta: float, log_t: float, rng: np.random.Generator
) -> np.ndarray:
    if temperature == 0.0:
        return np.argsort(distances, kind="stable")[:m]
    grown = log_t if beta == 1.0 else -np.expm1(-(1 - beta) * log_t) / (1 - beta)
    middle = 2 * log_t - 2 * np.log(2 * temperature * grown / (np.sin(np.pi * temperature) * m))
    # the m largest of log-weight plus Gumbel noise are a draw without replacement
    keys = -np.logaddexp(0.0, (distances - middle) / (2 * temperature)) + rng.gumbel(size=len(distances))
    return np.argpartition(-keys, m - 1)[:m]
