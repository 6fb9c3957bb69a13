"""Score, then select: one exact selector for removal, regrowth and start topologies."""

import numpy as np

from netsparse.errors import NetsparseError


def top_k(scores: np.ndarray, k: int, rng: np.random.Generator, tie_break: np.ndarray | None = None) -> np.ndarray:
    """Return the indices of exactly the k largest scores, best first.

    Equal scores are ordered by ``tie_break`` (larger first) and, where that is equal or missing, at random: a
    permutation of the tied indices drawn from ``rng``. Fewer than k only if there are fewer scores.

    Parameters
    ----------
    scores : numpy.ndarray, shape (n,)
        Without NaN.
    k : int
        How many.
    rng : numpy.random.Generator
        Draws the order of ties; the same state gives the same result.
    tie_break : numpy.ndarray, shape (n,), optional
        Second sort key.

    Returns
    -------
    numpy.ndarray of int64, shape (min(k, n),)

    Raises
    ------
    NetsparseError
        If k is negative or a score is NaN.

    Examples
    --------
    >>> top_k(np.array([0.1, 3.0, 2.0]), 2, np.random.default_rng(0))
    array([1, 2])
    """
    scores = np.asarray(scores)
    if k < 0:
        raise NetsparseError(f"k must not be negative, it is {k}")
    if np.isnan(scores).any():
        raise NetsparseError("scores must not be NaN")
    k = min(int(k), len(scores))
    if k == 0:
        return np.empty(0, np.int64)
    cut = np.partition(scores, len(scores) - k)[len(scores) - k]
    candidates = np.flatnonzero(scores >= cut)
    chance = rng.permutation(len(candidates))
    keys = [chance, -scores[candidates]]
    if tie_break is not None:
        keys.insert(1, -tie_break[candidates])
    return candidates[np.lexsort(keys)[:k]]


def soft_top_k(log_weights: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return the indices of k items drawn one by one without replacement, each with chance ∝ exp(log_weight).

    The Gumbel top-k trick: the k largest of log_weight + Gumbel noise. Items of log weight −∞ come last, in random
    order.

    References
    ----------
    Kool, van Hoof and Welling (2019), Stochastic beams and where to find them: the Gumbel-top-k trick for sampling
    sequences without replacement.

    Examples
    --------
    >>> soft_top_k(np.log([1.0, 1e-30, 1.0]), 2, np.random.default_rng(0))
    array([2, 0])
    """
    return top_k(log_weights + rng.gumbel(size=len(log_weights)), k, rng)


def find_keys(keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where wanted keys stand among sorted, unique keys, and whether they are there at all.

    Examples
    --------
    >>> find_keys(np.array([1, 4, 6]), np.array([4, 5]))
    (array([1, 2]), array([ True, False]))
    """
    at = np.searchsorted(keys, wanted)
    there = at < len(keys)
    there[there] = keys[at[there]] == wanted[there]
    return at, there
