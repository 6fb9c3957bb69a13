"""Named tensors of a checkpoint as the matrices of layers: which are weights, which mask goes with which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse.description import printable
from netsparse.errors import MaskFormatError, NoMasksError
from netsparse.graph import LayerGraph
from netsparse.masks.dense import DenseMatrix, rows_at_a_time
from netsparse.masks.described import Description, without_choice
from netsparse.masks.found import Found, Matrix
from netsparse.masks.options import Options
from netsparse.masks.sparse import SparseMatrix, above, check_shape
from netsparse.matrices import to_csr

# What may be a weight or a mask: wider integers are indices. Of each: NumPy's type of its bytes.
KINDS = {
    "float64": "<f8",
    "float32": "<f4",
    "float16": "<f2",
    "bfloat16": "<u2",
    "float8_e4m3fn": "u1",
    "float8_e5m2": "u1",
    "bool": "?",
    "int8": "i1",
    "uint8": "u1",
}

# How a parametrization calls the weight itself.
_ORIGINAL = ".parametrizations.weight.original"

# The parts of a SparseLinear's links in its state dict, beside its weights.
_LINKS = ("source_start", "targets", "shape")


@dataclass
class Tensor:
    """A tensor of a checkpoint.

    Attributes
    ----------
    shape : tuple of int
    kind : str
        One of `KINDS`, or any other type's name.
    blocks : callable
        Gives its rows from the first on, each flattened, as arrays (some rows, columns) of `KINDS`' types.
    sparse : callable, optional
        Of a sparse tensor: gives it as a SciPy array.
    """

    shape: tuple[int, ...]
    kind: str
    blocks: Callable[[], Iterator[np.ndarray]]
    sparse: Callable[[], Any] | None = None

    @property
    def is_weight(self) -> bool:
        """Whether it is a matrix, or has the four dimensions of a convolution, and its type is a weight's or mask's."""
        return self.kind in KINDS and len(self.shape) in (2, 4)

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """Its shape as a matrix: that of a convolution is (n_out, n_in · k · k)."""
        return self.shape[0], int(np.prod(self.shape[1:], dtype=object))

    def values(self) -> np.ndarray:
        """Read the whole of it, in one dimension."""
        return np.concatenate([block.ravel() for block in self.blocks()] or [np.empty(0)])


@dataclass
class KnownLinks:
    """The links of a layer whose direction the file knows."""

    graph: LayerGraph
    in_memory = True
    fixed_rows = "in"

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.graph.name

    @property
    def shape(self) -> tuple[int, int]:
        """Source and target neurons."""
        return self.graph.n_source, self.graph.n_target

    @property
    def kind(self) -> str:
        """Type of the weights."""
        return str(self.graph.weights.dtype) if self.graph.weights is not None else "links"

    def layer(self, rows: str, options: Options) -> LayerGraph:
        """Give the layer."""
        return self.graph if options.threshold is None else above(self.graph, options.threshold)

    def count(self, options: Options) -> int:
        """Count its links."""
        return self.layer("in", options).n_links


def found_of(form: str, tensors: Mapping[str, Tensor], description: Description | None, options: Options) -> Found:
    """Give what a file of named tensors holds; its layers are read if their description lies beside them."""
    found = Found(form, rows="out")
    if description is None:
        found.matrices = matrices_of(tensors, options, found.notes)
        return found
    matrices = matrices_of(tensors, without_choice(options), found.notes)
    names = [printable(layer.name) for layer in description.layers]
    return Found(form, snapshot=description.of_matrices(names, matrices, "out", options))


def matrices_of(tensors: Mapping[str, Tensor], options: Options, notes: list[str]) -> list[Matrix]:
    """Find the layers among named tensors, in their order.

    A layer is a tensor of two dimensions, or of a convolution's four, that holds floating-point numbers, truth values
    or bytes. ``NAME_orig`` with ``NAME_mask`` (torch.nn.utils.prune), ``NAME`` with ``NAME_mask``, and a weight with a
    parametrization that has a ``mask`` (torch.ao.pruning, sparsimony) are one layer, whose links are the mask's; the
    links of a `SparseLinear` are its own. ``.weight`` is left out of the names.

    Raises
    ------
    MaskFormatError
        If there is none, or a mask has another shape than its weights.
    """
    links = _links_of(tensors)
    weights = {name: tensor for name, tensor in tensors.items() if tensor.is_weight or tensor.sparse is not None}
    masks = {name: mask for name in weights if (mask := _mask_of(name, tensors)) is not None}
    taken = {*masks.values(), *links}
    names = [name for name in tensors if name in links or (name in weights and name not in taken)]
    short = {name: _base(name).removesuffix(".weight") or name for name in names}
    kernels = [name for name, tensor in tensors.items() if tensor.kind in KINDS and len(tensor.shape) in (3, 5)]
    if kernels:
        more = f" and {len(kernels) - 4} more" if len(kernels) > 4 else ""
        notes.append(f"left out, since they have 3 or 5 dimensions: {', '.join(kernels[:4])}{more}")
    layers = list(short.values())
    matrices: list[Matrix] = []
    for name in names:
        layer = short[name] if layers.count(short[name]) == 1 else name
        if name in links:
            matrices.append(KnownLinks(links[name].renamed(layer, "source", "target")))
        elif options.takes(layer) or options.takes(name):
            own = tensors[masks[name]] if name in masks else None
            matrices.append(_matrix(layer, weights[name], own, options, notes))
    if not names:
        told = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in list(tensors.items())[:4]) or "nothing"
        raise NoMasksError(f"no two-dimensional weight among its tensors: {told}")
    return matrices


def _base(name: str) -> str:
    """Return the name of the weight that a tensor is a part of."""
    if name.endswith(_ORIGINAL):
        return name.replace("parametrizations.", "").removesuffix(".original")
    return name.removesuffix("_orig")


def _mask_of(name: str, tensors: Mapping[str, Tensor]) -> str | None:
    """Find the mask of a weight: of torch.nn.utils.prune, or of a parametrization (torch.ao.pruning, sparsimony)."""
    if name.endswith(_ORIGINAL):
        stem = name.removesuffix("original")
        own = [other for other in tensors if other.startswith(stem) and re.fullmatch(r"\d+\.mask", other[len(stem) :])]
        if len(own) > 1:
            raise MaskFormatError(f"the weight '{name}' has {len(own)} masks; apply them, and save the weights")
        return own[0] if own else None
    mask = f"{_base(name)}_mask"
    return mask if mask in tensors else None


def _matrix(layer: str, tensor: Tensor, mask: Tensor | None, options: Options, notes: list[str]) -> Matrix:
    if mask is not None and mask.shape != tensor.shape:
        raise MaskFormatError(f"layer '{layer}': the mask has shape {mask.shape}, the weight {tensor.shape}")
    if tensor.sparse is not None:
        if mask is not None:
            raise MaskFormatError(f"layer '{layer}': sparse weights under a mask; apply it, and save the weights alone")
        return SparseMatrix(layer, tensor.sparse(), options, notes)
    check_shape(layer, tensor.matrix_shape, options)
    dense = DenseMatrix(layer, tensor.matrix_shape, tensor.kind, tensor.blocks)
    if mask is not None:
        blocks = mask.blocks if mask.sparse is None else partial(_blocks_of_sparse, mask.sparse(), tensor, layer)
        dense.mask = DenseMatrix(layer, mask.matrix_shape, mask.kind, blocks)
    return dense


def _blocks_of_sparse(matrix: Any, like: Tensor, layer: str) -> Iterator[np.ndarray]:
    """Give the rows of a sparse mask in blocks as long as those of the weights."""
    csr, row = to_csr(matrix, layer, pattern=True), 0
    for block in like.blocks():
        yield csr[row : row + len(block)].toarray()
        row += len(block)


def _links_of(tensors: Mapping[str, Tensor]) -> dict[str, LayerGraph]:
    """Make layers of a SparseLinear's links and one weight a link, by the name of their weights."""
    found = {}
    for name in tensors:
        base = name.removesuffix("source_start")
        parts = [f"{base}{part}" for part in (*_LINKS, "weight")]
        if base == name or any(part not in tensors for part in parts):
            continue
        start, targets, shape, weights = (tensors[part].values() for part in parts)
        layer = base.removesuffix(".") or "layer"
        try:
            n_source, n_target = (int(size) for size in shape)
            links = sp.csr_array((np.ones(len(targets), np.int8), targets, start), shape=(n_source, n_target))
        except (ValueError, TypeError, IndexError) as error:
            raise MaskFormatError(f"layer '{layer}': its links are broken: {error}") from error
        found[parts[-1]] = LayerGraph(layer, links, weights=weights)
    return found


def blocks_of_file(path: Path, offset: int, n_rows: int, n_columns: int, kind: str) -> Iterator[np.ndarray]:
    """Read a matrix that lies in a file, row by row, in blocks; nothing else of the file is touched.

    Raises
    ------
    MaskFormatError
        If the file ends too early.
    """
    raw = np.dtype(KINDS.get(kind, kind))
    step = rows_at_a_time(n_columns, raw.itemsize)
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        for start in range(0, n_rows, step):
            block = np.empty((min(step, n_rows - start), n_columns), raw)
            view = block.reshape(-1).view(np.uint8).data
            while len(view):
                n = file.readinto(view)
                if not n:
                    raise MaskFormatError("the file ends before the numbers that its header promises")
                view = view[n:]
            yield decoded(block, kind)


def decoded(block: np.ndarray, kind: str) -> np.ndarray:
    """Turn the bytes of number types that NumPy does not have into float32."""
    if kind == "bfloat16":
        return (block.astype(np.uint32) << 16).view(np.float32)
    if kind in _FLOAT8:
        return _FLOAT8[kind]()[block]
    return block


def _float8_values(exponent_bits: int, has_infinity: bool) -> np.ndarray:
    """Give the 256 values of an 8-bit floating-point type (Micikevicius et al. 2022, FP8 formats for deep learning)."""
    bits = np.arange(256)
    mantissa_bits = 7 - exponent_bits
    exponent, mantissa = (bits & 127) >> mantissa_bits, bits & ((1 << mantissa_bits) - 1)
    bias = (1 << (exponent_bits - 1)) - 1
    fraction = mantissa / (1 << mantissa_bits)
    size = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - bias))
    top = exponent == (1 << exponent_bits) - 1
    if has_infinity:
        size = np.where(top, np.where(mantissa == 0, np.inf, np.nan), size)
    else:
        size = np.where((bits & 127) == 127, np.nan, size)
    return np.where(bits & 128, -size, size).astype(np.float32)


_FLOAT8 = {
    "float8_e4m3fn": partial(_float8_values, 4, False),
    "float8_e5m2": partial(_float8_values, 5, True),
}
