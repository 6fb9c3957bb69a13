"""Writing behind the training's back: a thread with a bounded queue, and copies that leave the device meanwhile."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch

from netsparse.errors import NetsparseError
from netsparse.spacing import Spacing

_log = logging.getLogger("netsparse")

# Jobs that may wait: more would only hold memory, when the disk is slower than the training.
_WAITING = 8

Job = tuple[Callable[..., object], tuple[Any, ...]]


class BackgroundWriter:
    """Does what it is handed in a thread of its own, one after the other, while training goes on.

    Used in a ``with`` block: leaving it waits until all is done, also when an error or an interrupt leads out, so that
    nothing handed over is lost. What went wrong in the thread is raised at the next `submit` or on leaving; later jobs
    are not done then.

    Raises
    ------
    NetsparseError
        If a file could not be written.

    Examples
    --------
    >>> done = []
    >>> with BackgroundWriter() as writer:
    ...     for epoch in range(3):
    ...         writer.submit(done.append, epoch)
    >>> done
    [0, 1, 2]
    """

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._spacing = Spacing()
        self._left_out: Job | None = None
        self._is_done = threading.Event()  # a join that is interrupted would take the thread for ended
        self._thread = threading.Thread(target=self._work, name="netsparse-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[..., object], *arguments: object) -> None:
        """Hand a job over; wait if too many are waiting already."""
        self._raise()
        self._jobs.put((job, arguments))

    def submit_spaced(self, job: Callable[..., object], *arguments: object) -> None:
        """Hand over a job that makes those like it before needless: of these some are left out, never the last.

        So they take about a tenth of the time at most, however long one of them takes.
        """
        self._raise()
        if not self._spacing.is_due():
            self._left_out = (job, arguments)
            return
        self._left_out = None
        self._spacing.hand_over()
        self._jobs.put((self._do_spaced, (job, arguments)))

    def _do_spaced(self, job: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        with self._spacing:
            job(*arguments)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._do(job)
        if self._left_out is not None:
            self._do(self._left_out)
        self._is_done.set()

    def _do(self, job: Job) -> None:
        if self._error is None:
            try:
                job[0](*job[1])
            except BaseException as error:  # told to the training thread
                self._error = error

    def _raise(self) -> None:
        error = self._error
        if isinstance(error, OSError):
            raise NetsparseError(
                f"{error.filename or 'a file'} cannot be written: {error.strerror or error}"
            ) from error
        if error is not None:
            raise error

    def _finish(self) -> None:
        self._jobs.put(None)
        self._is_done.wait()

    def __enter__(self) -> BackgroundWriter:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        try:
            self._finish()
        except KeyboardInterrupt:  # the first one may come now, at the end of the training: it saves, too
            self._finish()
            raise
        if error is None:
            self._raise()
        elif self._error is not None and self._error not in (error, getattr(error, "__cause__", None)):
            # another error leads out already
            _log.error("not everything was written: %s", self._error)


def copy_to_host(tensors: Mapping[str, torch.Tensor]) -> Callable[[], dict[str, torch.Tensor]]:
    """Begin to copy tensors to the host; the function returned waits for the copies and gives them.

    Tensors of a GPU go into pinned memory without the training waiting for them. The copies are the tensors as they
    are now, whatever happens to them afterwards.

    Examples
    --------
    >>> weight = torch.ones(2)
    >>> copies = copy_to_host({"weight": weight})
    >>> _ = weight.zero_()
    >>> copies()
    {'weight': tensor([1., 1.])}
    """
    held: dict[str, torch.Tensor] = {}
    event = None
    for name, tensor in tensors.items():
        tensor = tensor.detach()
        if tensor.is_cuda:
            held[name] = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            held[name].copy_(tensor, non_blocking=True)
            event = event or torch.cuda.Event()
        else:
            held[name] = tensor.to("cpu", memory_format=torch.contiguous_format, copy=True)
    if event is not None:
        event.record()

    def wait() -> dict[str, torch.Tensor]:
        if event is not None:
            event.synchronize()
        return held

    return wait
