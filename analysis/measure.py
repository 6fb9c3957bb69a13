"""`@measure` registers a measure; `measure` computes many of them as one tidy table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import Any, TypeVar, overload

import pandas as pd

from netsparse.analysis.costs import REFUSED
from netsparse.analysis.jobs import FAILED, Job, Unit, jobs_of, units_of
from netsparse.analysis.registry import LEVELS, MEASURES, Measure, Variants, choose, register
from netsparse.analysis.table import COLUMNS, NULL_COLUMNS, Done, columns, make_table
from netsparse.analysis.workers import Result, run_jobs
from netsparse.errors import NetsparseError
from netsparse.run import Run
from netsparse.spacing import Spacing

__all__ = ["COLUMNS", "LEVELS", "MEASURES", "NULL_COLUMNS", "Measure", "Variants", "choose", "columns", "measure"]

F = TypeVar("F", bound=Callable[..., Any])

_log = logging.getLogger("netsparse")

# Seconds between two unfinished tables that are handed out, at least.
_EVERY = 3.0


@overload
def measure(graphs: str, **kwargs: Any) -> Callable[[F], F]: ...
@overload
def measure(
    graphs: Any,
    measures: str | Sequence[str] = ...,
    nulls: int = ...,
    seed: int = ...,
    *,
    epochs: Iterable[int] | None = ...,
    n_jobs: int = ...,
    cluster: str | None = ...,
    force: bool = ...,
    done: pd.DataFrame | None = ...,
    on_table: Callable[[pd.DataFrame], object] | None = ...,
    on_progress: Callable[[int, int], object] | None = ...,
) -> pd.DataFrame: ...
def measure(
    graphs: Any,
    measures: str | Sequence[str] = "standard",
    nulls: int = 0,
    seed: int = 0,
    *,
    epochs: Iterable[int] | None = None,
    n_jobs: int = 1,
    cluster: str | None = None,
    force: bool = False,
    done: pd.DataFrame | None = None,
    on_table: Callable[[pd.DataFrame], object] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
    **kwargs: Any,
) -> Any:
    """Measure graphs and give one tidy table; with a level's name alone (``@measure("fast")``) register a measure.

    Parameters
    ----------
    graphs : LayerGraph, Snapshot, Run, networkx or igraph graph, symmetric adjacency, or list of these
        A LayerGraph is measured as a layer, a graph without layers as a network, a snapshot as both. Nodes of a
        networkx graph are numbered in its order.
    measures : {"fast", "standard", "full"} or list of str
        A level, which includes the cheaper ones, or names of `MEASURES` and levels.
    nulls : int
        Null models to compare each number of a graph or neuron group with: so many with the same degrees
        (`netsparse.analysis.rewired`), and so many with the same number of links only (`erdos_renyi`).
    seed : int
        Of measures that draw, and of the null models.
    epochs : iterable of int, optional
        Of a run: the epochs to measure. Default: all.
    n_jobs : int
        Processes to share the work among; -1: as many as there are cores. The table does not depend on it.
    cluster : str, optional
        Address of the scheduler of a Dask cluster that does the work, such as ``tcp://10.0.0.1:8786``.
    force : bool
        Compute also what would take more than a quarter of an hour, or more memory than there is: else the value is NaN
        and the reason tells what it would take.
    done : pandas.DataFrame, optional
        A table that `measure` gave before, unfinished perhaps: what is in it is not computed again, but what failed
        and, if forced, what was refused.
        Graphs must then differ in epoch or layer name.
    on_table : callable, optional
        Called with the table so far every few seconds, and when an error or an interrupt leads out.
    on_progress : callable, optional
        Called with the number of jobs done and that of all.

    Returns
    -------
    pandas.DataFrame
        Columns ``run`` (directory name, or empty), ``epoch`` (missing if unknown), ``scope`` (network, layer, group or
        node), ``layer`` (empty for the network), ``measure``, ``value``, ``standard_error`` (of an `Estimate`, else
        NaN), ``group`` and ``node`` (index in its group) where the scope is group or node, ``reason`` why a value is
        NaN: a measure that failed tells ``failed:`` and the error, one that would take too long ``refused:`` and how
        long. With null models behind the value also
        ``null_mean``, ``null_sd``, ``z``, ``p`` of those with the same degrees (see `significance`), and ``er_mean``,
        ``er_sd``, ``er_z``, ``er_p`` of the others; NaN for neurons. ``attrs`` holds ``seed`` and ``nulls``.

    Raises
    ------
    NetsparseError
        If a measure or epoch is unknown, something is no graph, the table that is done was made with another seed or
        number of null models, or the cluster does not answer.

    Examples
    --------
    >>> from netsparse import LayerGraph
    >>> layer = LayerGraph.from_mask([[1, 0], [1, 1]], name="fc1")
    >>> measure(layer, ["n_links", "density"])[["scope", "layer", "measure", "value"]]
       scope layer  measure  value
    0  layer   fc1  n_links   3.00
    1  layer   fc1  density   0.75
    """
    if isinstance(graphs, str):
        if graphs not in LEVELS:
            raise NetsparseError(f"to measure a file, load it first: netsparse.load({graphs!r})")
        return register(graphs, **kwargs)
    if kwargs:
        raise TypeError(f"measure() got an unexpected keyword argument '{next(iter(kwargs))}'")
    chosen = choose(measures)
    plan = [(unit, chosen) for unit in units_of(graphs, epochs)]
    return compute(
        plan,
        nulls,
        seed,
        n_jobs=n_jobs,
        cluster=cluster,
        force=force,
        done=done,
        on_table=on_table,
        on_progress=on_progress,
    )


def compute(
    plan: Sequence[tuple[Unit, Sequence[Measure]]],
    nulls: int = 0,
    seed: int = 0,
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    force: bool = False,
    done: pd.DataFrame | None = None,
    keep: bool = True,
    on_table: Callable[[pd.DataFrame], object] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    """Measure units, each by its own measures, as one table (see `measure`).

    Parameters
    ----------
    plan : sequence of (Unit, measures)
    keep : bool
        Whether rows that are done and that the plan does not name stay in the table, at its end.
    """
    check_request(nulls, seed, n_jobs, cluster)
    nulls, seed, n_jobs = int(nulls), int(seed), int(n_jobs)  # of NumPy's, some libraries take none
    plan = [(unit.ready(), own) for unit, measures in plan if (own := _of_scope(unit, measures))]
    before = None if done is None else Done(done, nulls, seed, force)
    if before is not None and len({unit.key for unit, _ in plan}) < len(plan):
        raise NetsparseError(
            "two graphs have the same run, epoch and layer name: a table that is done cannot tell them"
        )
    missing = plan if before is None else [(unit, before.missing(unit, measures)) for unit, measures in plan]
    jobs = [
        job
        for number, (unit, measures) in enumerate(missing)
        for job in jobs_of(unit, number, measures, nulls, seed, force)
    ]
    jobs.sort(key=lambda job: (job.unit.epoch or 0, job.unit.scope == "layer"))  # an epoch's longest first
    collected = _Collected([unit for unit, _ in plan], jobs, nulls, seed)

    def table() -> pd.DataFrame:
        made = collected.table()
        return made if before is None else before.complete(made, plan, keep)

    if on_progress:
        on_progress(0, len(jobs))
    spacing = Spacing(_EVERY)
    try:
        for n_done, (job, result) in enumerate(run_jobs(jobs, n_jobs, cluster), 1):
            collected.add(job, result)
            if on_progress:
                on_progress(n_done, len(jobs))
            if on_table and spacing.is_due() and n_done < len(jobs):
                with spacing:
                    on_table(table())
    except BaseException:
        if on_table and collected.whole:
            on_table(table())
        raise
    return table()


def check_request(nulls: int, seed: int, n_jobs: int = 1, cluster: str | None = None) -> None:
    """Refuse numbers that make no sense, before anything is computed.

    Raises
    ------
    NetsparseError
    """
    if isinstance(nulls, bool) or not isinstance(nulls, Integral) or nulls < 0:
        raise NetsparseError(f"nulls is the number of null models, a whole number of at least 0, not {nulls!r}")
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise NetsparseError(f"a seed is a whole number of at least 0, not {seed!r}")
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0 or n_jobs < -1:
        raise NetsparseError(f"jobs are a whole number of at least 1, or -1 for one a core, not {n_jobs!r}")
    if cluster is not None and n_jobs != 1:
        raise NetsparseError("a cluster has its own workers: leave out the number of jobs")


def _of_scope(unit: Unit, measures: Sequence[Measure]) -> list[Measure]:
    if unit.scope == "run":
        return [found for found in measures if found.of == "run"] if Run(unit.path).metrics_path.is_file() else []
    return [found for found in measures if found.of != "run" and unit.scope in found.scopes]


class _Collected:
    """Results as they come, job by job; a unit is whole when none of its jobs is missing."""

    def __init__(self, units: Sequence[Unit], jobs: Sequence[Job], nulls: int, seed: int) -> None:
        self.units, self.nulls, self.seed = units, nulls, seed
        self.waiting: dict[int, int] = {}
        for job in jobs:
            self.waiting[job.number] = self.waiting.get(job.number, 0) + 1
        self.parts: dict[int, Any] = {}
        self.null_values: dict[int, dict[Any, Any]] = {}
        self.whole: set[int] = set()
        self.told: set[tuple[str, str]] = set()

    def add(self, job: Job, result: Result) -> None:
        """Take a job's result; log what failed or was refused, each once."""
        if isinstance(result, dict):
            assert job.nulls is not None
            self.null_values.setdefault(job.number, {})[job.nulls] = result
        else:
            self.parts[job.number] = result
            for part in result:
                if part.reason.startswith((FAILED, REFUSED)) and (part.measure, part.reason) not in self.told:
                    self.told.add((part.measure, part.reason))
                    _log.warning("%s of %s %s", part.measure, job.unit.layer or "the network", part.reason)
        self.waiting[job.number] -= 1
        if not self.waiting[job.number]:
            self.whole.add(job.number)

    def table(self) -> pd.DataFrame:
        """Make the table of all units that are whole."""
        found = sorted(self.whole)
        return make_table(
            ((self.units[i], self.parts[i], self.null_values.get(i, {})) for i in found), self.nulls, self.seed
        )
