"""The power law of the degrees: exponent γ by discrete maximum likelihood, p-value by bootstrap."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import zeta

from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.undefined import Undefined

_GAMMAS = np.round(np.arange(1.01, 10.005, 0.01), 2)
_TABLE = 10_000


@dataclass(frozen=True)
class PowerLawFit:
    """A discrete power law P(x) ∝ x^−γ, x ≥ x_min.

    Attributes
    ----------
    gamma : float
        Exponent, with the finite-size correction below 100 values.
    x_min : int
        Smallest value that follows the law.
    distance : float
        Kolmogorov–Smirnov distance between data and law above x_min.
    n_tail : int
        Values of at least x_min.
    """

    gamma: float
    x_min: int
    distance: float
    n_tail: int


def fit_power_law(values: np.ndarray) -> PowerLawFit | None:
    r"""Fit a discrete power law to positive whole numbers.

    For every x_min among the different values but the largest, γ on the grid 1.01, 1.02, …, 10 maximises
    −γ Σ ln x − N ln ζ(γ, x_min) over the N values of at least x_min; the x_min of least Kolmogorov–Smirnov distance
    wins. Below 100 values γ becomes γ (N − 1)/N + 1/N.

    Parameters
    ----------
    values : array_like of int
        Values below 1 are left out.

    Returns
    -------
    PowerLawFit or None
        None if there are fewer than two different values.

    References
    ----------
    Clauset, Shalizi, Newman (2009), Power-law distributions in empirical data.

    Examples
    --------
    >>> fit = fit_power_law(np.random.default_rng(0).zipf(2.5, 20_000))
    >>> fit.gamma, fit.x_min
    (2.5, 1)
    """
    values = np.sort(np.asarray(values))
    values = values[values >= 1]
    fit = _best_fit(values)
    if fit is not None and len(values) < 100:
        gamma = fit.gamma * (fit.n_tail - 1) / fit.n_tail + 1.0 / fit.n_tail
        return PowerLawFit(gamma, fit.x_min, fit.distance, fit.n_tail)
    return fit


def _best_fit(values: np.ndarray) -> PowerLawFit | None:
    """Fit sorted positive values; no finite-size correction."""
    different, counts = np.unique(values, return_counts=True)
    if len(different) < 2:
        return None
    tail_counts = np.cumsum(counts[::-1])[::-1]
    tail_logs = np.cumsum((counts * np.log(different))[::-1])[::-1]
    best: PowerLawFit | None = None
    for i, x_min in enumerate(different[:-1]):
        n_tail = int(tail_counts[i])
        likelihood = -_GAMMAS * tail_logs[i] - n_tail * _log_zeta(int(x_min))
        gamma = float(_GAMMAS[likelihood.argmax()])
        distance = _distance(different[i:], counts[i:] / n_tail, gamma)
        if best is None or distance < best.distance:
            best = PowerLawFit(gamma, int(x_min), distance, n_tail)
    return best


@lru_cache(maxsize=4096)
def _log_zeta(x_min: int) -> np.ndarray:
    return np.log(zeta(_GAMMAS, x_min))


def _distance(different: np.ndarray, shares: np.ndarray, gamma: float) -> float:
    """Kolmogorov–Smirnov distance over all whole numbers from the smallest to the largest value.

    Between two values the data's distribution stands still, so only the values and the numbers before them can be it.
    """
    data = np.cumsum(shares)
    normal = zeta(gamma, different[0])
    at = 1.0 - zeta(gamma, different + 1.0) / normal
    before = 1.0 - zeta(gamma, different[1:].astype(float)) / normal
    return float(max(np.abs(at - data).max(), np.abs(before - data[:-1]).max()))


def _fit_of(network: Network) -> PowerLawFit | None:
    return network.once("power law", lambda: fit_power_law(network.degrees))


_REASON = "fewer than two different degrees"


@measure("standard")
def power_law_gamma(network: Network) -> float:
    """Give the exponent γ of the power law of the degrees (see `fit_power_law`).

    Undefined with fewer than two different degrees above 0.

    Examples
    --------
    >>> import networkx as nx
    >>> power_law_gamma(nx.barabasi_albert_graph(2000, 3, seed=0))
    2.72
    """
    fit = _fit_of(network)
    return Undefined(_REASON) if fit is None else fit.gamma


@measure("standard")
def power_law_x_min(network: Network) -> float:
    """Give the smallest degree that follows the power law. Undefined with fewer than two different degrees above 0.

    Examples
    --------
    >>> import networkx as nx
    >>> power_law_x_min(nx.barabasi_albert_graph(2000, 3, seed=0))
    4.0
    """
    fit = _fit_of(network)
    return Undefined(_REASON) if fit is None else float(fit.x_min)


@measure("full")
def power_law_p(network: Network, n_bootstraps: int = 1000, seed: int = 0) -> float:
    """Give the p-value of the power law: the share of synthetic data sets that fit worse than the degrees do.

    Semi-parametric bootstrap: each synthetic data set draws as many values, from the fitted law with the share of
    degrees of at least x_min, else from the smaller degrees, and is fitted anew, x_min included. A small p speaks
    against the law. Undefined with fewer than two different degrees above 0.

    Parameters
    ----------
    network : any graph
    n_bootstraps : int
        Synthetic data sets; the p-value is exact to about 1 / (2 √n_bootstraps).
    seed : int

    References
    ----------
    Clauset, Shalizi, Newman (2009), Power-law distributions in empirical data, section 4.

    Examples
    --------
    >>> import networkx as nx
    >>> 0 <= power_law_p(nx.barabasi_albert_graph(300, 3, seed=0), n_bootstraps=20) <= 1
    True
    """
    if _fit_of(network) is None:
        return Undefined(_REASON)
    degrees = np.sort(network.degrees[network.degrees >= 1])
    fit = _best_fit(degrees)  # as the synthetic ones: without the finite-size correction
    assert fit is not None
    rng = np.random.default_rng(seed)
    body = degrees[degrees < fit.x_min]
    worse = 0
    for _ in range(n_bootstraps):
        n_tail = rng.binomial(len(degrees), fit.n_tail / len(degrees)) if len(body) else len(degrees)
        tail = _draw(fit, n_tail, rng)
        drawn = rng.choice(body, len(degrees) - n_tail) if len(body) else body
        synthetic = _best_fit(np.sort(np.concatenate([drawn, tail])))
        worse += synthetic is not None and synthetic.distance >= fit.distance
    return worse / n_bootstraps


def _draw(fit: PowerLawFit, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw from the law: exactly up to a table's end, beyond it by the continuous law."""
    table = np.arange(fit.x_min, fit.x_min + _TABLE)
    above = zeta(fit.gamma, table + 1.0) / zeta(fit.gamma, fit.x_min)  # P(X > x)
    chance = rng.random(n)
    drawn = fit.x_min + np.searchsorted(-above, -chance, side="left").astype(float)
    far = chance < above[-1]
    drawn[far] = np.floor((table[-1] + 0.5) * (chance[far] / above[-1]) ** (-1.0 / (fit.gamma - 1.0)) + 0.5)
    return np.minimum(drawn, 2.0**52).astype(np.int64)
