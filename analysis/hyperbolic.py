"""Distances in the hyperbolic disk and ball; how well two sets of coordinates agree."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import prange

from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError

Coordinate = np.ndarray | float

# Angles of evenly spread nodes that are equal, or opposite, up to rounding.
_SAME_ANGLE = 1e-9


def hyperbolic_distance(
    r1: Coordinate,
    theta1: Coordinate,
    r2: Coordinate,
    theta2: Coordinate,
    elevation1: Coordinate = 0.0,
    elevation2: Coordinate = 0.0,
) -> np.ndarray:
    """Distance of two points of the hyperbolic disk: acosh(cosh r₁ cosh r₂ − sinh r₁ sinh r₂ cos Δθ).

    Δθ = π − |π − |θ₁ − θ₂||; the distance at Δθ = 0 is |r₁ − r₂|. In the ball Δθ is the angle between the two
    directions, of which θ is the azimuth.

    Parameters
    ----------
    r1, theta1, r2, theta2 : float or numpy.ndarray
        Radii and angles (radians); arrays broadcast.
    elevation1, elevation2 : float or numpy.ndarray
        In the ball: the angles above the plane of the azimuth.

    Examples
    --------
    >>> float(hyperbolic_distance(1.0, 0.0, 2.0, np.pi))
    3.0
    """
    r1, r2, t1, t2, e1, e2 = (np.asarray(x, float) for x in (r1, r2, theta1, theta2, elevation1, elevation2))
    delta = np.pi - np.abs(np.pi - np.abs(t1 - t2))
    # sin²(Δ/2) of the angle Δ between two directions; 1 − cos Δ is twice it, without the loss of digits near 0
    half = np.sin((e1 - e2) / 2.0) ** 2 + np.cos(e1) * np.cos(e2) * np.sin(delta / 2.0) ** 2
    argument = np.cosh(r1 - r2) + 2.0 * np.sinh(r1) * np.sinh(r2) * half
    return np.where(half == 0.0, np.abs(r1 - r2), np.arccosh(np.maximum(argument, 1.0)))


def poincare_radius(radius: Coordinate) -> np.ndarray:
    """Radius at which to draw a point of hyperbolic radius r in the Poincaré disk: tanh(r/2), below 1.

    Examples
    --------
    >>> float(poincare_radius(0.0))
    0.0
    """
    return np.tanh(np.asarray(radius, float) / 2.0)


def hd_correlation(first: Any, second: Any) -> float:
    """Compare two sets of hyperbolic coordinates by all pairwise distances: their Pearson correlation (HD-correlation).

    O(n²) time, O(n) memory.

    Parameters
    ----------
    first, second : Embedding, or pair (theta, radius) of numpy.ndarray, shape (n,)
        Coordinates of the same nodes; nodes without a place in one of them (NaN) are left out. Those of the disk.

    Returns
    -------
    float
        −1 … 1. Undefined for fewer than three nodes, or if all distances are equal.

    Raises
    ------
    NetsparseError
        If the two do not describe equally many nodes, or lie in the ball.

    References
    ----------
    Muscoloni, Thomas, Ciucci, Bianconi, Cannistraci (2017), Machine learning meets complex networks via coalescent
    embedding in the hyperbolic space. Nature Communications 8, 1615.

    Examples
    --------
    A rotation changes no distance:

    >>> theta, radius = np.array([0.0, 1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0, 4.0])
    >>> round(hd_correlation((theta, radius), (theta + 0.5, radius)), 12)
    1.0
    """
    placed = [*_disk(first), *_disk(second)]
    if len({array.shape for array in placed}) > 1 or placed[0].ndim != 1:
        raise NetsparseError("the coordinates to compare must be of equally many nodes")
    coordinates = np.stack(placed)
    coordinates = np.ascontiguousarray(coordinates[:, np.isfinite(coordinates).all(axis=0)])
    if coordinates.shape[1] < 3:
        return Undefined("fewer than three nodes with coordinates")
    rows = _moments(coordinates)
    n_pairs = coordinates.shape[1] * (coordinates.shape[1] - 1) / 2
    x, y, xx, yy, xy = rows.sum(axis=0) / n_pairs
    spread = np.sqrt(max(xx - x * x, 0.0) * max(yy - y * y, 0.0))
    if spread <= 1e-12 * (xx * yy) ** 0.5:
        return Undefined("all distances are equal")
    return float((xy - x * y) / spread)


def c_score(theta: np.ndarray, known: np.ndarray) -> float:
    """Compare angles with known ones: the share of pairs in the same circular order (C-score).

    A pair is in the same order if the shorter way from one node to the other turns the same way in both; of the two
    orientations of the circle the better counts. Two nodes that face each other, or stand at one angle, have no shorter
    way: they are in the same order if they do so in both. O(n²) time, O(n) memory.

    Parameters
    ----------
    theta, known : numpy.ndarray, shape (n,)
        Angles; nodes without one (NaN) are left out.

    Returns
    -------
    float
        About 0.5 by chance, 1 for equal orders. Undefined for fewer than two nodes.

    Raises
    ------
    NetsparseError
        If the two are not equally long.

    References
    ----------
    Muscoloni, Thomas, Ciucci, Bianconi, Cannistraci (2017), Machine learning meets complex networks via coalescent
    embedding in the hyperbolic space. Nature Communications 8, 1615.

    Examples
    --------
    >>> c_score(np.array([0.0, 1.0, 2.0]), np.array([3.0, 2.0, 1.0]))
    1.0
    """
    theta, known = np.asarray(theta, float), np.asarray(known, float)
    if theta.shape != known.shape or theta.ndim != 1:
        raise NetsparseError("the angles to compare must be two vectors of equal length")
    both = np.isfinite(theta) & np.isfinite(known)
    n = int(both.sum())
    if n < 2:
        return Undefined("fewer than two nodes with angles")
    agreeing, opposite = _turns(theta[both], known[both]).sum(axis=0)
    return float(max(agreeing, opposite) / (n * (n - 1) / 2))


def _disk(coordinates: Any) -> tuple[np.ndarray, np.ndarray]:
    if getattr(coordinates, "elevation", None) is not None:
        raise NetsparseError("coordinates in the ball: distances are compared in the disk, with dims=2")
    theta, radius = coordinates if isinstance(coordinates, tuple) else (coordinates.theta, coordinates.radius)
    return np.asarray(theta, float), np.asarray(radius, float)


@numba.njit(cache=True, nogil=True)
def place_products(theta, radius):  # type: ignore[no-untyped-def]
    """Prepare what `distance_argument` needs of every node: e^r, e^−r, sinh r, cos θ/2, sin θ/2."""
    n = len(theta)
    found = np.empty((5, n))
    for i in range(n):
        grown = np.exp(radius[i])
        found[0, i], found[1, i] = grown, 1.0 / grown
        found[2, i] = np.sinh(radius[i])
        found[3, i], found[4, i] = np.cos(theta[i] / 2.0), np.sin(theta[i] / 2.0)
    return found


@numba.njit(cache=True, nogil=True, inline="always")
def distance_argument(place, i, j):  # type: ignore[no-untyped-def]
    """Cosh of the distance less 1: cosh(r₁−r₂) − 1 + 2 sinh r₁ sinh r₂ sin²(Δθ/2), from products alone."""
    turn = place[4, i] * place[3, j] - place[3, i] * place[4, j]
    along = 0.5 * (place[0, i] * place[1, j] + place[1, i] * place[0, j]) - 1.0
    return max(along, 0.0) + 2.0 * place[2, i] * place[2, j] * turn * turn


@numba.njit(cache=True, nogil=True, inline="always")
def from_argument(argument):  # type: ignore[no-untyped-def]
    """Acosh(1 + argument), exact near 0 as well."""
    return np.log1p(argument + np.sqrt(argument * (argument + 2.0)))


@numba.njit(cache=True, parallel=True, nogil=True)
def _moments(coordinates):  # type: ignore[no-untyped-def]
    """Sum x, y, x², y² and xy over the later nodes of each node, x and y the distances in the two placings."""
    n = coordinates.shape[1]
    first = place_products(coordinates[0], coordinates[1])
    second = place_products(coordinates[2], coordinates[3])
    sums = np.zeros((n, 5))
    for i in prange(n):
        x_sum, y_sum, xx, yy, xy = 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(i + 1, n):
            x = from_argument(distance_argument(first, i, j))
            y = from_argument(distance_argument(second, i, j))
            x_sum += x
            y_sum += y
            xx += x * x
            yy += y * y
            xy += x * y
        sums[i] = (x_sum, y_sum, xx, yy, xy)
    return sums


@numba.njit(cache=True, nogil=True, inline="always")
def _turn(difference):  # type: ignore[no-untyped-def]
    """Which way the shorter way around turns: 1, −1; 0 for equal angles, 2 for half a turn."""
    difference %= 2.0 * np.pi
    if difference < _SAME_ANGLE or difference > 2.0 * np.pi - _SAME_ANGLE:
        return 0
    if abs(difference - np.pi) < _SAME_ANGLE:
        return 2
    return 1 if difference < np.pi else -1


@numba.njit(cache=True, parallel=True, nogil=True)
def _turns(theta, known):  # type: ignore[no-untyped-def]
    """Of each node: the later nodes that lie on the same side of it in both, and on the other."""
    n = len(theta)
    counts = np.zeros((n, 2), np.int64)
    for i in prange(n):
        same, other = 0, 0
        for j in range(i + 1, n):
            a, b = _turn(theta[j] - theta[i]), _turn(known[j] - known[i])
            same += a == b
            other += a == -b or (a == 2 and b == 2)
        counts[i] = (same, other)
    return counts
