"""netsparse: grow ultra-sparse neural networks, and see what grows.

The names below are loaded when first used (PEP 562), so that ``import netsparse`` stays cheap.

Examples
--------
>>> import netsparse as ns
>>> layer = ns.LayerGraph.from_mask([[1, 0], [1, 1]])
>>> layer.n_links
3
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsparse import analysis, figures, training
    from netsparse.analysis.measure import measure
    from netsparse.errors import MaskFormatError, NetsparseError
    from netsparse.graph import LayerGraph, Snapshot
    from netsparse.linkprediction import predict_links, score_links
    from netsparse.masks import convert, load, scan
    from netsparse.run import Run

_LAZY = {
    "LayerGraph": "netsparse.graph",
    "MaskFormatError": "netsparse.errors",
    "NetsparseError": "netsparse.errors",
    "Run": "netsparse.run",
    "Snapshot": "netsparse.graph",
    "convert": "netsparse.masks",
    "load": "netsparse.masks",
    "measure": "netsparse.analysis.measure",
    "predict_links": "netsparse.linkprediction",
    "scan": "netsparse.masks",
    "score_links": "netsparse.linkprediction",
}
_PACKAGES = ("analysis", "figures", "training")

__all__ = [
    "LayerGraph",
    "MaskFormatError",
    "NetsparseError",
    "Run",
    "Snapshot",
    "analysis",
    "convert",
    "figures",
    "load",
    "measure",
    "predict_links",
    "scan",
    "score_links",
    "training",
]

__version__ = "0.2.0.dev0"  # here alone: the wheel's version and `netsparse --version` are taken from it


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"netsparse.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'netsparse' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
