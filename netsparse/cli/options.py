"""Options and arguments that several commands take."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsparse.cli.output import say
from netsparse.errors import NetsparseError

if TYPE_CHECKING:
    from netsparse.run import Run

SOME_EPOCHS = "epochs with commas, FROM:TO or FROM:TO:STEP"
MASKS = (
    "Run directories, snapshots, other programs' masks, directories or patterns of them; "
    "`netsparse list forms` tells the forms."
)
Tensors = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Names of the tensors to read, such as '*.mlp.*'; as often as you like."),
]
Rows = Annotated[
    str | None,
    typer.Option(
        metavar="in|out",
        help="What a matrix's rows are: source (in) or target neurons (out).",
        show_default="out for torch and safetensors, else in",
    ),
]
Threshold = Annotated[
    float | None, typer.Option(help="Links are where |weight| is above it.", show_default="weights that are not 0")
]
Chain = Annotated[
    str | None,
    typer.Option(
        metavar="order|none|FILE.toml",
        help="How layers join: in their order, not at all, or by names: a table [layers] of LAYER = [SOURCE, TARGET].",
        show_default="order if all fit",
    ),
]
Graph = Annotated[
    bool, typer.Option("--graph", help="The file holds an undirected graph, such as a connectome, not layers.")
]
MaxMemory = Annotated[
    float | None, typer.Option(metavar="GB", help="Memory that reading may take.", show_default="80 % of the machine's")
]
Runs = Annotated[
    list[Path], typer.Argument(help="Run directories, or folders of them such as a sweep's.", metavar="RUN…")
]


def mask_options(
    tensors: list[str] | None,
    rows: str | None,
    threshold: float | None,
    chain: str | None,
    graph: bool,
    max_memory: float | None,
) -> dict[str, Any]:
    """Return the options of `netsparse.load` that the command line gives."""
    if max_memory is not None and not 0 < max_memory < 1e9:
        raise NetsparseError(f"--max-memory is a positive number of gigabytes, such as 8, not {max_memory}")
    max_bytes = None if max_memory is None else int(max_memory * 1e9)
    given = {"tensors": tensors, "rows": rows, "threshold": threshold, "chain": chain, "max_bytes": max_bytes}
    return {**given, "graph": graph}


def epochs_of(text: str | None) -> list[int] | None:
    """Return the epochs that --epochs names; none for all of them."""
    if text is None or text == "all":
        return None
    try:
        return [epoch for part in text.split(",") for epoch in _range(part)]
    except ValueError as error:
        raise NetsparseError(
            f"--epochs takes whole numbers with commas, such as 0,60, and FROM:TO:STEP, such as 0:60:10; not {text!r}"
        ) from error


def _range(text: str) -> Sequence[int]:
    """Return the epochs of a part of --epochs: a number, or FROM:TO or FROM:TO:STEP, TO included."""
    numbers = [int(part) for part in text.split(":")]
    if len(numbers) == 1:
        return numbers
    start, stop, *step = numbers
    if min(numbers) < 0 or len(step) > 1:
        raise ValueError(text)
    return range(start, stop + 1, *step)


def open_runs(paths: Sequence[Path]) -> list[Run]:
    """Open run directories and folders of them, each run once; of several those that training has ended."""
    from netsparse.figures.source import unfinished
    from netsparse.run import Run

    runs = list({run.path.resolve(): run for path in paths for run in Run.find(path)}.values())
    at = {run: unfinished(run) for run in runs} if len(runs) > 1 else {}
    if all(at.values()):
        return runs
    for run, where in at.items():
        if where:
            say(f"netsparse: {run.path} left out: it stands at {where}; go on with --resume", file=sys.stderr)
    return [run for run in runs if not at.get(run)]
