"""Numbers for the page: typed arrays one behind the other, deflated, as base64."""

import base64
import zlib
from typing import TypeAlias

import numpy as np

Place: TypeAlias = dict[str, int]


class Arrays:
    """Arrays that lie one behind the other in one buffer; the page is told where.

    Examples
    --------
    >>> arrays = Arrays()
    >>> arrays.add(np.array([1, 2, 3])), arrays.add(np.array([70_000]))
    ({'at': 0, 'n': 3, 'bytes': 1}, {'at': 4, 'n': 1, 'bytes': 4})
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, values: np.ndarray) -> Place:
        """Keep whole numbers ≥ 0 in the smallest type that holds them; return where they lie."""
        flat = np.ascontiguousarray(values).ravel()
        largest = int(flat.max()) if len(flat) else 0
        size = 1 if largest < 2**8 else 2 if largest < 2**16 else 4
        content = flat.astype(f"<u{size}").tobytes()
        place = {"at": self._size, "n": len(flat), "bytes": size}
        padded = content + bytes(-len(content) % 4)  # typed arrays begin at multiples of their size
        self._parts.append(padded)
        self._size += len(padded)
        return place

    def packed(self) -> str:
        """Return all of them, deflated, as base64."""
        return packed(b"".join(self._parts))


def packed(content: bytes) -> str:
    """Return bytes deflated (zlib), as base64."""
    return base64.b64encode(zlib.compress(content, 9)).decode("ascii")
