"""Percolation: active neurons, components, and the paths that credit can take."""

import numpy as np

from netsparse.analysis.links import carried_back, carried_forward
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network
from netsparse.analysis.undefined import Undefined
from netsparse.graph import LayerGraph

_NO_LAYERS = "the graph has no layers"


@measure("fast")
def anp_rate(network: Network) -> float:
    """Give the active-neuron post-percolation rate (ANP): the share of neurons that percolation has left alive.

    [Σ over layers of sources with at least one link + targets of the last layer with at least one link] / all those
    neurons; input neurons count. A group that feeds several layers counts once. For a graph without layers: the share
    of nodes with a link. Undefined without neurons.

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology.

    Examples
    --------
    >>> import netsparse as ns
    >>> anp_rate(ns.LayerGraph.from_mask([[1, 1], [0, 0]]))
    0.75
    """
    active = np.concatenate([*_active(network).values(), np.zeros(0, bool)])
    return float(active.mean()) if len(active) else Undefined("no neurons")


@measure("fast", of="group", name="anp_rate")
def anp_rate_by_group(network: Network) -> dict[str, float]:
    """Give the ANP rate of each neuron group."""
    return {g: float(a.mean()) if len(a) else Undefined("no neurons") for g, a in _active(network).items()}


def _active(network: Network) -> dict[str, np.ndarray]:
    if network.snapshot is None:
        return {"": network.degrees > 0}
    return network.once("active neurons", network.snapshot.active_neurons)


@measure("fast")
def giant_component(network: Network) -> float:
    """Give the share of all nodes that the largest component holds, those without links included.

    Undefined without nodes.

    Examples
    --------
    >>> import netsparse as ns
    >>> giant_component(ns.LayerGraph.from_mask([[1, 1], [0, 0]]))
    0.75
    """
    return len(network.giant) / network.n_nodes if network.n_nodes else Undefined("no nodes")


@measure("fast")
def n_components(network: Network) -> float:
    """Count the connected components; a node without links is one.

    Examples
    --------
    >>> import netsparse as ns
    >>> n_components(ns.LayerGraph.from_mask([[1, 1], [0, 0]]))
    2.0
    """
    return float(network.components[0]) if network.n_nodes else 0.0


@measure("fast")
def credit_assigned_paths(network: Network) -> float:
    """Count the credit-assigned paths (CAP): the paths from the inputs to the outputs through the layers.

    1ᵀ B₁ B₂ … B_L 1 for a chain of layers with biadjacencies B; in general the directed paths from groups that no layer
    feeds to groups that feed no layer. Counted in float64: exact up to 2⁵³. For a single layer it is the number of
    links. Undefined for graphs without layers or with layers in a circle, and above float64's range (see
    `log10_credit_assigned_paths`).

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology, Appendix K. The formula is inferred.

    Examples
    --------
    >>> import netsparse as ns
    >>> first = ns.LayerGraph.from_mask([[1, 1]], "fc1", "input", "hidden")
    >>> second = ns.LayerGraph.from_mask([[1, 1], [1, 0]], "fc2", "hidden", "output")
    >>> credit_assigned_paths(ns.Snapshot([first, second]))
    3.0
    """
    log10 = _log10_paths(network)
    if isinstance(log10, Undefined):
        return log10
    if log10 > 300:
        return Undefined("more than 10^300 paths; see log10_credit_assigned_paths")
    total, power = _scaled_total(network)
    return total * 10.0**power


@measure("fast")
def log10_credit_assigned_paths(network: Network) -> float:
    """Give the logarithm (base 10) of the number of credit-assigned paths, which may exceed float64.

    Undefined without a path.

    Examples
    --------
    >>> import netsparse as ns
    >>> log10_credit_assigned_paths(ns.LayerGraph.from_mask([[1] * 10]))
    1.0
    """
    log10 = _log10_paths(network)
    return Undefined("no path from the inputs to the outputs") if log10 == -np.inf else log10


@measure("standard", of="node", name="credit_assigned_paths", missing="beyond the range of float64")
def credit_assigned_paths_by_neuron(network: Network) -> np.ndarray | Undefined:
    """Count the credit-assigned paths through each neuron: paths into it times paths out of it."""
    order = _layer_order(network)
    if isinstance(order, Undefined):
        return order
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond float64 is told as missing
        into, out = _counts(network, order, forward=True), _counts(network, order, forward=False)
        paths = np.concatenate([into[group] * out[group] for group in network.groups])
    return np.where(np.isfinite(paths), paths, np.nan)


@measure("fast")
def hub_path_share(network: Network, quantile: float = 0.9) -> float:
    """Give the share of credit-assigned paths that pass at least one hub of the hidden groups.

    A hub is a hidden neuron whose degree in the whole network lies above the given quantile of the degrees of the
    hidden neurons that have a link. Share = 1 − paths that avoid all hubs / all paths. Undefined without hidden
    neurons or without a path.

    Parameters
    ----------
    network : any graph
    quantile : float
        Between 0 and 1.

    References
    ----------
    Inferred from the description of hub nodes in the middle layers in the work cited at `credit_assigned_paths`.

    Examples
    --------
    >>> import netsparse as ns
    >>> first = ns.LayerGraph.from_mask([[1, 1]], "fc1", "input", "hidden")
    >>> second = ns.LayerGraph.from_mask([[1, 1, 1], [1, 0, 0]], "fc2", "hidden", "output")
    >>> hub_path_share(ns.Snapshot([first, second]))
    0.75
    """
    log10 = _log10_paths(network)
    if isinstance(log10, Undefined):
        return log10
    if log10 == -np.inf:
        return Undefined("no path from the inputs to the outputs")
    hidden = {layer.source for layer in network.layers} & {layer.target for layer in network.layers}
    degrees = network.by_group(network.degrees)
    linked = np.concatenate([degrees[group][degrees[group] > 0] for group in hidden] or [np.zeros(0)])
    if not len(linked):
        return Undefined("no hidden neurons")
    cut = np.quantile(linked, quantile)
    plain = {group: degrees[group] <= cut for group in hidden}
    order = _layer_order(network)
    assert not isinstance(order, Undefined)
    total, scale = _scaled_total(network)
    avoiding, avoiding_scale = _total(network, order, plain)
    return 1.0 - avoiding / total * 10.0 ** (avoiding_scale - scale)


def _layer_order(network: Network) -> list[LayerGraph] | Undefined:
    """Give the layers so that each comes after all that feed its source group."""
    if not network.layers:
        return Undefined(_NO_LAYERS)
    waiting, order = list(network.layers), []
    while waiting:
        unready = {layer.target for layer in waiting}
        ready = [layer for layer in waiting if layer.source not in unready]
        if not ready:
            return Undefined("the layers form a circle")
        order += ready
        waiting = [layer for layer in waiting if layer.source in unready]
    return order


def _counts(network: Network, order: list[LayerGraph], *, forward: bool) -> dict[str, np.ndarray]:
    """Count paths from the inputs to each neuron (forward) or from each neuron to the outputs."""
    ends = {layer.target if forward else layer.source for layer in order}
    counts = {g: np.zeros(n) if g in ends else np.ones(n) for g, n in network.groups.items()}
    for layer in order if forward else reversed(order):
        source, target = (layer.source, layer.target) if forward else (layer.target, layer.source)
        counts[target] += _forward(layer, counts[source]) if forward else _back(layer, counts[source])
    return counts


def _forward(layer: LayerGraph, values: np.ndarray) -> np.ndarray:
    return carried_forward(layer.biadjacency.indptr, layer.biadjacency.indices, layer.n_target, values)


def _back(layer: LayerGraph, values: np.ndarray) -> np.ndarray:
    return carried_back(layer.biadjacency.indptr, layer.biadjacency.indices, values)


def _total(network: Network, order: list[LayerGraph], keep: dict[str, np.ndarray] | None) -> tuple[float, int]:
    """Count all paths as (number, power of ten); counts are scaled down together before they overflow."""
    fed = {layer.target for layer in order}
    feeding = {layer.source for layer in order}
    counts = {g: np.zeros(n) if g in fed else np.ones(n) for g, n in network.groups.items()}
    power = 0
    for layer in order:
        passing = counts[layer.source] * keep[layer.source] if keep and layer.source in keep else counts[layer.source]
        counts[layer.target] += _forward(layer, passing)
        if counts[layer.target].max(initial=0.0) > 1e150:
            counts = {group: values * 1e-150 for group, values in counts.items()}
            power += 150
    return float(sum(counts[group].sum() for group in network.groups if group not in feeding)), power


def _scaled_total(network: Network) -> tuple[float, int]:
    order = _layer_order(network)
    assert not isinstance(order, Undefined)
    return network.once("paths", lambda: _total(network, order, None))


def _log10_paths(network: Network) -> float:
    order = _layer_order(network)
    if isinstance(order, Undefined):
        return order
    total, power = _scaled_total(network)
    return float(np.log10(total)) + power if total > 0 else -np.inf
