"""SciPy's sparse .npz: one layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from netsparse.masks.form import FORMS, Form, Head, check_inflated
from netsparse.masks.found import Found, parsing
from netsparse.masks.options import Options
from netsparse.masks.sparse import check_shape, sparse_found


def recognises(head: Head) -> bool:
    """Tell what scipy.sparse.save_npz wrote."""
    return {"format.npy", "shape.npy", "data.npy"} <= set(head.zip_names)


def read(path: Path, options: Options) -> Found:
    """Read the one matrix."""
    with parsing("SciPy .npz"):
        check_inflated(path, options)
        with np.load(path, allow_pickle=False) as arrays:
            check_shape(path.stem, tuple(int(size) for size in arrays["shape"]), options)
        matrix = sp.load_npz(path)
    return sparse_found("SciPy sparse matrix", path.stem, matrix, options)


FORMS.add("scipy", Form("SciPy sparse matrix (.npz): CSR, CSC, COO, BSR or DIA, one layer", recognises, read))
