"""The products of a sparse layer on a GPU, in Triton: the same three sums as in `netsparse.training.cpu_kernels`.

Activations are feature-major there too, so that the samples of a neuron lie side by side for the threads of a warp. One
program computes one target neuron's row (forward) or one source neuron's (backward), its links in order: no atomic
additions, the same sum at every run. Sums are of float32 (float64 for float64), whatever the activations are.
"""

# Triton's kernels take pointers that have no Python type.

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl

from netsparse.training.links import Links

_BLOCK = 64


@triton.jit
def _forward(
    target_start,
    sources,
    positions,
    weights,
    bias,
    x,
    y,
    batch,
    HAS_BIAS: tl.constexpr,
    RELU: tl.constexpr,
    SUM: tl.constexpr,
    BLOCK: tl.constexpr,
):  # pragma: no cover - compiled
    j = tl.program_id(0).to(tl.int64)
    sample = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = sample < batch
    total = tl.zeros([BLOCK], SUM)
    if HAS_BIAS:
        total += tl.load(bias + j).to(SUM)
    first = tl.load(target_start + j)
    stop = tl.load(target_start + j + 1)
    for link in range(first, stop):
        source = tl.load(sources + link).to(tl.int64)
        weight = tl.load(weights + tl.load(positions + link)).to(SUM)
        total += weight * tl.load(x + source * batch + sample, mask=inside, other=0.0).to(SUM)
    if RELU:
        total = tl.where(total <= 0, 0.0, total)
    tl.store(y + j * batch + sample, total.to(y.dtype.element_ty), mask=inside)


@triton.jit
def _backward(
    source_start,
    targets,
    weights,
    x,
    y_gradient,
    x_gradient,
    gradient,
    batch,
    TO_INPUT: tl.constexpr,
    SUM: tl.constexpr,
    BLOCK: tl.constexpr,
):  # pragma: no cover - compiled
    i = tl.program_id(0).to(tl.int64)
    first = tl.load(source_start + i)
    stop = tl.load(source_start + i + 1)
    for block in range(0, batch, BLOCK):
        sample = block + tl.arange(0, BLOCK)
        inside = sample < batch
        own = tl.load(x + i * batch + sample, mask=inside, other=0.0).to(SUM)
        total = tl.zeros([BLOCK], SUM)
        for link in range(first, stop):
            target = tl.load(targets + link).to(tl.int64)
            row = tl.load(y_gradient + target * batch + sample, mask=inside, other=0.0).to(SUM)
            total += tl.load(weights + link).to(SUM) * row
            before = tl.load(gradient + link)
            tl.store(gradient + link, before + tl.sum(own * row, axis=0).to(gradient.dtype.element_ty))
        if TO_INPUT:
            tl.store(x_gradient + i * batch + sample, total.to(x_gradient.dtype.element_ty), mask=inside)


def _sum_type(x: torch.Tensor) -> tl.dtype:
    return tl.float64 if x.dtype == torch.float64 else tl.float32


def forward(
    links: Sequence[Links],
    weights: Sequence[torch.Tensor],
    biases: Sequence[torch.Tensor | None],
    relu: Sequence[bool],
    samples: torch.Tensor,
) -> list[torch.Tensor]:
    """Return [X, Y of the first layer, Y of the second …], each feature-major, (n, batch), for samples (batch, n)."""
    x, batch = samples.t().contiguous(), len(samples)
    rows = [x]
    for own, weight, bias, has_relu in zip(links, weights, biases, relu, strict=True):
        y = torch.empty((own.n_target, batch), dtype=x.dtype, device=x.device)
        if y.numel():
            _forward[(own.n_target, triton.cdiv(batch, _BLOCK))](
                own.target_start,
                own.sources,
                own.positions,
                weight,
                weight if bias is None else bias,
                rows[-1],
                y,
                batch,
                HAS_BIAS=bias is not None,
                RELU=has_relu,
                SUM=_sum_type(x),
                BLOCK=_BLOCK,
            )
        rows.append(y)
    return rows


def backward(
    links: Sequence[Links],
    weights: Sequence[torch.Tensor],
    relu: Sequence[bool],
    rows: Sequence[torch.Tensor],
    y_gradient: torch.Tensor,
    to_input: bool,
    to_bias: Sequence[bool],
) -> tuple[torch.Tensor | None, list[torch.Tensor], list[torch.Tensor | None]]:
    """Return Ẋ (n_source, batch) if wanted, ẇ of each layer, and ḃ of each layer if wanted (see `cpu_kernels`)."""
    n, y_gradient = len(links), y_gradient.t().contiguous()
    gradients = [torch.zeros_like(weight) for weight in weights]
    bias_gradients: list[torch.Tensor | None] = [None] * n
    for i in reversed(range(n)):
        if relu[i]:
            y_gradient = torch.where(rows[i + 1] <= 0, 0.0, y_gradient)
        if to_bias[i]:
            bias_gradients[i] = y_gradient.sum(1, dtype=weights[i].dtype)
        wanted = i > 0 or to_input
        x_gradient = torch.empty_like(rows[i]) if wanted else rows[i]
        if links[i].n_source:
            _backward[(links[i].n_source,)](
                links[i].source_start,
                links[i].targets,
                weights[i],
                rows[i],
                y_gradient,
                x_gradient,
                gradients[i],
                rows[i].shape[1],
                TO_INPUT=wanted,
                SUM=_sum_type(rows[i]),
                BLOCK=_BLOCK,
            )
        y_gradient = x_gradient
    return y_gradient if to_input else None, gradients, bias_gradients
