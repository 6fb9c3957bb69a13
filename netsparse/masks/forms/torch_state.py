"""torch files: a state dict, read without unpickling anything but tensors."""

from __future__ import annotations

import io
from pathlib import Path

from netsparse.description import description_text
from netsparse.graph import Snapshot
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found
from netsparse.masks.options import Options
from netsparse.masks.tensors import found_of
from netsparse.masks.torch_file import read_described
from netsparse.masks.writing import state_of
from netsparse.storage import write_whole


def recognises(head: Head) -> bool:
    """Tell what torch.save of version 1.6 or later wrote."""
    return any(name.endswith("/data.pkl") for name in head.zip_names)


def read(path: Path, options: Options) -> Found:
    """List the layers of a state dict, in its order."""
    return found_of("torch state dict", *read_described(path, options), options)


def write(snapshot: Snapshot, path: Path) -> None:
    """Write a state dict, and beside it the layers' names."""
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in state_of("torch", snapshot).items()}
    content = io.BytesIO()
    torch.save({"state_dict": tensors, "netsparse": description_text(snapshot)}, content)
    write_whole(path, content.getvalue())


_SUMMARY = "torch state dict (.pt, .pth, .bin): the weights of one model"
FORMS.add("torch", Form(_SUMMARY, recognises, read, write, (".pt", ".pth", ".bin")))
