"""What `netsparse measure` does: runs, snapshots and other programs' masks in, a table on disk out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from netsparse.analysis.jobs import Unit, units_of
from netsparse.analysis.measure import check_request, compute
from netsparse.analysis.registry import Measure, choose
from netsparse.errors import NetsparseError
from netsparse.masks import Masks
from netsparse.masks.files import check_run, files_of, is_run, scan_all
from netsparse.masks.options import Options
from netsparse.run import check_table_path, read_measures, told_epochs, write_table


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
    force: bool = False,
    options: Options | None = None,
    on_masks: Callable[[Path, list[Masks]], object] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> tuple[dict[Path, str], pd.DataFrame]:
    """Measure files (see `measure`) and write the table.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Run directories, snapshots, masks, directories of masks, patterns of their names.
    epochs : sequence of int, optional
        Of runs, directories and patterns.
    out : pathlib.Path, optional
        Where the table is to be. A new ``.parquet``, or one that is resumed, is also written every few seconds, and
        when the work is interrupted; an old table is replaced by a whole one only.
    resume : bool
        Take up the table that is there, if there is one.
    force : bool
        Whether to compute also what would take very long.
    options : Options, optional
        How masks are read.
    on_masks : callable, optional
        Called with each path that is no run and what lies there, before anything is measured.

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
    done = read_measures(out) if resume and out is not None and out.is_file() else None
    paths = list(dict.fromkeys(paths))
    options = Options.of() if options is None else options
    contents = {path: _contents(path, epochs, options) for path in paths} if out is not None else {}
    before = {} if done is None else done.attrs.pop("sources", {})  # pandas would copy them at each of its steps
    if not (isinstance(before, dict) and all(isinstance(told, dict) for told in before.values())):
        raise NetsparseError(f"{out}: does not tell what was measured: the file is damaged; measure to a new table")
    names = _names(paths, contents, before)
    plan = [entry for path in paths for entry in _plan(path, names[path], chosen, epochs, options, on_masks)]
    sources = before | {names[path]: before.get(names[path], {}) | found for path, found in contents.items()}

    def write(table: pd.DataFrame) -> None:
        if out is not None:
            told = table.copy(deep=False)
            told.attrs["sources"] = sources
            write_table(out, told)

    keep = write if out is not None and out.suffix == ".parquet" and (resume or not out.exists()) else None
    table = compute(
        plan,
        nulls,
        seed,
        n_jobs=n_jobs,
        cluster=cluster,
        force=force,
        done=done,
        on_table=keep,
        on_progress=on_progress,
    )
    write(table)
    return names, table


def _contents(path: Path, epochs: Sequence[int] | None, options: Options) -> dict[str, str]:
    """Return where something lies, how it is read, and the digest of each of its files."""
    files = files_of(path)
    if epochs is not None and is_run(path):
        chosen = set(epochs)
        files = {name: file for name, file in files.items() if int(name) in chosen}
    found = {"path": str(path.resolve()), "options": repr([(name, getattr(options, name)) for name in options.given])}
    for what, file in files.items():
        if file.is_file():
            with file.open("rb") as opened:
                found[what] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found


def _alike(before: dict[str, str], now: dict[str, str]) -> bool:
    """Whether both have something in common beside their place, and that is equal."""
    common = [what for what in before if what not in ("path", "options") and what in now]
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
            if changed == ["options"]:
                raise NetsparseError(
                    f"{path}: was read with other options when it was measured; measure to a new table"
                )
            what = f"its snapshot of epoch {changed[0]}" if is_run(path) else f"its {changed[0]}"
            raise NetsparseError(f"{path}: {what} has changed since it was measured; measure it to a new table")
        names[path] = there
    return names


def _plan(
    path: Path,
    name: str,
    chosen: list[Measure],
    epochs: Sequence[int] | None,
    options: Options,
    on_masks: Callable[[Path, list[Masks]], object] | None,
) -> list[tuple[Unit, list[Measure]]]:
    if is_run(path):
        run = check_run(path, options)
        if not (run.epochs if epochs is None else epochs):
            raise NetsparseError(f"{path}: the run holds no snapshot yet")
        return [(unit, chosen) for unit in units_of(run, epochs, name)]
    found = scan_all(path, options)
    several = found if isinstance(found, list) else [found]
    if epochs is not None:
        several = _at(path, several, epochs)
    for masks in several:
        masks.check_memory()
    if on_masks:
        on_masks(path, several)
    return [(unit, chosen) for masks in several for unit in units_of(masks, run=name)]


def _at(path: Path, several: list[Masks], epochs: Sequence[int]) -> list[Masks]:
    """Choose epochs; -1 is the last."""
    by_epoch = {masks.epoch: masks for masks in several}
    if len(several) == 1 and several[0].epoch is None:
        raise NetsparseError(f"--epochs chooses among the epochs of a run or a directory; {path} has one only")
    wanted = [several[-1].epoch if epoch == -1 else epoch for epoch in epochs]
    missing = [epoch for epoch in wanted if epoch not in by_epoch]
    if missing:
        there = told_epochs([masks.epoch for masks in several])
        raise NetsparseError(f"{path}: no masks of epoch {missing[0]}; there are {there}")
    return [by_epoch[epoch] for epoch in wanted]
