"""What a reader finds in a file: matrices that are still to be turned the right way, layers, or an undirected graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.options import Options


class Matrix(Protocol):
    """One matrix of a file, read when it is asked for.

    Attributes
    ----------
    name : str
    shape : tuple of int
        As it is stored: rows, columns.
    kind : str
        What it holds, such as ``float32``.
    in_memory : bool
        Whether it was read already; else reading it takes the file.
    fixed_rows : {"in", "out"}, optional
        What its rows are if the file knows, whatever the user says.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102

    @property
    def kind(self) -> str: ...  # noqa: D102

    @property
    def in_memory(self) -> bool: ...  # noqa: D102

    @property
    def fixed_rows(self) -> str | None: ...  # noqa: D102

    def layer(self, rows: str, options: Options) -> LayerGraph:
        """Read it as a layer, whose rows are source ("in") or target ("out") neurons."""
        ...

    def count(self, options: Options) -> int:
        """Count its links, in as little memory as can be."""
        ...


@dataclass
class Found:
    """What a reader found.

    Attributes
    ----------
    form : str
        What kind of file it is, in words.
    matrices : list of Matrix
        Matrices without direction: the options say what their rows are.
    rows : {"in", "out"}
        What their rows usually are in this form.
    snapshot : Snapshot, optional
        Layers whose direction and groups the file knows.
    graph : scipy.sparse.csr_array, optional
        Symmetric adjacency of an undirected graph.
    read_as : list of str
        How it was taken, where that could be otherwise.
    notes : list of str
        What a user should hear of, such as duplicates that were merged.
    """

    form: str
    matrices: list[Matrix] = field(default_factory=list)
    rows: str = "in"
    snapshot: Snapshot | None = None
    graph: sp.csr_array | None = None
    read_as: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@contextmanager
def parsing(form: str) -> Iterator[None]:
    """Turn whatever another library's parser raises about a broken file into a `MaskFormatError`.

    Parsers of other programs raise errors of every type (struct.error, IndexError, zlib.error …) about broken files.
    """
    try:
        yield
    except NetsparseError:
        raise
    except MemoryError as error:
        raise MaskFormatError(f"reading this {form} takes more memory than there is") from error
    except Exception as error:
        told = (str(error).strip().splitlines() or [""])[0][:300]
        raise MaskFormatError(f"not a readable {form}: {told or type(error).__name__}") from error


def counted(n: int, what: str, were: str) -> str:
    """Tell how many there were of something.

    Examples
    --------
    >>> counted(1, "duplicate link", "merged"), counted(2000, "loop", "left out")
    ('1 duplicate link was merged', '2,000 loops were left out')
    """
    return f"{n:,} {what} was {were}" if n == 1 else f"{n:,} {what}s were {were}"


Blocks = Callable[[], Iterator[np.ndarray]]


def state_of(path: Path) -> tuple[int, int]:
    """Return what changes when a file does: its size and the time of its last change.

    Raises
    ------
    MaskFormatError
        If it is not there any more.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise MaskFormatError(f"{path.name} cannot be read any more: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns


def unchanged(path: Path, blocks: Blocks) -> Blocks:
    """Give blocks of a file only as long as it is as it is now: places in it were read before."""
    before = state_of(path)

    def check() -> None:
        if state_of(path) != before:
            raise MaskFormatError(f"{path.name} has changed since it was looked at; look again")

    def as_before() -> Iterator[np.ndarray]:
        check()
        yield from blocks()
        check()

    return as_before


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name before what was wrong with it."""
    try:
        yield
    except MaskFormatError as error:
        if str(error).startswith(str(path)):
            raise
        raise type(error)(f"{path}: {error}") from error


def open_file(path: Path) -> None:
    """Refuse what cannot be read.

    Raises
    ------
    NetsparseError
        If there is no such file, or it is no regular file, or may not be read.
    """
    try:
        if not path.is_file():
            what = "not a regular file" if path.exists() else "no such file or directory"
            if path.is_symlink() and not path.exists():
                what = "a symbolic link that leads nowhere, or in a circle"
            raise NetsparseError(f"{path}: {what}")
        path.open("rb").close()
    except OSError as error:
        raise NetsparseError(f"{path}: cannot be read: {error.strerror}") from error
