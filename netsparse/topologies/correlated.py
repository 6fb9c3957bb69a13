"""Correlated sparse topological initialisation (CSTI): link the features that vary together."""

import logging
from typing import NamedTuple

import numpy as np
import scipy.linalg.blas as blas
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from netsparse.errors import NetsparseError
from netsparse.topologies.budget import from_pairs, link_budget, random_unlinked
from netsparse.topologies.race import RowScores, highest

_log = logging.getLogger("netsparse")

_BATCH = 256


def correlated(
    shape: tuple[int, int], density: float, rng: np.random.Generator, data: "np.ndarray | Correlations | None" = None
) -> sp.csr_array:
    """Correlated sparse topology (CSTI): the pairs of input features of largest |Pearson correlation|.

    The features' correlation matrix (diagonal 0) is tiled and cut to the layer's shape; the round(density · n_source ·
    n_target) largest entries become links, ties drawn at random. Features of zero variance get no link. If there are
    fewer non-zero correlations than links, the rest is drawn at random, and the log says so.

    Parameters
    ----------
    shape : (int, int)
        (n_source, n_target).
    density : float
        Between 0 and 1.
    rng : numpy.random.Generator
    data : numpy.ndarray, shape (n_samples, n_features), or Correlations
        Un-normalised inputs, other shapes flattened behind the first axis; or what `Correlations.of` made of them, to
        start several layers from the same data.

    Returns
    -------
    scipy.sparse.csr_array, shape (n_source, n_target)

    Raises
    ------
    NetsparseError
        If there are no data, fewer than two samples or no features, or the density is outside 0 … 1.

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology, section 3.2.

    Examples
    --------
    Features 0 and 1 go together, feature 2 goes its own way:

    >>> data = np.array([[0.0, 0.1, 3.0], [1.0, 1.2, 0.0], [2.0, 1.9, 2.5]])
    >>> correlated((3, 3), 2 / 9, np.random.default_rng(0), data).toarray()
    array([[0, 1, 0],
           [1, 0, 0],
           [0, 0, 0]], dtype=int32)
    """
    n_links = link_budget(shape, density)
    if data is None:
        raise NetsparseError("the correlated topology (CSTI) needs data: the training inputs, one row a sample")
    correlations = data if isinstance(data, Correlations) else Correlations.of(data)
    n_features = len(correlations.matrix)
    if not n_links:
        return from_pairs(np.empty(0, np.int64), shape)
    if not n_features:
        raise NetsparseError("the correlated topology (CSTI) needs data with features, these have none")
    columns = np.arange(shape[1]) % n_features

    def tiled(first: int, stop: int) -> np.ndarray:
        return correlations.matrix[np.ix_(np.arange(first, stop) % n_features, columns)]

    keys = highest(RowScores(shape, tiled), n_links, rng)
    missing = n_links - len(keys)
    if missing:
        _log.warning(
            "correlated topology: %d non-zero correlations for %d links; the other %d links are drawn at random",
            len(keys),
            n_links,
            missing,
        )
        keys = np.concatenate([keys, random_unlinked(shape, np.sort(keys), missing, rng)])
    return from_pairs(keys, shape)


class Correlations(NamedTuple):
    """What CSTI needs to know of the data.

    Attributes
    ----------
    matrix : numpy.ndarray of float32, shape (n_features, n_features)
        |Pearson correlation|, diagonal 0.
    """

    matrix: np.ndarray

    @classmethod
    def of(cls, data: np.ndarray) -> "Correlations":
        """Compute them from samples (see `correlation_matrix`)."""
        return cls(correlation_matrix(data))


def correlation_matrix(data: np.ndarray) -> np.ndarray:
    """Return |Pearson correlation| between features, diagonal 0, 0 for features without variance.

    Accumulated in place by batches of 256 samples: beside the data one (n_features, n_features) float32 matrix and one
    batch are held.

    Parameters
    ----------
    data : numpy.ndarray, shape (n_samples, …)

    Returns
    -------
    numpy.ndarray of float32, shape (n_features, n_features)

    Raises
    ------
    NetsparseError
        If there are fewer than two samples, or the data hold NaN or infinity.
    """
    data = np.asarray(data)
    if data.ndim < 2 or len(data) < 2:
        raise NetsparseError(f"correlations need at least two samples with features, the data have shape {data.shape}")
    data = data.reshape(len(data), -1)
    batches = [data[start : start + _BATCH] for start in range(0, len(data), _BATCH)]
    mean = sum(batch.sum(axis=0, dtype=np.float64) for batch in batches) / len(data)
    if not np.isfinite(mean).all():
        raise NetsparseError(f"the data hold NaN or infinity, first in feature {int(np.argmin(np.isfinite(mean)))}")
    deviation = np.sqrt(sum(((batch - mean) ** 2).sum(axis=0) for batch in batches) / len(data))
    varies = deviation > 1e-12 * np.maximum(1.0, np.abs(mean))
    scale = np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0)
    n = data.shape[1]
    correlation = np.zeros((n, n), np.float32, order="F")
    if n:
        with threadpool_limits(1, user_api="blas"):  # several threads would sum in another order
            for batch in batches:
                rows = ((batch - mean) * scale).astype(np.float32)
                correlation = blas.ssyrk(1.0 / len(data), rows.T, beta=1.0, c=correlation, overwrite_c=1)
    np.abs(correlation, out=correlation)
    for i in range(n):  # the product fills the upper triangle
        correlation[i, i] = 0.0
        correlation[i + 1 :, i] = correlation[i, i + 1 :]
    return correlation.T
