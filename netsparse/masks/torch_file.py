"""The tensors of a torch file, without unpickling anything but tensors; each is mapped when it is read."""

from __future__ import annotations

import ctypes
import mmap
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from pickle import UnpicklingError  # nosec B403 # the error alone, which torch.load(weights_only=True) raises
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netsparse.errors import MaskFormatError, NoMasksError
from netsparse.masks.dense import rows_at_a_time
from netsparse.masks.described import Description, read_description
from netsparse.masks.form import check_inflated
from netsparse.masks.found import parsing, unchanged
from netsparse.masks.options import Options
from netsparse.masks.tensors import KINDS, Tensor, decoded

if TYPE_CHECKING:
    import torch

# Where programs keep the state dict in what they save.
_STATE_DICTS = ("state_dict", "model_state_dict", "model", "module", "net", "ema_state_dict")


def read_tensors(path: Path, options: Options) -> dict[str, Tensor]:
    """List the tensors of a state dict by name, in its order.

    Raises
    ------
    MaskFormatError
        If it holds other Python objects, or is broken.
    """
    return read_described(path, options)[0]


def read_described(path: Path, options: Options) -> tuple[dict[str, Tensor], Description | None]:
    """List the tensors (see `read_tensors`), and read the description that netsparse puts beside a state dict.

    Raises
    ------
    MaskFormatError
        As `read_tensors`, or if the description is broken.
    """
    held = load(path, options)
    tensors = {name: _tensor(path, name, tensor) for name, tensor in state_dict(held, path).items()}
    return tensors, read_description(held.get("netsparse"), options) if isinstance(held, Mapping) else None


def load(path: Path, options: Options) -> Any:
    """Read what a torch file holds, its tensors mapped from the file.

    Raises
    ------
    MaskFormatError
        As `read_tensors`.
    """
    with parsing("torch file"):
        check_inflated(path, options)
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise NoMasksError("a TorchScript program, which is never run; save model.state_dict() instead")
        try:
            return _load(path)
        except UnpicklingError as error:
            raise NoMasksError(
                "holds Python objects other than tensors, which are never unpickled; save model.state_dict() alone"
            ) from error


def _load(path: Path) -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about types of tensors that torch means to change
        return torch.load(path, map_location="cpu", weights_only=True, mmap=_can_be_mapped(path))


def _can_be_mapped(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())


def state_dict(held: Any, path: Path) -> dict[str, torch.Tensor]:
    """Find the tensors in what a file holds.

    Raises
    ------
    MaskFormatError
        If there is no state dict.
    """
    import torch

    if torch.is_tensor(held):
        return {path.stem: held}
    if not isinstance(held, Mapping):
        raise NoMasksError(f"holds a {type(held).__name__}, not a state dict of tensors")
    if not any(torch.is_tensor(value) for value in held.values()):
        held = next((held[name] for name in _STATE_DICTS if isinstance(held.get(name), Mapping)), held)
    return {str(name): value for name, value in held.items() if torch.is_tensor(value)}


def _tensor(path: Path, name: str, tensor: torch.Tensor) -> Tensor:
    kind = str(tensor.dtype).removeprefix("torch.")
    shape = tuple(tensor.shape)
    if tensor.is_meta or tensor.is_quantized:
        why = "it is quantized" if tensor.is_quantized else "a tensor of the device 'meta' has no numbers"
        raise MaskFormatError(f"its tensor '{name}' ({tensor.dtype}) cannot be read: {why}")
    if str(tensor.layout) != "torch.strided":
        return Tensor(shape, kind, lambda: iter(()), partial(_as_scipy, tensor))
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise MaskFormatError(
            f"its tensor '{name}' of shape {shape} promises more numbers than the file holds (an expanded tensor? save "
            "its .contiguous())"
        )
    return Tensor(shape, kind, unchanged(path, partial(_blocks, path, name)))


def _blocks(path: Path, name: str) -> Iterator[np.ndarray]:
    """Map the file anew, so that what was read before does not stay in memory."""
    import torch

    mapped = _can_be_mapped(path)
    tensor = state_dict(_load(path), path)[name].detach()
    kind = str(tensor.dtype).removeprefix("torch.")
    matrix = tensor.flatten(1) if tensor.ndim > 1 else tensor.reshape(1, -1)
    step = rows_at_a_time(matrix.shape[1], matrix.element_size())
    for start in range(0, len(matrix), step):
        block = matrix[start : start + step].contiguous()
        if kind in KINDS and kind not in ("float64", "float32", "float16", "bool"):
            block = block.view({1: torch.uint8, 2: torch.uint16}[block.element_size()])
        yield decoded(block.numpy().view(KINDS.get(kind, block.numpy().dtype)), kind)
        if mapped and block.data_ptr() == matrix[start:].data_ptr():  # no copy
            _forget(block)


def _forget(block: torch.Tensor) -> None:
    """Give pages of a mapped file back, which else count as memory until the file is unmapped.

    Nothing was written to them: whoever looks again reads them from the file again.
    """
    if sys.platform != "linux":
        return
    page = mmap.PAGESIZE
    start = -(-block.data_ptr() // page) * page
    length = (block.data_ptr() + block.numel() * block.element_size() - start) // page * page
    if length > 0:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_DONTNEED)


def _as_scipy(tensor: torch.Tensor) -> Any:
    """Give a sparse tensor as a SciPy array, whose constructor checks the indices that torch trusts."""
    import torch

    tensor = tensor.detach()
    layout = tensor.layout
    if layout == torch.sparse_coo:
        values, indices = tensor._values(), tensor._indices()
        places: Any = tuple(indices.numpy())
        make = sp.coo_array
    elif layout in (torch.sparse_csr, torch.sparse_bsr):
        values, places = tensor.values(), (tensor.col_indices().numpy(), tensor.crow_indices().numpy())
        make = sp.csr_array if layout == torch.sparse_csr else sp.bsr_array
    else:
        values, places = tensor.values(), (tensor.row_indices().numpy(), tensor.ccol_indices().numpy())
        make = sp.csc_array
    if values.is_floating_point() and values.dtype not in (torch.float32, torch.float64):
        values = values.float()
    with parsing("sparse tensor"):
        if layout == torch.sparse_coo:
            return make((values.numpy(), places), shape=tuple(tensor.shape))
        return make((values.numpy(), *places), shape=tuple(tensor.shape))
