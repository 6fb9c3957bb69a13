"""Measuring while a network trains: a process of its own, of low priority, that follows the run directory."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from types import TracebackType

import numba
import numpy as np
import pandas as pd
import threadpoolctl

from netsparse.analysis.jobs import Unit, units_of
from netsparse.analysis.measure import compute
from netsparse.analysis.registry import Measure, choose
from netsparse.errors import NetsparseError
from netsparse.lock import hold
from netsparse.orphans import end_with_parent
from netsparse.run import Run
from netsparse.spacing import Spacing

_log = logging.getLogger("netsparse")

# Seconds between two looks for a snapshot that is still being written, and after which it is given up.
_LOOK, _GIVE_UP = 0.1, 60.0

# Seconds that the table is written apart at least.
_EVERY = 2.0

# Seconds that the process has to finish the epoch that it measures when training is over.
_FINISH = 120.0


# What the disk of a layer is drawn from.
DISK_MEASURES = ("theta", "radius", "community", "degree", "power_law_gamma", "modularity", "angular_separability")

# Epochs whose layers are embedded when a run is measured.
_N_DISKS = 12


def disk_epochs(epochs: Sequence[int]) -> list[int]:
    """Choose at most 12 epochs, the first and the last among them, at about equal ratios: most changes early.

    Examples
    --------
    >>> disk_epochs(range(61))
    [0, 1, 2, 3, 5, 8, 13, 19, 28, 41, 60]
    """
    places = np.unique(np.rint(np.geomspace(1, max(len(epochs), 1), _N_DISKS)).astype(int)) - 1
    return [epochs[place] for place in places] if len(epochs) else []


def run_plan(run: Run) -> list[tuple[Unit, list[Measure]]]:
    """Plan what a trained run's table holds: the standard measures of both ends, the fast ones of all between.

    At some epochs between (`disk_epochs`) the layers' embeddings and communities as well.

    Raises
    ------
    NetsparseError
        If the run has no snapshot.
    """
    epochs = run.epochs
    if not epochs:
        raise NetsparseError(f"{run.path}: its snapshots are missing; there is nothing to measure")
    standard, fast, with_disk = choose("standard"), choose("fast"), choose(["fast", *DISK_MEASURES])
    ends, embedded = (epochs[0], epochs[-1]), disk_epochs(epochs)

    def own(unit: Unit) -> list[Measure]:
        if unit.scope == "run" or unit.epoch in ends:
            return standard
        return with_disk if unit.scope == "layer" and unit.epoch in embedded else fast

    return [(unit, own(unit)) for unit in units_of(run, epochs)]


def measure_run(run: Run, *, n_jobs: int = 1, on_progress: Callable[[int, int], object] | None = None) -> None:
    """Write a trained run's ``measures.parquet`` (see `run_plan`), or complete the one that is there.

    Parameters
    ----------
    n_jobs : int
        Processes to share the work among.

    Raises
    ------
    NetsparseError
        If the run has no snapshot, or a table that this cannot complete (see `keep_measures`).
    """
    with hold(run):
        run.write_measures(compute(run_plan(run), n_jobs=n_jobs, done=_there(run), on_progress=on_progress))


def keep_measures(run: Run, done: int) -> None:
    """Forget what a run's ``measures.parquet`` tells of later epochs than one behind which its training goes on.

    Raises
    ------
    NetsparseError
        If the table cannot be read, or was made with another seed or with null models, so that what training measures
        has no place in it.
    """
    table = _there(run)
    if table is not None:
        later = (table["epoch"] > done).fillna(False).astype(bool)
        if later.any():
            kept = table[~later]
            kept.attrs = table.attrs
            run.write_measures(kept)


def embed_run(
    run: Run,
    n_jobs: int = 1,
    epochs: Sequence[int] | None = None,
    *,
    on_progress: Callable[[int, int], object] | None = None,
) -> None:
    """Add to a run's ``measures.parquet`` what the disks of all layers at some epochs are drawn from (`DISK_MEASURES`).

    What is in the table is not computed again.

    Parameters
    ----------
    n_jobs : int
        Processes to share the work among.
    epochs : sequence of int, optional
        Default: all.

    Raises
    ------
    NetsparseError
        If the run has no snapshot, or its table was made with another seed or with null models.
    """
    measures = choose(list(DISK_MEASURES))
    plan = [(unit, measures) for unit in units_of(run, epochs) if unit.scope == "layer"]
    if not plan:
        raise NetsparseError(f"{run.path}: its snapshots are missing; there is nothing to measure")
    with hold(run):
        done = _stored(run)
        nulls, seed = (0, 0) if done is None else (done.attrs.get("nulls", 0), done.attrs.get("seed", 0))
        run.write_measures(compute(plan, nulls, seed, n_jobs=n_jobs, done=done, on_progress=on_progress))


def _stored(run: Run) -> pd.DataFrame | None:
    """Return the table that is there, by the name that the run has now: it may have been renamed."""
    if not run.measures_path.is_file():
        return None
    table = run.measures
    if len(table["run"].unique()) > 1:
        raise NetsparseError(f"{run.measures_path}: holds several runs; move it elsewhere and try again")
    return table.assign(run=run.name)


def _there(run: Run) -> pd.DataFrame | None:
    """Return the table that is there, which is to be completed by what training measures."""
    table = _stored(run)
    if table is None or {"seed": 0, "nulls": 0}.items() <= table.attrs.items():
        return table
    raise NetsparseError(
        f"{run.measures_path}: does not tell that it was made with seed 0 and without null models, as training "
        "measures; so that nothing of it is lost, move it elsewhere and try again"
    )


class BackgroundMeasuring:
    """Measures epochs of a run that is being trained by the fast measures, into its ``measures.parquet``.

    Used in a ``with`` block around the training. The process has one thread and the lowest priority; if it dies,
    nothing is lost but its work. Leaving the block waits for the epoch under way, or, if an error leads out, does not.

    Parameters
    ----------
    run : Run
    done : int, optional
        Of a training that goes on: the epoch behind which it does. What was measured of later ones is forgotten, and
        snapshots that are there of them are left alone, since they will be written again.

    Examples
    --------
    >>> import tempfile, netsparse as ns
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run.create(folder + "/run")
    ...     with BackgroundMeasuring(run) as background:
    ...         run.write_snapshot(ns.Snapshot([ns.LayerGraph.from_mask([[1, 0]])], epoch=0))
    ...         background.follow(0)
    ...         background.finish()
    ...     int(run.measures.query("measure == 'n_links'")["value"].iloc[0])
    1
    """

    def __init__(self, run: Run, done: int | None = None) -> None:
        self._stale: set[int] = set()
        keep_measures(run, done or 0)
        if done is not None:
            self._stale = {epoch for epoch in run.epochs if epoch > done}
        context = multiprocessing.get_context("spawn")
        receiver, self._sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_follow, args=(str(run.path.resolve()), receiver), daemon=True)
        self._process.start()
        receiver.close()

    def follow(self, epoch: int) -> None:
        """Have an epoch measured, whose snapshot is there or about to be written."""
        if epoch in self._stale:
            return
        try:
            self._sender.send(epoch)
        except OSError:  # the process died: what it does not measure is measured in the end
            self._stale.add(epoch)

    def finish(self) -> None:
        """Wait until all that was handed over is measured."""
        self._end(None, wait=True)

    def _end(self, patience: float | None, wait: bool) -> None:
        if self._sender.closed:
            return
        with contextlib.suppress(OSError):  # it died
            self._sender.send("finish" if wait else "stop")
        self._sender.close()
        self._process.join(patience)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        if self._process.exitcode:
            _log.warning(
                "the process that measured in the background ended with code %s; the rest is measured now",
                self._process.exitcode,
            )

    def __enter__(self) -> BackgroundMeasuring:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end(_FINISH if error is None else 1.0, wait=False)


def _follow(path: str, receiver: Connection) -> None:
    """Measure the epochs that are told, until the training ends; in a process of its own."""
    end_with_parent()  # which lets go of the run's lock as it dies: another process may write into it then
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training ends it
    if hasattr(os, "nice"):
        os.nice(19)
    numba.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)
    run, measures = Run(path), choose("fast")
    waiting: list[int] = []
    before = _there(run)
    present = set() if before is None else set(before["epoch"].dropna().astype(int))
    parts = [] if before is None or before.empty else [before]
    del before
    spacing = Spacing(_EVERY)
    more, stop = True, False
    while (more or waiting) and not stop:
        while more and (not waiting or receiver.poll()):
            try:
                told = receiver.recv()
            except EOFError:  # the training was killed
                return
            more, stop = not isinstance(told, str), told == "stop"
            if more:
                waiting.append(told)
        if not waiting or stop:
            continue
        epoch = waiting.pop(0)
        if epoch in present or not _appears(run, epoch):
            continue
        present.add(epoch)
        parts.append(compute([(unit, measures) for unit in units_of(run, [epoch]) if unit.scope != "run"]))
        if spacing.is_due():
            with spacing:
                parts = [_written(run, parts)]
    if parts:
        _written(run, parts)


def _written(run: Run, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Write parts of the table of measures, which come into their order in the end, as one; return it."""
    table = pd.concat(parts, ignore_index=True)
    table.attrs = parts[-1].attrs
    run.write_measures(table)
    return table


def _appears(run: Run, epoch: int) -> bool:
    """Wait for a snapshot."""
    for _ in range(int(_GIVE_UP / _LOOK)):
        if run.snapshot_path(epoch).exists():
            return True
        time.sleep(_LOOK)
    return False
