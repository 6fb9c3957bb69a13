"""Removal rules: a score for every link; the links of the lowest scores are removed."""

from collections.abc import Callable

import numpy as np

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.registry import Registry

# graph with weights, gradient of each link or None, what draws the order of ties, options by name
# -> a score of at least 0 for each link
RemovalRule = Callable[..., np.ndarray]

REMOVAL_RULES: Registry[RemovalRule] = Registry("removal rule")


def magnitude(
    graph: LayerGraph, gradient: np.ndarray | None = None, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Score a link by |weight|.

    Parameters
    ----------
    graph : LayerGraph
        With weights.
    gradient, rng : ignored

    Returns
    -------
    numpy.ndarray, shape (n_links,)

    Examples
    --------
    >>> magnitude(LayerGraph.from_weight([[-2.0, 1.0]]))
    array([2., 1.])
    """
    return np.abs(_weights(graph))


def magnitude_signed(
    graph: LayerGraph, gradient: np.ndarray | None = None, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Score a link by its rank in |weight| among the links of its sign, as a share of that sign's links (SET's rule).

    Removing the fraction ζ of lowest score takes ζ of the positive and ζ of the negative links, those nearest zero.
    A weight of 0 counts as positive. Equal weights rank one behind the other, by chance.

    Parameters
    ----------
    graph : LayerGraph
        With weights.
    gradient : ignored
    rng : numpy.random.Generator, optional
        Draws the order of equal weights; without it they rank by position.

    Returns
    -------
    numpy.ndarray, shape (n_links,)

    References
    ----------
    Mocanu et al. (2018), Scalable training of artificial neural networks with adaptive sparse connectivity.

    Examples
    --------
    >>> magnitude_signed(LayerGraph.from_weight([[-2.0, -1.0, 0.1, 0.2]]))
    array([1. , 0.5, 0.5, 1. ])
    >>> magnitude_signed(LayerGraph.from_weight([[-2.0, 0.1]]))
    array([1., 1.])
    """
    weights = _weights(graph)
    chance = np.arange(len(weights)) if rng is None else rng.permutation(len(weights))
    scores = np.empty(len(weights))
    for side in (np.flatnonzero(weights >= 0), np.flatnonzero(weights < 0)):
        order = np.lexsort([chance[side], np.abs(weights[side])])
        scores[side[order]] = np.arange(1, len(side) + 1) / max(len(side), 1)
    return scores


def magnitude_gradient(
    graph: LayerGraph,
    gradient: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
    *,
    share: float = 0.01,
) -> np.ndarray:
    """Score a link by |weight| + share · |gradient of the loss| (MEST's rule).

    Parameters
    ----------
    graph : LayerGraph
        With weights.
    gradient : numpy.ndarray, shape (n_links,)
        Of the last step.
    rng : ignored
    share : float
        MEST's λ.

    Returns
    -------
    numpy.ndarray, shape (n_links,)

    Raises
    ------
    NetsparseError
        If there is no gradient.

    References
    ----------
    Yuan et al. (2021), MEST: accurate and fast memory-economic sparse training framework on the edge.

    Examples
    --------
    >>> magnitude_gradient(LayerGraph.from_weight([[-2.0, 1.0]]), np.array([100.0, -300.0]))
    array([3., 4.])
    """
    if gradient is None:
        raise NetsparseError(f"layer '{graph.name}' has no gradient to rank its links by; run loss.backward() first")
    return np.abs(_weights(graph)) + share * np.abs(gradient)


def relative_importance(
    graph: LayerGraph, gradient: np.ndarray | None = None, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Score a link by its share of its source neuron's weights plus its share of its target neuron's.

    |w(u, v)| / Σ over v' of |w(u, v')| + |w(u, v)| / Σ over u' of |w(u', v)|: so no neuron loses all its links because
    its weights are small altogether. A link of weight 0 scores 0.

    Parameters
    ----------
    graph : LayerGraph
        With weights.
    gradient, rng : ignored

    Returns
    -------
    numpy.ndarray, shape (n_links,)

    References
    ----------
    Zhang et al. (2024), Plug-and-play: an efficient post-training pruning method for large language models.

    Examples
    --------
    >>> relative_importance(LayerGraph.from_weight([[-2.0, 1.0], [0.0, 1.0]]))
    array([1.66666667, 0.83333333, 1.5       ])
    """
    sizes, rows, columns = np.abs(_weights(graph)).astype(np.float64), graph.link_rows, graph.biadjacency.indices
    scores = np.zeros(len(sizes))
    for ends, n in ((rows, graph.n_source), (columns, graph.n_target)):
        sums = np.bincount(ends, sizes, n)[ends]
        scores += np.divide(sizes, sums, out=np.zeros(len(sizes)), where=sums > 0)
    return scores


def _weights(graph: LayerGraph) -> np.ndarray:
    if graph.weights is None:
        raise ValueError(f"layer '{graph.name}' has no weights to rank its links by")
    return graph.weights


REMOVAL_RULES.add("magnitude", magnitude)
REMOVAL_RULES.add("magnitude-signed", magnitude_signed)
REMOVAL_RULES.add("magnitude+gradient", magnitude_gradient)
REMOVAL_RULES.add("relative-importance", relative_importance)

# Rules that need the gradient of every link.
BY_GRADIENT = frozenset({"magnitude+gradient"})
