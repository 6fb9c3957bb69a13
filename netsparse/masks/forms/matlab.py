"""MATLAB's .mat files of version 5 (``save -v7`` and before): every matrix of numbers is a layer."""

from __future__ import annotations

import io
from collections.abc import Sequence
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
from netsparse.masks.matlab_file import HEADER_BYTES, Variable, check_variable, variables
from netsparse.masks.options import Options
from netsparse.masks.sparse import SparseMatrix
from netsparse.masks.writing import as_float
from netsparse.storage import write_whole

# How the authors' program of Cannistraci-Hebb training calls its masks: a matrix, or a cell array of them.
_AUTHORS = "adjacency_matrix"

# Variable that tells the layers' names.
_DESCRIPTION = "netsparse"

# With what the file begins; SciPy puts the time there, which would make every file another.
_ABOUT, _ABOUT_BYTES = b"MATLAB 5.0 MAT-file, written by netsparse", 116


def recognises(head: Head) -> bool:
    """Tell a MATLAB file of version 5, or one of version 7.3, which is HDF5."""
    start = head.start
    return _is_hdf5(start) or (len(start) >= HEADER_BYTES and start[124:128] in (b"\x00\x01IM", b"\x01\x00MI"))


def _is_hdf5(start: bytes) -> bool:
    return start.startswith((b"\x89HDF", b"MATLAB 7.3"))


def read(path: Path, options: Options) -> Found:
    """Find the matrices: the variable adjacency_matrix alone if it is there, else all; cells are a layer each."""
    if _is_hdf5(Head(path).start):
        raise MaskFormatError("an HDF5 file, as MATLAB's version 7.3; save it in MATLAB by save('NAME.mat', '-v7')")
    found = Found("MATLAB file")
    with parsing("MATLAB file"):
        there = variables(path, options)
        description = _description(there, options)
        if description is not None:
            return Found(found.form, snapshot=_described(there, description, options))
        chosen = _chosen(there)
        for variable in chosen:
            for matrix in variable.cells() if variable.kind == "cell" else [variable]:
                found.matrices.append(_matrix(matrix, options, found.notes))
    left_out = [variable.name for variable in there if variable not in chosen]
    if left_out:
        found.notes.append(f"left out: {', '.join(left_out)}")
    return found


def _chosen(there: Sequence[Variable]) -> list[Variable]:
    """Choose variables that hold masks; single numbers are options that lie beside them."""
    chosen = [variable for variable in there if variable.name == _AUTHORS]
    for variable in there if not chosen else ():
        is_matrix = variable.is_dense and len(variable.shape) == 2 and variable.shape != (1, 1)
        if is_matrix or variable.kind == "sparse":
            chosen.append(variable)
    if not chosen:
        told = ", ".join(f"{variable.name} ({variable.kind} {variable.shape})" for variable in there[:4]) or "nothing"
        raise MaskFormatError(f"holds no matrix of numbers, but {told}")
    return chosen


def _matrix(variable: Variable, options: Options, notes: list[str]) -> Matrix:
    check_variable(variable, options)
    if variable.kind == "sparse":
        return SparseMatrix(variable.name, variable.sparse(), options, notes)
    n_rows, n_columns = variable.shape
    return DenseMatrix(variable.name, (n_rows, n_columns), variable.kind, variable.blocks, turned=True)


def _description(there: Sequence[Variable], options: Options) -> Description | None:
    texts = [variable for variable in there if variable.name == _DESCRIPTION and variable.kind == "char"]
    return read_description(texts[0].text(), options) if texts else None


def _described(there: Sequence[Variable], description: Description, options: Options) -> Snapshot:
    """Put the layers of the variables together that the description promises."""
    names = identifiers([_DESCRIPTION, *(layer.name for layer in description.layers)])[1:]
    by_name = {variable.name: variable for variable in there if variable.name != _DESCRIPTION}
    description.check_names(list(by_name), names)
    layers = []
    for name, layer in zip(names, description.layers, strict=True):
        check_variable(by_name[name], options)
        if by_name[name].kind != "sparse":
            raise MaskFormatError(f"variable '{name}' is no sparse matrix, as the file's description promises")
        layers.append(layer.of_matrix(by_name[name].sparse()))
    return description.snapshot(layers)


def write(snapshot: Snapshot, path: Path) -> None:
    """Write a sparse matrix a layer, and the names as a text, ``netsparse``."""
    names = identifiers([_DESCRIPTION, *(layer.name for layer in snapshot.layers)])[1:]
    # the description is first: a file that is cut behind a variable is then known as such
    held: dict[str, Any] = {_DESCRIPTION: description_text(snapshot)}
    held |= {name: _sparse(layer) for name, layer in zip(names, snapshot.layers, strict=True)}
    content = io.BytesIO()
    scipy.io.savemat(content, held, do_compression=True, long_field_names=True)
    write_whole(path, _ABOUT.ljust(_ABOUT_BYTES) + content.getvalue()[_ABOUT_BYTES:])


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
