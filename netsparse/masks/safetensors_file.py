"""The tensors of a safetensors file, each read from its own place in the file."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import safetensors

from netsparse.masks.described import Description, read_description
from netsparse.masks.found import parsing, unchanged
from netsparse.masks.options import Options
from netsparse.masks.tensors import Tensor, blocks_of_file

# Bytes before the header: its length.
_LENGTH_BYTES = 8

# safetensors' names of types.
_KINDS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "BOOL": "bool",
    "I8": "int8",
    "U8": "uint8",
    "I64": "int64",
    "I32": "int32",
}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """List the tensors of a file by name, in the file's order; nothing but the header is read.

    Raises
    ------
    MaskFormatError
        If the header is broken, or does not fit the file.
    """
    with parsing("safetensors file"):
        with safetensors.safe_open(path, framework="numpy") as file:  # checks that offsets, shapes and size agree
            names = list(file.offset_keys())
        with path.open("rb") as opened:
            length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
            header = json.loads(opened.read(length))
    tensors = {}
    for name in names:
        kind = _KINDS.get(header[name]["dtype"], header[name]["dtype"])
        shape = tuple(header[name]["shape"])
        start = _LENGTH_BYTES + length + header[name]["data_offsets"][0]
        tensor = Tensor(shape, kind, lambda: iter(()))
        rows, columns = tensor.matrix_shape if len(shape) > 1 else (1, shape[0] if shape else 1)
        tensor.blocks = unchanged(path, partial(blocks_of_file, path, start, rows, columns, kind))
        tensors[name] = tensor
    return tensors


def read_told(path: Path, options: Options) -> Description | None:
    """Read the description that netsparse puts into the metadata; None if there is none.

    Raises
    ------
    MaskFormatError
        If it is broken.
    """
    with parsing("safetensors file"), safetensors.safe_open(path, framework="numpy") as file:
        return read_description((file.metadata() or {}).get("netsparse"), options)
