"""`TopologyScheduler`: evolve the links of any model's linear layers, beside any optimizer."""

from __future__ import annotations

import fnmatch
import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.topologies import TOPOLOGIES, Correlations
from netsparse.training.chains import chain_groups
from netsparse.training.csr import CSRLinear
from netsparse.training.layers import SparseLinear
from netsparse.training.masked import read_graph, write_graph
from netsparse.training.methods import METHODS, Method
from netsparse.training.regrowth import REGROWTH_RULES
from netsparse.training.removal import REMOVAL_RULES
from netsparse.training.start_weights import START_WEIGHTS
from netsparse.training.update import LayerUpdate, update_topology

# Modules under a scheduler; a deep copy of one is not.
_SCHEDULED: weakref.WeakSet[nn.Module] = weakref.WeakSet()


@dataclass
class SparseLayer:
    """One layer under a scheduler.

    Attributes
    ----------
    name, source, target : str
        The module's name in the model; the names of the neuron groups that it joins.
    module : torch.nn.Module
        A `SparseLinear`, or a linear module with a ``weight_mask``.
    frozen : bool
        Whether early stop has frozen its topology.
    """

    name: str
    source: str
    target: str
    module: nn.Module
    frozen: bool = False
    hook: Any = field(default=None, repr=False)
    owns_mask: bool = field(default=False, repr=False)

    @property
    def weight(self) -> nn.Parameter:
        """The layer's weight: (n_target, n_source), or one number a link (see `SparseLinear`)."""
        return cast(nn.Parameter, self.module.weight)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of source and target neurons."""
        return cast(int, self.module.in_features), cast(int, self.module.out_features)

    @property
    def holds_links_only(self) -> bool:
        """Whether there is nothing where there is no link, and so nothing to mask."""
        return isinstance(self.module, CSRLinear)

    @property
    def graph(self) -> LayerGraph:
        """The layer's links and weights now."""
        return self.begin_graph()()

    def begin_graph(self) -> Callable[[], LayerGraph]:
        """Begin to read the layer's links and weights of now; the function returned gives them."""
        if isinstance(self.module, CSRLinear):
            return self.module.begin_graph(self.name, self.source, self.target)
        graph = read_graph(self.module, self.name, self.source, self.target)
        return lambda: graph


class TopologyScheduler:
    """Start and evolve the sparse topology of a model, in the manner of ``torch.optim.lr_scheduler``.

    Making it gives every chosen layer its start topology and start weights. Then call ``topology.step()`` after
    ``optimizer.step()``, once an epoch or once a batch as you like: every ``update_interval``-th call removes and
    regrows links. Where there is no link the gradient is 0, so that with SGD, Adam and their like weights and optimizer
    state stay 0 as well; what another optimizer (LBFGS, Muon, Rprop) leaves there, each call of ``step`` zeroes. The
    optimizer itself is not touched.

    Parameters
    ----------
    model : torch.nn.Module
    optimizer : torch.optim.Optimizer
        Of any kind; per-link state (whatever has the weight's shape) follows the links.
    method : str or Method
        A name of `netsparse.training.METHODS`.
    sparsity : float
        Of every layer, 0 … 1.
    layers : sequence of str, optional
        Names of linear modules, ``*`` and ``?`` allowed. Default: every `SparseLinear`; if there is none, every
        ``nn.Linear`` but the last, which stays dense.
    zeta : float
        Fraction of links removed at an update.
    update_interval : int
        Calls of `step` from one update to the next.
    data : array_like or torch.Tensor, shape (n_samples, …), optional
        Un-normalised training inputs, for the correlated start topology (CSTI). Without them a method that starts so
        starts from Erdős–Rényi, with a warning.
    seed : int
    **parts
        Any attribute of `Method`, to change one part of it: ``early_stop=0.9``, ``topology="keep"``,
        ``start_weights="keep"``, ``removal="magnitude-signed"``, ``subranking=False`` …

    Attributes
    ----------
    layers : list of SparseLayer
    last_update : dict of str to LayerUpdate
        What the last call of `step` did, by layer name; empty if it was no update.

    Raises
    ------
    NetsparseError
        If a name, number or part is unknown or out of range, a layer has a scheduler already or is not in the
        optimizer, or two layers share a weight.

    Notes
    -----
    Early stop: a layer whose overlap |taken ∩ regrown| / |regrown| reaches ``early_stop`` in one update is frozen;
    from then on only its weights train. The paper's text says 0.9, which freezes the topology at the second update,
    before the network has percolated; the default is 0.99, which stops once the topology is stable.

    Percolation follows the chains that `netsparse.training.chains.chain_groups` finds; if it finds none between several
    layers, a warning says so. A deep copy of the model is not under the scheduler: give it one of its own.

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 2))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    >>> topology = TopologyScheduler(model, optimizer, method="esml", sparsity=0.9)
    >>> loss = model(torch.ones(4, 20)).square().sum()
    >>> loss.backward()
    >>> optimizer.step()
    >>> topology.step()
    >>> [layer.graph.n_links for layer in topology.layers]
    [60, 90]
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        method: str | Method = "cht",
        sparsity: float = 0.99,
        *,
        layers: Sequence[str] | None = None,
        zeta: float = 0.3,
        update_interval: int = 1,
        data: Any = None,
        seed: int = 0,
        **parts: Any,
    ) -> None:
        self.method = _method(method, parts, with_data=data is not None)
        for name, value in (("sparsity", sparsity), ("zeta", zeta)):
            if not isinstance(value, Real) or not 0.0 <= value <= 1.0:
                raise NetsparseError(f"{name} must be a number between 0 and 1, it is {value!r}")
        for name, value, least in (("update_interval", update_interval, 1), ("seed", seed, 0)):
            if not isinstance(value, Integral) or value < least:
                raise NetsparseError(f"{name} must be a whole number of at least {least}, it is {value!r}")
        self.optimizer, self.zeta, self.update_interval = optimizer, zeta, update_interval
        self.n_steps = 0
        self.last_update: dict[str, LayerUpdate] = {}
        self._rng = np.random.default_rng(seed)
        data = data.detach().cpu().numpy() if torch.is_tensor(data) else data
        chosen = _choose(model, layers)
        groups = chain_groups(model, chosen)
        self.layers = [SparseLayer(name, *groups[name], module) for name, module in chosen.items()]
        self._check_attachable()
        if self.method.percolation and len(self.layers) > 1 and not self._joined():
            warnings.warn(
                f"method '{self.method.name}' lets cut-off neurons lose their links, but no two of the layers were "
                "seen to feed each other, so none will: name their neuron groups in model.group_names, or say "
                "percolation=False",
                stacklevel=2,
            )
        for layer, start in zip(self.layers, self._starts(sparsity, data), strict=True):
            self._attach(layer, *start)

    def _joined(self) -> bool:
        """Whether some layer feeds another one."""
        return bool({layer.source for layer in self.layers} & {layer.target for layer in self.layers})

    def _check_attachable(self) -> None:
        optimized = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        seen: dict[int, str] = {}
        for layer in self.layers:
            if is_lazy(layer.weight):
                raise NetsparseError(f"layer '{layer.name}' has no weights yet; run the model once on a batch first")
            if layer.module in _SCHEDULED:
                raise NetsparseError(f"layer '{layer.name}' has a TopologyScheduler already; detach() that one first")
            if id(layer.weight) not in optimized:
                raise NetsparseError(f"the weight of layer '{layer.name}' is not among the optimizer's parameters")
            if id(layer.weight) in seen:
                raise NetsparseError(f"layers '{seen[id(layer.weight)]}' and '{layer.name}' share one weight")
            seen[id(layer.weight)] = layer.name
            if self.method.evolves and layer.holds_links_only and isinstance(self.optimizer, torch.optim.LBFGS):
                raise NetsparseError(
                    f"LBFGS keeps one history of all weights, which cannot follow the links of layer '{layer.name}' "
                    "(backend 'csr' or 'cuda'); use another optimizer, or backend='masked'"
                )

    def _starts(self, sparsity: float, data: Any) -> list[tuple[LayerGraph, np.ndarray | None]]:
        """Make links and weights (None: as they are) of all layers, before any layer is touched."""
        if self.method.topology == "correlated":
            n_features, n_source = int(np.prod(np.shape(data)[1:])), self.layers[0].shape[0]
            if n_features != n_source:
                raise NetsparseError(
                    f"the data have {n_features} features, layer '{self.layers[0].name}' has {n_source} source "
                    "neurons: the correlated topology (CSTI) needs the inputs of the first layer"
                )
            data = Correlations.of(data)  # once for all layers
        starts = []
        for layer in self.layers:
            if self.method.topology == "keep":
                graph = Snapshot.from_model(layer.module).layers[0]
            else:
                topology = TOPOLOGIES[self.method.topology]
                graph = LayerGraph.from_mask(topology(layer.shape, 1.0 - sparsity, self._rng, data))
            weights = None
            if self.method.start_weights != "keep":
                weights = START_WEIGHTS[self.method.start_weights](graph, self._rng)
            starts.append((graph, weights))
        return starts

    def _attach(self, layer: SparseLayer, graph: LayerGraph, weights: np.ndarray | None) -> None:
        module, weight = layer.module, layer.weight
        if not isinstance(module, SparseLinear) and getattr(module, "weight_mask", None) is None:
            # not part of the model's own state dict: the scheduler's holds it
            module.register_buffer("weight_mask", torch.ones_like(weight, requires_grad=False), persistent=False)
            layer.owns_mask = True
        self._set_graph(layer, graph, weights)
        _SCHEDULED.add(module)
        always_full = not self.method.evolves and graph.n_links == weight.numel()
        masks_itself = isinstance(module, SparseLinear) or not weight.requires_grad
        if not masks_itself and not always_full:
            layer.hook = weight.register_hook(lambda gradient: gradient * cast(torch.Tensor, module.weight_mask))

    def _set_graph(self, layer: SparseLayer, graph: LayerGraph, weights: np.ndarray | None = None) -> None:
        """Give a layer new links; what the optimizer holds per link follows those that stay."""
        module, shape = layer.module, layer.weight.shape
        if isinstance(module, SparseLinear):
            carry = module.set_graph(graph, weights)
        else:
            carry = write_graph(module, graph, weights)
        state = self.optimizer.state.get(layer.weight, {})
        for key, value in state.items():
            if torch.is_tensor(value) and value.shape == shape:
                state[key] = carry(value)

    @property
    def frozen(self) -> bool:
        """Whether early stop has frozen every layer."""
        return all(layer.frozen for layer in self.layers)

    def step(self) -> None:
        """Count one call; every ``update_interval``-th one updates the topology of the layers that are not frozen."""
        self.n_steps += 1
        self.last_update = {}
        self._mask()
        if self.method.evolves and not self.frozen and self.n_steps % self.update_interval == 0:
            self._update()

    @torch.no_grad()
    def _mask(self) -> None:
        """Zero what an optimizer that moves weights of zero gradient has left where there is no link."""
        for layer in self.layers:
            if layer.holds_links_only:
                continue
            mask = cast(torch.Tensor, layer.module.weight_mask)
            state = self.optimizer.state.get(layer.weight, {}).values()
            per_weight = [v for v in state if torch.is_tensor(v) and v.shape == layer.weight.shape]
            for tensor in (layer.weight, layer.weight.grad, *per_weight):
                if tensor is not None:
                    tensor.mul_(mask)

    def _update(self) -> None:
        self._check_state()
        frozen = {layer.name for layer in self.layers if layer.frozen}
        graphs = [layer.graph for layer in self.layers]
        self.last_update = update_topology(graphs, self.method, self.zeta, self._rng, frozen)
        for layer in self.layers:
            if layer.name not in self.last_update:
                continue
            update = self.last_update[layer.name]
            # links that stay keep their weight, truly new ones weigh 0 unless the method draws what they weigh
            drawn = None if self.method.new_link_weights == "zero" else update.graph.weights
            self._set_graph(layer, update.graph, drawn)
            if self.method.early_stop is not None and update.overlap >= self.method.early_stop:
                layer.frozen = True

    def _check_state(self) -> None:
        """Refuse to update links whose optimizer holds something that is neither one number a link nor one in all."""
        for layer in self.layers:
            if not layer.holds_links_only:
                continue
            for key, value in self.optimizer.state.get(layer.weight, {}).items():
                follows = not torch.is_tensor(value) or value.numel() <= 1 or value.shape == layer.weight.shape
                if not follows or isinstance(value, (list, tuple, dict)):
                    raise NetsparseError(
                        f"the optimizer's state '{key}' of layer '{layer.name}' cannot follow its links (backend 'csr' "
                        "or 'cuda'): it does not have the weight's shape; use backend='masked'"
                    )

    def snapshot(self, epoch: int | None = None) -> Snapshot:
        """Return the layers' links and weights now."""
        return self.begin_snapshot(epoch)()

    def begin_snapshot(self, epoch: int | None = None) -> Callable[[], Snapshot]:
        """Begin to take a snapshot of now; the function returned gives it, while the training may go on.

        Weights that lie on a GPU go into pinned memory meanwhile.
        """
        graphs = [layer.begin_graph() for layer in self.layers]
        return lambda: Snapshot([graph() for graph in graphs], epoch)

    def detach(self) -> None:
        """Let go of the model: its weights stay as they are; nothing keeps a plain ``nn.Linear`` sparse any more."""
        for layer in self.layers:
            if layer.hook is not None:
                layer.hook.remove()
            if layer.owns_mask:
                del layer.module.weight_mask
            _SCHEDULED.discard(layer.module)
        self.layers = []

    def state_dict(self) -> dict[str, Any]:
        """Return links, counters, frozen layers and the random state; safe for ``torch.load(weights_only=True)``."""
        return {
            "method": self.method.name,
            "n_steps": self.n_steps,
            "frozen": {layer.name: layer.frozen for layer in self.layers},
            "links": {layer.name: torch.from_numpy(layer.graph.link_keys) for layer in self.layers},
            "shapes": {layer.name: list(layer.shape) for layer in self.layers},
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state that `state_dict` gave. Load the model's and the optimizer's first: this masks them.

        Raises
        ------
        NetsparseError
            If the state belongs to another method or to other layers.
        """
        if state["method"] != self.method.name:
            raise NetsparseError(f"this state belongs to method '{state['method']}', not '{self.method.name}'")
        if "links" not in state:
            raise NetsparseError("this state holds no links: it was saved by netsparse 0.1.0, whose states held masks")
        mine = {layer.name: list(layer.shape) for layer in self.layers}
        its = state["shapes"]
        if mine != its:
            raise NetsparseError(f"this state belongs to other layers: {its}, not {mine}")
        self.n_steps = state["n_steps"]
        self.last_update = {}
        self._rng.bit_generator.state = state["rng"]
        for layer in self.layers:
            layer.frozen = state["frozen"][layer.name]
            keys = state["links"][layer.name].numpy()
            if not np.array_equal(keys, layer.graph.link_keys):
                self._set_graph(layer, LayerGraph.from_keys(keys, layer.shape, layer.name))
        self._mask()


def _method(method: str | Method, parts: dict[str, Any], with_data: bool) -> Method:
    named = METHODS[method] if isinstance(method, str) else method
    unknown = sorted(set(parts) - set(Method.__dataclass_fields__) | (set(parts) & {"name", "summary"}))
    if unknown:
        raise NetsparseError(f"unknown part '{unknown[0]}'; a method has: {', '.join(Method.__dataclass_fields__)}")
    if parts.get("early_stop") is False:  # as the configuration says it
        parts = {**parts, "early_stop": None}
    made = replace(named, **parts)
    if made.topology == "correlated" and not with_data and "topology" not in parts:
        warnings.warn(
            f"method '{made.name}' starts from input correlations (CSTI), but no data were given: it starts from "
            "Erdős–Rényi; hand the training inputs to data=, or say topology='erdos_renyi'",
            stacklevel=3,
        )
        made = replace(made, topology="erdos_renyi")
    drawn = made.new_link_weights if made.new_link_weights != "zero" else "keep"
    for registry, name in ((TOPOLOGIES, made.topology), (START_WEIGHTS, made.start_weights), (START_WEIGHTS, drawn)):
        if name != "keep":
            registry[name]  # an unknown name is told before the model is touched
    if made.evolves:
        REMOVAL_RULES[made.removal or ""]
        REGROWTH_RULES[made.regrowth or ""]
    if made.fill not in ("active", "none"):
        raise NetsparseError(f"fill must be 'active' or 'none', not {made.fill!r}")
    if made.early_stop is not None and not (isinstance(made.early_stop, Real) and 0.0 < made.early_stop <= 1.0):
        raise NetsparseError(f"early_stop must be a number above 0 and up to 1, or None, it is {made.early_stop!r}")
    return made


def _choose(model: nn.Module, patterns: Sequence[str] | None) -> dict[str, nn.Module]:
    linear: dict[str, nn.Module] = {
        name or "layer": m for name, m in model.named_modules() if isinstance(m, (nn.Linear, SparseLinear))
    }
    if patterns is None:
        sparse: dict[str, nn.Module] = {name: m for name, m in linear.items() if isinstance(m, SparseLinear)}
        chosen = sparse or dict(list(linear.items())[:-1])
        if not chosen:
            raise NetsparseError("the model has no SparseLinear and not two nn.Linear; name the layers with layers=[…]")
        return chosen
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    if not patterns:
        raise NetsparseError(f"no layer is named; there are: {', '.join(linear) or 'none'}")
    for pattern in patterns:
        if not fnmatch.filter(linear, pattern):
            raise NetsparseError(f"no linear layer is named '{pattern}'; there are: {', '.join(linear) or 'none'}")
    return {name: m for name, m in linear.items() if any(fnmatch.fnmatchcase(name, p) for p in patterns)}
