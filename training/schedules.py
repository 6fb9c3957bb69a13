"""Schedules: how the removed fraction and the density change while training goes on."""

import math
from collections.abc import Callable

from netsparse.registry import Registry

# fraction at the start, progress 0 … 1 towards the last update -> fraction now
ZetaSchedule = Callable[[float, float], float]
# density at the start, density at the end, progress 0 … 1 towards the end -> density now
DensitySchedule = Callable[[float, float, float], float]

ZETA_SCHEDULES: Registry[ZetaSchedule] = Registry("zeta schedule")
DENSITY_SCHEDULES: Registry[DensitySchedule] = Registry("density schedule")

# Steepness of the sigmoid, as in CHTss.
_STEEPNESS = 6.0


def constant_zeta(zeta: float, progress: float) -> float:
    """Remove the same fraction at every update."""
    return zeta


def cosine_zeta(zeta: float, progress: float) -> float:
    """Anneal the removed fraction: ζ/2 · (1 + cos(π · progress)), RigL's.

    References
    ----------
    Evci et al. (2020), Rigging the lottery: making all tickets winners.

    Examples
    --------
    >>> cosine_zeta(0.3, 0.0), round(cosine_zeta(0.3, 0.5), 6), cosine_zeta(0.3, 1.0)
    (0.3, 0.15, 0.0)
    """
    return zeta / 2.0 * (1.0 + math.cos(math.pi * progress))


def constant_density(start: float, end: float, progress: float) -> float:
    """Keep the density that is asked for from the start on."""
    return end


def steps_density(start: float, end: float, progress: float) -> float:
    """Fall to the target in two steps: the whole surplus for a third of the time, half of it for another (MEST-EM&S).

    References
    ----------
    Yuan et al. (2021), MEST: accurate and fast memory-economic sparse training framework on the edge.

    Examples
    --------
    >>> [round(steps_density(0.15, 0.1, progress), 6) for progress in (0.0, 0.3, 0.4, 0.7, 1.0)]
    [0.15, 0.15, 0.125, 0.1, 0.1]
    """
    return end + (start - end) * (1.0 if progress < 1 / 3 else 0.5 if progress < 2 / 3 else 0.0)


def cubic_density(start: float, end: float, progress: float) -> float:
    """Prune gradually: end + (start − end) · (1 − progress)³.

    References
    ----------
    Zhu and Gupta (2017), To prune, or not to prune. Liu et al. (2021), Sparse training via boosting pruning plasticity
    with neuroregeneration.

    Examples
    --------
    >>> [round(cubic_density(0.5, 0.1, progress), 6) for progress in (0.0, 0.5, 1.0)]
    [0.5, 0.15, 0.1]
    """
    return end + (start - end) * (1.0 - progress) ** 3


def sigmoid_density(start: float, end: float, progress: float) -> float:
    """Fall slowly, fast, slowly: a logistic curve of steepness 6 through both ends (CHTss).

    With σ(x) = 1 / (1 + e^−x): start + (end − start) · (σ(6 · (2 · progress − 1)) − σ(−6)) / (σ(6) − σ(−6)).

    References
    ----------
    Zhang et al. (2025), Brain network science modelling of sparse neural networks enables Transformers and LLMs to
    perform as fully connected.

    Examples
    --------
    >>> [round(sigmoid_density(0.5, 0.1, progress), 6) for progress in (0.0, 0.5, 1.0)]
    [0.5, 0.3, 0.1]
    """

    def logistic(x: float) -> float:
        return 1.0 / (1.0 + math.exp(-x))

    low, high = logistic(-_STEEPNESS), logistic(_STEEPNESS)
    return start + (end - start) * (logistic(_STEEPNESS * (2.0 * progress - 1.0)) - low) / (high - low)


for _name, _zeta in (("constant", constant_zeta), ("cosine", cosine_zeta)):
    ZETA_SCHEDULES.add(_name, _zeta)
for _name, _density in (
    ("constant", constant_density),
    ("steps", steps_density),
    ("cubic", cubic_density),
    ("sigmoid", sigmoid_density),
):
    DENSITY_SCHEDULES.add(_name, _density)
