"""Whole epochs of a sparse network on the CPU in compiled code: gather, forward, cross-entropy, backward, step of SGD.

The products of a small layer take some ten microseconds, every call from Python through torch as long again. So what an
epoch does for a `SparseSequential` of ``csr`` layers and a dense output layer, trained by ``torch.optim.SGD``, is one
loop over the batches here, on the kernels of `netsparse.training.cpu_kernels`. Nothing else knows of it: weights,
biases and momentum are the model's and the optimizer's own tensors, as autograd and ``optimizer.step()`` would leave
them up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph
from netsparse.training import cpu_kernels as kernels
from netsparse.training.csr import CSRLinear
from netsparse.training.links import Links
from netsparse.training.sequential import SparseSequential, has_hooks, is_whole

# Multiply-adds of one call: under a second, so that an interrupt does not wait long.
_AT_ONCE = 2 * 10**9


@dataclass(frozen=True)
class _Parts:
    """What of a model and its optimizer an epoch needs."""

    layers: list[CSRLinear]
    output: nn.Linear
    groups: dict[torch.Tensor, dict]


def fits(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor) -> bool:
    """Whether `train_epoch` can train this model with this optimizer on these samples."""
    return _parts(model, optimizer, x) is not None


def _parts(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor) -> _Parts | None:
    if type(model).forward is not SparseSequential.forward or type(optimizer) is not torch.optim.SGD:
        return None
    if not list(model.parameters()):
        return None
    *layers, output = cast(Any, model)
    parameters = list(model.parameters())
    groups = {p: group for group in optimizer.param_groups for p in group["params"]}
    plain = (
        layers
        and all(isinstance(layer, CSRLinear) and layer.joins_chain and layer.backend == "csr" for layer in layers)
        and len(parameters) == sum(len(list(module.parameters())) for module in (*layers, output))  # none is shared
        and parameters[0].dtype in (torch.float32, torch.float64)
        and type(output) is nn.Linear
        and not any(has_hooks(module) for module in (model, *layers, output))
        and not any(p._backward_hooks or getattr(p, "_post_accumulate_grad_hooks", None) for p in parameters)
        and not (optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks)
        and set(groups) == set(parameters)
        and all(p.requires_grad and p.dtype is parameters[0].dtype and p.device.type == "cpu" for p in parameters)
        and x.device.type == "cpu"
        and x.dtype in (torch.uint8, torch.float32, torch.float64)
        and x.dim() == 2
        and [x.shape[1], *(m.out_features for m in layers)] == [m.in_features for m in (*layers, output)]
        and all(is_whole(layer, layer.weight, layer.bias, output.weight.dtype) for layer in layers)
        and output.weight.shape == (output.out_features, output.in_features)
        and (output.bias is None or (len(output.bias) == output.out_features and output.bias.is_contiguous()))
        and all(_is_alike(optimizer.state.get(p, {}).get("momentum_buffer"), p) for p in parameters)
        and not torch.is_autocast_enabled("cpu")
        and not any(group["dampening"] or group["maximize"] or group["differentiable"] for group in groups.values())
    )
    return _Parts(layers, output, groups) if plain else None


def _is_alike(buffer: torch.Tensor | None, parameter: torch.Tensor) -> bool:
    """Whether a momentum buffer, if there is one yet, is one of this parameter."""
    return buffer is None or (
        buffer.shape == parameter.shape and buffer.dtype is parameter.dtype and buffer.is_contiguous()
    )


@torch.no_grad()
def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    y: torch.Tensor,
    order: torch.Tensor,
    batch_size: int,
    mean: float = 0.0,
    deviation: float = 1.0,
) -> float:
    """Train one pass over samples in a given order, by the mean cross-entropy of each batch.

    Parameters
    ----------
    model : SparseSequential
        For which, with the optimizer and x, `fits` says yes.
    optimizer : torch.optim.SGD
    x : torch.Tensor of uint8, float32 or float64, shape (n_samples, n_features)
    y : torch.Tensor of int64, shape (n_samples,)
        Classes.
    order : torch.Tensor of int64
        Indices of samples.
    batch_size : int
    mean, deviation : float
        The network sees (x − mean) / deviation.

    Returns
    -------
    float
        Mean cross-entropy of the samples, each by the network of its own batch.

    Raises
    ------
    NetsparseError
        If they do not fit, a class is none of the network's, or an index none of the samples'.

    Notes
    -----
    Nothing is left in the parameters' ``grad``.

    Examples
    --------
    >>> from netsparse.training import MLP
    >>> model = MLP(64, 10, width=100, sparsity=0.9, backend="csr")
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    >>> x, y = torch.rand(30, 64), torch.arange(30) % 10
    >>> losses = [train_epoch(model, optimizer, x, y, torch.randperm(30), batch_size=10) for _ in range(20)]
    >>> losses[-1] < losses[0]
    True
    """
    parts = _parts(model, optimizer, x)
    if parts is None:
        raise NetsparseError(
            "only a SparseSequential of csr layers and a dense one, SGD and float samples fit; see fits()"
        )
    if not isinstance(batch_size, int) or batch_size < 1:
        raise NetsparseError(f"batch_size must be a whole number of at least 1, it is {batch_size!r}")
    _check("class", y, parts.output.out_features)
    _check("index", order, min(len(x), len(y)))
    if not len(order):
        return 0.0
    work = _Workspace(parts, optimizer, min(batch_size, len(order)))
    n_links = sum(map(len, work.weights))
    at_once = batch_size * max(1, _AT_ONCE // max(3 * batch_size * n_links, 1))
    total = 0.0
    try:
        for chosen in order.split(at_once):
            total += work.run(x, y, chosen, batch_size, mean, deviation)
    finally:
        work.write_back()
    optimizer._opt_called = True  # type: ignore[attr-defined] # what torch's schedulers of the learning rate ask for
    return total / len(order)


def _check(what: str, values: torch.Tensor, stop: int) -> None:
    """Refuse what compiled code would read past the end for."""
    if values.dtype != torch.int64 or values.dim() != 1 or values.device.type != "cpu":
        raise NetsparseError(
            f"{what}: wants one int64 a sample on the CPU, not {values.dtype} of {tuple(values.shape)}"
        )
    if len(values) and not (int(values.min()) >= 0 and int(values.max()) < stop):
        raise NetsparseError(f"{what} {int(values.min())} … {int(values.max())} lies outside 0 … {stop - 1}")


class _Workspace:
    """The tables and buffers of an epoch. The output layer is one more sparse layer here, with all links."""

    def __init__(self, parts: _Parts, optimizer: torch.optim.Optimizer, batch: int) -> None:
        layers, self.output = parts.layers, parts.output
        modules: list[Any] = [*layers, self.output]
        dtype = self.output.weight.dtype
        shape = (self.output.in_features, self.output.out_features)
        full = Links.of(LayerGraph.from_keys(np.arange(shape[0] * shape[1]), shape))
        self.links = [*(layer.links for layer in layers), full]
        relu = [*(layer.activation == "relu" for layer in layers), False]
        self.momenta = {p: _momentum_buffer(optimizer, p, group) for p, group in parts.groups.items()}
        weight = self.output.weight
        # by source neuron, as the weights of every sparse layer are; of one class it would be the same memory
        self.turned = [tensor.detach().t().flatten().clone() for tensor in (weight, self.momenta[weight])]
        self.weights = [*(layer.weight.detach() for layer in layers), self.turned[0]]
        biases = [None if m.bias is None else m.bias.detach() for m in modules]
        widths = [layers[0].in_features, *(own.n_target for own in self.links)]
        self.rows = [torch.empty((width, batch), dtype=dtype) for width in widths]
        gradients = [torch.empty_like(weight) for weight in self.weights]
        bias_gradients = [None if bias is None else torch.empty_like(bias) for bias in biases]
        buffers, at = kernels.gradient_buffers(widths, self.rows[0])
        self.forward = kernels.forward_table(self.links, self.weights, biases, relu, self.rows)
        self.backward = kernels.backward_table(
            self.links, self.weights, relu, self.rows, gradients, bias_gradients, [0, *at[1:]], at[-1]
        )
        self.staging = torch.empty((batch, widths[0]), dtype=dtype)
        steps: list[tuple[int, ...]] = []
        rates: list[tuple[float, ...]] = []
        for i, module in enumerate(modules):
            own: list[tuple[Any, ...]] = [(module.weight, self.weights[i], gradients[i])]
            own += [(module.bias, biases[i], bias_gradients[i])] if module.bias is not None else []
            for parameter, values, gradient in own:
                group = parts.groups[parameter]
                buffer = self.turned[1] if parameter is weight else self.momenta[parameter]
                addresses = [tensor.data_ptr() for tensor in (values, gradient, buffer)]
                steps.append((len(values), *addresses, bool(group["nesterov"])))
                rates.append((float(group["lr"]), float(group["weight_decay"]), float(group["momentum"])))
        self.steps, self.rates = np.array(steps, np.int64), np.array(rates, kernels.NUMPY[dtype])
        self.held = (buffers, gradients, bias_gradients, biases)  # the tables know their addresses only

    def run(
        self, x: torch.Tensor, y: torch.Tensor, order: torch.Tensor, batch_size: int, mean: float, deviation: float
    ) -> float:
        """Train on the samples of these indices; return their summed loss."""
        number = kernels.NUMPY[self.staging.dtype]
        total = kernels.run(
            kernels.train_epoch,
            2 * min(batch_size, len(order)) * sum(map(len, self.weights)),
            x.detach().numpy(),
            y.numpy(),
            order.numpy(),
            batch_size,
            number(mean),
            number(deviation),
            self.staging.numpy(),
            self.forward,
            self.backward,
            self.steps,
            self.rates,
            number(1),
            kernels.SIZE[self.staging.dtype],
        )
        return float(total)

    def write_back(self) -> None:
        """Give the output layer's weight and momentum back in torch's order."""
        weight = self.output.weight
        for tensor, turned in zip((weight, self.momenta[weight]), self.turned, strict=True):
            tensor.copy_(turned.reshape(self.output.in_features, self.output.out_features).t())


def _momentum_buffer(optimizer: torch.optim.Optimizer, parameter: torch.Tensor, group: dict) -> torch.Tensor:
    """Return the optimizer's own buffer, which starts at 0; without momentum one that nobody keeps."""
    state = optimizer.state[parameter]
    if not group["momentum"]:
        return torch.zeros_like(parameter, requires_grad=False)
    if state.get("momentum_buffer") is None:
        state["momentum_buffer"] = torch.zeros_like(parameter, requires_grad=False)
    return cast(torch.Tensor, state["momentum_buffer"])
