"""Sparse layers in a row, and a dense one behind them, as one step of autograd."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from netsparse.errors import NetsparseError

if TYPE_CHECKING:
    from netsparse.training.csr import CSRLinear


def sparse_chain(layers: Sequence[CSRLinear], x: torch.Tensor, output: nn.Linear | None = None) -> torch.Tensor:
    """Return what layers in a row make of x: the same as one after the other, with one step of autograd in all.

    Parameters
    ----------
    layers : sequence of CSRLinear
        At least one; all on one device.
    x : torch.Tensor, shape (…, n_in)
    output : torch.nn.Linear, optional
        A dense layer behind them.

    Returns
    -------
    torch.Tensor, shape (…, n_out)

    Raises
    ------
    NetsparseError
        If x does not fit the first layer or a layer the one before, or a dtype has no kernel.

    Examples
    --------
    >>> from netsparse.training import SparseLinear
    >>> first, second = (SparseLinear(9, 9, 0.5, seed=seed, activation="relu", backend="csr") for seed in (1, 2))
    >>> x = torch.rand(4, 9)
    >>> torch.equal(sparse_chain([first, second], x), second(first(x)))
    True
    """
    width, device = x.shape[-1] if x.dim() else None, x.device
    dtype = cast(torch.Tensor, layers[0]._parameters["weight"]).dtype
    parameters: list[torch.Tensor | None] = []
    for layer in layers:
        weight, bias = cast(torch.Tensor, layer._parameters["weight"]), layer._parameters["bias"]
        if width != layer.in_features or device != weight.device:
            raise NetsparseError(
                f"what comes in has {width} features on {device}; the layer has {layer.in_features} source neurons and "
                f"is on {weight.device}"
            )
        if not is_whole(layer, weight, bias, dtype):
            raise NetsparseError(
                f"weights {tuple(weight.shape)} of {weight.dtype} and bias do not belong to a layer of {layer.n_links} "
                f"links and {layer.out_features} target neurons in a chain of {dtype}; change links by set_graph(), "
                "and the type of all layers together"
            )
        width = layer.out_features
        parameters += (weight, bias)
    if output is not None:
        if width != output.in_features:
            raise NetsparseError(f"{width} features come to a dense layer of {output.in_features} source neurons")
        parameters += (output.weight, output.bias)
    if dtype is not torch.float32:
        check_dtype(dtype, layers[0].backend)
    if x.dtype != dtype or torch.is_autocast_enabled(device.type):
        x = _cast(x, dtype, layers[0].backend)
    # transposed out here: autograd lets nobody change a view in place that comes out of a Function
    y = cast(torch.Tensor, _SparseChain.apply(layers, x if x.dim() == 2 else _flat(x), *parameters)).t()
    return y if x.dim() == 2 else y.reshape(*x.shape[:-1], y.shape[1])


def _flat(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(0, -2) if x.dim() > 1 else x.unsqueeze(0)


def is_whole(layer: CSRLinear, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> bool:
    """Whether weight and bias are what the kernels, which get their addresses alone, take them to be."""
    targets = cast(torch.Tensor, layer._buffers["targets"])
    return (
        weight.dtype is dtype
        and weight.shape == targets.shape
        and weight.device == targets.device
        and weight.is_contiguous()
        and (
            bias is None
            or (
                bias.dtype is dtype
                and len(bias) == layer.out_features
                and bias.device == weight.device
                and bias.is_contiguous()
            )
        )
    )


def check_dtype(dtype: torch.dtype, backend: str) -> None:
    """Refuse weights of a type that the sparse kernels do not know."""
    if dtype not in (torch.float32, torch.float64):
        raise NetsparseError(
            f"weights of {dtype}: backend '{backend}' knows float32 and float64; keep the weights so and use "
            "torch.autocast for bfloat16 activations, or backend='masked'"
        )


def _cast(x: torch.Tensor, dtype: torch.dtype, backend: str) -> torch.Tensor:
    """Return x in the type to multiply in."""
    if not torch.is_autocast_enabled(x.device.type):
        raise NetsparseError(f"x is of {x.dtype}, the layer's weights are of {dtype}")
    return x.to(torch.get_autocast_dtype(x.device.type) if backend == "cuda" else dtype)


@cache
def _kernels(backend: str) -> ModuleType:
    """Return the kernels of a backend; none is loaded (Triton may not be there) before it is needed."""
    return importlib.import_module(f"netsparse.training.{'gpu' if backend == 'cuda' else 'cpu'}_kernels")


class _SparseChain(torch.autograd.Function):
    """The layers by the kernels of their device: samples (batch, n_in) in, feature-major (n_out, batch) out."""

    @staticmethod
    def forward(ctx: Any, layers: Sequence[CSRLinear], x: torch.Tensor, *parameters: Any) -> torch.Tensor:
        n, kernels = len(layers), _kernels(layers[0].backend)
        weights, biases = parameters[::2], parameters[1::2]
        links, relu = [layer.links for layer in layers], [layer.activation == "relu" for layer in layers]
        y, *before = kernels.forward(links, weights[:n], biases[:n], relu, x)[::-1]
        rows = before[::-1]
        if len(weights) > n:
            weight, bias = weights[n], biases[n]
            rows.append(y)
            y = weight @ y if bias is None else torch.addmm(bias.unsqueeze(1), weight, y)
        elif relu[-1]:
            rows.append(y)  # only a ReLU has to know what came out
        ctx.save_for_backward(*rows, *weights)
        ctx.layers, ctx.kernels, ctx.links, ctx.relu, ctx.n_rows = layers, kernels, links, relu, len(rows)
        ctx.changes = [layer.n_changes for layer in layers]
        return cast(torch.Tensor, y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if ctx.changes != [layer.n_changes for layer in ctx.layers]:
            raise NetsparseError("links changed between forward and backward; update the topology after backward")
        n, kernels = len(ctx.links), ctx.kernels
        _, to_input, *wanted = ctx.needs_input_grad
        saved = ctx.saved_tensors  # once: activation checkpointing unpacks no tensor twice
        rows, weights = saved[: ctx.n_rows], saved[ctx.n_rows :]
        tail: list[torch.Tensor] = []
        if len(weights) > n:
            tail = [y_gradient @ rows[n].t(), y_gradient.sum(1)]
            y_gradient = weights[n].t() @ y_gradient
        x_gradient, gradients, bias_gradients = kernels.backward(
            ctx.links, weights[:n], ctx.relu, rows, y_gradient.t(), to_input, wanted[1 : 2 * n : 2]
        )
        found = [gradient for pair in zip(gradients, bias_gradients, strict=True) for gradient in pair] + tail
        found = [gradient if want else None for gradient, want in zip(found, wanted, strict=True)]
        return None, x_gradient.t() if to_input else None, *found


class SparseSequential(nn.Sequential):
    """``nn.Sequential`` that takes `SparseLinear` layers in a row, and a dense one behind them, in one step.

    The result is the same. Only layers of the ``csr`` and ``cuda`` backends with nothing between them join (give them
    their ``activation``); where a module has hooks, each is called by itself.

    Examples
    --------
    >>> from netsparse.training import SparseLinear
    >>> model = SparseSequential(SparseLinear(784, 800, activation="relu"), SparseLinear(800, 800), nn.Linear(800, 10))
    >>> model(torch.rand(8, 784)).shape
    torch.Size([8, 10])
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return y of the last module."""
        run: list[CSRLinear] = []
        for module in self._modules.values():
            assert module is not None
            if getattr(module, "joins_chain", False) and not has_hooks(module):
                run.append(cast("CSRLinear", module))
                continue
            if run and type(module) is nn.Linear and _is_plain(module, run[0]):
                x, run = sparse_chain(run, x, module), []
                continue
            if run:
                x, run = sparse_chain(run, x), []
            x = module(x)
        return sparse_chain(run, x) if run else x


def has_hooks(module: nn.Module) -> bool:
    """Whether a call of the module would do more than its forward."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or nn.modules.module._has_any_global_hook()
    )


def _is_plain(module: nn.Linear, layer: CSRLinear) -> bool:
    """Whether a dense layer can stand behind a sparse one: no hooks, the same device and type, no other by autocast."""
    weight, other = module.weight, layer.weight
    if weight.dtype != other.dtype or weight.device != other.device or torch.is_autocast_enabled(weight.device.type):
        return False
    return not has_hooks(module)
