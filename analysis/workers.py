"""Where jobs are done: here, in processes of this machine, or on a Dask cluster; with the same results."""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import joblib

from netsparse.analysis.jobs import Job, NullValues, Part, failed, run_job
from netsparse.errors import NetsparseError
from netsparse.orphans import end_with

_log = logging.getLogger("netsparse")

Result = list[Part] | NullValues

# A job that was under way so many times when a worker died is run alone, to see whether it is the one that kills.
_SUSPECT = 2

# Seconds within which a scheduler has to answer, and a worker to be there.
_PATIENCE = 10

# Does jobs, some at a time, and gives numbers and results as they come.
Pool = Callable[[Iterable[tuple[int, Job]]], Iterator[tuple[int, Result]]]


def run_jobs(jobs: Sequence[Job], n_jobs: int = 1, cluster: str | None = None) -> Iterator[tuple[Job, Result]]:
    """Do jobs and give each with its result, as they come.

    A worker that dies is replaced, and what it had under way is done again. A job that was under way at two deaths runs
    alone; if its worker dies once more, it gives the reason instead of a value.

    Parameters
    ----------
    jobs : sequence of Job
    n_jobs : int
        Processes; 1: none but this one; -1: as many as there are cores.
    cluster : str, optional
        Address of a Dask scheduler, which does them instead.

    Raises
    ------
    NetsparseError
        If the cluster does not answer, or a file cannot be read.
    """
    if cluster is not None:
        with _cluster(cluster) as (client, pool):
            seen = {path: _is_seen(path, client) for path in {job.unit.path for job in jobs if job.unit.path}}

            def ready(job: Job) -> Job:
                unit = job.unit
                return job if seen.get(unit.path, True) else replace(job, unit=unit.with_graph())

            yield from _retried(jobs, pool, ready, lambda: _check_alive(client, cluster))
    elif n_jobs == 1:
        for job in jobs:
            yield job, run_job(job)
    else:
        yield from _retried(jobs, _processes(n_jobs))


def _retried(
    jobs: Sequence[Job],
    pool: Pool,
    ready: Callable[[Job], Job] = lambda job: job,
    check: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Job, Result]]:
    waiting = dict(enumerate(jobs))
    deaths: Counter[int] = Counter()
    while waiting:
        together = [i for i in waiting if deaths[i] < _SUSPECT]
        chosen = together or [next(iter(waiting))]
        begun: set[int] = set()

        def tasks(chosen: list[int] = chosen, begun: set[int] = begun) -> Iterator[tuple[int, Job]]:
            for i in chosen:
                begun.add(i)
                yield i, ready(waiting[i])

        try:
            for i, result in pool(tasks()):
                begun.discard(i)
                yield waiting.pop(i), result
        except _lost_worker() as error:
            check()
            deaths.update(begun)
            _log.warning(
                "a worker died with %d jobs under way, which are done again (%s)", len(begun), type(error).__name__
            )
            if not together:
                job = waiting.pop(chosen[0])
                yield job, _bit_by_bit(ready(job), pool)


def _bit_by_bit(job: Job, pool: Pool) -> Result:
    """Do a job that kills its worker measure by measure: only what kills is given up."""
    if job.nulls is not None:
        _log.warning(
            "null models %s of %s are left out: they kill their worker", job.nulls, job.unit.layer or "network"
        )
        return {}
    parts: list[Part] = []
    for one, found in zip(job.alone(), job.chosen, strict=True):
        try:
            # to its end: joblib tells of a death also when a generator that it was asked for is given up
            [(_, own)] = list(pool([(0, one)]))
            parts += own  # type: ignore[arg-type]
        except _lost_worker():
            parts.append(failed(found, job.unit.scope, "its worker process died each time"))
    return parts


def _lost_worker() -> tuple[type[BaseException], ...]:
    """Return the errors that tell of a worker's death; that of Dask only if it is in use."""
    dask = sys.modules.get("distributed")
    return (BrokenProcessPool, CancelledError, *([dask.KilledWorker] if dask else []))


def _in_worker(i: int, job: Job, parent: int) -> tuple[int, Result]:
    end_with(parent)
    return i, run_job(job)


def _processes(n_jobs: int) -> Pool:
    """Run jobs in processes of this machine, which share its cores among their threads."""
    n_jobs = joblib.effective_n_jobs(n_jobs)
    threads = max(1, joblib.cpu_count() // n_jobs)

    def pool(tasks: Iterable[tuple[int, Job]]) -> Iterator[tuple[int, Result]]:
        with joblib.parallel_config(backend="loky", inner_max_num_threads=threads):
            # never one process: joblib would do the jobs here
            parallel = joblib.Parallel(max(2, n_jobs), return_as="generator_unordered", batch_size=1, max_nbytes=None)
        return parallel(joblib.delayed(_in_worker)(i, job, os.getpid()) for i, job in tasks)

    return pool


@contextmanager
def _cluster(address: str) -> Iterator[tuple[Any, Pool]]:
    """Connect to a Dask cluster."""
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise NetsparseError(
            "a cluster needs Dask, which is not installed; pip install 'netsparse[cluster]'"
        ) from error
    if "://" not in address:  # distributed would try for long
        raise NetsparseError(f"{address}: no address of a Dask scheduler; give it as tcp://HOST:PORT")
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise NetsparseError(f"{address}: no Dask scheduler answers; give its address as tcp://HOST:PORT") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise NetsparseError(
                f"{address}: the cluster has no workers; start some with: dask worker {address}"
            ) from error

        # joblib's Dask backend waits for ever for jobs that Dask gives up, and does them in this process where the
        # cluster has one thread: so not by it
        def pool(tasks: Iterable[tuple[int, Job]]) -> Iterator[tuple[int, Result]]:
            rest, begun = iter(tasks), as_completed(loop=client.loop)
            waiting = set()

            def begin(n: int) -> None:
                for i, job in islice(rest, n):
                    future = client.submit(_on_cluster, i, job, pure=False)
                    waiting.add(future)
                    begun.add(future)

            try:
                begin(2 * max(1, sum(client.ncores().values())))
                for future in begun:
                    waiting.discard(future)
                    result = future.result()
                    begin(1)
                    yield result
            finally:
                client.cancel(list(waiting))

        yield client, pool


def _on_cluster(i: int, job: Job) -> tuple[int, Result]:
    """Do a job with the threads that its worker has."""
    import numba
    from distributed import get_worker

    numba.set_num_threads(max(1, min(numba.get_num_threads(), get_worker().state.nthreads)))
    return i, run_job(job)


def _is_seen(path: str, client: Any) -> bool:
    """Whether all workers see a run directory; else they are sent the graphs."""
    return all(client.run(os.path.isdir, os.path.abspath(path)).values())


def _check_alive(client: Any, address: str) -> None:
    if client.status != "running":
        raise NetsparseError(f"{address}: the cluster's scheduler was lost; what was measured until then is kept")
