"""Removal rules: a score for every link; the links of the lowest scores are removed."""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from netsparse.graph import LayerGraph
from netsparse.registry import Registry

RemovalRule = Callable[[LayerGraph], np.ndarray]

REMOVAL_RULES: Registry[RemovalRule] = Registry("removal rule")


def magnitude(graph: LayerGraph) -> np.ndarray:
    """Score a link by |weight|.

    Parameters
    ----------
    graph : LayerGraph
        With weights.

    Returns
    -------
    numpy.ndarray, shape (n_links,)

    Examples
    --------
    >>> magnitude(LayerGraph.from_weight([[-2.0, 1.0]]))
    array([2., 1.])
    """
    return np.abs(_weights(graph))


def magnitude_signed(graph: LayerGraph) -> np.ndarray:
    """Score a link by its rank in |weight| among the links of its sign, as a share of that sign's links (SET's rule).

    Removing the fraction ζ of lowest score takes ζ of the positive and ζ of the negative links, those nearest zero.
    A weight of 0 counts as positive.

    Parameters
    ----------
    graph : LayerGraph
        With weights.

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
    """
    weights = _weights(graph)
    scores = np.empty(len(weights))
    for side in (weights >= 0, weights < 0):
        scores[side] = rankdata(np.abs(weights[side]), method="max") / max(np.count_nonzero(side), 1)
    return scores


def _weights(graph: LayerGraph) -> np.ndarray:
    if graph.weights is None:
        raise ValueError(f"layer '{graph.name}' has no weights to rank its links by")
    return graph.weights


REMOVAL_RULES.add("magnitude", magnitude)
REMOVAL_RULES.add("magnitude-signed", magnitude_signed)
