"""A number from a sample, that says how exact it is."""


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

    def __reduce__(self) -> tuple[type["Estimate"], tuple[float, float]]:
        return (Estimate, (float(self), self.standard_error))
