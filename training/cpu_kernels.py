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
    real_at,
    relu_row,
    transpose_tile,
    write_real,
)
from netsparse.training.links import Links

# Links × samples below which a second thread costs more than it brings.
_PARALLEL_FROM = 1_000_000

_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}
_SIZE = {torch.float32: 4, torch.float64: 8}

# Columns of the table that a chain comes in, a row a layer; all but the first three are addresses, 0 for none.
_N_SOURCE, _N_TARGET, _RELU, _SOURCE_START, _TARGETS, _TARGET_START, _SOURCES, _POSITIONS, _WEIGHTS, _X, _Y = range(11)
_BIAS = 11  # forward
_GRADIENT, _BIAS_GRADIENT, _GIVEN, _Y_GRADIENT, _X_GRADIENT = range(11, 16)  # backward


@numba.njit(inline="always")
def _first_row(starts, n, part, n_parts):  # pragma: no cover - compiled
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
def _transpose(given, given_step, made, batch, n, one, size, n_parts):  # pragma: no cover
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
                    write_real(real_at(one, given, s * given_step + row), made, row * batch + s)
            i += TILE


@numba.njit(cache=True, nogil=True, parallel=True)
def _forward(table, given, given_step, batch, one, size, n_parts):  # pragma: no cover
    if given:
        _transpose(given, given_step, table[0, _X], batch, table[0, _N_SOURCE], one, size, n_parts)
    for layer in range(len(table)):
        row = table[layer]
        for part in numba.prange(n_parts):
            starts, n, bias = row[_TARGET_START], row[_N_TARGET], row[_BIAS]
            for j in range(_first_row(starts, n, part, n_parts), _first_row(starts, n, part + 1, n_parts)):
                forward_row(
                    real_at(one, bias, j) if bias else one - one,
                    index_at(starts, j),
                    index_at(starts, j + 1),
                    row[_SOURCES],
                    row[_POSITIONS],
                    row[_WEIGHTS],
                    row[_X],
                    row[_Y] + j * batch * size,
                    batch,
                    row[_RELU] != 0,
                )


@numba.njit(cache=True, nogil=True, parallel=True)
def _backward(table, given, given_step, batch, one, size, n_parts):  # pragma: no cover
    if given:
        _transpose(given, given_step, table[-1, _GIVEN], batch, table[-1, _N_TARGET], one, size, n_parts)
    for layer in range(len(table) - 1, -1, -1):
        row = table[layer]
        if row[_RELU] or row[_BIAS_GRADIENT]:
            for part in numba.prange(n_parts):
                n = row[_N_TARGET]
                for j in range(n * part // n_parts, n * (part + 1) // n_parts):
                    at = j * batch * size
                    given, cut = row[_GIVEN] + at, row[_Y_GRADIENT] + at
                    total = relu_row(one, given, row[_Y] + at, cut, batch, row[_RELU] != 0)
                    if row[_BIAS_GRADIENT]:
                        write_real(total, row[_BIAS_GRADIENT], j)
        for part in numba.prange(n_parts):
            starts, n = row[_SOURCE_START], row[_N_SOURCE]
            for i in range(_first_row(starts, n, part, n_parts), _first_row(starts, n, part + 1, n_parts)):
                at = i * batch * size
                backward_row(
                    one,
                    index_at(starts, i),
                    index_at(starts, i + 1),
                    row[_TARGETS],
                    row[_WEIGHTS],
                    row[_X] + at,
                    row[_Y_GRADIENT],
                    row[_X_GRADIENT] + at,
                    row[_GRADIENT],
                    batch,
                    row[_X_GRADIENT] != 0,
                )


def _run(kernel: Any, work: int, *arguments: Any) -> None:
    """Run a kernel on all of Numba's threads, or on one if there are few multiply-adds to do."""
    n_threads = numba.get_num_threads()
    if work >= _PARALLEL_FROM or n_threads == 1:
        kernel(*arguments, n_threads)
        return
    numba.set_num_threads(1)
    try:
        kernel(*arguments, 1)
    finally:
        numba.set_num_threads(n_threads)


def forward(
    links: Sequence[Links],
    weights: Sequence[torch.Tensor],
    biases: Sequence[torch.Tensor | None],
    relu: Sequence[bool],
    samples: torch.Tensor,
) -> list[torch.Tensor]:
    """Return [X, Y of the first layer, Y of the second …], each feature-major, (n, batch), for samples (batch, n)."""
    batch, dtype, table, work = len(samples), samples.dtype, [], 0
    x, given, step = _feature_major(samples)
    rows = [torch.empty((samples.shape[1], batch), dtype=dtype) if x is None else x]
    for own, weight, bias, has_relu in zip(links, weights, biases, relu, strict=True):
        y = torch.empty((own.n_target, batch), dtype=dtype)
        addresses = [tensor.data_ptr() for tensor in (weight, rows[-1], y)]
        table.append((*_described(own, has_relu), *addresses, 0 if bias is None else bias.data_ptr()))
        rows.append(y)
        work += batch * len(weight)
    _run(_forward, work, np.array(table, np.int64), given, step, batch, _NUMPY[dtype](1), _SIZE[dtype])
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


def _described(links: Links, relu: bool) -> tuple[int, ...]:
    """Return what a row of a table begins with."""
    return links.n_source, links.n_target, relu, *links.addresses


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

    ``rows`` are what `forward` returned, ``y_gradient`` is the last layer's, (batch, n_target); it stays as it is.
    """
    x, n, work = rows[0], len(links), 0
    batch, dtype = x.shape[1], x.dtype
    incoming, given, step = _feature_major(y_gradient)
    # Ẏ of one layer and Ẋ are all that is needed at a time: two buffers, in turn
    width = max(map(len, rows))
    buffers = [torch.empty((width, batch), dtype=dtype) for _ in range(2)]
    at = [buffers[i % 2].data_ptr() for i in range(n + 1)]  # of the gradient of rows[i]
    last = at[n] if incoming is None else incoming.data_ptr()
    if not (relu[-1] or to_bias[-1]):
        at[n] = last
    gradients, bias_gradients, table = [], [], []
    for i, (own, weight) in enumerate(zip(links, weights, strict=True)):
        gradient = torch.empty_like(weight) if batch else torch.zeros_like(weight)  # without samples nobody writes it
        bias_gradient = torch.empty(own.n_target, dtype=dtype) if to_bias[i] else None
        addresses = [tensor.data_ptr() for tensor in (weight, rows[i], rows[i + 1], gradient)]
        table.append(
            (
                *_described(own, relu[i]),
                *addresses,
                0 if bias_gradient is None else bias_gradient.data_ptr(),
                at[i + 1] if i + 1 < n else last,
                at[i + 1],
                at[i] if i or to_input else 0,
            )
        )
        gradients.append(gradient)
        bias_gradients.append(bias_gradient)
        work += 2 * batch * len(weight)
    _run(_backward, work, np.array(table, np.int64), given, step, batch, _NUMPY[dtype](1), _SIZE[dtype])
    return buffers[0][: len(x)] if to_input else None, gradients, bias_gradients
