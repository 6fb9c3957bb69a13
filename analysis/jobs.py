"""What there is to measure, cut into jobs: one layer or one network, or some null models of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netsparse.analysis.costs import refusal
from netsparse.analysis.estimate import Estimate
from netsparse.analysis.network import Network, as_network
from netsparse.analysis.nulls import erdos_renyi, rewired
from netsparse.analysis.registry import MEASURES, Measure
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks import Masks
from netsparse.masks.files import scan_file
from netsparse.masks.options import Options, readable
from netsparse.run import Run

_log = logging.getLogger("netsparse")

# How a reason begins when a measure did not come to an end; such values are computed again on resuming.
FAILED = "failed: "

# The kinds of null models, and the number that each adds to the seed.
NULL_MODELS = {"rewired": (rewired, 1), "erdos_renyi": (erdos_renyi, 2)}

# Bytes that a link of a network takes while it is measured: in its layer, and twice in the adjacency.
_BYTES_A_LINK = 32

# Null models a job.
_NULLS_AT_ONCE = 5

# Threads of one process (a Dask worker's) measure in turn: the kernels use the cores by themselves.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Unit:
    """One layer or one network at one epoch.

    Attributes
    ----------
    run, epoch, layer
        As in the table.
    scope : {"layer", "network", "run"}
        A run's metrics are a unit, too.
    graph : LayerGraph, Snapshot, Network, SciPy adjacency or a run's metrics, optional
    path : str
        Without a graph: the run directory, or the file of masks, from which who measures reads it.
    options : Options, optional
        How masks are read; none of a run.
    state : tuple
        Of the file when it was looked at (see `Masks`).
    """

    run: str
    epoch: int | None
    scope: str
    layer: str
    graph: Any = None
    path: str = ""
    options: Options | None = None
    state: tuple[tuple[int, int], ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """What distinguishes it in a table."""
        return (self.run, "run") if self.scope == "run" else (self.run, str(self.epoch), self.layer)

    def ready(self) -> Unit:
        """Read a run's metrics, whose last epoch is the unit's; all else is read by who measures it."""
        if self.scope != "run" or self.graph is not None:
            return self
        metrics = Run(self.path).metrics
        return replace(self, graph=metrics, epoch=int(metrics["epoch"].max()) if len(metrics) else None)

    def with_graph(self) -> Unit:
        """Read the graph, for a process that cannot."""
        return self if self.graph is not None else replace(self, graph=self._read(), path="")

    def network(self) -> Network:
        """Give the graph as the measures take it."""
        graph = self._read() if self.graph is None else self.graph
        return as_network(graph) if isinstance(graph, (LayerGraph, Snapshot, Network)) else Network(graph)

    def _read(self) -> LayerGraph | Snapshot:
        if self.options is not None:
            masks = scan_file(Path(self.path), self.options)
            if masks.state != self.state:
                raise NetsparseError(f"{self.path}: has changed since it was looked at; measure it again")
            return masks[self.layer].read() if self.scope == "layer" else masks.snapshot()
        assert self.epoch is not None
        snapshot = Run(self.path).snapshot(self.epoch)
        return snapshot[self.layer] if self.scope == "layer" else snapshot


class Part(NamedTuple):
    """What one measure gave on one unit: one row of the table, or one a neuron of a group.

    Attributes
    ----------
    measure, of : str
    scope, group : str
        As in the table.
    value : float or numpy.ndarray
    standard_error : float
    reason : str
        Why the value is NaN; of an array, where it is.
    """

    measure: str
    of: str
    scope: str
    group: str
    value: Any
    standard_error: float
    reason: str


# Values of null models: of each kind a list of arrays by measure, of and group.
NullValues = dict[tuple[str, str, str], np.ndarray]


@dataclass(frozen=True)
class Job:
    """The measures of a unit, or those of some of its null models.

    Attributes
    ----------
    unit : Unit
    number : int
        The unit's place in the table.
    measures : tuple of (str, int) or Measure
        Place in the registry, or the measure itself if a worker would not find it there.
    seed : int
    nulls : tuple of (str, int, int), optional
        Kind of null model, and the numbers from … to of those to measure.
    force : bool
        Whether to compute what would take too long.
    """

    unit: Unit
    number: int
    measures: tuple[Any, ...]
    seed: int
    nulls: tuple[str, int, int] | None = None
    force: bool = False

    @property
    def chosen(self) -> list[Measure]:
        """The measures."""
        return [m if isinstance(m, Measure) else MEASURES[m[0]][m[1]] for m in self.measures]

    def alone(self) -> list[Job]:
        """Return the same as a job a measure."""
        return [replace(self, measures=(m,)) for m in self.measures]


def units_of(graphs: Any, epochs: Iterable[int] | None = None, run: str = "") -> list[Unit]:
    """List what is to be measured of graphs or of a run (see `measure`).

    Raises
    ------
    NetsparseError
        If an epoch has no snapshot, or something is no graph.
    """
    if isinstance(graphs, Run):
        units, path, run = [], str(graphs.path.resolve()), run or graphs.name
        for epoch in graphs.epochs if epochs is None else epochs:
            epoch = graphs.epochs[-1] if epoch == -1 and graphs.epochs else int(epoch)
            units += [Unit(run, epoch, "layer", name, path=path) for name in graphs.layer_names(epoch)]
            units.append(Unit(run, epoch, "network", "", path=path))
        return [*units, Unit(run, None, "run", "", path=path)]
    if isinstance(graphs, Masks):
        return list(_units_of_masks(graphs, run))
    if epochs is not None:
        raise NetsparseError("epochs can be chosen of a run only")
    found = graphs if isinstance(graphs, (list, tuple)) else [graphs]
    return [
        unit
        for graph in found
        for unit in (units_of(graph, run=run) if isinstance(graph, (Run, Masks)) else _units(graph, run))
    ]


def _units_of_masks(masks: Masks, run: str) -> Iterator[Unit]:
    """List the layers of a file, and their network if they join to one and it can be held; read later if they can."""
    if masks.graph is not None:
        yield Unit(run, masks.epoch, "network", "", masks.graph)
        return
    is_network = masks.are_joined or len(masks) == 1
    if masks.in_memory:
        snapshot = masks.snapshot()
        yield from (unit for unit in _units(snapshot, run) if is_network or unit.scope == "layer")
        return
    path = str(masks.path.resolve())
    for layer in masks.layers:
        yield Unit(run, masks.epoch, "layer", layer.name, path=path, options=masks.options, state=masks.state)
    n_bytes = masks.n_links * _BYTES_A_LINK if is_network else 0
    if n_bytes > masks.options.max_bytes:
        _log.warning(
            "%s: the network as a whole would take %s of memory and is left out; --max-memory (max_bytes=) allows more",
            masks.path,
            readable(n_bytes),
        )
    elif is_network:
        yield Unit(run, masks.epoch, "network", "", path=path, options=masks.options, state=masks.state)


def _units(graph: Any, run: str) -> Iterator[Unit]:
    if isinstance(graph, LayerGraph):
        yield Unit(run, None, "layer", graph.name, graph)
    elif isinstance(graph, Snapshot):
        for layer in graph.layers:
            yield Unit(run, graph.epoch, "layer", layer.name, layer)
        yield Unit(run, graph.epoch, "network", "", graph)
    elif isinstance(graph, Network):
        yield Unit(run, None, "network", "", graph)
    else:
        yield Unit(run, None, "network", "", as_network(graph).adjacency)


def jobs_of(
    unit: Unit, number: int, measures: Sequence[Measure], nulls: int, seed: int, force: bool = False
) -> list[Job]:
    """Cut a unit into jobs: its measures, and null models by some at a time. Results do not depend on the cut."""
    names = tuple(_name(m) for m in measures)
    jobs = [Job(unit, number, names, seed, force=force)] if names else []
    scalar = tuple(_name(m) for m in measures if m.of in ("graph", "group"))
    if scalar and unit.scope != "run":
        for kind in NULL_MODELS:
            jobs += [
                Job(unit, number, scalar, seed, (kind, start, min(start + _NULLS_AT_ONCE, nulls)), force)
                for start in range(0, nulls, _NULLS_AT_ONCE)
            ]
    return jobs


def _name(measure: Measure) -> Any:
    # a worker process knows the measures of the package; a user's own travels with the job
    if measure.function.__module__.startswith("netsparse."):
        return measure.name, MEASURES[measure.name].index(measure)
    return measure


def run_job(job: Job) -> list[Part] | NullValues:
    """Do one job. A measure that fails leaves a reason; only an unreadable file is an error.

    Raises
    ------
    NetsparseError
        If the unit's snapshot or metrics cannot be read.
    """
    with _ONE_AT_A_TIME:
        if job.unit.scope == "run":
            return _run_parts(job)
        try:
            network = job.unit.network()
        except MemoryError as error:
            return {} if job.nulls else [failed(found, job.unit.scope, error) for found in job.chosen]
        if job.nulls is None:
            return evaluate(network, job.unit.scope, job.chosen, job.seed, job.force)
        return _null_values(network, job)


def _null_values(network: Network, job: Job) -> NullValues:
    assert job.nulls is not None
    kind, start, stop = job.nulls
    make, tag = NULL_MODELS[kind]
    values: NullValues = {}
    for k in range(start, stop):
        try:
            null = make(network, [job.seed, tag, k])
        except MemoryError:
            continue
        for part in evaluate(null, job.unit.scope, job.chosen, job.seed, job.force):
            place = values.setdefault((part.measure, part.of, part.group), np.full(stop - start, np.nan))
            place[k - start] = part.value
    return values


def _run_parts(job: Job) -> list[Part]:
    parts = []
    for found in job.chosen:
        try:
            value = found.function(job.unit.graph)
            parts.append(_part(found, "network", "", value))
        except Exception as error:
            parts.append(failed(found, "network", error))
    return parts


def evaluate(network: Network, scope: str, measures: Iterable[Measure], seed: int, force: bool = False) -> list[Part]:
    """Compute measures of one graph, in their order; what fails or would take too long leaves NaN and a reason."""
    parts: list[Part] = []
    for found in measures:
        try:
            if not force and (reason := refusal(found.cost, network)):
                parts.append(_without(found, scope, reason))
                continue
            value = found.function(network, seed=seed) if found.seeded else found.function(network)
            parts += _parts(network, scope, found, value)
        except Exception as error:  # one measure on one graph: the others go on
            parts.append(failed(found, scope, error))
    return parts


def _parts(network: Network, scope: str, found: Measure, value: Any) -> list[Part]:
    if found.of == "graph":
        return [_part(found, scope, "", value)]
    if found.of == "group":
        return [_part(found, "group", group, number) for group, number in value.items()]
    if isinstance(value, Undefined):
        return []  # the measures of the graph give the reason
    groups = network.by_group(np.asarray(value, np.float64))
    return [Part(found.name, "node", "node", group, own, np.nan, found.missing) for group, own in groups.items()]


def _part(found: Measure, scope: str, group: str, value: Any) -> Part:
    error = value.standard_error if isinstance(value, Estimate) else np.nan
    return Part(found.name, found.of, scope, group, float(value), error, _reason(value))


def _reason(value: Any) -> str:
    if isinstance(value, Undefined):
        return value.reason
    return "" if np.isfinite(value) else "not finite"


def failed(found: Measure, scope: str, error: Exception | str) -> Part:
    """Give the part of a measure that failed."""
    told = error if isinstance(error, str) else f"{type(error).__name__}: {error}".rstrip(": ")
    return _without(found, scope, FAILED + " ".join(told.split())[:300])


def _without(found: Measure, scope: str, reason: str) -> Part:
    scope = found.of if found.of in ("group", "node") else scope
    return Part(found.name, found.of, scope, "", np.nan, np.nan, reason)
