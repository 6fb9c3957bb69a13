"""The epoch loop of `netsparse train`, from top to bottom."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from netsparse.errors import NetsparseError
from netsparse.graph import Snapshot
from netsparse.harmless import VisibleFormatter
from netsparse.lock import hold
from netsparse.run import METRIC_COLUMNS, Run, as_run
from netsparse.topologies import Correlations
from netsparse.training import fused, processes
from netsparse.training.backends import choose_backend
from netsparse.training.checkpoint import TrainingState, hold_checkpoint, load_checkpoint
from netsparse.training.config import TrainConfig
from netsparse.training.data import Dataset, load_dataset
from netsparse.training.environment import describe_environment
from netsparse.training.finite import DivergedError, check_finite
from netsparse.training.images import ImageFiles
from netsparse.training.models import MLP, TRUNKS, SandwichNetwork
from netsparse.training.replica import Replica
from netsparse.training.samples import AT_ONCE, Samples
from netsparse.training.scheduler import TopologyScheduler
from netsparse.training.tensorboard import tensorboard_writer
from netsparse.training.update import LayerUpdate
from netsparse.training.writer import BackgroundWriter

_log = logging.getLogger("netsparse")

# Features up to which the correlations are kept in the run directory: a byte for each pair.
_KEPT = 4096

# Image files of which correlations (CSTI) are computed.
_CORRELATED = 4096

# Rows of metrics up to which they are written, with a checkpoint, at every epoch: some 1,300 epochs of three layers.
# The table is written whole: of a longer one that would take longer than the epoch.
_OFTEN = 50_000

Rows = list[tuple[int, str, str, float]]
Updates = list[dict[str, LayerUpdate]]


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
    run: Run | None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    data: Dataset | None = None,
    *,
    resume: bool = False,
) -> TrainResult:
    """Train one network and leave configuration, metrics, snapshots and a checkpoint in a run directory.

    Each epoch: one pass over the shuffled training samples with the topology updates that fall into it (as a rule one
    behind the last batch of every epoch but the last one, whose new links would never train), evaluation, snapshot. So
    a snapshot is the network that its epoch's accuracies belong to. Snapshot 0 is the start topology.

    In a group of processes (``torch.distributed``) call it in each of them: every batch is shared out among them,
    gradients are averaged, process 0 decides on the topology and alone writes.

    Parameters
    ----------
    config : TrainConfig
    run : Run or None
        A new run directory. Processes other than the first one have none.
    on_epoch : callable, optional
        Called with each epoch's report.
    data : Dataset, optional
        The data set, if it is loaded already.
    resume : bool
        Go on where the run's checkpoint is, if there is one: on a CPU the end is the same, bit for bit, as without the
        interruption.

    Returns
    -------
    TrainResult

    Raises
    ------
    NetsparseError
        If the data are not to be found, the device is not there, another process writes into the run directory or it
        cannot be written, or loss or weights are no longer finite (what was done until then is in the run directory).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run.create(folder)
    ...     result = train(TrainConfig.resolve({"epochs": 1, "batch_size": 64, "scale": 1.0}), run)
    ...     run.epochs
    [0, 1]
    """
    if run is not None:
        as_run(run)
    with hold(run) if run is not None else nullcontext(), _log_file(run), _one_thread():
        try:
            data = data or load_dataset(config.dataset, config.data_dir, config.image_size)
            return _train(config, run, on_epoch, data, resume)
        except NetsparseError as error:
            _log.info("failed: %s", error)  # for log.txt: who called is told by the exception
            raise
        except KeyboardInterrupt:
            _log.info("interrupted")
            raise


def _train(
    config: TrainConfig,
    run: Run | None,
    on_epoch: Callable[[EpochReport], None] | None,
    data: Dataset,
    resume: bool,
) -> TrainResult:
    device = choose_device(config.device)
    backend = resolve_backend(config, data)
    if run is not None and not (resume and run.config):
        run.write_environment(describe_environment(device, config.seed))
        # last: a run that has a configuration can be resumed
        run.write_config({**config.as_dict(), "device": device.type, "backend": backend})
    correlations = _correlations(config, data)
    state = _start(config, data, device, backend, correlations)
    parts = Samples.of(data, device)
    del data
    done, rows = _resumed(run, state) if resume else (0, [])
    _log.info("device %s, backend %s", device.type, backend)
    replica = Replica(state.model)
    with ExitStack() as stack:
        # without a run nothing is written
        writer = stack.enter_context(BackgroundWriter()) if run is not None else None
        show = stack.enter_context(tensorboard_writer(run, done)) if run and config.tensorboard else _nothing
        if run is not None and writer is not None and not done:
            writer.submit(run.write_snapshot, state.topology.snapshot(0))
            if correlations is not None and len(correlations.matrix) <= _KEPT:
                writer.submit(run.write_correlations, correlations.matrix)
        del correlations
        for epoch in range(done + 1, config.epochs + 1):
            started = time.perf_counter()
            values = {"learning_rate": float(state.lr_scheduler.get_last_lr()[0])}
            try:
                values["train_loss"], updates, topology_seconds = _train_epoch(
                    state, replica, parts["train"], config.batch_size, config.augment
                )
            except DivergedError as error:
                kept = f"until epoch {epoch - 1} is kept in {run.path if run else 'the run directory'}"
                raise DivergedError(
                    f"epoch {epoch}: {error}. What was done {kept}; to resume it would end in the same way: train anew "
                    f"with a smaller --lr than {config.lr:g}, less --momentum than {config.momentum:g}, or less "
                    f"--weight-decay than {config.weight_decay:g}"
                ) from error
            trained = time.perf_counter()
            taken = state.topology.begin_snapshot(epoch)
            held = hold_checkpoint(state, epoch) if run is not None else None
            copied = time.perf_counter()
            for name in ("validation", "test"):
                values[f"{name}_accuracy"], values[f"{name}_loss"] = _evaluate(state.model, parts[name])
                if not np.isfinite(values[f"{name}_loss"]):
                    _log.warning("epoch %d: the %s loss is %s", epoch, name, values[f"{name}_loss"])
            evaluated = time.perf_counter()
            snapshot = taken()
            values["anp_rate"] = _anp_rate(snapshot)
            values |= {
                "training_seconds": trained - started - topology_seconds,
                "topology_seconds": topology_seconds,
                "evaluation_seconds": evaluated - copied,
                "snapshot_seconds": time.perf_counter() - evaluated + copied - trained,
            }
            new = [(epoch, "", metric, value) for metric, value in values.items()]
            new += _layer_rows(epoch, state.topology, snapshot, updates)
            rows += new
            if run is not None and writer is not None and held is not None:
                # side by side: a signal between the two would leave a snapshot that the checkpoint does not know
                if epoch % config.snapshot_every == 0 or epoch == config.epochs:
                    writer.submit(run.write_snapshot, snapshot)
                keep = writer.submit if len(rows) <= _OFTEN else writer.submit_spaced
                keep(_write_state, run, rows, len(rows), held)
            show(new)
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
    return result_of(pd.DataFrame(rows, columns=METRIC_COLUMNS))


def _nothing(*_: object) -> None:
    pass


def _resumed(run: Run | None, state: TrainingState) -> tuple[int, Rows]:
    """Take up the run's checkpoint, if there is one; return its epoch and the metrics until then."""
    there = run is not None and run.checkpoint_path.is_file()
    path = processes.from_first(run.checkpoint_path if run is not None and there else None)
    if path is None:
        _log.info("no checkpoint yet: from the start")
        return 0, []
    done = load_checkpoint(path, state)
    _log.info("resumed behind epoch %d", done)
    rows: Rows = []
    if run is not None:
        metrics = run.metrics
        missing = set(range(1, done + 1)) - set(metrics["epoch"])
        if missing:
            raise NetsparseError(f"{run.metrics_path}: the metrics of epoch {min(missing)} are missing; train anew")
        kept = metrics[metrics["epoch"] <= done]
        rows = list(kept[METRIC_COLUMNS].itertuples(index=False, name=None))
    return done, processes.from_first(rows)


def _write_state(run: Run, rows: Rows, n_rows: int, write_checkpoint: Callable[[Path], None]) -> None:
    """Write metrics and checkpoint of an epoch, up to which there are so many rows; there may be more by now."""
    run.write_metrics(pd.DataFrame(rows[:n_rows], columns=METRIC_COLUMNS))
    write_checkpoint(run.checkpoint_path)


def resolve_backend(config: TrainConfig, data: Dataset) -> str:
    """Return the backend of a run's sandwich layers; ``auto`` becomes the faster one.

    Raises
    ------
    NetsparseError
        If the backend does not run on the device.
    """
    width = _width(config, data)
    device = choose_device(config.device).type
    compiled = config.model == "mlp" and processes.count() == 1
    return choose_backend(width, width, config.sparsity, device, config.backend, compiled=compiled)


def _width(config: TrainConfig, data: Dataset) -> int:
    n_features = data.n_features if config.model == "mlp" else TRUNKS[config.model].n_features
    return max(1, round(config.scale * n_features))


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
    if name == "cuda" and processes.count() > 1:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", processes.rank())))
    return torch.device(name)


def _correlations(config: TrainConfig, data: Dataset) -> Correlations | None:
    """Compute what CSTI starts from, if the method starts so."""
    if config.resolved_method.topology != "correlated":
        return None
    x = data.train.x
    if isinstance(x, ImageFiles):
        x = x.read(np.sort(np.random.default_rng(config.seed).permutation(len(x))[:_CORRELATED]))
    return Correlations.of(x)


def _start(
    config: TrainConfig, data: Dataset, device: torch.device, backend: str, correlations: Correlations | None
) -> TrainingState:
    """Make network, optimizer, schedules and random state of a run."""
    torch.manual_seed(config.seed)
    model = _make_model(config, data, device, backend)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
    )
    lr_scheduler = torch.optim.lr_scheduler.LinearLR(
        optimizer, start_factor=1.0, end_factor=0.01, total_iters=max(1, round(0.9 * config.epochs))
    )
    method, n_batches = config.resolved_method, -(-len(data.train.y) // config.batch_size)
    topology = TopologyScheduler(
        model,
        optimizer,
        method,
        config.sparsity,
        layers=["*sandwich*"],
        data=correlations,
        seed=config.seed,
        total_steps=config.epochs * n_batches,
        update_interval=config.update_interval * (n_batches if method.update_unit == "epoch" else 1),
    )
    generator = torch.Generator().manual_seed(config.seed)
    if method.evolves and topology.steps_to_update is None:
        _log.warning(
            "the training is too short for a topology update: it has %d steps, one would come every %d",
            config.epochs * n_batches,
            topology.method.update_interval,
        )
    return TrainingState(model, optimizer, lr_scheduler, topology, generator, config.training_options())


def _make_model(config: TrainConfig, data: Dataset, device: torch.device, backend: str) -> nn.Module:
    options: dict[str, Any] = {
        "n_sandwich": config.n_sandwich,
        "sparsity": config.sparsity,
        "seed": config.seed,
        "backend": backend,
        "device": device,
    }
    if config.model == "mlp":
        return MLP(data.n_features, data.n_classes, _width(config, data), **options)
    if not data.image_shape:
        raise NetsparseError(f"model '{config.model}' takes images; dataset '{data.name}' has none; use --model mlp")
    trunk = TRUNKS[config.model]
    return SandwichNetwork(
        trunk.make(data.image_shape[0]),
        trunk.n_features,
        data.n_classes,
        config.scale,
        image_shape=data.image_shape,
        **options,
    )


def _train_epoch(
    state: TrainingState, replica: Replica, samples: Samples, batch_size: int, augment: bool = False
) -> tuple[float, Updates, float]:
    """Train one pass over the samples in random order, with the topology updates that fall into it.

    Returns
    -------
    loss : float
        Its mean.
    updates : list of dict of str to LayerUpdate
    topology_seconds : float
        What of the time the updates took.
    """
    state.model.train()
    topology, generator = state.topology, state.generator
    # a resumed run knows nothing of the epoch before but what a checkpoint holds
    topology.forget_gradients()
    replica.renew()
    order = torch.randperm(len(samples), generator=generator)
    batches = list(order.split(batch_size))
    total, done, updates, seconds = 0.0, 0, Updates(), 0.0
    while done < len(batches):
        n = min(len(batches) - done, topology.steps_to_update or len(batches))
        near = topology.steps_to_gradients
        if near is not None and near > 1:  # the scheduler counts them before it looks at gradients
            n = min(n, near - 1)
        if near != 1 and not augment and processes.count() == 1 and _fits(state, samples):
            indices = torch.cat(batches[done : done + n])
            part = (samples.x, samples.y, indices, batch_size, samples.mean, samples.deviation)
            total += len(indices) * fused.train_epoch(state.model, state.optimizer, *part)
        else:
            drawing = generator if augment else None
            total += _train_by_autograd(state, replica, samples, batches[done : done + n], drawing)
        if not np.isfinite(total):  # nor are there weights to update links by
            raise DivergedError(f"the training loss became {total}")
        check_finite(state.model.state_dict())
        done += n
        started = time.perf_counter()
        topology.step(n)
        if topology.last_update:
            updates.append(topology.last_update)
            seconds += time.perf_counter() - started
    state.lr_scheduler.step()
    return total / max(len(order), 1), updates, seconds


def _fits(state: TrainingState, samples: Samples) -> bool:
    return torch.is_tensor(samples.x) and fused.fits(state.model, state.optimizer, samples.x)


def _train_by_autograd(
    state: TrainingState,
    replica: Replica,
    samples: Samples,
    batches: list[torch.Tensor],
    generator: torch.Generator | None,
) -> float:
    """Do what `fused.train_epoch` does, with any model, optimizer and device; return the sum of the losses."""
    n_processes, share = processes.count(), slice(processes.rank(), None, processes.count())
    losses = []
    for batch, (x, y) in zip(batches, samples.batches(batches, generator, share), strict=True):
        state.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(replica(x), y, reduction="sum")
        # averaged over the processes it is the mean over the whole batch
        (loss * (n_processes / len(batch))).backward()
        state.optimizer.step()
        losses.append(loss.detach())
    total = torch.stack(losses).double().sum() if losses else torch.zeros((), dtype=torch.float64)
    return float(processes.sum_over(total))


@torch.no_grad()
def _evaluate(model: nn.Module, samples: Samples) -> tuple[float, float]:
    """Return accuracy (a fraction of 1) and mean loss."""
    model.eval()
    found = torch.zeros(2, dtype=torch.float64, device=samples.device)
    share = slice(processes.rank(), None, processes.count())
    for x, labels in samples.batches(list(torch.arange(len(samples)).split(AT_ONCE)), share=share):
        logits = model(x)
        found[0] += (logits.argmax(1) == labels).sum()
        found[1] += nn.functional.cross_entropy(logits.double(), labels, reduction="sum")
    right, loss = processes.sum_over(found).tolist()
    return right / max(len(samples), 1), loss / max(len(samples), 1)


def _anp_rate(snapshot: Snapshot) -> float:
    return sum(int(active.sum()) for active in snapshot.active_neurons().values()) / snapshot.n_neurons


def _layer_rows(epoch: int, topology: TopologyScheduler, snapshot: Snapshot, updates: Updates) -> Rows:
    rows: Rows = []
    for layer, graph in zip(topology.layers, snapshot.layers, strict=True):
        values: dict[str, float] = {"links": graph.n_links, "frozen": layer.frozen, "itop_rate": layer.itop_rate}
        mine = [update[layer.name] for update in updates if layer.name in update]
        if mine:
            regrown = sum(update.links_regrown for update in mine)
            again = sum(update.overlap * update.links_regrown for update in mine if update.links_regrown)
            values["overlap"] = again / regrown if regrown else float("nan")
            for metric in ("links_removed", "links_percolated", "links_regrown", "links_filled", "links_missing"):
                values[metric] = sum(getattr(update, metric) for update in mine)
            if values["links_missing"]:
                _log.warning("layer %s: no room for %d of its links", layer.name, values["links_missing"])
        rows += [(epoch, layer.name, metric, float(value)) for metric, value in values.items()]
    return rows


def _links_moved(updates: Iterable[dict[str, LayerUpdate]]) -> int:
    layers = [layer for update in updates for layer in update.values() if layer.links_regrown]
    return sum(round(layer.links_regrown * (1.0 - layer.overlap)) for layer in layers)


def result_of(metrics: pd.DataFrame) -> TrainResult:
    """Return how a run ended, from its metrics."""
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
def _log_file(run: Run | None) -> Iterator[None]:
    """Write netsparse's log lines to the run's log.txt as well."""
    if run is None:
        yield
        return
    if run.log_path.is_symlink():  # what is appended to it must not land in another file
        raise NetsparseError(f"{run.log_path} is a symbolic link; remove it, and the log is written there")
    try:
        handler = _LogFile(run.log_path, encoding="utf-8")
    except OSError as error:
        raise NetsparseError(f"{run.log_path}: cannot be written: {error.strerror}") from error
    handler.setFormatter(VisibleFormatter("%(asctime)s %(levelname)s %(message)s"))
    level = _log.level
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        _log.setLevel(level)
        _log.removeHandler(handler)
        with suppress(OSError):  # a line that did not fit on the disk
            handler.close()


class _LogFile(logging.FileHandler):
    """The log without tracebacks of its own: a disk that is full is told by what has to be written."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)
