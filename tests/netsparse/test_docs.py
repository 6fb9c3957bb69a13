"""Every Python block of the README and the docs runs, and every command of the README is one that the program knows."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MASKS = ROOT / "docs" / "masks.md"  # is run from top to bottom, commands and all
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").glob("*.md") if page != MASKS)]
BLOCKS = [
    (page.name, block)
    for page in PAGES
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
]


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(BLOCKS)])
def test_python_blocks_run(page, block, trained_run, tmp_path, monkeypatch):
    monkeypatch.chdir(trained_run.path)
    exec(compile(block.replace("epoch-0007", "epoch-0004"), page, "exec"), {})


def test_the_readmes_commands_are_known():
    text = (ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"^    netsparse (\w+)(.*)$", text, re.M)
    assert len(commands) >= 4
    for command, rest in commands:
        done = subprocess.run(
            [sys.executable, "-m", "netsparse", command, "--help"], capture_output=True, text=True, check=True
        )
        for option in re.findall(r"--[\w-]+", rest):
            assert option in done.stdout


def test_the_page_of_measures_names_all_of_them_and_no_others():
    from netsparse.analysis import list_measures

    text = (ROOT / "docs" / "measures.md").read_text("utf-8")
    told = re.findall(r"^\| `(\w+)` \| (fast|standard|full) \| ([\w, ]*) \|", text, re.M)
    assert [(name, level, by.strip()) for name, level, by in told] == [row[:3] for row in list_measures()]


def test_the_page_of_figures_names_all_of_them_and_no_others():
    from netsparse.figures import FIGURES

    text = (ROOT / "docs" / "figures.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) == set(FIGURES)


def test_the_page_of_masks_runs_from_top_to_bottom(tmp_path, monkeypatch, capfd):
    """Its Python blocks share their names; its commands print the lines that the page shows."""
    from netsparse.cli import main

    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"^```(python|console)\n(.*?)^```", MASKS.read_text("utf-8"), re.M | re.S)
    assert len(blocks) > 8
    for kind, block in blocks:
        if kind == "python":
            exec(compile(block, MASKS.name, "exec"), names)
            continue
        for part in re.split(r"^\$ netsparse ", block, flags=re.M)[1:]:
            command, *shown = part.splitlines()
            capfd.readouterr()
            main(shlex.split(command))
            printed = capfd.readouterr().out
            for line in shown:
                assert line.strip() in printed, f"{command}: {line}"
