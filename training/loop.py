"""The epoch loop of `netsparse train`, from top to bottom."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.graph import Snapshot
from netsparse.run import METRIC_COLUMNS, Run
from netsparse.training import fused
from netsparse.training.backends import choose_backend
from netsparse.training.checkpoint import TrainingState, hold_checkpoint
from netsparse.training.config import TrainConfig
from netsparse.training.data import Dataset, load_dataset
from netsparse.training.environment import describe_environment
from netsparse.training.models import MLP
from netsparse.training.scheduler import TopologyScheduler
from netsparse.training.update import LayerUpdate
from netsparse.training.writer import BackgroundWriter

_log = logging.getLogger("netsparse")

# Samples of one step where they are not trained on.
_AT_ONCE = 512


@dataclass(frozen=True)
class EpochReport:
    """What one epoch brought, for a progress display.

    Attributes
    ----------
    epoch, epochs : int
        The epoch just done, and how many there will be.
    train_loss, validation_accuracy, test_accuracy : float
        Accuracies are fractions of 1.
    anp_rate : float
        Active-neuron post-percolation rate of the whole network, a fraction of 1.
    links_moved : int
        Links regrown that were not there before the update.
    seconds : float
    """

    epoch: int
    epochs: int
    train_loss: float
    validation_accuracy: float
    test_accuracy: float
    anp_rate: float
    links_moved: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch:>3}/{self.epochs}  loss {self.train_loss:.4f}  "
            f"accuracy {100 * self.validation_accuracy:.2f} % (validation) {100 * self.test_accuracy:.2f} % (test)  "
            f"ANP {100 * self.anp_rate:.1f} %  links moved {self.links_moved}  {self.seconds:.1f} s"
        )


@dataclass(frozen=True)
class TrainResult:
    """How a run ended. Validation chooses the best epoch, test accuracies are only reported.

    Attributes
    ----------
    final_test_accuracy : float
        After the last epoch.
    best_epoch : int
        Of highest validation accuracy, the first one of equals.
    best_test_accuracy : float
        Test accuracy at that epoch.
    """

    final_test_accuracy: float
    best_epoch: int
    best_test_accuracy: float


def train(
    config: TrainConfig,
    run: Run,
    on_epoch: Callable[[EpochReport], None] | None = None,
    data: Dataset | None = None,
) -> TrainResult:
    """Train one network and leave configuration, metrics, snapshots and a checkpoint in a run directory.

    Each epoch: one pass over the shuffled training samples, a topology update (not after the last epoch: its new links
    would never train), evaluation, snapshot. So a snapshot is the network that its epoch's accuracies belong to.
    Snapshot 0 is the start topology.

    Parameters
    ----------
    config : TrainConfig
    run : Run
        A new run directory.
    on_epoch : callable, optional
        Called with each epoch's report.
    data : Dataset, optional
        The data set, if it is loaded already.

    Returns
    -------
    TrainResult

    Raises
    ------
    NetsparseError
        If the data are not to be found, the device is not there, or the loss is no longer finite (what was done until
        then is in the run directory).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run.create(folder)
    ...     result = train(TrainConfig.resolve({"epochs": 1, "batch_size": 64, "scale": 1.0}), run)
    ...     run.epochs
    [0, 1]
    """
    with _log_file(run), _one_thread():
        try:
            return _train(config, run, on_epoch, data or load_dataset(config.dataset, config.data_dir))
        except NetsparseError as error:
            _log.error("%s", error)
            raise
        except KeyboardInterrupt:
            _log.error("interrupted")
            raise


def _train(config: TrainConfig, run: Run, on_epoch: Callable[[EpochReport], None] | None, data: Dataset) -> TrainResult:
    device = choose_device(config.device)
    backend = resolve_backend(config, data)
    run.write_config({**config.as_dict(), "device": device.type, "backend": backend})
    run.write_environment(describe_environment(device, config.seed))
    _log.info("device %s, backend %s", device.type, backend)
    state = _start(config, data, device, backend)
    parts = _on_device(data, device)
    del data
    rows: list[tuple[int, str, str, float]] = []
    with BackgroundWriter() as writer:
        writer.submit(run.write_snapshot, state.topology.snapshot(0))
        for epoch in range(1, config.epochs + 1):
            started = time.perf_counter()
            values = {"learning_rate": float(state.lr_scheduler.get_last_lr()[0])}
            values["train_loss"] = _train_epoch(state, parts["train"], config.batch_size)
            if not np.isfinite(values["train_loss"]):
                raise NetsparseError(
                    f"the training loss became {values['train_loss']} in epoch {epoch}: try a smaller --lr than "
                    f"{config.lr}; what was done before is in {run.path}"
                )
            trained = time.perf_counter()
            updates: dict[str, LayerUpdate] = {}
            if epoch < config.epochs:
                state.topology.step()
                updates = state.topology.last_update
            updated = time.perf_counter()
            taken = state.topology.begin_snapshot(epoch)
            held = hold_checkpoint(state, epoch)
            copied = time.perf_counter()
            for name in ("validation", "test"):
                values[f"{name}_accuracy"], values[f"{name}_loss"] = _evaluate(state.model, parts[name])
            evaluated = time.perf_counter()
            snapshot = taken()
            values["anp_rate"] = _anp_rate(snapshot)
            if epoch % config.snapshot_every == 0 or epoch == config.epochs:
                writer.submit(run.write_snapshot, snapshot)
            values |= {
                "training_seconds": trained - started,
                "topology_seconds": updated - trained,
                "evaluation_seconds": evaluated - copied,
                "snapshot_seconds": time.perf_counter() - evaluated + copied - updated,
            }
            rows += [(epoch, "", metric, value) for metric, value in values.items()]
            rows += _layer_rows(epoch, state.topology, snapshot, updates)
            writer.submit(_write_metrics, run, list(rows))
            writer.submit(held, run.checkpoint_path)
            report = EpochReport(
                epoch=epoch,
                epochs=config.epochs,
                train_loss=values["train_loss"],
                validation_accuracy=values["validation_accuracy"],
                test_accuracy=values["test_accuracy"],
                anp_rate=values["anp_rate"],
                links_moved=_links_moved(updates),
                seconds=time.perf_counter() - started,
            )
            _log.info("%s", report)
            if on_epoch:
                on_epoch(report)
    return _result(run.metrics)


def _write_metrics(run: Run, rows: list[tuple[int, str, str, float]]) -> None:
    run.write_metrics(pd.DataFrame(rows, columns=METRIC_COLUMNS))


def resolve_backend(config: TrainConfig, data: Dataset) -> str:
    """Return the backend of a run's sandwich layers; ``auto`` becomes the faster one.

    Raises
    ------
    NetsparseError
        If the backend does not run on the device.
    """
    width = _width(config, data)
    device = choose_device(config.device).type
    return choose_backend(width, width, config.sparsity, device, config.backend, compiled=True)


def _width(config: TrainConfig, data: Dataset) -> int:
    return max(1, round(config.scale * data.n_features))


def choose_device(name: str) -> torch.device:
    """Return the device of an option: ``auto`` is CUDA where there is one.

    Raises
    ------
    NetsparseError
        If ``cuda`` is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise NetsparseError("no CUDA device is available to torch here; use --device cpu or --device auto")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _start(config: TrainConfig, data: Dataset, device: torch.device, backend: str) -> TrainingState:
    """Make network, optimizer, schedules and random state of a run."""
    torch.manual_seed(config.seed)
    model = MLP(
        data.n_features,
        data.n_classes,
        _width(config, data),
        sparsity=config.sparsity,
        seed=config.seed,
        backend=backend,
        device=device,
    )
    optimizer = torch.optim.SGD(
        model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
    )
    lr_scheduler = torch.optim.lr_scheduler.LinearLR(
        optimizer, start_factor=1.0, end_factor=0.01, total_iters=max(1, round(0.9 * config.epochs))
    )
    topology = TopologyScheduler(
        model,
        optimizer,
        config.method,
        config.sparsity,
        layers=["sandwich*"],
        zeta=config.zeta,
        update_interval=config.update_interval,
        data=data.train.x,
        seed=config.seed,
        early_stop=config.early_stop or None,
    )
    generator = torch.Generator().manual_seed(config.seed)
    return TrainingState(model, optimizer, lr_scheduler, topology, generator)


@dataclass(frozen=True)
class _Samples:
    """One split on the device, as the data set holds it; what the network sees is normalised when it is taken.

    So bytes stay bytes, a quarter of the memory. Mean and deviation are those of all training pixels.
    """

    x: torch.Tensor
    y: torch.Tensor
    mean: float
    deviation: float

    def normalised(self, x: torch.Tensor) -> torch.Tensor:
        """Return samples as the network sees them."""
        return (x.to(torch.float32) - self.mean) / self.deviation


def _on_device(data: Dataset, device: torch.device) -> dict[str, _Samples]:
    mean, deviation = _moments(data.train.x)
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    return {
        name: _Samples(
            torch.from_numpy(np.require(split.x, requirements="W")).to(device),
            torch.from_numpy(split.y).to(device),
            mean,
            deviation,
        )
        for name, split in splits.items()
    }


def _moments(x: np.ndarray) -> tuple[float, float]:
    """Return mean and deviation of all numbers (float32), by parts: no copy of a whole data set in float64."""
    parts = [x[start : start + _AT_ONCE] for start in range(0, len(x), _AT_ONCE)]
    mean = sum(float(part.sum(dtype=np.float64)) for part in parts) / x.size
    variance = sum(float(((part - mean) ** 2).sum(dtype=np.float64)) for part in parts) / x.size
    return float(np.float32(mean)), float(np.float32(np.sqrt(variance))) or 1.0


def _train_epoch(state: TrainingState, samples: _Samples, batch_size: int) -> float:
    """Train one pass over the samples in random order; return the mean loss."""
    state.model.train()
    order = torch.randperm(len(samples.y), generator=state.generator)
    if fused.fits(state.model, state.optimizer, samples.x):
        part = (samples.x, samples.y, order, batch_size, samples.mean, samples.deviation)
        loss = fused.train_epoch(state.model, state.optimizer, *part)
    else:
        loss = _train_by_autograd(state, samples, order, batch_size)
    state.lr_scheduler.step()
    return loss


def _train_by_autograd(state: TrainingState, samples: _Samples, order: torch.Tensor, batch_size: int) -> float:
    """Do what `fused.train_epoch` does, with any model, optimizer and device."""
    losses = []
    batches = order.to(samples.x.device).split(batch_size)
    for batch in batches:
        state.optimizer.zero_grad()
        x, y = samples.normalised(samples.x.index_select(0, batch)), samples.y.index_select(0, batch)
        loss = nn.functional.cross_entropy(state.model(x), y)
        loss.backward()
        state.optimizer.step()
        losses.append(loss.detach())
    sizes = torch.tensor([len(batch) for batch in batches], dtype=torch.float64)
    return float(torch.stack(losses).double().cpu() @ sizes) / len(order)


@torch.no_grad()
def _evaluate(model: nn.Module, samples: _Samples) -> tuple[float, float]:
    """Return accuracy (a fraction of 1) and mean loss."""
    model.eval()
    n_right, loss = 0, 0.0
    for x, labels in zip(samples.x.split(_AT_ONCE), samples.y.split(_AT_ONCE), strict=True):
        logits = model(samples.normalised(x))
        n_right += int((logits.argmax(1) == labels).sum())
        loss += float(nn.functional.cross_entropy(logits.double(), labels, reduction="sum"))
    return n_right / len(samples.y), loss / len(samples.y)


def _anp_rate(snapshot: Snapshot) -> float:
    return sum(int(active.sum()) for active in snapshot.active_neurons().values()) / snapshot.n_neurons


def _layer_rows(
    epoch: int, topology: TopologyScheduler, snapshot: Snapshot, updates: dict[str, LayerUpdate]
) -> list[tuple[int, str, str, float]]:
    rows: list[tuple[int, str, str, float]] = []
    for layer, graph in zip(topology.layers, snapshot.layers, strict=True):
        values: dict[str, float] = {"links": graph.n_links, "frozen": layer.frozen}
        update = updates.get(layer.name)
        if update is not None:
            values["overlap"] = update.overlap
            for metric in ("links_removed", "links_percolated", "links_regrown", "links_filled", "links_missing"):
                values[metric] = getattr(update, metric)
            if update.links_missing:
                _log.warning("layer %s: no room for %d of its links; they are gone", layer.name, update.links_missing)
        rows += [(epoch, layer.name, metric, float(value)) for metric, value in values.items()]
    return rows


def _links_moved(updates: dict[str, LayerUpdate]) -> int:
    return sum(round(u.links_regrown * (1.0 - u.overlap)) for u in updates.values() if u.links_regrown)


def _result(metrics: pd.DataFrame) -> TrainResult:
    whole = metrics[metrics["layer"] == ""].pivot_table(index="epoch", columns="metric", values="value")
    best = int(whole["validation_accuracy"].idxmax())
    test = whole["test_accuracy"]
    return TrainResult(float(test.iloc[-1]), best, float(test.loc[best]))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute on one CPU thread: with several, sums depend on how many there are."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


@contextmanager
def _log_file(run: Run) -> Iterator[None]:
    """Write netsparse's log lines to the run's log.txt as well."""
    handler = logging.FileHandler(run.log_path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = _log.level
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        _log.setLevel(level)
        _log.removeHandler(handler)
        handler.close()
