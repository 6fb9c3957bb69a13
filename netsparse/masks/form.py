"""A form in which masks are kept, and how a file of it is recognised: by its content, never by its name."""

from __future__ import annotations

import codecs
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import scipy.sparse as sp

from netsparse.errors import MaskFormatError
from netsparse.graph import Snapshot
from netsparse.masks.found import Found
from netsparse.masks.options import Options
from netsparse.registry import Registry

# How much of a file is looked at to recognise it.
_HEAD_BYTES = 64 * 2**10


class Head:
    """The beginning of a file.

    Attributes
    ----------
    path : pathlib.Path
    start : bytes
        Its first 64 KiB.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.start = file.read(_HEAD_BYTES)

    @cached_property
    def text(self) -> str | None:
        """The beginning as text without a byte-order mark; None if it is no UTF-8 text."""
        if b"\0" in self.start:
            return None
        is_whole = len(self.start) < _HEAD_BYTES
        try:  # a character at the end may be cut
            return codecs.getincrementaldecoder("utf-8-sig")().decode(self.start, final=is_whole)
        except UnicodeDecodeError:
            return None

    @cached_property
    def lines(self) -> list[str]:
        """The whole lines of the text; none if it is no UTF-8 text."""
        lines = (self.text or "").splitlines()
        return lines if len(self.start) < _HEAD_BYTES else lines[:-1]

    @cached_property
    def zip_names(self) -> list[str]:
        """Names in a zip archive; none if it is not one.

        Raises
        ------
        MaskFormatError
            If it is a broken one.
        """
        if not self.start.startswith(b"PK"):
            return []
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.namelist()
        except Exception as error:  # zipfile raises errors of many types about broken archives
            raise MaskFormatError(f"a broken zip archive: {error}") from error


@dataclass(frozen=True)
class Form:
    """One form.

    Attributes
    ----------
    summary : str
        What it is, in a line.
    recognises : callable
        Tells by the beginning whether a file is of this form.
    read : callable
        Takes path and options, gives `Found`. May raise any `NetsparseError`; wraps its parser by `parsing`.
    write : callable, optional
        Takes snapshot and path, and writes the file whole (see `netsparse.storage.write_whole`).
    write_graph : callable, optional
        The same of the symmetric adjacency of an undirected graph.
    endings : tuple of str
        File names that are written in this form unless the user names another.
    """

    summary: str
    recognises: Callable[[Head], bool]
    read: Callable[[Path, Options], Found]
    write: Callable[[Snapshot, Path], None] | None = None
    endings: tuple[str, ...] = ()
    write_graph: Callable[[sp.csr_array, Path], None] | None = None


FORMS: Registry[Form] = Registry("form of masks")


def check_inflated(path: Path, options: Options) -> None:
    """Refuse a zip archive whose entries promise more bytes than reading may take, before any is inflated.

    Raises
    ------
    MaskFormatError
    """
    with zipfile.ZipFile(path) as archive:
        options.check_memory("inflated, the archive", sum(entry.file_size for entry in archive.infolist()))
