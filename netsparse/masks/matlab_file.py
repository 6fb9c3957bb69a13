"""The variables of a MATLAB file of version 5, read without trusting any of its numbers.

SciPy's reader, in C, dies of broken files; this one reads matrices, sparse matrices, cells and text, as MathWorks'
*MAT-File Format* (2024) tells, and nothing else.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from netsparse.errors import MaskFormatError
from netsparse.masks.dense import rows_at_a_time
from netsparse.masks.found import parsing
from netsparse.masks.options import Options
from netsparse.masks.sparse import check_shape

# Where the header ends, and the elements begin.
HEADER_BYTES = 128

# Enough of a compressed variable to see its class, shape and name.
_BEGINNING = 4096

# Bytes of memory for each of a variable: as it is kept, and as a matrix in other types.
_MEMORY_A_BYTE = 3

# Types of elements.
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "utf-8", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}

# Classes of variables by number.
_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function", 17: "opaque"}
_DENSE = ("float64", "float32", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
_CLASSES |= dict(enumerate(_DENSE, 6))


class _Element(NamedTuple):
    kind: int
    content: memoryview
    end: int


@dataclass
class Variable:
    """A variable of the file, or a cell of one.

    Attributes
    ----------
    name : str
    shape : tuple of int
    kind : str
        NumPy's type of a dense matrix, bool if it is logical; else sparse, char, cell, struct, object …
    is_complex, is_logical : bool
    n_bytes : int
        That it takes in memory, as it is kept.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    is_complex: bool
    is_logical: bool
    n_bytes: int
    order: str
    path: Path
    place: tuple[int, int, int]
    cell: memoryview | None = None

    @property
    def is_dense(self) -> bool:
        """Whether it is an array of numbers."""
        return self.kind in (*_DENSE, "bool")

    def blocks(self) -> Iterator[np.ndarray]:
        """Give the columns of a dense matrix, as arrays (some columns, rows)."""
        with parsing("MATLAB file"):
            numbers = self._numbers(next(self._elements()))
            if len(numbers) != math.prod(self.shape):
                raise MaskFormatError(f"variable '{self.name}' of shape {self.shape} holds {len(numbers):,} numbers")
            columns = numbers.reshape(self.shape[::-1])
        step = rows_at_a_time(self.shape[0], 8)
        for start in range(0, len(columns), step):
            yield columns[start : start + step].astype(self.kind)

    def sparse(self) -> sp.csc_array:
        """Give a sparse matrix; its indices are still to be checked."""
        elements = self._elements()
        rows, starts, values = (self._numbers(next(elements)) for _ in range(3))
        n_links = int(starts[-1]) if len(starts) else 0
        if (
            rows.dtype.kind not in "iu"
            or starts.dtype.kind not in "iu"
            or not 0 <= n_links <= min(len(rows), len(values))
        ):
            raise MaskFormatError(f"variable '{self.name}': the pointers of the sparse matrix are broken")
        kept = values[:n_links] != 0 if self.is_logical else values[:n_links].astype(np.float64)
        return sp.csc_array((kept, rows[:n_links].astype(np.int64), starts.astype(np.int64)), shape=self.shape)

    def text(self) -> str:
        """Give a text."""
        element = next(self._elements())
        if element.kind not in _TEXTS:
            raise MaskFormatError(f"variable '{self.name}' is no text")
        encoding = _TEXTS[element.kind]
        if encoding != "utf-8":
            encoding += "-le" if self.order == "<" else "-be"
        return bytes(element.content).decode(encoding)

    def cells(self) -> Iterator[Variable]:
        """Give the cells, by columns."""
        for i, element in enumerate(self._elements(), 1):
            if i > math.prod(self.shape):
                break
            yield _variable(element, f"{self.name}{{{i}}}", self.order, self.path, self.place, is_cell=True)

    def _elements(self) -> Iterator[_Element]:
        """Give the elements behind class, shape and name."""
        content = self.cell if self.cell is not None else _content(self.path, self.place, self.order, self.name)
        at = 0
        for i in range(2**31):
            if at >= len(content):
                if i < 4:
                    raise MaskFormatError(f"variable '{self.name}' is cut off")
                return
            element = _element(content, at, self.order)
            at = element.end
            if i >= 3:
                yield element

    def _numbers(self, element: _Element) -> np.ndarray:
        if element.kind not in _NUMBERS:
            raise MaskFormatError(f"variable '{self.name}' holds elements of the unknown type {element.kind}")
        return np.frombuffer(element.content, f"{self.order}{_NUMBERS[element.kind]}")


def variables(path: Path, options: Options) -> list[Variable]:
    """List the variables of a file; their numbers are not read.

    Raises
    ------
    MaskFormatError
        If the file is broken, or one promises more than reading may take.
    """
    size, found = path.stat().st_size, []
    with path.open("rb") as file:
        order = "<" if file.read(HEADER_BYTES)[126:128] == b"IM" else ">"
        while tag := file.read(8):
            kind, length = struct.unpack(f"{order}II", tag)
            start = file.tell()
            if start + length > size:
                raise MaskFormatError("the file ends before the numbers that it promises")
            if kind in (_MATRIX, _COMPRESSED):
                found.append(_listed(file.read(min(length, _BEGINNING)), (kind, start, length), order, path))
                options.check_memory(f"variable '{found[-1].name}'", _MEMORY_A_BYTE * found[-1].n_bytes)
            file.seek(start + length)
    return [variable for variable in found if variable.name]


def _listed(beginning: bytes, place: tuple[int, int, int], order: str, path: Path) -> Variable:
    kind, _, length = place
    if kind == _COMPRESSED:
        beginning = zlib.decompressobj().decompress(beginning, _BEGINNING)
        inner, length = struct.unpack_from(f"{order}II", beginning)
        if inner != _MATRIX:
            raise MaskFormatError("a compressed part of the file is no variable")
        beginning = beginning[8:]
    return _variable(_Element(_MATRIX, memoryview(beginning), 0), None, order, path, place, n_bytes=length)


def _variable(
    element: _Element,
    name: str | None,
    order: str,
    path: Path,
    place: tuple[int, int, int],
    *,
    n_bytes: int = 0,
    is_cell: bool = False,
) -> Variable:
    """Read class, shape and name."""
    content = element.content
    if element.kind != _MATRIX:
        raise MaskFormatError(f"a part of the file is no variable, but of the type {element.kind}")
    flags = _element(content, 0, order)
    shape = _element(content, flags.end, order)
    called = _element(content, shape.end, order)
    if flags.kind != _UINT32 or len(flags.content) != 8 or shape.kind != _INT32 or called.kind != _INT8:
        raise MaskFormatError("a variable's class, shape or name is broken")
    number = struct.unpack(f"{order}II", flags.content)[0]
    sizes = tuple(int(n) for n in np.frombuffer(shape.content, f"{order}i4"))
    if len(sizes) < 2 or min(sizes) < 0:
        raise MaskFormatError(f"a variable has the shape {sizes}")
    kind, is_logical = _CLASSES.get(number & 255, "unknown"), bool(number & 0x200)
    kind = "bool" if is_logical and kind in _DENSE else kind
    own = name if name is not None else bytes(called.content).decode("utf-8", "backslashreplace")
    is_complex = bool(number & 0x800)
    return Variable(own, sizes, kind, is_complex, is_logical, n_bytes, order, path, place, content if is_cell else None)


def _element(content: memoryview, at: int, order: str) -> _Element:
    """Read one element at a place; short ones lie in their own tag."""
    if at + 8 > len(content):
        raise MaskFormatError("a variable is cut off")
    first, length = struct.unpack_from(f"{order}II", content, at)
    if first >> 16:
        kind, length = first & 0xFFFF, first >> 16
        if length > 4:
            raise MaskFormatError("a variable's short element is broken")
        return _Element(kind, content[at + 4 : at + 4 + length], at + 8)
    if at + 8 + length > len(content):
        raise MaskFormatError("a variable promises more numbers than it holds")
    return _Element(first, content[at + 8 : at + 8 + length], at + 8 + length + -length % 8)


def _content(path: Path, place: tuple[int, int, int], order: str, name: str) -> memoryview:
    """Read a variable, inflated."""
    kind, start, length = place
    with path.open("rb") as file:
        file.seek(start)
        content = file.read(length)
    if kind != _COMPRESSED:
        return memoryview(content)
    packed = zlib.decompressobj()
    wanted = struct.unpack(f"{order}II", packed.decompress(content, 8))[1]
    inflated = packed.decompress(packed.unconsumed_tail, max(wanted, 1))
    if len(inflated) < wanted:
        raise MaskFormatError(f"variable '{name}' promises more numbers than it holds")
    return memoryview(inflated)


def check_variable(variable: Variable, options: Options) -> None:
    """Refuse a variable that is no matrix of real numbers of a shape that can be.

    Raises
    ------
    MaskFormatError
    """
    if variable.is_complex or not (variable.is_dense or variable.kind == "sparse") or len(variable.shape) != 2:
        what = "complex " if variable.is_complex else ""
        raise MaskFormatError(
            f"variable '{variable.name}', {what}{variable.kind} of shape {variable.shape}, is no matrix of real numbers"
        )
    check_shape(variable.name, variable.shape, options)
