"""What the wheel will hold, and what the README promises."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import netsparse as ns

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MAP = PROJECT["tool"]["setuptools"]["package-dir"]


def test_every_package_folder_is_listed():
    """An editable install hides a missing entry, a wheel does not."""
    found = set()
    for package, folder in MAP.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            if any(parent.is_symlink() for parent in init.parents):
                continue
            inside = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join([package, *inside]))
    assert found == set(PROJECT["tool"]["setuptools"]["packages"])


def test_the_links_point_at_the_folders():
    for package, folder in MAP.items():
        if package != "netsparse":
            link = ROOT / package.replace(".", "/")
            if link.is_symlink():  # a clone without symlinks still installs and tests
                assert link.resolve() == ROOT / folder


def test_there_is_no_init_under_tests():
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_readme_and_makefile_agree():
    readme, makefile = (ROOT / "README.md").read_text("utf-8"), (ROOT / "Makefile").read_text("utf-8")
    for command in ("make demo", "make test"):
        assert command in readme
        assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE)
    for command in ("make lint", "make security", "make test", "make wheel"):
        assert f"\n{command}\n" in (ROOT / ".ci" / "run").read_text("utf-8")
    for picture in re.findall(r"\]\((docs/[^)]+)\)", readme):
        path, _, heading = picture.partition("#")
        assert (ROOT / path).is_file(), picture
        assert not heading or f"\n## {heading.capitalize()}\n" in (ROOT / path).read_text("utf-8"), picture


def test_torch_is_pinned_in_the_constraints_alone():
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text("utf-8")
    assert "torch>=2.6" in PROJECT["project"]["dependencies"]


def test_the_version_is_told_in_one_place_alone():
    """The wheel's is compared in tests/release."""
    version = ns.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev0)?", version)
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "netsparse.__version__"}
    told = [
        path
        for folder in MAP.values()
        for path in (ROOT / folder).rglob("*.py")
        if f'"{version}"' in path.read_text("utf-8")
    ]
    assert told == [ROOT / "netsparse" / "__init__.py"]
    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == ("Unreleased" if version.endswith(".dev0") else version)
    released = headings[1:] if version.endswith(".dev0") else headings
    assert released == sorted(set(released), key=lambda number: [int(part) for part in number.split(".")], reverse=True)


COVERED = {"covered_lines": 95, "num_statements": 100, "covered_branches": 90, "num_branches": 100}


@pytest.mark.parametrize(
    ("changed", "too_few"), [({}, ""), ({"covered_lines": 89}, "lines"), ({"covered_branches": 89}, "branches")]
)
def test_too_little_coverage_of_one_package_fails(tmp_path, changed, too_few):
    files = {f"{folder}/a.py": {"summary": COVERED} for folder in MAP.values()}
    files["training/a.py"] = {"summary": COVERED | changed}
    (tmp_path / "c.json").write_text(json.dumps({"files": files}))
    command = [sys.executable, ROOT / ".ci" / "coverage.py", tmp_path / "c.json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == bool(too_few)
    assert done.stdout.count("95.0 % of lines") >= 3
    assert done.stderr == (f"coverage: less than 90 % of {too_few} of training\n" if too_few else "")
