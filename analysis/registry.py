"""The registered measures: `register` adds one, `choose` finds those of a level or of a list of names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from netsparse.analysis.costs import CostFunction
from netsparse.analysis.network import as_network
from netsparse.errors import NetsparseError
from netsparse.registry import Registry, summary_line

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = ("fast", "standard", "full")


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
    seeded : bool
        Whether it takes a ``seed``.
    cost : callable, optional
        What it would take on a `Network`: a `Cost`. None: about as long as a look at every link.
    """

    name: str
    of: str
    level: str
    scopes: tuple[str, ...]
    function: Callable[..., Any]
    missing: str = ""
    seeded: bool = False
    cost: CostFunction | None = None


class Variants(list[Measure]):
    """The functions of one measure: the number itself and, for some, the same by group or by neuron."""

    @property
    def main(self) -> Measure:
        """The function of the number itself, if there is one."""
        return next((found for found in self if found.of == "graph"), self[0])

    @property
    def summary(self) -> str:
        """What the measure is, in a line."""
        return summary_line(self.main.function)


MEASURES: Registry[Variants] = Registry("measure")


def register(
    level: str,
    *,
    of: str = "graph",
    name: str | None = None,
    scopes: tuple[str, ...] = ("layer", "network"),
    missing: str = "",
    cost: CostFunction | None = None,
) -> Callable[[F], F]:
    """Register a function as a measure (as ``measure(level, …)``, the decorator).

    The function takes a `Network` and gives what ``of`` says; registered, it takes any graph. A second function of the
    same ``name`` adds a variant, such as the same measure per group. A parameter ``seed`` gets the table's seed;
    ``missing`` is the reason why a neuron may have no value; ``cost`` tells what it would take (see `costs`), if that
    is more than a look at every link.
    """

    def decorate(function: F) -> F:
        key = name or function.__name__
        if key not in MEASURES:
            MEASURES.add(key, Variants())
        seeded = "seed" in inspect.signature(function).parameters
        MEASURES[key].append(Measure(key, of, level, scopes, function, missing, seeded, cost))
        if of == "run":
            return function

        @wraps(function)
        def on_any_graph(graph: Any, *args: Any, **kwargs: Any) -> Any:
            return function(as_network(graph), *args, **kwargs)

        return on_any_graph  # type: ignore[return-value]

    return decorate


def choose(measures: str | Sequence[str]) -> list[Measure]:
    """Return the measures of a level, or of a list of names and levels.

    Raises
    ------
    NetsparseError
        If a name is unknown or there is none.
    """
    names = [measures] if isinstance(measures, str) else list(measures) if isinstance(measures, Iterable) else []
    if not names:
        raise NetsparseError(f"no measure is named; choose a level ({', '.join(LEVELS)}) or: {', '.join(MEASURES)}")
    chosen: dict[int, Measure] = {}
    for name in names:
        if name in LEVELS:
            wanted = LEVELS[: LEVELS.index(name) + 1]
            own = [found for variants in MEASURES.values() for found in variants if found.level in wanted]
        else:
            own = MEASURES[name]
        chosen |= {id(found): found for found in own}
    return list(chosen.values())


def list_measures() -> list[tuple[str, str, str, str]]:
    """Return name, level, what it is of beside the graph, and summary of every measure, by name."""
    rows = []
    for name, variants in sorted(MEASURES.items()):
        beside = [found.of for found in variants if found is not variants.main]
        own = [] if variants.main.of == "graph" else [variants.main.of]
        rows.append((name, variants.main.level, ", ".join([*own, *sorted(beside)]), variants.summary))
    return rows
