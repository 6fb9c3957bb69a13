"""The metrics of a run, to TensorBoard."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from netsparse.errors import NetsparseError
from netsparse.run import Run


def check_tensorboard() -> None:
    """Refuse to log to TensorBoard where it is not installed.

    Raises
    ------
    NetsparseError
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise NetsparseError("TensorBoard is not installed: pip install tensorboard, or leave --tensorboard out")


@contextmanager
def tensorboard_writer(run: Run, done: int = 0) -> Iterator[Callable[[Iterable[tuple[int, str, str, float]]], None]]:
    """Open ``RUN/tensorboard``; give what writes metric rows (epoch, layer, metric, value) there.

    Parameters
    ----------
    run : Run
    done : int
        Epochs that are there already: what was written behind them, before an interruption, no longer counts.
    """
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run.path / "tensorboard"), purge_step=done + 1) as writer:

        def write(rows: Iterable[tuple[int, str, str, float]]) -> None:
            for epoch, layer, metric, value in rows:
                writer.add_scalar(f"{layer}/{metric}" if layer else metric, value, epoch)

        yield write
