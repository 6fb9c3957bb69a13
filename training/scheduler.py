"""`TopologyScheduler`: evolve the links of any model's linear and convolutional layers, beside any optimizer."""

from __future__ import annotations

import logging
import math
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.selection import find_keys
from netsparse.topologies import TOPOLOGIES, Correlations
from netsparse.topologies.budget import link_budget
from netsparse.training import processes
from netsparse.training.chains import trace_chains
from netsparse.training.finite import DivergedError, check_finite
from netsparse.training.gradients import GradientWatch, LayerWatch
from netsparse.training.layers import SparseLinear
from netsparse.training.masked import write_graph
from netsparse.training.methods import Method, resolve_method
from netsparse.training.regrowth import GRADIENT_STEPS
from netsparse.training.removal import BY_GRADIENT
from netsparse.training.schedules import DENSITY_SCHEDULES, ZETA_SCHEDULES
from netsparse.training.sparse_layer import SparseLayer, choose_layers, share_out
from netsparse.training.start_weights import START_WEIGHTS
from netsparse.training.update import LayerUpdate, update_topology

_log = logging.getLogger("netsparse")

# Modules under a scheduler; a deep copy of one is not.
_SCHEDULED: weakref.WeakSet[nn.Module] = weakref.WeakSet()


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
        One in ``DistributedDataParallel`` as well.
    optimizer : torch.optim.Optimizer
        Of any kind; per-link state (whatever has the weight's shape) follows the links.
    method : str, pathlib.Path or Method
        A name of `netsparse.training.METHODS`, or a TOML file that names parts (`resolve_method`).
    sparsity : float or dict of str to float
        Of all layers together (the method's ``layer_density`` shares the links out), 0 … 1; or of each layer, by name
        pattern, the first that fits.
    layers : str, type, or sequence of these, optional
        Names of ``nn.Linear``, ``nn.Conv2d`` or `SparseLinear` modules, ``*`` and ``?`` allowed, or their types.
        Default: every `SparseLinear`; if there is none, every ``nn.Linear`` but the last, which stays dense. A
        convolution counts as the graph n_in · k_h · k_w × n_out.
    data : array_like or torch.Tensor, shape (n_samples, …), or Correlations, optional
        Un-normalised training inputs, or their correlations, for the correlated start topology (CSTI). Without them a
        method that starts so starts from Erdős–Rényi, with a warning.
    seed : int
    total_steps : int, optional
        How often `step` will be called in the whole training. Methods whose parts change with time (RigL, GraNet,
        CHTs …) need it; with it, no update comes at the very end, whose new links would never train.
    **parts
        Any attribute of `Method`, to change one part of it: ``zeta=0.2``, ``update_interval=100``, ``early_stop=0.9``,
        ``topology="keep"``, ``start_weights="keep"``, ``removal="magnitude-signed"``, ``subranking=False`` …

    Attributes
    ----------
    layers : list of SparseLayer
    method : Method
        With its parts as they are used.
    n_steps : int
        Calls of `step` so far.
    untraced : list of str
        Modules that ``torch.fx`` could not trace: percolation stops at their borders.
    last_update : dict of str to LayerUpdate
        What the last call of `step` did, by layer name; empty if it was no update.

    Raises
    ------
    NetsparseError
        If a name, number or part is unknown or out of range, a layer has a scheduler already or is not in the
        optimizer, two layers share a weight, or the training is too short for the method's density to reach its end.

    Notes
    -----
    Early stop: a layer whose overlap |taken ∩ regrown| / |regrown| reaches ``early_stop`` in one update is frozen;
    from then on only its weights train. The paper's text says 0.9, which freezes the topology at the second update,
    before the network has percolated; the default is 0.99, which stops once the topology is stable.

    Percolation follows the chains that `netsparse.training.chains.trace_chains` finds; if it finds none between several
    layers, a warning says so. A deep copy of the model is not under the scheduler: give it one of its own.

    Growing by gradient: before an update (``torch.nn`` modules: at every step, where it costs nothing) hooks keep what
    came into a layer and what came back at the last step (``momentum``: the last 20 steps, each by 0.9 less); the
    product of both, the dense gradient, is made at the update alone, a block of rows at a time. With `step` once an
    epoch the hooks stay, and the layers are called one by one.

    In a group of processes (``torch.distributed``) make one in each, in the same way, and call `step` in all of them:
    process 0 decides, the others take its links over. Call models with layers of the ``csr`` and ``cuda`` backends
    through `Replica`.

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
        method: str | Path | Method = "cht",
        sparsity: float | Mapping[str, float] = 0.99,
        *,
        layers: str | type[nn.Module] | Sequence[str | type[nn.Module]] | None = None,
        data: Any = None,
        seed: int = 0,
        total_steps: int | None = None,
        **parts: Any,
    ) -> None:
        if not isinstance(model, nn.Module) or not hasattr(optimizer, "param_groups"):
            told = f"a {type(model).__name__} and a {type(optimizer).__name__}"
            raise NetsparseError(f"a scheduler takes a torch model and its optimizer, not {told}")
        self.method = _with_data(resolve_method(method, parts), parts, data is not None)
        for name, value, least in (("seed", seed, 0), ("total_steps", total_steps, 1)):
            if value is not None and (not isinstance(value, Integral) or value < least):
                raise NetsparseError(f"{name} must be a whole number of at least {least}, it is {value!r}")
        self.optimizer, self.total_steps = optimizer, total_steps
        self.n_steps = 0
        self.last_update: dict[str, LayerUpdate] = {}
        self._rng = np.random.default_rng(seed)
        self._is_wrapped = isinstance(model, nn.parallel.DistributedDataParallel)
        model = cast(nn.Module, model.module) if self._is_wrapped else model
        data = data.detach().cpu().numpy() if torch.is_tensor(data) else data
        chosen = choose_layers(model, layers)
        self.layers = [SparseLayer(name, "", "", module) for name, module in chosen.items()]
        self._check_attachable(model)
        groups, self.untraced = trace_chains(model, chosen)
        for layer in self.layers:
            layer.source, layer.target = groups[layer.name]
        share_out(self.layers, sparsity, self.method)
        self._check_length()
        if self.method.percolation and len(self.layers) > 1:
            self._warn_of_chains()
        starts = cast(Any, processes.from_first(self._starts(data) if processes.rank() == 0 else None))
        self._check_sizes({layer.name: start[0] for layer, start in zip(self.layers, starts, strict=True)})
        for layer, start in zip(self.layers, starts, strict=True):
            self._attach(layer, *start)
        self._watch = self._make_watch()
        self._arm()

    def _warn_of_chains(self) -> None:
        where = f" ({', '.join(self.untraced)} could not be traced)" if self.untraced else ""
        if not {layer.source for layer in self.layers} & {layer.target for layer in self.layers}:
            warnings.warn(
                f"method '{self.method.name}' lets cut-off neurons lose their links, but no two of the layers were "
                f"seen to feed each other{where}, so none will: name their neuron groups in model.group_names, or say "
                "percolation=False",
                stacklevel=3,
            )
        elif self.untraced:
            warnings.warn(f"percolation stops at the borders of what could not be traced: {where[2:-1]}", stacklevel=3)

    def _check_attachable(self, model: nn.Module) -> None:
        chosen = {layer.name for layer in self.layers}
        holders: dict[int, list[str]] = {}
        for name, module in model.named_modules():
            for parameter in module._parameters.values():
                holders.setdefault(id(parameter), []).append(name)
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
            others = [name for name in holders.get(id(layer.weight), []) if name and name not in chosen]
            if others:
                raise NetsparseError(f"layer '{layer.name}' shares its weight with '{others[0]}', which is not chosen")
            if self.method.evolves and layer.holds_links_only and isinstance(self.optimizer, torch.optim.LBFGS):
                raise NetsparseError(
                    f"LBFGS keeps one history of all weights, which cannot follow the links of layer '{layer.name}' "
                    "(backend 'csr' or 'cuda'); use another optimizer, or backend='masked'"
                )

    def _check_length(self) -> None:
        """Refuse a training that the method's schedules cannot be laid over."""
        method, total = self.method, self.total_steps
        if method.needs_total_steps and total is None:
            raise NetsparseError(
                f"parts of method '{method.name}' change with time: say total_steps=, how often topology.step() will "
                "be called in the whole training"
            )
        if method.density_schedule != "constant" and total is not None:
            ending = method.update_until * total
            last = (math.ceil(ending) - 1) // method.update_interval * method.update_interval
            if last < method.density_until * total:
                raise NetsparseError(
                    f"the density of method '{method.name}' is to reach its end after {method.density_until:g} of "
                    f"{total} steps, but the last update comes at step {last}: train longer, or update more often "
                    f"(update_interval is {method.update_interval} steps)"
                )

    def _starts(self, data: Any) -> list[tuple[LayerGraph, np.ndarray | None]]:
        """Make links and weights (None: as they are) of all layers, before any layer is touched."""
        if self.method.topology == "correlated":
            if data is None:
                raise NetsparseError("the correlated topology (CSTI) needs data=: the training inputs")
            n_source = self.layers[0].shape[0]
            known = isinstance(data, Correlations)
            n_features = len(data.matrix) if known else int(np.prod(np.shape(data)[1:]))
            if n_features != n_source:
                raise NetsparseError(
                    f"the data have {n_features} features, layer '{self.layers[0].name}' has {n_source} source "
                    "neurons: the correlated topology (CSTI) needs the inputs of the first layer"
                )
            data = data if known else Correlations.of(data)  # once for all layers
        starts = []
        for layer in self.layers:
            if self.method.topology == "keep":
                graph = Snapshot.from_model(layer.module).layers[0]
            else:
                topology = TOPOLOGIES[self.method.topology]
                options = dict(self.method.topology_options)
                graph = LayerGraph.from_mask(topology(layer.shape, layer.start_density, self._rng, data, **options))
            weights = None
            if self.method.start_weights != "keep":
                weights = START_WEIGHTS[self.method.start_weights](graph, self._rng, self.method.nonlinearity)
            starts.append((graph, weights))
        return starts

    def _attach(self, layer: SparseLayer, graph: LayerGraph, weights: np.ndarray | None) -> None:
        module, weight = layer.module, layer.weight
        if not isinstance(module, SparseLinear) and getattr(module, "weight_mask", None) is None:
            # not part of the model's own state dict: the scheduler's holds it
            module.register_buffer("weight_mask", torch.ones_like(weight, requires_grad=False), persistent=False)
            layer.owns_mask = True
        self._set_graph(layer, graph, weights)
        if not graph.n_links:
            _log.warning("layer '%s' starts without a link, and stays so: take a lower sparsity", layer.name)
        layer.ever_active = graph.link_keys
        if self.method.density_schedule != "constant" and self.method.topology == "keep":
            layer.start_density = graph.density
        _SCHEDULED.add(module)
        layer.stays_full = not self.method.evolves and graph.n_links == weight.numel()
        self._hook(layer)

    def _hook(self, layer: SparseLayer) -> None:
        """Mask the gradient of a layer that does not do so itself."""
        masks_itself = isinstance(layer.module, SparseLinear) or layer.stays_full
        if layer.hook is None and layer.weight.requires_grad and not masks_itself:
            layer.hook = layer.weight.register_hook(lambda gradient: self._masked(layer, gradient))

    def _masked(self, layer: SparseLayer, gradient: torch.Tensor) -> torch.Tensor:
        if self._watch is not None and self._watch.is_armed:
            self._watch.layers[layer.name].keep_dense(gradient)
        return gradient * cast(torch.Tensor, layer.module.weight_mask)

    def _make_watch(self) -> GradientWatch | None:
        n_steps = GRADIENT_STEPS.get(self.method.regrowth or "")
        if n_steps is None:
            return None
        watched = {x.name: (x.module, not isinstance(x.module, SparseLinear)) for x in self.layers}
        return GradientWatch(watched, self.optimizer, n_steps)

    def _arm(self) -> None:
        """Watch gradients, if the next call of `step` or one soon after it will need them."""
        if self._watch is not None:
            near = self.steps_to_update
            if near is not None and near <= self._watch.n_steps:
                self._watch.arm()
            else:
                self._watch.disarm()

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

    @property
    def steps_to_update(self) -> int | None:
        """How many calls of `step` it is to the next update; None if none will come."""
        if not self.method.evolves or self.frozen:
            return None
        interval = self.method.update_interval
        near = interval - self.n_steps % interval
        last = self.total_steps is not None and self.n_steps + near >= self.method.update_until * self.total_steps
        return None if last else near

    @property
    def steps_to_gradients(self) -> int | None:
        """How many calls of `step` it is to the next one before which autograd must run; None if none will come.

        It is for loops that train by other means than autograd meanwhile (`netsparse.training.train_epoch`).
        """
        near = self.steps_to_update
        if near is None:
            return None
        if self._watch is not None:
            return max(near - self._watch.n_steps + 1, 1)
        return near if self.method.removal in BY_GRADIENT else None

    def forget_gradients(self) -> None:
        """Forget what was seen of the gradients (of methods that grow by them) so far."""
        if self._watch is not None:
            self._watch.disarm()
        self._arm()

    def step(self, n: int = 1) -> None:
        """Count a call, or n of them at once; every ``update_interval``-th one updates the topology.

        Raises
        ------
        NetsparseError
            If n calls at once would pass over an update.
        DivergedError
            If weights are infinite or NaN when links are to be updated by them.
        """
        near = self.steps_to_update
        if n < 1 or (near is not None and n > near):
            raise NetsparseError(f"step({n}): the next update is {near} steps away")
        self.n_steps += n
        self.last_update = {}
        self._mask()
        for layer in self.layers:  # one whose weight was frozen when it was attached
            self._hook(layer)
        if n == near:
            self._update()
        self._arm()

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
        try:
            check_finite({f"layer '{layer.name}'": layer.weight for layer in self.layers})
        except DivergedError as error:
            raise DivergedError(
                f"{error} at step {self.n_steps}: the training has diverged, there is nothing to update links by; take "
                "a smaller learning rate, or clip the gradients"
            ) from error
        frozen = {layer.name for layer in self.layers if layer.frozen}
        if self._watch is not None:
            self._watch.gather([layer.name for layer in self.layers if layer.name not in frozen])
        decided = self._decide(frozen) if processes.rank() == 0 else None
        decided = cast(Any, processes.from_first(decided))
        if decided is None:
            _log.warning("the loss overflowed: the topology update of step %d is left out", self.n_steps)
            self.forget_gradients()
            return
        updates, random_state = decided
        self._check_sizes({name: update.graph for name, update in updates.items()})
        self.last_update, self._rng.bit_generator.state = updates, random_state
        for layer in self.layers:
            if layer.name not in self.last_update:
                continue
            update = self.last_update[layer.name]
            if not update.graph.n_links and layer.graph.n_links:
                _log.warning(
                    "step %d: layer '%s' has lost all its links and is left to its biases: take a lower sparsity, or a "
                    "method that does not let cut-off neurons go (percolation=false)",
                    self.n_steps,
                    layer.name,
                )
            # links that stay keep their weight, truly new ones weigh 0 unless the method draws what they weigh
            drawn = None if self.method.new_link_weights == "zero" else update.graph.weights
            self._set_graph(layer, update.graph, drawn)
            keys = update.graph.link_keys
            new = keys[~find_keys(layer.ever_active, keys)[1]]
            layer.ever_active = np.sort(np.concatenate([layer.ever_active, new]), kind="stable")  # each sorted already
        self._stop_early()
        if self._watch is not None:
            self._watch.disarm()

    def _decide(self, frozen: set[str]) -> tuple[dict[str, LayerUpdate], dict[str, Any]] | None:
        """Make the update of all layers; return it and the random state behind it. None: no gradient is finite."""
        method, gradients = self.method, self._gradients()
        of_links = [watch.of_links for watch in gradients.values() if watch.of_links is not None]
        if self._watch is not None and any(
            watch.overflowed and watch.is_empty for watch in self._watch.layers.values()
        ):
            return None
        if not all(np.isfinite(gradient).all() for gradient in of_links):
            return None
        zeta, n_links, temperature = method.zeta, {}, method.temperature_start
        if self.total_steps is not None:
            done = self.n_steps / self.total_steps
            zeta = ZETA_SCHEDULES[method.zeta_schedule](zeta, min(done / method.update_until, 1.0))
            temperature += (method.temperature_end - method.temperature_start) * done
        if method.density_schedule != "constant":
            schedule, progress = DENSITY_SCHEDULES[method.density_schedule], self._density_progress
            for layer in self.layers:
                density = schedule(layer.start_density, layer.density, progress)
                n_links[layer.name] = link_budget(layer.shape, min(max(density, 0.0), 1.0))
        graphs = [layer.graph for layer in self.layers]
        made = update_topology(
            graphs, method, zeta, self._rng, frozen, n_links=n_links, temperature=temperature, gradients=gradients
        )
        return made, dict(self._rng.bit_generator.state)

    def _gradients(self) -> dict[str, Any]:
        """Return what the rules want to know of the gradients, by layer."""
        if self._watch is not None:
            found = {name: watch for name, watch in self._watch.layers.items() if not watch.is_empty}
        else:
            found = {layer.name: LayerWatch(layer.module, 1) for layer in self.layers}
        if self.method.removal in BY_GRADIENT:
            for layer in self.layers:
                if layer.name in found:
                    found[layer.name].of_links = layer.link_gradients
        return found

    @property
    def _density_progress(self) -> float:
        """How far the density is on its way to the end, 0 … 1."""
        if self.method.density_schedule == "constant" or self.total_steps is None:
            return 1.0
        return min(self.n_steps / (self.method.density_until * self.total_steps), 1.0)

    def _stop_early(self) -> None:
        threshold = self.method.early_stop
        if threshold is None or self._density_progress < 1.0:
            return
        for layer in self.layers:
            if layer.name in self.last_update and self.last_update[layer.name].overlap >= threshold:
                layer.settled = True
        for layer in self.layers:
            layer.frozen = (
                layer.settled
                if self.method.early_stop_scope == "layer"
                else all(other.settled for other in self.layers)
            )

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

    def _check_sizes(self, graphs: Mapping[str, LayerGraph]) -> None:
        """Refuse to change the size of weights that ``DistributedDataParallel`` has taken the size of."""
        for layer in self.layers:
            changes = layer.name in graphs and graphs[layer.name].n_links != layer.weight.numel()
            if self._is_wrapped and layer.holds_links_only and changes:
                raise NetsparseError(
                    f"the number of links of layer '{layer.name}' changes, and so the size of its weight (backend "
                    "'csr' or 'cuda'), which DistributedDataParallel does not allow: hand the bare model to the "
                    "scheduler and call it through netsparse.training.Replica(model), or use backend='masked'"
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
        if self._watch is not None:
            self._watch.disarm()
            self._watch = None
        for layer in self.layers:
            if layer.hook is not None:
                layer.hook.remove()
            if layer.owns_mask:
                del layer.module.weight_mask
            _SCHEDULED.discard(layer.module)
        self.layers = []

    def state_dict(self) -> dict[str, Any]:
        """Return links, counters, early stop, gradients that are being watched, and the random state.

        It is safe for ``torch.load(weights_only=True)``.
        """
        return {
            "method": self.method.name,
            "n_steps": self.n_steps,
            "frozen": {layer.name: layer.frozen for layer in self.layers},
            "settled": {layer.name: layer.settled for layer in self.layers},
            "links": {layer.name: torch.from_numpy(layer.graph.link_keys) for layer in self.layers},
            "ever_active": {layer.name: torch.from_numpy(layer.ever_active) for layer in self.layers},
            "shapes": {layer.name: list(layer.shape) for layer in self.layers},
            "start_densities": {layer.name: layer.start_density for layer in self.layers},
            "gradients": {name: watch.state() for name, watch in self._watch.layers.items()} if self._watch else {},
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
        if "links" not in state or "ever_active" not in state:
            raise NetsparseError("this state was saved by an earlier netsparse, whose states held other things")
        mine = {layer.name: list(layer.shape) for layer in self.layers}
        its = state["shapes"]
        if mine != its:
            raise NetsparseError(f"this state belongs to other layers: {its}, not {mine}")
        self.n_steps = state["n_steps"]
        self.last_update = {}
        self._rng.bit_generator.state = state["rng"]
        for layer in self.layers:
            layer.frozen, layer.settled = state["frozen"][layer.name], state["settled"][layer.name]
            layer.ever_active = state["ever_active"][layer.name].cpu().numpy()
            layer.start_density = state["start_densities"][layer.name]
            keys = state["links"][layer.name].cpu().numpy()
            if not np.array_equal(keys, layer.graph.link_keys):
                self._set_graph(layer, LayerGraph.from_keys(keys, layer.shape, layer.name))
        self._mask()
        self.forget_gradients()
        for name, seen in state["gradients"].items():
            cast(GradientWatch, self._watch).layers[name].load_state(seen)


def _with_data(method: Method, parts: Mapping[str, Any], with_data: bool) -> Method:
    """Return the method, without CSTI if there are no data for it and nobody insists."""
    if method.topology != "correlated" or with_data or "topology" in parts:
        return method
    warnings.warn(
        f"method '{method.name}' starts from input correlations (CSTI), but no data were given: it starts from "
        "Erdős–Rényi; hand the training inputs to data=, or say topology='erdos_renyi'",
        stacklevel=3,
    )
    return replace(method, topology="erdos_renyi")
