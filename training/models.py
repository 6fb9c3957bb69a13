"""Networks: multilayer perceptrons with sandwich layers, and sandwich heads on any trunk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.registry import Registry
from netsparse.training.layers import SparseLinear
from netsparse.training.sequential import SparseSequential


class MLP(SparseSequential):
    """Input → sandwich layers → dense output, ReLU between.

    Parameters
    ----------
    n_features, n_classes : int
    width : int
        Neurons of each hidden group.
    n_sandwich : int
        Number of sandwich layers.
    sparsity : float
        Of the sandwich layers at first; 0 makes them plain ``nn.Linear``.
    seed : int
    backend : {"auto", "masked", "csr", "cuda"}
        Of the sandwich layers (see `SparseLinear`).
    device : torch.device or str, optional

    Attributes
    ----------
    group_names : dict of str to (str, str)
        Source and target neuron group of each sandwich layer.

    Raises
    ------
    NetsparseError
        If a size is not positive, or the backend does not run on the device.

    Examples
    --------
    >>> model = MLP(64, 10, width=32, sparsity=0.9)
    >>> [name for name, _ in model.named_children()]
    ['sandwich1', 'sandwich2', 'sandwich3', 'output']
    >>> model.group_names["sandwich1"]
    ('input', 'hidden1')
    """

    group_names: dict[str, tuple[str, str]]

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        width: int,
        n_sandwich: int = 3,
        sparsity: float = 0.99,
        seed: int = 0,
        backend: str = "auto",
        device: torch.device | str | None = None,
    ) -> None:
        sizes = {"n_features": n_features, "n_classes": n_classes, "width": width, "n_sandwich": n_sandwich}
        for name, size in sizes.items():
            if size < 1:
                raise NetsparseError(f"{name} must be at least 1, it is {size}")
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        groups, n_in, source = {}, n_features, "input"
        for i in range(1, n_sandwich + 1):
            name, target = f"sandwich{i}", f"hidden{i}"
            if sparsity > 0.0:
                modules[name] = SparseLinear(
                    n_in, width, sparsity, seed=seed + i, device=device, activation="relu", backend=backend
                )
            else:
                modules[name] = nn.Linear(n_in, width, device=device)
                nn.init.zeros_(modules[name].bias)  # type: ignore[arg-type]
                modules[f"relu{i}"] = nn.ReLU()
            groups[name] = (source, target)
            n_in, source = width, target
        modules["output"] = nn.Linear(width, n_classes, device=device)
        super().__init__(modules)
        self.group_names = groups


class SandwichNetwork(nn.Sequential):
    """A trunk whose classifier is 1–3 sandwich layers and a dense output: the paper's convolutional networks.

    Parameters
    ----------
    trunk : torch.nn.Module
        Any module that gives features of shape (batch, n_features).
    n_features, n_classes : int
    scale : float
        Width of the sandwich layers / n_features.
    n_sandwich, sparsity, seed, backend, device
        As in `MLP`, which the ``head`` is.
    image_shape : tuple of int, optional
        If given, samples come as flat vectors and are given this shape (channels, height, width) first.

    Attributes
    ----------
    group_names : dict of str to (str, str)
        Of the layers ``head.sandwich1`` …

    Raises
    ------
    NetsparseError
        If a size is not positive.

    Examples
    --------
    >>> trunk = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    >>> model = SandwichNetwork(trunk, 32, n_classes=10, scale=2.0, n_sandwich=2, sparsity=0.9)
    >>> model(torch.rand(4, 3, 16, 16)).shape
    torch.Size([4, 10])
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> from netsparse.training import TopologyScheduler
    >>> [layer.name for layer in TopologyScheduler(model, optimizer, "set", 0.9).layers]
    ['head.sandwich1', 'head.sandwich2']
    """

    def __init__(
        self,
        trunk: nn.Module,
        n_features: int,
        n_classes: int,
        scale: float = 1.0,
        n_sandwich: int = 3,
        sparsity: float = 0.99,
        seed: int = 0,
        backend: str = "auto",
        device: torch.device | str | None = None,
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        width = max(1, round(scale * n_features))
        head = MLP(n_features, n_classes, width, n_sandwich, sparsity, seed, backend, device)
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        if image_shape is not None:
            modules["image"] = nn.Unflatten(1, tuple(image_shape))
        modules["trunk"], modules["head"] = trunk.to(device), head
        super().__init__(modules)
        self.group_names = {f"head.{name}": groups for name, groups in head.group_names.items()}


@dataclass(frozen=True)
class Trunk:
    """A trunk that `netsparse train` knows.

    Attributes
    ----------
    summary : str
    n_features : int
        What it gives for an image.
    make : callable
        Takes the number of channels, gives the module.
    """

    summary: str
    n_features: int
    make: Callable[[int], nn.Module]


def _small_cnn(n_channels: int) -> nn.Module:
    layers: list[nn.Module] = []
    for n_in, n_out in ((n_channels, 32), (32, 64)):
        layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU()]
        layers.append(nn.MaxPool2d(2) if n_in == n_channels else nn.AdaptiveAvgPool2d(2))
    return nn.Sequential(*layers, nn.Flatten())


def _torchvision(name: str, n_channels: int, **options: Any) -> nn.Module:
    """Make one of torchvision's networks, of three channels."""
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:  # its operators belong to one build of torch
        raise NetsparseError(
            f"model '{name}' comes from torchvision, which cannot be imported here ({error}); install the torchvision "
            "that belongs to your torch, or take model 'small-cnn'"
        ) from error
    if n_channels != 3:
        raise NetsparseError(f"model '{name}' takes images of 3 channels, these have {n_channels}")
    return getattr(models, name)(weights=None, **options)


def _vgg16(n_channels: int) -> nn.Module:
    network: Any = _torchvision("vgg16", n_channels)
    return nn.Sequential(network.features, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _without_fc(name: str, n_channels: int, **options: Any) -> nn.Module:
    network: Any = _torchvision(name, n_channels, **options)
    network.fc = nn.Identity()
    return network


TRUNKS: Registry[Trunk] = Registry("model")
for _name, _trunk in (
    ("small-cnn", Trunk("Two convolutions, for images of any size", 256, _small_cnn)),
    ("vgg16", Trunk("torchvision's VGG16, averaged over the image", 512, _vgg16)),
    (
        "googlenet",
        Trunk(
            "torchvision's GoogLeNet",
            1024,
            lambda n_channels: _without_fc("googlenet", n_channels, aux_logits=False, init_weights=True),
        ),
    ),
    ("resnet50", Trunk("torchvision's ResNet50", 2048, lambda n_channels: _without_fc("resnet50", n_channels))),
    ("resnet152", Trunk("torchvision's ResNet152", 2048, lambda n_channels: _without_fc("resnet152", n_channels))),
):
    TRUNKS.add(_name, _trunk)
