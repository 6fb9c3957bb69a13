"""`netsparse film`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netsparse.cli.options import SOME_EPOCHS, epochs_of
from netsparse.cli.output import say


def film(
    run: Annotated[Path, typer.Argument(help="Run directory.", metavar="RUN")],
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A layer to show; as often as you like.", show_default="all"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write: .mp4 or .gif.", show_default="RUN/film.mp4")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second.", show_default="24, of a GIF 10")] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="From the first to the last epoch.", show_default="0.15 an epoch, 4 to 20"),
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(help=f"To film: {SOME_EPOCHS}.", show_default="all, of more than 300 so many, evenly"),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes that measure what is missing.")] = -1,
) -> None:
    """Film the network as it percolates: the layers' hyperbolic disks from epoch to epoch.

    What it needs and RUN/measures.parquet lacks is measured first, and added there.
    """
    from netsparse.analysis.background import embed_run
    from netsparse.figures.film import check_film, film_epochs
    from netsparse.figures.film import film as write_film
    from netsparse.lock import hold
    from netsparse.progress import jobs_progress
    from netsparse.run import Run

    opened = Run(run)
    path = opened.path / "film.mp4" if out is None else out
    chosen = epochs_of(epochs)
    check_film(opened, path, layer, fps, seconds, chosen)
    with hold(opened):
        there = opened.epochs
        measured = film_epochs(there) if chosen is None else sorted(set(chosen))
        if chosen is None and len(measured) < len(there):
            say(f"netsparse: {len(measured)} of {len(there)} epochs are filmed; --epochs chooses", file=sys.stderr)
        with jobs_progress("Measuring") as show:
            embed_run(opened, jobs, measured, on_progress=show)
        with jobs_progress("Drawing") as show:
            say(write_film(opened, path, layer, fps, seconds, show, epochs=measured))
