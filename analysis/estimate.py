"""A number from a sample, that says how exact it is."""

import numpy as np


class Estimate(float):
    """A value estimated from a sample of nodes, with its standard error.

    Examples
    --------
    >>> value = Estimate(2.5, 0.1)
    >>> value, value.standard_error
    (2.5, 0.1)
    """

    standard_error: float

    def __new__(cls, value: float, standard_error: float) -> "Estimate":
        """Make a number that carries its standard error."""
        self = super().__new__(cls, value)
        self.standard_error = float(standard_error)
        return self

    @classmethod
    def of(cls, values: np.ndarray) -> "Estimate":
        """Return the mean of repeated values with its standard error, 0 if they are equal or there is only one."""
        if np.ptp(values) == 0.0:  # the mean of equal numbers may differ from them in its last digit
            return cls(float(values[0]), 0.0)
        return cls(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))

    def __reduce__(self) -> tuple[type["Estimate"], tuple[float, float]]:
        return (Estimate, (float(self), self.standard_error))
