"""torch files: a state dict, read without unpickling anything but tensors."""

from __future__ import annotations

from pathlib import Path

from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found
from netsparse.masks.options import Options
from netsparse.masks.tensors import matrices_of
from netsparse.masks.torch_file import read_tensors


def recognises(head: Head) -> bool:
    """Tell what torch.save of version 1.6 or later wrote."""
    return any(name.endswith("/data.pkl") for name in head.zip_names)


def read(path: Path, options: Options) -> Found:
    """List the layers of a state dict, in its order."""
    found = Found("torch state dict", rows="out")
    found.matrices = matrices_of(read_tensors(path, options), options, found.notes)
    return found


FORMS.add("torch", Form("torch state dict (.pt, .pth, .bin): the weights of one model", recognises, read))
