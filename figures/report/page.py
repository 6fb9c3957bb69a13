"""The page: its template filled with what it knows, its style and its script."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from netsparse.errors import NetsparseError
from netsparse.figures.report.arrays import packed
from netsparse.figures.report.payload import BUDGET, payload_of
from netsparse.figures.source import folder_of
from netsparse.run import Run, as_runs
from netsparse.storage import write_whole

# In this order they are one script.
_SCRIPTS = ("data.js", "draw.js", "network.js", "charts.js", "tables.js", "page.js")


def write_report(
    runs: Run | Sequence[Run],
    path: str | Path | None = None,
    *,
    meanings: Mapping[str, str] | None = None,
    budget: int = BUDGET,
) -> Path:
    """Write one HTML file to explore runs in: it works offline and asks for nothing from anywhere.

    Equal runs give equal bytes.

    Parameters
    ----------
    runs : Run or sequence of Run
        Runs that differ by the seed alone are one line with a band in the charts.
    path : str or pathlib.Path, optional
        Default: ``report.html`` in the run, of several beside the first.
    meanings : mapping of str to str, optional
        What each measure is, in a line (`netsparse.analysis.list_measures` tells it).
    budget : int
        Characters that links and places of neurons may take in all. If not all epochs fit, the first, the last and
        those with an embedding come first, and the page tells how many are there.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    NetsparseError
        If there is no run, none holds anything to show, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import netsparse as ns
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run.create(folder)
    ...     run.write_snapshot(ns.Snapshot([ns.LayerGraph.from_mask([[1, 0], [1, 1]])], epoch=0))
    ...     write_report(run).name
    'report.html'
    """
    runs = as_runs(runs)
    if not runs:
        raise NetsparseError("a report needs at least one run")
    if not any(run.epochs or run.metrics_path.is_file() for run in runs):
        raise NetsparseError(
            f"{runs[0].path}: there is nothing stored that a report could show: no snapshot, no metrics"
        )
    path = Path(path) if path is not None else folder_of(runs) / "report.html"
    if path.is_dir():
        raise NetsparseError(f"{path} is a folder; name the file to write, such as {path / 'report.html'}")
    if path.suffix.lower() not in (".html", ".htm"):
        raise NetsparseError(f"{path}: a report is HTML; end its name in .html")
    content = render_page(runs, meanings or {}, budget)
    try:
        write_whole(path, content.encode(errors="replace"))
    except OSError as error:
        raise NetsparseError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def render_page(runs: Sequence[Run], meanings: Mapping[str, str], budget: int = BUDGET) -> str:
    """Return the page of runs."""
    from plotly.offline import get_plotlyjs

    payload = payload_of(runs, meanings, budget)
    script = "(() => {\n'use strict';\n" + "\n".join(_text(name) for name in _SCRIPTS) + "\n})();\n"
    plotly = get_plotlyjs()
    names = ", ".join(group["label"] for group in payload.facts["groups"][:4])
    stored = {"plotly": packed(plotly.encode()), **{f"run-{i}": text for i, text in enumerate(payload.contents)}}
    parts = {
        "title": html.escape(f"{names} – netsparse report"),
        "policy": f"script-src {_digest(script)} {_digest(plotly)}",
        "style": _text("page.css"),
        "facts": as_json(payload.facts),
        "stored": "\n".join(f'<script type="text/plain" id="{name}">{text}</script>' for name, text in stored.items()),
        "script": script,
    }
    page = _text("page.html")
    head, *rest = page.split("{{")
    return head + "".join(parts[name] + after for name, after in (part.split("}}", 1) for part in rest))


def as_json(facts: Any) -> str:
    r"""Return JSON in ASCII that no HTML parser takes for anything else: ``<``, ``>`` and ``&`` are escaped, too.

    Examples
    --------
    >>> print(as_json({"layer": "</script>"}))
    {"layer":"\u003c/script\u003e"}
    """
    text = json.dumps(facts, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _digest(script: str) -> str:
    """Return a script's digest, by which the page's policy lets it run, and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _text(name: str) -> str:
    return (files("netsparse.figures.report") / name).read_text("utf-8")
