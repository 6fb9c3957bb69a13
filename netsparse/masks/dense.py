"""Dense matrices, read in blocks of rows: a layer is made without ever holding the whole matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numba
import numpy as np
import scipy.sparse as sp

from netsparse.errors import MaskFormatError
from netsparse.graph import LayerGraph
from netsparse.masks.options import Options

# Bytes of a matrix that are read at a time.
BLOCK_BYTES = 4 * 2**20

# Bytes a link of a layer while it is made (index, weight of up to eight bytes, marks), and a neuron.
BYTES_A_LINK, BYTES_A_NEURON = 20, 32

# Types that are masks: what is not 0 is a link, which has no weight.
_MASK_KINDS = ("bool", "int8", "uint8")


@dataclass
class DenseMatrix:
    """A dense matrix in a file.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Rows, columns.
    kind : str
        Type of its numbers.
    blocks : callable
        Gives its rows from the first on, as arrays (some rows, columns); may be called again.
    mask : DenseMatrix, optional
        Of the same shape: its non-zero entries are the links, which then may weigh 0.
    turned : bool
        The blocks give the columns of the matrix instead of its rows (Fortran's order).
    """

    name: str
    shape: tuple[int, int]
    kind: str
    blocks: Callable[[], Iterator[np.ndarray]]
    mask: DenseMatrix | None = None
    turned: bool = False
    in_memory: ClassVar[bool] = False
    fixed_rows: ClassVar[None] = None

    def count(self, options: Options) -> int:
        """Count the links; one block is all that is held.

        Raises
        ------
        MaskFormatError
            If a number is NaN or infinite, or no number.
        """
        return int(self._counts(True, options).sum())

    def layer(self, rows: str, options: Options) -> LayerGraph:
        """Read the layer in two passes, one that counts each source neuron's links and one that fills them in.

        Raises
        ------
        MaskFormatError
            As `count`, or if the links take more memory than reading may.
        """
        n_source, n_target = self.shape if rows == "in" else self.shape[::-1]
        by_row = (rows == "in") != self.turned
        counts = self._counts(by_row, options)
        n_links = int(counts.sum())
        options.check_memory(
            f"layer '{self.name}' with {n_links:,} links", n_links * BYTES_A_LINK + sum(self.shape) * BYTES_A_NEURON
        )
        starts = np.zeros(n_source + 1, np.int32 if n_links < 2**31 else np.int64)
        np.cumsum(counts, out=starts[1:])
        indices = np.empty(n_links, np.int32)
        weights = None
        cursor, row, all_one = starts[:-1].copy(), 0, True
        for values, links, limit in self._blocks(options):
            if weights is None:
                weights = np.empty(n_links, values.dtype)
            all_one &= _fill(values, links, limit, row, by_row, cursor, indices, weights)
            row += len(values)
        matrix = sp.csr_array((np.ones(n_links, np.int8), indices, starts), shape=(n_source, n_target))
        for array in (indices, starts):
            array.setflags(write=False)  # so that the layer keeps this array and not a copy
        if weights is None or all_one or self.kind in _MASK_KINDS:
            return LayerGraph(self.name, matrix)
        weights.setflags(write=False)
        return LayerGraph(self.name, matrix, weights=weights)

    def _counts(self, by_row: bool, options: Options) -> np.ndarray:
        """Count the links of each row, or each column, of the blocks."""
        n_rows, n_columns = self.shape[::-1] if self.turned else self.shape
        counts = np.zeros(n_rows if by_row else n_columns, np.int64)
        row = 0
        for values, links, limit in self._blocks(options):
            bad = _count(values, links, limit, row, by_row, counts)
            if bad[0] >= 0:
                first = (row + bad[0], bad[1])[:: -1 if self.turned else 1]
                raise MaskFormatError(f"layer '{self.name}': the weights hold NaN or infinity, first at {first}")
            row += len(values)
        if row != n_rows:
            raise MaskFormatError(f"layer '{self.name}': {n_rows} rows are promised, {row} are there")
        return counts

    def _blocks(self, options: Options) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """Give blocks of values, of what is a link if it is above a limit, and the limit."""
        if self.mask is None:
            for block in self.blocks():
                values = self._numbers(block)
                yield values, values, options.threshold or 0.0
            return
        for block, marks in zip(self.blocks(), self.mask.blocks(), strict=True):
            values, links = self._numbers(block), self._numbers(marks) != 0
            if options.threshold is not None:
                links &= np.abs(values) > options.threshold
            yield values, links.view(np.uint8), 0.0

    def _numbers(self, block: np.ndarray) -> np.ndarray:
        """Give numbers of the types that the kernels are compiled for."""
        kind = block.dtype.kind
        if kind == "b":
            return np.ascontiguousarray(block).view(np.uint8)
        if kind in "iu" and block.dtype.itemsize > 1:
            return block.astype(np.float64)
        if kind == "f" and block.dtype.itemsize != 8:
            return np.ascontiguousarray(block, np.float32 if block.dtype.itemsize < 8 else np.float64)
        if kind in "iuf":
            return np.ascontiguousarray(block, block.dtype.newbyteorder("="))
        raise MaskFormatError(f"layer '{self.name}': a mask holds numbers, this holds {block.dtype}")


def rows_at_a_time(n_columns: int, itemsize: int) -> int:
    """Return how many rows make a block."""
    return max(1, BLOCK_BYTES // max(1, n_columns * itemsize))


@numba.njit(cache=True, nogil=True)
def _count(
    values: np.ndarray, links: np.ndarray, limit: float, row: int, by_row: bool, counts: np.ndarray
) -> tuple[int, int]:
    """Count links by source neuron; give the place of the first number that is not finite, or (-1, -1)."""
    for i in range(values.shape[0]):
        own = 0
        finite = True
        for j in range(values.shape[1]):
            value = np.float64(values[i, j])
            finite &= value - value == 0.0
            is_link = abs(np.float64(links[i, j])) > limit
            own += int(is_link)
            if not by_row:
                counts[j] += int(is_link)
        if by_row:
            counts[row + i] += own
        if not finite:
            for j in range(values.shape[1]):
                value = np.float64(values[i, j])
                if value - value != 0.0:
                    return i, j
    return -1, -1


@numba.njit(cache=True, nogil=True)
def _fill(
    values: np.ndarray,
    links: np.ndarray,
    limit: float,
    row: int,
    by_row: bool,
    cursor: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
) -> bool:
    """Put each link to its source neuron, behind those that are there; tell whether all weigh 1."""
    all_one = True
    for i in range(values.shape[0]):
        place = int(cursor[row + i]) if by_row else 0
        for j in range(values.shape[1]):
            if abs(np.float64(links[i, j])) > limit:
                if not by_row:
                    place = int(cursor[j])
                    cursor[j] += 1
                indices[place] = j if by_row else row + i
                value = values[i, j]
                weights[place] = value
                all_one &= value == 1
                place += 1
        if by_row:
            cursor[row + i] = place
    return all_one
