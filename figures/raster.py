"""Faint lines and dots on a grid of pixels, without matplotlib's cost a line: for the many frames of a film.

Coordinates are (x, y) in pixels, x along a row, y down the rows; the middle of pixel (row i, column j) is (j, i).
"""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def add_lines(ink: np.ndarray, starts: np.ndarray, ends: np.ndarray, weights: np.ndarray, inks: np.ndarray) -> None:
    """Add straight lines, one pixel wide, to the inks that lie on each pixel.

    A line gives two pixels a step along its longer side their share (Wu's antialiasing), more where it is steep to the
    grid, so that as much ink lies on a line of one length whatever its direction. What is outside is cut.

    Parameters
    ----------
    ink : numpy.ndarray of float32, shape (rows, columns, k)
        Changed in place.
    starts, ends : numpy.ndarray of float64, shape (m, 2)
    weights : numpy.ndarray of float64, shape (m,)
        Lines of 0 cost nothing.
    inks : numpy.ndarray of float64, shape (m, k)
        Of each line, to multiply with its weight.

    Examples
    --------
    >>> ink = np.zeros((2, 3, 1), np.float32)
    >>> add_lines(ink, np.array([[0.0, 0.25]]), np.array([[2.0, 0.25]]), np.ones(1), np.ones((1, 1)))
    >>> ink[:, :, 0]
    array([[0.75, 0.75, 0.75],
           [0.25, 0.25, 0.25]], dtype=float32)
    """
    rows, columns, n_inks = ink.shape
    for k in range(len(weights)):
        if weights[k] == 0.0:
            continue
        x0, y0, x1, y1 = starts[k, 0], starts[k, 1], ends[k, 0], ends[k, 1]
        steep = abs(y1 - y0) > abs(x1 - x0)
        if steep:
            x0, y0, x1, y1 = y0, x0, y1, x1
        if x0 > x1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        if x1 == x0:  # a point
            continue
        slope = (y1 - y0) / (x1 - x0)
        share = weights[k] * np.sqrt(1.0 + slope * slope)
        long, wide = (rows, columns) if steep else (columns, rows)
        for x in range(max(int(np.ceil(x0)), 0), min(int(np.floor(x1)), long - 1) + 1):
            y = y0 + slope * (x - x0)
            low = int(np.floor(y))
            part = y - low
            for at, amount in ((low, share * (1.0 - part)), (low + 1, share * part)):
                if 0 <= at < wide:
                    i, j = (x, at) if steep else (at, x)
                    for c in range(n_inks):
                        ink[i, j, c] += amount * inks[k, c]


@numba.njit(cache=True, nogil=True)
def add_dots(
    image: np.ndarray,
    places: np.ndarray,
    radii: np.ndarray,
    square: np.ndarray,
    colours: np.ndarray,
    alpha: np.ndarray,
    edge: float,
) -> None:
    """Paint dots with a white edge, one over the other in their order.

    Parameters
    ----------
    image : numpy.ndarray of float32, shape (rows, columns, 3)
        Colours 0 … 1; changed in place.
    places : numpy.ndarray of float64, shape (n, 2)
    radii : numpy.ndarray of float64, shape (n,)
        In pixels, edge included; of a square half its side.
    square : numpy.ndarray of bool, shape (n,)
        Squares; the others are circles.
    colours : numpy.ndarray of float64, shape (n, 3)
    alpha : numpy.ndarray of float64, shape (n,)
        Dots of 0 cost nothing.
    edge : float
        Width of the edge in pixels.

    Examples
    --------
    >>> image = np.ones((1, 3, 3), np.float32)
    >>> red = np.array([[1.0, 0.0, 0.0]])
    >>> add_dots(image, np.array([[1.0, 0.0]]), np.array([1.0]), np.array([False]), red, np.array([0.5]), 0.0)
    >>> image[0, :, 1]
    array([0.75, 0.5 , 0.75], dtype=float32)
    """
    rows, columns = image.shape[:2]
    for k in range(len(radii)):
        if alpha[k] == 0.0:
            continue
        x, y, radius = places[k, 0], places[k, 1], radii[k]
        top, bottom = max(int(np.floor(y - radius)), 0), min(int(np.ceil(y + radius)), rows - 1)
        left, right = max(int(np.floor(x - radius)), 0), min(int(np.ceil(x + radius)), columns - 1)
        for i in range(top, bottom + 1):
            for j in range(left, right + 1):
                dx, dy = abs(j - x), abs(i - y)
                distance = max(dx, dy) if square[k] else np.sqrt(dx * dx + dy * dy)
                cover = min(max(radius + 0.5 - distance, 0.0), 1.0)
                if cover == 0.0:
                    continue
                inside = min(max(radius - edge + 0.5 - distance, 0.0), 1.0) / cover
                for c in range(3):
                    own = 1.0 + inside * (colours[k, c] - 1.0)
                    image[i, j, c] += alpha[k] * cover * (own - image[i, j, c])
