"""Files that appear whole or not at all, and snapshots as safetensors."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import scipy.sparse as sp

from netsparse.description import describe
from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.graph import LayerGraph, Snapshot

SNAPSHOT_FORMAT = "netsparse-snapshot"
SNAPSHOT_VERSION = 1


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all: aside, fsync, rename.

    Raises
    ------
    OSError
        Of this path, if it cannot be written; then it is as it was.
    """
    try:
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(aside, 0o666 & ~umask())
            os.replace(aside, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(aside)
            raise
    except OSError as error:
        if error.errno is not None:
            error.filename = str(path)  # a full disk names none, all else the name aside
        raise
    with contextlib.suppress(OSError):  # not every file system lets a folder be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def clear_asides(folder: Path) -> None:
    """Remove what `write_whole` left in a folder when it was killed. Nobody may be writing there now.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asides = [Path(folder) / name for name in (".metrics.parquet.abc_4567.part", "film.part")]
    ...     for aside in asides:
    ...         aside.touch()
    ...     clear_asides(Path(folder))
    ...     [aside.exists() for aside in asides]
    [False, True]
    """
    for aside in folder.glob(".*.part"):
        if is_aside(aside.name):
            with contextlib.suppress(FileNotFoundError):
                aside.unlink()


def is_aside(name: str) -> bool:
    """Tell whether a file is one of which `write_whole` makes another, by its name."""
    return re.fullmatch(r"\..*\.\w{8}\.part", name) is not None  # as tempfile names them


def umask() -> int:
    """Return the permissions that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    NetsparseError
        If the file is missing or not valid TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise NetsparseError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NetsparseError(f"{path}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise NetsparseError(f"{path}: not valid TOML: nested too deeply") from error


def parse_json(text: str | bytes) -> Any:
    """Parse JSON of a file; what is nested too deeply is a ValueError as anything else that is no JSON."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def pack_header(file_format: str, version: int, content: dict[str, Any]) -> dict[str, str]:
    """Return the metadata of a safetensors header: one JSON text under the key ``netsparse``.

    One key, because safetensors writes several in an order that changes from process to process.
    """
    return {"netsparse": json.dumps({"format": file_format, "format_version": version, **content})}


def unpack_header(metadata: dict[str, str] | None) -> dict[str, Any]:
    """Return what `pack_header` packed; empty for a file of another program."""
    try:
        header = parse_json((metadata or {}).get("netsparse", "{}"))
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def check_version(what: str, found: object, known: int, error: type[NetsparseError] = NetsparseError) -> None:
    """Refuse a file of a format version that this netsparse does not read: it reads 1 … ``known``.

    Parameters
    ----------
    what : str
        Which file, and what it is.
    found, known : int
        Its version, and the newest one that is read.
    error : type
        Of what is raised.

    Raises
    ------
    NetsparseError
        Of the given type.

    Examples
    --------
    >>> check_version("run/metrics.parquet: table", 2, 1)
    Traceback (most recent call last):
    netsparse.errors.NetsparseError: run/metrics.parquet: table of format version 2: a newer netsparse wrote it, this
    one (...) reads up to version 1; update netsparse
    """
    if type(found) is int and 1 <= found <= known:
        return
    if type(found) is int and found > known:
        from netsparse import __version__

        why = f"a newer netsparse wrote it, this one ({__version__}) reads up to version {known}; update netsparse"
    else:
        why = "versions are whole numbers from 1 on; the file is damaged"
    raise error(f"{what} of format version {found!r}: {why}")


def read_safetensors(
    path: Path, file_format: str, version: int, framework: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the header and all tensors of a netsparse file of the given format, of this version or an earlier one.

    Raises
    ------
    MaskFormatError
        If the file cannot be read, is of another format or of a newer version.
    """
    return _read(path, file_format, version, framework, with_tensors=True)


def read_header(path: Path, file_format: str, version: int) -> dict[str, Any]:
    """Read the header alone (see `read_safetensors`)."""
    return _read(path, file_format, version, "numpy", with_tensors=False)[0]


def _read(
    path: Path, file_format: str, version: int, framework: str, with_tensors: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with safetensors.safe_open(path, framework=framework) as file:
            header = unpack_header(file.metadata())
            names = list(file.keys()) if with_tensors else []
            tensors = {name: file.get_tensor(name) for name in names}
    except (safetensors.SafetensorError, OSError) as error:
        raise MaskFormatError(f"{path}: not a readable safetensors file: {error}") from error
    if header.get("format") != file_format:
        raise MaskFormatError(f"{path}: a safetensors file, but not a {file_format}")
    check_version(f"{path}: {file_format}", header.get("format_version"), version, MaskFormatError)
    return header, tensors


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot as one safetensors file.

    Per layer i: ``layers.i.indptr``, ``layers.i.indices`` and, if there are weights, ``layers.i.weights``. The header
    holds ``format``, ``format_version`` and what `describe` tells, see `pack_header`.
    """
    tensors: dict[str, np.ndarray] = {}
    for i, layer in enumerate(snapshot.layers):
        tensors[f"layers.{i}.indptr"] = np.asarray(layer.biadjacency.indptr)
        tensors[f"layers.{i}.indices"] = np.asarray(layer.biadjacency.indices)
        if layer.weights is not None:
            tensors[f"layers.{i}.weights"] = layer.weights
    header = pack_header(SNAPSHOT_FORMAT, SNAPSHOT_VERSION, describe(snapshot))
    write_whole(path, safetensors.numpy.save(tensors, header))


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot that `write_snapshot` wrote.

    Raises
    ------
    MaskFormatError
        If the file is no such snapshot, is broken, or was written by a newer netsparse.
    """
    header, tensors = read_safetensors(path, SNAPSHOT_FORMAT, SNAPSHOT_VERSION, "numpy")
    try:
        layers = [_read_layer(i, described, tensors) for i, described in enumerate(header["layers"])]
        return Snapshot(layers, epoch=header["epoch"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MaskFormatError(f"{path}: broken snapshot: {error}") from error


def read_layer_names(path: Path) -> list[str]:
    """Read the names of a snapshot's layers (see `read_snapshot`)."""
    header = read_header(path, SNAPSHOT_FORMAT, SNAPSHOT_VERSION)
    try:
        return [str(described["name"]) for described in header["layers"]]
    except (KeyError, TypeError) as error:
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
