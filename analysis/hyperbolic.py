"""Hyperbolic geometry: coalescent embedding, distances, angular separability of communities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph
import scipy.sparse.linalg
from threadpoolctl import threadpool_limits

from netsparse.analysis.communities import find_communities
from netsparse.analysis.measure import measure
from netsparse.analysis.network import Network, as_network
from netsparse.analysis.powerlaw import fit_power_law
from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError

# Up to this size LAPACK's full solution is as quick as ARPACK and takes no start vector.
_DENSE = 300


@dataclass(frozen=True)
class Embedding:
    """Coordinates of the nodes in the hyperbolic disk.

    Attributes
    ----------
    theta, radius : numpy.ndarray, shape (n_nodes,)
        Angle in [0, 2π) and hyperbolic radius; NaN outside the giant component, which alone is embedded.
    share : float
        Share of all nodes that are embedded.
    reason : str
        Why there are no angles or no radii, empty if there are.
    """

    theta: np.ndarray
    radius: np.ndarray
    share: float
    reason: str = ""


def coalescent_embedding(
    graph: Any,
    pre_weighting: str = "RA1",
    reduction: str = "ncISO",
    angular_adjustment: str | None = "EA",
    dims: int = 2,
) -> Embedding:
    r"""Embed the giant component of a graph in the hyperbolic disk.

    1. Weigh each link (CN common neighbours, d degrees, e = d − CN − 1): RA1 (d_i+d_j+d_i d_j)/(1+CN), RA2
       (1+e_i+e_j+e_i e_j)/(1+CN).
    2. D: lengths of the weighted shortest paths. ISO: the two eigenvectors of −½ J D∘² J of largest absolute
       eigenvalue, times √|λ|; ncISO: of D itself, neither squared nor centred, the second and third.
    3. Angles: θ = atan2; with EA, sorted and spread evenly (k·2π/n).
    4. Radii: γ from the degrees, β = 1/(γ−1); the i-th node by falling degree gets
       max(0, 2β ln i + 2(1−β) ln n).

    Parameters
    ----------
    graph : any graph (see `netsparse.analysis`)
    pre_weighting : {"RA1", "RA2"}
    reduction : {"ncISO", "ISO"}
    angular_adjustment : {"EA", None}
    dims : {2}

    Returns
    -------
    Embedding

    Raises
    ------
    NetsparseError
        If a name is unknown, or the graph is none.

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
        ("pre_weighting", pre_weighting, tuple(_WEIGHTS)),
        ("reduction", reduction, tuple(_REDUCTIONS)),
        ("angular_adjustment", angular_adjustment, ("EA", None)),
        ("dims", dims, (2,)),
    ):
        if name not in known:
            raise NetsparseError(f"{what} must be one of {', '.join(map(repr, known))}, not {name!r}")
    network = as_network(graph)
    key = ("embedding", pre_weighting, reduction, angular_adjustment)
    return network.once(key, lambda: _embed(network, pre_weighting, reduction, angular_adjustment))


def _embed(network: Network, pre_weighting: str, reduction: str, angular_adjustment: str | None) -> Embedding:
    n_nodes, giant = network.n_nodes, network.giant
    theta, radius = np.full(n_nodes, np.nan), np.full(n_nodes, np.nan)
    share = len(giant) / n_nodes if n_nodes else float("nan")
    if len(giant) < 4:
        return Embedding(theta, radius, share, f"the giant component has {len(giant)} nodes, too few to embed")
    adjacency = sp.csr_array(network.adjacency[giant][:, giant])
    lengths = csgraph.dijkstra(_WEIGHTS[pre_weighting](adjacency), directed=False)
    coordinates = _REDUCTIONS[reduction](lengths)
    angles = np.mod(np.arctan2(coordinates[:, 1], coordinates[:, 0]), 2 * np.pi)
    if angular_adjustment == "EA":
        order = np.argsort(angles, kind="stable")
        angles[order] = np.arange(len(giant)) * (2 * np.pi / len(giant))
    theta[giant] = angles
    radii = _radii(np.diff(adjacency.indptr))
    if radii is None:
        return Embedding(theta, radius, share, "all degrees are equal, so there is no γ and no radius")
    radius[giant] = radii
    return Embedding(theta, radius, share)


def _radii(degrees: np.ndarray) -> np.ndarray | None:
    fit = fit_power_law(degrees)
    if fit is None:
        return None
    beta, n = 1.0 / (fit.gamma - 1.0), len(degrees)
    radii = np.empty(n)
    ranks = np.arange(1, n + 1)
    radii[np.argsort(-degrees, kind="stable")] = 2 * beta * np.log(ranks) + 2 * (1 - beta) * np.log(n)
    return np.maximum(radii, 0.0)


def _common_neighbours(adjacency: sp.csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray, sp.coo_array]:
    """Degrees of both ends and common neighbours of every link, and the links."""
    links = adjacency.tocoo()
    row, column = links.coords
    # one more on every link keeps links without common neighbours in the pattern of the product
    shared = (adjacency @ adjacency).multiply(adjacency) + adjacency
    common = sp.csr_array(shared)[row, column].astype(float) - 1.0
    degrees = np.diff(adjacency.indptr).astype(float)
    return degrees[row], degrees[column], np.asarray(common).ravel(), links


def _ra1(adjacency: sp.csr_array) -> sp.csr_array:
    d_i, d_j, common, links = _common_neighbours(adjacency)
    return sp.csr_array(((d_i + d_j + d_i * d_j) / (1.0 + common), links.coords), shape=links.shape)


def _ra2(adjacency: sp.csr_array) -> sp.csr_array:
    d_i, d_j, common, links = _common_neighbours(adjacency)
    e_i, e_j = d_i - common - 1.0, d_j - common - 1.0
    return sp.csr_array(((1.0 + e_i + e_j + e_i * e_j) / (1.0 + common), links.coords), shape=links.shape)


def _iso(lengths: np.ndarray) -> np.ndarray:
    kernel = -0.5 * lengths**2
    kernel -= kernel.mean(axis=0)
    kernel -= kernel.mean(axis=1, keepdims=True)
    return _leading(kernel, 2)


def _nciso(lengths: np.ndarray) -> np.ndarray:
    return _leading(lengths, 3)[:, 1:]


def _leading(kernel: np.ndarray, k: int) -> np.ndarray:
    """Return √|λ| v for the k eigenvalues of largest absolute value of a symmetric matrix.

    Of largest absolute, not algebraic, value: on hub-heavy masks the leading eigenvalue is negative.
    """
    with threadpool_limits(1, user_api="blas"):  # several threads would sum in another order
        if len(kernel) <= _DENSE:
            values, vectors = scipy.linalg.eigh(kernel)
        else:
            start = np.random.default_rng(0).standard_normal(len(kernel))
            values, vectors = scipy.sparse.linalg.eigsh(kernel, k=k, which="LM", v0=start)
    order = np.argsort(-np.abs(values), kind="stable")[:k]
    coordinates: np.ndarray = np.sqrt(np.abs(values[order])) * vectors[:, order]
    return coordinates


_WEIGHTS: dict[str, Callable[[sp.csr_array], sp.csr_array]] = {"RA1": _ra1, "RA2": _ra2}
_REDUCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"ncISO": _nciso, "ISO": _iso}


@measure("standard", of="node", missing="outside the giant component, or no embedding")
def theta(network: Network) -> np.ndarray:
    """Give the angle of each node in the coalescent embedding RA1–ncISO–EA, 0 … 2π; NaN outside the giant component.

    Examples
    --------
    >>> import networkx as nx
    >>> theta(nx.path_graph(4)).shape
    (4,)
    """
    return coalescent_embedding(network).theta


@measure("standard", of="node", missing="outside the giant component, or no embedding")
def radius(network: Network) -> np.ndarray:
    """Give the hyperbolic radius of each node in the coalescent embedding; NaN outside the giant component.

    Examples
    --------
    >>> import networkx as nx
    >>> int(radius(nx.star_graph(9)).argmin())  # the hub is nearest the centre
    0
    """
    return coalescent_embedding(network).radius


def hyperbolic_distance(
    r1: np.ndarray | float, theta1: np.ndarray | float, r2: np.ndarray | float, theta2: np.ndarray | float
) -> np.ndarray:
    """Distance of two points of the hyperbolic disk: acosh(cosh r₁ cosh r₂ − sinh r₁ sinh r₂ cos Δθ).

    Δθ = π − |π − |θ₁ − θ₂||; the distance at Δθ = 0 is |r₁ − r₂|.

    Parameters
    ----------
    r1, theta1, r2, theta2 : float or numpy.ndarray
        Radii and angles (radians); arrays broadcast.

    Examples
    --------
    >>> float(hyperbolic_distance(1.0, 0.0, 2.0, np.pi))
    3.0
    """
    r1, r2 = np.asarray(r1, float), np.asarray(r2, float)
    delta = np.pi - np.abs(np.pi - np.abs(np.asarray(theta1, float) - np.asarray(theta2, float)))
    # cosh(r₁ − r₂) + sinh r₁ sinh r₂ (1 − cos Δθ) is the same sum without the loss of digits near Δθ = 0
    argument = np.cosh(r1 - r2) + np.sinh(r1) * np.sinh(r2) * 2.0 * np.sin(delta / 2.0) ** 2
    return np.where(delta == 0.0, np.abs(r1 - r2), np.arccosh(np.maximum(argument, 1.0)))


def angular_separability_index(
    theta: np.ndarray, labels: np.ndarray, worst: str = "theoretical", n_permutations: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Tell how well communities stand apart on the circle (ASI), and how likely chance does it as well.

    The nodes are ranked by angle. For each community the foreign nodes in the gaps between its members are counted, the
    largest gap left out: its mistakes. ASI = max(0, 1 − Σ mistakes / Σ worst), worst being
    ⌈(N − N_k)(N_k − 1)/N_k⌉ (theoretical) or the most mistakes among random permutations of the labels.

    Parameters
    ----------
    theta : numpy.ndarray, shape (n,)
        Angles, finite.
    labels : numpy.ndarray, shape (n,)
        Communities.
    worst : {"theoretical", "random"}
    n_permutations : int
        For the p-value and for ``"random"``; 0 gives the p-value NaN.
    seed : int

    Returns
    -------
    index : float
        1: every community has an arc of its own. Undefined with fewer than two communities.
    p : float
        (permutations that separate as well + 1) / (n_permutations + 1).

    Raises
    ------
    NetsparseError
        If angles and labels do not fit, or ``worst`` is unknown or asks for permutations that are not made.

    References
    ----------
    Muscoloni, Cannistraci (2019), Angular separability of data clusters or network communities in geometrical space and
    its relevance to hyperbolic embedding.

    Examples
    --------
    >>> angles = np.arange(6.0)
    >>> angular_separability_index(angles, np.array([0, 0, 0, 1, 1, 1]), n_permutations=0)
    (1.0, nan)
    """
    theta, labels = np.asarray(theta, float), np.asarray(labels)
    if theta.ndim != 1 or theta.shape != labels.shape or not np.isfinite(theta).all():
        raise NetsparseError("angles and labels must be two vectors of equal length, the angles finite")
    if worst not in ("theoretical", "random") or (worst == "random" and n_permutations < 1):
        raise NetsparseError(f"worst must be 'theoretical' or, with permutations, 'random', not {worst!r}")
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        return Undefined("fewer than two communities"), float("nan")
    on_circle = codes[np.argsort(theta, kind="stable")]
    mistakes = _mistakes(on_circle, len(sizes))
    rng = np.random.default_rng(seed)
    by_chance = np.array([_mistakes(rng.permutation(on_circle), len(sizes)) for _ in range(n_permutations)])
    n = len(theta)
    most = int(np.sum(-(-(n - sizes) * (sizes - 1) // sizes))) if worst == "theoretical" else int(by_chance.max())
    index = max(0.0, 1.0 - mistakes / most) if most else 1.0
    p = (int(np.sum(by_chance <= mistakes)) + 1) / (n_permutations + 1) if n_permutations else float("nan")
    return index, p


def _mistakes(on_circle: np.ndarray, n_groups: int) -> int:
    """Count the foreign nodes in the gaps of all groups, each group's largest gap left out."""
    n = len(on_circle)
    by_group = np.argsort(on_circle, kind="stable")  # positions, group after group
    sizes = np.bincount(on_circle, minlength=n_groups)
    last = np.cumsum(sizes) - 1
    following = np.roll(by_group, -1)
    following[last] = by_group[last - sizes + 1] + n  # around the circle, back to the group's first
    gaps = following - by_group - 1
    return int(gaps.sum() - np.maximum.reduceat(gaps, last - sizes + 1).sum())


def _separability(network: Network, seed: int, n_permutations: int) -> tuple[float, float]:
    embedding = coalescent_embedding(network)
    embedded = np.isfinite(embedding.theta)
    partition = find_communities(network, seed)
    if partition is None or not embedded.any():
        undefined = Undefined(embedding.reason or "no links")
        return undefined, undefined
    labels = partition.labels[embedded]
    index, p = angular_separability_index(embedding.theta[embedded], labels, "theoretical", n_permutations, seed)
    return index, (index if isinstance(index, Undefined) else p)


@measure("standard")
def angular_separability(network: Network, seed: int = 0) -> float:
    """Give the angular separability index of the communities in the embedding (see `angular_separability_index`).

    Of the giant component, against the theoretical worst case. Undefined without an embedding, or with one community.

    Examples
    --------
    >>> import networkx as nx
    >>> 0 <= angular_separability(nx.karate_club_graph()) <= 1
    True
    """
    return _separability(network, seed, 0)[0]


@measure("full")
def angular_separability_p(network: Network, seed: int = 0) -> float:
    """Give the p-value of the angular separability index from 1,000 permutations of the communities.

    Examples
    --------
    >>> import networkx as nx
    >>> angular_separability_p(nx.karate_club_graph()) < 0.01
    True
    """
    return _separability(network, seed, 1000)[1]
