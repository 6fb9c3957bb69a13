"""`netsparse train`."""

from __future__ import annotations

import errno
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsparse.cli.figures import draw
from netsparse.cli.output import say
from netsparse.cli.report import write_page
from netsparse.errors import NetsparseError

if TYPE_CHECKING:
    from netsparse.run import Run
    from netsparse.training.config import TrainConfig

# Why a file cannot be written: it can be later, and then what was begun goes on.
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


def train(
    dataset: Annotated[
        str | None, typer.Option(help="A name of `netsparse list datasets`.", show_default="digits")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder with the data set's files, looked into first.")] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Height and width of an image folder's images.", show_default="224")
    ] = None,
    augment: Annotated[bool, typer.Option("--augment", help="Shift and mirror training images at random.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            help="mlp, or a trunk whose classifier the sandwich layers are: small-cnn, vgg16, googlenet, resnet50, "
            "resnet152 (the last four by torchvision).",
            show_default="mlp",
        ),
    ] = None,
    n_sandwich: Annotated[int | None, typer.Option(help="Number of sandwich layers.", show_default="3")] = None,
    method: Annotated[
        str | None,
        typer.Option(help="A name of `netsparse list methods`, or a TOML file that names parts.", show_default="cht"),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Change one part of the method, such as percolation=false or topology=small_world; as often as you "
            "like. `netsparse list parts` tells them.",
        ),
    ] = None,
    sparsity: Annotated[
        float | None,
        typer.Option(
            help="Missing share of the links of each sandwich layer.", show_default="0.95 for digits, else 0.99"
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(help="Hidden width / input width (a trunk's features).", show_default="4 for digits, else 1"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training samples.", show_default="60 for digits, else 100")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Samples a step.", show_default="8 for digits, else 32")
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate; falls linearly to 0.01 of it over 90 % of the epochs.", show_default="0.025"),
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="Of SGD.", show_default="0.9")] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="Of SGD.", show_default="0.005 for digits, else 0.0005")
    ] = None,
    zeta: Annotated[
        float | None,
        typer.Option(help="Fraction ζ of the links removed at an update.", show_default="the method's, 0.3 for most"),
    ] = None,
    update_interval: Annotated[
        int | None,
        typer.Option(
            help="Epochs (of rigl and granet steps) from one topology update to the next.",
            show_default="the method's, 1 for most",
        ),
    ] = None,
    early_stop: Annotated[
        float | None,
        typer.Option(
            metavar="OVERLAP",
            help="Freeze a layer's topology when its overlap rate reaches this; 0.9 is the paper's letter.",
            show_default="0.99 for cht, else none",
        ),
    ] = None,
    no_early_stop: Annotated[bool, typer.Option("--no-early-stop", help="Never freeze a layer.")] = False,
    seed: Annotated[int | None, typer.Option(help="Same seed, same result.", show_default="0")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.", show_default="auto")] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help="Of the sparse layers: masked (dense weight × mask), csr (only the links, CPU), cuda (only the links, "
            "GPU) or auto (the faster one).",
            show_default="auto",
        ),
    ] = None,
    snapshot_every: Annotated[
        int | None, typer.Option(help="Epochs from one snapshot to the next.", show_default="1")
    ] = None,
    measure_every: Annotated[
        int | None,
        typer.Option(metavar="N", help="Measure every N-th epoch while training goes on, in the background."),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write the metrics to RUN/tensorboard as well.")
    ] = False,
    no_figures: Annotated[
        bool, typer.Option("--no-figures", help="Leave figures and report out; `netsparse figures RUN` draws them.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="New run directory.", show_default="runs/DATASET-METHOD-NNN")] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with any of these options; the command line goes before it.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with an interrupted run, with its own options; takes --measure-every and --no-figures alone.",
        ),
    ] = None,
) -> None:
    """Train a network, then measure it and draw figures and report. Without options: CHT on scikit-learn's digits.

    On several devices: torchrun --nproc-per-node N -m netsparse train …
    """
    from netsparse.training.config import TrainConfig

    if no_early_stop and early_stop is not None:
        raise NetsparseError("--early-stop and --no-early-stop exclude each other")
    if measure_every is not None and measure_every < 1:
        raise NetsparseError(f"--measure-every is a number of epochs of at least 1, not {measure_every}")
    given: dict[str, Any] = {
        "dataset": dataset,
        "data_dir": data_dir,
        "image_size": image_size,
        "augment": augment or None,
        "model": model,
        "n_sandwich": n_sandwich,
        "method": method,
        "parts": _parts(part) if part else None,
        "sparsity": sparsity,
        "scale": scale,
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "zeta": zeta,
        "update_interval": update_interval,
        "early_stop": False if no_early_stop else early_stop,
        "seed": seed,
        "device": device,
        "backend": backend,
        "snapshot_every": snapshot_every,
        "tensorboard": tensorboard or None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if resume is not None:
        if given or out is not None or config is not None:
            told = [*given, *(["out"] if out else []), *(["config"] if config else [])][0]
            option = "part" if told == "parts" else told.replace("_", "-")
            raise NetsparseError(
                f"--resume goes on with the run's own options: leave --{option} out, or train a new run"
            )
        return _train(TrainConfig.resolve(_stored(resume)), resume, measure_every, not no_figures, resume=True)
    options = TrainConfig.read(config) if config else {}
    named = _out(options.pop("out", None))
    if method is not None and options.get("method", method) != method:
        options = _without_method(options, method)
    if "parts" in given and isinstance(options.get("parts"), dict):
        given["parts"] = {**options["parts"], **given["parts"]}
    _train(TrainConfig.resolve({**options, **given}), named if out is None else out, measure_every, not no_figures)


def _train(
    config: TrainConfig, out: Path | None, measure_every: int | None, figures: bool, *, resume: bool = False
) -> None:
    """Train, measure and draw; in the first process of several."""
    from netsparse.lock import hold
    from netsparse.run import Run
    from netsparse.training import processes
    from netsparse.training.data import load_dataset
    from netsparse.training.loop import choose_device, resolve_backend
    from netsparse.training.loop import train as train_network

    choose_device(config.device)  # what would stop the run at its start is told before it has a directory
    if config.tensorboard:
        from netsparse.training.tensorboard import check_tensorboard

        check_tensorboard()
    data = load_dataset(config.dataset, config.data_dir, config.image_size)
    with ExitStack() as stack:
        with processes.group(config.device):
            chosen = resolve_backend(config, data)
            run = None
            if processes.rank() == 0:
                if resume:
                    run = Run(out or "")
                else:
                    stem = f"{config.dataset}-{config.method_name}"
                    run = Run.create(out) if out is not None else Run.create_numbered(stem)
            if run is None:
                train_network(config, None, data=data, resume=resume)
                return

            from netsparse.progress import training_progress

            stack.enter_context(hold(run))
            stack.enter_context(_telling_how_to_go_on(run, config.epochs, resume))
            say(
                f"Training {config.method_name} on {config.dataset}: {config.model}, sparsity {config.sparsity:g}, "
                f"scale {config.scale:g}, {config.epochs} epochs, seed {config.seed}, backend {chosen}"
                + (f", {processes.count()} processes" if processes.count() > 1 else "")
            )
            with _measuring(run, config, measure_every, resume) as follow, training_progress(config.epochs) as show:

                def tell(report: Any) -> None:
                    show(report)
                    follow(report.epoch)

                result = train_network(config, run, tell, data, resume=resume)
        del data  # as much memory as measuring and drawing take
        say(
            f"Test accuracy {100 * result.final_test_accuracy:.2f} % after the last epoch, "
            f"{100 * result.best_test_accuracy:.2f} % at epoch {result.best_epoch}, which validation chooses."
        )
        _measure_and_draw(run, figures)


def _measure_and_draw(run: Run, figures: bool) -> None:
    """Do what follows a training."""
    from netsparse.analysis.background import measure_run
    from netsparse.progress import jobs_progress

    with jobs_progress("Measuring") as show_jobs:
        measure_run(run, on_progress=show_jobs)
    say(f"\nRun directory  {run.path}")
    if figures:
        draw(run, None, ["png"])
        say(f"Figures        {run.figures_path}\nReport         {write_page(run)}")
    epochs_kept = run.epochs
    say(f"Next           netsparse measure {run.path} --epochs {epochs_kept[0]},{epochs_kept[-1]}")


@contextmanager
def _telling_how_to_go_on(run: Run, epochs: int, resume: bool) -> Iterator[None]:
    """Tell, when a training is stopped or a file cannot be written, what is kept and how it goes on."""
    from netsparse.training.checkpoint import checkpoint_epoch

    try:
        yield
    except (NetsparseError, OSError, KeyboardInterrupt) as error:
        if not resume:
            run.discard_if_empty()
        cause = error if isinstance(error, OSError) else error.__cause__
        may_go_on = isinstance(error, KeyboardInterrupt) or getattr(cause, "errno", None) in _UNWRITABLE
        if not may_go_on or not run.path.is_dir() or not run.config:
            raise
        done = checkpoint_epoch(run.checkpoint_path) if run.checkpoint_path.is_file() else 0
        kept = f"{done} of {epochs} epochs are kept" if done < epochs else "the training is done, what follows is not"
        told = f"{kept}; go on with: netsparse train --resume {shlex.quote(str(run.path))}"
        if isinstance(error, KeyboardInterrupt):
            say(f"netsparse: {told}", file=sys.stderr)
            raise
        why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise NetsparseError(f"{why}\n{told}") from error


@contextmanager
def _measuring(run: Run, config: TrainConfig, every: int | None, resume: bool) -> Iterator[Callable[[int], None]]:
    """Measure every so many epochs in the background; gives what is to be told of an epoch."""
    from netsparse.analysis.background import BackgroundMeasuring, keep_measures
    from netsparse.training.checkpoint import checkpoint_epoch

    done = checkpoint_epoch(run.checkpoint_path) if resume and run.checkpoint_path.is_file() else 0
    if every is None:
        keep_measures(run, done)
        yield lambda epoch: None
        return
    with BackgroundMeasuring(run, done) as background:

        def follow(epoch: int) -> None:
            # the last epoch is measured by more measures in the end
            if epoch % every == 0 and epoch % config.snapshot_every == 0 and epoch < config.epochs:
                background.follow(epoch)

        for epoch in range(done + 1):
            follow(epoch)
        yield follow


def _stored(run: Path) -> dict[str, Any]:
    """Return the options of a run that is to go on."""
    from netsparse.run import Run

    options = Run(run).config
    if not options:
        raise NetsparseError(f"{run}: nothing to resume: the run has no config.toml; remove the folder and train anew")
    return options


def _parts(told: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE, the value as TOML has it or plain text; NAME may be TABLE.KEY."""
    import tomllib

    parts: dict[str, Any] = {}
    for one in told:
        name, equals, text = one.partition("=")
        if not (name.strip() and equals):
            raise NetsparseError(f"--part takes NAME=VALUE, such as percolation=false; not {one!r}")
        try:
            value = tomllib.loads(f"x = {text}")["x"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        table, _, key = name.strip().partition(".")
        if key:
            within = parts.setdefault(table, {})
            if not isinstance(within, dict):
                raise NetsparseError(f"--part {table} is given as a value and as a table")
            within[key] = value
        else:
            parts[table] = value
    return parts


def _out(value: object) -> Path | None:
    """Return the run directory that a configuration file names."""
    if value is None or isinstance(value, str):
        return Path(value) if value else None
    raise NetsparseError(f"out must be text, not {value!r}")


def _without_method(options: dict[str, Any], method: str) -> dict[str, Any]:
    """Leave out of a configuration file's options what belongs to its method, for another method's defaults."""
    from netsparse.training.methods import resolve_method

    was = resolve_method(options["method"])
    same = {name for name in ("zeta", "update_interval") if options.get(name) == getattr(was, name)}
    own = {"early_stop", "parts"} | ({"sparsity", "backend"} if "dense" in (method, was.name) else set())
    dropped = sorted(name for name in own & set(options) if options[name] != {})
    if dropped:
        say(
            f"netsparse: the file's {' and '.join(dropped)} belong to its method '{options['method']}'; "
            f"'{method}' takes its own default unless you say otherwise",
            file=sys.stderr,
        )
    return {name: value for name, value in options.items() if name not in own | same}
