"""Numbers of links between all pairs of nodes, 64 sources at a time: a bit a source, one word operation for all."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from netsparse.analysis.network import Network, is_large

# Words of 64 sources each that go through the graph together.
_WORDS = 8
# Neighbours between two looks at whether all is found.
_LOOKS = 16
# Sources that stand for all in large graphs.
_N_SAMPLED = 1024


@dataclass(frozen=True)
class Hops:
    """What the shortest paths from the sources come to, counted in links.

    Attributes
    ----------
    n_sources : int
        Nodes that paths were sought from: all that have a link, or a random sample of these.
    n_linked : int
        Nodes that have a link.
    block_pairs, block_total, block_harmonic : numpy.ndarray, shape (n_blocks,)
        For every 64 sources: pairs (source, node) at finite positive distance, the sums of these distances and of their
        reciprocals.
    pairs, total, harmonic, eccentricity : numpy.ndarray, shape (n_nodes,)
        For each node over the sources: the same, and the largest distance.
    diameter : int
        The largest distance at all; of a sample the largest that was met, also from the 512 nodes that lie farthest
        from the sources: at least so much.
    """

    n_sources: int
    n_linked: int
    block_pairs: np.ndarray
    block_total: np.ndarray
    block_harmonic: np.ndarray
    pairs: np.ndarray
    total: np.ndarray
    harmonic: np.ndarray
    eccentricity: np.ndarray
    diameter: int

    @property
    def sampled(self) -> bool:
        """Whether the sources are a sample."""
        return self.n_sources < self.n_linked

    @property
    def scale(self) -> float:
        """Nodes with a link for each source: what a sum over sources is to be multiplied by."""
        return self.n_linked / self.n_sources if self.n_sources else 1.0


def hops(network: Network, seed: int = 0) -> Hops:
    """Search breadth-first from every node that has a link, or from 1,024 random ones in large graphs.

    O(n · n_links · diameter / 64) word operations in small-world graphs; computed once a graph.
    """
    sources = np.flatnonzero(network.degrees)
    sampled = is_large(network.n_nodes, network.n_links / 64) and len(sources) > _N_SAMPLED  # 64 at a time
    return network.once(("hops", seed if sampled else None), lambda: _search(network, sources, sampled, seed))


def _search(network: Network, sources: np.ndarray, sampled: bool, seed: int) -> Hops:
    n_linked = len(sources)
    if sampled:
        sources = np.random.default_rng([seed, 1]).permutation(sources)[:_N_SAMPLED]
    blocks, nodes = _breadth_first(*network.csr, sources.astype(np.int64))
    n_blocks = -(-len(sources) // 64)
    eccentricity = nodes[3].max(axis=0, initial=0)
    diameter = int(eccentricity.max(initial=0))
    if sampled:
        farthest = np.lexsort((-nodes[1].sum(axis=0), -eccentricity))[: 64 * _WORDS]
        diameter = max(diameter, int(_breadth_first(*network.csr, np.sort(farthest))[1][3].max()))
    pairs, total, harmonic = (values.reshape(-1)[:n_blocks] for values in blocks)
    return Hops(
        len(sources),
        n_linked,
        pairs,
        total,
        harmonic,
        nodes[0].sum(axis=0),
        nodes[1].sum(axis=0),
        nodes[2].sum(axis=0),
        eccentricity,
        diameter,
    )


@numba.njit(inline="always")
def n_bits(word: np.uint64) -> int:
    """Count the bits of a word."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))  # type: ignore[return-value]


@numba.njit(parallel=True, cache=True, nogil=True)
def _breadth_first(
    indptr: np.ndarray, indices: np.ndarray, sources: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Give pairs, total and harmonic by batch and word, and these and the eccentricity by batch and node.

    A node's row of ``seen`` says which sources have reached it, of ``front`` which did so in the last step, of ``next``
    which do so in this one. Distances are symmetric, so what a node counts of the sources is the sources' own sum too.
    """
    n = len(indptr) - 1
    n_batches = (len(sources) + 64 * _WORDS - 1) // (64 * _WORDS)
    block_pairs = np.zeros((n_batches, _WORDS), np.int64)
    block_total = np.zeros((n_batches, _WORDS), np.int64)
    block_harmonic = np.zeros((n_batches, _WORDS))
    pairs = np.zeros((n_batches, n), np.int32)
    total = np.zeros((n_batches, n), np.int64)
    harmonic = np.zeros((n_batches, n))
    eccentricity = np.zeros((n_batches, n), np.int32)
    for batch in numba.prange(n_batches):
        first = batch * 64 * _WORDS
        last = min(len(sources), first + 64 * _WORDS)
        seen = np.zeros((n, _WORDS), np.uint64)
        front = np.zeros((n, _WORDS), np.uint64)
        following = np.zeros((n, _WORDS), np.uint64)
        everyone = np.zeros(_WORDS, np.uint64)
        marked = np.zeros(n, np.bool_)
        active, touched = np.empty(n, np.int32), np.empty(n, np.int32)
        n_active = last - first
        for i in range(first, last):
            word, bit = (i - first) // 64, np.uint64(1) << np.uint64((i - first) % 64)
            seen[sources[i], word] |= bit
            front[sources[i], word] |= bit
            everyone[word] |= bit
            active[i - first] = sources[i]
        step = 0
        while n_active > 0:
            step += 1
            n_touched = 0
            if n_active > n // 8:  # most nodes: each looks at its neighbours
                for v in range(n):
                    rest = np.uint64(0)
                    for w in range(_WORDS):
                        rest |= everyone[w] & ~seen[v, w]
                    if rest == 0:
                        continue
                    for p in range(indptr[v], indptr[v + 1]):
                        u = indices[p]
                        for w in range(_WORDS):
                            following[v, w] |= front[u, w]
                        if p % _LOOKS == 0:  # in a dense graph a few neighbours know all
                            rest = np.uint64(0)
                            for w in range(_WORDS):
                                rest |= everyone[w] & ~seen[v, w] & ~following[v, w]
                            if rest == 0:
                                break
                    touched[n_touched] = v
                    n_touched += 1
            else:  # few: each tells its neighbours
                for i in range(n_active):
                    v = active[i]
                    for p in range(indptr[v], indptr[v + 1]):
                        u = indices[p]
                        for w in range(_WORDS):
                            following[u, w] |= front[v, w]
                        if not marked[u]:
                            marked[u] = True
                            touched[n_touched] = u
                            n_touched += 1
            for i in range(n_active):
                front[active[i]] = np.uint64(0)
            n_active = 0
            for i in range(n_touched):
                v = touched[i]
                marked[v] = False
                reached = 0
                for w in range(_WORDS):
                    new = following[v, w] & ~seen[v, w]
                    following[v, w] = np.uint64(0)
                    if new != 0:
                        seen[v, w] |= new
                        front[v, w] = new
                        count = n_bits(new)
                        reached += count
                        block_pairs[batch, w] += count
                        block_total[batch, w] += count * step
                        block_harmonic[batch, w] += count / step
                if reached > 0:
                    active[n_active] = v
                    n_active += 1
                    pairs[batch, v] += reached
                    total[batch, v] += reached * step
                    harmonic[batch, v] += reached / step
                    eccentricity[batch, v] = step
    return (block_pairs, block_total, block_harmonic), (pairs, total, harmonic, eccentricity)
