"""Every code block of the README and the docs is run, or checked by the program where it takes hours or other data."""

import doctest
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from netsparse.cli import app, main
from netsparse.training.methods import resolve_method
from netsparse.training.sweep import read_sweep

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Run from top to bottom in an empty folder, commands and all.
STORIES = [DOCS / "index.md", *sorted((DOCS / "how-to").glob("*.md")), DOCS / "masks.md"]
# Of the others each Python block runs by itself, in a run directory.
OTHERS = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if page not in STORIES)]
CONTRIBUTING = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```", re.M | re.S)


def blocks(page):
    """Give kind, text and place of a page's fenced blocks."""
    text = page.read_text("utf-8")
    return [(found[2].strip(), found[3], found.start()) for found in FENCE.finditer(text)]


def name(page):
    return str(page.relative_to(ROOT))


ALONE = [(page, block) for page in OTHERS for kind, block, _ in blocks(page) if kind == "python"]


@pytest.mark.parametrize("page", [*STORIES, *OTHERS, *CONTRIBUTING], ids=name)
def test_every_block_is_of_a_kind_that_is_checked(page):
    """What no test runs is plain text: output, a drawing."""
    checked = {"python", "sh", "toml", "text"} | ({"pycon", "console"} if page in STORIES else set())
    assert {kind for kind, _, _ in blocks(page)} <= checked


@pytest.mark.parametrize(("page", "block"), ALONE, ids=[f"{name(page)}-{i}" for i, (page, _) in enumerate(ALONE)])
def test_python_blocks_run(page, block, trained_run, tmp_path, monkeypatch):
    monkeypatch.chdir(trained_run.path if "epoch-0007" in block else tmp_path)
    exec(compile(block.replace("epoch-0007", "epoch-0004"), name(page), "exec"), {})


@pytest.mark.parametrize("page", STORIES, ids=name)
def test_stories_run_from_top_to_bottom(page, unrendered, tmp_path, monkeypatch, capfd):
    """Python blocks share their names; commands print the lines that the page shows, where … stands for anything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    names: dict[str, object] = {}
    for kind, block, start in blocks(page):
        if kind == "python":
            exec(compile(block, name(page), "exec"), names)
        elif kind == "pycon":
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
            example = doctest.DocTestParser().get_doctest(block, {}, name(page), name(page), 0)
            example.globs = names
            runner.run(example, clear_globs=False)
            assert runner.failures == 0, capfd.readouterr().out
        elif kind == "toml":
            file = re.search(r"[Ss]ave this as `([\w.-]+)`:\s*$", page.read_text("utf-8")[:start])
            assert file, f"{name(page)}: a block of TOML needs a name"
            Path(file[1]).write_text(block, "utf-8")
        elif kind == "console":
            for part in re.split(r"^\$ netsparse ", block, flags=re.M)[1:]:
                command, *shown = part.splitlines()
                capfd.readouterr()
                main(shlex.split(command))
                printed = capfd.readouterr().out
                for line in shown:
                    pattern = ".*".join(re.escape(piece.strip()) for piece in line.split("…"))
                    assert re.search(pattern, printed), f"{command}: {line}\n{printed}"


def commands(page):
    """Give the shell commands of a page that its test does not run."""
    text = page.read_text("utf-8")
    fenced = "".join(block for kind, block, _ in blocks(page) if kind == "sh")
    indented = "\n".join(re.findall(r"^    (\S.*)$", FENCE.sub("", text), re.M))
    return [
        line for line in f"{fenced}\n{indented}".splitlines() if re.match(r"netsparse |torchrun .*netsparse ", line)
    ]


COMMANDS = [(page, line) for page in [*STORIES, *OTHERS, *CONTRIBUTING] for line in commands(page)]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{name(page)}-{i}" for i, (page, _) in enumerate(COMMANDS)])
def test_commands_that_are_not_run_are_ones_that_the_program_takes(page, line, monkeypatch):
    words = shlex.split(line, comments=True)
    command, *rest = words[words.index("netsparse") + 1 :]
    known = typer.main.get_command(app).commands[command]
    context = known.make_context(command, list(rest))  # options that there are, values of their types
    if command == "train" and not {"resume", "config"} & {key for key, value in context.params.items() if value}:
        taken = []
        monkeypatch.setattr("netsparse.cli._train", lambda config, *_, **__: taken.append(config))
        rest = ["cht" if word.endswith(".toml") else word for word in rest]
        main([command, *rest])  # and ones that go together
        assert len(taken) == 1


def test_there_are_commands_to_check():
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("page", OTHERS, ids=name)
def test_toml_blocks_are_methods_or_sweeps(page, tmp_path):
    for kind, block, _ in blocks(page):
        if kind == "toml":
            file = tmp_path / "block.toml"
            file.write_text(block, "utf-8")
            assert read_sweep(file) if "[grid]" in block else resolve_method(file)


def test_the_page_of_measures_names_all_of_them_and_no_others():
    from netsparse.analysis import list_measures

    text = (DOCS / "measures.md").read_text("utf-8")
    told = re.findall(r"^\| `(\w+)` \| (fast|standard|full) \| ([\w, ]*) \|", text, re.M)
    assert [(name, level, by.strip()) for name, level, by in told] == [row[:3] for row in list_measures()]


def test_the_page_of_figures_names_all_of_them_and_no_others():
    from netsparse.figures import FIGURES

    text = (DOCS / "figures.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) == set(FIGURES)


def test_every_measure_has_one_page_of_concepts():
    from netsparse.analysis import list_measures

    pages = [page.read_text("utf-8") for page in (DOCS / "concepts").glob("*.md")]
    lines = [line for text in pages for line in re.findall(r"^\*\*Measures:\*\* (.*)$", text, re.M)]
    told = [name for line in lines for name in re.findall(r"`(\w+)`", line.split("·")[0])]
    assert sorted(told) == [row[0] for row in list_measures()]
