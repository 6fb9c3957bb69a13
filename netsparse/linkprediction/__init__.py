"""Link prediction by Cannistraci-Hebb network automata: one score interface, ranking, ties."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.linkprediction.bipartite import RULES, BipartiteScorer
from netsparse.linkprediction.ranking import best_pairs

__all__ = ["RULES", "PredictedLinks", "predict_links", "score_links"]


class PredictedLinks(NamedTuple):
    """The best unlinked pairs, best first.

    Attributes
    ----------
    source, target : numpy.ndarray of int64, shape (n_pairs,)
        Source and target neuron of each pair.
    score : numpy.ndarray of float32, shape (n_pairs,)
    """

    source: np.ndarray
    target: np.ndarray
    score: np.ndarray


def score_links(graph: LayerGraph, rule: str = "ch3-l3", dtype: str = "float32") -> np.ndarray:
    r"""Score every unlinked pair of a bipartite layer by the paths of length three between its ends.

    With a, b the intermediate nodes of an L3 path u – a – b – v, d a node's degree, i its links to the pair's local
    community (all intermediate nodes of all L3 paths of the pair), e those to neither the community nor u, v:

    ``cn-l3``   number of L3 paths;
    ``ra-l3``   Σ 1 / √(d_a d_b);
    ``ch1-l3``  Σ √(i_a i_b) / √(d_a d_b);
    ``ch2-l3``  Σ √((1+i_a)(1+i_b)) / √((1+e_a)(1+e_b));
    ``ch3-l3``  Σ 1 / √((1+e_a)(1+e_b)).

    Parameters
    ----------
    graph : LayerGraph
    rule : str
        One of the names above.
    dtype : {"float32", "float64"}
        Of the result; sums are taken in float64.

    Returns
    -------
    numpy.ndarray, shape (n_source, n_target)
        NaN at linked pairs.

    Raises
    ------
    NetsparseError
        If the graph is not a LayerGraph, or the rule or dtype is unknown.

    References
    ----------
    Muscoloni, Michieli, Cannistraci (2020), Adaptive network automata modelling of complex networks.

    Examples
    --------
    The path u – a – b – v has one L3 path, and neither a nor b an external link:

    >>> path = LayerGraph.from_mask([[1, 0], [1, 1]])
    >>> score_links(path)
    array([[nan,  1.],
           [nan, nan]], dtype=float32)
    """
    if dtype not in ("float32", "float64"):
        raise NetsparseError(f"dtype must be 'float32' or 'float64', not {dtype!r}")
    scores: np.ndarray = _scorer(graph, rule)().astype(dtype)
    return scores


def predict_links(
    graph: LayerGraph, k: int, rule: str = "ch3-l3", ties: str = "spcorr", seed: int | np.random.Generator = 0
) -> PredictedLinks:
    """Return the k unlinked pairs of highest score, best first; fewer only if there are fewer.

    Pairs without a path score 0 and come last.

    Pairs of equal float32 score are ordered by SPcorr where that decides who is in (the sub-ranking of the CHT
    paper's Appendix J), else at random.

    Parameters
    ----------
    graph : LayerGraph
    k : int
        How many pairs.
    rule : str
        As in `score_links`.
    ties : {"spcorr", "random"}
        ``"random"`` leaves the sub-ranking out.
    seed : int or numpy.random.Generator
        Orders what is still tied.

    Returns
    -------
    PredictedLinks

    Raises
    ------
    NetsparseError
        If k is negative or no whole number, or the rule or ties are unknown.

    Examples
    --------
    >>> predict_links(LayerGraph.from_mask([[1, 0], [1, 1]]), 1)
    PredictedLinks(source=array([0]), target=array([1]), score=array([1.], dtype=float32))
    """
    if not isinstance(k, Integral) or k < 0:
        raise NetsparseError(f"k must be a whole number and not negative, it is {k!r}")
    if ties not in ("spcorr", "random"):
        raise NetsparseError(f"ties must be 'spcorr' or 'random', not {ties!r}")
    keys, scores = best_pairs(graph, _scorer(graph, rule), k, ties, np.random.default_rng(seed))
    source, target = np.divmod(keys, max(graph.n_target, 1))
    return PredictedLinks(source, target, scores)


def _scorer(graph: Any, rule: str) -> BipartiteScorer:
    if not isinstance(graph, LayerGraph):
        raise NetsparseError(
            f"links are scored on a LayerGraph, not a {type(graph).__name__}; see LayerGraph.from_mask"
        )
    if rule not in RULES:
        raise NetsparseError(f"unknown rule '{rule}'; choose from: {', '.join(RULES)}")
    return BipartiteScorer(graph, rule)
