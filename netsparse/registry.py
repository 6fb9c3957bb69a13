"""A named family of parts: measures, methods, topologies, rules, data sets, figures."""

import difflib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from netsparse.errors import NetsparseError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Parts by name. An unknown name gives an error that lists what there is.

    Parameters
    ----------
    kind : str
        What one part is called in messages, such as ``"measure"``.

    Examples
    --------
    >>> rules = Registry("rule")
    >>> rules.add("magnitude", abs)
    <built-in function abs>
    >>> rules["magnitude"](-2)
    2
    >>> rules["magnitud"]
    Traceback (most recent call last):
    ...
    netsparse.errors.NetsparseError: unknown rule 'magnitud' (did you mean 'magnitude'?); choose from: magnitude
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._parts: dict[str, T] = {}

    def add(self, name: str, part: T) -> T:
        """Register ``part`` under ``name`` and give it back; a name is taken once."""
        if name in self._parts:
            raise ValueError(f"a {self.kind} named '{name}' is registered already")
        self._parts[name] = part
        return part

    def __getitem__(self, name: str) -> T:
        if name in self._parts:
            return self._parts[name]
        near = difflib.get_close_matches(str(name), self._parts, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise NetsparseError(f"unknown {self.kind} '{name}'{hint}; choose from: {', '.join(self._parts)}")

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def check_options(what: str, part: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse options that a part, a function with keyword-only numbers, does not have.

    Raises
    ------
    NetsparseError

    Examples
    --------
    >>> def rule(graph, *, share=0.01): ...
    >>> check_options("removal 'rule'", rule, {"shares": 0.1})
    Traceback (most recent call last):
    ...
    netsparse.errors.NetsparseError: removal 'rule' has no option 'shares'; it has: share
    """
    parameters = inspect.signature(part).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for option, value in options.items():
        if option not in known:
            raise NetsparseError(f"{what} has no option '{option}'; it has: {', '.join(known) or 'none'}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise NetsparseError(f"option '{option}' of {what} must be a finite number, not {value!r}")


def summary_line(part: object) -> str:
    """Return a part's ``summary``, or the first line of its docstring, for ``netsparse list``."""
    return str(getattr(part, "summary", None) or getattr(part, "__doc__", None) or "").strip().split("\n")[0]
