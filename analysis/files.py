"""What `netsparse measure` does: runs, snapshots and other programs' masks in, a table on disk out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from netsparse import masks
from netsparse.analysis.jobs import Unit, units_of
from netsparse.analysis.measure import check_request, compute
from netsparse.analysis.registry import Measure, choose
from netsparse.errors import NetsparseError
from netsparse.run import Run, check_table_path, read_table, write_table


def measure_files(
    paths: Sequence[Path],
    measures: str | Sequence[str] = "standard",
    nulls: int = 0,
    seed: int = 0,
    *,
    epochs: Sequence[int] | None = None,
    n_jobs: int = 1,
    cluster: str | None = None,
    out: Path | None = None,
    resume: bool = False,
    on_graph: Callable[[Path, Any], object] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> tuple[dict[Path, str], pd.DataFrame]:
    """Measure files (see `measure`) and write the table.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Run directories, snapshots, masks.
    epochs : sequence of int, optional
        Of runs.
    out : pathlib.Path, optional
        Where the table is to be. A new ``.parquet``, or one that is resumed, is also written every few seconds, and
        when the work is interrupted; an old table is replaced by a whole one only.
    resume : bool
        Take up the table that is there, if there is one.
    on_graph : callable, optional
        Called with path and layer of each mask that was read.

    Returns
    -------
    dict of pathlib.Path to str
        What each is called in the table's column ``run``: its name, or the whole path where two have the same name; in
        a table that is resumed as it was. A resumed table knows what was measured by place and SHA-256.
    pandas.DataFrame

    Raises
    ------
    NetsparseError
        If anything is wrong with what was asked for, before the work begins.
    """
    chosen = choose(measures)
    check_request(nulls, seed, n_jobs, cluster)
    if out is not None:
        check_table_path(out)
    if resume and out is None:
        raise NetsparseError("--resume goes on with a table: name it by --out")
    if resume and out is not None and out.suffix != ".parquet":
        raise NetsparseError(f"{out}: only a .parquet table can be resumed: the others do not hold all that it takes")
    done = read_table(out) if resume and out is not None and out.is_file() else None
    paths = list(dict.fromkeys(paths))
    contents = {path: _contents(path, epochs) for path in paths} if out is not None else {}
    before = {} if done is None else done.attrs.get("sources", {})
    names = _names(paths, contents, before)
    plan = [entry for path in paths for entry in _plan(path, names[path], chosen, epochs, on_graph)]
    sources = before | {names[path]: before.get(names[path], {}) | found for path, found in contents.items()}

    def write(table: pd.DataFrame) -> None:
        if out is not None:
            table.attrs["sources"] = sources
            write_table(out, table)

    keep = write if out is not None and out.suffix == ".parquet" and (resume or not out.exists()) else None
    table = compute(
        plan, nulls, seed, n_jobs=n_jobs, cluster=cluster, done=done, on_table=keep, on_progress=on_progress
    )
    write(table)
    return names, table


def _contents(path: Path, epochs: Sequence[int] | None) -> dict[str, str]:
    """Return where something lies and the digest of its content, of a run that of each snapshot."""
    files = {"content": path}
    if path.is_dir():
        run = Run(path)
        files = {str(epoch): run.snapshot_path(epoch) for epoch in (run.epochs if epochs is None else epochs)}
    found = {"path": str(path.resolve())}
    for what, file in files.items():
        if file.is_file():
            with file.open("rb") as opened:
                found[what] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found


def _alike(before: dict[str, str], now: dict[str, str]) -> bool:
    """Whether both have something in common beside their place, and that is equal."""
    common = [what for what in before if what != "path" and what in now]
    return bool(common) and all(before[what] == now[what] for what in common)


def _names(
    paths: Sequence[Path], contents: dict[Path, dict[str, str]], before: dict[str, dict[str, str]]
) -> dict[Path, str]:
    """Name what is measured: by its own name, by the whole path where that names another, and as in the table before.

    Raises
    ------
    NetsparseError
        If something has changed since it was measured.
    """
    counts = Counter(path.resolve().name for path in paths)
    names = {}
    for path in paths:
        own, now = path.resolve().name, contents.get(path, {})
        place = now.get("path")
        there = next((name for name, old in before.items() if place is not None and old.get("path") == place), None)
        if there is None and _alike(before.get(own, {}), now):  # moved
            there = own
        if there is None:
            free = (name for name in (own, str(path)) if counts[name] < 2 and name not in before)
            names[path] = next(free, str(path.resolve()))
            continue
        old = before[there]
        changed = [what for what, digest in now.items() if what != "path" and old.get(what, digest) != digest]
        if changed:
            what = "its content" if changed == ["content"] else f"its snapshot of epoch {changed[0]}"
            raise NetsparseError(f"{path}: {what} has changed since it was measured; measure it to a new table")
        names[path] = there
    return names


def _plan(
    path: Path,
    name: str,
    chosen: list[Measure],
    epochs: Sequence[int] | None,
    on_graph: Callable[[Path, Any], object] | None,
) -> list[tuple[Unit, list[Measure]]]:
    found = masks.load(path)
    if isinstance(found, Run):
        if not (found.epochs if epochs is None else epochs):
            raise NetsparseError(f"{path}: the run holds no snapshot yet")
        return [(unit, chosen) for unit in units_of(found, epochs, name)]
    if epochs is not None:
        raise NetsparseError(f"--epochs chooses among the snapshots of a run; {path} is not a run directory")
    for snapshot in found if isinstance(found, list) else [found]:
        for layer in snapshot.layers if on_graph else ():
            on_graph(path, layer)  # type: ignore[misc]
    return [(unit, chosen) for unit in units_of(found, run=name)]
