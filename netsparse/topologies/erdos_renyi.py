"""Erdős–Rényi: every set of links of the wanted size is equally likely."""

import numpy as np
import scipy.sparse as sp

from netsparse.topologies.budget import from_pairs, link_budget, random_unlinked


def erdos_renyi(shape: tuple[int, int], density: float, rng: np.random.Generator, data: object = None) -> sp.csr_array:
    """Erdős–Rényi random bipartite graph with exactly round(density · n_source · n_target) links.

    Parameters
    ----------
    shape : (int, int)
        (n_source, n_target).
    density : float
        Between 0 and 1.
    rng : numpy.random.Generator
    data : ignored

    Returns
    -------
    scipy.sparse.csr_array, shape (n_source, n_target)

    Raises
    ------
    NetsparseError
        If the density is outside 0 … 1.

    References
    ----------
    Erdős and Rényi (1959), On random graphs I.

    Examples
    --------
    >>> erdos_renyi((10, 20), 0.05, np.random.default_rng(0)).nnz
    10
    """
    return from_pairs(random_unlinked(shape, np.empty(0, np.int64), link_budget(shape, density), rng), shape)
