"""Numbers that went wrong: a training that has diverged is told at once."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from netsparse.errors import NetsparseError


class DivergedError(NetsparseError):
    """Loss or weights are no longer finite."""


def check_finite(tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights that are infinite or NaN.

    Raises
    ------
    DivergedError
        With the first of them.

    Examples
    --------
    >>> check_finite({"fc.weight": torch.tensor([1.0, 2.0])})
    >>> check_finite({"fc.weight": torch.tensor([1.0, torch.inf])})
    Traceback (most recent call last):
    netsparse.training.finite.DivergedError: 1 of 2 numbers of fc.weight are infinite or NaN
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not (finite := torch.isfinite(tensor)).all():
            n_broken = int((~finite).sum())
            raise DivergedError(f"{n_broken:,} of {tensor.numel():,} numbers of {name} are infinite or NaN")
