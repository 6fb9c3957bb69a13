"""The bar of jobs: in a terminal, and nowhere else."""

import io

import pytest
from rich.console import Console

from netsparse import progress


@pytest.mark.parametrize("terminal", [True, False])
def test_jobs_and_the_time_left_are_shown_in_a_terminal_only(terminal, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=shown, force_terminal=terminal, width=100))
    with progress.jobs_progress("Measuring") as show:
        for done in range(4):
            show(done, 3)
    text = shown.getvalue()
    assert ("Measuring" in text, "3/3" in text, "ETA" in text) == (terminal,) * 3
    assert terminal or not text
