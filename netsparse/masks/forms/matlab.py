"""MATLAB's .mat files of version 5 (``save -v7`` and before): every matrix of numbers is a layer."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse as sp

from netsparse.description import description_text, identifiers
from netsparse.errors import MaskFormatError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.dense import DenseMatrix
from netsparse.masks.described import Description, read_description
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found, Matrix, parsing
from netsparse.masks.options import Options
from netsparse.masks.sparse import SparseMatrix, check_shape
from netsparse.masks.writing import as_float
from netsparse.storage import write_whole

# Where the header ends, and the elements begin: type and number of bytes each.
_HEADER_BYTES = 128

# Type of an element that is compressed.
_COMPRESSED = 15

# How much longer numbers become that are kept in the smallest type that holds them.
_EXPANSION = 8

# Classes of variables that may be a mask.
_DENSE = ("double", "single", "logical", *(f"{u}int{b}" for b in (8, 16, 32, 64) for u in ("", "u")))

# How the authors' program of Cannistraci-Hebb training calls its masks: a matrix, or a cell array of them.
_AUTHORS = "adjacency_matrix"

_DESCRIPTION = "netsparse"


def recognises(head: Head) -> bool:
    """Tell a MATLAB file of version 5, or one of version 7.3, which is HDF5."""
    start = head.start
    return _is_hdf5(start) or (len(start) >= _HEADER_BYTES and start[124:128] in (b"\x00\x01IM", b"\x01\x00MI"))


def _is_hdf5(start: bytes) -> bool:
    return start.startswith((b"\x89HDF", b"MATLAB 7.3"))


def read(path: Path, options: Options) -> Found:
    """Find the matrices: the variable adjacency_matrix alone if it is there, else all; cells are a layer each."""
    if _is_hdf5(Head(path).start):
        raise MaskFormatError("an HDF5 file, as MATLAB's version 7.3; save it in MATLAB by save('NAME.mat', '-v7')")
    found = Found("MATLAB file")
    with parsing("MATLAB file"):
        _check_inflated(path, options)
        there = {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(path)}
        description = _description(path, there, options)
        if description is not None:
            return Found(found.form, snapshot=_described(path, there, description, options))
        names = _chosen(there)
        left_out = [name for name in there if name not in names]
        for name in names:
            for own, value in _values(name, _load(path, name, there[name], options)):
                found.matrices.append(_matrix(own, value, options, found.notes))
    if left_out:
        found.notes.append(f"left out: {', '.join(left_out)}")
    return found


def _chosen(there: dict[str, tuple[tuple[int, ...], str]]) -> list[str]:
    """Choose variables that hold masks."""
    if _AUTHORS in there:
        return [_AUTHORS]
    names = [name for name, (shape, kind) in there.items() if kind in ("sparse", *_DENSE) and _is_matrix(shape, kind)]
    if not names:
        told = ", ".join(f"{name} {kind} {shape}" for name, (shape, kind) in list(there.items())[:4]) or "nothing"
        raise MaskFormatError(f"holds no matrix of numbers, but {told}")
    return names


def _is_matrix(shape: tuple[int, ...], kind: str) -> bool:
    """Whether a variable is a matrix and no single number, as options are that lie beside one."""
    return len(shape) == 2 and (kind == "sparse" or tuple(shape) != (1, 1))


def _load(path: Path, name: str, about: tuple[tuple[int, ...], str], options: Options) -> Any:
    """Load one variable, whose shape and class are known before."""
    shape, kind = about
    if min(shape, default=0) < 0:
        raise MaskFormatError(f"variable '{name}' has the shape {tuple(shape)}")
    options.check_memory(
        f"variable '{name}' of shape {tuple(shape)}", int(np.prod(shape, dtype=object)) * 8 * (kind != "sparse")
    )
    if kind == "sparse":
        check_shape(name, shape, options)
    return scipy.io.loadmat(path, variable_names=[name])[name]


def _values(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give a variable, or each cell of a cell array."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.dtype.names is None:
        for i, cell in enumerate(value.ravel(order="F"), 1):
            yield f"{name}{{{i}}}", cell
    else:
        yield name, value


def _matrix(name: str, value: Any, options: Options, notes: list[str]) -> Matrix:
    if sp.issparse(value):
        return SparseMatrix(name, value, options, notes)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or value.ndim != 2:
        raise MaskFormatError(f"variable '{name}' is no matrix of real numbers")
    check_shape(name, value.shape, options)
    return DenseMatrix(name, value.shape, value.dtype.name, partial(_columns, value), turned=True)


def _columns(value: np.ndarray) -> Iterator[np.ndarray]:
    """Give a matrix the way it lies in memory: by columns."""
    yield value.T


def _check_inflated(path: Path, options: Options) -> None:
    """Refuse a file whose elements promise more bytes than it holds, or, inflated, than reading may take."""
    size, inflated = path.stat().st_size, 0
    with path.open("rb") as file:
        order = "<" if file.read(_HEADER_BYTES)[126:128] == b"IM" else ">"
        while tag := file.read(8):
            kind, length = struct.unpack(f"{order}II", tag)
            end = file.tell() + length
            if end > size:
                raise MaskFormatError("the file ends before the numbers that it promises")
            if kind == _COMPRESSED:
                within = zlib.decompressobj().decompress(file.read(min(length, 4096)), 8)
                length = struct.unpack(f"{order}II", within)[1]
            inflated += length
            file.seek(end)
    options.check_memory("inflated, the file", inflated * _EXPANSION)


def _description(path: Path, there: dict[str, Any], options: Options) -> Description | None:
    shape, kind = there.get(_DESCRIPTION, ((), ""))
    if kind != "char":
        return None
    options.check_memory("its description", 4 * int(np.prod(shape, dtype=object)))
    text = scipy.io.loadmat(path, variable_names=[_DESCRIPTION])[_DESCRIPTION]
    return read_description("".join(text.ravel()), options)


def _described(path: Path, there: dict[str, Any], description: Description, options: Options) -> Snapshot:
    """Put the layers of the variables together that the description promises."""
    names = identifiers([_DESCRIPTION, *(layer.name for layer in description.layers)])[1:]
    description.check_names([name for name in there if name != _DESCRIPTION], names)
    layers = []
    for name, layer in zip(names, description.layers, strict=True):
        matrix = _load(path, name, there[name], options)
        if not sp.issparse(matrix):
            raise MaskFormatError(f"variable '{name}' is no sparse matrix, as the file's description promises")
        layers.append(layer.of_matrix(matrix))
    return description.snapshot(layers)


def write(snapshot: Snapshot, path: Path) -> None:
    """Write a sparse matrix a layer, and the names as a text, ``netsparse``."""
    names = identifiers([_DESCRIPTION, *(layer.name for layer in snapshot.layers)])[1:]
    variables: dict[str, Any] = {name: _sparse(la) for name, la in zip(names, snapshot.layers, strict=True)}
    content = io.BytesIO()
    variables[_DESCRIPTION] = description_text(snapshot)
    scipy.io.savemat(content, variables, do_compression=True, long_field_names=True)
    write_whole(path, content.getvalue())


def _sparse(layer: LayerGraph) -> sp.csc_array:
    """Give the matrix (n_source, n_target), of truth values or float64, which MATLAB's sparse matrices hold."""
    links = layer.biadjacency
    if layer.weights is None:
        values = np.ones(layer.n_links, bool)
    else:
        values = as_float("matlab", layer.weights, layer.name).astype(np.float64)
    return sp.csr_array((values, links.indices, links.indptr), shape=links.shape).tocsc()


FORMS.add(
    "matlab", Form("MATLAB file (.mat) of version 5 or 7: a layer each matrix", recognises, read, write, (".mat",))
)
