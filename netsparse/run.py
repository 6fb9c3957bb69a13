"""The run directory on disk: configuration, metrics, snapshots, measures, figures (docs/run-directory.md)."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy

from netsparse.errors import NetsparseError
from netsparse.graph import Snapshot
from netsparse.storage import (
    check_version,
    clear_asides,
    is_aside,
    pack_header,
    parse_json,
    read_layer_names,
    read_snapshot,
    read_toml,
    unpack_header,
    write_snapshot,
    write_whole,
)

METRIC_COLUMNS = ["epoch", "layer", "metric", "value"]

# Of the files of a run directory, those that have no version are of version 1 (docs/run-directory.md).
CONFIG_VERSION = 1
ENVIRONMENT_VERSION = 1
TABLE_VERSION = 1
CORRELATIONS_FORMAT = "netsparse-correlations"
CORRELATIONS_VERSION = 1

# The lock is an empty file, the second one tells who holds it (see `netsparse.lock`).
LOCK_NAME, WRITER_NAME = ".lock", ".writer.json"

# What there is of a run before its configuration: one that was killed by then has not begun.
_AT_FIRST = frozenset({LOCK_NAME, WRITER_NAME, "log.txt", "environment.json", "snapshots"})

# Epochs that a message names one by one.
_MOST_TOLD = 20

_SNAPSHOT_NAME = re.compile(r"epoch-(\d+)\.safetensors")


class Run:
    """A run directory: lists, reads and writes snapshots and tables. Every file appears whole or not at all.

    Parameters
    ----------
    path : str or pathlib.Path
        An existing run directory; `Run.create` makes a new one.

    Raises
    ------
    NetsparseError
        If there is no run directory.

    Examples
    --------
    >>> import tempfile, netsparse as ns
    >>> folder = tempfile.TemporaryDirectory()
    >>> run = Run.create(Path(folder.name) / "mine")
    >>> run.write_snapshot(Snapshot([ns.LayerGraph.from_mask([[1, 0]])], epoch=0))
    >>> run.epochs, run.snapshot(0).n_links
    ([0], 1)
    >>> folder.cleanup()
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._is_made = False  # the directory, by `create`
        if not self.path.is_dir():
            raise NetsparseError(f"{self.path}: no such run directory")
        if not self.snapshots_path.is_dir():
            raise NetsparseError(f"{self.path}: not a run directory (it has no folder 'snapshots')")

    @classmethod
    def find(cls, path: str | Path) -> list[Run]:
        """Open a run directory, or all runs of a folder that holds run directories, such as that of a sweep.

        Raises
        ------
        NetsparseError
            If it is neither.
        """
        path = Path(path)
        if path.is_dir() and not (path / "snapshots").is_dir():
            inside = sorted(part for part in path.iterdir() if (part / "snapshots").is_dir())
            if inside:
                return [cls(part) for part in inside]
        return [cls(path)]

    @classmethod
    def create(cls, path: str | Path) -> Run:
        """Make a new run directory. It must not exist, or be empty: nothing is ever overwritten.

        What a run left that was killed before it had a configuration counts as nothing.

        Raises
        ------
        NetsparseError
            If the directory holds something already, or cannot be made.
        """
        path = Path(path)
        try:
            is_made = not path.is_dir()
            path.mkdir(parents=True, exist_ok=True)
            if not _is_unused(path):
                raise NetsparseError(f"{path} exists and is not empty; name another directory or remove it")
            (path / "snapshots").mkdir(exist_ok=True)
        except OSError as error:
            raise NetsparseError(f"{path}: cannot make the run directory: {error.strerror}") from error
        run = cls(path)
        run._is_made = is_made
        return run

    @classmethod
    def create_numbered(cls, stem: str, parent: str | Path = "runs") -> Run:
        """Make ``parent/stem-001`` or the next number that is free."""
        parent = Path(parent)
        try:
            parent.mkdir(parents=True, exist_ok=True)
            for number in range(1, 10_000):
                path = parent / f"{stem}-{number:03d}"
                try:
                    path.mkdir()
                except FileExistsError:
                    continue
                run = cls.create(path)
                run._is_made = True
                return run
        except OSError as error:
            raise NetsparseError(f"{parent}: cannot make a run directory here: {error.strerror}") from error
        raise NetsparseError(f"{parent}: no number is free for {stem}; name a directory")

    def discard_if_empty(self) -> None:
        """Remove what a run has made that holds no snapshot: what failed at the start is to leave nothing.

        The directory, too, if `create` made it and nothing else is in it.
        """
        if self.epochs or self.checkpoint_path.exists():
            return
        clear_asides(self.path)
        clear_asides(self.snapshots_path)
        for name in (*_AT_FIRST, "config.toml"):
            if name != "snapshots":
                (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / "tensorboard", ignore_errors=True)
        with suppress(OSError):  # something else is in it
            self.snapshots_path.rmdir()
            if self._is_made:
                self.path.rmdir()

    @property
    def name(self) -> str:
        """The directory's name, which the table of measures carries in its column ``run``."""
        return self.path.resolve().name

    @property
    def snapshots_path(self) -> Path:
        """Folder of the snapshots."""
        return self.path / "snapshots"

    @property
    def figures_path(self) -> Path:
        """Folder of the figures."""
        return self.path / "figures"

    @property
    def log_path(self) -> Path:
        """The log, plain lines."""
        return self.path / "log.txt"

    @property
    def checkpoint_path(self) -> Path:
        """The latest training state."""
        return self.path / "checkpoint.safetensors"

    @property
    def correlations_path(self) -> Path:
        """What the start topology CSTI was made from."""
        return self.path / "correlations.safetensors"

    @property
    def metrics_path(self) -> Path:
        """The table of training metrics."""
        return self.path / "metrics.parquet"

    @property
    def measures_path(self) -> Path:
        """The table of measures."""
        return self.path / "measures.parquet"

    @property
    def epochs(self) -> list[int]:
        """Epochs of which there is a snapshot, ascending; the folder is listed each time."""
        found = map(_SNAPSHOT_NAME.fullmatch, os.listdir(self.snapshots_path))
        return sorted(int(match[1]) for match in found if match)

    def snapshot(self, epoch: int) -> Snapshot:
        """Read the snapshot of an epoch; ``-1`` is the last one.

        Raises
        ------
        NetsparseError
            If there is no snapshot of that epoch, or it cannot be read.
        """
        return read_snapshot(self._existing(epoch))

    def layer_names(self, epoch: int) -> list[str]:
        """Return the names of a snapshot's layers, from its header alone (see `snapshot`)."""
        return read_layer_names(self._existing(epoch))

    def snapshots(self) -> Iterator[Snapshot]:
        """Read the snapshots one after the other, by epoch."""
        for epoch in self.epochs:
            yield self.snapshot(epoch)

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Write ``snapshots/epoch-NNNN.safetensors``."""
        if snapshot.epoch is None:
            raise NetsparseError("a snapshot needs an epoch to be stored in a run directory")
        write_snapshot(self.snapshot_path(snapshot.epoch), snapshot)

    def _existing(self, epoch: int) -> Path:
        if epoch >= 0 and (path := self.snapshot_path(epoch)).exists():  # without listing the folder
            return path
        epochs = self.epochs
        if epoch == -1 and epochs:
            return self.snapshot_path(epochs[-1])
        raise NetsparseError(f"{self.path}: no snapshot of epoch {epoch}; there are {told_epochs(epochs)}")

    def snapshot_path(self, epoch: int) -> Path:
        """Return where the snapshot of an epoch lies, or would lie."""
        return self.snapshots_path / f"epoch-{epoch:04d}.safetensors"

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration (config.toml) without its format version; empty if there is none."""
        path = self.path / "config.toml"
        return take_config(path, read_toml(path)) if path.is_file() else {}

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.toml."""
        import tomli_w

        told = {"format_version": CONFIG_VERSION, **config}
        write_whole(self.path / "config.toml", tomli_w.dumps(told).encode())

    @property
    def environment(self) -> dict[str, Any]:
        """What the run ran on (environment.json); empty if there is no such file or it cannot be read."""
        path = self.path / "environment.json"
        try:
            found = parse_json(path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        check_version(f"{path}: environment", found.pop("format_version", 1), ENVIRONMENT_VERSION)
        return found

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Write environment.json."""
        told = {"format_version": ENVIRONMENT_VERSION, **environment}
        write_whole(self.path / "environment.json", (json.dumps(told, indent=2) + "\n").encode())

    @property
    def metrics(self) -> pd.DataFrame:
        """The training metrics, columns epoch, layer (empty for the whole run), metric, value.

        Raises
        ------
        NetsparseError
            If they are not there, damaged, or a newer netsparse wrote them.
        """
        return _checked(self.metrics_path, read_table(self.metrics_path), ("epoch", "value"), ("layer", "metric"))

    def write_metrics(self, metrics: pd.DataFrame) -> None:
        """Write metrics.parquet."""
        write_table(self.metrics_path, metrics)

    @property
    def measures(self) -> pd.DataFrame:
        """The table of measures (see `netsparse.measure`).

        Raises
        ------
        NetsparseError
            If it is not there, damaged, or a newer netsparse wrote it.
        """
        return read_measures(self.measures_path)

    def write_measures(self, measures: pd.DataFrame) -> None:
        """Write measures.parquet."""
        write_table(self.measures_path, measures)

    @property
    def correlations(self) -> np.ndarray | None:
        """Absolute Pearson correlations of the input features, (n_features, n_features), to 1/255; None if not kept.

        Raises
        ------
        NetsparseError
            If the file cannot be read.
        """
        if not self.correlations_path.is_file():
            return None
        try:
            with safetensors.safe_open(self.correlations_path, framework="numpy") as file:
                version = unpack_header(file.metadata()).get("format_version", 1)
                check_version(f"{self.correlations_path}: {CORRELATIONS_FORMAT}", version, CORRELATIONS_VERSION)
                stored = file.get_tensor("correlations")
        except (OSError, safetensors.SafetensorError) as error:
            raise NetsparseError(f"{self.correlations_path}: not a readable safetensors file: {error}") from error
        if stored.dtype != np.uint8 or stored.ndim != 2 or stored.shape[0] != stored.shape[1]:
            raise NetsparseError(f"{self.correlations_path}: holds no square matrix of bytes")
        return stored.astype(np.float32) / 255

    def write_correlations(self, correlations: np.ndarray) -> None:
        """Write correlations.safetensors: a byte an entry, |Pearson correlation| · 255."""
        stored = {"correlations": np.rint(255 * np.clip(correlations, 0, 1)).astype(np.uint8)}
        header = pack_header(CORRELATIONS_FORMAT, CORRELATIONS_VERSION, {})
        write_whole(self.correlations_path, safetensors.numpy.save(stored, header))

    def __repr__(self) -> str:
        return f"Run('{self.path}', {len(self.epochs)} snapshots)"


def told_epochs(epochs: Sequence[int | None]) -> str:
    """Return epochs for a message, of many the ends.

    Examples
    --------
    >>> told_epochs([0, 5, 10]), told_epochs(range(10_001)), told_epochs([])
    ('0, 5, 10', '0, 1, 2, 3, 4 … 10000 (10001 in all)', 'none')
    """
    if len(epochs) <= _MOST_TOLD:
        return ", ".join(map(str, epochs)) or "none"
    return f"{', '.join(map(str, epochs[:5]))} … {epochs[-1]} ({len(epochs)} in all)"


def _is_unused(path: Path) -> bool:
    """Tell whether a directory is empty, or holds only what a run leaves that was killed as it began."""
    names, snapshots = {part.name for part in path.iterdir()}, path / "snapshots"
    if snapshots.is_symlink() or (snapshots.is_dir() and any(snapshots.iterdir())):
        return False
    # the lock is a run's first file
    return names <= {"snapshots"} or (LOCK_NAME in names and all(n in _AT_FIRST or is_aside(n) for n in names))


def as_run(source: Run) -> Run:
    """Give a run back.

    Raises
    ------
    NetsparseError
        If it is none, such as the path of one.
    """
    if isinstance(source, Run):
        return source
    told = f"; netsparse.Run({str(source)!r}) opens one" if isinstance(source, (str, Path)) else ""
    raise NetsparseError(f"a Run is wanted, not a {type(source).__name__}{told}")


def as_runs(source: Run | Sequence[Run]) -> list[Run]:
    """Give one run, or several, as a list.

    Raises
    ------
    NetsparseError
        If something is no run.
    """
    runs: list[Any] = list(source) if isinstance(source, Iterable) and not isinstance(source, str) else [source]
    return [as_run(run) for run in runs]


def take_config(path: Path | str, options: dict[str, Any]) -> dict[str, Any]:
    """Return what a config.toml holds without its format version, which is checked.

    Raises
    ------
    NetsparseError
        If a newer netsparse wrote it.
    """
    check_version(f"{path}: configuration", options.pop("format_version", 1), CONFIG_VERSION)
    return options


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table.

    Raises
    ------
    NetsparseError
        If it is not there, cannot be read, or a newer netsparse wrote it.
    """
    if not path.is_file():
        raise NetsparseError(f"{path}: no such table")
    try:
        table = pd.read_parquet(path)
        if not isinstance(table.attrs, dict):
            raise ValueError("its PANDAS_ATTRS are no table of names")
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise NetsparseError(f"{path}: not a readable Parquet table: {error}") from error
    check_version(f"{path}: table", table.attrs.pop("format_version", 1), TABLE_VERSION)
    return table


def read_measures(path: Path) -> pd.DataFrame:
    """Read a Parquet table of measures.

    Raises
    ------
    NetsparseError
        If it is not there, damaged, none of measures, or a newer netsparse wrote it.
    """
    return _checked(path, read_table(path), ("epoch", "value"), ("run", "scope", "layer", "measure"))


def _checked(path: Path, table: pd.DataFrame, numbers: Sequence[str], texts: Sequence[str]) -> pd.DataFrame:
    """Refuse a table that lacks columns, or holds text for numbers or the reverse."""
    for name in (*numbers, *texts):
        if name not in table.columns:
            raise NetsparseError(f"{path}: has no column '{name}': the file is damaged, or of another program")
        if len(table) and pd.api.types.is_numeric_dtype(table[name]) != (name in numbers):
            kind = "numbers" if name in numbers else "text"
            raise NetsparseError(f"{path}: column '{name}' holds no {kind}: the file is damaged, or of another program")
    return table


def _to_parquet(table: pd.DataFrame, file: io.BytesIO) -> None:
    marked = table.copy(deep=False)
    marked.attrs = {"format_version": TABLE_VERSION, **table.attrs}  # pandas keeps them in the file's metadata
    marked.to_parquet(file, index=False)


_TABLE_WRITERS: dict[str, Callable[[pd.DataFrame, io.BytesIO], Any]] = {
    ".parquet": _to_parquet,
    ".csv": lambda table, file: table.to_csv(file, index=False),
    ".json": lambda table, file: table.to_json(file, orient="records", double_precision=15, indent=1),
}


def check_table_path(path: Path) -> None:
    """Refuse a path that `write_table` could not write to, before the table is computed.

    Raises
    ------
    NetsparseError
        If its ending is none of ``.parquet``, ``.csv``, ``.json``, or its folder does not exist.
    """
    endings = ", ".join(_TABLE_WRITERS)
    if path.suffix not in _TABLE_WRITERS:
        raise NetsparseError(f"{path}: a table is written as {endings}; end the name in one of these")
    if not path.parent.is_dir():
        raise NetsparseError(f"{path}: cannot be written: no such folder as {path.parent}")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table whole, as ``.parquet``, ``.csv`` or ``.json`` (records) by the file's ending.

    Only ``.parquet`` holds a format version, and the table's ``attrs``; the others are for other programs.

    Raises
    ------
    NetsparseError
        If the ending is another one, or the folder cannot be written to.
    """
    check_table_path(path)
    buffer = io.BytesIO()
    _TABLE_WRITERS[path.suffix](table, buffer)
    try:
        write_whole(path, buffer.getvalue())
    except OSError as error:
        raise NetsparseError(f"{path}: cannot be written: {error.strerror}") from error
