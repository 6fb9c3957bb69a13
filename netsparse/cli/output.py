"""What the commands print: names may come from anywhere, so that nothing in them may command a terminal."""

from __future__ import annotations

import logging
import os
import sys
from typing import IO

from netsparse.harmless import VisibleFormatter, visible


def say(text: object, file: IO[str] | None = None, flush: bool = False) -> None:
    """Print a text whose names may come from anywhere."""
    print(visible(str(text)), file=file, flush=flush)


def complain(message: str) -> None:
    """Tell an error on stderr; of several processes say which."""
    rank = os.environ.get("RANK", "0")  # of a process under torchrun
    say(f"netsparse: error: {f'[process {rank}] ' if rank != '0' else ''}{message}", file=sys.stderr)


def show_warnings() -> None:
    """Show the warnings that netsparse logs, on stderr."""
    log = logging.getLogger("netsparse")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setLevel(logging.WARNING)
        handler.setFormatter(VisibleFormatter("netsparse: %(levelname)s: %(message)s"))
        log.addHandler(handler)
