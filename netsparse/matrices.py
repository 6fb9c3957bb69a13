"""Matrices of any kind, checked and brought to one form at the door."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse.errors import MaskFormatError


def to_csr(matrix: Any, name: str) -> sp.csr_array:
    """Give any matrix as canonical CSR without explicit zeros, its values kept."""
    if hasattr(matrix, "detach"):  # a torch tensor, known by its manners so that torch need not be imported
        matrix = matrix.detach().to("cpu")
        if str(matrix.layout) != "torch.strided":
            matrix = matrix.to_dense()
        matrix = matrix.float().numpy() if str(matrix.dtype) == "torch.bfloat16" else matrix.numpy()
    if not sp.issparse(matrix):
        try:
            matrix = np.asarray(matrix)
        except ValueError as error:
            raise MaskFormatError(f"layer '{name}': not a matrix: {error}") from error
    if matrix.ndim != 2:
        raise MaskFormatError(
            f"layer '{name}': a mask is a matrix (n_source, n_target), this has {matrix.ndim} dimensions {matrix.shape}"
        )
    if matrix.dtype.kind not in "biuf":
        raise MaskFormatError(f"layer '{name}': a mask holds numbers, this holds {matrix.dtype}")
    if matrix.dtype == np.float16:  # which SciPy's sparse matrices cannot hold
        matrix = matrix.astype(np.float32)
    values = matrix.data if sp.issparse(matrix) and matrix.format not in ("dok", "lil") else matrix
    if not sp.issparse(values):
        check_finite(name, np.asarray(values))
    if sp.issparse(matrix):
        if matrix.format in ("csr", "csc", "bsr"):  # before SciPy's own C code walks over the indices
            check_bounds(name, matrix)
        csr = sp.csr_array(matrix, copy=True)
        csr.sum_duplicates()
        csr.eliminate_zeros()
    else:
        csr = sp.csr_array(matrix)
    return csr


def check_bounds(name: str, matrix: Any) -> None:
    """Refuse a CSR, CSC or BSR matrix whose pointers or indices lead outside it."""
    indptr, indices = matrix.indptr, matrix.indices
    rows, columns = matrix.shape if matrix.format != "csc" else matrix.shape[::-1]
    if matrix.format == "bsr":
        rows, columns = rows // matrix.blocksize[0], columns // matrix.blocksize[1]
    if (
        len(indptr) != rows + 1
        or indptr[0] != 0
        or np.any(np.diff(indptr) < 0)
        or indptr[-1] > min(len(indices), len(matrix.data))
    ):
        raise MaskFormatError(f"layer '{name}': the pointers of the sparse matrix are broken")
    used = indices[: indptr[-1]]
    if len(used) and (used.min() < 0 or used.max() >= columns):
        raise MaskFormatError(f"layer '{name}': an index of the sparse matrix lies outside its shape {matrix.shape}")


def check_csr(name: str, matrix: sp.csr_array) -> None:
    """Refuse a CSR matrix that is not canonical: rows sorted, no duplicates."""
    check_bounds(name, matrix)
    step = np.diff(matrix.indices.astype(np.int64))
    starts = matrix.indptr[1:-1]
    step[starts[(starts > 0) & (starts < matrix.nnz)] - 1] = 1  # a new row may start anywhere
    if np.any(step <= 0):
        raise MaskFormatError(
            f"layer '{name}': CSR rows must be sorted and free of duplicates; use LayerGraph.from_mask"
        )


def check_finite(name: str, values: np.ndarray) -> None:
    """Refuse NaN and infinity."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise MaskFormatError(f"layer '{name}': the weights hold NaN or infinity, first at {bad}")
