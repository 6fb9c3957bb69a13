"""The architecture's import rules, read off the imports."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("netsparse", "analysis", "training", "figures")

# What a folder must never import, at module level and inside functions.
NEVER = {
    "netsparse": {"matplotlib", "seaborn", "netsparse.analysis", "netsparse.training", "netsparse.figures"},
    "analysis": {"torch", "matplotlib", "seaborn", "netsparse.training", "netsparse.figures"},
    "training": {"matplotlib", "seaborn", "netsparse.analysis", "netsparse.figures"},
    "figures": {"torch", "netsparse.training", "netsparse.analysis"},
}
# The command line calls the other folders inside functions; __init__.py names them for type checkers, loads them late.
# gpu.py holds Triton kernels, which are made when it is imported: only functions that hold a tensor may do that.
KERNELS = {ROOT / "netsparse" / "linkprediction" / "gpu.py"}
CALLERS = {*(ROOT / "netsparse" / "cli").iterdir(), ROOT / "netsparse" / "__init__.py"}


def files(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if not _is_linked(path)]


def _is_linked(path: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents)


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return (module, whether it is imported when the file is) for all imports of a file."""
    tree = ast.parse(path.read_text("utf-8"))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the full name"
            # "from netsparse import analysis" is an import of netsparse.analysis
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        at_module_level, parent = True, parents.get(node)
        while parent is not None:
            if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
                at_module_level = False
            if isinstance(parent, ast.If) and ast.unparse(parent.test) == "TYPE_CHECKING":
                at_module_level = False
            parent = parents.get(parent)
        found += [(name, at_module_level) for name in names]
    return found


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_folder_imports_what_it_must_not(folder):
    assert files(folder)
    for path in files(folder):
        for module, at_module_level in imports(path):
            if path in CALLERS and not at_module_level:
                continue
            for never in NEVER[folder]:
                assert not within(module, never), f"{path.relative_to(ROOT)} imports {module}"
            if folder == "netsparse":
                early = at_module_level and path not in KERNELS
                for late in ("torch", "triton", "netsparse.linkprediction.gpu"):
                    assert not (within(module, late) and early), f"{path} imports {late} at module level"
            assert module.split(".")[0] not in ("analysis", "training", "figures"), f"{path}: import netsparse.{module}"


def test_the_rules_see_a_breach(tmp_path):
    path = tmp_path / "x.py"
    path.write_text("from netsparse import training\ndef f():\n    import torch.nn\n")
    found = imports(path)
    assert ("netsparse.training", True) in found
    assert ("torch.nn", False) in found


# Plug-ins: a file of each of these families never imports a sibling's private names.
@pytest.mark.parametrize("folder", ["analysis", "figures", "training", "netsparse/topologies"])
def test_plug_ins_do_not_import_their_siblings_insides(folder):
    for path in files(folder):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and within(node.module or "", "netsparse"):
                private = [alias.name for alias in node.names if alias.name.startswith("_")]
                assert not private, f"{path.relative_to(ROOT)} imports {private} from {node.module}"


HEAVY = "{'torch', 'matplotlib', 'igraph', 'numba', 'pandas', 'scipy', 'sklearn', 'networkx', 'seaborn'}"


@pytest.mark.parametrize(
    "program",
    [
        "import netsparse",
        "from netsparse.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from netsparse.cli import main\ntry: main(['train', '--help'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(program):
    check = f"\nimport sys; print('LOADED', sorted({HEAVY} & set(sys.modules)))"
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program + check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"
    assert time.perf_counter() - started < 20  # not a benchmark: only that it does not hang


def test_the_public_names_are_there():
    import netsparse as ns

    for name in ns.__all__:
        assert getattr(ns, name) is not None
    assert set(ns.__all__) <= set(dir(ns))
    for package in (ns.analysis, ns.figures, ns.training):
        for name in package.__all__:
            assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ns.nothing
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ns.training.nothing
