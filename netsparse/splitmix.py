"""Random numbers for compiled code: SplitMix64, which is a counter and a scramble, so any place can have its own."""

import numba
import numpy as np

# What the counter grows by from number to number.
STEP = np.uint64(0x9E3779B97F4A7C15)


@numba.njit(inline="always")
def mixed(state: np.uint64) -> np.uint64:
    """Scramble a counter into 64 random bits."""
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@numba.njit(inline="always")
def unit(state: np.uint64) -> float:
    """Return a number from 0 up to below 1, of 53 random bits."""
    return (mixed(state) >> np.uint64(11)) * 2.0**-53


@numba.njit(inline="always")
def two_below(draw: np.uint64, n: int) -> tuple[int, int]:
    """Return two numbers 0 … n − 1 from 64 random bits, n < 2³¹."""
    bound = np.uint64(n)
    first = ((draw >> np.uint64(32)) * bound) >> np.uint64(32)
    second = ((draw & np.uint64(0xFFFFFFFF)) * bound) >> np.uint64(32)
    return int(first), int(second)


@numba.njit(cache=True, nogil=True)
def shuffled(order: np.ndarray, ends: np.ndarray, seed: np.uint64) -> np.ndarray:
    """Return the order with each run, up to each of ``ends``, shuffled by itself (Fisher–Yates)."""
    found = order.copy()
    state, start = np.uint64(seed), 0
    for end in ends:
        for i in range(end - 1, start, -1):
            state += STEP
            # 32 bits times the number of choices, shifted back: even to 2⁻³² a choice
            bits = mixed(state) >> np.uint64(32)
            j = start + int((bits * np.uint64(i - start + 1)) >> np.uint64(32))
            found[i], found[j] = found[j], found[i]
        start = end
    return found
