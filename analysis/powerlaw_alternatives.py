"""Power law against lognormal and exponential: which describes the degrees better, by likelihood ratio."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erfc, log_ndtr, zeta

from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.powerlaw import best_fit
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError


@dataclass(frozen=True)
class LikelihoodRatio:
    """Power law against another law.

    Attributes
    ----------
    ratio : float
        Normalised log-likelihood ratio: positive if the power law fits better.
    p : float
        Chance of a ratio so far from 0 if both fitted alike: above 0.1 or so the ratio's sign says nothing.
    """

    ratio: float
    p: float


def compare_power_law(values: np.ndarray, alternative: str = "lognormal") -> LikelihoodRatio | None:
    r"""Compare the power law with another law on the values of at least x_min, by Vuong's test.

    With the differences l_i of the two log-likelihoods of the n values, of mean m and standard deviation s: ratio
    √n m / s, p = erfc(\|ratio\| / √2). Both laws are discrete and of highest likelihood: exponential
    P(x) = (1 − e^−λ) e^−λ(x − x_min), λ = ln(1 + 1/mean(x − x_min)); lognormal P(x) = the normal law's share of
    ln(x ± ½), over its share above ln(x_min − ½).

    Parameters
    ----------
    values : array_like of int
        Values below 1 are left out.
    alternative : {"lognormal", "exponential"}

    Returns
    -------
    LikelihoodRatio or None
        None if there are fewer than two different values, or the two laws say the same of every value.

    Raises
    ------
    NetsparseError
        If the alternative is unknown.

    References
    ----------
    Vuong (1989), Likelihood ratio tests for model selection and non-nested hypotheses; Clauset, Shalizi, Newman (2009),
    Power-law distributions in empirical data, section 5; Alstott, Bullmore, Plenz (2014), powerlaw: a Python package
    for analysis of heavy-tailed distributions.

    Examples
    --------
    >>> values = np.random.default_rng(0).zipf(2.5, 2000)
    >>> found = compare_power_law(values, "exponential")
    >>> found.ratio > 0, found.p < 0.05
    (True, True)
    """
    if alternative not in _ALTERNATIVES:
        raise NetsparseError(f"alternative {alternative!r} is unknown; choose of: {', '.join(_ALTERNATIVES)}")
    values = np.asarray(values)
    values = values[values >= 1]
    fit = best_fit(values)
    if fit is None:
        return None
    x, counts = np.unique(values[values >= fit.x_min], return_counts=True)
    law = -fit.gamma * np.log(x) - np.log(zeta(fit.gamma, fit.x_min))
    difference = law - _ALTERNATIVES[alternative](x.astype(float), counts)
    n = int(counts.sum())
    mean = float(counts @ difference) / n
    deviation = float(np.sqrt(counts @ (difference - mean) ** 2 / n))
    if not deviation > 1e-12:
        return None
    ratio = float(np.sqrt(n) * mean / deviation)
    return LikelihoodRatio(ratio, float(erfc(abs(ratio) / np.sqrt(2.0))))


def _exponential(x: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Give the log-likelihood of each value under the exponential law that fits best."""
    above = x - x[0]
    rate = np.log1p(counts.sum() / (counts @ above))
    likelihood: np.ndarray = np.log(-np.expm1(-rate)) - rate * above
    return likelihood


def _lognormal(x: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Give the log-likelihood of each value under the lognormal law that fits best."""
    from scipy.optimize import minimize  # slow to import

    lower, upper = np.log(x - 0.5), np.log(x + 0.5)

    def likelihood(parameters: np.ndarray) -> np.ndarray:
        mu, sigma = parameters[0], np.exp(parameters[1])
        from_, to = (lower - mu) / sigma, (upper - mu) / sigma
        left = from_ + to < 0  # the tail that is small on this side keeps the digits
        small = np.where(left, log_ndtr(from_), log_ndtr(-to))
        large = np.where(left, log_ndtr(to), log_ndtr(-from_))
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = large + np.log(-np.expm1(np.minimum(small - large, 0.0)))
        found: np.ndarray = np.maximum(inside, -1e6) - log_ndtr(-from_[0])
        return found

    logs = np.log(x)
    mean = counts @ logs / counts.sum()
    deviation = np.sqrt(counts @ (logs - mean) ** 2 / counts.sum())
    best = minimize(
        lambda parameters: -float(counts @ likelihood(parameters)),
        np.array([mean, np.log(max(deviation, 1e-2))]),
        method="Nelder-Mead",
        bounds=[(-100.0, 100.0), (-6.0, 6.0)],
        options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 5000, "maxfev": 5000},
    )
    return likelihood(best.x)


_ALTERNATIVES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "lognormal": _lognormal,
    "exponential": _exponential,
}
_REASON = "fewer than two different degrees, or both laws fit alike"


def _compared(network: Network, alternative: str) -> LikelihoodRatio | None:
    return network.once(("power law against", alternative), lambda: compare_power_law(network.degrees, alternative))


@measure("standard")
def power_law_lognormal_ratio(network: Network) -> float:
    """Give the normalised likelihood ratio of power law and lognormal on the degrees: positive for the power law.

    See `compare_power_law`; `power_law_lognormal_p` tells whether the sign means something. Undefined with fewer than
    two different degrees above 0.

    Examples
    --------
    >>> import networkx as nx
    >>> power_law_lognormal_ratio(nx.barabasi_albert_graph(2000, 3, seed=0))
    -0.62...
    """
    found = _compared(network, "lognormal")
    return Undefined(_REASON) if found is None else found.ratio


@measure("standard")
def power_law_lognormal_p(network: Network) -> float:
    """Give the p-value of `power_law_lognormal_ratio`: small if one of the two laws fits clearly better.

    Undefined with fewer than two different degrees above 0.

    Examples
    --------
    >>> import networkx as nx
    >>> power_law_lognormal_p(nx.barabasi_albert_graph(2000, 3, seed=0))
    0.52...
    """
    found = _compared(network, "lognormal")
    return Undefined(_REASON) if found is None else found.p


@measure("standard")
def power_law_exponential_ratio(network: Network) -> float:
    """Give the normalised likelihood ratio of power law and exponential on the degrees: positive for the power law.

    See `compare_power_law`; `power_law_exponential_p` tells whether the sign means something. Undefined with fewer than
    two different degrees above 0.

    Examples
    --------
    >>> import networkx as nx
    >>> power_law_exponential_ratio(nx.barabasi_albert_graph(2000, 3, seed=0))
    5.09...
    """
    found = _compared(network, "exponential")
    return Undefined(_REASON) if found is None else found.ratio


@measure("standard")
def power_law_exponential_p(network: Network) -> float:
    """Give the p-value of `power_law_exponential_ratio`: small if one of the two laws fits clearly better.

    Undefined with fewer than two different degrees above 0.

    Examples
    --------
    >>> import networkx as nx
    >>> power_law_exponential_p(nx.barabasi_albert_graph(2000, 3, seed=0)) < 0.001
    True
    """
    found = _compared(network, "exponential")
    return Undefined(_REASON) if found is None else found.p
