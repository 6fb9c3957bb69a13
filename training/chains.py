"""Which layers of a model feed each other, so that percolation can follow the chain."""

from __future__ import annotations

import builtins
import functools
import logging
import operator
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from netsparse.training.sequential import SparseSequential

_log = logging.getLogger("netsparse")

# Modules through which neuron (or channel) i stays neuron i.
_NEURON_WISE = (
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AlphaDropout,
    nn.AvgPool2d,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.CELU,
    nn.Dropout,
    nn.Dropout2d,
    nn.ELU,
    nn.GELU,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,  # and ReLU6
    nn.Identity,
    nn.LayerNorm,
    nn.LeakyReLU,
    nn.MaxPool2d,
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
# Functions and tensor methods of one tensor that do so, too.
_FUNCTIONS = {
    torch.relu,
    torch.sigmoid,
    torch.tanh,
    functional.dropout,
    functional.elu,
    functional.gelu,
    functional.hardswish,
    functional.leaky_relu,
    functional.mish,
    functional.relu,
    functional.selu,
    functional.sigmoid,
    functional.silu,
    functional.softplus,
    functional.tanh,
}
_MAPPING_METHODS = {
    "clone",
    "contiguous",
    "float",
    "half",
    "bfloat16",
    "relu",
    "relu_",
    "sigmoid",
    "tanh",
    "to",
    "type",
}
# What reads no neuron.
_BLIND = {"dim", "size", "device", "dtype", "ndim", "shape"}
# Functions that join neuron i of one tensor with neuron i of another, or with a number.
_JOINING = {operator.add, operator.iadd, operator.mul, operator.imul, operator.sub, torch.add, torch.mul, torch.sub}


def chain_groups(model: nn.Module, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name the source and target neuron group of each layer (see `trace_chains`).

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> chain_groups(model, ["0", "2"])
    {'0': ('0.source', '0.target'), '2': ('0.target', '2.target')}
    """
    return trace_chains(model, names)[0]


def trace_chains(model: nn.Module, names: Iterable[str]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Name the source and target neuron group of each layer.

    The model is traced (``torch.fx``). A layer's output and another one's input are one group of neurons where nothing
    but neuron-wise modules and functions (activations, dropout, normalisation, pooling, element-wise sums and products)
    lie between, where nothing else feeds that input, and where nothing but these layers reads that output: a neuron
    that one of them has cut off might else live on by the others. Layers that read the same tensor share their source
    group. A shape alone proves nothing.

    Parameters
    ----------
    model : torch.nn.Module
        A model with an attribute ``group_names`` (dict of the same form) is taken at its word.
    names : iterable of str
        The layers, by their names in ``model.named_modules()``.

    Returns
    -------
    groups : dict of str to (str, str)
    untraced : list of str
        Names of modules around such layers that could not be traced (control flow that depends on the data): chains end
        at their borders and are looked for in their children.
    """
    names = list(names)
    told = getattr(model, "group_names", {})
    groups = {name: told.get(name, (f"{name}.source", f"{name}.target")) for name in names}
    modules = dict(model.named_modules())  # a model that is one layer is not found under its name: it stands alone
    wanted = {id(modules[name]): name for name in names if name in modules and name not in told}
    containers = [(name, m) for name, m in modules.items() if id(m) not in wanted and _holds(m, wanted)]
    opaque: dict[int, str] = {}
    graphs: dict[int, tuple[nn.Module, fx.Graph]] = {}
    inside: set[int] = set()
    for name, module in reversed(containers):  # children first
        root: nn.Module = nn.Sequential(OrderedDict(module.named_children())) if _is_sequence(module) else module
        try:
            graphs[id(module)] = root, _Tracer(wanted, opaque).trace(root)
        except Exception as error:  # whatever a forward does with what is no tensor
            _log.debug("%s cannot be traced: %s: %s", name or "the model", type(error).__name__, error)
            opaque[id(module)] = name or type(module).__name__
            continue
        inside.update(id(m) for m in module.modules() if m is not module)
    for key, (root, graph) in graphs.items():
        if key not in inside or _below_opaque(model, key, opaque):
            _join(graph, root, wanted, groups)
    return groups, [name for key, name in reversed(opaque.items())]


def _holds(module: nn.Module, wanted: dict[int, str]) -> bool:
    return any(id(m) in wanted for m in module.modules())


def _is_sequence(module: nn.Module) -> bool:
    """Whether a module does what ``nn.Sequential`` does, by a forward that cannot be traced."""
    return type(module).forward is SparseSequential.forward


def _below_opaque(model: nn.Module, key: int, opaque: dict[int, str]) -> bool:
    """Whether a module is a child of one that could not be traced, so that no traced module holds it."""
    parents = [m for m in model.modules() if any(id(child) == key for child in m.children())]
    return any(id(parent) in opaque for parent in parents)


class _Tracer(fx.Tracer):
    """Traces into modules that hold wanted layers, and into no others."""

    def __init__(self, wanted: dict[int, str], opaque: dict[int, str]) -> None:
        super().__init__()
        self._wanted, self._opaque = wanted, opaque

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return id(m) in self._wanted or id(m) in self._opaque or not _holds(m, self._wanted)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if _is_sequence(m):
            forward = functools.partial(nn.Sequential.forward, m)  # type: ignore[arg-type]
        return super().call_module(m, forward, args, kwargs)


@dataclass
class _Neurons:
    """A group of neurons: whose output they are, whose input, and whether anything else has to do with them."""

    producers: list[str] = field(default_factory=list)
    consumers: list[str] = field(default_factory=list)
    leaks: bool = False


def _join(graph: fx.Graph, root: nn.Module, wanted: dict[int, str], groups: dict[str, tuple[str, str]]) -> None:
    """Give layers of a traced module common group names where they are joined."""
    carried: dict[fx.Node, _Neurons] = {}  # tensors whose neurons are those of wanted layers
    readers: dict[fx.Node, list[str]] = {}
    modules = {node: root.get_submodule(str(node.target)) for node in graph.nodes if node.op == "call_module"}
    calls = [wanted[id(m)] for m in modules.values() if id(m) in wanted]
    for node in graph.nodes:
        inputs = node.all_input_nodes
        name = wanted.get(id(modules.get(node)))
        if name is not None and calls.count(name) == 1 and len(inputs) == 1:
            readers.setdefault(inputs[0], []).append(name)
            if inputs[0] in carried:
                carried[inputs[0]].consumers.append(name)
            carried[node] = _Neurons([name])
        elif _is_blind(node):
            continue
        elif _keeps_neurons(node, modules) and len(inputs) == 1:
            if inputs[0] in carried:
                carried[node] = carried[inputs[0]]
        elif node.op == "call_function" and node.target in _JOINING and all(i in carried for i in inputs):
            carried[node] = _merged([carried[i] for i in inputs], carried)
        else:
            for read in inputs:
                if read in carried:
                    carried[read].leaks = True
    sizes = {wanted[id(m)]: _sizes(m) for m in modules.values() if id(m) in wanted}
    for names in readers.values():
        for name in names[1:]:
            if sizes[name][0] == sizes[names[0]][0]:
                groups[name] = (groups[names[0]][0], groups[name][1])
    for neurons in {id(n): n for n in carried.values()}.values():
        ends = {sizes[p][1] for p in neurons.producers} | {sizes[c][0] for c in neurons.consumers}
        loops = set(neurons.producers) & set(neurons.consumers)  # a layer around which its input is added
        if not neurons.leaks and not loops and neurons.consumers and len(ends) == 1:
            joint = groups[neurons.producers[0]][1]
            for producer in neurons.producers:
                groups[producer] = (groups[producer][0], joint)
            for consumer in neurons.consumers:
                groups[consumer] = (joint, groups[consumer][1])


def _keeps_neurons(node: fx.Node, modules: dict[fx.Node, nn.Module]) -> bool:
    """Whether neuron i of what comes out is made of neuron i of what goes in."""
    if node.op == "call_module":
        return isinstance(modules[node], _NEURON_WISE)
    if node.op == "call_method":
        return node.target in _MAPPING_METHODS
    return node.op == "call_function" and (node.target in _FUNCTIONS or node.target in _JOINING)


def _is_blind(node: fx.Node) -> bool:
    """Whether a node asks for a shape or a type alone."""
    if node.op == "call_method":
        return node.target in _BLIND
    return node.op == "call_function" and node.target is builtins.getattr and node.args[1] in _BLIND


def _merged(parts: list[_Neurons], carried: dict[fx.Node, _Neurons]) -> _Neurons:
    """Make one group of several, everywhere."""
    first = parts[0]
    for other in parts[1:]:
        if other is not first:
            first.producers += other.producers
            first.consumers += other.consumers
            first.leaks |= other.leaks
            for node, neurons in carried.items():
                if neurons is other:
                    carried[node] = first
    return first


def _sizes(module: nn.Module) -> tuple[int, int]:
    """Return the numbers of source and target neurons of a layer."""
    if isinstance(module, nn.Conv2d):
        return module.weight[0].numel(), module.out_channels
    return int(module.in_features), int(module.out_features)  # type: ignore[arg-type]
