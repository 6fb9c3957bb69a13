"""Angles turned to fit others, and communities numbered like others."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def align(theta: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Turn, and if need be mirror, angles so that they lie as near to others as they can.

    Maximises Σ w cos(±θ + δ − φ) over the sign and the angle δ: δ = −arg Σ w e^{i(±θ − φ)}.

    Parameters
    ----------
    theta, reference : numpy.ndarray, shape (n,)
    weights : numpy.ndarray, shape (n,)
        0 where either angle is unknown.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Angles in 0 … 2π; NaN where ``theta`` is.

    Examples
    --------
    >>> align(np.array([0.5, 1.5, 2.5]), np.array([6.0, 5.0, 4.0]), np.ones(3))
    array([6., 5., 4.])
    """
    used = weights > 0
    if not used.any():
        return theta
    w, phi = weights[used], reference[used]
    sums = {sign: np.sum(w * np.exp(1j * (sign * theta[used] - phi))) for sign in (1.0, -1.0)}
    sign = 1.0 if abs(sums[1.0]) >= abs(sums[-1.0]) - 1e-12 else -1.0
    return np.mod(sign * theta - np.angle(sums[sign]), 2 * np.pi)


def match_communities(labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Give communities the numbers of those of another partition with which they share the most nodes.

    New ones get new numbers; −1 stays −1. The assignment is that of most shared nodes in all
    (`scipy.optimize.linear_sum_assignment`).

    Examples
    --------
    >>> match_communities(np.array([0, 0, 1, 2, -1]), np.array([3, 3, 0, 0, 0]))
    array([ 3,  3,  0,  1, -1])
    """
    here = labels >= 0
    own, own_index = np.unique(labels[here], return_inverse=True)
    if not len(own):
        return labels
    both = here & (reference >= 0)
    others, other_index = np.unique(reference[both], return_inverse=True)
    shared = np.zeros((len(own), len(others)), np.int64)
    np.add.at(shared, (np.searchsorted(own, labels[both]), other_index), 1)
    rows, columns = linear_sum_assignment(-shared)
    numbers = np.full(len(own), -1, np.int64)
    good = shared[rows, columns] > 0
    numbers[rows[good]] = others[columns[good]]
    taken = set(reference[reference >= 0].tolist())
    free = iter(k for k in range(len(own) + len(taken) + 1) if k not in taken)
    for place in np.flatnonzero(numbers < 0):
        numbers[place] = next(free)
    matched = np.full(len(labels), -1, np.int64)
    matched[here] = numbers[own_index]
    return matched
