"""Which layers of a model feed each other, so that percolation can follow the chain."""

from __future__ import annotations

import builtins
import functools
import inspect
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
from netsparse.training.sparse_layer import layer_shape

_log = logging.getLogger("netsparse")

# Modules through which neuron or channel i stays what it is, and depends on no other …
_NEURON_WISE = (
    nn.AlphaDropout,
    nn.CELU,
    nn.Dropout,
    nn.ELU,
    nn.GELU,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,  # and ReLU6
    nn.Identity,
    nn.LeakyReLU,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
)
# … those for the channels of convolutions, and those for the neurons of linear layers. Layer normalisation is none of
# them: a neuron that nobody reads still moves mean and variance for the others.
_CHANNEL_WISE = (
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AvgPool2d,
    nn.BatchNorm2d,
    nn.Dropout2d,
    nn.MaxPool2d,
)
_FEATURE_WISE = (nn.BatchNorm1d,)
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

    The model is traced (``torch.fx``), in training and in evaluation mode. A layer's output and another one's input are
    one group of neurons where nothing but neuron-wise modules and functions (activations, dropout, batch normalisation,
    pooling behind convolutions, element-wise sums and products) lie between, where nothing else feeds that input, and
    where nothing but these layers reads that output: a neuron that one of them has cut off might else live on by the
    others. Layers that read the same tensor share their source group. A shape alone proves nothing.

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

    Notes
    -----
    What a trace cannot see: hooks that change an output, tensors that a forward puts aside for others, arguments other
    than the default ones, and what a forward that could not be traced does inside its traced children.
    """
    names = list(names)
    told = getattr(model, "group_names", {})
    groups = {name: told.get(name, (f"{name}.source", f"{name}.target")) for name in names}
    modules = dict(model.named_modules())  # a model that is one layer is not found under its name: it stands alone
    wanted = {id(modules[name]): name for name in names if name in modules and name not in told}
    containers = [(name, m) for name, m in modules.items() if id(m) not in wanted and _holds(m, wanted)]
    opaque: dict[int, str] = {}
    graphs: dict[int, list[tuple[nn.Module, fx.Graph]]] = {}
    inside: set[int] = set()
    for name, module in reversed(containers):  # children first
        try:
            graphs[id(module)] = _traces(module, wanted, opaque)
        except Exception as error:  # whatever a forward does with what is no tensor
            _log.debug("%s cannot be traced: %s: %s", name or "the model", type(error).__name__, error)
            opaque[id(module)] = name or type(module).__name__
            continue
        inside.update(id(m) for m in module.modules() if m is not module)
    outer = [traces for key, traces in graphs.items() if key not in inside or _below_opaque(model, key, opaque)]
    seen = [name for traces in outer for name in set().union(*(_called(*trace, wanted) for trace in traces))]
    twice = {name for name in seen if seen.count(name) > 1}
    for traces in outer:
        _join_traces(traces, {key: name for key, name in wanted.items() if name not in twice}, groups)
    return groups, [name for key, name in reversed(opaque.items())]


def _called(root: nn.Module, graph: fx.Graph, wanted: dict[int, str]) -> set[str]:
    """Return the names of the wanted layers that a graph calls."""
    called = (id(root.get_submodule(str(node.target))) for node in graph.nodes if node.op == "call_module")
    return {wanted[key] for key in called if key in wanted}


def _traces(module: nn.Module, wanted: dict[int, str], opaque: dict[int, str]) -> list[tuple[nn.Module, fx.Graph]]:
    """Trace a module in both modes, with arguments that have a default at it and, if that can be done, open."""
    root: nn.Module = nn.Sequential(OrderedDict(module.named_children())) if _is_sequence(module) else module
    parameters = inspect.signature(root.forward).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    modes = {m: m.training for m in root.modules()}
    traces = []
    try:
        for training in (True, False):
            root.train(training)
            traces.append((root, _Tracer(wanted, opaque).trace(root, concrete_args=defaults or None)))
            if defaults:
                try:
                    traces.append((root, _Tracer(wanted, opaque).trace(root)))
                except Exception as error:  # a flag, say: then the default alone counts
                    _log.debug("with open arguments: %s: %s", type(error).__name__, error)
    finally:
        for m, was in modes.items():
            m.training = was
    return traces


def _join_traces(
    traces: list[tuple[nn.Module, fx.Graph]], wanted: dict[int, str], groups: dict[str, tuple[str, str]]
) -> None:
    """Give layers common group names where all traces agree that they are joined."""
    found = []
    for root, graph in traces:
        joined = dict(groups)
        _join(graph, root, wanted, joined)
        found.append(joined)
    if all(joined == found[0] for joined in found):
        groups.update(found[0])


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
    of_convolution: bool = False
    leaks: bool = False


def _join(graph: fx.Graph, root: nn.Module, wanted: dict[int, str], groups: dict[str, tuple[str, str]]) -> None:
    """Give layers of a traced module common group names where they are joined."""
    carried: dict[fx.Node, _Neurons] = {}  # tensors whose neurons are those of wanted layers
    readers: dict[fx.Node, list[str]] = {}
    modules = {node: root.get_submodule(str(node.target)) for node in graph.nodes if node.op == "call_module"}
    calls = [wanted[id(m)] for m in modules.values() if id(m) in wanted]
    attributes = [str(node.target) for node in graph.nodes if node.op == "get_attr"]
    read_elsewhere = {
        wanted[id(m)]
        for path, m in root.named_modules()
        if id(m) in wanted and any(name.startswith(f"{path}.") for name in attributes)
    }
    for node in graph.nodes:
        inputs = node.all_input_nodes
        module = modules.get(node)
        name = wanted.get(id(module))
        alone = name is not None and calls.count(name) == 1 and name not in read_elsewhere
        if name is not None and alone and len(inputs) == 1:
            is_convolution = isinstance(module, nn.Conv2d)
            if not isinstance(module, nn.Conv2d) or module.groups == 1:
                readers.setdefault(inputs[0], []).append(name)
            if inputs[0] in carried:
                carried[inputs[0]].consumers.append(name)
                fits = carried[inputs[0]].of_convolution == is_convolution
                fits = fits and not (isinstance(module, nn.Conv2d) and module.groups > 1)
                carried[inputs[0]].leaks |= not fits
            carried[node] = _Neurons([name], of_convolution=is_convolution)
        elif _is_blind(node):
            continue
        elif len(inputs) == 1 and inputs[0] in carried and _keeps_neurons(node, module, carried[inputs[0]]):
            carried[node] = carried[inputs[0]]
        elif node.op == "call_function" and node.target in _JOINING and all(i in carried for i in inputs):
            carried[node] = _merged([carried[i] for i in inputs], carried)
        else:
            for read in inputs:
                if read in carried:
                    carried[read].leaks = True
    sizes = {wanted[id(m)]: layer_shape(m) for m in modules.values() if id(m) in wanted}
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


def _keeps_neurons(node: fx.Node, module: nn.Module | None, neurons: _Neurons) -> bool:
    """Whether neuron i of what comes out is made of neuron i of what goes in."""
    if node.op == "call_module":
        return isinstance(module, (*_NEURON_WISE, *(_CHANNEL_WISE if neurons.of_convolution else _FEATURE_WISE)))
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
            first.leaks |= other.leaks or other.of_convolution != first.of_convolution
            for node, neurons in carried.items():
                if neurons is other:
                    carried[node] = first
    return first
