"""safetensors: the tensors of one model."""

from __future__ import annotations

from pathlib import Path

from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found
from netsparse.masks.natural import natural
from netsparse.masks.options import Options
from netsparse.masks.safetensors_file import read_tensors
from netsparse.masks.tensors import matrices_of

# Longer headers safetensors does not take.
_LONGEST_HEADER = 100_000_000


def recognises(head: Head) -> bool:
    """Tell a safetensors file: the length of its header, and a JSON text."""
    return head.start[8:9] == b"{" and int.from_bytes(head.start[:8], "little") <= _LONGEST_HEADER


def read(path: Path, options: Options) -> Found:
    """List the layers of a model, in the natural order of their names."""
    tensors = read_tensors(path)
    found = Found("safetensors", rows="out")
    found.matrices = matrices_of({name: tensors[name] for name in sorted(tensors, key=natural)}, options, found.notes)
    return found


FORMS.add("safetensors", Form("safetensors (.safetensors): the weights of one model", recognises, read))
