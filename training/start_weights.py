"""Start weights of a sparse layer: one value a link."""

import math
from collections.abc import Callable

import numpy as np

from netsparse.graph import LayerGraph
from netsparse.registry import Registry

# graph, rng, name of the nonlinearity behind the layer -> one value a link
StartWeights = Callable[..., np.ndarray]

# As torch.nn.init.calculate_gain has them.
GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2.0),
    "leaky_relu": math.sqrt(2.0 / (1.0 + 0.01**2)),
    "selu": 0.75,
}

START_WEIGHTS: Registry[StartWeights] = Registry("start weights")


def swi(graph: LayerGraph, rng: np.random.Generator, nonlinearity: str = "relu") -> np.ndarray:
    """Sparse weight initialisation (SWI): w ~ N(0, g² / ((1 − S) · n_source)), g = √2 for ReLU.

    With S = 0 it is Kaiming's. S is the layer's sparsity, n_source the number of its source neurons, so the variance of
    what arrives at a target neuron is kept on average.

    Parameters
    ----------
    graph : LayerGraph
    rng : numpy.random.Generator
    nonlinearity : str
        A name of `GAINS`, which holds the g of others.

    Returns
    -------
    numpy.ndarray of float32, shape (n_links,)

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology, section 3.2 and Appendix B.

    Examples
    --------
    >>> swi(LayerGraph.from_mask([[1, 0], [0, 1]]), np.random.default_rng(0)).shape
    (2,)
    """
    return _normal(graph, rng, graph.density * graph.n_source, nonlinearity)


def kaiming(graph: LayerGraph, rng: np.random.Generator, nonlinearity: str = "relu") -> np.ndarray:
    """Kaiming normal initialisation as if the layer were dense: w ~ N(0, g² / n_source), g = √2 for ReLU.

    Parameters
    ----------
    graph : LayerGraph
    rng : numpy.random.Generator
    nonlinearity : str
        A name of `GAINS`, which holds the g of others.

    Returns
    -------
    numpy.ndarray of float32, shape (n_links,)

    References
    ----------
    He et al. (2015), Delving deep into rectifiers.

    Examples
    --------
    >>> kaiming(LayerGraph.from_mask([[1, 0], [0, 1]]), np.random.default_rng(0)).shape
    (2,)
    """
    return _normal(graph, rng, graph.n_source, nonlinearity)


def _normal(graph: LayerGraph, rng: np.random.Generator, fan_in: float, nonlinearity: str) -> np.ndarray:
    deviation = GAINS[nonlinearity] / np.sqrt(fan_in) if graph.n_links else 0.0
    return (deviation * rng.standard_normal(graph.n_links)).astype(np.float32)


START_WEIGHTS.add("swi", swi)
START_WEIGHTS.add("kaiming", kaiming)
