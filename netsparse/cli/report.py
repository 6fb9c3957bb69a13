"""`netsparse report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsparse.cli.options import Runs, open_runs
from netsparse.cli.output import say

if TYPE_CHECKING:
    from netsparse.run import Run


def report(
    runs: Runs,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="File to write.", show_default="RUN/report.html, of several beside them"
        ),
    ] = None,
) -> None:
    """Write one HTML file to explore runs in: disks, masks, charts, tables. It works offline, in any browser of today.

    Runs that differ by the seed alone become a mean with a band, others stand side by side.
    """
    say(write_page(open_runs(runs), out))


def write_page(runs: Run | Sequence[Run], out: Path | None = None) -> Path:
    """Write the page, which tells what each measure means."""
    from netsparse.analysis import list_measures
    from netsparse.figures.report import write_report

    return write_report(runs, out, meanings={name: text for name, _, _, text in list_measures()})
