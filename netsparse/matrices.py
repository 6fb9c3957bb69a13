"""Matrices of any kind, checked and brought to one form at the door."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse.errors import MaskFormatError


def to_csr(matrix: Any, name: str, *, pattern: bool = False) -> sp.csr_array:
    """Give any matrix as canonical CSR without explicit zeros.

    Values are kept, those of duplicates summed; with ``pattern=True`` every entry that is not 0 becomes 1 first.
    """
    if hasattr(matrix, "detach"):  # a torch tensor, known by its manners so that torch need not be imported
        matrix = _from_tensor(matrix, name)
    if not sp.issparse(matrix):
        try:
            matrix = np.ma.filled(matrix, 0) if np.ma.isMaskedArray(matrix) else np.asarray(matrix)
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
    if not sp.issparse(matrix):
        check_finite(name, matrix)
        return sp.csr_array(matrix != 0 if pattern else matrix)
    if matrix.format in ("csr", "csc", "bsr"):  # before SciPy's own C code walks over the indices
        check_bounds(name, matrix)
    elif matrix.format != "coo":
        matrix = matrix.tocsr()
    check_finite(name, matrix.data)
    matrix = matrix.copy()  # the caller's own stays as it is
    if pattern:  # before duplicates are summed: 1 and -1 are links
        matrix.data = (matrix.data != 0).astype(np.int32)
    csr = sp.csr_array(matrix)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    return csr


def _from_tensor(tensor: Any, name: str) -> Any:
    """Give a torch tensor as a NumPy array, or a sparse one as a SciPy array."""
    try:
        tensor = tensor.detach().to("cpu")
        if tensor.is_floating_point() and str(tensor.dtype) not in ("torch.float32", "torch.float64"):
            tensor = tensor.float()
        if str(tensor.layout) == "torch.strided":
            return tensor.numpy()
        if str(tensor.layout) != "torch.sparse_coo":
            tensor = tensor.to_sparse_coo()
        # not coalesced, which would let duplicates cancel
        values, indices = tensor._values().numpy(), tuple(tensor._indices().numpy())
        return sp.coo_array((values, indices), shape=tuple(tensor.shape))
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MaskFormatError(f"layer '{name}': this tensor ({tensor.dtype}) cannot be read: {reason}") from error


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
    used, starts = matrix.indices[: matrix.nnz], matrix.indptr[1:-1]
    rising = used[1:] > used[:-1]  # a byte a link: there may be many
    rising[starts[(starts > 0) & (starts < matrix.nnz)] - 1] = True  # a new row may start anywhere
    if not rising.all():
        raise MaskFormatError(
            f"layer '{name}': CSR rows must be sorted and free of duplicates; use LayerGraph.from_mask"
        )


def check_finite(name: str, values: np.ndarray) -> None:
    """Refuse NaN and infinity."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise MaskFormatError(f"layer '{name}': the weights hold NaN or infinity, first at {bad}")
