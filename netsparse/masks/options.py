"""How masks are to be read: which tensors, which way round, above what weight, joined how, within what memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.storage import read_toml

# Share of the machine's memory that reading may take unless the user says otherwise.
_SHARE = 0.8

# Of a machine that does not tell its memory.
_UNKNOWN_MEMORY = 8 * 2**30


@dataclass(frozen=True)
class Options:
    """What `netsparse.load` can be told; `Options.of` checks it.

    Attributes
    ----------
    tensors : tuple of str
        Patterns (``*``, ``?``, ``[…]``) of the names to read; empty: all.
    rows : {"in", "out"}, optional
        Whether a matrix's rows are source or target neurons; by default what is usual for the format.
    threshold : float, optional
        Only links with |weight| > threshold; by default every non-zero weight is a link.
    chain : {"order", "none"} or tuple of (layer, source, target), optional
        How layers join; by default in their order if all neighbours fit.
    graph : bool
        The file holds an undirected graph, not layers.
    max_bytes : int
        Memory that reading may take.
    only_name : str, optional
        What the one layer of a file is called that does not name it: the same at all epochs.
    """

    tensors: tuple[str, ...] = ()
    rows: str | None = None
    threshold: float | None = None
    chain: str | tuple[tuple[str, str, str], ...] | None = None
    graph: bool = False
    max_bytes: int = 0
    only_name: str | None = None

    @classmethod
    def of(
        cls,
        tensors: str | Iterable[str] | None = None,
        rows: str | None = None,
        threshold: float | None = None,
        chain: str | Path | Mapping[str, Any] | None = None,
        graph: bool = False,
        max_bytes: int | None = None,
    ) -> Options:
        """Check what a user said.

        Raises
        ------
        NetsparseError
            If a value makes no sense, or the TOML file of the chain cannot be read.
        """
        are_several = isinstance(tensors, Iterable) and not isinstance(tensors, str)
        patterns: tuple[Any, ...] = tuple(tensors or ()) if are_several or tensors is None else (tensors,)
        if any(not isinstance(pattern, str) or not pattern for pattern in patterns):
            raise NetsparseError(f"tensors are chosen by patterns of their names, such as '*.mlp.*'; not {tensors!r}")
        if rows not in (None, "in", "out"):
            raise NetsparseError(f"rows are 'in' (source neurons) or 'out' (target neurons), not {rows!r}")
        is_number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
        if threshold is not None and not (is_number and 0 <= threshold < math.inf):
            raise NetsparseError(f"the threshold of |weight| is a number of at least 0, not {threshold!r}")
        if max_bytes is None:
            max_bytes = int(_SHARE * physical_memory())
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes <= 0:
            raise NetsparseError(f"the memory that reading may take is a positive number of bytes, not {max_bytes!r}")
        limit = None if threshold is None else float(threshold)
        return cls(patterns, rows, limit, _chain(chain), bool(graph), max_bytes)

    @property
    def given(self) -> list[str]:
        """Names of the options, but the memory, that a user has given."""
        return [f.name for f in fields(self)[:5] if getattr(self, f.name) != f.default]

    def takes(self, name: str) -> bool:
        """Whether a tensor of this name is to be read."""
        return not self.tensors or any(fnmatchcase(name, pattern) for pattern in self.tensors)

    def check_memory(self, what: str, n_bytes: int) -> None:
        """Refuse what would take more memory than reading may.

        Raises
        ------
        MaskFormatError
        """
        if n_bytes > self.max_bytes:
            raise MaskFormatError(
                f"{what} would take {readable(n_bytes)} of memory, more than the {readable(self.max_bytes)} that "
                "reading may take; if the file is what you expect, allow more by --max-memory (max_bytes=)"
            )


def physical_memory() -> int:
    """Return the machine's memory in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # no POSIX
        return _UNKNOWN_MEMORY


def readable(n_bytes: float) -> str:
    """Tell a number of bytes.

    Examples
    --------
    >>> readable(2_500_000_000)
    '2.5 GB'
    """
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if n_bytes < 1000 or unit == "PB":
            break
        n_bytes /= 1000
    return f"{n_bytes:.0f} {unit}" if unit in ("bytes", "kB", "MB") else f"{n_bytes:,.1f} {unit}"


def _chain(chain: Any) -> Any:
    """Read how layers join: a word, a table, or a TOML file with it."""
    if chain in (None, "order", "none"):
        return chain
    told = "the chain"
    if isinstance(chain, (str, Path)):
        told = str(chain)
        if not Path(chain).exists():
            raise NetsparseError(f"{told}: layers chain by 'order', 'none', or a TOML file: No such file")
        chain = read_toml(chain)
        chain = chain.get("layers", chain)
    if not isinstance(chain, Mapping) or not chain:
        raise NetsparseError(f"{told}: names the groups of each layer: [layers] with lines LAYER = [SOURCE, TARGET]")
    joined = []
    for layer, ends in chain.items():
        if not (isinstance(ends, (list, tuple)) and len(ends) == 2 and all(isinstance(e, str) and e for e in ends)):
            raise NetsparseError(f"{told}: layer '{layer}' needs two names of groups, [SOURCE, TARGET], not {ends!r}")
        joined.append((str(layer), ends[0], ends[1]))
    return tuple(joined)
