"""NumPy's .npy (one dense array) and .npz (several)."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from netsparse.description import identifiers
from netsparse.errors import MaskFormatError
from netsparse.graph import Snapshot
from netsparse.masks.dense import DenseMatrix, rows_at_a_time
from netsparse.masks.described import Description, description_array, description_in_array
from netsparse.masks.form import FORMS, Form, Head, check_inflated
from netsparse.masks.found import Found, parsing, unchanged
from netsparse.masks.options import Options
from netsparse.masks.sparse import check_shape
from netsparse.masks.writing import dense, npz, only_layer
from netsparse.storage import write_whole

Opener = Callable[[], AbstractContextManager[IO[bytes]]]

# Array of an archive that tells the layers' names.
_DESCRIPTION = "netsparse"

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def recognises_npy(head: Head) -> bool:
    """Tell one array."""
    return head.start.startswith(b"\x93NUMPY")


def recognises_npz(head: Head) -> bool:
    """Tell an archive of arrays."""
    return bool(head.zip_names) and all(name.endswith(".npy") for name in head.zip_names)


def read_npy(path: Path, options: Options) -> Found:
    """Find the one array."""
    shape, matrix = _array(path, path.stem, lambda: path.open("rb"), path.stat().st_size, options)
    if matrix is None:
        raise MaskFormatError(f"a mask is a matrix (n_source, n_target), this has the shape {shape}")
    return Found("NumPy array", [matrix])


def read_npz(path: Path, options: Options) -> Found:
    """Find the matrices among the arrays."""
    found = Found("NumPy arrays")
    with parsing("NumPy archive"):
        check_inflated(path, options)
        with zipfile.ZipFile(path) as archive:
            entries = [(entry.filename, entry.file_size) for entry in archive.infolist()]
        description = _description(path, [name for name, _ in entries], options)
    others = []
    for member, size in entries:
        name = member.removesuffix(".npy")
        shape, matrix = _array(path, name, partial(_member, path, member), size, options)
        if matrix is None:
            others.append(f"{name} {shape}")
        else:
            found.matrices.append(matrix)
    if description is not None:
        names = identifiers([_DESCRIPTION, *(layer.name for layer in description.layers)])[1:]
        return Found(found.form, snapshot=description.of_matrices(names, found.matrices, "in", options))
    if others and not found.matrices:
        raise MaskFormatError(f"a mask is a matrix (n_source, n_target); these are none: {', '.join(others[:4])}")
    if others:
        found.notes.append(f"left out, since they are no matrices: {', '.join(others)}")
    return found


def _description(path: Path, members: Sequence[str], options: Options) -> Description | None:
    if f"{_DESCRIPTION}.npy" not in members:
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return description_in_array(arrays[_DESCRIPTION], options)


def write_npy(snapshot: Snapshot, path: Path) -> None:
    """Write the one layer; names and epoch are not in it."""
    content = io.BytesIO()
    np.save(content, dense("npy", only_layer("npy", snapshot)))
    write_whole(path, content.getvalue())


def write_npz(snapshot: Snapshot, path: Path) -> None:
    """Write an array a layer, and the names as one more array."""
    names = identifiers([_DESCRIPTION, *(layer.name for layer in snapshot.layers)])[1:]
    arrays = {name: dense("npz", layer) for name, layer in zip(names, snapshot.layers, strict=True)}
    write_whole(path, npz({**arrays, _DESCRIPTION: description_array(snapshot)}))


@contextmanager
def _member(path: Path, name: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive, archive.open(name) as file:
        yield file


def _array(
    path: Path, name: str, opened: Opener, size: int, options: Options
) -> tuple[tuple[int, ...], DenseMatrix | None]:
    """Read an array's header; give its shape, and the matrix if it is one."""
    with parsing("NumPy array"), opened() as file:
        shape, in_columns, dtype = _header(file)
        promised = math.prod(shape) * dtype.itemsize
        if file.tell() + promised > size:
            raise MaskFormatError(f"array '{name}' of shape {shape} promises more numbers than the file holds")
    if len(shape) != 2:
        return shape, None
    check_shape(name, shape, options)
    if dtype.kind not in "biuf":
        raise MaskFormatError(f"layer '{name}': a mask holds numbers, this holds {dtype}")
    blocks = unchanged(path, partial(_blocks, opened, shape[::-1] if in_columns else shape))
    return shape, DenseMatrix(name, shape, dtype.newbyteorder("=").name, blocks, turned=in_columns)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise MaskFormatError(f"an array of NumPy's format {version}, which holds no numbers alone")
    shape, in_columns, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise MaskFormatError("an array of Python objects, which are never unpickled")
    return shape, in_columns, dtype


def _blocks(opened: Opener, shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Read an array in blocks, from the first number on."""
    with parsing("NumPy array"), opened() as file:
        dtype = _header(file)[2]
        step = rows_at_a_time(shape[1], dtype.itemsize)
        for start in range(0, shape[0], step):
            n_rows = min(step, shape[0] - start)
            n_bytes = n_rows * shape[1] * dtype.itemsize
            content = file.read(n_bytes)
            if len(content) < n_bytes:
                raise MaskFormatError("the file ends before the numbers that its header promises")
            yield np.frombuffer(content, dtype).reshape(n_rows, shape[1])
        file.read(1)  # the end of an archive's entry, where its checksum is compared


FORMS.add("npy", Form("NumPy array (.npy): one dense layer", recognises_npy, read_npy, write_npy, (".npy",)))
FORMS.add("npz", Form("NumPy arrays (.npz): a dense layer each", recognises_npz, read_npz, write_npz))
