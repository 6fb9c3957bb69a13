"""Ctrl-C and SIGTERM: the first stops in order, a second Ctrl-C at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress

INTERRUPTED = 130  # the exit code

# Two signals within so many seconds are one: torchrun and timeout pass on what the terminal has sent already.
_AT_ONCE = 0.4

_first_signal: float | None = None


def catch_signals() -> None:
    """Stop in order at Ctrl-C and SIGTERM: worker processes end, too, and what was done is kept."""
    if threading.current_thread() is not threading.main_thread():
        return
    global _first_signal
    _first_signal = None
    for number, default in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is default:
            signal.signal(number, _stop)


def _stop(number: int, frame: object) -> None:
    """Stop at the first signal; leave at once at a second Ctrl-C, which files survive as they do a power cut."""
    global _first_signal
    now = time.monotonic()
    if _first_signal is None:
        _first_signal = now
        _write("netsparse: stopping; what is done is being kept (Ctrl-C once more leaves at once)\n")
        raise KeyboardInterrupt
    if number == signal.SIGINT and now - _first_signal > _AT_ONCE:
        shown = "\x1b[?25h" if sys.stderr.isatty() else ""  # the cursor, which progress bars hide
        _write(f"{shown}netsparse: error: left at once; every file that was written is whole\n")
        os._exit(INTERRUPTED)


def _write(text: str) -> None:
    """Write to stderr from a signal's handler, which may have come into the midst of another line."""
    with suppress(OSError):
        os.write(2, text.encode())
