"""Processes that end with the one that started them, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable

# Seconds between two looks for a parent that cannot be waited for.
_LOOK = 1.0

_parent = 0


def end_with_parent() -> None:
    """Have this process of ``multiprocessing`` end as soon as the one that started it does, be it killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        _end_after(parent.join)


def end_with(parent: int) -> None:
    """Have this process, which others than ``multiprocessing`` have started, end as the process of this number does."""
    global _parent
    if os.name != "posix" or _parent == parent:
        return
    _parent = parent

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)

    _end_after(wait)


def _end_after(wait: Callable[[], object]) -> None:
    def watch() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=watch, name="netsparse-orphan", daemon=True).start()
