"""The power law's inner loops: ζ on the grid of exponents, the fit of a histogram, the bootstrap."""

from functools import cache

import numba
import numpy as np

from netsparse.splitmix import STEP, unit

# The grid of exponents γ: 1.01, 1.02, …, 10.
GAMMAS = np.round(np.arange(1.01, 10.005, 0.01), 2)
# ζ(γ, x) comes from a table up to this x; above, a few terms of Euler–Maclaurin are exact to float64.
TABLE = 2048


@numba.njit(cache=True, nogil=True)
def _zeta_far(gamma: float, x: float) -> float:
    """Give Hurwitz' ζ(γ, x) = Σ_{k ≥ 0} (x + k)^−γ for a large x by the Euler–Maclaurin formula."""
    power = x**-gamma
    square = 1.0 / (x * x)
    third = gamma * (gamma + 1.0) * (gamma + 2.0)
    fifth = third * (gamma + 3.0) * (gamma + 4.0)
    terms = gamma / 12.0 - third / 720.0 * square + fifth / 30240.0 * square * square
    return power * (x / (gamma - 1.0) + 0.5 + terms / x)


@numba.njit(cache=True, nogil=True, parallel=True)
def _zeta_table(gammas: np.ndarray, last: int) -> np.ndarray:
    table = np.empty((len(gammas), last + 1))
    for g in numba.prange(len(gammas)):
        table[g, 0] = np.inf
        total = _zeta_far(gammas[g], last + 1.0)
        for x in range(last, 0, -1):  # from small terms to large ones
            total += np.exp(-gammas[g] * np.log(float(x)))
            table[g, x] = total
    return table


@cache
def zeta_table() -> np.ndarray:
    """Return ζ(γ, x) for every γ of the grid (rows) and every x up to `TABLE` (columns; column 0 is no use)."""
    return _zeta_table(GAMMAS, TABLE)


@numba.njit(cache=True, nogil=True)
def zeta(g: int, x: int, gammas: np.ndarray, table: np.ndarray) -> float:
    """Give ζ(γ_g, x) for a whole x ≥ 1."""
    return table[g, x] if x < table.shape[1] else _zeta_far(gammas[g], float(x))


@numba.njit(cache=True, nogil=True)
def _likeliest(log_sum: float, n_tail: int, x_min: int, gammas: np.ndarray, table: np.ndarray) -> int:
    """Return the grid's γ of highest likelihood, which is concave in γ: halve the grid by the sign of its slope."""
    low, high = 0, len(gammas) - 1
    while low < high:
        middle = (low + high) // 2
        here = -gammas[middle] * log_sum - n_tail * np.log(zeta(middle, x_min, gammas, table))
        after = -gammas[middle + 1] * log_sum - n_tail * np.log(zeta(middle + 1, x_min, gammas, table))
        if after > here:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, nogil=True)
def fit_histogram(
    values: np.ndarray, counts: np.ndarray, gammas: np.ndarray, table: np.ndarray, bound: float, stop: bool
) -> tuple[int, int, float, int]:
    """Fit a histogram of at least two values (ascending).

    Only fits of a Kolmogorov–Smirnov distance below ``bound`` count; with ``stop`` the first of them is returned.

    Returns
    -------
    g, i, distance, n_tail
        Index of γ, index of x_min, or −1 twice if no fit is within the bound.
    """
    m = len(values)
    tail_logs = np.empty(m)
    tail_counts = np.empty(m, np.int64)
    log_sum, n_tail = 0.0, 0
    for j in range(m - 1, -1, -1):
        log_sum += counts[j] * np.log(float(values[j]))
        n_tail += counts[j]
        tail_logs[j], tail_counts[j] = log_sum, n_tail
    best_g, best_i, best, best_n = -1, -1, bound, 0
    for i in range(m - 1):
        n_tail = tail_counts[i]
        g = _likeliest(tail_logs[i], n_tail, values[i], gammas, table)
        whole = zeta(g, values[i], gammas, table)
        worst, seen = 0.0, 0
        for j in range(i, m):
            # between two values the data stand still: the law is farthest just before the next, or at a value
            if j > i:
                worst = max(worst, abs(1.0 - zeta(g, values[j], gammas, table) / whole - seen / n_tail))
            seen += counts[j]
            worst = max(worst, abs(1.0 - zeta(g, values[j] + 1, gammas, table) / whole - seen / n_tail))
            if worst >= best:
                break
        if worst < best:
            best_g, best_i, best, best_n = g, i, worst, n_tail
            if stop:
                break
    return best_g, best_i, best, best_n


@numba.njit(cache=True, nogil=True)
def draw_histogram(
    n: int, seed: int, support: np.ndarray, above: np.ndarray, guide: np.ndarray, gamma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw n values by inversion and return their histogram.

    ``above[k]`` = P(X > support[k]), falling; ``guide[b]`` is the first k with above[k] ≤ (b + 1) / len(guide). Beyond
    the support's end values follow the continuous law.
    """
    state = np.uint64(seed)
    hits = np.zeros(len(support), np.int64)
    far = np.empty(n, np.int64)
    n_far, last = 0, len(support) - 1
    for _ in range(n):
        state += STEP
        u = unit(state)
        if u < above[last]:
            x = (
                np.floor((support[last] + 0.5) * (u / above[last]) ** (-1.0 / (gamma - 1.0)) + 0.5)
                if u > 0.0
                else 2.0**52
            )
            far[n_far] = np.int64(min(x, 2.0**52))
            n_far += 1
            continue
        k = guide[np.int64(u * len(guide))]
        while above[k] > u:
            k += 1
        hits[k] += 1
    beyond = np.sort(far[:n_far])
    values = np.empty(len(support) + n_far, np.int64)
    counts = np.zeros(len(support) + n_far, np.int64)
    m = 0
    for k in range(len(support)):
        if hits[k]:
            values[m], counts[m] = support[k], hits[k]
            m += 1
    for k in range(n_far):
        if m and values[m - 1] == beyond[k]:
            counts[m - 1] += 1
        else:
            values[m], counts[m] = beyond[k], 1
            m += 1
    return values[:m], counts[:m]


@numba.njit(cache=True, nogil=True, parallel=True)
def count_worse(
    n: int,
    seeds: np.ndarray,
    support: np.ndarray,
    above: np.ndarray,
    guide: np.ndarray,
    gamma: float,
    distance: float,
    gammas: np.ndarray,
    table: np.ndarray,
) -> int:
    """Count the synthetic data sets, one a seed, whose best fit is no nearer than ``distance``."""
    worse = np.zeros(len(seeds), np.uint8)
    for b in numba.prange(len(seeds)):
        values, counts = draw_histogram(n, seeds[b], support, above, guide, gamma)
        if len(values) > 1:
            g, _, _, _ = fit_histogram(values, counts, gammas, table, distance, True)
            worse[b] = g < 0
    return int(worse.sum())
