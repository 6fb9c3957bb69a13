"""How the links of a network are shared out among its layers: uniform, Erdős–Rényi, Erdős–Rényi-Kernel."""

import math
from collections.abc import Sequence

import numpy as np

from netsparse.errors import NetsparseError

LAYER_DENSITIES = ("uniform", "er", "erk")


def layer_densities(shapes: Sequence[tuple[int, ...]], density: float, rule: str = "erk") -> list[float]:
    """Return the density of each layer, so that all layers together have the given one.

    With n weights n_out · n_in (· k_h · k_w) in a layer, its density is

    - ``uniform``: the same everywhere;
    - ``er``: ∝ (n_in + n_out) / (n_in · n_out);
    - ``erk``: ∝ (n_in + n_out + k_h + k_w) / (n_in · n_out · k_h · k_w), for linear layers the same as ``er``.

    A layer for which that would be more than 1 is full, and the others share the rest.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Shapes of the weights as torch holds them: (n_out, n_in) or (n_out, n_in, k_h, k_w).
    density : float
        Links over possible links of all layers, 0 … 1.
    rule : {"uniform", "er", "erk"}

    Returns
    -------
    list of float

    Raises
    ------
    NetsparseError
        If the rule is unknown or the density outside 0 … 1.

    References
    ----------
    Mocanu et al. (2018), Scalable training of artificial neural networks with adaptive sparse connectivity. Evci et al.
    (2020), Rigging the lottery: making all tickets winners.

    Examples
    --------
    >>> [round(d, 3) for d in layer_densities([(300, 784), (100, 300), (10, 100)], 0.05)]
    [0.038, 0.111, 0.919]
    """
    if rule not in LAYER_DENSITIES:
        raise NetsparseError(f"unknown layer densities '{rule}'; choose from: {', '.join(LAYER_DENSITIES)}")
    if not 0.0 <= density <= 1.0:
        raise NetsparseError(f"density must lie between 0 and 1, it is {density}")
    sizes = np.array([math.prod(shape) for shape in shapes], dtype=np.float64)
    if rule == "uniform":
        return [density] * len(shapes)
    ends = [shape[:2] if rule == "er" else shape for shape in shapes]
    raw = np.array([sum(end) / max(math.prod(end), 1) for end in ends])
    full = np.zeros(len(shapes), bool)
    while True:
        rest = density * sizes.sum() - sizes[full].sum()
        share = (raw * sizes)[~full].sum()
        factor = rest / share if share else 0.0
        more = ~full & (factor * raw > 1.0)
        if not more.any():
            return [float(d) for d in np.where(full, 1.0, factor * raw)]
        full |= more
