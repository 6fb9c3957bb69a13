"""`netsparse measure`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from netsparse.cli.options import (
    MASKS,
    SOME_EPOCHS,
    Chain,
    Graph,
    MaxMemory,
    Rows,
    Tensors,
    Threshold,
    epochs_of,
    mask_options,
)
from netsparse.cli.output import say


def measure(
    paths: Annotated[list[Path], typer.Argument(help=MASKS, metavar="PATH…")],
    measures: Annotated[
        str, typer.Option(help="fast, standard, full, or names with commas; `netsparse list measures` tells them.")
    ] = "standard",
    epochs: Annotated[
        str | None, typer.Option(help=f"Of a run or directory: {SOME_EPOCHS}.", show_default="all")
    ] = None,
    tensors: Tensors = None,
    rows: Rows = None,
    threshold: Threshold = None,
    chain: Chain = None,
    graph: Graph = False,
    max_memory: MaxMemory = None,
    nulls: Annotated[
        int,
        typer.Option(
            metavar="K",
            help="Compare with K graphs of the same degrees and K with the same number of links only: mean, sd, z, p.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of measures that draw, and of the null models.")] = 0,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes; -1: one a core.")] = 1,
    cluster: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Scheduler of a Dask cluster that does the work.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the whole table: .parquet, .csv or .json.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compute also what is refused because it would take very long.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Complete the .parquet table of --out: what is in it is not computed again."),
    ] = False,
) -> None:
    """Measure runs, snapshots or another program's masks, and print a table."""
    from netsparse.analysis.files import measure_files
    from netsparse.lock import hold_table
    from netsparse.masks.options import Options
    from netsparse.progress import jobs_progress, print_masks, print_measures

    options = Options.of(**mask_options(tensors, rows, threshold, chain, graph, max_memory))
    try:
        with hold_table(out) if out is not None else nullcontext(), jobs_progress("Measuring") as show:
            names, table = measure_files(
                paths,
                [name for name in measures.split(",") if name],
                nulls,
                seed,
                epochs=epochs_of(epochs),
                n_jobs=jobs,
                cluster=cluster,
                out=out,
                resume=resume,
                force=force,
                options=options,
                on_masks=lambda path, found: print_masks(str(path), found, sys.stderr),
                on_progress=show,
            )
    except KeyboardInterrupt:
        if out is not None and out.suffix == ".parquet" and out.exists():
            say(f"netsparse: what was measured is in {out}; go on with --resume", file=sys.stderr)
        raise
    for path, name in names.items():
        print_measures(str(path), table[table["run"] == name])
    if out is not None:
        say(f"Written: {out} ({len(table)} rows)")
