"""Start-up: `import netsparse` stays under 0.5 s and `netsparse --help` under 1 s.

Run with: python -m pytest tests/benchmarks
"""

import subprocess
import sys

import pytest

BUDGET_SECONDS = {"-c import netsparse": 0.5, "-m netsparse --help": 1.0}


@pytest.mark.parametrize("command", BUDGET_SECONDS)
def test_startup(benchmark, command):
    flag, rest = command.split(" ", 1)
    arguments = [flag, rest] if flag == "-c" else [flag, *rest.split()]

    def start() -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    benchmark.pedantic(start, rounds=7, warmup_rounds=1)
    assert benchmark.stats.stats.median < BUDGET_SECONDS[command]
