"""`netsparse figures`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsparse.cli.options import SOME_EPOCHS, Runs, epochs_of, open_runs
from netsparse.cli.output import say
from netsparse.errors import NetsparseError

if TYPE_CHECKING:
    from netsparse.run import Run


def figures(
    runs: Runs,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write to.", show_default="RUN/figures, of several the folder figures beside them"),
    ] = None,
    format: Annotated[str, typer.Option(help="png, pdf, svg, or several with commas.")] = "png",
    only: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Of `netsparse list figures`, with commas.", show_default="all"),
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(help=f"For figures that show some side by side: {SOME_EPOCHS}.", show_default="theirs"),
    ] = None,
) -> None:
    """Redraw all figures of runs from what is stored, without training; several runs are drawn together.

    Runs that differ by the seed alone become a mean with a band, others stand side by side.
    """
    from netsparse.figures.source import folder_of

    opened = open_runs(runs)
    folder = folder_of(opened) / "figures" if out is None else out
    names = None if only is None else [name for name in only.split(",") if name]
    paths = draw(opened, folder, [name for name in format.split(",") if name], names, epochs_of(epochs))
    if not paths:
        raise NetsparseError(f"{runs[0]}: there is nothing stored that a figure could be drawn from")
    for path in paths:
        say(path)


def draw(runs: Run | Sequence[Run], out: Path | None, formats: Sequence[str], *choice: Any) -> list[Path]:
    """Draw figures, and tell which are left out and why."""
    from netsparse.figures import draw_figures

    paths, left_out = draw_figures(runs, out, formats, *choice)
    for reason in dict.fromkeys(left_out.values()):
        names = [name for name, own in left_out.items() if own == reason]
        say(f"netsparse: figure{'s' * (len(names) > 1)} {', '.join(names)} left out: {reason}", file=sys.stderr)
    return paths
