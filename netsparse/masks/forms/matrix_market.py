"""Matrix Market: one layer, its entries as text."""

from __future__ import annotations

from pathlib import Path

import scipy.io

from netsparse.errors import MaskFormatError
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found, parsing
from netsparse.masks.options import Options
from netsparse.masks.sparse import check_shape, sparse_found

# The shortest line of an entry: two indices, a space and the end of the line.
_BYTES_AN_ENTRY = 4


def recognises(head: Head) -> bool:
    """Tell a Matrix Market file."""
    return head.start[:14].lower() == b"%%matrixmarket"


def read(path: Path, options: Options) -> Found:
    """Read the one matrix."""
    with parsing("Matrix Market file"):
        rows, columns, entries, layout, field, _ = scipy.io.mminfo(path)
        check_shape(path.stem, (rows, columns), options)
        if layout == "coordinate" and entries * _BYTES_AN_ENTRY > path.stat().st_size:
            raise MaskFormatError(f"its header promises {entries:,} entries, more than the file can hold")
        if layout == "array":
            options.check_memory(f"the array of shape {(rows, columns)}", rows * columns * 8)
        # SciPy takes an open file to be text of any encoding; the format is ASCII
        matrix = scipy.io.mmread(path)
    return sparse_found("Matrix Market file", path.stem, matrix, options, is_mask=field == "pattern")


FORMS.add("matrix-market", Form("Matrix Market (.mtx): one matrix, as text", recognises, read, None, (".mtx",)))
