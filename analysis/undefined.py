"""NaN that says why."""


class Undefined(float):
    """NaN with a reason, for a measure that has no value on a graph.

    Examples
    --------
    >>> value = Undefined("the graph has no links")
    >>> value, value.reason, value != value
    (nan, 'the graph has no links', True)
    """

    reason: str

    def __new__(cls, reason: str) -> "Undefined":
        """Make a NaN that carries its reason."""
        self = super().__new__(cls, "nan")
        self.reason = reason
        return self

    def __reduce__(self) -> tuple[type["Undefined"], tuple[str]]:
        return (Undefined, (self.reason,))
