"""The latest training state in one file: tensors beside readable metadata, nothing pickled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.storage import write_whole
from netsparse.training.scheduler import TopologyScheduler

CHECKPOINT_FORMAT = "netsparse-checkpoint"
CHECKPOINT_VERSION = 1


@dataclass(frozen=True)
class TrainingState:
    """Everything that a run needs to go on.

    Attributes
    ----------
    model : torch.nn.Module
    optimizer : torch.optim.Optimizer
    lr_scheduler : torch.optim.lr_scheduler.LRScheduler
    topology : TopologyScheduler
    generator : torch.Generator
        Shuffles the samples.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    lr_scheduler: torch.optim.lr_scheduler.LRScheduler
    topology: TopologyScheduler
    generator: torch.Generator


def save_checkpoint(path: Path, state: TrainingState, epoch: int) -> None:
    """Write the state after an epoch as one safetensors file, whole or not at all."""
    tensors = {f"model.{name}": tensor for name, tensor in state.model.state_dict().items()}
    optimizer = state.optimizer.state_dict()
    scalars: dict[str, dict[str, Any]] = {}
    for index, values in optimizer["state"].items():
        for name, value in values.items():
            if torch.is_tensor(value):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                scalars.setdefault(str(index), {})[name] = value
    topology = state.topology.state_dict()
    for name, mask in topology.pop("masks").items():
        tensors[f"topology.{name}"] = mask
    tensors["generator"] = state.generator.get_state()
    metadata = {
        "format": CHECKPOINT_FORMAT,
        "format_version": str(CHECKPOINT_VERSION),
        "epoch": str(epoch),
        "optimizer": json.dumps({"scalars": scalars, "param_groups": optimizer["param_groups"]}),
        "lr_scheduler": json.dumps(state.lr_scheduler.state_dict()),
        "topology": json.dumps(topology),
    }
    held = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_whole(path, safetensors.torch.save(held, metadata))


def load_checkpoint(path: Path, state: TrainingState) -> int:
    """Put a stored state into freshly made objects of the same run; return its epoch.

    Raises
    ------
    NetsparseError
        If the file is missing, broken, or belongs to another format version or another network.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise NetsparseError(f"{path}: not a readable checkpoint: {error}") from error
    if (metadata.get("format"), metadata.get("format_version")) != (CHECKPOINT_FORMAT, str(CHECKPOINT_VERSION)):
        raise NetsparseError(f"{path}: not a netsparse checkpoint of format version {CHECKPOINT_VERSION}")

    def under(prefix: str) -> dict[str, torch.Tensor]:
        return {n.removeprefix(prefix): tensor for n, tensor in tensors.items() if n.startswith(prefix)}

    optimizer = json.loads(metadata["optimizer"])
    per_parameter: dict[int, dict[str, Any]] = {int(i): dict(values) for i, values in optimizer["scalars"].items()}
    for name, tensor in under("optimizer.").items():
        index, key = name.split(".", 1)
        per_parameter.setdefault(int(index), {})[key] = tensor
    try:
        state.model.load_state_dict(under("model."))
        state.optimizer.load_state_dict({"state": per_parameter, "param_groups": optimizer["param_groups"]})
    except (RuntimeError, ValueError) as error:
        raise NetsparseError(f"{path}: belongs to another network: {error}") from error
    state.lr_scheduler.load_state_dict(json.loads(metadata["lr_scheduler"]))
    state.topology.load_state_dict({**json.loads(metadata["topology"]), "masks": under("topology.")})
    state.generator.set_state(tensors["generator"])
    return int(metadata["epoch"])
