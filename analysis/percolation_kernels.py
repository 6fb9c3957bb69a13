"""Percolation run backwards: what is removed last comes first, and components only grow (union-find)."""

import numba
import numpy as np

from netsparse.splitmix import shuffled


@numba.njit(inline="always")
def _root(parent: np.ndarray, node: int) -> int:
    while parent[node] >= 0:
        if parent[parent[node]] >= 0:
            parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True, nogil=True)
def _unite(parent: np.ndarray, of_size: np.ndarray, largest: int, second: int, a: int, b: int) -> tuple[int, int, bool]:
    """Join two nodes' components; give the sizes of the two largest, and whether there is one component less.

    ``parent`` holds −size at a root, ``of_size`` the number of components of each size. The second largest only falls
    when it joins the largest; its falls are paid for by its rises, n log n in all.
    """
    a, b = _root(parent, a), _root(parent, b)
    if a == b:
        return largest, second, False
    if parent[a] > parent[b]:
        a, b = b, a
    more, less = -parent[a], -parent[b]
    both = more + less
    parent[a] = -both
    parent[b] = a
    of_size[more] -= 1
    of_size[less] -= 1
    of_size[both] += 1
    if more == largest:
        largest = both
        while second > 0 and of_size[second] == 0:
            second -= 1
    elif both > largest:
        largest, second = both, largest
    elif both > second:
        second = both
    return largest, second, True


@numba.njit(cache=True, nogil=True, parallel=True)
def percolate_nodes(
    indptr: np.ndarray, indices: np.ndarray, order: np.ndarray, ends: np.ndarray, seeds: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Remove nodes in order, once a seed.

    Returns
    -------
    giant : shape (n_seeds, len(at))
        Nodes of the largest component after ``at`` removals.
    total : shape (n_seeds,)
        The same summed over 1 … n removals.
    peak : shape (n_seeds,)
        Removals at which the second largest component is largest, the fewest such; −1 if there never is a second.
    """
    n, n_at = len(order), len(at)
    giant = np.zeros((len(seeds), n_at), np.int64)
    total, peak = np.zeros(len(seeds), np.int64), np.full(len(seeds), -1)
    for r in numba.prange(len(seeds)):
        sequence = shuffled(order, ends, seeds[r])
        parent = np.full(n, -1, np.int32)
        of_size = np.zeros(n + 1, np.int32)
        present = np.zeros(n, np.bool_)
        largest, second, highest, p = 0, 0, 0, n_at - 1
        for removed in range(n, -1, -1):
            while p >= 0 and at[p] == removed:
                giant[r, p] = largest
                p -= 1
            if second > 0 and second >= highest:
                highest = second
                peak[r] = removed
            if removed == 0:
                break
            total[r] += largest
            node = sequence[removed - 1]
            present[node] = True
            of_size[1] += 1
            if largest == 0:
                largest = 1
            elif second == 0:
                second = 1
            for k in range(indptr[node], indptr[node + 1]):
                if present[indices[k]]:
                    largest, second, _ = _unite(parent, of_size, largest, second, node, indices[k])
    return giant, total, peak


@numba.njit(cache=True, nogil=True, parallel=True)
def percolate_links(
    n: int,
    n_merges: int,
    tails: np.ndarray,
    heads: np.ndarray,
    order: np.ndarray,
    ends: np.ndarray,
    seeds: np.ndarray,
    at: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Do what `percolate_nodes` does with links; of ``n_merges`` = n − components, after which nothing changes."""
    m, n_at = len(order), len(at)
    giant = np.zeros((len(seeds), n_at), np.int64)
    total, peak = np.zeros(len(seeds), np.int64), np.full(len(seeds), -1)
    for r in numba.prange(len(seeds)):
        sequence = shuffled(order, ends, seeds[r])
        parent = np.full(n, -1, np.int32)
        of_size = np.zeros(n + 1, np.int32)
        of_size[1] = n
        largest, second, highest, p, left = min(n, 1), 1 if n > 1 else 0, 0, n_at - 1, n_merges
        for removed in range(m, -1, -1):
            if left == 0:
                for k in range(p + 1):
                    giant[r, k] = largest
                total[r] += largest * removed
                if second > 0 and second >= highest:
                    peak[r] = 0
                break
            while p >= 0 and at[p] == removed:
                giant[r, p] = largest
                p -= 1
            if second > 0 and second >= highest:
                highest = second
                peak[r] = removed
            if removed == 0:
                break
            total[r] += largest
            link = sequence[removed - 1]
            largest, second, joined = _unite(parent, of_size, largest, second, tails[link], heads[link])
            if joined:
                left -= 1
    return giant, total, peak
