"""The command line: parses, calls, prints. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import errno
import logging
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from netsparse.errors import NetsparseError
from netsparse.harmless import VisibleFormatter, visible

if TYPE_CHECKING:
    from netsparse.run import Run
    from netsparse.training.config import TrainConfig

app = typer.Typer(
    name="netsparse",
    help="Grow ultra-sparse neural networks by Cannistraci-Hebb training, and see what grows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; what a user did wrong ends in one or two lines on stderr and exit code 2."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    _show_warnings()
    _catch_signals()
    try:
        code = app(
            args=[argument for argument in arguments if argument != "--debug"],
            prog_name="netsparse",
            standalone_mode=False,
        )
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Exception as error:
        if debug:
            raise
        sys.exit(_tell(error))
    if code == _INTERRUPTED:
        _complain("interrupted; every file that was written is whole")
    if code:
        sys.exit(code)


_INTERRUPTED = 130

# Why a file cannot be written: it can be later, and then what was begun goes on.
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


# Two signals within so many seconds are one: torchrun and timeout pass on what the terminal has sent already.
_AT_ONCE = 0.4

_first_signal: float | None = None


def _catch_signals() -> None:
    """Stop in order at Ctrl-C and SIGTERM: worker processes end, too, and what was done is kept."""
    if threading.current_thread() is not threading.main_thread():
        return
    global _first_signal
    _first_signal = None
    for number, default in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is default:
            signal.signal(number, _stop)


def _stop(number: int, frame: object) -> None:
    """Stop at the first signal; leave at once at a second Ctrl-C, which files survive as they do a power cut."""
    global _first_signal
    now = time.monotonic()
    if _first_signal is None:
        _first_signal = now
        _write("netsparse: stopping; what is done is being kept (Ctrl-C once more leaves at once)\n")
        raise KeyboardInterrupt
    if number == signal.SIGINT and now - _first_signal > _AT_ONCE:
        shown = "\x1b[?25h" if sys.stderr.isatty() else ""  # the cursor, which progress bars hide
        _write(f"{shown}netsparse: error: left at once; every file that was written is whole\n")
        os._exit(_INTERRUPTED)


def _write(text: str) -> None:
    """Write to stderr from a signal's handler, which may have come into the midst of another line."""
    with suppress(OSError):
        os.write(2, text.encode())


def _show_warnings() -> None:
    """Show the warnings that netsparse logs, on stderr."""
    log = logging.getLogger("netsparse")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setLevel(logging.WARNING)
        handler.setFormatter(VisibleFormatter("netsparse: %(levelname)s: %(message)s"))
        log.addHandler(handler)


def _tell(error: Exception) -> int:
    """Tell an error in a line or two; return the exit code."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # type: ignore[attr-defined]
        return 2
    if hasattr(error, "format_message"):  # typer's own: an option that does not exist, a value of the wrong type
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "netsparse"
        _complain(f"{error.format_message()}\nTry '{command} --help'.")
        return 2
    if isinstance(error, NetsparseError):
        _complain(str(error))
        return 2
    _complain(f"{type(error).__name__}: {error}\nThis should not happen; --debug shows where it did.")
    return 1


def _say(text: object, file: IO[str] | None = None, flush: bool = False) -> None:
    """Print a text whose names may come from anywhere."""
    print(visible(str(text)), file=file, flush=flush)


def _complain(message: str) -> None:
    rank = os.environ.get("RANK", "0")  # of a process under torchrun
    _say(f"netsparse: error: {f'[process {rank}] ' if rank != '0' else ''}{message}", file=sys.stderr)


def _show_version(wanted: bool) -> None:
    if wanted:
        from netsparse import __version__

        _say(f"netsparse {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    pass


@app.command()
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
            _say(
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
        _say(
            f"Test accuracy {100 * result.final_test_accuracy:.2f} % after the last epoch, "
            f"{100 * result.best_test_accuracy:.2f} % at epoch {result.best_epoch}, which validation chooses."
        )
        _measure_and_draw(run, measure_every is not None, figures)


def _measure_and_draw(run: Run, is_measured: bool, figures: bool) -> None:
    """Do what follows a training."""
    from netsparse.analysis.background import measure_run
    from netsparse.progress import jobs_progress

    with jobs_progress("Measuring") as show_jobs:
        measure_run(run, resume=is_measured, on_progress=show_jobs)
    _say(f"\nRun directory  {run.path}")
    if figures:
        _draw(run, None, ["png"])
        _say(f"Figures        {run.figures_path}\nReport         {_report(run)}")
    epochs_kept = run.epochs
    _say(f"Next           netsparse measure {run.path} --epochs {epochs_kept[0]},{epochs_kept[-1]}")


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
            _say(f"netsparse: {told}", file=sys.stderr)
            raise
        why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise NetsparseError(f"{why}\n{told}") from error


@contextmanager
def _measuring(run: Run, config: TrainConfig, every: int | None, resume: bool) -> Iterator[Callable[[int], None]]:
    """Measure every so many epochs in the background; gives what is to be told of an epoch."""
    if every is None:
        yield lambda epoch: None
        return
    from netsparse.analysis.background import BackgroundMeasuring
    from netsparse.training.checkpoint import checkpoint_epoch

    done = checkpoint_epoch(run.checkpoint_path) if resume and run.checkpoint_path.is_file() else 0
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
        _say(
            f"netsparse: the file's {' and '.join(dropped)} belong to its method '{options['method']}'; "
            f"'{method}' takes its own default unless you say otherwise",
            file=sys.stderr,
        )
    return {name: value for name, value in options.items() if name not in own | same}


def _draw(runs: Run | Sequence[Run], out: Path | None, formats: Sequence[str], *choice: Any) -> list[Path]:
    from netsparse.figures import draw_figures

    paths, left_out = draw_figures(runs, out, formats, *choice)
    for reason in dict.fromkeys(left_out.values()):
        names = [name for name, own in left_out.items() if own == reason]
        _say(f"netsparse: figure{'s' * (len(names) > 1)} {', '.join(names)} left out: {reason}", file=sys.stderr)
    return paths


@app.command()
def sweep(
    config: Annotated[
        Path,
        typer.Argument(help="TOML file: [train] options, [grid] lists of values, [variants.NAME].", metavar="CONFIG"),
    ],
    jobs: Annotated[int, typer.Option(help="Runs at a time.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder of the runs.", show_default="runs/CONFIG's name")] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Measure each run, too, as `netsparse train` does: for disks and the like."),
    ] = False,
) -> None:
    """Train every combination of options, skip what is there, and print mean ± sd over the seeds."""
    from netsparse.progress import print_sweep
    from netsparse.run import write_table
    from netsparse.training.sweep import read_sweep, run_sweep, sweep_table

    runs = read_sweep(config)
    folder = Path("runs") / config.stem if out is None else out
    _say(f"{len(runs)} runs in {folder}")

    def tell(outcome: Any) -> None:
        numbers = outcome.numbers
        said = outcome.error or f"test accuracy {100 * numbers['final_test_accuracy']:.2f} %"
        _say(
            f"{outcome.how:<8} {outcome.run.name}: {said}", file=sys.stderr if outcome.error else sys.stdout, flush=True
        )

    try:
        outcomes = run_sweep(runs, folder, _numbers, jobs, tell)
    except KeyboardInterrupt:
        _say("netsparse: what was trained is kept; the same command goes on with it", file=sys.stderr)
        raise
    if measure:
        _measure_missing([folder / outcome.run.name for outcome in outcomes if outcome.how != "failed"], jobs)
    table = sweep_table(outcomes)
    write_table(folder / "results.csv", table)
    print_sweep(table)
    _say(f"Written: {folder / 'results.csv'}")
    failed = [outcome.run.name for outcome in outcomes if outcome.how == "failed"]
    if failed:
        raise NetsparseError(f"{len(failed)} of {len(outcomes)} runs failed: {', '.join(failed)}")


def _measure_missing(paths: Sequence[Path], jobs: int) -> None:
    """Measure runs that have no table of measures yet."""
    from netsparse.analysis.background import measure_run
    from netsparse.progress import jobs_progress
    from netsparse.run import Run

    runs = [run for run in map(Run, paths) if not run.measures_path.is_file()]
    for number, run in enumerate(runs, 1):
        with jobs_progress(f"Measuring run {number} of {len(runs)}") as show:
            measure_run(run, n_jobs=jobs, on_progress=show)


def _numbers(run: Run) -> dict[str, float]:
    """Return what a sweep's table holds of a run."""
    from netsparse.analysis.aae import aae
    from netsparse.training.loop import result_of

    result, metrics = result_of(run.metrics), run.metrics
    whole = metrics[metrics["layer"] == ""]
    last = whole[whole["epoch"] == whole["epoch"].max()].set_index("metric")["value"]
    seconds = whole[whole["metric"].isin(["training_seconds", "topology_seconds"])].groupby("metric")["value"].sum()
    final = metrics[(metrics["epoch"] == metrics["epoch"].max()) & (metrics["metric"] == "links")]
    return {
        "final_test_accuracy": result.final_test_accuracy,
        "best_test_accuracy": result.best_test_accuracy,
        "aae": aae(metrics),
        "anp_rate": float(last["anp_rate"]),
        "links": float(final["value"].sum()),
        **{str(name): float(value) for name, value in seconds.items()},
    }


_SOME_EPOCHS = "epochs with commas, FROM:TO or FROM:TO:STEP"
_MASKS = (
    "Run directories, snapshots, other programs' masks, directories or patterns of them; "
    "`netsparse list forms` tells the forms."
)
_Tensors = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Names of the tensors to read, such as '*.mlp.*'; as often as you like."),
]
_Rows = Annotated[
    str | None,
    typer.Option(
        metavar="in|out",
        help="What a matrix's rows are: source (in) or target neurons (out).",
        show_default="out for torch and safetensors, else in",
    ),
]
_Threshold = Annotated[
    float | None, typer.Option(help="Links are where |weight| is above it.", show_default="weights that are not 0")
]
_Chain = Annotated[
    str | None,
    typer.Option(
        metavar="order|none|FILE.toml",
        help="How layers join: in their order, not at all, or by names: a table [layers] of LAYER = [SOURCE, TARGET].",
        show_default="order if all fit",
    ),
]
_Graph = Annotated[
    bool, typer.Option("--graph", help="The file holds an undirected graph, such as a connectome, not layers.")
]
_MaxMemory = Annotated[
    float | None, typer.Option(metavar="GB", help="Memory that reading may take.", show_default="80 % of the machine's")
]


def _mask_options(
    tensors: list[str] | None,
    rows: str | None,
    threshold: float | None,
    chain: str | None,
    graph: bool,
    max_memory: float | None,
) -> dict[str, Any]:
    """Return the options of `netsparse.load` that the command line gives."""
    if max_memory is not None and not 0 < max_memory < 1e9:
        raise NetsparseError(f"--max-memory is a positive number of gigabytes, such as 8, not {max_memory}")
    max_bytes = None if max_memory is None else int(max_memory * 1e9)
    given = {"tensors": tensors, "rows": rows, "threshold": threshold, "chain": chain, "max_bytes": max_bytes}
    return {**given, "graph": graph}


@app.command()
def inspect(
    paths: Annotated[list[Path], typer.Argument(help=_MASKS, metavar="PATH…")],
    tensors: _Tensors = None,
    rows: _Rows = None,
    threshold: _Threshold = None,
    chain: _Chain = None,
    graph: _Graph = False,
    max_memory: _MaxMemory = None,
) -> None:
    """Tell what lies in files of masks, and how it is read: layers, their shape, links and density."""
    from netsparse.masks.files import scan_ends
    from netsparse.masks.options import Options
    from netsparse.progress import print_masks

    options = Options.of(**_mask_options(tensors, rows, threshold, chain, graph, max_memory))
    for path in dict.fromkeys(paths):
        found, n_epochs = scan_ends(path, options)
        print_masks(str(path), found, n_epochs=n_epochs)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="What to read.", metavar="IN")],
    target: Annotated[
        Path,
        typer.Argument(help="File to write; of several epochs a folder, which then holds a file each.", metavar="OUT"),
    ],
    to: Annotated[
        str | None,
        typer.Option(metavar="FORM", help="A name of `netsparse list forms`.", show_default="what OUT's ending says"),
    ] = None,
    tensors: _Tensors = None,
    rows: _Rows = None,
    threshold: _Threshold = None,
    chain: _Chain = None,
    graph: _Graph = False,
    max_memory: _MaxMemory = None,
) -> None:
    """Write masks in another form; what is read back is equal, links, weights, names and all."""
    from netsparse.masks.conversion import convert as convert_masks

    options = _mask_options(tensors, rows, threshold, chain, graph, max_memory)
    for written in convert_masks(source, target, to, **options):
        _say(f"Written: {written}")


@app.command()
def measure(
    paths: Annotated[list[Path], typer.Argument(help=_MASKS, metavar="PATH…")],
    measures: Annotated[
        str, typer.Option(help="fast, standard, full, or names with commas; `netsparse list measures` tells them.")
    ] = "standard",
    epochs: Annotated[
        str | None, typer.Option(help=f"Of a run or directory: {_SOME_EPOCHS}.", show_default="all")
    ] = None,
    tensors: _Tensors = None,
    rows: _Rows = None,
    threshold: _Threshold = None,
    chain: _Chain = None,
    graph: _Graph = False,
    max_memory: _MaxMemory = None,
    nulls: Annotated[
        int,
        typer.Option(
            metavar="K",
            help="Compare with K graphs of the same degrees and K with the same number of links only: mean, sd, z, p.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of measures that draw, and of the null models.")] = 0,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes; -1: one a core.")] = 1,
    cluster: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Scheduler of a Dask cluster that does the work.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the whole table: .parquet, .csv or .json.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compute also what is refused because it would take very long.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Complete the .parquet table of --out: what is in it is not computed again."),
    ] = False,
) -> None:
    """Measure runs, snapshots or another program's masks, and print a table."""
    from netsparse.analysis.files import measure_files
    from netsparse.lock import hold_table
    from netsparse.masks.options import Options
    from netsparse.progress import jobs_progress, print_masks, print_measures

    options = Options.of(**_mask_options(tensors, rows, threshold, chain, graph, max_memory))
    try:
        with hold_table(out) if out is not None else nullcontext(), jobs_progress("Measuring") as show:
            names, table = measure_files(
                paths,
                [name for name in measures.split(",") if name],
                nulls,
                seed,
                epochs=_epochs(epochs),
                n_jobs=jobs,
                cluster=cluster,
                out=out,
                resume=resume,
                force=force,
                options=options,
                on_masks=lambda path, found: print_masks(str(path), found, sys.stderr),
                on_progress=show,
            )
    except KeyboardInterrupt:
        if out is not None and out.suffix == ".parquet" and out.exists():
            _say(f"netsparse: what was measured is in {out}; go on with --resume", file=sys.stderr)
        raise
    for path, name in names.items():
        print_measures(str(path), table[table["run"] == name])
    if out is not None:
        _say(f"Written: {out} ({len(table)} rows)")


def _epochs(text: str | None) -> list[int] | None:
    if text is None or text == "all":
        return None
    try:
        return [epoch for part in text.split(",") for epoch in _range(part)]
    except ValueError as error:
        raise NetsparseError(
            f"--epochs takes whole numbers with commas, such as 0,60, and FROM:TO:STEP, such as 0:60:10; not {text!r}"
        ) from error


def _range(text: str) -> Sequence[int]:
    """Return the epochs of a part of --epochs: a number, or FROM:TO or FROM:TO:STEP, TO included."""
    numbers = [int(part) for part in text.split(":")]
    if len(numbers) == 1:
        return numbers
    start, stop, *step = numbers
    if min(numbers) < 0 or len(step) > 1:
        raise ValueError(text)
    return range(start, stop + 1, *step)


_Runs = Annotated[
    list[Path], typer.Argument(help="Run directories, or folders of them such as a sweep's.", metavar="RUN…")
]


@app.command()
def figures(
    runs: _Runs,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write to.", show_default="RUN/figures, of several the folder figures beside them"),
    ] = None,
    format: Annotated[str, typer.Option(help="png, pdf, svg, or several with commas.")] = "png",
    only: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Of `netsparse list figures`, with commas.", show_default="all"),
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(help=f"For figures that show some side by side: {_SOME_EPOCHS}.", show_default="theirs"),
    ] = None,
) -> None:
    """Redraw all figures of runs from what is stored, without training; several runs are drawn together.

    Runs that differ by the seed alone become a mean with a band, others stand side by side.
    """
    from netsparse.figures.source import folder_of

    opened = _open(runs)
    folder = folder_of(opened) / "figures" if out is None else out
    names = None if only is None else [name for name in only.split(",") if name]
    paths = _draw(opened, folder, [name for name in format.split(",") if name], names, _epochs(epochs))
    if not paths:
        raise NetsparseError(f"{runs[0]}: there is nothing stored that a figure could be drawn from")
    for path in paths:
        _say(path)


@app.command()
def film(
    run: Annotated[Path, typer.Argument(help="Run directory.", metavar="RUN")],
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A layer to show; as often as you like.", show_default="all"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write: .mp4 or .gif.", show_default="RUN/film.mp4")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second.", show_default="24, of a GIF 10")] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="From the first to the last epoch.", show_default="0.15 an epoch, 4 to 20"),
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(help=f"To film: {_SOME_EPOCHS}.", show_default="all, of more than 300 so many, evenly"),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes that measure what is missing.")] = -1,
) -> None:
    """Film the network as it percolates: the layers' hyperbolic disks from epoch to epoch.

    What it needs and RUN/measures.parquet lacks is measured first, and added there.
    """
    from netsparse.analysis.background import embed_run
    from netsparse.figures.film import check_film, film_epochs
    from netsparse.figures.film import film as write_film
    from netsparse.lock import hold
    from netsparse.progress import jobs_progress
    from netsparse.run import Run

    opened = Run(run)
    path = opened.path / "film.mp4" if out is None else out
    chosen = _epochs(epochs)
    check_film(opened, path, layer, fps, seconds, chosen)
    with hold(opened):
        there = opened.epochs
        measured = film_epochs(there) if chosen is None else sorted(set(chosen))
        if chosen is None and len(measured) < len(there):
            _say(f"netsparse: {len(measured)} of {len(there)} epochs are filmed; --epochs chooses", file=sys.stderr)
        with jobs_progress("Measuring") as show:
            embed_run(opened, jobs, measured, on_progress=show)
        with jobs_progress("Drawing") as show:
            _say(write_film(opened, path, layer, fps, seconds, show, epochs=measured))


@app.command()
def report(
    runs: _Runs,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="File to write.", show_default="RUN/report.html, of several beside them"
        ),
    ] = None,
) -> None:
    """Write one HTML file to explore runs in: disks, masks, charts, tables. It works offline, in any browser of today.

    Runs that differ by the seed alone become a mean with a band, others stand side by side.
    """
    _say(_report(_open(runs), out))


def _report(runs: Run | Sequence[Run], out: Path | None = None) -> Path:
    from netsparse.analysis import list_measures
    from netsparse.figures.report import write_report

    return write_report(runs, out, meanings={name: text for name, _, _, text in list_measures()})


def _open(paths: Sequence[Path]) -> list[Run]:
    """Open run directories and folders of them, each run once; of several those that training has ended."""
    from netsparse.figures.source import unfinished
    from netsparse.run import Run

    runs = list({run.path.resolve(): run for path in paths for run in Run.find(path)}.values())
    at = {run: unfinished(run) for run in runs} if len(runs) > 1 else {}
    if all(at.values()):
        return runs
    for run, where in at.items():
        if where:
            _say(f"netsparse: {run.path} left out: it stands at {where}; go on with --resume", file=sys.stderr)
    return [run for run in runs if not at.get(run)]


_KINDS = ("measures", "methods", "parts", "topologies", "datasets", "models", "figures", "forms")


@app.command("list")
def list_parts(kind: Annotated[str, typer.Argument(help=", ".join(_KINDS) + ".", metavar="KIND")]) -> None:
    """List what there is, with a line each."""
    from netsparse.progress import print_methods, print_parts, print_table

    if kind not in _KINDS:
        raise NetsparseError(f"unknown kind '{kind}'; choose from: {', '.join(_KINDS)}")
    if kind == "methods":
        from netsparse.training.methods import METHODS

        print_methods(METHODS)
    elif kind == "parts":
        from netsparse.training.methods import list_parts as list_method_parts

        print_table(("part of a method", "default", "what it may be"), list_method_parts())
    elif kind == "measures":
        from netsparse.analysis import list_measures

        print_table(("measure", "level", "by", "what it is"), list_measures())
    else:
        print_parts(_registry(kind))


def _registry(kind: str) -> Any:
    if kind == "forms":
        from netsparse.masks.form import FORMS

        return FORMS
    if kind == "models":
        from netsparse.training.models import TRUNKS

        return TRUNKS
    if kind == "topologies":
        from netsparse.topologies import TOPOLOGIES

        return TOPOLOGIES
    if kind == "datasets":
        from netsparse.training.data import DATASETS

        return DATASETS
    from netsparse.figures import FIGURES

    return FIGURES
