"""Regrowth rules: a score for every unlinked pair, a block of rows at a time; the best pairs become links."""

from collections.abc import Callable
from functools import partial

import numpy as np

from netsparse.graph import LayerGraph
from netsparse.linkprediction.bipartite import RULES, BipartiteScorer
from netsparse.linkprediction.ranking import PairScorer, best_pairs
from netsparse.registry import Registry
from netsparse.topologies.budget import random_unlinked

RegrowthRule = Callable[[LayerGraph], PairScorer]

REGROWTH_RULES: Registry[RegrowthRule] = Registry("regrowth rule")
for _rule in RULES:
    REGROWTH_RULES.add(_rule, partial(BipartiteScorer, rule=_rule))


class RandomScorer:
    """The same score for every unlinked pair, so that the selector draws among all of them.

    Examples
    --------
    >>> RandomScorer(LayerGraph.from_mask([[1, 0]]))()
    array([[nan,  1.]])
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.shape = (graph.n_source, graph.n_target)
        self._biadjacency = graph.biadjacency

    def __call__(self, first: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the scores of rows first … stop − 1; linked pairs are NaN."""
        return np.where(self._biadjacency[first:stop].toarray() > 0, np.nan, 1.0)


REGROWTH_RULES.add("random", RandomScorer)


def regrow(
    graph: LayerGraph, k: int, rule: str, rng: np.random.Generator, *, subranking: bool = True, fill: str = "active"
) -> tuple[np.ndarray, int]:
    """Choose k new links: the unlinked pairs of highest positive score, then, if asked, random pairs of active neurons.

    Parameters
    ----------
    graph : LayerGraph
        What removal and percolation left.
    k : int
        Number of links to add.
    rule : str
        A name of `REGROWTH_RULES`.
    rng : numpy.random.Generator
    subranking : bool
        Order pairs of equal CH score at the cut by SPcorr; else at random.
    fill : {"active", "none"}
        What to do when fewer than k pairs have a positive score: draw the rest among the unlinked pairs of neurons that
        have a link, or leave it.

    Returns
    -------
    keys : numpy.ndarray of int64
        Sorted; k of them, fewer only if there is no room (or ``fill="none"``).
    n_filled : int
        How many of them were drawn to fill.
    """
    scorer = REGROWTH_RULES[rule](graph)
    chosen, _ = best_pairs(graph, scorer, k, "spcorr" if subranking else "random", rng, positive=True)
    missing = k - len(chosen)
    if missing == 0 or fill == "none":
        return np.sort(chosen), 0
    sources = np.flatnonzero(graph.source_degrees)
    targets = np.flatnonzero(graph.target_degrees)
    rows, columns = np.divmod(np.concatenate([graph.link_keys, chosen]), max(graph.n_target, 1))
    inside = np.isin(rows, sources) & np.isin(columns, targets)  # a random rule may have woken others
    taken = np.searchsorted(sources, rows[inside]) * len(targets) + np.searchsorted(targets, columns[inside])
    drawn = random_unlinked((len(sources), len(targets)), np.sort(taken), missing, rng)
    rows, columns = np.divmod(drawn, max(len(targets), 1))
    filled = sources[rows] * graph.n_target + targets[columns]
    return np.sort(np.concatenate([chosen, filled])), len(filled)
