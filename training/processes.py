"""The processes of a distributed training: who I am, what all agree on. One process alone is no group."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


@contextmanager
def group(device: str) -> Iterator[None]:
    """Join the processes that ``torchrun`` started, if it did: by NCCL on GPUs, by Gloo on CPUs.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield
    finally:
        gc.collect()  # a model that holds the group keeps its threads alive, which abort Python as it shuts down
        dist.destroy_process_group()


def count() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return this process's number, 0 … count − 1. Number 0 decides and writes."""
    return dist.get_rank() if count() > 1 else 0


def from_first(value: T) -> T:
    """Return what process 0 handed in."""
    if count() == 1:
        return value
    held: list[Any] = [value if rank() == 0 else None]
    dist.broadcast_object_list(held, src=0)
    return held[0]


def gather(value: T) -> list[T]:
    """Return what each process handed in, in the order of the processes."""
    if count() == 1:
        return [value]
    held: list[Any] = [None] * count()
    dist.all_gather_object(held, value)
    return held


def sum_over(tensor: torch.Tensor) -> torch.Tensor:
    """Sum a tensor over the processes, in place."""
    if count() > 1:
        on_gpu = dist.get_backend() == "nccl" and not tensor.is_cuda
        moved = tensor.cuda() if on_gpu else tensor
        dist.all_reduce(moved)
        if on_gpu:
            tensor.copy_(moved)
    return tensor
