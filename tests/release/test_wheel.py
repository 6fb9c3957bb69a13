"""The wheel and the sdist as users get them: built, installed elsewhere, and used without the source tree.

In CI, and by hand: ``make wheel``. With ``FRESH=1`` the dependencies are installed anew from the package registry, too;
else the new environment borrows those of this one, which takes seconds and no network.
"""

import email
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

import netsparse

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
IS_FRESH = os.environ.get("NETSPARSE_FRESH", "") not in ("", "0")
BESIDE = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "README.md", "SECURITY.md", "constraints.txt"}
MADE = {"PKG-INFO", "setup.cfg", "pyproject.toml"}


def run(*command: object, **options: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def build(source: Path, out: Path, *what: str) -> None:
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, *what, source)


def package_files() -> dict[str, str]:
    """Return where in the tree what a wheel holds lies: code, and the data that is listed."""
    tools = PROJECT["tool"]["setuptools"]
    found = {}
    for package in tools["packages"]:
        outermost = max((name for name in tools["package-dir"] if f"{package}.".startswith(f"{name}.")), key=len)
        inside = package.removeprefix(outermost).replace(".", "/")
        folder = ROOT / (tools["package-dir"][outermost] + inside)
        for pattern in ("*.py", *tools["package-data"].get(package, ())):
            for path in folder.glob(pattern):
                found[f"{package.replace('.', '/')}/{path.name}"] = path.relative_to(ROOT).as_posix()
    return found


@pytest.fixture(scope="session")
def dist(tmp_path_factory) -> Path:
    """The sdist, and the wheel that is built of it, as ``python -m build`` makes them."""
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out)
    return out


@pytest.fixture(scope="session")
def wheel(dist) -> Path:
    [path] = dist.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist(dist) -> Path:
    [path] = dist.glob("*.tar.gz")
    return path


def test_the_wheel_is_of_pure_python_and_holds_every_package_file_and_nothing_else(wheel):
    version = netsparse.__version__
    assert wheel.name == f"netsparse-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert held == set(package_files())
        for name, path in package_files().items():
            assert archive.read(name) == (ROOT / path).read_bytes(), name
        about = f"netsparse-{version}.dist-info"
        told = email.message_from_bytes(archive.read(f"{about}/METADATA"))
        assert (told["Version"], told["License-Expression"]) == (version, "MIT")
        assert archive.read(f"{about}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_the_sdist_holds_what_builds_the_wheel_and_no_stray_files(sdist):
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
        assert all(member.isfile() or member.isdir() for member in members)  # no links
        names = {member.name.split("/", 1)[1] for member in members if member.isfile()}
    ours = {name for name in names if not name.startswith("netsparse.egg-info/")}
    assert ours == {*package_files().values(), *BESIDE, *MADE}


def test_the_tree_and_the_sdist_build_the_same_wheel(wheel, tmp_path):
    """Of a copy of the tree: what an earlier build left there cannot get into it."""
    tree = tmp_path / "tree"
    for name in ("netsparse", "analysis", "training", "figures"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in {*BESIDE, "pyproject.toml"}:
        shutil.copy(ROOT / name, tree / name)
    build(tree, tmp_path, "--wheel")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(tmp_path / wheel.name) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
        for name in one.namelist():
            if not name.endswith("/RECORD"):
                assert one.read(name) == other.read(name), name


def _borrow(site: Path) -> None:
    """Lend an environment the dependencies of this one, and the kernels that Numba compiled of the same code here."""
    # a .pth file adds a folder alone, not what the .pth files in it name: the editable netsparse stays out
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    for name, path in package_files().items():
        date = (ROOT / path).stat().st_mtime_ns
        os.utime(site / name, ns=(date, date))  # Numba takes kernels of a file of the same date and size
    for package in {Path(name).parent for name in package_files()}:
        for kernel in (ROOT / package / "__pycache__").glob("*.nb[ic]"):
            (site / package / "__pycache__").mkdir(exist_ok=True)
            shutil.copy(kernel, site / package / "__pycache__")


@pytest.fixture(scope="session", params=["wheel", "sdist"] if IS_FRESH else ["wheel"])
def environment(request, tmp_path_factory) -> Path:
    """A new environment with netsparse from the wheel or the sdist; its folder of commands."""
    folder = tmp_path_factory.mktemp(f"{request.param}-env")
    run(sys.executable, "-m", "venv", folder)
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [commands / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    archive = request.getfixturevalue(request.param)
    if IS_FRESH:
        run(*pip, "-c", ROOT / "constraints.txt", archive)
    else:
        run(*pip, "--no-deps", "--no-index", archive)
        _borrow(Path(run(commands / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()))
    return commands


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A working directory with folders of our names, as researchers have them, and nothing of ours on any path."""
    for name in ("analysis", "training", "figures"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the wrong one')\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def test_it_trains_measures_and_draws_without_the_source_tree(environment, elsewhere):
    told = run(
        environment / "python",
        "-c",
        "import netsparse, sys, json\n"
        "from netsparse import analysis, figures, training\n"
        "print(json.dumps([m.__file__ for m in (netsparse, analysis, figures, training)]), sys.prefix)",
    )
    files, prefix = json.JSONDecoder().raw_decode(told)[0], told.rsplit("] ", 1)[1].strip()
    assert all(Path(file).is_relative_to(prefix) for file in files), told
    command = environment / "netsparse"
    assert run(command, "--version").strip() == f"netsparse {netsparse.__version__}"
    # all of the main job, or a shorter one of the same kind
    run(command, "train", *([] if IS_FRESH else ["--epochs", "2"]), "--out", "run")
    assert (elsewhere / "run" / "figures" / "accuracy.png").is_file()
    assert "</html>" in (elsewhere / "run" / "report.html").read_text("utf-8")  # its template is package data
    np.save(elsewhere / "mask.npy", np.eye(4))
    run(command, "measure", "mask.npy", "--measures", "fast", "--out", "mask.csv")
    assert "n_links,4" in (elsewhere / "mask.csv").read_text("utf-8")
    assert run(command, "report", "run", "--out", "page.html").strip() == "page.html"
