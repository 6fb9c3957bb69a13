"""`netsparse convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsparse.cli.options import Chain, Graph, MaxMemory, Rows, Tensors, Threshold, mask_options
from netsparse.cli.output import say


def convert(
    source: Annotated[Path, typer.Argument(help="What to read.", metavar="IN")],
    target: Annotated[
        Path,
        typer.Argument(help="File to write; of several epochs a folder, which then holds a file each.", metavar="OUT"),
    ],
    to: Annotated[
        str | None,
        typer.Option(metavar="FORM", help="A name of `netsparse list forms`.", show_default="what OUT's ending says"),
    ] = None,
    tensors: Tensors = None,
    rows: Rows = None,
    threshold: Threshold = None,
    chain: Chain = None,
    graph: Graph = False,
    max_memory: MaxMemory = None,
) -> None:
    """Write masks in another form; what is read back is equal, links, weights, names and all."""
    from netsparse.masks.conversion import convert as convert_masks

    options = mask_options(tensors, rows, threshold, chain, graph, max_memory)
    for written in convert_masks(source, target, to, **options):
        say(f"Written: {written}")
