"""What measures would take: told before they are begun, so that nobody waits for hours without knowing.

Estimates are of the order of magnitude, from the numbers of nodes and links and the degrees, which are there at once.
The constants were measured on two cores of a Xeon of 2023 with layers of 1,568 + 1,568 to 4,096 + 11,008
neurons, from 1 % to 50 % of the links (tests/benchmarks/test_scale.py puts estimates beside times).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

from netsparse.analysis.network import MANY_STEPS, STEPS_A_WORD, Network, is_large
from netsparse.masks.options import physical_memory

# How the reason of a value begins that is not computed as it would take too long, or too much memory.
REFUSED = "refused: "
# Seconds that a measure may take unasked.
LIMIT = 900.0


@dataclass(frozen=True)
class Cost:
    """Time and memory of a measure on one graph.

    Attributes
    ----------
    shared : float
        Seconds of one core for the work that all cores share.
    alone : float
        Seconds for what one core does.
    memory : float
        Bytes.
    """

    shared: float = 0.0
    alone: float = 0.0
    memory: float = 0.0

    @property
    def seconds(self) -> float:
        """Time on the cores that there are."""
        return self.alone + self.shared / numba.get_num_threads()

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.shared + other.shared, self.alone + other.alone, max(self.memory, other.memory))

    def __mul__(self, times: float) -> Cost:
        return Cost(self.shared * times, self.alone * times, self.memory)


CostFunction = Callable[[Network], Cost]


def refusal(cost: CostFunction | None, network: Network) -> str:
    """Tell why a measure is not computed unless forced; empty if it is."""
    if cost is None:
        return ""
    found = cost(network)
    there = physical_memory()
    if found.seconds > LIMIT:
        what = f"would take {_in_words(found.seconds)}"
    elif found.memory > there:
        what = (
            f"would take about {found.memory / 2**30:,.0f} GiB of memory, more than the {there / 2**30:,.0f} GiB here"
        )
    else:
        return ""
    size = f"{network.n_nodes:,} nodes, {network.n_links:,} links"
    return f"{REFUSED}{what} ({size}); --force (force=True) computes it"


def _in_words(seconds: float) -> str:
    for name, length in (("day", 86400.0), ("hour", 3600.0)):
        if seconds >= 1.5 * length:
            return f"about {seconds / length:,.0f} {name}s"
    return f"about {seconds / 60:,.0f} minutes"


def paths(network: Network) -> Cost:
    """Search from all nodes, 64 at a time, or from 1,024 of a large graph (see `hops`)."""
    n, m = network.n_nodes, network.n_links
    sources = min(n, 1024 + 512) if is_large(n, m / 64) else n
    looks = min(2.0 * m, 500.0 * n)  # the neighbours of a few know all others, so a dense graph is searched in part
    return Cost(3e-11 * sources * looks + 1e-10 * sources * n, memory=24.0 * n * (sources / 512 + 8 * 9))


def betweenness(network: Network) -> Cost:
    """Two passes over all links from every source, or from 64 (see `node_betweenness`), and the search for paths."""
    n, m = network.n_nodes, network.n_links
    return paths(network) + Cost((64 if network.is_large else n) * (3.5e-9 * m + 2e-8 * n), memory=8.0 * m + 2000.0 * n)


def local_efficiency(network: Network) -> Cost:
    """Search among the neighbours of every node, from each of them through the rows of all; none in layers."""
    if network.sides is not None:
        return Cost()
    degrees = network.degrees.astype(np.float64)
    beside = network.n_two_steps / max(degrees.sum(), 1.0)  # mean degree of a neighbour
    return Cost(2e-9 * float((degrees**2) @ (degrees + beside)))


def triangles(network: Network) -> Cost:
    """Triangles through every node, by igraph; none in layers."""
    if network.sides is not None:
        return Cost()
    return Cost(alone=1e-8 * network.n_two_steps, memory=150.0 * network.n_links)


def two_steps(network: Network) -> Cost:
    """All ways of two links from every node; in dense graphs rows of bits instead."""
    steps = network.n_two_steps
    if steps > MANY_STEPS and network.sides is not None and steps > STEPS_A_WORD * network.n_words:
        return Cost(1.4e-9 * network.n_words)
    return Cost((1e-9 if steps < 1e10 else 2.5e-9) * steps)


def local_paths(network: Network) -> Cost:
    """All ways of two links on from every link's end, twice, or from 1,024 links."""
    steps = network.n_two_steps
    if steps > MANY_STEPS and network.sides is not None:
        return Cost(1024 * 2 * 1.5e-9 * steps / network.n_nodes)
    return Cost((3e-9 if network.sides is not None else 5e-8) * steps, memory=40.0 * network.n_links)


def communities(network: Network) -> Cost:
    """Several runs of Leiden, or one of two iterations in a large graph, of 8 million links at most."""
    m = network.n_links if network.n_links <= 8e6 else 4e6
    return Cost(alone=(4e-6 if network.is_large else 1.5e-5) * m, memory=150.0 * m)


def embedding(network: Network) -> Cost:
    """Weighted distances between all nodes, or from 256 landmarks of a large graph."""
    n, m = network.n_nodes, network.n_links
    if network.is_large:
        return Cost(256 * (5e-9 * m + 1e-8 * n), alone=2e-7 * m, memory=48.0 * m + 1200.0 * n)
    return Cost(n * (3e-9 * m + 2e-8 * n), memory=48.0 * m + (4.0 if n > 5000 else 8.0) * n**2)


def embedded_communities(network: Network) -> Cost:
    """Embedding and communities."""
    return embedding(network) + communities(network)


def routing(network: Network) -> Cost:
    """Embedding, and every node's nearest neighbour for each target, of large graphs for 256."""
    n, m = network.n_nodes, network.n_links
    return embedding(network) + Cost((256 if network.is_large else n) * (4e-9 * m + 1e-8 * n))


def congruence(network: Network) -> Cost:
    """Embedding, and shortest paths from every source, of large graphs from 256, counted and measured."""
    n, m = network.n_nodes, network.n_links
    return embedding(network) * 2 + Cost((256 if network.is_large else n) * (1e-8 * m + 4e-8 * n))


def power_law(network: Network) -> Cost:
    """Each different degree as x_min, with a law beside all larger ones."""
    return Cost(alone=1e-8 * len(np.unique(network.degrees)) ** 2 + 1e-7 * network.n_nodes)


def power_law_bootstraps(network: Network) -> Cost:
    """1,000 data sets drawn and fitted."""
    return power_law(network) * 20 + Cost(6e-6 * network.n_nodes)


def small_world_sigma(network: Network) -> Cost:
    """Ten rewirings, with their clustering and path lengths."""
    clustering = two_steps(network) if network.sides is not None else triangles(network)
    return (paths(network) + clustering) * 11 + Cost(
        alone=10 * 10 * 2e-8 * network.n_links, memory=100.0 * network.n_links
    )


def small_world_omega(network: Network) -> Cost:
    """Add five lattices of 300 swaps a link to what sigma takes."""
    return small_world_sigma(network) * 1.5 + Cost(alone=5 * 300 * 1e-8 * network.n_links)


def rich_club(network: Network) -> Cost:
    """1,000 null models of 10 swaps a link."""
    return Cost(1000 * 10 * 1.2e-7 * network.n_links, memory=50.0 * network.n_links)


def eigenvectors(network: Network) -> Cost:
    """All eigenvectors of ten adjacencies, or singular vectors of their sides."""
    n = float(network.n_nodes)
    if network.layers and network.sides is not None:
        first = float(network.sides.sum())
        n = max(first, n - first)
    return Cost(alone=10 * 5e-10 * n**3, memory=8 * 8.0 * n**2 + 40.0 * network.n_links)
