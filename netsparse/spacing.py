"""Work that is repeated while something goes on, such as writing a table that grows: seldom enough to cost little."""

from __future__ import annotations

import math
import time

# So many times as long as the work took passes before it is due again: it takes about a tenth of the time.
_RARELY = 10.0


class Spacing:
    """Tells when work is due again, in a ``with`` block around which it is done.

    Parameters
    ----------
    least : float, optional
        Seconds that pass at least, however short the work is.

    Examples
    --------
    >>> spacing = Spacing(least=60)
    >>> spacing.is_due()
    True
    >>> with spacing:
    ...     pass
    >>> spacing.is_due()
    False
    """

    def __init__(self, least: float = 0.0) -> None:
        self._least = least
        self._next = self._started = 0.0

    def is_due(self) -> bool:
        """Tell whether it is time."""
        return time.monotonic() >= self._next

    def hand_over(self) -> None:
        """Tell that the work will be done elsewhere: it is not due until that has ended."""
        self._next = math.inf

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, *error: object) -> None:
        ended = time.monotonic()
        self._next = ended + max(self._least, _RARELY * (ended - self._started))
