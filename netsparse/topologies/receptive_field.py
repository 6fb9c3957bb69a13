"""Bipartite receptive field (BRF): neurons are linked to neurons near them."""

import numpy as np
import scipy.sparse as sp

from netsparse.errors import NetsparseError
from netsparse.topologies.race import sample


def receptive_field(
    shape: tuple[int, int], density: float, rng: np.random.Generator, data: object = None, *, r: float = 0.2
) -> sp.csr_array:
    """Bipartite receptive field, BRF(r): the nearer two neurons on a ring, the likelier their link.

    Source and target neurons stand evenly on one ring; d is the distance of two, in neurons of the larger side. Links
    are drawn one after the other, pair (u, v) with chance ∝ (1 + d)^−((1 − r) / r), no pair twice: r = 0 takes the
    nearest pairs, r = 1 is Erdős–Rényi.

    Parameters
    ----------
    shape : (int, int)
        (n_source, n_target).
    density : float
        Between 0 and 1.
    rng : numpy.random.Generator
    data : ignored
    r : float
        Randomness, between 0 and 1.

    Returns
    -------
    scipy.sparse.csr_array, shape (n_source, n_target)

    Raises
    ------
    NetsparseError
        If the density or r is outside 0 … 1.

    References
    ----------
    Zhang et al. (2025), Brain network science modelling of sparse neural networks enables Transformers and LLMs to
    perform as fully connected.

    Examples
    --------
    >>> receptive_field((4, 4), 0.25, np.random.default_rng(0), r=0.0).toarray()
    array([[1, 0, 0, 0],
           [0, 1, 0, 0],
           [0, 0, 1, 0],
           [0, 0, 0, 1]], dtype=int32)
    """
    if not 0.0 <= r <= 1.0:
        raise NetsparseError(f"r must lie between 0 and 1, it is {r}")
    source, target = ((np.arange(n, dtype=np.float32) + 0.5) / max(n, 1) for n in shape)
    power = np.inf if r == 0.0 else (1.0 - r) / r

    def weights(first: int, stop: int) -> np.ndarray:
        apart = np.abs(np.subtract.outer(source[first:stop], target))
        return (1.0 + max(shape) * np.minimum(apart, 1.0 - apart)).astype(np.float32) ** np.float32(-min(power, 1.0))

    # above power 1 the race is run in the power-th root of chance: the same winners, and no number underflows
    return sample(shape, density, rng, weights, root=max(power, 1.0))
