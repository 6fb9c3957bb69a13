"""Networks: multilayer perceptrons with sandwich layers."""

from collections import OrderedDict

import torch
from torch import nn

from netsparse.errors import NetsparseError
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
