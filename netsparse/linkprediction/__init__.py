"""Link prediction by Cannistraci-Hebb network automata: one score interface, ranking, ties."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from netsparse.adjacency import as_adjacency
from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.linkprediction.bipartite import BipartiteScorer
from netsparse.linkprediction.general import GeneralScorer
from netsparse.linkprediction.node_based import NodeBasedScorer
from netsparse.linkprediction.ranking import PairScorer, best_pairs
from netsparse.linkprediction.rules import L2_RULES, L3_RULES, NODE_RULES, RULES

__all__ = [
    "L2_RULES",
    "L3_RULES",
    "NODE_RULES",
    "RULES",
    "PredictedLinks",
    "make_scorer",
    "predict_links",
    "score_links",
]

DTYPES = ("float32", "float64")
TIES = ("spcorr", "random")


class PredictedLinks(NamedTuple):
    """The best unlinked pairs, best first.

    Attributes
    ----------
    source, target : numpy.ndarray of int64, shape (n_pairs,)
        Source and target neuron of each pair; the two nodes, the smaller first, in an undirected graph. Tensors where
        the graph was a tensor.
    score : numpy.ndarray of float32, shape (n_pairs,)
    """

    source: Any
    target: Any
    score: Any


def score_links(graph: Any, rule: str = "ch3-l3", dtype: str = "float32") -> Any:
    r"""Score every unlinked pair of a graph by the short paths between its ends.

    With z the intermediate nodes of a path, d a node's degree, i its links to the pair's local community (all
    intermediate nodes of all such paths of the pair), e those to neither the community nor u, v, the L3 rules sum over
    the paths u – a – b – v

    ``cn-l3``   number of paths;
    ``ra-l3``   Σ 1 / √(d_a d_b);
    ``ch1-l3``  Σ √(i_a i_b) / √(d_a d_b);
    ``ch2-l3``  Σ √((1+i_a)(1+i_b)) / √((1+e_a)(1+e_b));
    ``ch3-l3``  Σ 1 / √((1+e_a)(1+e_b)),

    and the L2 rules, over the paths u – z – v, the same terms of one node without the root (``ch3-l2`` is
    Σ 1 / (1+e_z)). On a layer, ``ch2-l3n`` and ``ch3-l3n`` count every intermediate node of L3 paths once:
    Σ_z (1+i_z) / (1+e_z) and Σ_z 1 / (1+e_z).

    Parameters
    ----------
    graph : LayerGraph, torch tensor, or undirected graph
        A LayerGraph is bipartite: its pairs are (source neuron, target neuron), the rules are the L3 and L3n ones. A
        dense (n_source, n_target) or sparse tensor is such a layer too; the result is a tensor on its device, and one
        that lives on a GPU is scored there. A Snapshot, a networkx or igraph graph, or a symmetric SciPy or NumPy
        adjacency is undirected: its pairs are pairs of nodes, the rules the L2 and L3 ones.
    rule : str
        One of the names above.
    dtype : {"float32", "float64"}
        Of the result; sums are taken in float64.

    Returns
    -------
    numpy.ndarray or torch.Tensor, shape (n_source, n_target) or (n_nodes, n_nodes)
        NaN at linked pairs, and on the diagonal of an undirected graph.

    Raises
    ------
    NetsparseError
        If the graph is none of these, the rule does not fit it, the dtype is unknown, or the scores do not fit into
        memory (`predict_links` needs a block of them at a time).

    References
    ----------
    Muscoloni, Michieli, Cannistraci (2020), Adaptive network automata modelling of complex networks. The node-based
    rules: Zhang et al. (2025), Brain network science modelling of sparse neural networks enables Transformers and LLMs
    to perform as fully connected.

    Examples
    --------
    The path u – a – b – v has one L3 path, and neither a nor b an external link:

    >>> path = LayerGraph.from_mask([[1, 0], [1, 1]])
    >>> score_links(path)
    array([[nan,  1.],
           [nan, nan]], dtype=float32)

    The same path as an undirected graph of four nodes, by common neighbours:

    >>> import networkx as nx
    >>> score_links(nx.path_graph(4), "cn-l2")
    array([[nan, nan,  1.,  0.],
           [nan, nan, nan,  1.],
           [ 1., nan, nan, nan],
           [ 0.,  1., nan, nan]], dtype=float32)
    """
    if dtype not in DTYPES:
        raise NetsparseError(f"dtype must be {' or '.join(map(repr, DTYPES))}, not {dtype!r}")
    if _is_tensor(graph):
        from netsparse.linkprediction import tensors

        return tensors.score_links(graph, rule, dtype)
    scorer = make_scorer(graph, rule)
    try:
        scores = scorer(0, None, dtype)
        if isinstance(scorer, GeneralScorer):  # computed above the diagonal, the same below
            below = np.tril_indices(len(scores), -1)
            scores[below] = scores.T[below]
    except MemoryError as error:
        raise NetsparseError(
            f"the scores of {scorer.shape[0]} × {scorer.shape[1]} pairs do not fit into memory; use predict_links"
        ) from error
    return scores


def predict_links(
    graph: Any, k: int, rule: str = "ch3-l3", ties: str = "spcorr", seed: int | np.random.Generator = 0
) -> PredictedLinks:
    """Return the k unlinked pairs of highest score, best first; fewer only if there are fewer.

    Pairs that score 0, those without a path above all, come last.

    Pairs of equal float32 score are ordered by SPcorr where that decides who is in (the sub-ranking of the CHT
    paper's Appendix J), else at random. Scores are made and dropped a block of rows at a time.

    Parameters
    ----------
    graph : LayerGraph, torch tensor, or undirected graph
        As in `score_links`.
    k : int
        How many pairs.
    rule : str
        As in `score_links`.
    ties : {"spcorr", "random"}
        ``"random"`` leaves the sub-ranking out. Ties of many pairs in a large layer take long by SPcorr: it searches
        weighted shortest paths from every tied neuron.
    seed : int or numpy.random.Generator
        Orders what is still tied.

    Returns
    -------
    PredictedLinks

    Raises
    ------
    NetsparseError
        If k is negative or no whole number, the seed is none, or the graph, rule or ties are unknown.

    Examples
    --------
    >>> predict_links(LayerGraph.from_mask([[1, 0], [1, 1]]), 1)
    PredictedLinks(source=array([0]), target=array([1]), score=array([1.], dtype=float32))
    """
    check_request(k, ties)
    try:
        rng = np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise NetsparseError(f"seed must be a whole number that is not negative, not {seed!r}") from error
    if _is_tensor(graph):
        from netsparse.linkprediction import tensors

        return PredictedLinks(*tensors.predict_links(graph, int(k), rule, ties, rng))
    scorer = make_scorer(graph, rule)
    keys, scores = best_pairs(scorer, int(k), ties, rng)
    source, target = np.divmod(keys, max(scorer.shape[1], 1))
    return PredictedLinks(source, target, scores)


def check_request(k: int, ties: str) -> None:
    """Refuse a k that is no count, and unknown ties.

    Raises
    ------
    NetsparseError
    """
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 0:
        raise NetsparseError(f"k must be a whole number and not negative, it is {k!r}")
    if ties not in TIES:
        raise NetsparseError(f"ties must be {' or '.join(map(repr, TIES))}, not {ties!r}")


def make_scorer(graph: Any, rule: str) -> PairScorer:
    """Return the scorer of a graph's pairs by a rule; what it needs once for all rows is computed here.

    Raises
    ------
    NetsparseError
        If the graph is none, too large, or the rule does not fit it.
    """
    if _is_tensor(graph):
        graph = LayerGraph.from_mask(graph)
    layer = isinstance(graph, LayerGraph)
    fitting = RULES if layer else (*L2_RULES, *L3_RULES)
    if rule not in fitting:
        what = "a layer" if layer else "an undirected graph"
        hint = "; a layer's neurons of one side: score Snapshot([layer]) instead" if layer and rule in L2_RULES else ""
        known = "unknown rule" if rule not in (*RULES, *L2_RULES) else f"no rule for {what}:"
        raise NetsparseError(f"{known} '{rule}'; choose for {what} from: {', '.join(fitting)}{hint}")
    if not layer:
        return GeneralScorer(as_adjacency(graph), rule)
    if max(graph.n_source, graph.n_target) >= 2**31:
        raise NetsparseError(f"links are scored in layers of up to 2^31 − 1 neurons a side, not {graph!r}")
    return NodeBasedScorer(graph, rule) if rule in NODE_RULES else BipartiteScorer(graph, rule)


def _is_tensor(graph: Any) -> bool:
    """Whether this is a torch tensor, known by its manners so that torch need not be imported."""
    return hasattr(graph, "detach") and hasattr(graph, "layout")
