"""`@measure` registers a measure; `measure` computes many of them as one tidy table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, overload

import numpy as np
import pandas as pd

from netsparse.analysis.network import Network, as_network
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.registry import Registry, summary_line
from netsparse.run import Run

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = ("fast", "standard", "full")
COLUMNS = ["run", "epoch", "scope", "layer", "measure", "value", "group", "node", "reason"]


@dataclass(frozen=True)
class Measure:
    """One registered function.

    Attributes
    ----------
    name : str
    of : {"graph", "group", "node", "run"}
        What it gives: a number, a number a neuron group, one a neuron, or a number from a run's metrics.
    level : {"fast", "standard", "full"}
        By cost: ``fast`` at every epoch, ``standard`` for a snapshot, ``full`` what takes its time.
    scopes : tuple of str
        ``"layer"`` and/or ``"network"``.
    function : callable
        Takes a `Network` (``of="run"``: the metrics).
    missing : str
        Why a neuron has no value where it has none.
    """

    name: str
    of: str
    level: str
    scopes: tuple[str, ...]
    function: Callable[..., Any]
    missing: str = ""


class Variants(list[Measure]):
    """The functions of one measure: the number itself and, for some, the same by group or by neuron."""

    @property
    def summary(self) -> str:
        """What the measure is, in a line."""
        return summary_line(self[0].function)


MEASURES: Registry[Variants] = Registry("measure")


def register(
    level: str,
    *,
    of: str = "graph",
    name: str | None = None,
    scopes: tuple[str, ...] = ("layer", "network"),
    missing: str = "",
) -> Callable[[F], F]:
    """Register a function as a measure (as ``measure(level, …)``, the decorator).

    The function takes a `Network` and gives what ``of`` says; registered, it takes any graph. A second function of the
    same ``name`` adds a variant, such as the same measure per group. A parameter ``seed`` gets the table's seed;
    ``missing`` is the reason why a neuron may have no value.
    """

    def decorate(function: F) -> F:
        key = name or function.__name__
        if key not in MEASURES:
            MEASURES.add(key, Variants())
        MEASURES[key].append(Measure(key, of, level, scopes, function, missing))
        if of == "run":
            return function

        @wraps(function)
        def on_any_graph(graph: Any, *args: Any, **kwargs: Any) -> Any:
            return function(as_network(graph), *args, **kwargs)

        return on_any_graph  # type: ignore[return-value]

    return decorate


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
) -> pd.DataFrame: ...
def measure(
    graphs: Any,
    measures: str | Sequence[str] = "standard",
    nulls: int = 0,
    seed: int = 0,
    *,
    epochs: Iterable[int] | None = None,
    **kwargs: Any,
) -> Any:
    """Measure graphs and give one tidy table; with a level's name alone (``@measure("fast")``) register a measure.

    Parameters
    ----------
    graphs : LayerGraph, Snapshot, list of these, Run, networkx or igraph graph, or symmetric adjacency
        A LayerGraph is measured as a layer, a graph without layers as a network, a snapshot as both.
    measures : {"fast", "standard", "full"} or list of str
        A level, which includes the cheaper ones, or names of `MEASURES`.
    nulls : int
        Null models to compare with: 0, the only number that this version takes.
    seed : int
        Of measures that draw.
    epochs : iterable of int, optional
        Of a run: the epochs to measure. Default: all.

    Returns
    -------
    pandas.DataFrame
        Columns ``run`` (directory name, or empty), ``epoch`` (missing if unknown), ``scope`` (network, layer, group or
        node), ``layer`` (empty for the network), ``measure``, ``value``, ``group`` and ``node`` (index in its group)
        where the scope is group or node, ``reason`` why a value is NaN.

    Raises
    ------
    NetsparseError
        If a measure or epoch is unknown, or something is no graph.

    Examples
    --------
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
    if nulls != 0:
        raise NetsparseError(f"nulls={nulls}: this version measures without null models; leave nulls at 0")
    chosen = choose(measures)
    rows: list[tuple[Any, ...]] = []
    for run, epoch, scope, layer, network in _networks(graphs, epochs):
        for row in _rows(network, scope, layer, chosen, seed):
            rows.append((run, epoch, *row))
    if isinstance(graphs, Run):
        rows += _run_rows(graphs, chosen)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"epoch": "Int64", "node": "Int64", "value": "float64"})


def choose(measures: str | Sequence[str]) -> list[Measure]:
    """Return the measures of a level or of a list of names."""
    if isinstance(measures, str) and measures in LEVELS:
        wanted = LEVELS[: LEVELS.index(measures) + 1]
        return [found for variants in MEASURES.values() for found in variants if found.level in wanted]
    names = [measures] if isinstance(measures, str) else list(measures)
    if not names:
        raise NetsparseError(f"no measure is named; choose a level ({', '.join(LEVELS)}) or: {', '.join(MEASURES)}")
    return [found for name in dict.fromkeys(names) for found in MEASURES[name]]


def _networks(graphs: Any, epochs: Iterable[int] | None) -> Iterator[tuple[str, int | None, str, str, Network]]:
    """Yield run, epoch, scope, layer and network of everything to measure."""
    run = ""
    if isinstance(graphs, Run):
        run = graphs.name
        snapshots: Iterable[Any] = (graphs.snapshot(epoch) for epoch in (graphs.epochs if epochs is None else epochs))
    elif epochs is not None:
        raise NetsparseError("epochs can be chosen of a run only")
    else:
        snapshots = graphs if isinstance(graphs, (list, tuple)) else [graphs]
    for graph in snapshots:
        if isinstance(graph, LayerGraph):
            yield run, None, "layer", graph.name, as_network(graph)
            continue
        if isinstance(graph, Snapshot):
            for layer in graph.layers:
                yield run, graph.epoch, "layer", layer.name, as_network(layer)
        yield run, getattr(graph, "epoch", None), "network", "", as_network(graph)


def _rows(network: Network, scope: str, layer: str, chosen: list[Measure], seed: int) -> Iterator[tuple[Any, ...]]:
    for found in chosen:
        if found.of == "run" or scope not in found.scopes:
            continue
        seeded = {"seed": seed} if "seed" in inspect.signature(found.function).parameters else {}
        value = found.function(network, **seeded)
        if found.of == "graph":
            yield (scope, layer, found.name, float(value), "", pd.NA, _reason(value))
        elif found.of == "group":
            for group, number in value.items():
                yield ("group", layer, found.name, float(number), group, pd.NA, _reason(number))
        else:
            yield from _node_rows(network, layer, found, value)


def _node_rows(network: Network, layer: str, found: Measure, values: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(values, Undefined):
        return  # the measures of the graph give the reason
    for group, numbers in network.by_group(np.asarray(values, np.float64)).items():
        for node, number in enumerate(numbers):
            yield ("node", layer, found.name, float(number), group, node, "" if np.isfinite(number) else found.missing)


def _run_rows(run: Run, chosen: list[Measure]) -> Iterator[tuple[Any, ...]]:
    wanted = [found for found in chosen if found.of == "run"]
    if not wanted or not run.metrics_path.is_file():
        return
    metrics = run.metrics
    last = int(metrics["epoch"].max()) if len(metrics) else pd.NA
    for found in wanted:
        value = found.function(metrics)
        yield (run.name, last, "network", "", found.name, float(value), "", pd.NA, _reason(value))


def _reason(value: Any) -> str:
    if isinstance(value, Undefined):
        return value.reason
    return "" if np.isfinite(value) else "not finite"
