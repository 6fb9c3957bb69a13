"""Natural order: numbers in names count as numbers."""

import re


def natural(name: str) -> list[tuple[int, int, str]]:
    """Give the key of a name in natural order.

    Examples
    --------
    >>> sorted(["epoch-10", "epoch-9", "Epoch-2"], key=natural)
    ['Epoch-2', 'epoch-9', 'epoch-10']
    """
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts if part]
