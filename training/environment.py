"""What a run ran on: versions, device, seed, revision."""

import platform
import subprocess  # nosec B404 # for the git revision alone
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import netsparse

_PACKAGES = ("torch", "numpy", "scipy", "numba", "pandas", "igraph", "scikit-learn", "safetensors")


def describe_environment(device: torch.device, seed: int) -> dict[str, Any]:
    """Return versions, device, threads, seed, command and git revision (None outside a clone) for environment.json."""
    versions = {"python": platform.python_version(), "netsparse": netsparse.__version__}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "versions": versions,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "seed": seed,
        "command": sys.argv,
        "git_revision": _git_revision(),
    }


def _git_revision() -> str | None:
    """Return the revision of the clone that netsparse runs from."""
    root = Path(netsparse.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(  # nosec B603 B607 # fixed words, no shell; git is where the user's PATH has it
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
