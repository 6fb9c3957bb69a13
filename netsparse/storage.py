"""Files that appear whole or not at all, and snapshots as safetensors."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import scipy.sparse as sp

from netsparse.errors import MaskFormatError
from netsparse.graph import LayerGraph, Snapshot

SNAPSHOT_FORMAT = "netsparse-snapshot"
SNAPSHOT_VERSION = 1


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all: aside, fsync, rename."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o666 & ~_umask())
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        raise
    with contextlib.suppress(OSError):  # not every file system lets a folder be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot as one safetensors file.

    Per layer i: ``layers.i.indptr``, ``layers.i.indices`` and, if there are weights, ``layers.i.weights``. The header's
    metadata hold ``format``, ``format_version``, ``epoch`` and ``layers`` (JSON: name, source, target, shape).
    """
    tensors: dict[str, np.ndarray] = {}
    layers = []
    for i, layer in enumerate(snapshot.layers):
        tensors[f"layers.{i}.indptr"] = np.asarray(layer.biadjacency.indptr)
        tensors[f"layers.{i}.indices"] = np.asarray(layer.biadjacency.indices)
        if layer.weights is not None:
            tensors[f"layers.{i}.weights"] = layer.weights
        shape = [layer.n_source, layer.n_target]
        layers.append({"name": layer.name, "source": layer.source, "target": layer.target, "shape": shape})
    metadata = {
        "format": SNAPSHOT_FORMAT,
        "format_version": str(SNAPSHOT_VERSION),
        "epoch": json.dumps(snapshot.epoch),
        "layers": json.dumps(layers),
    }
    write_whole(path, safetensors.numpy.save(tensors, metadata))


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot that `write_snapshot` wrote.

    Raises
    ------
    MaskFormatError
        If the file is no such snapshot, is broken, or was written by a newer netsparse.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise MaskFormatError(f"{path}: not a readable safetensors file: {error}") from error
    if metadata.get("format") != SNAPSHOT_FORMAT:
        raise MaskFormatError(f"{path}: safetensors, but not a netsparse snapshot")
    version = metadata.get("format_version", "")
    if version != str(SNAPSHOT_VERSION):
        raise MaskFormatError(f"{path}: snapshot format version {version!r}; this netsparse reads {SNAPSHOT_VERSION}")
    try:
        layers = [
            _read_layer(i, described, tensors) for i, described in enumerate(json.loads(metadata["layers"]))
        ]
        return Snapshot(layers, epoch=json.loads(metadata["epoch"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MaskFormatError(f"{path}: broken snapshot: {error}") from error


def _read_layer(i: int, described: dict[str, Any], tensors: dict[str, np.ndarray]) -> LayerGraph:
    indptr, indices = tensors[f"layers.{i}.indptr"], tensors[f"layers.{i}.indices"]
    n_source, n_target = (int(size) for size in described["shape"])
    if len(indptr) != n_source + 1:
        raise MaskFormatError(f"layer {i}: {len(indptr)} row pointers for {n_source} rows")
    matrix = sp.csr_array((np.ones(len(indices), np.int32), indices, indptr), shape=(n_source, n_target))
    return LayerGraph(
        described["name"], matrix, described["source"], described["target"], tensors.get(f"layers.{i}.weights")
    )
