"""Rows of a feature-major matrix in LLVM's own terms: the innermost loops of the sparse products on the CPU.

Numba has no vectors, and LLVM does not find accumulators for a batch of unknown size by itself. So the loop over a
neuron's links is built here: of 64 samples, then of 32, 16 … 1 for what is left, their accumulators in registers.
Matrices and link arrays come as addresses, of which Numba asks nothing; `netsparse.training.cpu_kernels` has checked
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Samples that one pass over a neuron's links takes: 64 as long as there are so many, then each of these at most once.
_WIDTHS = (64, 32, 16, 8, 4, 2, 1)

_INT, _INDEX = ir.IntType(64), ir.IntType(32)


class _Rows:
    """Rows of a feature-major matrix in LLVM's terms: ``width`` samples of them at a time, from an offset."""

    def __init__(self, builder: ir.IRBuilder, real: ir.Type, width: int) -> None:
        self.builder, self.real, self.width = builder, real, width
        self.vector = ir.VectorType(real, width)
        self.zero = ir.Constant(self.vector, [ir.Constant(real, 0.0)] * width)

    def load(self, pointer: Any) -> Any:
        value = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        value.align = _size(self.real)
        return value

    def store(self, value: Any, pointer: Any) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, self.vector.as_pointer())).align = _size(self.real)

    def splat(self, scalar: Any) -> Any:
        none = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(none, scalar, _INDEX(0))
        lanes = ir.Constant(ir.VectorType(_INDEX, self.width), [0] * self.width)
        return self.builder.shuffle_vector(first, none, lanes)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        name = f"llvm.fma.v{self.width}{'f32' if isinstance(self.real, ir.FloatType) else 'f64'}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), [a, b, c])

    def sum(self, value: Any) -> Any:
        """Add the lanes up, half to half."""
        width = self.width
        while width > 1:
            width //= 2
            kind = ir.VectorType(_INDEX, width)
            halves = [
                self.builder.shuffle_vector(value, value, ir.Constant(kind, list(range(start, start + width))))
                for start in (0, width)
            ]
            value = self.builder.fadd(*halves)
        return self.builder.extract_element(value, _INDEX(0))


def _size(real: ir.Type) -> int:
    return 4 if isinstance(real, ir.FloatType) else 8


def _real(numba_type: Any) -> ir.Type:
    return ir.FloatType() if numba_type == types.float32 else ir.DoubleType()


def _chunks(builder: ir.IRBuilder, batch: Any) -> Iterator[tuple[int, Callable[[], Any]]]:
    """Yield each width with a context that builds the code for it and gives the offset of its first sample."""
    for width in _WIDTHS:

        @contextmanager
        def chunk(width: int = width) -> Iterator[Any]:
            if width == _WIDTHS[0]:
                whole = builder.and_(batch, _INT(-width))
                with cgutils.for_range_slice(builder, _INT(0), whole, _INT(width)) as (offset, _):
                    yield offset
            else:
                here = builder.icmp_unsigned("!=", builder.and_(batch, _INT(width)), _INT(0))
                with builder.if_then(here):
                    yield builder.and_(batch, _INT(-2 * width))

        yield width, chunk


def _gather(builder: ir.IRBuilder, base: Any, index: Any) -> Any:
    return builder.zext(builder.load(builder.gep(base, [index])), _INT)


@intrinsic
def forward_row(
    typing, bias, first, stop, sources, positions, weights, x, y, batch, relu
):  # pragma: no cover - compiled
    """Compute one row of Y: the links first … stop of a target neuron, in target-major order."""

    def generate(context, builder, signature, arguments):
        bias, first, stop, sources, positions, weights, x, y, batch, relu = arguments
        real = _real(signature.args[0])
        sources, positions = (builder.inttoptr(a, _INDEX.as_pointer()) for a in (sources, positions))
        weights, x, y = (builder.inttoptr(a, real.as_pointer()) for a in (weights, x, y))
        for width, chunk in _chunks(builder, batch):
            with chunk() as offset:
                rows = _Rows(builder, real, width)
                total = cgutils.alloca_once(builder, rows.vector)
                builder.store(rows.splat(bias), total)
                with cgutils.for_range_slice(builder, first, stop, _INT(1)) as (link, _):
                    source = _gather(builder, sources, link)
                    weight = builder.load(builder.gep(weights, [_gather(builder, positions, link)]))
                    row = rows.load(builder.gep(x, [builder.add(builder.mul(source, batch), offset)]))
                    builder.store(rows.multiply_add(rows.splat(weight), row, builder.load(total)), total)
                result = builder.load(total)
                # not (result <= 0): NaN stays NaN, as in torch
                above = builder.select(builder.fcmp_ordered("<=", result, rows.zero), rows.zero, result)
                rows.store(builder.select(relu, above, result), builder.gep(y, [offset]))
        return context.get_dummy_value()

    integer = types.int64
    return types.void(bias, *[integer] * 8, types.boolean), generate


@intrinsic
def backward_row(
    typing, one, first, stop, targets, weights, x, y_gradient, x_gradient, gradient, batch, to_input
):  # pragma: no cover - compiled
    """Compute one row of Ẋ, and ẇ of its links first … stop, from a source neuron's row of X."""

    def generate(context, builder, signature, arguments):
        _, first, stop, targets, weights, x, y_gradient, x_gradient, gradient, batch, to_input = arguments
        real = _real(signature.args[0])
        targets = builder.inttoptr(targets, _INDEX.as_pointer())
        weights, x, y_gradient, x_gradient, gradient = (
            builder.inttoptr(a, real.as_pointer()) for a in (weights, x, y_gradient, x_gradient, gradient)
        )
        for width, chunk in _chunks(builder, batch):
            with chunk() as offset:
                rows = _Rows(builder, real, width)
                total = cgutils.alloca_once(builder, rows.vector)
                builder.store(rows.zero, total)
                own = rows.load(builder.gep(x, [offset]))
                later = builder.icmp_signed(">", offset, _INT(0))
                with cgutils.for_range_slice(builder, first, stop, _INT(1)) as (link, _):
                    target = _gather(builder, targets, link)
                    row = rows.load(builder.gep(y_gradient, [builder.add(builder.mul(target, batch), offset)]))
                    weight = builder.load(builder.gep(weights, [link]))
                    builder.store(rows.multiply_add(rows.splat(weight), row, builder.load(total)), total)
                    slot = builder.gep(gradient, [link])
                    before = builder.select(later, builder.load(slot), ir.Constant(real, 0.0))
                    builder.store(builder.fadd(before, rows.sum(builder.fmul(own, row))), slot)
                with builder.if_then(to_input):
                    rows.store(builder.load(total), builder.gep(x_gradient, [offset]))
        return context.get_dummy_value()

    integer = types.int64
    return types.void(one, *[integer] * 9, types.boolean), generate


@intrinsic
def relu_row(typing, one, given, y, gradient, batch, relu):  # pragma: no cover
    """Write one row of Ẏ, cut off where the ReLU was; return its sum."""

    def generate(context, builder, signature, arguments):
        _, given, y, gradient, batch, relu = arguments
        real = _real(signature.args[0])
        given, y, gradient = (builder.inttoptr(a, real.as_pointer()) for a in (given, y, gradient))
        total = cgutils.alloca_once_value(builder, ir.Constant(real, 0.0))
        for width, chunk in _chunks(builder, batch):
            with chunk() as offset:
                rows = _Rows(builder, real, width)
                row, own = (rows.load(builder.gep(base, [offset])) for base in (given, y))
                # not (y <= 0): where y is NaN torch lets the gradient pass
                cut = builder.select(builder.fcmp_ordered("<=", own, rows.zero), rows.zero, row)
                row = builder.select(relu, cut, row)
                rows.store(row, builder.gep(gradient, [offset]))
                builder.store(builder.fadd(builder.load(total), rows.sum(row)), total)
        return builder.load(total)

    return one(one, *[types.int64] * 4, types.boolean), generate


@intrinsic
def index_at(typing, address, index):  # pragma: no cover - compiled
    """Read the index-th int32 behind an address."""

    def generate(context, builder, signature, arguments):
        return _gather(builder, builder.inttoptr(arguments[0], _INDEX.as_pointer()), arguments[1])

    return types.int64(types.int64, types.int64), generate


@intrinsic
def real_at(typing, one, address, index):  # pragma: no cover - compiled
    """Read the index-th number behind an address, of the type of ``one``."""

    def generate(context, builder, signature, arguments):
        pointer = builder.inttoptr(arguments[1], _real(signature.args[0]).as_pointer())
        return builder.load(builder.gep(pointer, [arguments[2]]))

    return one(one, types.int64, types.int64), generate


@intrinsic
def write_real(typing, one, value, address, index):  # pragma: no cover - compiled
    """Write a number to the index-th place behind an address, as the type of ``one``."""

    def generate(context, builder, signature, arguments):
        one, value, address, index = arguments
        value = context.cast(builder, value, signature.args[1], signature.args[0])
        builder.store(value, builder.gep(builder.inttoptr(address, one.type.as_pointer()), [index]))
        return context.get_dummy_value()

    return types.void(one, value, types.int64, types.int64), generate


TILE = 8


@intrinsic
def transpose_tile(typing, one, given, given_step, made, made_step):  # pragma: no cover
    """Write the transpose of a tile of 8 × 8 numbers; steps are from one row to the next."""

    def generate(context, builder, signature, arguments):
        _, given, given_step, made, made_step = arguments
        real = _real(signature.args[0])
        given, made = (builder.inttoptr(a, real.as_pointer()) for a in (given, made))
        rows = _Rows(builder, real, TILE)
        tile = [rows.load(builder.gep(given, [builder.mul(given_step, _INT(r))])) for r in range(TILE)]
        lanes = ir.VectorType(_INDEX, TILE)
        for step in (1, 2, 4):  # swap the blocks off the diagonal, of 1, 2, 4 numbers
            upper = ir.Constant(lanes, [i if not i & step else TILE + i - step for i in range(TILE)])
            lower = ir.Constant(lanes, [i + step if not i & step else TILE + i for i in range(TILE)])
            for r in range(TILE):
                if not r & step:
                    pair = tile[r], tile[r + step]
                    tile[r] = builder.shuffle_vector(*pair, upper)
                    tile[r + step] = builder.shuffle_vector(*pair, lower)
        for r in range(TILE):
            rows.store(tile[r], builder.gep(made, [builder.mul(made_step, _INT(r))]))
        return context.get_dummy_value()

    return types.void(one, *[types.int64] * 4), generate


@intrinsic
def momentum_step(
    typing, rate, n, weights, gradient, momentum_buffer, weight_decay, momentum, nesterov
):  # pragma: no cover - compiled
    """Move n weights by stochastic gradient descent with momentum and weight decay, as torch.optim.SGD does."""

    def generate(context, builder, signature, arguments):
        rate, n, weights, gradient, momentum_buffer, weight_decay, momentum, nesterov = arguments
        real = _real(signature.args[0])
        weights, gradient, momentum_buffer = (
            builder.inttoptr(a, real.as_pointer()) for a in (weights, gradient, momentum_buffer)
        )
        for width, chunk in _chunks(builder, n):
            with chunk() as offset:
                rows = _Rows(builder, real, width)
                at = [builder.gep(base, [offset]) for base in (weights, gradient, momentum_buffer)]
                weight, slope, before = (rows.load(pointer) for pointer in at)
                slope = rows.multiply_add(rows.splat(weight_decay), weight, slope)
                velocity = rows.multiply_add(rows.splat(momentum), before, slope)
                ahead = rows.multiply_add(rows.splat(momentum), velocity, slope)
                step = builder.select(nesterov, ahead, velocity)
                rows.store(velocity, at[2])
                rows.store(builder.fsub(weight, builder.fmul(rows.splat(rate), step)), at[0])
        return context.get_dummy_value()

    return types.void(rate, *[types.int64] * 4, rate, rate, types.boolean), generate
