"""Common neighbours of every link and the links among them, counted by wedges."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, parallel=True)
def count_l2(indptr: np.ndarray, indices: np.ndarray, n_chunks: int) -> tuple[np.ndarray, np.ndarray]:
    """Count common neighbours, and links among them, of every link (u, v), u < v; shape (nnz,), else 0."""
    n = len(indptr) - 1
    common, inner = np.zeros(len(indices), np.int64), np.zeros(len(indices), np.int64)
    for chunk in numba.prange(n_chunks):
        mark = np.full(n, -1, np.int32)  # u: a neighbour of u
        both = np.full(n, -1, np.int32)  # the link at p: a common neighbour of its ends
        nodes = np.empty(n, np.int32)
        link = 0
        for u in range(chunk, n, n_chunks):
            for p in range(indptr[u], indptr[u + 1]):
                mark[indices[p]] = u
            for p in range(indptr[u], indptr[u + 1]):
                v = indices[p]
                if v <= u:
                    continue
                found = 0
                for q in range(indptr[v], indptr[v + 1]):
                    z = indices[q]
                    if mark[z] == u:
                        nodes[found] = z
                        both[z] = link
                        found += 1
                twice = 0
                if found > 1:
                    for k in range(found):
                        z = nodes[k]
                        for q in range(indptr[z], indptr[z + 1]):
                            twice += both[indices[q]] == link
                common[p], inner[p] = found, twice // 2
                link += 1
    return common, inner


@numba.njit(cache=True, nogil=True, parallel=True)
def count_l3(indptr: np.ndarray, indices: np.ndarray, n_chunks: int) -> tuple[np.ndarray, np.ndarray]:
    """Count, for each entry (v, u) of a graph of two sides, the nodes a and the links b–a on the paths v–b–a–u.

    a is a neighbour of u other than v, b one of v other than u. The nodes b are counted at the entry (u, v).
    """
    n = len(indptr) - 1
    near, middle = np.zeros(len(indices), np.int64), np.zeros(len(indices), np.int64)
    for chunk in numba.prange(n_chunks):
        shared = np.zeros(n, np.int32)  # neighbours shared with v
        for v in range(chunk, n, n_chunks):
            wedges = 0
            for p in range(indptr[v], indptr[v + 1]):
                u = indices[p]
                wedges += indptr[u + 1] - indptr[u]
                for q in range(indptr[u], indptr[u + 1]):
                    shared[indices[q]] += 1
            for p in range(indptr[v], indptr[v + 1]):
                u = indices[p]
                nodes, links = 0, 0
                for q in range(indptr[u], indptr[u + 1]):
                    a = indices[q]
                    if a != v and shared[a] > 1:  # one of them is u
                        nodes += 1
                        links += shared[a] - 1
                near[p], middle[p] = nodes, links
            if wedges > n:
                shared[:] = 0
                continue
            for p in range(indptr[v], indptr[v + 1]):
                u = indices[p]
                for q in range(indptr[u], indptr[u + 1]):
                    shared[indices[q]] = 0
    return near, middle


@numba.njit(cache=True, nogil=True, parallel=True)
def sample_l3(
    indptr: np.ndarray, indices: np.ndarray, tails: np.ndarray, heads: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count, for each of some links (v, u), the nodes on the paths v–b–a–u and their middle links (see `count_l3`)."""
    n, n_links = len(indptr) - 1, len(tails)
    near, middle = np.zeros(n_links, np.int64), np.zeros(n_links, np.int64)
    for link in numba.prange(n_links):
        for turn in range(2):
            v, u = (tails[link], heads[link]) if turn == 0 else (heads[link], tails[link])
            shared = np.zeros(n, np.int32)
            for p in range(indptr[v], indptr[v + 1]):
                for q in range(indptr[indices[p]], indptr[indices[p] + 1]):
                    shared[indices[q]] += 1
            links = 0
            for q in range(indptr[u], indptr[u + 1]):
                a = indices[q]
                if a != v and shared[a] > 1:
                    near[link] += 1
                    links += shared[a] - 1
            middle[link] = links  # the same both ways
    return near, middle
