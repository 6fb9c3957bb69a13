"""Matrix Market: one layer, its entries as text."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse as sp

from netsparse.description import description_text
from netsparse.errors import MaskFormatError
from netsparse.graph import Snapshot
from netsparse.masks.described import description_in_comments
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found, parsing
from netsparse.masks.options import Options
from netsparse.masks.sparse import check_shape, sparse_found
from netsparse.masks.writing import only_layer
from netsparse.storage import write_whole

# The shortest line of an entry: two indices, a space and the end of the line.
_BYTES_AN_ENTRY = 4

# What numbers are written with, infinity and NaN among them, which are refused later.
_NUMBERS = b"0123456789+-.eE \t\r\nINFinfANan"

# How much of the text is checked at a time.
_BYTES_AT_A_TIME = 2**20

# Bytes of memory an entry: two indices and the value, and the same in another order; twice that if one half is written.
_MEMORY_AN_ENTRY = 48


def recognises(head: Head) -> bool:
    """Tell a Matrix Market file."""
    return head.start[:14].lower() == b"%%matrixmarket"


def read(path: Path, options: Options) -> Found:
    """Read the one matrix; explicit zeros are links only if the file's description says so."""
    with parsing("Matrix Market file"):
        _check_text(path)
        rows, columns, entries, layout, field, symmetry = scipy.io.mminfo(path)
        check_shape(path.stem, (rows, columns), options)
        if field == "complex":
            raise MaskFormatError("a mask holds real numbers, this Matrix Market file complex ones")
        if layout == "coordinate" and entries * _BYTES_AN_ENTRY > path.stat().st_size:
            raise MaskFormatError(f"its header promises {entries:,} entries, more than the file can hold")
        if layout == "array":
            entries = rows * columns
        held = entries * _MEMORY_AN_ENTRY * (1 if symmetry == "general" else 2)
        options.check_memory(f"the matrix of {entries:,} entries", held)
        description = description_in_comments(path, options)
        matrix = scipy.io.mmread(_with_last_line_ended(path))
    if description is not None:
        layer = description.one().of_matrix(matrix)
        return Found("Matrix Market file", snapshot=description.snapshot([layer]))
    return sparse_found("Matrix Market file", path.stem, matrix, options, is_mask=field == "pattern")


def _check_text(path: Path) -> None:
    """Refuse what is no number behind the comments: SciPy's reader overlooks it, and dies of a zero byte."""
    number = 0
    with path.open("rb") as file:
        for line in file:
            number += 1
            if b"\0" in line:
                raise MaskFormatError(f"line {number} holds a zero byte")
            if not line.startswith(b"%"):
                break
        while lines := file.readlines(_BYTES_AT_A_TIME):
            if b"".join(lines).translate(None, _NUMBERS):
                number += next(i for i, line in enumerate(lines, 1) if line.translate(None, _NUMBERS))
                raise MaskFormatError(f"line {number} holds something else than numbers")
            number += len(lines)


def _with_last_line_ended(path: Path) -> Path | io.BytesIO:
    """Give the file, or its content with the end of the last line, without which SciPy's reader may die."""
    with path.open("rb") as file:
        file.seek(-1, io.SEEK_END)
        return path if file.read() == b"\n" else io.BytesIO(path.read_bytes() + b"\n")


def write(snapshot: Snapshot, path: Path) -> None:
    """Write the one layer; a comment tells its names."""
    layer = only_layer("matrix-market", snapshot)
    weights = layer.weights
    if weights is None:
        field, values = "pattern", np.ones(layer.n_links, np.int8)
    elif weights.dtype.kind == "f":  # as float64, whose text is exact for float32 and float16 too
        field, values = "real", weights.astype(np.float64)
    else:
        wide = np.uint64 if weights.dtype.kind == "u" else np.int64
        field, values = ("unsigned-integer" if wide is np.uint64 else "integer"), weights.astype(wide)
    places = (layer.link_rows, layer.biadjacency.indices)
    matrix = sp.coo_array((values, places), shape=layer.biadjacency.shape)
    content = io.BytesIO()
    comment = f"netsparse: {description_text(snapshot)}"
    scipy.io.mmwrite(content, matrix, comment=comment, field=field, symmetry="general")
    write_whole(path, content.getvalue())


def write_graph(adjacency: sp.csr_array, path: Path) -> None:
    """Write an adjacency, half of it, as a symmetric pattern."""
    content = io.BytesIO()
    scipy.io.mmwrite(content, sp.coo_array(adjacency), field="pattern", symmetry="symmetric")
    write_whole(path, content.getvalue())


_SUMMARY = "Matrix Market (.mtx): one matrix, as text"
FORMS.add("matrix-market", Form(_SUMMARY, recognises, read, write, (".mtx",), write_graph))
