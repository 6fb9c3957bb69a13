"""Reading masks of other programs: the format is known by the file's content, never by its name alone."""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import scipy.io
import scipy.sparse as sp

from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.run import Run
from netsparse.storage import SNAPSHOT_FORMAT, read_snapshot, unpack_header

_FORMATS = (
    "a SciPy sparse matrix or dense arrays (.npz), a dense array (.npy), Matrix Market (.mtx), safetensors, "
    "a torch state dict (.pt), a netsparse snapshot or a run directory"
)


# What may be a weight or a mask: floating-point numbers of any size, truth values, bytes. Wider integers are indices.
_NUMPY_KINDS = ("F64", "F32", "F16", "BOOL", "I8", "U8")
_MATRIX_KINDS = (*_NUMPY_KINDS, "BF16", "F8_E4M3", "F8_E5M2")


def load(path: str | Path) -> Snapshot | list[Snapshot] | Run:
    """Read a run directory, a snapshot or another program's masks.

    ===========================  ====================================================================================
    SciPy ``.npz``, ``.npy``,    one layer; rows are source neurons, columns target neurons; non-zero entries are links
    Matrix Market
    ``.npz`` of several arrays   one layer an array
    safetensors, torch ``.pt``   every two-dimensional tensor of floating-point numbers, truth values or bytes is a
                                 layer (wider integers are indices, no weights); torch's (out, in) is
                                 transposed. ``NAME_orig`` with ``NAME_mask`` (torch.nn.utils.prune) is one layer, whose
                                 links are the mask's. Read without unpickling (``weights_only=True``).
    ===========================  ====================================================================================

    Several layers are joined to a chain in the file's order if every one has as many source neurons as the one before
    has target neurons; else each stands alone.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    Snapshot or Run
        A list of snapshots is what a directory of snapshot files (as ``RUN/snapshots``) gives.

    Raises
    ------
    MaskFormatError
        If the file cannot be read as any of these: the message says why.
    NetsparseError
        If there is no such file or directory.

    Examples
    --------
    >>> import tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(os.path.join(folder, "mask.npy"), np.eye(3))
    ...     load(os.path.join(folder, "mask.npy"))
    Snapshot(1 layers, 6 neurons, 3 links)
    """
    path = Path(path)
    if path.is_dir():
        return _load_directory(path)
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except FileNotFoundError as error:
        raise NetsparseError(f"{path}: no such file or directory") from error
    except OSError as error:
        raise NetsparseError(f"{path}: cannot be read: {error.strerror}") from error
    reader = _reader(path, head)
    try:
        return reader(path)
    except MaskFormatError as error:
        if str(error).startswith(str(path)):
            raise
        raise MaskFormatError(f"{path}: {error}") from error


def _load_directory(path: Path) -> Run | list[Snapshot]:
    if (path / "snapshots").is_dir():
        return Run(path)
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise NetsparseError(f"{path}: neither a run directory nor a directory of snapshots (*.safetensors)")
    snapshots = [read_snapshot(file) for file in files]
    return sorted(snapshots, key=lambda snapshot: -1 if snapshot.epoch is None else snapshot.epoch)


def _reader(path: Path, head: bytes) -> Any:
    """Choose a reader by the first bytes."""
    if not head:
        raise MaskFormatError(f"{path}: the file is empty")
    if head.startswith(b"PK"):
        return _read_zip
    if head.startswith(b"\x93NUMPY"):
        return _read_npy
    if head[:14].lower() == b"%%matrixmarket":
        return _read_matrix_market
    if len(head) > 8 and head[8:9] == b"{":
        return _read_safetensors
    if head[:1] == b"\x80":
        raise MaskFormatError(
            f"{path}: a Python pickle, which could run any program and is never opened; save the state dict by "
            "safetensors or by torch.save of version 1.6 or later, the mask by scipy.sparse.save_npz"
        )
    raise MaskFormatError(f"{path}: not a mask file; netsparse reads {_FORMATS}")


def _read_zip(path: Path) -> Snapshot:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise MaskFormatError(f"{path}: a broken zip archive: {error}") from error
    if any(name.endswith("/data.pkl") for name in names):
        return _read_state_dict(path)
    if names and all(name.endswith(".npy") for name in names):
        return _read_npz(path, {name.removesuffix(".npy") for name in names})
    raise MaskFormatError(f"{path}: a zip archive, but neither NumPy's .npz nor a torch file")


def _read_npz(path: Path, names: set[str]) -> Snapshot:
    try:
        if {"format", "shape", "data"} <= names:
            return _snapshot([LayerGraph.from_mask(sp.load_npz(path), path.stem)])
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except MaskFormatError:
        raise
    except (ValueError, OSError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise MaskFormatError(f"{path}: not a readable .npz: {error}") from error
    return _snapshot([LayerGraph.from_mask(array, name) for name, array in found.items()])


def _read_npy(path: Path) -> Snapshot:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise MaskFormatError(f"{path}: not a readable .npy: {error}") from error
    return _snapshot([LayerGraph.from_mask(array, path.stem)])


def _read_matrix_market(path: Path) -> Snapshot:
    try:
        # SciPy takes an open file to be text of any encoding; the format is ASCII
        matrix = scipy.io.mmread(path)
    except (ValueError, OSError, OverflowError, TypeError) as error:
        raise MaskFormatError(f"{path}: not readable as Matrix Market: {error}") from error
    return _snapshot([LayerGraph.from_mask(matrix, path.stem)])


def _read_safetensors(path: Path) -> Snapshot:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            if unpack_header(file.metadata()).get("format") == SNAPSHOT_FORMAT:
                return read_snapshot(path)
            names = list(file.keys())
            tensors = {name: file.get_slice(name) for name in names}
            kinds = {name: (tensor.get_dtype(), tensor.get_shape()) for name, tensor in tensors.items()}
            matrices = [n for n, (kind, shape) in kinds.items() if len(shape) == 2 and kind in _MATRIX_KINDS]
            chosen = {n: file.get_tensor(n) for n in matrices if kinds[n][0] in _NUMPY_KINDS}
            plain = [n for n in names if kinds[n][0] in ("F32", "F64", "I32", "I64")]
            sparse = _sparse_layers(plain, file.get_tensor)
    except (safetensors.SafetensorError, OSError) as error:
        raise MaskFormatError(f"{path}: not a readable safetensors file: {error}") from error
    if len(chosen) < len(matrices):  # NumPy has no bfloat16 and no float8
        with safetensors.safe_open(path, framework="pt") as file:
            chosen = {name: file.get_tensor(name) for name in matrices}
    return _from_tensors(path, chosen, {name: shape for name, (_, shape) in kinds.items()}, sparse)


def _read_state_dict(path: Path) -> Snapshot:
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise MaskFormatError(
            f"{path}: holds Python objects other than tensors, which are never unpickled; save model.state_dict() alone"
        ) from error
    except (RuntimeError, ValueError, OSError, EOFError, KeyError, AttributeError, TypeError) as error:
        raise MaskFormatError(f"{path}: not a readable torch file: {str(error).splitlines()[0]}") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if torch.is_tensor(state):
        state = {path.stem: state}
    if not isinstance(state, dict):
        raise MaskFormatError(f"{path}: holds a {type(state).__name__}, not a state dict of tensors")
    tensors = {str(name): value for name, value in state.items() if torch.is_tensor(value)}
    masks = (torch.bool, torch.int8, torch.uint8)
    matrices = {n: t for n, t in tensors.items() if t.ndim == 2 and (t.is_floating_point() or t.dtype in masks)}
    plain = [n for n, t in tensors.items() if t.dtype in (torch.float32, torch.float64, torch.int32, torch.int64)]
    sparse = _sparse_layers(plain, lambda name: tensors[name].detach().numpy())
    return _from_tensors(path, matrices, {name: list(tensor.shape) for name, tensor in tensors.items()}, sparse)


def _sparse_layers(names: Collection[str], tensor: Callable[[str], np.ndarray]) -> dict[str, LayerGraph]:
    """Make layers of a SparseLinear's links and one weight a link, by the name of their weights."""
    layers = {}
    for name in names:
        base = name.removesuffix("source_start")
        parts = [f"{base}{part}" for part in ("source_start", "targets", "shape", "weight")]
        if base != name and all(part in names for part in parts):
            start, targets, shape, weights = map(tensor, parts)
            layer = base.removesuffix(".") or "layer"
            try:
                n_source, n_target = (int(size) for size in shape)
                links = sp.csr_array((np.ones(len(targets), np.int32), targets, start), shape=(n_source, n_target))
            except (ValueError, TypeError, IndexError) as error:
                raise MaskFormatError(f"layer '{layer}': its links are broken: {error}") from error
            layers[parts[-1]] = LayerGraph(layer, links, weights=weights)
    return layers


def _from_tensors(
    path: Path, tensors: dict[str, Any], shapes: dict[str, Any], sparse: dict[str, LayerGraph]
) -> Snapshot:
    """Make layers of torch-oriented matrices; a mask goes with its weights. Those of ``sparse`` are made already."""
    layers = []
    for name in shapes:
        if name in sparse:
            layers.append(sparse[name])
        if name not in tensors:
            continue
        tensor, base = tensors[name], name.removesuffix("_orig")
        if name.endswith("_mask") and name.removesuffix("_mask") + "_orig" in tensors:
            continue
        if name.endswith("_mask") and name.removesuffix("_mask") in tensors:  # a SparseLinear's own state dict
            continue
        mask = tensors.get(f"{base}_mask")
        layer = base.removesuffix(".weight") or base
        layers.append(LayerGraph.from_weight(tensor, layer, mask=mask))
    if not layers:
        told = ", ".join(f"{name} {tuple(shape)}" for name, shape in list(shapes.items())[:4]) or "nothing"
        raise MaskFormatError(f"{path}: no two-dimensional weight among its tensors: {told}")
    return _snapshot(layers)


def _snapshot(layers: list[LayerGraph]) -> Snapshot:
    """Join layers to a chain if all neighbours fit, else let each stand alone."""
    if not layers:
        raise MaskFormatError("holds no array")
    chained = all(before.n_target == after.n_source for before, after in itertools.pairwise(layers))
    joined = []
    for i, layer in enumerate(layers):
        source, target = (
            (f"group {i}", f"group {i + 1}") if chained else (f"{layer.name}.source", f"{layer.name}.target")
        )
        joined.append(layer.renamed(layer.name, source, target))
    return Snapshot(joined)
