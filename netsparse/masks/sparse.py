"""Sparse matrices of a file, in memory: checked, and brought to one form."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse.errors import MaskFormatError
from netsparse.graph import LayerGraph
from netsparse.masks.found import Found, counted
from netsparse.masks.options import Options
from netsparse.matrices import to_csr

# Bytes that a neuron takes, of every side, before it has any link.
_BYTES_A_NEURON = 32


class SparseMatrix:
    """A sparse matrix of a file; duplicates are merged (their values summed) and told.

    Parameters
    ----------
    name : str
    matrix : SciPy sparse array
        Explicit zeros are no links.
    is_mask : bool
        Whether the entries have no values: then 1 and -1 at the same place are one link.

    Raises
    ------
    MaskFormatError
        If an index or number makes no sense, or the shape takes more memory than reading may.
    """

    in_memory = True
    fixed_rows = None

    def __init__(self, name: str, matrix: Any, options: Options, notes: list[str], *, is_mask: bool = False) -> None:
        self.name = name
        if not sp.issparse(matrix):
            matrix = sp.coo_array(matrix)
        check_shape(name, matrix.shape, options)
        self.kind = str(matrix.dtype)
        is_mask = is_mask or matrix.dtype.kind == "b"
        is_bytes = not is_mask and matrix.dtype.kind in "iu" and matrix.dtype.itemsize == 1
        if is_bytes:  # a mask whose numbers a threshold may ask for: as sizes, so that 1 and -1 are a link, too
            matrix = matrix.copy()
            matrix.data = np.abs(matrix.data.astype(np.int32))
        self.matrix = to_csr(matrix, name, pattern=is_mask)
        if is_mask:  # duplicates are one link, not two
            self.matrix.data[:] = 1
        stored = np.count_nonzero(matrix.data)
        if matrix.format != "bsr" and stored > self.matrix.nnz:
            merged = stored - self.matrix.nnz
            notes.append(f"layer '{name}': {counted(merged, 'duplicate link', 'merged')}")
        self.shape: tuple[int, int] = self.matrix.shape
        self.is_mask = is_bytes or bool(np.all(self.matrix.data == 1))

    def _above(self, options: Options) -> sp.csr_array:
        if options.threshold is None:
            return self.matrix
        kept = self.matrix.copy()
        kept.data[np.abs(kept.data) <= options.threshold] = 0
        kept.eliminate_zeros()
        return kept

    def layer(self, rows: str, options: Options) -> LayerGraph:
        """Give it as a layer, whose rows are source ("in") or target ("out") neurons."""
        matrix = self._above(options)
        if rows == "out":
            matrix = sp.csr_array(matrix.T)
            matrix.sort_indices()
        return LayerGraph(self.name, matrix, weights=None if self.is_mask else matrix.data)

    def count(self, options: Options) -> int:
        """Count its links."""
        return int(self._above(options).nnz)


def above(layer: LayerGraph, threshold: float) -> LayerGraph:
    """Keep the links of which |weight| > threshold.

    Raises
    ------
    MaskFormatError
        If the layer has no weights.
    """
    if layer.weights is None:
        raise MaskFormatError(f"layer '{layer.name}' has no weights, which a threshold needs")
    kept = np.abs(layer.weights) > threshold
    shape = (layer.n_source, layer.n_target)
    return LayerGraph.from_keys(
        layer.link_keys[kept], shape, layer.name, layer.source, layer.target, layer.weights[kept]
    )


def check_shape(name: str, shape: tuple[int, ...], options: Options) -> None:
    """Refuse a shape that is no matrix's, or whose neurons alone take more memory than reading may.

    Raises
    ------
    MaskFormatError
    """
    if len(shape) != 2 or min(shape) < 0:
        raise MaskFormatError(f"layer '{name}': a mask is a matrix (n_source, n_target), this has the shape {shape}")
    if max(shape) >= 2**31:
        raise MaskFormatError(
            f"layer '{name}': a shape of {shape} is not that of a layer: 2³¹ − 1 neurons are the most"
        )
    options.check_memory(f"layer '{name}' of shape {tuple(shape)}", sum(shape) * _BYTES_A_NEURON)


def sparse_found(form: str, name: str, matrix: Any, options: Options, *, is_mask: bool = False) -> Found:
    """Give what a file of one sparse matrix holds."""
    notes: list[str] = []
    return Found(form, [SparseMatrix(name, matrix, options, notes, is_mask=is_mask)], notes=notes)
