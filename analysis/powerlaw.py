"""The power law of the degrees: exponent γ by discrete maximum likelihood, p-value by bootstrap."""

from dataclasses import dataclass

import numpy as np
from scipy.special import zeta

from netsparse.analysis import costs
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.powerlaw_kernels import GAMMAS, TABLE, count_worse, fit_histogram, zeta_table
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError

_GUIDE = 4096
_TAG = 0x9A11


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

    Raises
    ------
    NetsparseError
        If a value is no whole number.

    References
    ----------
    Clauset, Shalizi, Newman (2009), Power-law distributions in empirical data.

    Examples
    --------
    >>> fit = fit_power_law(np.random.default_rng(0).zipf(2.5, 20_000))
    >>> fit.gamma, fit.x_min
    (2.5, 1)
    """
    values = np.asarray(values)
    if values.dtype.kind not in "iub" and not (values == np.floor(values)).all():
        raise NetsparseError("the power law is one of whole numbers, such as degrees; round the values")
    fit = best_fit(values[values >= 1])
    if fit is not None and len(values[values >= 1]) < 100:
        gamma = fit.gamma * (fit.n_tail - 1) / fit.n_tail + 1.0 / fit.n_tail
        return PowerLawFit(gamma, fit.x_min, fit.distance, fit.n_tail)
    return fit


def best_fit(values: np.ndarray) -> PowerLawFit | None:
    """Fit positive values; no finite-size correction."""
    different, counts = np.unique(values.astype(np.int64), return_counts=True)
    if len(different) < 2:
        return None
    g, i, distance, n_tail = fit_histogram(different, counts, GAMMAS, zeta_table(), np.inf, False)
    return PowerLawFit(float(GAMMAS[g]), int(different[i]), float(distance), int(n_tail))


def _fit_of(network: Network) -> PowerLawFit | None:
    return network.once("power law", lambda: fit_power_law(network.degrees))


_REASON = "fewer than two different degrees"


@measure("standard", cost=costs.power_law)
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


@measure("standard", cost=costs.power_law)
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


@measure("standard", cost=costs.power_law_bootstraps)
def power_law_p(network: Network, n_bootstraps: int = 1000, seed: int = 0) -> float:
    """Give the p-value of the power law: the share of synthetic data sets that fit worse than the degrees do.

    Semi-parametric bootstrap: each synthetic data set draws as many values, from the fitted law with the share of
    degrees of at least x_min, else from the smaller degrees, and is fitted anew, x_min included. A small p speaks
    against the law. Undefined with fewer than two different degrees above 0.

    Parameters
    ----------
    network : any graph
    n_bootstraps : int
        Synthetic data sets, at least 1; the p-value is exact to about 1 / (2 √n_bootstraps).
    seed : int

    Raises
    ------
    NetsparseError
        If there is no synthetic data set.

    References
    ----------
    Clauset, Shalizi, Newman (2009), Power-law distributions in empirical data, section 4.

    Examples
    --------
    >>> import networkx as nx
    >>> 0 <= power_law_p(nx.barabasi_albert_graph(300, 3, seed=0), n_bootstraps=20) <= 1
    True
    """
    if n_bootstraps < 1:
        raise NetsparseError(f"n_bootstraps={n_bootstraps}: a p-value takes at least 1")
    if _fit_of(network) is None:
        return Undefined(_REASON)
    degrees = network.degrees[network.degrees >= 1]
    fit = best_fit(degrees)  # as the synthetic ones: without the finite-size correction
    assert fit is not None
    seeds = np.random.default_rng([seed, _TAG]).integers(0, 2**64, n_bootstraps, np.uint64)
    law = _semi_parametric(degrees, fit)
    return count_worse(len(degrees), seeds, *law, fit.gamma, fit.distance, GAMMAS, zeta_table()) / n_bootstraps


def _semi_parametric(values: np.ndarray, fit: PowerLawFit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the law that synthetic values follow: as the data below x_min, from there on by the fit.

    Returns
    -------
    support, above, guide : numpy.ndarray
        As `draw_histogram` takes them.
    """
    body, counts = np.unique(values[values < fit.x_min], return_counts=True)
    tail = np.arange(fit.x_min, fit.x_min + TABLE)
    share = fit.n_tail / len(values)
    above_body = 1.0 - np.cumsum(counts) / len(values)
    above_tail = share * zeta(fit.gamma, tail + 1.0) / zeta(fit.gamma, fit.x_min)
    above = np.concatenate([above_body, above_tail])
    guide = np.searchsorted(-above, -np.arange(1, _GUIDE + 1) / _GUIDE)
    return np.concatenate([body, tail]), above, guide
