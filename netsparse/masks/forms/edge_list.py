"""Lists of links as text: comma- or tab-separated with a header, two or three numbers a line, or as of networkx."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp

from netsparse.description import description_text, printable
from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.described import description_in_comments
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found, counted, parsing
from netsparse.masks.link_table import COLUMNS, LinkTable, check_columns, has_leading_zeros
from netsparse.masks.networkx_text import are_links, without_attributes
from netsparse.masks.options import Options
from netsparse.storage import write_whole

# Bytes of memory for each of the text while it is parsed.
_MEMORY_A_BYTE = 24

# A column behind those that are known, for what is too much.
_MORE = "more than there should be"

# Lines that must look like links before a text without a header is taken for a list of links.
_LINES = 20

_COMMENT = re.compile(rb"^[ \t]*[#%][^\n]*", re.MULTILINE)
_COMMENTS_BEFORE = re.compile(rb"(?:[ \t]*(?:[#%][^\n]*)?\r?(?:\n|\Z))*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)
_WHOLE = re.compile(r"-?\d+(\.0*(e\+?0+)?)?", re.IGNORECASE)

# Other programs' names of source and target.
_SIDES = (("from", "to"), ("src", "dst"), ("node1", "node2"))

# An id that is text although it looks like a number: 001 is not 1.
_LEADING_ZERO = re.compile(rb"(?:^|[,;\s\"])[+-]?0[0-9]", re.MULTILINE)


class _Layout(NamedTuple):
    """How a text is to be read."""

    separator: str
    columns: list[str]
    has_header: bool
    has_attributes: bool = False


def recognises(head: Head) -> bool:
    """Tell a list of links: a header with source and target, or lines of two indices and perhaps a weight or {…}."""
    if head.start.startswith(b"# netsparse: "):  # the comment may be longer than what is looked at
        return True
    return _layout(_first_lines(head.lines)) is not None


def _first_lines(lines: Iterable[str]) -> list[str]:
    """Give the first lines that are neither empty nor comments."""
    return list(itertools.islice((line for line in lines if line.strip() and line.lstrip()[0] not in "#%"), _LINES))


def _layout(lines: list[str]) -> _Layout | None:
    if not lines:
        return None
    for separator in ("\t", ",", ";", " "):
        try:
            fields = next(csv.reader([lines[0]], delimiter=separator)) if separator != " " else lines[0].split()
        except csv.Error:  # a field that is longer than Python's parser takes
            continue
        names = _names(fields)
        if "source" in names and "target" in names and (separator != " " or set(names) <= set(COLUMNS)):
            return _Layout(separator, names, True)
    if are_links(lines):
        return _Layout(" ", list(COLUMNS[:2]), False, has_attributes=True)
    separator = "," if "," in lines[0] else ";" if ";" in lines[0] else " "
    rows = [_fields(line, separator) for line in lines]
    n_columns = len(rows[0])
    if n_columns not in (2, 3) or any(not _is_link(row, n_columns) for row in rows):
        return None
    return _Layout(separator, list(COLUMNS[:n_columns]), False)


def _names(fields: list[str]) -> list[str]:
    """Give the names of columns; other programs' names of the sides if nothing but what is known is beside them."""
    names = [name.strip().lower() for name in fields]
    for sides in _SIDES:
        renamed = [dict(zip(sides, COLUMNS, strict=False)).get(name, name) for name in names]
        if set(sides) <= set(names) and set(renamed) <= {*COLUMNS, ""} and len(set(renamed)) == len(names):
            return renamed
    return names


def _fields(line: str, separator: str) -> list[str]:
    return line.split() if separator == " " else [part.strip() for part in line.strip().split(separator)]


def _is_link(row: list[str], n_columns: int) -> bool:
    return (
        len(row) == n_columns
        and all(_WHOLE.fullmatch(part) for part in row[:2])
        and all(_NUMBER.fullmatch(part) for part in row[2:])
    )


def read(path: Path, options: Options) -> Found:
    """Read the links."""
    options.check_memory("parsing this text", path.stat().st_size * _MEMORY_A_BYTE)
    with parsing("list of links"):
        with path.open(encoding="utf-8-sig") as file:
            layout = _layout(_first_lines(file))
        if layout is None:
            raise MaskFormatError("no list of links")
        check_columns([name for i, name in enumerate(layout.columns) if i or name])
        description = description_in_comments(path, options)
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        content, n_comments = _without_comments(content, layout)
        if layout.has_attributes:
            text, has_weights = without_attributes(content.decode())
            content, layout = text.encode(), layout._replace(columns=list(COLUMNS[: 2 + has_weights]))
        frame = _parsed(content, layout, description is not None)
    where = _Lines(content, layout).of
    more = np.flatnonzero(frame.pop(_MORE).notna())
    if len(more):
        raise MaskFormatError(f"{where(int(more[0]))} has more columns than {', '.join(layout.columns)}")
    notes = [f"{counted(n_comments, 'comment', 'left out')} among the links"] if n_comments else []
    return LinkTable("list of links", path.stem, frame, where, notes).found(options, description)


def _without_comments(content: bytes, layout: _Layout) -> tuple[bytes, int]:
    """Leave an empty line of each comment, so that lines keep their numbers, and count those among the links.

    Behind a header nothing is a comment: an id may begin with # too.
    """
    before = _COMMENTS_BEFORE.match(content)
    end = before.end() if before else 0
    first = _COMMENT.sub(b"", content[:end])
    if layout.has_header:
        return first + content[end:], 0
    links, n_comments = _COMMENT.subn(b"", content[end:])
    return first + links, n_comments


def _parsed(content: bytes, layout: _Layout, is_described: bool) -> pd.DataFrame:
    kinds = {"layer": str, _MORE: str} | ({"weight": str} if is_described else {})
    frame = _table_of(content, layout, kinds)
    if not is_described and _LEADING_ZERO.search(content):
        texts = _table_of(content, layout, kinds | dict.fromkeys(COLUMNS[:2], str))
        for side in COLUMNS[:2]:
            if has_leading_zeros(texts[side].unique()):
                frame[side] = texts[side]
    return frame.drop(columns="", errors="ignore")  # pandas' numbers of rows


def _table_of(content: bytes, layout: _Layout, kinds: Any) -> pd.DataFrame:
    """Parse the lines."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # of columns that are left out
        return pd.read_csv(
            io.BytesIO(content),
            sep=r"\s+" if layout.separator == " " else layout.separator,
            names=[*layout.columns, _MORE],
            index_col=False,  # else pandas takes a first column too many for the names of the rows
            header=None,
            skiprows=_lines_before_data(content) if layout.has_header else 0,
            dtype=kinds,
            keep_default_na=False,
            na_values={"weight": ["", "nan"] if layout.has_attributes else [""], _MORE: [""]},
            quoting=csv.QUOTE_MINIMAL if layout.has_header else csv.QUOTE_NONE,
            low_memory=False,
        )


def _lines_before_data(content: bytes) -> int:
    """Count the lines up to the header, which is the first that is not empty."""
    for n, line in enumerate(io.BytesIO(content)):
        if line.strip():
            return n + 1
    return 0


class _Lines:
    """Finds the line of a link; only asked for when there is something to tell."""

    def __init__(self, content: bytes, layout: _Layout) -> None:
        self.content, self.layout = content, layout

    def of(self, row: int) -> str:
        """Tell the line of a row."""
        seen = -1 - self.layout.has_header
        with contextlib.suppress(csv.Error):  # a field that is longer than Python's parser takes
            for number in self._numbers():
                seen += 1
                if seen == row:
                    return f"line {number}"
        return f"link {row + 1}"

    def _numbers(self) -> Iterator[int]:
        lines = io.TextIOWrapper(io.BytesIO(self.content), "utf-8", newline="")
        if self.layout.separator == " ":
            yield from (number for number, line in enumerate(lines, 1) if line.strip())
            return
        reader = csv.reader(lines, delimiter=self.layout.separator)
        yield from (reader.line_num for fields in reader if any(field.strip() for field in fields))


def write_csv(snapshot: Snapshot, path: Path) -> None:
    """Write the links, comma-separated."""
    _write(snapshot, path, ",")


def write_tsv(snapshot: Snapshot, path: Path) -> None:
    """Write the links, tab-separated."""
    _write(snapshot, path, "\t")


def _write(snapshot: Snapshot, path: Path, separator: str) -> None:
    """Write columns source, target, weight if any layer has weights, layer; before them a comment with the names."""
    has_weights = any(layer.weights is not None for layer in snapshot.layers)
    columns = [name for name in COLUMNS if name != "weight" or has_weights]
    content = io.StringIO(newline="")
    content.write(f"# netsparse: {description_text(snapshot)}\n{separator.join(columns)}\n")
    for layer in snapshot.layers:
        table = _table(layer, has_weights)
        table.to_csv(content, sep=separator, columns=columns, header=False, index=False, lineterminator="\n")
    write_whole(path, content.getvalue().encode())


def _table(layer: LayerGraph, has_weights: bool) -> pd.DataFrame:
    table = layer.to_pandas().assign(layer=printable(layer.name))
    if layer.weights is None:
        return table.assign(weight="") if has_weights else table
    kind = {"f": "float64", "u": "uint64"}.get(layer.weights.dtype.kind, "int64")  # exact as text
    return table.assign(weight=layer.weights.astype(kind))


def _write_graph(adjacency: sp.csr_array, path: Path, separator: str) -> None:
    """Write each link once; nodes are known by their links alone.

    Raises
    ------
    NetsparseError
        If a node has none.
    """
    n_alone = int((np.diff(adjacency.indptr) == 0).sum())
    if n_alone:
        raise NetsparseError(
            f"a list of links cannot tell of nodes without any, and {n_alone:,} have none: use scipy, matrix-market, "
            "graphml or gml"
        )
    pairs = np.column_stack(sp.triu(adjacency).coords)
    text = pd.DataFrame(pairs, columns=list(COLUMNS[:2])).to_csv(sep=separator, index=False, lineterminator="\n")
    write_whole(path, text.encode())


_SUMMARY = "list of links (.csv, .tsv, .txt): columns source, target, perhaps weight and layer"
FORMS.add("csv", Form(_SUMMARY, recognises, read, write_csv, (".csv",), partial(_write_graph, separator=",")))
FORMS.add(
    "tsv",
    Form(
        "the same, tab-separated",
        lambda head: False,
        read,
        write_tsv,
        (".tsv", ".txt"),
        partial(_write_graph, separator="\t"),
    ),
)
