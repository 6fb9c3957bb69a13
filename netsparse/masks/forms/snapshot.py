"""netsparse's own snapshots: all that a Snapshot holds, in a safetensors file."""

from __future__ import annotations

from pathlib import Path

from netsparse.graph import Snapshot
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found, parsing
from netsparse.masks.options import Options
from netsparse.masks.sparse import check_shape
from netsparse.storage import SNAPSHOT_FORMAT, read_snapshot, write_snapshot


def recognises(head: Head) -> bool:
    """Tell a snapshot: its metadata, with which the header begins, name the format."""
    return head.start[8:9] == b"{" and f'\\"format\\": \\"{SNAPSHOT_FORMAT}\\"'.encode() in head.start


def read(path: Path, options: Options) -> Found:
    """Read the layers."""
    with parsing("netsparse snapshot"):
        snapshot = read_snapshot(path)
    for layer in snapshot.layers:
        check_shape(layer.name, layer.biadjacency.shape, options)
    return Found("netsparse snapshot", snapshot=snapshot)


def write(snapshot: Snapshot, path: Path) -> None:
    """Write the layers."""
    write_snapshot(path, snapshot)


FORMS.add(
    "snapshot",
    Form("snapshot of netsparse (.safetensors): all of a Snapshot", recognises, read, write, (".safetensors",)),
)
