"""Fully connected: the start of the dense baseline."""

import numpy as np
import scipy.sparse as sp

from netsparse.errors import NetsparseError
from netsparse.topologies.budget import from_pairs, link_budget


def fully_connected(
    shape: tuple[int, int], density: float, rng: np.random.Generator, data: object = None
) -> sp.csr_array:
    """Fully connected layer: all links; the density must be 1.

    Parameters
    ----------
    shape : (int, int)
        (n_source, n_target).
    density : float
        1.
    rng, data : ignored

    Returns
    -------
    scipy.sparse.csr_array, shape (n_source, n_target)

    Raises
    ------
    NetsparseError
        If the density is not 1.

    Examples
    --------
    >>> fully_connected((2, 3), 1.0, np.random.default_rng(0)).nnz
    6
    """
    n_links = link_budget(shape, density)
    if n_links != shape[0] * shape[1]:
        raise NetsparseError(f"a fully connected layer has density 1, not {density}")
    return from_pairs(np.arange(n_links), shape)
