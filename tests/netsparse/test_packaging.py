"""What the wheel will hold, and what the README promises."""

import re
import tomllib
from pathlib import Path

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
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")
    for picture in re.findall(r"\]\((docs/[^)]+)\)", readme):
        path, _, heading = picture.partition("#")
        assert (ROOT / path).is_file(), picture
        assert not heading or f"\n## {heading.capitalize()}\n" in (ROOT / path).read_text("utf-8"), picture


def test_torch_is_pinned_in_the_constraints_alone():
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text("utf-8")
    assert "torch>=2.6" in PROJECT["project"]["dependencies"]
