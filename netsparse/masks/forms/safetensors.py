"""safetensors: the tensors of one model."""

from __future__ import annotations

from pathlib import Path

import safetensors.numpy

from netsparse.description import description_text
from netsparse.graph import Snapshot
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found
from netsparse.masks.natural import natural
from netsparse.masks.options import Options
from netsparse.masks.safetensors_file import read_tensors, read_told
from netsparse.masks.tensors import found_of
from netsparse.masks.writing import state_of
from netsparse.storage import write_whole

# Longer headers safetensors does not take.
_LONGEST_HEADER = 100_000_000


def recognises(head: Head) -> bool:
    """Tell a safetensors file: the length of its header, and a JSON text."""
    return head.start[8:9] == b"{" and int.from_bytes(head.start[:8], "little") <= _LONGEST_HEADER


def read(path: Path, options: Options) -> Found:
    """List the layers of a model, in the natural order of their names."""
    tensors = read_tensors(path)
    tensors = {name: tensors[name] for name in sorted(tensors, key=natural)}
    return found_of("safetensors", tensors, read_told(path, options), options)


def write(snapshot: Snapshot, path: Path) -> None:
    """Write the weights as a model's, and the layers' names in the metadata."""
    tensors = state_of("safetensors", snapshot)
    write_whole(path, safetensors.numpy.save(tensors, {"netsparse": description_text(snapshot)}))


FORMS.add("safetensors", Form("safetensors (.safetensors): the weights of one model", recognises, read, write))
