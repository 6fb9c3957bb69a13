"""Every code block of the README and the docs is run, or checked by the program where it takes hours or other data."""

import doctest
import importlib
import re
import shlex
import textwrap
import tomllib
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
# Commands that tests cannot run: of hours, of other data, in other environments.
PROGRAMS = re.compile(r"(\w+=\w+ )?(netsparse|torchrun|python|make|pip) ")
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```", re.M | re.S)


def blocks(page):
    """Give kind, text and place of a page's fenced blocks."""
    text = page.read_text("utf-8")
    return [(found[2].strip(), found[3], found.start()) for found in FENCE.finditer(text)]


def name(page):
    return str(page.relative_to(ROOT))


def indented(page):
    """Give the lines of a page's indented code: after a blank line, and no part of a list."""
    text = FENCE.sub("", page.read_text("utf-8"))
    found = re.findall(r"^(?! |[*-] |\d+\. ).+\n+\n((?: {4}.*\n)+)", text, re.M)
    return [line.strip() for code in found for line in code.splitlines()]


ALONE = [(page, block) for page in OTHERS for kind, block, _ in blocks(page) if kind == "python"]


@pytest.mark.parametrize("page", [*STORIES, *OTHERS, *CONTRIBUTING], ids=name)
def test_every_block_is_of_a_kind_that_is_checked(page):
    """What no test runs is plain text: output, a drawing."""
    checked = {"python", "sh", "toml", "text"} | ({"pycon", "console"} if page in STORIES else set())
    assert {kind for kind, _, _ in blocks(page)} <= checked


def test_docs_have_no_code_without_a_kind():
    assert {name(page): indented(page) for page in [*STORIES, *OTHERS[1:]] if indented(page)} == {}


def test_readme_shows_commands_and_what_the_quick_start_prints():
    shown = [line for line in indented(ROOT / "README.md") if not PROGRAMS.match(line)]
    assert [line for line in shown if line not in (DOCS / "index.md").read_text("utf-8")] == []


def test_the_measure_that_contributing_adds_works(monkeypatch):
    from netsparse.analysis import MEASURES

    monkeypatch.setattr(MEASURES, "_parts", dict(MEASURES))
    (block,) = (block for kind, block, _ in blocks(ROOT / "CONTRIBUTING.md") if kind == "python")
    names = dict(vars(importlib.import_module("netsparse.analysis.degrees")))  # the file of a family
    exec(compile(textwrap.dedent(block), "CONTRIBUTING.md", "exec"), names)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    measure = names["reciprocal_degree"]
    (example,) = doctest.DocTestFinder().find(measure, "reciprocal_degree", module=False, globs=names)
    result = runner.run(example)
    assert (result.attempted, result.failed) == (2, 0)


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
            assert all(line.startswith("$ netsparse ") for line in block.splitlines() if line.startswith("$")), block
            for part in re.split(r"^\$ netsparse ", block, flags=re.M)[1:]:
                command, *shown = part.splitlines()
                capfd.readouterr()
                main(shlex.split(command))
                printed = capfd.readouterr().out
                for line in shown:
                    pattern = ".*".join(re.escape(piece.strip()) for piece in line.split("…"))
                    assert re.search(pattern, printed), f"{command}: {line}\n{printed}"


def commands(page):
    """Give the shell commands of a page that its test does not run; a block of `sh` has nothing else."""
    fenced = [line for kind, block, _ in blocks(page) if kind == "sh" for line in block.splitlines()]
    return [*fenced, *(line for line in indented(page) if PROGRAMS.match(line))]


COMMANDS = [(page, line) for page in [*STORIES, *OTHERS, *CONTRIBUTING] for line in commands(page)]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{name(page)}-{i}" for i, (page, _) in enumerate(COMMANDS)])
def test_commands_that_are_not_run_are_ones_that_the_program_takes(page, line, monkeypatch):
    words = [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)]
    match words:
        case ["netsparse", command, *rest] | ["torchrun", "--nproc-per-node", _, "-m", "netsparse", command, *rest]:
            check_options(command, rest, monkeypatch)
        case ["make", target]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.M)
        case ["pip", "install", "-c", file, "."] | ["python", "-m", "pytest", file] | ["python", file]:
            assert (ROOT / file).is_file()
        case ["python", "-m", "pytest", *files]:
            assert all((ROOT / file).is_file() for file in files if file != "-s")
        case _:
            pytest.fail(f"{name(page)}: nothing checks {line!r}")


def check_options(command, rest, monkeypatch):
    known = typer.main.get_command(app).commands[command]
    context = known.make_context(command, list(rest))  # options that there are, values of their types
    if command == "train" and not {"resume", "config"} & {key for key, value in context.params.items() if value}:
        taken = []
        monkeypatch.setattr("netsparse.cli.train._train", lambda config, *_, **__: taken.append(config))
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


@pytest.mark.parametrize("page", [*STORIES, *OTHERS, *CONTRIBUTING], ids=name)
def test_files_that_pages_name_are_there(page):
    folders = "tests|examples|docs|analysis|training|figures"
    named = re.findall(rf"\b(?:{folders})/[\w./-]+\.(?:py|toml|md)\b", page.read_text("utf-8"))
    made_up = {"analysis/FAMILY.py", "figures/NAME.py"}  # by who adds something
    assert [file for file in set(named) - made_up if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", *CONTRIBUTING, ROOT / "CHANGELOG.md"], ids=name)
def test_links_of_pages_outside_the_site_lead_somewhere(page):
    """Those inside are checked by `make docs`."""
    for file, anchor in re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", page.read_text("utf-8")):
        target = ROOT / file if file else page
        assert target.exists(), file
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_reference_has_every_package():
    """And of each all public names: docs/site.py sees to it."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    # told on the page of the command line, read by netsparse.masks, shown with netsparse.figures
    within = {"netsparse.cli", "netsparse.masks.forms", "netsparse.figures.report"}
    told = "".join(page.read_text("utf-8") for page in (DOCS / "api").glob("*.md"))
    assert set(re.findall(r"^\{names of (.*)\}$", told, re.M)) == set(packages) - within
