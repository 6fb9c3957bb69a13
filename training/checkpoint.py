"""The latest training state in one file: tensors beside readable metadata, nothing pickled."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.storage import pack_header, read_header, read_safetensors, write_whole
from netsparse.training import old_checkpoints
from netsparse.training.scheduler import TopologyScheduler
from netsparse.training.writer import copy_to_host

CHECKPOINT_FORMAT = "netsparse-checkpoint"
CHECKPOINT_VERSION = 3


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
        Shuffles the samples and augments them. (Torch's own random state, of dropout, is kept as well.)
    options : dict
        By which the run is trained; another run's checkpoint is refused.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    lr_scheduler: torch.optim.lr_scheduler.LRScheduler
    topology: TopologyScheduler
    generator: torch.Generator
    options: dict[str, Any]


def hold_checkpoint(state: TrainingState, epoch: int) -> Callable[[Path], None]:
    """Copy the state after an epoch; the function returned writes it, while the training may go on."""
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
    topology.pop("gradients")  # every epoch starts without them
    for kind in ("links", "ever_active"):
        for name, keys in topology.pop(kind).items():
            tensors[f"topology.{kind}.{name}"] = keys
    tensors["generator"] = state.generator.get_state()
    for name, random_state in _random_states().items():
        tensors[f"random.{name}"] = random_state
    content = copy.deepcopy(
        {
            "epoch": epoch,
            "options": state.options,
            "optimizer": {"scalars": scalars, "param_groups": optimizer["param_groups"]},
            "lr_scheduler": state.lr_scheduler.state_dict(),
            "topology": topology,
        }
    )
    held = copy_to_host(tensors)

    def write(path: Path) -> None:
        header = pack_header(CHECKPOINT_FORMAT, CHECKPOINT_VERSION, content)
        write_whole(path, safetensors.torch.save(held(), header))

    return write


def checkpoint_epoch(path: Path) -> int:
    """Return the epoch of a checkpoint.

    Raises
    ------
    NetsparseError
        If the file is missing, broken, or of a newer format version.
    """
    return _epoch(read_header(path, CHECKPOINT_FORMAT, CHECKPOINT_VERSION), path)


def _epoch(header: dict[str, Any], path: Path) -> int:
    epoch = header.get("epoch")
    if not isinstance(epoch, int) or epoch < 0:
        raise NetsparseError(f"{path}: is damaged: its header tells no epoch")
    return epoch


def load_checkpoint(path: Path, state: TrainingState) -> int:
    """Put a stored state, also one of an earlier version, into freshly made objects of the same run; return its epoch.

    Raises
    ------
    NetsparseError
        If the file is missing, broken, or belongs to a newer format version or another network.
    """
    header, tensors = read_safetensors(path, CHECKPOINT_FORMAT, CHECKPOINT_VERSION, "pt")
    epoch = _epoch(header, path)
    try:
        _take_up(*old_checkpoints.renew(header, tensors, path, state), path, state)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, NetsparseError) and str(error).startswith(f"{path}:"):
            raise
        why = str(error) if isinstance(error, (RuntimeError, ValueError)) else f"{type(error).__name__}: {error}"
        raise NetsparseError(f"{path}: is damaged, or belongs to another network: {why}") from error
    return epoch


def _take_up(header: dict[str, Any], tensors: dict[str, torch.Tensor], path: Path, state: TrainingState) -> None:
    changed = [name for name, value in state.options.items() if header["options"].get(name) != value]
    if changed:
        name = changed[0]
        raise NetsparseError(
            f"{path}: belongs to a run with {name} = {header['options'].get(name)!r}, not {state.options[name]!r}: put "
            "the run's config.toml back as it was, or train anew"
        )

    def under(prefix: str) -> dict[str, torch.Tensor]:
        return {n.removeprefix(prefix): tensor for n, tensor in tensors.items() if n.startswith(prefix)}

    optimizer = header["optimizer"]
    per_parameter: dict[int, dict[str, Any]] = {int(i): dict(values) for i, values in optimizer["scalars"].items()}
    for name, tensor in under("optimizer.").items():
        index, key = name.split(".", 1)
        per_parameter.setdefault(int(index), {})[key] = tensor
    state.model.load_state_dict(under("model."))
    state.optimizer.load_state_dict({"state": per_parameter, "param_groups": optimizer["param_groups"]})
    for parameter, values in state.optimizer.state.items():
        for name, value in values.items():
            if torch.is_tensor(value) and value.dim() and value.shape != parameter.shape:
                raise ValueError(f"{name} of shape {tuple(value.shape)} for weights {tuple(parameter.shape)}")
    state.lr_scheduler.load_state_dict(header["lr_scheduler"])
    topology = {kind: under(f"topology.{kind}.") for kind in ("links", "ever_active")}
    state.topology.load_state_dict({**header["topology"], **topology, "gradients": {}})
    state.generator.set_state(tensors["generator"])
    torch.set_rng_state(tensors["random.cpu"])
    if torch.cuda.is_available() and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])


def _random_states() -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()
    return states
