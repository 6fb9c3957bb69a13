"""The number of links that a shape and a density ask for, checked at the door."""

import numpy as np
import scipy.sparse as sp

from netsparse.errors import NetsparseError


def link_budget(shape: tuple[int, int], density: float) -> int:
    """Return ``round(density · n_source · n_target)``.

    Raises
    ------
    NetsparseError
        If a side is negative or the density is outside 0 … 1.

    Examples
    --------
    >>> link_budget((10, 20), 0.05)
    10
    """
    n_source, n_target = shape
    if n_source < 0 or n_target < 0:
        raise NetsparseError(f"a layer cannot have the shape {shape}")
    if not 0.0 <= density <= 1.0:
        raise NetsparseError(f"density must lie between 0 and 1, it is {density}")
    return round(density * n_source * n_target)


def from_pairs(keys: np.ndarray, shape: tuple[int, int]) -> sp.csr_array:
    """Make a biadjacency of unique pairs, source · n_target + target, in any order."""
    rows, columns = np.divmod(np.sort(keys), max(shape[1], 1))
    return sp.csr_array((np.ones(len(keys), np.int32), (rows, columns)), shape=shape)


def random_unlinked(shape: tuple[int, int], taken: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw k different pairs uniformly among those not in ``taken`` (sorted, unique); fewer if there are fewer."""
    free = shape[0] * shape[1] - len(taken)
    ordinals = np.sort(rng.choice(free, size=min(k, free), replace=False, shuffle=False)).astype(np.int64)
    # the n-th free key lies behind as many taken keys as stand at or before it
    return ordinals + np.searchsorted(taken - np.arange(len(taken)), ordinals, side="right")
