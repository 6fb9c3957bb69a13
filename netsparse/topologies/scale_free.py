"""Bipartite scale-free (BSF): degrees of both sides follow a power law."""

import numpy as np
import scipy.sparse as sp

from netsparse.errors import NetsparseError
from netsparse.topologies.race import sample


def scale_free(
    shape: tuple[int, int], density: float, rng: np.random.Generator, data: object = None, *, gamma: float = 3.0
) -> sp.csr_array:
    """Bipartite scale-free graph, BSF(γ): P(degree) ∝ degree^−γ among source and among target neurons.

    The static model: the neurons of each side, in random order, have the fitness 1, 2, 3 … to the power −1/(γ − 1);
    links are drawn one after the other, pair (u, v) with chance ∝ fitness of u · fitness of v, no pair twice. Degrees
    are bounded by the size of the other side, so the law ends there.

    Parameters
    ----------
    shape : (int, int)
        (n_source, n_target).
    density : float
        Between 0 and 1.
    rng : numpy.random.Generator
    data : ignored
    gamma : float
        Above 2; 3 is the Barabási–Albert model's.

    Returns
    -------
    scipy.sparse.csr_array, shape (n_source, n_target)

    Raises
    ------
    NetsparseError
        If the density is outside 0 … 1, or γ not above 2.

    References
    ----------
    Goh, Kahng and Kim (2001), Universal behavior of load distribution in scale-free networks. Barabási and Albert
    (1999), Emergence of scaling in random networks.

    Examples
    --------
    >>> graph = scale_free((300, 300), 0.02, np.random.default_rng(0))
    >>> graph.nnz, bool(graph.sum(axis=0).max() > 5 * graph.sum(axis=0).mean())
    (1800, True)
    """
    if not 2.0 < gamma < float("inf"):
        raise NetsparseError(f"gamma must be a finite number above 2, it is {gamma}")
    source, target = (_fitness(n, gamma, rng) for n in shape)
    return sample(shape, density, rng, lambda first, stop: np.multiply.outer(source[first:stop], target))


def _fitness(n: int, gamma: float, rng: np.random.Generator) -> np.ndarray:
    fitness = np.arange(1, n + 1, dtype=np.float64) ** (-1.0 / (gamma - 1.0))
    return rng.permutation(fitness).astype(np.float32)
