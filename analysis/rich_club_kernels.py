"""Swaps of links biased to the product of degrees: one link is drawn by it, the other against it."""

import math

import numba
import numpy as np

from netsparse.splitmix import STEP, unit

_CLASSES = 64


@numba.njit(inline="always")
def _uniform(state: np.ndarray) -> float:
    state[0] += STEP
    return unit(state[0])


@numba.njit(inline="always")
def _put(
    link: int, weight: int, members: np.ndarray, sizes: np.ndarray, sums: np.ndarray, of: np.ndarray, at: np.ndarray
) -> None:
    """Put a link into the class of its weight: class c holds weights from 2^(c − 1) up to below 2^c."""
    c = math.frexp(float(weight))[1]
    members[c, sizes[c]] = link
    of[link], at[link] = c, sizes[c]
    sizes[c] += 1
    sums[c] += weight


@numba.njit(inline="always")
def _take(
    link: int, weight: int, members: np.ndarray, sizes: np.ndarray, sums: np.ndarray, of: np.ndarray, at: np.ndarray
) -> None:
    c = of[link]
    sizes[c] -= 1
    last = members[c, sizes[c]]
    members[c, at[link]] = last
    at[last] = at[link]
    sums[c] -= weight


@numba.njit(inline="always")
def _draw(
    state: np.ndarray,
    tails: np.ndarray,
    heads: np.ndarray,
    degrees: np.ndarray,
    members: np.ndarray,
    sizes: np.ndarray,
    sums: np.ndarray,
) -> int:
    """Draw a link by its product of degrees: a class by its sum, then links of it until one is taken."""
    left = _uniform(state) * sums.sum()
    chosen = 0
    for c in range(_CLASSES):
        if sizes[c] > 0:
            chosen = c
            left -= sums[c]
            if left < 0.0:
                break
    while True:
        link = members[chosen, int(_uniform(state) * sizes[chosen])]
        if _uniform(state) < math.frexp(float(degrees[tails[link]] * degrees[heads[link]]))[0]:
            return link


@numba.njit(inline="always")
def _key(u: int, v: int, n_source: int, n: int) -> int:
    """Give the bit of a pair: of ``n_source`` sources and the n − n_source targets behind them, or of any two nodes."""
    if n_source > 0:
        return u * (n - n_source) + v - n_source
    return u * n + v if u < v else v * n + u


@numba.njit(inline="always")
def _flip(bits: np.ndarray, key: int) -> None:
    bits[key >> 6] ^= np.uint64(1) << np.uint64(key & 63)


@numba.njit(inline="always")
def _is_set(bits: np.ndarray, key: int) -> bool:
    return (bits[key >> 6] >> np.uint64(key & 63)) & np.uint64(1) != 0


@numba.njit(cache=True, nogil=True)
def swap_by_degree(
    tails: np.ndarray,
    heads: np.ndarray,
    degrees: np.ndarray,
    n_source: int,
    low: int,
    high: int,
    n_swaps: int,
    seed: np.uint64,
) -> int:
    """Swap in place; give the number of swaps done, fewer than wished where nothing can be swapped any more.

    (a, b), (c, d) become (a, d), (c, b); without sides the second link is turned around at random. One link is drawn
    by w = product of degrees, the other by ``low`` + ``high`` − w, the least and the largest w of any pair. The first
    ``n_source`` nodes are sources, which swap with sources; 0: there are no sides.
    """
    m = len(tails)
    members, sizes = np.empty((_CLASSES, m), np.int32), np.zeros(_CLASSES, np.int64)
    sums, of, at = np.zeros(_CLASSES, np.int64), np.empty(m, np.int8), np.empty(m, np.int32)
    n = len(degrees)
    bits = np.zeros(((n_source * (n - n_source) if n_source > 0 else n * n) + 63) >> 6, np.uint64)
    for link in range(m):
        _put(link, degrees[tails[link]] * degrees[heads[link]], members, sizes, sums, of, at)
        _flip(bits, _key(tails[link], heads[link], n_source, n))
    state = np.array([seed], np.uint64)
    done, rejected = 0, 0
    while done < n_swaps and rejected < m + 1000 and m > 1:
        first = _draw(state, tails, heads, degrees, members, sizes, sums)
        second = first
        while second == first:
            second = int(_uniform(state) * m)
            against = low + high - degrees[tails[second]] * degrees[heads[second]]
            if _uniform(state) * high >= against:
                second = first
        a, b, c, d = tails[first], heads[first], tails[second], heads[second]
        if n_source == 0 and _uniform(state) < 0.5:
            c, d = d, c
        rejected += 1
        if a in (c, d) or b in (c, d):
            continue
        if _is_set(bits, _key(a, d, n_source, n)) or _is_set(bits, _key(c, b, n_source, n)):
            continue
        _flip(bits, _key(a, b, n_source, n))
        _flip(bits, _key(c, d, n_source, n))
        _flip(bits, _key(a, d, n_source, n))
        _flip(bits, _key(c, b, n_source, n))
        _take(first, degrees[a] * degrees[b], members, sizes, sums, of, at)
        _take(second, degrees[c] * degrees[d], members, sizes, sums, of, at)
        heads[first], tails[second], heads[second] = d, c, b
        _put(first, degrees[a] * degrees[d], members, sizes, sums, of, at)
        _put(second, degrees[c] * degrees[b], members, sizes, sums, of, at)
        done += 1
        rejected = 0
    return done


@numba.njit(cache=True, nogil=True, parallel=True)
def count_nulls(
    tails: np.ndarray,
    heads: np.ndarray,
    degrees: np.ndarray,
    n_source: int,
    low: int,
    high: int,
    n_swaps: int,
    seeds: np.ndarray,
    ranks: np.ndarray,
    n_ranks: int,
) -> np.ndarray:
    """Count, in one null model a seed, the links whose end of lower degree has each rank; shape (n_seeds, n_ranks)."""
    counts = np.zeros((len(seeds), n_ranks), np.int64)
    for k in numba.prange(len(seeds)):
        mine_tails, mine_heads = tails.copy(), heads.copy()
        swap_by_degree(mine_tails, mine_heads, degrees, n_source, low, high, n_swaps, seeds[k])
        for link in range(len(tails)):
            counts[k, min(ranks[mine_tails[link]], ranks[mine_heads[link]])] += 1
    return counts
