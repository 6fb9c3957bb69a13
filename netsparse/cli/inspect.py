"""`netsparse inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsparse.cli.options import MASKS, Chain, Graph, MaxMemory, Rows, Tensors, Threshold, mask_options


def inspect(
    paths: Annotated[list[Path], typer.Argument(help=MASKS, metavar="PATH…")],
    tensors: Tensors = None,
    rows: Rows = None,
    threshold: Threshold = None,
    chain: Chain = None,
    graph: Graph = False,
    max_memory: MaxMemory = None,
) -> None:
    """Tell what lies in files of masks, and how it is read: layers, their shape, links and density."""
    from netsparse.masks.files import scan_ends
    from netsparse.masks.options import Options
    from netsparse.progress import print_masks

    options = Options.of(**mask_options(tensors, rows, threshold, chain, graph, max_memory))
    for path in dict.fromkeys(paths):
        found, n_epochs = scan_ends(path, options)
        print_masks(str(path), found, n_epochs=n_epochs)
