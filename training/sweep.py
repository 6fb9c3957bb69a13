"""Many runs from one file: a grid over options, variants, seeds; and the table of what came out."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pandas as pd

from netsparse.errors import NetsparseError
from netsparse.harmless import file_name
from netsparse.lock import hold
from netsparse.orphans import end_with_parent
from netsparse.run import Run, take_config
from netsparse.storage import read_toml
from netsparse.training.checkpoint import checkpoint_epoch
from netsparse.training.config import TrainConfig

# Runs of a sweep: all are made and checked before the first one trains.
_MOST_RUNS = 100_000

# One run's numbers, by name.
Numbers = Mapping[str, float]


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    Attributes
    ----------
    name : str
        Of its directory.
    point : dict
        What distinguishes it: ``variant``, if there are any, and the options of the grid.
    config : TrainConfig
    """

    name: str
    point: dict[str, Any]
    config: TrainConfig


@dataclass
class Outcome:
    """What became of a run.

    Attributes
    ----------
    run : SweepRun
    how : {"trained", "resumed", "skipped", "failed"}
        Skipped: it was there already.
    error : str
    numbers : dict of str to float
    """

    run: SweepRun
    how: str
    error: str = ""
    numbers: Numbers = field(default_factory=dict)


def read_sweep(path: Path) -> list[SweepRun]:
    """Read a sweep's TOML file and make all its runs, checked.

    Parameters
    ----------
    path : pathlib.Path
        ``[train]``: options of every run. ``[grid]``: lists of values of options (``seed`` and ``parts.NAME`` too), of
        which every combination is a run. ``[variants.NAME]``: options of an alternative, each combined with the grid.

    Returns
    -------
    list of SweepRun

    Raises
    ------
    NetsparseError
        If the file is not of this form, or an option of any run is wrong.
    """
    told = read_toml(path)
    unknown = sorted(set(told) - {"train", "grid", "variants"})
    if unknown:
        raise NetsparseError(f"{path}: unknown table '{unknown[0]}'; a sweep has: train, grid, variants")
    for name in ("train", "grid", "variants"):
        if not isinstance(told.get(name, {}), dict):
            raise NetsparseError(f"{path}: {name} must be a table")
    axes = dict(_leaves(told.get("grid", {})))
    for option, values in axes.items():
        if not isinstance(values, list) or not values:
            raise NetsparseError(f"{path}: grid: {option} must be a list of values, it is {values!r}")
    shared = take_config(f"{path}: train", told.get("train", {}))  # it may be a run's config.toml
    variants: dict[str, Any] = told.get("variants", {}) or {"": {}}
    for variant, options in variants.items():
        if not isinstance(options, dict):
            raise NetsparseError(f"{path}: variants: '{variant}' must be a table of options")
        take_config(f"{path}: variants.{variant}", options)
    n_runs = len(variants) * math.prod(len(values) for values in axes.values())
    if n_runs > _MOST_RUNS:
        raise NetsparseError(f"{path}: a sweep of {n_runs:,} runs; {_MOST_RUNS:,} are the most")
    runs: dict[str, SweepRun] = {}
    for (variant, options), values in itertools.product(variants.items(), itertools.product(*axes.values())):
        point: dict[str, Any] = {"variant": variant} if variant else {}
        merged = _merged(shared, options)
        for option, value in zip(axes, values, strict=True):
            point[option] = value
            merged = _merged(merged, _nested(option, value))
        name = _name(point)
        if name in runs:
            raise NetsparseError(f"{path}: two runs would be called '{name}'")
        try:
            runs[name] = SweepRun(name, point, TrainConfig.resolve(merged))
        except NetsparseError as error:
            raise NetsparseError(f"{path}: run '{name}': {error}") from error
    return list(runs.values())


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(option: str, value: Any) -> dict[str, Any]:
    for name in reversed(option.split(".")):
        value = {name: value}
    return value


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return both tables in one, the second one's values before the first one's."""
    merged = dict(base)
    for name, value in more.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


def _name(point: Mapping[str, Any]) -> str:
    parts = [
        str(value) if option == "variant" else f"{option.rsplit('.', 1)[-1]}-{_text(value)}"
        for option, value in point.items()
    ]
    return file_name("_".join(parts))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def run_sweep(
    runs: Sequence[SweepRun],
    out: Path,
    numbers: Callable[[Run], Numbers],
    jobs: int = 1,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Train all runs that are not there yet, each in a directory of its own; failures stop no other run.

    Parameters
    ----------
    runs : sequence of SweepRun
    out : pathlib.Path
        Parent of the run directories. A finished run there is skipped, an interrupted one goes on.
    numbers : callable
        Takes a finished run, gives what the table shall hold of it.
    jobs : int
        Runs at a time, each in a process of its own if there is more than one. Results do not depend on it.
    on_outcome : callable, optional
        Called with each run's outcome when it is known.

    Returns
    -------
    list of Outcome
        In the order of the runs.
    """
    if jobs < 1:
        raise NetsparseError(f"jobs must be at least 1, it is {jobs}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NetsparseError(f"{out}: cannot be made: {error.strerror}") from error
    outcomes: dict[str, Outcome] = {}

    def note(run: SweepRun, how: str, error: str) -> None:
        found: Numbers = {}
        if not error:
            try:
                found = numbers(Run(out / run.name))
            except Exception as problem:  # a finished run that was damaged later
                how, error = "failed", f"{out / run.name}: cannot be read: {type(problem).__name__}: {problem}"
        outcome = outcomes[run.name] = Outcome(run, how, error, found)
        if on_outcome:
            on_outcome(outcome)

    if jobs == 1:
        for run in runs:
            note(run, *_train_one(run.config, out / run.name))
    else:
        with _threads_each(jobs), ThreadPoolExecutor(jobs) as threads:
            futures = {threads.submit(_in_its_process, run.config, out / run.name): run for run in runs}
            try:
                for done in as_completed(futures):
                    note(futures[done], *done.result())
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                for process in multiprocessing.active_children():
                    process.terminate()
                raise
    return [outcomes[run.name] for run in runs]


def _in_its_process(config: TrainConfig, path: Path) -> tuple[str, str]:
    """Train one run in a process of its own, so that one that dies takes no other with it."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(sender, config, path), daemon=True)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        return "failed", f"{path}: its process died with exit code {process.exitcode}"


def _report(sender: Connection, config: TrainConfig, path: Path) -> None:
    """Train one run and send what came of it; end when the sweep does, be it killed."""
    end_with_parent()
    sender.send(_train_one(config, path))


@contextmanager
def _threads_each(jobs: int) -> Iterator[None]:
    """Share the cores out among processes that are yet to start."""
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(max(1, (os.cpu_count() or 1) // jobs))))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _train_one(config: TrainConfig, path: Path) -> tuple[str, str]:
    """Train one run, or go on with it; return how, and an error's text."""
    from netsparse.training.loop import train

    try:
        there = path.is_dir() and any(path.iterdir())
        run = Run(path) if there else Run.create(path)
        stored = run.config
        if stored and not _same(stored, config):
            return "failed", f"{path}: a run with other options is there; remove it, or name another --out"
        if there and run.checkpoint_path.is_file() and checkpoint_epoch(run.checkpoint_path) == config.epochs:
            return "skipped", ""
        with hold(run):
            try:
                train(config, run, resume=there)
            except NetsparseError:
                if not there:
                    run.discard_if_empty()
                raise
    except NetsparseError as error:
        return "failed", str(error)
    except Exception as error:  # told in the table; the other runs go on
        return "failed", f"{type(error).__name__}: {error}"
    return ("resumed" if there else "trained"), ""


def _same(stored: Mapping[str, Any], config: TrainConfig) -> bool:
    """Whether a stored configuration is this one; device and backend are resolved when a run starts."""
    wanted = config.as_dict()
    for name in ("device", "backend"):
        if wanted[name] == "auto":
            wanted[name] = stored.get(name, "auto")  # 0.1.0 had no backends
    return TrainConfig.resolve(stored).as_dict() == wanted


def sweep_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return one row a point of the sweep but for the seed: n_runs, n_failed, mean and sd of each number.

    The sd is that of a sample (n − 1); NaN of a single run.

    Examples
    --------
    >>> config = TrainConfig.resolve()
    >>> runs = [SweepRun(f"s{seed}", {"sparsity": 0.9, "seed": seed}, config) for seed in (0, 1)]
    >>> outcomes = [Outcome(run, "trained", "", {"x": 1.0 + 2 * run.point["seed"]}) for run in runs]
    >>> sweep_table(outcomes).to_dict("records")
    [{'sparsity': 0.9, 'n_runs': 2, 'n_failed': 0, 'x_mean': 2.0, 'x_sd': 1.4142135623730951}]
    """
    rows: dict[str, dict[str, Any]] = {}
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        point = {option: value for option, value in outcome.run.point.items() if option != "seed"}
        rows.setdefault(_name(point), point)
        groups.setdefault(_name(point), []).append(outcome)
    for name, group in groups.items():
        good = pd.DataFrame([outcome.numbers for outcome in group if outcome.how != "failed"])
        rows[name] = {**rows[name], "n_runs": len(good), "n_failed": len(group) - len(good)}
        for number in good.columns:
            rows[name] |= {f"{number}_mean": good[number].mean(), f"{number}_sd": good[number].std()}
    return pd.DataFrame(list(rows.values()))
