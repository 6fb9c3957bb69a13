"""A checkpoint in several files with an index (``.index.json``), as Hugging Face keeps large models."""

from __future__ import annotations

import json
from pathlib import Path

from netsparse.errors import MaskFormatError
from netsparse.masks import safetensors_file, torch_file
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found, parsing
from netsparse.masks.natural import natural
from netsparse.masks.options import Options
from netsparse.masks.tensors import Tensor, found_of

# Larger than the index of any model.
_LARGEST_INDEX = 100_000_000


def recognises(head: Head) -> bool:
    """Tell an index: a JSON text that maps weights to files."""
    return head.start.lstrip()[:1] == b"{" and b'"weight_map"' in head.start


def read(path: Path, options: Options) -> Found:
    """List the layers of all files of the index."""
    tensors: dict[str, Tensor] = {}
    for shard, names in _shards(path).items():
        file = path.parent / shard
        if not file.is_file():
            raise MaskFormatError(f"its file {shard} is missing")
        try:
            held = _read_shard(file, options)
        except MaskFormatError as error:
            raise MaskFormatError(f"its file {shard}: {error}") from error
        missing = [name for name in names if name not in held]
        if missing:
            raise MaskFormatError(f"its file {shard} does not hold '{missing[0]}', which the index promises")
        tensors |= {name: held[name] for name in names}
    in_order = {name: tensors[name] for name in sorted(tensors, key=natural)}
    return found_of("checkpoint of several files", in_order, None, options)


def shards(path: Path) -> list[Path]:
    """Return the files that an index names.

    Raises
    ------
    MaskFormatError
        If it is broken or names a file outside its folder.
    """
    return [path.parent / name for name in _shards(path)]


def _shards(path: Path) -> dict[str, list[str]]:
    """Read which tensors are in which file."""
    if path.stat().st_size > _LARGEST_INDEX:
        raise MaskFormatError("an index of more than 100 MB is none")
    with parsing("index of a checkpoint"):
        weight_map = json.loads(path.read_bytes())["weight_map"]
        entries = list(weight_map.items())
    found: dict[str, list[str]] = {}
    for name, shard in entries:
        if not isinstance(shard, str) or Path(shard).name != shard or shard in ("", ".", "..") or "\\" in shard:
            raise MaskFormatError(f"the index puts '{name}' in {shard!r}, which is no name of a file beside it")
        found.setdefault(shard, []).append(name)
    return found


def _read_shard(file: Path, options: Options) -> dict[str, Tensor]:
    if Head(file).start.startswith(b"PK"):
        return torch_file.read_tensors(file, options)
    return safetensors_file.read_tensors(file)


FORMS.add("sharded", Form("index of a checkpoint in several files (.index.json)", recognises, read))
