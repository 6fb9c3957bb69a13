"""Greedy paths and the mean length of topological shortest paths, a target or a source at a time."""

import numba
import numpy as np
from numba import prange

from netsparse.analysis.hyperbolic import distance_argument, from_argument, place_products

_UNKNOWN, _WALKING, _FAILED = -1, -2, -3


@numba.njit(cache=True, parallel=True, nogil=True)
def link_lengths(start, neighbours, theta, radius):  # type: ignore[no-untyped-def]
    """Hyperbolic length of every link, in the order of the adjacency's entries."""
    place = place_products(theta, radius)
    lengths = np.empty(len(neighbours))
    for u in prange(len(start) - 1):
        for p in range(start[u], start[u + 1]):
            lengths[p] = from_argument(distance_argument(place, u, neighbours[p]))
    return lengths


@numba.njit(cache=True, nogil=True)
def _hops_to(target, start, neighbours, walked, n_wanted, hops, queue):  # type: ignore[no-untyped-def]
    """Breadth-first search for the hops of all nodes whose path arrives, ``n_wanted`` of them; then it stops."""
    hops[:] = -1
    hops[target] = 0
    queue[0] = target
    done, found = 0, 1
    while done < found and n_wanted:
        u = queue[done]
        done += 1
        for p in range(start[u], start[u + 1]):
            v = neighbours[p]
            if hops[v] < 0:
                hops[v] = hops[u] + 1
                queue[found] = v
                found += 1
                n_wanted -= walked[v] > 0


@numba.njit(cache=True, nogil=True)
def _walk(target, start, neighbours, nearness, lengths, walked, length, path):  # type: ignore[no-untyped-def]
    """Hops and length of the greedy path from every node to the target; `_FAILED` where it comes back to a node.

    Returns the number of nodes from which it arrives.
    The next node depends on the node and the target alone, so a path that meets a known one ends as it does.
    """
    walked[:] = _UNKNOWN
    walked[target] = 0
    length[target] = 0.0
    n_arrived = 0
    for source in range(len(walked)):
        node, n_path = source, 0
        while walked[node] == _UNKNOWN:
            walked[node] = _WALKING
            nearest, best = -1, np.inf
            for p in range(start[node], start[node + 1]):
                if nearness[neighbours[p]] < best:
                    nearest, best = p, nearness[neighbours[p]]
            if nearest < 0:  # no neighbours
                walked[node] = _FAILED
                break
            path[n_path] = nearest
            n_path += 1
            node = neighbours[nearest]
        reached = walked[node] >= 0
        for i in range(n_path - 1, -1, -1):
            following = neighbours[path[i]]
            node = source if i == 0 else neighbours[path[i - 1]]
            walked[node] = walked[following] + 1 if reached else _FAILED
            if reached:
                length[node] = length[following] + lengths[path[i]]
                n_arrived += 1
    return n_arrived


@numba.njit(cache=True, parallel=True, nogil=True)
def greedy_sums(start, neighbours, theta, radius, lengths, targets):  # type: ignore[no-untyped-def]
    """Walk greedily from all nodes to each target.

    Returns sums over the sources: hops of the shortest path / hops walked; paths that arrive; their hops; of the
    sources not linked to the target: distance / length walked, and their number.
    """
    n = len(theta)
    place = place_products(theta, radius)
    sums = np.zeros((len(targets), 5))
    for k in prange(len(targets)):
        target = targets[k]
        nearness, length = np.empty(n), np.empty(n)
        hops, walked, scratch = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int64)
        for v in range(n):
            nearness[v] = distance_argument(place, v, target)
        n_arrived = _walk(target, start, neighbours, nearness, lengths, walked, length, scratch)
        _hops_to(target, start, neighbours, walked, n_arrived, hops, scratch)
        ratio, steps, efficiency = 0.0, 0.0, 0.0
        for v in range(n):
            if v == target or walked[v] < 0:
                continue
            ratio += hops[v] / walked[v]
            steps += walked[v]
            if hops[v] > 1:
                efficiency += from_argument(nearness[v]) / length[v] if length[v] > 0.0 else 1.0
        sums[k] = (ratio, 1.0 * n_arrived, steps, efficiency, n - 1.0 - (start[target + 1] - start[target]))
    return sums


@numba.njit(cache=True, parallel=True, nogil=True)
def congruence_sums(start, neighbours, theta, radius, lengths, sources, straight, from_all):  # type: ignore[no-untyped-def]
    """Compare distances with the mean length of all topological shortest paths, from each source.

    Returns sums over the nodes that are reached and not linked to the source (of larger index, unless ``from_all``):
    distance / mean length, and their number. The distance is the hyperbolic one, or, where given, a row of
    ``straight`` per source.
    """
    n = len(theta)
    place = place_products(theta, radius)
    sums = np.zeros((len(sources), 2))
    for k in prange(len(sources)):
        source = sources[k]
        n_paths, total = np.zeros(n), np.zeros(n)
        hops, queue = np.empty(n, np.int32), np.empty(n, np.int64)
        hops[:] = -1
        hops[source], n_paths[source], queue[0] = 0, 1.0, source
        done, found = 0, 1
        while done < found:
            u = queue[done]
            done += 1
            following = hops[u] + 1
            if found == n and following > hops[queue[n - 1]]:
                break  # none is farther away
            for p in range(start[u], start[u + 1]):
                v = neighbours[p]
                if hops[v] < 0:
                    hops[v] = following
                    queue[found] = v
                    found += 1
                if hops[v] == following:
                    n_paths[v] += n_paths[u]
                    total[v] += total[u] + n_paths[u] * lengths[p]
        ratio, count = 0.0, 0.0
        for v in range(0 if from_all else source + 1, n):
            if hops[v] < 2:
                continue
            distance = straight[k, v] if len(straight) else from_argument(distance_argument(place, source, v))
            ratio += distance * n_paths[v] / total[v] if total[v] > 0.0 else 1.0
            count += 1.0
        sums[k] = (ratio, count)
    return sums
