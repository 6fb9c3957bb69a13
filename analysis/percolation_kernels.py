"""Percolation run backwards: what is removed last comes first, and components only grow (union-find)."""

import numba
import numpy as np

from netsparse.analysis.links import root
from netsparse.splitmix import STEP, mixed, shuffled


@numba.njit(cache=True, nogil=True)
def _unite(parent: np.ndarray, of_size: np.ndarray, largest: int, second: int, a: int, b: int) -> tuple[int, int, bool]:
    """Join two nodes' components; give the sizes of the two largest, and whether there is one component less.

    ``parent`` holds −size at a root, ``of_size`` the number of components of each size. The second largest only falls
    when it joins the largest; its falls are paid for by its rises, n log n in all.
    """
    a, b = root(parent, a), root(parent, b)
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
        largest, second, highest, p, apart = 0, 0, 0, n_at - 1, 0
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
            apart += indptr[node] < indptr[node + 1]
            for k in range(indptr[node], indptr[node + 1]):
                if apart == 1:  # all that have a link at all are one component: in a dense graph soon
                    break
                if present[indices[k]]:
                    largest, second, joined = _unite(parent, of_size, largest, second, node, indices[k])
                    apart -= joined
    return giant, total, peak


@numba.njit(inline="always")
def _drawn(seed: np.uint64, run: int, start: int, stop: int, place: int) -> int:
    """Give the place that `shuffled` swaps with ``place``, which lies in the run-th run: start … stop − 1."""
    state = np.uint64(seed) + STEP * np.uint64(start - run + stop - place)
    bits = mixed(state) >> np.uint64(32)
    return start + int((bits * np.uint64(place - start + 1)) >> np.uint64(32))


@numba.njit(cache=True, nogil=True, parallel=True)
def percolate_links(
    n: int,
    n_merges: int,
    starts: np.ndarray,
    nodes: np.ndarray,
    shifts: np.ndarray,
    indices: np.ndarray,
    rows: np.ndarray,
    order: np.ndarray,
    ends: np.ndarray,
    n_first: int,
    n_runs: int,
    seeds: np.ndarray,
    at: np.ndarray,
    n_parts: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Do what `percolate_nodes` does with links; of ``n_merges`` = n − components, after which nothing changes.

    Parameters
    ----------
    starts, nodes, shifts, indices
        See `Links`.
    rows
        Of each link; if empty, looked up.
    order, ends
        The links that go last, and the ends of their runs; ``n_first`` links in ``n_runs`` runs go before. An empty
        order is that of all links as they are.
    n_parts : int
        Shares of the seeds; each takes a copy of the order.

    Returns
    -------
    giant, total, peak : numpy.ndarray
    whole : bool
        Whether the links in ``order`` join all that the graph joins; if not, the rest is none.

    Notes
    -----
    `shuffled` settles places from the last on, which is how they are taken here. So a run is shuffled on the way, only
    as far as needed, and put back for the next seed.
    """
    natural = len(order) == 0
    m, n_at = (len(indices) if natural else len(order)) + n_first, len(at)
    giant = np.zeros((len(seeds), n_at), np.int64)
    total, peak = np.zeros(len(seeds), np.int64), np.full(len(seeds), -1)
    whole = np.ones(len(seeds), np.bool_)
    for part in numba.prange(n_parts):
        links = np.empty(m - n_first, np.int32)
        for k in range(len(links)):
            links[k] = k if natural else order[k]
        parent, of_size = np.empty(n, np.int32), np.empty(n + 1, np.int32)
        for r in range(part, len(seeds), n_parts):
            parent[:] = -1
            of_size[:] = 0
            of_size[1] = n
            largest, second, highest, p, left = min(n, 1), 1 if n > 1 else 0, 0, n_at - 1, n_merges
            run, stop = len(ends), m - n_first
            start = stop
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
                if removed == n_first:
                    whole[r] = n_first == 0
                    break
                total[r] += largest
                place = removed - 1 - n_first
                if place < start:
                    run, stop = run - 1, start
                    start = ends[run - 1] if run > 0 else 0
                if place > start:
                    j = _drawn(seeds[r], n_runs + run, n_first + start, n_first + stop, n_first + place) - n_first
                    links[place], links[j] = links[j], links[place]
                link = links[place]
                row = rows[link] if len(rows) > 0 else np.searchsorted(starts, link, side="right") - 1
                largest, second, joined = _unite(
                    parent, of_size, largest, second, nodes[row], indices[link] + shifts[row]
                )
                if joined:
                    left -= 1
            if r + n_parts >= len(seeds):
                break
            for place in range(removed - n_first, m - n_first):  # put back
                while place >= stop:
                    start, stop, run = stop, ends[run + 1], run + 1
                if place > start:
                    j = _drawn(seeds[r], n_runs + run, n_first + start, n_first + stop, n_first + place) - n_first
                    links[place], links[j] = links[j], links[place]
    return giant, total, peak, bool(whole.all())
