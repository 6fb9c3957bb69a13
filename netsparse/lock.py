"""One writer: a run directory is written by one process at a time."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from netsparse.errors import NetsparseError
from netsparse.run import LOCK_NAME, WRITER_NAME, Run
from netsparse.storage import clear_asides, parse_json, write_whole

_log = logging.getLogger("netsparse")


class RunLockedError(NetsparseError):
    """Another process writes this run directory now."""


@contextmanager
def hold(run: Run) -> Iterator[None]:
    """Hold a run directory, so that no other process trains or measures into it; refuse if another one does.

    The operating system lets go of a lock when its process ends, be it killed: a stale one holds nobody up. Reading
    needs none. Who holds a run already, in the same thread, may hold it once more. At the door what a killed process
    left half written is removed.

    Raises
    ------
    RunLockedError
        If another process, or another thread of this one, holds it.
    NetsparseError
        If the directory cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run.create(folder)
    ...     with hold(run), hold(run):
    ...         held = sorted(path.name for path in run.path.iterdir())
    >>> held
    ['.lock', '.writer.json', 'snapshots']
    """
    lock = _lock(run.path / LOCK_NAME)
    is_first = not lock.is_locked
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise RunLockedError(
            f"{run.path}: {_holder(run) or 'another process'} writes into this run directory now; wait until it has "
            "ended, or end it, and try again (list, figures and report read it meanwhile)"
        ) from error
    except OSError as error:
        raise _unwritable(run.path, error) from error
    try:
        if is_first:
            _enter(run)
        yield
    finally:
        if is_first:
            with contextlib.suppress(OSError):  # not there: the run was discarded, or could not be written
                (run.path / WRITER_NAME).unlink()
        lock.release()


def hold_table(path: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the run directory whose own table of measures a path is; any other file needs no lock."""
    folder = path.resolve().parent
    if (folder / "snapshots").is_dir() and path.resolve() == Run(folder).measures_path:
        return hold(Run(folder))
    return contextlib.nullcontext()


@contextmanager
def in_turn(lock_path: Path) -> Iterator[None]:
    """Wait until no other process has this lock, and hold it.

    Raises
    ------
    NetsparseError
        If its folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with in_turn(Path(folder) / ".lock"):
    ...         os.listdir(folder)
    ['.lock']
    """
    lock = _lock(lock_path)
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            _log.warning("%s: another process writes there now; waiting for it", lock_path.parent)
            lock.acquire()
    except OSError as error:
        raise _unwritable(lock_path.parent, error) from error
    try:
        yield
    finally:
        lock.release()


def _lock(path: Path) -> filelock.BaseFileLock:
    # One object a path, which counts how often it is held. The file stays: to remove it would let two processes in, one
    # that has opened it before and one that makes it anew.
    return filelock.FileLock(path.parent.resolve() / path.name, is_singleton=True)


def _enter(run: Run) -> None:
    """Clear away what a killed process left, and say who writes now."""
    before = _holder(run)
    if before:
        _log.info("%s, which wrote into %s before, has died", before, run.path)
    clear_asides(run.path)
    clear_asides(run.snapshots_path)
    told = {"pid": os.getpid(), "host": socket.gethostname()}
    try:
        write_whole(run.path / WRITER_NAME, json.dumps(told).encode())
    except OSError as error:
        raise _unwritable(run.path, error) from error


def _holder(run: Run) -> str:
    """Tell who holds a run, or held it when it was killed; empty if it has not said so."""
    try:
        told = parse_json((run.path / WRITER_NAME).read_bytes())
        return f"process {int(told['pid'])} on {told['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _unwritable(path: Path, error: OSError) -> NetsparseError:
    return NetsparseError(f"{path}: cannot be written: {error.strerror or error}")
