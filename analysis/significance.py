"""How far a value lies from what null models give."""

from typing import NamedTuple

import numpy as np


class Significance(NamedTuple):
    """A value beside null models.

    Attributes
    ----------
    null_mean, null_sd : float
        Of the null models; the deviation with n − 1.
    z : float
        (value − null_mean) / null_sd; NaN if the null models do not differ.
    p : float
        Two-sided, empirical: min(1, 2 · min(n≥ + 1, n≤ + 1) / (n + 1)), n≥ and n≤ null models being at least and at
        most the value.
    """

    null_mean: float
    null_sd: float
    z: float
    p: float


def significance(value: float, null_values: np.ndarray) -> Significance:
    """Compare a value with those of null models; what is NaN is left out.

    Parameters
    ----------
    value : float
    null_values : array_like of float, shape (n_nulls,)

    References
    ----------
    North, Curtis, Sham (2002), A note on the calculation of empirical P values from Monte Carlo procedures.

    Examples
    --------
    >>> significance(5.0, [1.0, 2.0, 3.0])
    Significance(null_mean=2.0, null_sd=1.0, z=3.0, p=0.5)
    """
    nan = float("nan")
    nulls = np.asarray(null_values, float)
    nulls = nulls[np.isfinite(nulls)]
    n = len(nulls)
    if not n:
        return Significance(nan, nan, nan, nan)
    mean, sd = float(nulls.mean()), float(nulls.std(ddof=1)) if n > 1 else nan
    if not np.isfinite(value):
        return Significance(mean, sd, nan, nan)
    # sums of equal numbers differ in the last digits; these are ties
    near = 1e-9 * max(abs(value), float(np.abs(nulls).max()))
    above, below = int(np.sum(nulls >= value - near)), int(np.sum(nulls <= value + near))
    z = (value - mean) / sd if sd > near else nan
    return Significance(mean, sd, z, min(1.0, 2.0 * (min(above, below) + 1) / (n + 1)))
