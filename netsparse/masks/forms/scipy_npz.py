"""SciPy's sparse .npz: one layer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from netsparse.graph import Snapshot
from netsparse.masks.described import description_array, description_in_array
from netsparse.masks.form import FORMS, Form, Head, check_inflated
from netsparse.masks.found import Found, parsing
from netsparse.masks.options import Options
from netsparse.masks.sparse import check_shape, sparse_found
from netsparse.masks.writing import npz, only_layer
from netsparse.storage import write_whole


def recognises(head: Head) -> bool:
    """Tell what scipy.sparse.save_npz wrote."""
    return {"format.npy", "shape.npy", "data.npy"} <= set(head.zip_names)


def read(path: Path, options: Options) -> Found:
    """Read the one matrix."""
    with parsing("SciPy .npz"):
        check_inflated(path, options)
        with np.load(path, allow_pickle=False) as arrays:
            check_shape(path.stem, tuple(int(size) for size in arrays["shape"]), options)
            description = description_in_array(arrays["netsparse"], options) if "netsparse" in arrays.files else None
        matrix = sp.load_npz(path)
        if description is not None:
            return Found("SciPy sparse matrix", snapshot=description.snapshot([description.one().of_matrix(matrix)]))
    return sparse_found("SciPy sparse matrix", path.stem, matrix, options)


def write(snapshot: Snapshot, path: Path) -> None:
    """Write the one layer as scipy.sparse.save_npz does, and the names as one more array."""
    matrix = only_layer("scipy", snapshot).to_scipy()
    if snapshot.layers[0].weights is None:
        matrix = matrix.astype(np.int8)
    arrays = {
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "format": np.array(b"csr"),
        "shape": np.array(matrix.shape),
        "data": matrix.data,
        "netsparse": description_array(snapshot),
    }
    write_whole(path, npz(arrays))


def write_graph(adjacency: sp.csr_array, path: Path) -> None:
    """Write an adjacency as scipy.sparse.save_npz does."""
    content = io.BytesIO()
    sp.save_npz(content, adjacency)
    write_whole(path, content.getvalue())


_SUMMARY = "SciPy sparse matrix (.npz): CSR, CSC, COO, BSR or DIA, one layer"
FORMS.add("scipy", Form(_SUMMARY, recognises, read, write, (".npz",), write_graph))
