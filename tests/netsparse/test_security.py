"""What SECURITY.md promises: no unpickling, no eval, no shell, data alone in files, names that stay names.

The rules are read off the code, as those of imports are; each is shown to bite.
"""

import ast
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import netsparse as ns
from netsparse.figures import draw_figures
from netsparse.figures.report.tables import commands
from netsparse.harmless import visible
from netsparse.training.config import TrainConfig
from netsparse.training.loop import train
from netsparse.training.methods import Method, resolve_method
from netsparse.training.sources import CIFAR10, CIFAR100, EMNIST, FASHION_MNIST, MNIST
from netsparse.training.sweep import read_sweep

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for folder in ("netsparse", "analysis", "training", "figures")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not any(parent.is_symlink() for parent in path.parents)
]

# Modules that run what they read, or speak to the network; pooch downloads, and checks.
MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "jsonpickle",
    "shelve",
    "marshal",
    "yaml",
    "runpy",
    "code",
}
MODULES |= {"requests", "httpx", "urllib.request", "http.client", "ftplib", "socketserver", "xmlrpc"}
# What may be taken from them all the same.
HARMLESS = {"pickle.UnpicklingError", "socket.gethostname"}
CALLS = {"eval", "exec", "compile", "__import__", "tempfile.mktemp", "joblib.load", "joblib.dump", "pandas.read_pickle"}
CALLS |= {"pandas.eval", "torch.jit.load", "torch.hub.load", "torch.package.PackageImporter"}
CALLS |= {"torch.multiprocessing.spawn", "numpy.load_library", "sklearn.datasets.fetch_openml"}
# Methods, whatever they belong to.
METHODS = {"read_pickle", "to_pickle", "extractall", "extract"}
STARTS_WITH = (
    "socket.",
    "os.system",
    "os.popen",
    "os.exec",
    "os.spawn",
    "os.posix_spawn",
    "subprocess.getoutput",
    "subprocess.getstatus",
)
MUST_SAY = {"torch.load": ("weights_only", True), "numpy.load": ("allow_pickle", False)}
MUST_NOT_SAY = {"shell": True, "allow_pickle": True, "weights_only": False, "trust_remote_code": True}
DOWNLOADS = {"pooch.retrieve", "pooch.create"}
PROCESSES = ("subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_")


def broken_rules(code: str) -> list[str]:
    """Tell what a file does that none may do."""
    tree, names = ast.parse(code), {}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                found += [f"import {alias.name}"] if _is_of(alias.name, MODULES) else []
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                found += [f"import {full}"] if _is_of(full, MODULES) and full not in HARMLESS else []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += _broken_by(node, _full_name(node.func, names))
    return found


def _is_of(name: str, modules: set[str]) -> bool:
    return any(f"{name}.".startswith(f"{module}.") for module in modules)


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    return f"{_full_name(node.value, names)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def _broken_by(call: ast.Call, name: str) -> Iterator[str]:
    said = {keyword.arg: keyword.value for keyword in call.keywords}
    values = {word: value.value for word, value in said.items() if isinstance(value, ast.Constant)}
    if name in HARMLESS:
        return
    if name in CALLS or name.startswith(STARTS_WITH) or ("." in name and name.rsplit(".", 1)[1] in METHODS):
        yield name
    if name in MUST_SAY:
        word, value = MUST_SAY[name]
        if values.get(word) is not value:
            yield f"{name} without {word}={value}"
    for word, value in MUST_NOT_SAY.items():
        if word in said and values.get(word) is not (not value):
            yield f"{name}({word}=…)"
    if name.startswith(PROCESSES) and not (call.args and isinstance(call.args[0], ast.List)):
        yield f"{name} of a command that is no list"
    if name in DOWNLOADS:
        known = said.get("known_hash", call.args[1] if len(call.args) > 1 else None)
        if known is None or (isinstance(known, ast.Constant) and known.value is None):
            yield f"{name} without a hash"
    if name == "importlib.import_module" and not _is_ours(call.args[0]):
        yield f"{name} of {ast.unparse(call.args[0])}"


def _is_ours(module: ast.expr) -> bool:
    """Tell a constant name, one that begins with netsparse, or one of a table of the file (in capital letters)."""
    if isinstance(module, ast.JoinedStr):
        return isinstance(module.values[0], ast.Constant) and str(module.values[0].value).startswith("netsparse.")
    if isinstance(module, ast.Subscript):
        return isinstance(module.value, ast.Name) and module.value.id.isupper()
    return isinstance(module, ast.Constant)


def test_no_file_breaks_a_rule():
    broken = {path.relative_to(ROOT).as_posix(): broken_rules(path.read_text("utf-8")) for path in FILES}
    assert len(broken) > 100
    assert {path: rules for path, rules in broken.items() if rules} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "import cloudpickle as cp",
        "from urllib.request import urlopen",
        "import shelve, json",
        "def f(text):\n    return eval(text)",
        "exec('1')",
        "compile(text, '', 'exec')",
        "__import__(name)",
        "import os\nos.system('ls')",
        "from os import popen as p\np('ls')",
        "import os\nos.execvp('ls', [])",
        "import subprocess as s\ns.run(['ls'], shell=True)",
        "import subprocess as s\ns.run(['ls'], shell=anything)",
        "from subprocess import run\nrun('ls')",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "from torch import load\nload(path)",
        "import torch\ntorch.hub.load('a', 'b')",
        "import numpy as np\nnp.load(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import numpy as np\nnp.lib.format.read_array(file, allow_pickle=flag)",
        "import joblib\njoblib.load(path)",
        "import pandas as pd\npd.read_pickle(path)",
        "table.to_pickle(path)",
        "archive.extractall(folder)",
        "import yaml",
        "import socket\nsocket.create_connection(address)",
        "import pooch\npooch.retrieve(url, None)",
        "import pooch\npooch.retrieve(url)",
        "import importlib\nimportlib.import_module(name)",
        "import importlib\nimportlib.import_module(f'{name}.x')",
        "import tempfile\ntempfile.mktemp()",
    ],
)
def test_each_rule_bites(code):
    assert broken_rules(code)


@pytest.mark.parametrize(
    "code",
    [
        "from pickle import UnpicklingError",
        "import re\nre.compile('a')",
        "import socket\nsocket.gethostname()",
        "import torch\ntorch.load(path, weights_only=True)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import subprocess\nsubprocess.run(['git'], shell=False)",
        "import importlib\nimportlib.import_module(f'netsparse.{name}')\nimportlib.import_module(_LAZY[name])",
        "import pooch\npooch.retrieve(url, known_hash)",
        "model.eval()",
    ],
)
def test_the_rules_let_pass_what_is_harmless(code):
    assert broken_rules(code) == []


def test_asserts_tell_types_and_check_nothing_else():
    """``python -O`` leaves them out, and bandit is told to pass them over."""
    narrow = re.compile(r"[\w.]+ is not None|(not )?isinstance\(.*\)|torch\.is_tensor\(\w+\)")
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Assert):
                assert narrow.fullmatch(ast.unparse(node.test)), f"{path}:{node.lineno}"


def test_every_exception_from_bandit_says_why():
    for path in FILES:
        for line in path.read_text("utf-8").splitlines():
            assert "nosec" not in line or re.search(r"# nosec( B\d{3})+ # \w+,? \w+", line), f"{path}: {line}"


def test_downloads_are_known_by_their_sha256():
    urls = [item for source in (MNIST, FASHION_MNIST, EMNIST, CIFAR10, CIFAR100) for item in source.urls.items()]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for _, digest in urls)


TEXTS = ["method", "dataset", "model", "topology", "start_weights", "device", "backend"]
TEXTS += [f"parts.{name}" for name, value in Method("", "").parts.items() if isinstance(value, str)]


def test_a_configuration_imports_and_runs_nothing(tmp_path, monkeypatch):
    """Whatever option names a module, a path of one, a call or a command."""
    (tmp_path / "evil.py").write_text("raise SystemExit('it ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert len(TEXTS) > 10
    for text in (
        "evil",
        "evil:main",
        "evil.main",
        "__import__('evil')",
        "!!python/object:evil.main",
        "$(touch it-ran)",
    ):
        for name in TEXTS:
            table, _, part = f".{name}".rpartition(".")
            written = f'[{table[1:]}]\n{part} = "{text}"\n' if table else f'{part} = "{text}"\n'
            (tmp_path / "config.toml").write_text(written)
            with pytest.raises(ns.NetsparseError):
                TrainConfig.resolve(TrainConfig.read("config.toml"))
            (tmp_path / "method.toml").write_text(f'{part} = "{text}"\n')
            with pytest.raises(ns.NetsparseError):
                resolve_method("method.toml")
            (tmp_path / "sweep.toml").write_text(f'[grid]\n"{name}" = ["{text}"]\n')
            with pytest.raises(ns.NetsparseError):
                read_sweep(tmp_path / "sweep.toml")
    assert "evil" not in sys.modules
    assert not (tmp_path / "it-ran").exists()


NAME = "\x1b]0;title\x07\x1b[31m[red]x[/red][link=file:///etc/passwd]y[/link]\u202egpj\x9b2J\r"


def test_names_of_files_and_layers_are_shown_never_obeyed_by_the_terminal(cli, tmp_path, monkeypatch):
    safetensors.numpy.save_file({NAME: np.eye(3, dtype=np.float32)}, tmp_path / "m.safetensors")
    odd = tmp_path / f"{NAME.replace('/', '')}.npy"
    np.save(odd, np.eye(3))
    for terminal in (False, True):
        monkeypatch.setenv("FORCE_COLOR" if terminal else "NO_COLOR", "1")
        for arguments in (
            ("inspect", "m.safetensors"),
            ("measure", "m.safetensors", "--measures", "n_links,power_law_gamma"),
            ("inspect", odd.name),
            ("measure", odd.name, "--measures", "n_links", "--out", f"{NAME.replace('/', '')}.csv"),
            ("inspect", f"missing{NAME}"),
            ("report", f"missing{NAME}"),
            ("train", "--method", NAME),
        ):
            _, out, err = cli(*arguments)
            told = out + err
            assert not set(told) & set("\x07\x9b\u202e"), arguments
            assert "\x1b]" not in told, arguments  # titles and links
            assert "\x1b[31m" not in told, arguments
            assert r"\x1b" in told, arguments  # but shown


def test_what_is_visible_stays():
    text = "fc1 → γ = 0.5\n\ttab\u00a0é 😀 نص"
    assert visible(text) == text
    assert visible("\udc80").isascii()  # half a character, as of names of files that are no UTF-8


def test_names_of_methods_and_sweeps_lead_out_of_no_folder(cli, tmp_path):
    (tmp_path / "m.toml").write_text('base = "set"\nname = "../../../out"\n')
    code, out, err = cli("train", "--method", "m.toml", "--epochs", "1")
    told = out + err
    assert (code, "a method's name must be" in told) == (2, True)
    names = ["../../out", "/etc/out", "..", ".hidden", "a/../../b", "\\\\host\\out"]
    (tmp_path / "s.toml").write_text("".join(f"[variants.'{name}']\nlr = 0.1\n" for name in names))
    for run in read_sweep(tmp_path / "s.toml"):
        assert Path(run.name).name == run.name
        assert not run.name.startswith(".")
        assert "\\" not in run.name


def test_commands_on_a_page_are_quoted_and_what_is_seen_is_what_is_copied(tmp_path):
    run = ns.Run.create(tmp_path / "run")
    run.write_environment({"command": ["/bin/netsparse", "train", "--out", "a; rm -rf b", "$(c)", "\u202ed\x1b"]})
    [command] = [told["command"] for told in commands([run]) if told["what"] == "Trained by"]
    assert command == r"netsparse train --out 'a; rm -rf b' '$(c)' '\u202ed\x1b'"


def test_the_log_of_a_run_never_lands_in_another_file(tmp_path):
    run = ns.Run.create(tmp_path / "run")
    (tmp_path / "other").write_text("mine\n")
    run.log_path.symlink_to(tmp_path / "other")
    with pytest.raises(ns.NetsparseError, match="symbolic link"):
        train(TrainConfig.resolve({"epochs": 1}), run)
    assert (tmp_path / "other").read_text() == "mine\n"


def test_pictures_hold_names_as_text(tmp_path):
    name = "--><script>alert(1)</script>]]>&\u202e"
    run = ns.Run.create(tmp_path / "run")
    run.write_snapshot(ns.Snapshot([ns.LayerGraph.from_mask(np.eye(3), name)], epoch=0))
    draw_figures(run, names=["layer_masks"], formats=["svg"])
    tree = ET.parse(run.figures_path / "layer_masks.svg")
    kinds = {element.tag.rsplit("}", 1)[-1] for element in tree.iter()}
    assert "path" in kinds
    assert "script" not in kinds
