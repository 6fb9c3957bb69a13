"""Weighted sampling of pairs without replacement, a block of rows at a time: nothing as large as all pairs is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from netsparse.topologies.budget import from_pairs, link_budget

if TYPE_CHECKING:
    from netsparse.linkprediction.ranking import PairScorer

# Scores this many bytes at a time.
_BLOCK_BYTES = 16 * 2**20


class RowScores:
    """Scores of all pairs by a function of rows, in the form that `netsparse.linkprediction.ranking` selects from.

    Parameters
    ----------
    shape : (int, int)
    rows : callable
        Takes first and stop, gives the float32 scores of these rows.
    """

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
        """Refuse: only scores of links, which are none of these, rank ties by SPcorr."""
        raise NotImplementedError("ties of these scores are ordered at random")


def raced(scores: PairScorer, rng: np.random.Generator, root: float = 1.0) -> RowScores:
    """Return score / E^(1/root), E drawn from the exponential distribution of mean 1.

    The k largest of them are k pairs drawn one by one without replacement, each with chance ∝ score^root: the Gumbel
    top-k trick, in other words.

    Parameters
    ----------
    scores : PairScorer
    rng : numpy.random.Generator
    root : float
        At least 1 and finite.
    """

    def rows(first: int, stop: int) -> np.ndarray:
        block = scores(first, stop, np.float32)
        chance = rng.standard_exponential(block.shape, np.float32)
        if root > 1.0:
            np.power(chance, np.float32(1.0 / root), out=chance)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.divide(block, chance, out=chance)

    return RowScores(scores.shape, rows)


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

    Parameters
    ----------
    shape : (int, int)
    density : float
    rng : numpy.random.Generator
    weights : callable
        Takes first and stop, gives the positive float32 weights of these rows.
    root : float
        At least 1; infinity takes the highest weights, ties at random.
    """
    scores = RowScores(shape, weights)
    if root < np.inf:
        scores = raced(scores, rng, root)
    return from_pairs(highest(scores, link_budget(shape, density), rng), shape)
