"""The products of sparse layers on the CPU, in Numba: forward, and backward to the input and to the links' weights.

Activations are feature-major: row i of an (n, batch) matrix holds neuron i's activation for every sample of the batch,
contiguous. One link then is one multiply-add of two such rows, which vector units take many samples at a time:

    forward     Y[j] = b_j + Σ_i w_ij X[i]          one target neuron after the other
    backward    Ẋ[i] = Σ_j w_ij Ẏ[j]                one source neuron after the other,
                ẇ_ij = X[i] · Ẏ[j]                  with the same rows of Ẏ at hand

A chain of layers is one call, since for small layers calls cost more than products. Every number is summed by one
thread in one order, so the result does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import torch

from netsparse.training.cpu_rows import (
    TILE,
    backward_row,
    forward_row,
    index_at,
    momentum_step,
    real_at,
    relu_row,
    transpose_tile,
    write_real,
)
from netsparse.training.links import Links

# Multiply-adds of a call below which more threads bring little, and cost much where other work keeps the cores busy:
# a thread that was put aside makes the others wait at the end of every loop.
_PARALLEL_FROM = 12_000_000

NUMPY = {torch.float32: np.float32, torch.float64: np.float64}
SIZE = {torch.float32: 4, torch.float64: 8}

# Columns of the table that a chain comes in, a row a layer; all but the first three are addresses, 0 for none.
N_SOURCE, N_TARGET, RELU, SOURCE_START, TARGETS, TARGET_START, SOURCES, POSITIONS, WEIGHTS, X, Y = range(11)
BIAS = 11  # forward
GRADIENT, BIAS_GRADIENT, GIVEN, Y_GRADIENT, X_GRADIENT = range(11, 16)  # backward


@numba.njit(inline="always")
def _first_row(starts, n, part, n_parts):
    """Return the first of n neurons of a part, the links dealt evenly."""
    if part == n_parts:
        return n
    wanted = index_at(starts, n) * part // n_parts
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if index_at(starts, middle) < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, nogil=True, parallel=True)
def _transpose(given, given_step, made, batch, n, one, size, n_parts):
    """Copy a (batch, n) matrix, its rows given_step apart, into a feature-major one, (n, batch)."""
    whole = batch - batch % TILE
    for part in numba.prange(n_parts):
        stop = n * (part + 1) // n_parts
        i = n * part // n_parts
        while i < stop:
            tiled = whole if i + TILE <= stop else 0
            for s in range(0, tiled, TILE):
                at, to = given + (s * given_step + i) * size, made + (i * batch + s) * size
                transpose_tile(one, at, given_step, to, batch)
            for row in range(i, min(i + TILE, stop)):
                for s in range(tiled, batch):
                    write_real(one, real_at(one, given, s * given_step + row), made, row * batch + s)
            i += TILE


@numba.njit(cache=True, nogil=True, parallel=True)
def forward_chain(table, given, given_step, batch, one, size, n_parts):
    """Compute Y of every layer of a table; X of the first one from samples (batch, n), if an address is given."""
    if given:
        _transpose(given, given_step, table[0, X], batch, table[0, N_SOURCE], one, size, n_parts)
    for layer in range(len(table)):
        row = table[layer]
        for part in numba.prange(n_parts):
            starts, n, bias = row[TARGET_START], row[N_TARGET], row[BIAS]
            for j in range(_first_row(starts, n, part, n_parts), _first_row(starts, n, part + 1, n_parts)):
                forward_row(
                    real_at(one, bias, j) if bias else one - one,
                    index_at(starts, j),
                    index_at(starts, j + 1),
                    row[SOURCES],
                    row[POSITIONS],
                    row[WEIGHTS],
                    row[X],
                    row[Y] + j * batch * size,
                    batch,
                    row[RELU] != 0,
                )


@numba.njit(cache=True, nogil=True, parallel=True)
def backward_chain(table, given, given_step, batch, one, size, n_parts):
    """Compute all gradients of a table; the last Ẏ from one of (batch, n), if an address is given."""
    if given:
        _transpose(given, given_step, table[-1, GIVEN], batch, table[-1, N_TARGET], one, size, n_parts)
    for layer in range(len(table) - 1, -1, -1):
        row = table[layer]
        if row[RELU] or row[BIAS_GRADIENT]:
            for part in numba.prange(n_parts):
                n = row[N_TARGET]
                for j in range(n * part // n_parts, n * (part + 1) // n_parts):
                    at = j * batch * size
                    given, cut = row[GIVEN] + at, row[Y_GRADIENT] + at
                    total = relu_row(one, given, row[Y] + at, cut, batch, row[RELU] != 0)
                    if row[BIAS_GRADIENT]:
                        write_real(one, total, row[BIAS_GRADIENT], j)
        for part in numba.prange(n_parts):
            starts, n = row[SOURCE_START], row[N_SOURCE]
            for i in range(_first_row(starts, n, part, n_parts), _first_row(starts, n, part + 1, n_parts)):
                at = i * batch * size
                backward_row(
                    one,
                    index_at(starts, i),
                    index_at(starts, i + 1),
                    row[TARGETS],
                    row[WEIGHTS],
                    row[X] + at,
                    row[Y_GRADIENT],
                    row[X_GRADIENT] + at,
                    row[GRADIENT],
                    batch,
                    row[X_GRADIENT] != 0,
                )


@numba.njit(cache=True, nogil=True, parallel=True, error_model="numpy")
def train_epoch(
    x, labels, order, batch_size, mean, deviation, staging, forward, backward, steps, rates, one, size, n_parts
):
    """Train batch after batch; return the summed cross-entropy.

    ``staging`` holds one batch (batch, n_features); the last row of the tables is the layer of the classes. A row of
    ``steps`` is a parameter: how many numbers, addresses of values, gradient and momentum, whether Nesterov's; of
    ``rates`` its learning rate, weight decay and momentum.
    """
    n_features, n_classes = x.shape[1], forward[-1, N_TARGET]
    logits, slopes, total = forward[-1, Y], backward[-1, GIVEN], 0.0
    for start in range(0, len(order), batch_size):
        batch = min(batch_size, len(order) - start)
        for part in numba.prange(n_parts):
            for s in range(batch * part // n_parts, batch * (part + 1) // n_parts):
                sample = order[start + s]
                for i in range(n_features):
                    staging[s, i] = (x[sample, i] - mean) / deviation
        forward_chain(forward, staging.ctypes.data, n_features, batch, one, size, n_parts)
        for s in range(batch):
            total += _cross_entropy(logits, slopes, s, labels[order[start + s]], n_classes, batch, one)
        backward_chain(backward, 0, 0, batch, one, size, n_parts)
        for part in numba.prange(n_parts):
            for p in range(len(steps)):
                n, rate = steps[p, 0], rates[p]
                first, stop = n * part // n_parts, n * (part + 1) // n_parts
                at, nesterov = first * size, steps[p, 4] != 0
                values, gradient, momentum = steps[p, 1] + at, steps[p, 2] + at, steps[p, 3] + at
                momentum_step(rate[0], stop - first, values, gradient, momentum, rate[1], rate[2], nesterov)
    return total


@numba.njit(cache=True, nogil=True)
def _cross_entropy(logits, slopes, s, label, n_classes, batch, one):
    """Return one sample's cross-entropy, and write its gradient, of the batch's mean, by class."""
    largest = real_at(one, logits, s)
    for c in range(1, n_classes):
        largest = max(largest, real_at(one, logits, c * batch + s))
    summed = 0.0
    for c in range(n_classes):
        summed += np.exp(np.float64(real_at(one, logits, c * batch + s) - largest))
    for c in range(n_classes):
        share = np.exp(np.float64(real_at(one, logits, c * batch + s) - largest)) / summed
        write_real(one, (share - (c == label)) / batch, slopes, c * batch + s)
    return np.log(summed) + largest - real_at(one, logits, label * batch + s)


def run(kernel: Any, work: int, *arguments: Any) -> Any:
    """Run a kernel on all of Numba's threads, or on one if there are few multiply-adds to do."""
    n_threads = numba.get_num_threads()
    if work >= _PARALLEL_FROM or n_threads == 1:
        return kernel(*arguments, n_threads)
    numba.set_num_threads(1)
    try:
        return kernel(*arguments, 1)
    finally:
        numba.set_num_threads(n_threads)


def forward_table(
    links: Sequence[Links],
    weights: Sequence[torch.Tensor],
    biases: Sequence[torch.Tensor | None],
    relu: Sequence[bool],
    rows: Sequence[torch.Tensor],
) -> np.ndarray:
    """Describe a chain's way forward: rows are [X, Y of the first layer, Y of the second …]."""
    at = [row.data_ptr() for row in rows]
    return np.array(
        [
            (*_described(own, has_relu), weight.data_ptr(), at[i], at[i + 1], 0 if bias is None else bias.data_ptr())
            for i, (own, weight, bias, has_relu) in enumerate(zip(links, weights, biases, relu, strict=True))
        ],
        np.int64,
    )


def backward_table(
    links: Sequence[Links],
    weights: Sequence[torch.Tensor],
    relu: Sequence[bool],
    rows: Sequence[torch.Tensor],
    gradients: Sequence[torch.Tensor],
    bias_gradients: Sequence[torch.Tensor | None],
    row_gradients: Sequence[int],
    given: int,
) -> np.ndarray:
    """Describe a chain's way back.

    ``row_gradients`` are the addresses for the gradients of rows (0 for what is not wanted), ``given`` that of the last
    one as it comes, before its layer's ReLU.
    """
    at, n = [row.data_ptr() for row in rows], len(links)
    return np.array(
        [
            (
                *_described(own, relu[i]),
                weights[i].data_ptr(),
                at[i],
                at[i + 1],
                gradients[i].data_ptr(),
                0 if bias_gradient is None else bias_gradient.data_ptr(),
                row_gradients[i + 1] if i + 1 < n else given,
                row_gradients[i + 1],
                row_gradients[i],
            )
            for i, (own, bias_gradient) in enumerate(zip(links, bias_gradients, strict=True))
        ],
        np.int64,
    )


def _described(links: Links, relu: bool) -> tuple[int, ...]:
    """Return what a row of a table begins with."""
    return links.n_source, links.n_target, relu, *links.addresses


def forward(
    links: Sequence[Links],
    weights: Sequence[torch.Tensor],
    biases: Sequence[torch.Tensor | None],
    relu: Sequence[bool],
    samples: torch.Tensor,
) -> list[torch.Tensor]:
    """Return [X, Y of the first layer, Y of the second …], each feature-major, (n, batch), for samples (batch, n)."""
    batch, dtype = len(samples), samples.dtype
    x, given, step = _feature_major(samples)
    rows = [torch.empty((samples.shape[1], batch), dtype=dtype) if x is None else x]
    rows += [torch.empty((own.n_target, batch), dtype=dtype) for own in links]
    table = forward_table(links, weights, biases, relu, rows)
    run(forward_chain, batch * sum(map(len, weights)), table, given, step, batch, NUMPY[dtype](1), SIZE[dtype])
    return rows


def _feature_major(samples: torch.Tensor) -> tuple[torch.Tensor | None, int, int]:
    """Return a (batch, n) matrix as contiguous (n, batch), or None, its address and step, for the kernel to copy it."""
    rows = samples.t()
    if rows.is_contiguous():
        return rows, 0, 0
    step, within = samples.stride()
    if within != 1:
        return rows.contiguous(), 0, 0
    return None, samples.data_ptr(), step


def backward(
    links: Sequence[Links],
    weights: Sequence[torch.Tensor],
    relu: Sequence[bool],
    rows: Sequence[torch.Tensor],
    y_gradient: torch.Tensor,
    to_input: bool,
    to_bias: Sequence[bool],
) -> tuple[torch.Tensor | None, list[torch.Tensor], list[torch.Tensor | None]]:
    """Return Ẋ (n_source, batch) if wanted, ẇ of each layer, and ḃ of each layer if wanted.

    ``rows`` are what `forward` returned, the last of them only if its layer has a ReLU; ``y_gradient`` is the last
    layer's, (batch, n_target), and stays as it is.
    """
    x, n = rows[0], len(links)
    batch, dtype = x.shape[1], x.dtype
    make = torch.empty_like if batch else torch.zeros_like  # without samples nobody writes them
    gradients = [make(weight) for weight in weights]
    bias_gradients = [
        torch.empty(own.n_target, dtype=dtype) if wanted else None for own, wanted in zip(links, to_bias, strict=True)
    ]
    incoming, given, step = _feature_major(y_gradient)
    buffers, row_gradients = gradient_buffers([len(x), *(own.n_target for own in links)], x)
    last = row_gradients[n] if incoming is None else incoming.data_ptr()
    if len(rows) == n:  # nobody looks at it, but it has to be somewhere
        rows = [*rows, buffers[n % 2] if incoming is None else incoming]
    if not (relu[-1] or to_bias[-1]):
        row_gradients[n] = last
    if not to_input:
        row_gradients[0] = 0
    table = backward_table(links, weights, relu, rows, gradients, bias_gradients, row_gradients, last)
    run(backward_chain, 2 * batch * sum(map(len, weights)), table, given, step, batch, NUMPY[dtype](1), SIZE[dtype])
    return buffers[0][: len(x)] if to_input else None, gradients, bias_gradients


def gradient_buffers(widths: Sequence[int], x: torch.Tensor) -> tuple[list[torch.Tensor], list[int]]:
    """Return two buffers, and in which of them (its address) the gradient of rows of these widths goes.

    One layer's Ẏ and Ẋ are all that is needed at a time, so that the two serve in turn.
    """
    buffers = [x.new_empty((max(widths), x.shape[1])) for _ in range(2)]
    return buffers, [buffers[i % 2].data_ptr() for i in range(len(widths))]
