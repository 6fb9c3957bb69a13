"""Regrowth rules: a score for every unlinked pair; one selector makes links of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.linkprediction import RULES, make_scorer
from netsparse.linkprediction.ranking import PairScorer, best_pairs
from netsparse.registry import Registry
from netsparse.topologies.budget import random_unlinked
from netsparse.topologies.race import RowScores, raced


class RowGradients(Protocol):
    """The gradient of the loss for every pair of a layer, linked or not, made a block of rows at a time."""

    def rows(self, first: int, stop: int) -> np.ndarray:
        """Return float32 gradients of source neurons first … stop − 1, shape (stop − first, n_target)."""


# graph, gradients or None -> scores of the unlinked pairs; None: all alike
RegrowthRule = Callable[[LayerGraph, RowGradients | None], PairScorer | None]

REGROWTH_RULES: Registry[RegrowthRule] = Registry("regrowth rule")

# Rules that need dense gradients, and of how many steps before the update.
GRADIENT_STEPS = {"gradient": 1, "momentum": 20}
# Dense gradients this many bytes at a time.
_GRADIENT_BYTES = 8 * 2**20


def by_link_prediction(graph: LayerGraph, gradients: RowGradients | None, *, rule: str) -> PairScorer:
    """Score pairs by a rule of the link-prediction engine.

    Examples
    --------
    >>> by_link_prediction(LayerGraph.from_mask([[1, 0], [1, 1]]), None, rule="cn-l3")()
    array([[nan,  1.],
           [nan, nan]])
    """
    return make_scorer(graph, rule)


def at_random(graph: LayerGraph, gradients: RowGradients | None) -> None:
    """Score all pairs alike."""


def by_gradient(graph: LayerGraph, gradients: RowGradients | None) -> PairScorer:
    """Score pairs by |gradient| of the loss: of the last step (RigL), or with momentum over the last ones (SNFS).

    References
    ----------
    Evci et al. (2020), Rigging the lottery: making all tickets winners. Dettmers and Zettlemoyer (2019), Sparse
    networks from scratch: faster training without losing performance.
    """
    if gradients is None:
        raise NetsparseError(
            f"layer '{graph.name}' has no dense gradient to grow links by: no loss.backward() came between the last "
            "topology.step() and this one (or through a module that torch.compile had compiled before: it does not see "
            "hooks that come later)"
        )
    links, found = graph.biadjacency, gradients

    def rows(first: int, stop: int) -> np.ndarray:
        block = np.abs(found.rows(first, stop), dtype=np.float32)
        linked = np.repeat(np.arange(stop - first), np.diff(links.indptr[first : stop + 1]))
        block[linked, links.indices[links.indptr[first] : links.indptr[stop]]] = np.nan
        return block

    return RowScores((graph.n_source, graph.n_target), rows)


for _rule in RULES:
    REGROWTH_RULES.add(_rule, partial(by_link_prediction, rule=_rule))
REGROWTH_RULES.add("random", at_random)
REGROWTH_RULES.add("gradient", by_gradient)
REGROWTH_RULES.add("momentum", by_gradient)


def regrow(
    graph: LayerGraph,
    k: int,
    rule: str,
    rng: np.random.Generator,
    *,
    soft: bool = False,
    subranking: bool = True,
    fill: str = "active",
    gradients: RowGradients | None = None,
) -> tuple[np.ndarray, int]:
    """Choose k new links: the unlinked pairs of highest positive score, then, if asked, random pairs.

    Parameters
    ----------
    graph : LayerGraph
        What removal and percolation left.
    k : int
        Number of links to add.
    rule : str
        A name of `REGROWTH_RULES`.
    rng : numpy.random.Generator
    soft : bool
        Draw the pairs without replacement, each with chance ∝ its score (Gumbel top-k), instead of the best ones.
    subranking : bool
        Order pairs of equal CH score at the cut by SPcorr; else at random.
    fill : {"active", "any", "none"}
        What to do when fewer than k pairs have a positive score: draw the rest among the unlinked pairs of neurons that
        have a link, or among all unlinked pairs, or leave it.
    gradients : RowGradients, optional
        For the rules of `GRADIENT_STEPS`.

    Returns
    -------
    keys : numpy.ndarray of int64
        Sorted; k of them, fewer only if there is no room (or ``fill="none"``).
    n_filled : int
        How many of them were drawn to fill.
    """
    if k == 0:
        return np.empty(0, np.int64), 0
    shape = (graph.n_source, graph.n_target)
    scorer = REGROWTH_RULES[rule](graph, gradients)
    if scorer is None:
        chosen = random_unlinked(shape, graph.link_keys, k, rng)
    else:
        ties = "spcorr" if subranking and not soft and rule in RULES else "random"
        block_bytes = _GRADIENT_BYTES if rule in GRADIENT_STEPS else None
        scorer = raced(scorer, rng) if soft else scorer
        chosen = best_pairs(scorer, k, ties, rng, positive=True, block_bytes=block_bytes)[0]
    missing = k - len(chosen)
    if missing == 0 or fill == "none":
        return np.sort(chosen), 0
    if fill == "any":
        taken = np.sort(np.concatenate([graph.link_keys, chosen]))
        filled = random_unlinked(shape, taken, missing, rng)
        return np.sort(np.concatenate([chosen, filled])), len(filled)
    sources = np.flatnonzero(graph.source_degrees)
    targets = np.flatnonzero(graph.target_degrees)
    rows, columns = np.divmod(np.concatenate([graph.link_keys, chosen]), max(graph.n_target, 1))
    inside = np.isin(rows, sources) & np.isin(columns, targets)  # a random rule may have woken others
    taken = np.searchsorted(sources, rows[inside]) * len(targets) + np.searchsorted(targets, columns[inside])
    drawn = random_unlinked((len(sources), len(targets)), np.sort(taken), missing, rng)
    rows, columns = np.divmod(drawn, max(len(targets), 1))
    filled = sources[rows] * graph.n_target + targets[columns]
    return np.sort(np.concatenate([chosen, filled])), len(filled)
