"""A film of the network as it percolates: the layers' hyperbolic disks from epoch to epoch."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from netsparse.errors import NetsparseError, NothingToDrawError
from netsparse.figures.disks import Disk, disks_of
from netsparse.figures.film_files import gif, mp4
from netsparse.figures.film_stage import Curve, Panel, Stage
from netsparse.figures.film_steps import Keyframe, Step, moments
from netsparse.figures.labels import dataset_name, method_name, told
from netsparse.figures.outcomes import anp_curve
from netsparse.figures.source import Trained, curve_of
from netsparse.figures.style import METHOD_COLOURS
from netsparse.run import Run, as_run, told_epochs
from netsparse.storage import write_whole


class _Form(NamedTuple):
    """A file's form: pixels an inch, frames a second, and the most of them that players show."""

    dpi: int
    fps: float
    most_fps: float


_FORMS = {".mp4": _Form(160, 24.0, 120.0), ".gif": _Form(100, 10.0, 50.0)}
_MOST_SECONDS, _MOST_LAYERS = 600.0, 12
# Epochs that are filmed unless others are chosen: those of 20 seconds have a frame or two each.
MOST_EPOCHS = 300
# Seconds that the first and the last frame stand.
_FIRST, _LAST = 0.5, 1.5


def film(
    run: Run,
    path: str | Path,
    layers: Sequence[str] | None = None,
    fps: float | None = None,
    seconds: float | None = None,
    on_progress: Callable[[int, int], object] | None = None,
    *,
    epochs: Sequence[int] | None = None,
) -> Path:
    """Write a film of a run's layers in the hyperbolic disk from epoch to epoch.

    Disks are turned to fit each other (`netsparse.figures.disks.disks_of`). Neurons glide along the shorter arc; those
    that leave the giant component fade where they were, and so do links. Steps in which much moves are shown slower.
    Below are the test accuracy and the ANP rate. The file is there whole or not at all, equal bytes for an equal run.

    Parameters
    ----------
    run : Run
        With snapshots, and the measures theta, radius, community and degree of its layers at two epochs at least;
        epochs without them are passed over. ``netsparse film`` measures them all first.
    path : str or pathlib.Path
        ``.mp4`` (H.264; 1280 pixels wide for three layers) or ``.gif`` (800).
    layers : sequence of str, optional
        Default: all that have an embedding.
    fps : float, optional
        Frames a second. Default: 24, of a GIF 10.
    seconds : float, optional
        From the first to the last epoch; the first frame stands for half a second before, the last for one and a half.
        Default: 0.15 a step, 4 at least and 20 at most.
    on_progress : callable, optional
        Called with the number of frames done and of all.
    epochs : sequence of int, optional
        Default: all that have an embedding.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    NetsparseError
        If an argument makes no sense or the file cannot be written; before any work, but for a disk that runs full.
    NothingToDrawError
        If fewer than two epochs have an embedding.

    Examples
    --------
    >>> import tempfile, numpy as np, netsparse as ns
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run.create(folder + "/run")
    ...     for epoch in (0, 1):
    ...         layer = ns.LayerGraph.from_mask(rng.random((9, 8)) < 0.4, name="fc")
    ...         run.write_snapshot(ns.Snapshot([layer], epoch=epoch))
    ...     run.write_measures(ns.measure(run))
    ...     film(run, folder + "/film.gif", seconds=1).name
    'film.gif'
    """
    path = Path(path)
    check_film(run, path, layers, fps, seconds, epochs)
    form = _FORMS[path.suffix.lower()]
    reel = _reel(run, layers, epochs)
    fps = form.fps if fps is None else fps
    seconds = float(np.clip(0.15 * (len(reel.epochs) - 1), 4, 20)) if seconds is None else seconds
    when = moments(reel.changes, max(2, round(fps * seconds)))
    stage = Stage(reel.title, reel.panels, reel.curves, (reel.epochs[0], reel.epochs[-1]), form.dpi)
    frames = _counted(reel.frames(stage, when), len(when), on_progress)
    if form is _FORMS[".gif"]:
        stands = [round(1000 / fps)] * len(when)
        stands[0] += round(1000 * _FIRST)
        stands[-1] += round(1000 * _LAST)
        content = gif(frames, stage.palette, stands)
    else:
        content = mp4(_held(frames, len(when), fps), (stage.width, stage.height), fps)
    try:
        write_whole(path, content)
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def film_epochs(epochs: Sequence[int]) -> list[int]:
    """Choose epochs to film: all, of more than `MOST_EPOCHS` so many, evenly, the first and the last among them.

    Examples
    --------
    >>> film_epochs(range(0, 9, 4)), len(film_epochs(range(10_001))), film_epochs(range(10_001))[-2:]
    ([0, 4, 8], 300, [9967, 10000])
    """
    n = len(epochs)
    return [epochs[place] for place in np.linspace(0, n - 1, min(n, MOST_EPOCHS)).round().astype(int)]


def check_film(
    run: Run,
    path: Path,
    layers: Sequence[str] | None = None,
    fps: float | None = None,
    seconds: float | None = None,
    epochs: Sequence[int] | None = None,
) -> None:
    """Refuse what no film can be made of, before anything is measured or drawn (parameters as of `film`).

    Raises
    ------
    NetsparseError
    """
    as_run(run)
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise NetsparseError(f"{path}: a film is written as {' or '.join(_FORMS)}; end the name in one of these")
    if fps is not None and not 0 < fps <= form.most_fps:
        raise NetsparseError(f"frames a second are above 0 and at most {form.most_fps:g} ({path.suffix}), not {fps:g}")
    if seconds is not None and not 0 < seconds <= _MOST_SECONDS:
        raise NetsparseError(f"a film's seconds are above 0 and at most {_MOST_SECONDS:g}, not {seconds:g}")
    if run.metrics_path.is_file():
        _ = run.metrics  # damaged ones are told now
    there = run.epochs
    missing = sorted(set(epochs or ()) - set(there))
    if missing:
        raise NetsparseError(f"{run.path}: no snapshot of epoch {missing[0]}; there are {told_epochs(there)}")
    chosen_epochs = there if epochs is None else sorted(set(epochs))
    if len(chosen_epochs) < 2:
        which = "there are those" if epochs is None else "chosen is that"
        raise NetsparseError(
            f"{run.path}: a film needs snapshots of at least two epochs; {which} of {told_epochs(chosen_epochs)}"
        )
    names = run.layer_names(there[0])
    for name in layers or ():
        if name not in names:
            raise NetsparseError(f"{run.path}: no layer '{name}'; choose from: {', '.join(names)}")
    chosen = names if not layers else list(dict.fromkeys(layers))
    if len(chosen) > _MOST_LAYERS:
        raise NetsparseError(f"a film shows at most {_MOST_LAYERS} layers, not {len(chosen)}; choose some by name")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error
    if path.is_dir():
        raise NetsparseError(f"{path}: cannot be written: it is a folder")


def _unwritable(path: Path, error: OSError) -> NetsparseError:
    return NetsparseError(f"{path}: cannot be written: {error.strerror or error}")


class _Reel(NamedTuple):
    """All that a film shows, before it is drawn."""

    title: str
    epochs: list[int]
    panels: list[Panel]
    keyframes: list[list[Keyframe]]
    curves: list[Curve]

    @property
    def changes(self) -> list[float]:
        """How much moves in each step, in the layer in which most does."""
        return [max(step.change for step in self.steps(k)) for k in range(len(self.epochs) - 1)]

    def steps(self, k: int) -> list[Step]:
        """Return the k-th step of each layer."""
        return [Step(keys[k], keys[k + 1]) for keys in self.keyframes]

    def frames(self, stage: Stage, when: Sequence[tuple[int, float]]) -> Iterator[np.ndarray]:
        """Draw the frames of some moments."""
        for k, group in itertools.groupby(when, key=lambda moment: moment[0]):
            steps = self.steps(k)
            for _, t in group:
                disks = [(step.after if t >= 0.5 else step.before).disk for step in steps]
                epoch = (1 - t) * self.epochs[k] + t * self.epochs[k + 1]
                yield stage.frame(epoch, disks, [step.at(t) for step in steps])


def _reel(run: Run, layers: Sequence[str] | None, chosen: Sequence[int] | None = None) -> _Reel:
    chosen = run.epochs if chosen is None else chosen
    member = Trained(run.name, run=run)
    measures = member.measures if run.measures_path.is_file() else pd.DataFrame()
    names = list(dict.fromkeys(layers)) if layers else run.layer_names(chosen[0])
    disks = {name: _disks(measures, name, chosen) for name in names}
    epochs = sorted({disk.epoch for own in disks.values() for disk in own})
    if len(epochs) < 2:
        reasons = _reasons(measures, names) or f"measure the run first: netsparse film {run.path}"
        raise NothingToDrawError(f"{run.path}: fewer than two epochs have a layer with an embedding ({reasons})")
    keyframes: dict[str, list[Keyframe]] = {name: [] for name in names if disks[name]}
    for epoch in epochs:
        snapshot = run.snapshot(epoch)
        for name, found in keyframes.items():
            own = {disk.epoch: disk for disk in disks[name]}
            layer = snapshot[name]
            found.append(
                Keyframe.of(own[epoch], layer) if epoch in own else Keyframe.blank(disks[name][0], epoch, layer)
            )
    panels = [_panel(run.snapshot(epochs[0])[name].n_source, name, found) for name, found in keyframes.items()]
    return _Reel(_title(run), epochs, panels, list(keyframes.values()), _curves(member, run, keyframes.values()))


def _disks(measures: pd.DataFrame, layer: str, epochs: Sequence[int]) -> list[Disk]:
    return disks_of(measures, layer, epochs) if len(measures) else []


def _reasons(measures: pd.DataFrame, names: Sequence[str]) -> str:
    """Return why layers have no embedding, as the table tells."""
    if measures.empty:
        return ""
    rows = measures[measures["measure"].isin(["theta", "radius"]) & measures["layer"].isin(names)]
    return "; ".join(dict.fromkeys(str(reason) for reason in rows["reason"] if reason))


def _panel(n_source: int, name: str, keyframes: Sequence[Keyframe]) -> Panel:
    largest = max(int(key.disk.degree.max(initial=1)) for key in keyframes)
    return Panel(name, n_source, largest, max(len(key.keys) for key in keyframes))


def _title(run: Run) -> str:
    config = run.config
    if not config:
        return run.name
    words = [method_name(str(config.get("method", ""))), dataset_name(str(config.get("dataset", "")))]
    sparsity = [told("sparsity", config["sparsity"])] if config.get("sparsity") else []
    return ", ".join(word for word in [*words, *sparsity] if word)


def _curves(member: Trained, run: Run, layers: Iterable[Sequence[Keyframe]]) -> list[Curve]:
    has_metrics = run.metrics_path.is_file()
    accuracy = curve_of(member.metrics, "test_accuracy") if has_metrics else pd.Series(dtype=float)
    anp, name = anp_curve(member), "ANP rate"
    if anp.empty:  # masks of another program
        name = "mean ANP rate"
        rates = [(key.disk.epoch, key.disk.numbers["anp_rate"]) for layer in layers for key in layer]
        anp = pd.DataFrame(rates, columns=["epoch", "rate"]).groupby("epoch")["rate"].mean()
    colour = METHOD_COLOURS.get(str(run.config.get("method", "")), METHOD_COLOURS["cht"])
    shown = [Curve("test accuracy", 100 * accuracy, colour, "-"), Curve(name, 100 * anp, "#444444", "--")]
    return [curve for curve in shown if len(curve.shares)]


def _counted(
    frames: Iterator[np.ndarray], total: int, on_progress: Callable[[int, int], object] | None
) -> Iterator[np.ndarray]:
    for done, frame in enumerate(frames, 1):
        yield frame
        if on_progress is not None:
            on_progress(done, total)


def _held(frames: Iterator[np.ndarray], total: int, fps: float) -> Iterator[np.ndarray]:
    """Repeat the first and the last frame for the time that they stand."""
    more = {0: round(_FIRST * fps), total - 1: round(_LAST * fps)}
    for k, frame in enumerate(frames):
        yield from itertools.repeat(frame, 1 + more.get(k, 0))
