"""Weighted sampling of pairs without replacement, a block of rows at a time: nothing as large as all pairs is held."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from netsparse.topologies.budget import from_pairs, link_budget

# Scores this many bytes at a time.
_BLOCK_BYTES = 16 * 2**20


class RowScores:
    """Scores of all pairs by a function of rows, in the form that `netsparse.linkprediction.ranking` selects from."""

    offset = 0
    links = sp.csr_array((0, 0))

    def __init__(self, shape: tuple[int, int], rows: Callable[[int, int], np.ndarray]) -> None:
        self.shape = shape
        self.rows = rows
        self.costs = np.ones(shape[0])

    def __call__(
        self, first: int = 0, stop: int | None = None, dtype: type[np.floating] | str = np.float32
    ) -> np.ndarray:
        """Return the scores of rows first … stop − 1."""
        return self.rows(first, self.shape[0] if stop is None else stop)

    def linked_scores(self) -> np.ndarray:
        """Return nothing: no pair is linked yet."""
        return np.empty(0)


def highest(scores: RowScores, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return the keys of the k pairs of highest positive score, ties at random; fewer if fewer are positive."""
    from netsparse.linkprediction.ranking import best_pairs  # which draws from this package itself

    return best_pairs(scores, k, "random", rng, positive=True, block_bytes=_BLOCK_BYTES)[0]


def sample(
    shape: tuple[int, int],
    density: float,
    rng: np.random.Generator,
    weights: Callable[[int, int], np.ndarray],
    root: float = 1.0,
) -> sp.csr_array:
    """Draw round(density · n_source · n_target) pairs, one after the other, each with chance ∝ its weight^root.

    Every pair gets the score weight / E^(1/root), E drawn from the exponential distribution of mean 1, and the highest
    scores win: the Gumbel top-k trick, in other words.

    Parameters
    ----------
    shape : (int, int)
    density : float
    rng : numpy.random.Generator
    weights : callable
        Takes first and stop, gives the positive float32 weights of these rows, which may be changed in place.
    root : float
        At least 1; infinity takes the highest weights, ties at random.
    """
    n_links = link_budget(shape, density)

    def rows(first: int, stop: int) -> np.ndarray:
        block = weights(first, stop)
        if root < np.inf:
            chance = rng.standard_exponential(block.shape, np.float32)
            if root > 1.0:
                np.power(chance, np.float32(1.0 / root), out=chance)
            with np.errstate(divide="ignore"):
                np.divide(block, chance, out=block)
        return block

    return from_pairs(highest(RowScores(shape, rows), n_links, rng), shape)
