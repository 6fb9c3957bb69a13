"""Coalescent embedding: coordinates of the nodes in the hyperbolic disk or ball."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg

from netsparse.adjacency import symmetric
from netsparse.analysis import costs
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network, as_network
from netsparse.analysis.powerlaw import fit_power_law
from netsparse.analysis.pre_weighting import PRE_WEIGHTINGS, weigh
from netsparse.analysis.reductions import reduce
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError

_REDUCTIONS = ("ncISO", "ISO", "MCE", "ncMCE", "LE")
_EQUAL = "all degrees are equal, so there is no γ and no radius"


@dataclass(frozen=True)
class Embedding:
    """Coordinates of the nodes in the hyperbolic disk, or ball.

    Attributes
    ----------
    theta, radius : numpy.ndarray, shape (n_nodes,)
        Angle (in 3-D the azimuth) in [0, 2π) and hyperbolic radius; NaN for a node that is not embedded.
    share : float
        Share of all nodes that are embedded.
    reason : str
        Why there are no angles or no radii, empty if there are.
    elevation : numpy.ndarray or None
        In 3-D the angle above the plane of the azimuth, −π/2 … π/2.
    n_landmarks : int
        From the distances to how many landmarks the angles were reckoned; 0: from all distances, exactly.
    """

    theta: np.ndarray
    radius: np.ndarray
    share: float
    reason: str = ""
    elevation: np.ndarray | None = None
    n_landmarks: int = 0


def coalescent_embedding(
    graph: Any,
    pre_weighting: str = "RA1",
    reduction: str = "ncISO",
    angular_adjustment: str | None = "EA",
    dims: int = 2,
    components: str = "giant",
    n_landmarks: int = 256,
) -> Embedding:
    r"""Embed a graph in the hyperbolic disk or ball.

    1. Weigh each link (CN common neighbours, d degrees, e = d − CN − 1): RA1 (d_i+d_j+d_i d_j)/(1+CN), RA2
       (1+e_i+e_j+e_i e_j)/(1+CN), EBC its edge betweenness.
    2. D: lengths of the weighted shortest paths. ISO: the eigenvectors of −½ J D∘² J of largest absolute eigenvalue,
       times √|λ|; ncISO: of D itself, neither squared nor centred, the first left out. MCE and ncMCE: the same of the
       distances along the minimum spanning tree, one dimension. LE: eigenvectors 2 and 3 of the Laplacian of the links
       exp(−(w/mean w)²).
    3. Angles: θ = atan2 (MCE: the coordinate itself, stretched to 0 … 2π(n−1)/n); with EA, sorted and spread evenly
       (k·2π/n).
    4. Radii: γ from the degrees, β = 1/(γ−1); the i-th node by falling degree gets
       max(0, 2β ln i + 2(1−β) ln n).

    In large graphs ISO and ncISO take the distances to landmarks only (see `Embedding.n_landmarks`); MCE, ncMCE and
    LE need no distances of all pairs and stay exact.

    Parameters
    ----------
    graph : any graph (see `netsparse.analysis`)
    pre_weighting : {"RA1", "RA2", "EBC"}
    reduction : {"ncISO", "ISO", "MCE", "ncMCE", "LE"}
    angular_adjustment : {"EA", None}
        Equidistant adjustment, of the disk; in the ball, where nothing like it is known, the angles stay as they are.
    dims : {2, 3}
        The disk, or the ball (not with MCE and ncMCE, which have one dimension).
    components : {"giant", "all"}
        Embed the largest component alone, or all of them, each joined to the largest by one virtual link between their
        hubs, which does not count in the radii.
    n_landmarks : int
        Landmarks in large graphs.

    Returns
    -------
    Embedding
        Without angles (NaN, with the reason) for fewer than four nodes; without radii if all degrees are equal.

    Raises
    ------
    NetsparseError
        If a name is unknown, names do not go together, or the graph is none.

    References
    ----------
    Muscoloni, Thomas, Ciucci, Bianconi, Cannistraci (2017), Machine learning meets complex networks via coalescent
    embedding in the hyperbolic space. Nature Communications 8, 1615.

    Examples
    --------
    >>> import networkx as nx
    >>> embedding = coalescent_embedding(nx.karate_club_graph())
    >>> embedding.theta.shape, embedding.share
    ((34,), 1.0)
    """
    for what, name, known in (
        ("pre_weighting", pre_weighting, tuple(PRE_WEIGHTINGS)),
        ("reduction", reduction, _REDUCTIONS),
        ("angular_adjustment", angular_adjustment, ("EA", None)),
        ("dims", dims, (2, 3)),
        ("components", components, ("giant", "all")),
    ):
        if name not in known:
            raise NetsparseError(f"{what} must be one of {', '.join(map(repr, known))}, not {name!r}")
    if dims == 3 and reduction in ("MCE", "ncMCE"):
        raise NetsparseError(f"{reduction} gives one dimension, which makes no ball: take ISO, ncISO or LE for dims=3")
    if n_landmarks < 8:
        raise NetsparseError(f"n_landmarks={n_landmarks} is too few: take 8 or more")
    network = as_network(graph)
    key = ("embedding", pre_weighting, reduction, angular_adjustment, dims, components, n_landmarks)
    return network.once(
        key, lambda: _embed(network, pre_weighting, reduction, angular_adjustment, dims, components, n_landmarks)
    )


def hyperbolic_radii(network: Network, components: str = "giant") -> np.ndarray | Undefined:
    """Return the radii of `coalescent_embedding`, which need the degrees alone; NaN outside the giant component.

    Undefined with fewer than two different degrees.
    """
    return network.once(("radii", components), lambda: _radii(network, components))


def _radii(network: Network, components: str) -> np.ndarray | Undefined:
    nodes = np.arange(network.n_nodes) if components == "all" else network.giant
    degrees = network.degrees[nodes]
    fit = fit_power_law(degrees)
    if fit is None:
        return Undefined(_EQUAL if len(nodes) else "no nodes")
    beta, n = 1.0 / (fit.gamma - 1.0), len(nodes)
    radius = np.full(network.n_nodes, np.nan)
    by_rank = 2 * beta * np.log(np.arange(1, n + 1)) + 2 * (1 - beta) * np.log(n)
    radius[nodes[np.argsort(-degrees, kind="stable")]] = np.maximum(by_rank, 0.0)
    return radius


def _embed(
    network: Network,
    pre_weighting: str,
    reduction: str,
    angular_adjustment: str | None,
    dims: int,
    components: str,
    n_landmarks: int,
) -> Embedding:
    nodes = np.arange(network.n_nodes) if components == "all" else network.giant
    share = len(nodes) / network.n_nodes if network.n_nodes else float("nan")
    radius = hyperbolic_radii(network, components)
    reason = radius.reason if isinstance(radius, Undefined) else ""
    if isinstance(radius, Undefined):
        radius = np.full(network.n_nodes, np.nan)
    theta = np.full(network.n_nodes, np.nan)
    elevation = theta.copy() if dims == 3 else None
    if len(nodes) < 4:
        what = "giant component" if components == "giant" else "graph"
        reason = f"the {what} has {len(nodes)} node{'s' * (len(nodes) != 1)}, too few to embed"
        return Embedding(theta, radius, share, reason, elevation)
    adjacency = _joined(network) if components == "all" else _part(network, nodes)
    try:
        links = weigh(adjacency, pre_weighting, triangles=network.sides is None)
        reduced = reduce(links, reduction, dims, n_landmarks)
    except scipy.sparse.linalg.ArpackNoConvergence:
        return Embedding(theta, radius, share, f"the eigenvectors of {reduction} did not converge", elevation)
    axes = reduced.coordinates
    angles = _stretched(axes[:, 0]) if axes.shape[1] == 1 else np.mod(np.arctan2(axes[:, 1], axes[:, 0]), 2 * np.pi)
    if angular_adjustment == "EA" and dims == 2:
        angles = equidistant(angles)
    theta[nodes] = angles
    if elevation is not None:
        elevation[nodes] = np.arctan2(axes[:, 2], np.hypot(axes[:, 0], axes[:, 1]))
    return Embedding(theta, radius, share, reason, elevation, reduced.n_landmarks)


def _part(network: Network, nodes: np.ndarray) -> sp.csr_array:
    adjacency = network.adjacency
    if len(nodes) < network.n_nodes:
        adjacency = sp.csr_array(adjacency[nodes][:, nodes])
    if not adjacency.has_sorted_indices:
        adjacency = adjacency.sorted_indices()
    return adjacency


def _joined(network: Network) -> sp.csr_array:
    """Join every component to the largest one, hub to hub; the hub is its first node of most links."""
    n_components, labels = network.components
    by_degree = np.lexsort((-network.degrees, labels))
    hubs = by_degree[np.searchsorted(labels[by_degree], np.arange(n_components))]
    largest = labels[network.giant[0]]
    others = np.delete(hubs, largest)
    virtual = np.column_stack([np.full(len(others), hubs[largest]), others])
    return symmetric(np.concatenate([network.links, virtual]), network.n_nodes)


def _stretched(coordinate: np.ndarray) -> np.ndarray:
    """Stretch one coordinate around the circle, 0 … 2π(n−1)/n."""
    n, span = len(coordinate), np.ptp(coordinate)
    if not span:
        return np.zeros(n)
    stretched: np.ndarray = (coordinate - coordinate.min()) * (2 * np.pi * (n - 1) / n / span)
    return stretched


def equidistant(angles: np.ndarray) -> np.ndarray:
    """Spread angles evenly around the circle in their order (EA); equal ones in the order of the nodes."""
    adjusted = np.empty(len(angles))
    adjusted[np.argsort(angles, kind="stable")] = np.arange(len(angles)) * (2 * np.pi / len(angles))
    return adjusted


@measure("standard", of="node", missing="outside the giant component, or no embedding", cost=costs.embedding)
def theta(network: Network) -> np.ndarray:
    """Give the angle of each node in the coalescent embedding RA1–ncISO–EA, 0 … 2π; NaN outside the giant component.

    Examples
    --------
    >>> import networkx as nx
    >>> theta(nx.path_graph(4)).shape
    (4,)
    """
    return coalescent_embedding(network).theta


@measure("standard", of="node", missing="outside the giant component, or all degrees are equal")
def radius(network: Network) -> np.ndarray:
    """Give the hyperbolic radius of each node in the coalescent embedding; NaN outside the giant component.

    Examples
    --------
    >>> import networkx as nx
    >>> int(radius(nx.star_graph(9)).argmin())  # the hub is nearest the centre
    0
    """
    radii = hyperbolic_radii(network)
    return np.full(network.n_nodes, np.nan) if isinstance(radii, Undefined) else radii
