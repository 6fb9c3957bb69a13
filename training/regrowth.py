"""Regrowth rules: which unlinked pairs become links."""

from collections.abc import Callable
from functools import partial

import numpy as np

from netsparse.graph import LayerGraph
from netsparse.linkprediction import RULES, make_scorer
from netsparse.linkprediction.ranking import best_pairs
from netsparse.registry import Registry
from netsparse.topologies.budget import random_unlinked

# graph, how many, subranking, rng -> keys of new links
RegrowthRule = Callable[[LayerGraph, int, bool, np.random.Generator], np.ndarray]

REGROWTH_RULES: Registry[RegrowthRule] = Registry("regrowth rule")


def by_link_prediction(
    graph: LayerGraph, k: int, subranking: bool, rng: np.random.Generator, *, rule: str
) -> np.ndarray:
    """Choose the k unlinked pairs of highest positive score, in any order; fewer if fewer have a path.

    Examples
    --------
    >>> by_link_prediction(LayerGraph.from_mask([[1, 0], [1, 1]]), 3, True, np.random.default_rng(0), rule="ch3-l3")
    array([1])
    """
    ties = "spcorr" if subranking else "random"
    return best_pairs(make_scorer(graph, rule), k, ties, rng, positive=True)[0]


def at_random(graph: LayerGraph, k: int, subranking: bool, rng: np.random.Generator) -> np.ndarray:
    """Choose k of the unlinked pairs, all of them alike; fewer if there are fewer.

    Examples
    --------
    >>> at_random(LayerGraph.from_mask([[1, 0]]), 1, True, np.random.default_rng(0))
    array([1])
    """
    return random_unlinked((graph.n_source, graph.n_target), graph.link_keys, k, rng)


for _rule in RULES:
    REGROWTH_RULES.add(_rule, partial(by_link_prediction, rule=_rule))
REGROWTH_RULES.add("random", at_random)


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
    chosen = REGROWTH_RULES[rule](graph, k, subranking, rng)
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
