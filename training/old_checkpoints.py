"""Training states that earlier releases wrote, as this one writes them (docs/run-directory.md tells the versions)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netsparse.graph import LayerGraph
from netsparse.run import Run
from netsparse.training.csr import CSRLinear
from netsparse.training.masked import gather_links

if TYPE_CHECKING:
    from netsparse.training.checkpoint import TrainingState

# What a checkpoint holds: its header, and its tensors by name.
Content = tuple[dict[str, Any], dict[str, torch.Tensor]]


def renew(header: dict[str, Any], tensors: dict[str, torch.Tensor], path: Path, state: TrainingState) -> Content:
    """Return what a checkpoint of an earlier version holds as one of today's version does.

    Parameters
    ----------
    header, tensors
        As they were read.
    path : pathlib.Path
        Of the checkpoint: the snapshots beside it tell which links there ever were.
    state : TrainingState
        Freshly made objects of the same run.

    Raises
    ------
    KeyError, ValueError
        If it is the state of another network.
    """
    version = header["format_version"]
    if version < 2:
        header, tensors = _links_of_masks(header, tensors, state)
    if version < 3:
        header, tensors = _counted_by_steps(header, tensors, path, state)
    return header, tensors


def _links_of_masks(header: dict[str, Any], tensors: dict[str, torch.Tensor], state: TrainingState) -> Content:
    """Version 1 to 2: link keys for dense masks; of layers that hold their links alone, a number a link."""
    tensors, shapes = dict(tensors), {}
    parameters = [parameter for group in state.optimizer.param_groups for parameter in group["params"]]
    numbers = {id(parameter): number for number, parameter in enumerate(parameters)}
    for layer in state.topology.layers:
        mask, number = tensors[f"topology.{layer.name}"], numbers[id(layer.weight)]
        n_target, n_source = mask.shape
        if (n_source, n_target) != tuple(layer.shape):
            raise ValueError(f"layer '{layer.name}' is of shape {(n_source, n_target)}, not {tuple(layer.shape)}")
        shapes[layer.name] = [n_source, n_target]
        weight = tensors[f"model.{layer.name}.weight"]
        keys, _ = gather_links(mask, weight)
        tensors[f"topology.{layer.name}"] = torch.from_numpy(keys)
        if not isinstance(layer.module, CSRLinear):
            continue
        del tensors[f"model.{layer.name}.weight_mask"]
        layer.module.set_graph(LayerGraph.from_keys(keys, (n_source, n_target)))
        for name, own in layer.module.state_dict().items():
            tensors.setdefault(f"model.{layer.name}.{name}", own)
        per_weight = [name for name in tensors if name.startswith(f"optimizer.{number}.")]
        for name in (f"model.{layer.name}.weight", *per_weight):
            if tensors[name].shape == weight.shape:
                tensors[name] = torch.from_numpy(gather_links(mask, tensors[name])[1]).to(tensors[name].dtype)
    # how a step is computed is not what the run is: today's optimizer keeps its own way
    groups = [
        {**group, **{name: mine[name] for name in ("foreach", "fused") if name in mine}}
        for group, mine in zip(header["optimizer"]["param_groups"], state.optimizer.param_groups, strict=True)
    ]
    optimizer = {**header["optimizer"], "param_groups": groups}
    return {**header, "optimizer": optimizer, "topology": {**header["topology"], "shapes": shapes}}, tensors


def _counted_by_steps(
    header: dict[str, Any], tensors: dict[str, torch.Tensor], path: Path, state: TrainingState
) -> Content:
    """Version 2 to 3: updates counted by batches, not epochs; what early stop, ITOP rate and dropout go on from."""
    topology, total_steps = dict(header["topology"]), state.topology.total_steps or 0
    layers = {layer.name: tensors[f"topology.{layer.name}"].numpy() for layer in state.topology.layers}
    topology["n_steps"] *= total_steps // state.options["epochs"]
    topology["settled"] = topology["frozen"]
    topology["start_densities"] = {
        name: len(keys) / max(int(np.prod(topology["shapes"][name])), 1) for name, keys in layers.items()
    }
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("topology.")}
    for name, keys in layers.items():
        tensors[f"topology.links.{name}"] = torch.from_numpy(keys)
    for name, keys in _ever_active(layers, path.parent, header["epoch"]).items():
        tensors[f"topology.ever_active.{name}"] = torch.from_numpy(keys)
    tensors["random.cpu"] = torch.get_rng_state()  # those versions had no dropout, which alone draws from it
    return {**header, "topology": topology, "options": state.options}, tensors


def _ever_active(layers: dict[str, np.ndarray], folder: Path, epoch: int) -> dict[str, np.ndarray]:
    """Return each layer's links of now and of the snapshots until then: all there were, if every epoch has one."""
    found = dict(layers)
    if not (folder / "snapshots").is_dir():
        return found
    run = Run(folder)
    for number in run.epochs:
        for layer in run.snapshot(number).layers if number <= epoch else ():
            if layer.name in found:
                found[layer.name] = np.union1d(found[layer.name], layer.link_keys)
    return found
