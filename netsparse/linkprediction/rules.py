"""The rules of the CH family, and the factor that one intermediate node contributes to a path."""

import numba
import numpy as np

FAMILY = ("cn", "ra", "ch1", "ch2", "ch3")
L3_RULES = tuple(f"{rule}-l3" for rule in FAMILY)
L2_RULES = tuple(f"{rule}-l2" for rule in FAMILY)
NODE_RULES = ("ch2-l3n", "ch3-l3n")
# On a bipartite layer; a general graph takes `L2_RULES` and `L3_RULES`.
RULES = (*L3_RULES, *NODE_RULES)


@numba.njit(cache=True)
def factor(family: int, degree: int, internal: int, external: int) -> float:
    """Return what an intermediate node contributes to an L2 path, the square of what it contributes to an L3 path.

    ``cn`` 1; ``ra`` 1 / d; ``ch1`` i / d; ``ch2`` (1 + i) / (1 + e); ``ch3`` 1 / (1 + e), by their place in `FAMILY`.
    """
    if family == 0:
        return 1.0
    if family == 1:
        return 1.0 / degree
    if family == 2:
        return internal / degree
    if family == 3:
        return (1.0 + internal) / (1.0 + external)
    return 1.0 / (1.0 + external)


@numba.njit(cache=True)
def _roots(family: int, degrees: np.ndarray, internal: np.ndarray, external: np.ndarray) -> np.ndarray:
    found = np.empty(len(degrees))
    for n in range(len(degrees)):
        found[n] = np.sqrt(factor(family, degrees[n], internal[n], external[n]))
    return found


def family_of(rule: str) -> int:
    """Return the place in `FAMILY` of a rule's name."""
    return FAMILY.index(rule.split("-")[0])


class FactorTable:
    """√factor of every (degree d, internal degree i) of a bipartite layer, where e = d − 1 − i: one look-up.

    ``values[start[d] + step · i]`` is the factor. Degrees that do not occur have no entries, so the table is no longer
    than the links are many.

    Attributes
    ----------
    values : numpy.ndarray of float64
    start : numpy.ndarray of int64, shape (largest degree + 1,)
    step : int
    """

    def __init__(self, rule: str, degrees: np.ndarray) -> None:
        family = family_of(rule)
        largest = int(degrees.max(initial=0))
        if FAMILY[family] == "ch3":  # depends on d - i alone
            self.step = -1
            self.start = np.arange(largest + 1, dtype=np.int64)
            apart = np.maximum(np.arange(largest + 2), 1)
            self.values = _roots(family, apart, 0 * apart, apart - 1)
        elif FAMILY[family] in ("cn", "ra"):  # depends on d alone
            self.step = 0
            self.start = np.arange(largest + 1, dtype=np.int64)
            degree = np.maximum(np.arange(largest + 1), 1)
            self.values = _roots(family, degree, 0 * degree, 0 * degree)
        else:
            self.step = 1
            present = np.unique(degrees)
            sizes = present + 1
            firsts = np.cumsum(sizes) - sizes
            self.start = np.zeros(largest + 1, np.int64)
            self.start[present] = firsts
            degree = np.repeat(present, sizes)
            internal = np.arange(int(sizes.sum())) - np.repeat(firsts, sizes)
            # i = d does not occur; there the external degree would be negative
            external = np.maximum(degree - 1 - internal, 0)
            self.values = _roots(family, np.maximum(degree, 1), internal, external)
