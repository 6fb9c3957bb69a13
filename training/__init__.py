"""The training backend: parts that compose (start topology, removal, percolation, regrowth, …) and the loop on them.

The names below are loaded when first used, so that listing methods or reading a configuration does not import torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsparse.training.config import TrainConfig
    from netsparse.training.data import DATASETS, load_dataset
    from netsparse.training.fused import train_epoch
    from netsparse.training.layers import SparseLinear, to_dense
    from netsparse.training.loop import train
    from netsparse.training.methods import METHODS, Method, resolve_method
    from netsparse.training.models import MLP, SandwichNetwork
    from netsparse.training.replica import Replica
    from netsparse.training.scheduler import TopologyScheduler
    from netsparse.training.sequential import SparseSequential

_LAZY = {
    "DATASETS": "data",
    "METHODS": "methods",
    "MLP": "models",
    "Method": "methods",
    "Replica": "replica",
    "SandwichNetwork": "models",
    "SparseLinear": "layers",
    "SparseSequential": "sequential",
    "TopologyScheduler": "scheduler",
    "TrainConfig": "config",
    "load_dataset": "data",
    "resolve_method": "methods",
    "to_dense": "layers",
    "train": "loop",
    "train_epoch": "fused",
}

__all__ = [
    "DATASETS",
    "METHODS",
    "MLP",
    "Method",
    "Replica",
    "SandwichNetwork",
    "SparseLinear",
    "SparseSequential",
    "TopologyScheduler",
    "TrainConfig",
    "load_dataset",
    "resolve_method",
    "to_dense",
    "train",
    "train_epoch",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"netsparse.training.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'netsparse.training' has no attribute '{name}'")
