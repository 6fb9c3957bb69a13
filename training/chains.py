"""Which layers of a model feed each other, so that percolation can follow the chain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import nn

# Modules between two linear layers through which neuron i stays neuron i.
_NEURON_WISE = (
    nn.AlphaDropout,
    nn.BatchNorm1d,
    nn.CELU,
    nn.Dropout,
    nn.ELU,
    nn.GELU,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,  # and ReLU6
    nn.Identity,
    nn.LayerNorm,
    nn.LeakyReLU,
    nn.Mish,
    nn.PReLU,
    nn.RMSNorm,
    nn.ReLU,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
)


def chain_groups(model: nn.Module, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name the source and target neuron group of each layer.

    Two layers share a group where an ``nn.Sequential``, nested ones included, leads from one to the other with only
    neuron-wise modules (activations, dropout, normalisation) between. Every other layer stands alone: a shape alone
    proves nothing.

    Parameters
    ----------
    model : torch.nn.Module
        A model with an attribute ``group_names`` (dict of the same form) is taken at its word.
    names : iterable of str
        The layers, by their names in ``model.named_modules()``.

    Returns
    -------
    dict of str to (str, str)

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> chain_groups(model, ["0", "2"])
    {'0': ('0.source', '0.target'), '2': ('0.target', '2.target')}
    """
    names = list(names)
    told = getattr(model, "group_names", {})
    groups = {name: told.get(name, (f"{name}.source", f"{name}.target")) for name in names}
    inner = {id(child) for m in model.modules() if _is_plain(m) for child in m.children() if _is_plain(child)}
    for prefix, module in model.named_modules():
        if isinstance(module, nn.Sequential) and id(module) not in inner:
            _join(module, f"{prefix}." if prefix else "", groups, set(told), None)
    return groups


def _is_plain(module: nn.Module) -> bool:
    return type(module) is nn.Sequential


def _join(
    sequence: nn.Sequential, prefix: str, groups: dict[str, tuple[str, str]], told: set[str], before: str | None
) -> str | None:
    """Join the layers of a sequence, given the layer that feeds it; return the one that it ends with."""
    for child, module in sequence.named_children():
        name = prefix + child
        if name in groups:
            if before is not None and name not in told:
                groups[name] = (groups[before][1], groups[name][1])
            before = name
        elif _is_plain(module):
            before = _join(cast(nn.Sequential, module), f"{name}.", groups, told, before)
        elif not isinstance(module, _NEURON_WISE):
            before = None
    return before
