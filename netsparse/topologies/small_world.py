"""Bipartite small world (BSW): a ring lattice, some of whose links are rewired."""

import numpy as np
import scipy.sparse as sp

from netsparse.errors import NetsparseError
from netsparse.topologies.budget import from_pairs, link_budget, random_unlinked


def small_world(
    shape: tuple[int, int], density: float, rng: np.random.Generator, data: object = None, *, beta: float = 0.25
) -> sp.csr_array:
    """Bipartite small world, BSW(β): each target neuron linked to its nearest source neurons, a share β rewired.

    Source and target neurons stand evenly on one ring. Every target neuron is linked to the n_links / n_target source
    neurons nearest to it (rounded so that the count is exact). Then each link goes, with probability β, to a pair drawn
    uniformly among the free ones: β = 0 is the lattice, β = 1 Erdős–Rényi; a small β has both the lattice's clustering
    and the random graph's short paths.

    Parameters
    ----------
    shape : (int, int)
        (n_source, n_target).
    density : float
        Between 0 and 1.
    rng : numpy.random.Generator
    data : ignored
    beta : float
        Between 0 and 1.

    Returns
    -------
    scipy.sparse.csr_array, shape (n_source, n_target)

    Raises
    ------
    NetsparseError
        If the density or β is outside 0 … 1.

    References
    ----------
    Watts and Strogatz (1998), Collective dynamics of 'small-world' networks. Zhang et al. (2025), Brain network science
    modelling of sparse neural networks enables Transformers and LLMs to perform as fully connected.

    Examples
    --------
    >>> small_world((6, 6), 2 / 6, np.random.default_rng(0), beta=0.0).toarray()
    array([[1, 0, 0, 0, 0, 1],
           [1, 1, 0, 0, 0, 0],
           [0, 1, 1, 0, 0, 0],
           [0, 0, 1, 1, 0, 0],
           [0, 0, 0, 1, 1, 0],
           [0, 0, 0, 0, 1, 1]], dtype=int32)
    """
    if not 0.0 <= beta <= 1.0:
        raise NetsparseError(f"beta must lie between 0 and 1, it is {beta}")
    n_links = link_budget(shape, density)
    if n_links == 0:
        return from_pairs(np.empty(0, np.int64), shape)
    n_source, n_target = shape
    targets = np.arange(n_target)
    ends = (targets + 1) * n_links // n_target  # the remainder is spread evenly
    degrees = np.diff(ends, prepend=0)
    centres = np.floor((targets + 0.5) * n_source / n_target - degrees / 2 + 0.5).astype(np.int64)
    columns = np.repeat(targets, degrees)
    steps = np.arange(n_links) - np.repeat(ends - degrees, degrees)
    rows = (np.repeat(centres, degrees) + steps) % n_source
    keys = rows * n_target + columns
    stays = keys[rng.random(n_links) >= beta]
    return from_pairs(np.concatenate([stays, random_unlinked(shape, np.sort(stays), n_links - len(stays), rng)]), shape)
