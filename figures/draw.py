"""Draw all figures of a run, or of several side by side, into files."""

import inspect
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from netsparse.errors import NetsparseError, NothingToDrawError
from netsparse.figures.caption import CAPTIONS_VERSION, caption
from netsparse.figures.source import groups_of
from netsparse.figures.style import style
from netsparse.lock import in_turn
from netsparse.registry import Registry
from netsparse.run import Run, as_runs, told_epochs
from netsparse.storage import check_version, clear_asides, parse_json, write_whole

FIGURES: Registry[Callable[..., Figure]] = Registry("figure")

# Figures over runs that differ in an option: where none do they are left out without a word, unless asked for by name.
COMPARISONS: set[str] = set()

# Figures of what few runs have: left out in the same way.
RARE: set[str] = set()

FORMATS = ("png", "pdf", "svg")

# What would make equal figures differ.
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


def draw_figures(
    source: Run | Sequence[Run],
    out: str | Path | None = None,
    formats: Sequence[str] = ("png",),
    names: Sequence[str] | None = None,
    epochs: Sequence[int] | None = None,
) -> tuple[list[Path], dict[str, str]]:
    """Draw figures of `FIGURES` from what run directories hold; no training, no measuring.

    Parameters
    ----------
    source : Run or sequence of Run
        Several are drawn together: runs that differ by the seed alone as their mean with a band, others side by side.
        Figures of `COMPARISONS` are drawn where there are several groups.
    out : str or pathlib.Path, optional
        Folder to write to. Default: the first run's folder ``figures``.
    formats : sequence of {"png", "pdf", "svg"}
    names : sequence of str, optional
        Names of `FIGURES`. Default: all.
    epochs : sequence of int, optional
        For the figures that show epochs side by side.

    Returns
    -------
    paths : list of pathlib.Path
        Files written, equal bytes for equal runs; the last is ``captions.json``: its ``format_version``, and text and
        numbers of each figure in the folder.
    left_out : dict of str to str
        Figures that have nothing to show, and why.

    Raises
    ------
    NetsparseError
        If a format, name or epoch is unknown, the folder cannot be made or written, or a newer netsparse drew into it;
        if a stored file is damaged or a newer netsparse wrote it, behind the figures that do not need it.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> metrics = pd.DataFrame({"epoch": [1, 2], "layer": "", "metric": "test_accuracy", "value": [0.5, 0.9]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run.create(folder)
    ...     run.write_metrics(metrics)
    ...     paths, left_out = draw_figures(run, formats=["svg"])
    >>> [path.name for path in paths]
    ['accuracy.svg', 'captions.json']
    """
    formats = [formats] if isinstance(formats, str) else formats
    names = [names] if isinstance(names, str) else names
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise NetsparseError(f"unknown figure format '{', '.join(unknown)}'; choose from: {', '.join(FORMATS)}")
    runs = as_runs(source)
    chosen = {name: FIGURES[name] for name in (FIGURES if names is None else names)}
    if not chosen:
        raise NetsparseError(f"no figure is named; choose from: {', '.join(FIGURES)}")
    _check_epochs(runs, epochs)
    groups = groups_of(runs)
    members = [member for group in groups for member in group.members]  # each reads its tables once
    needless = RARE | COMPARISONS if names is None else set()
    if names is None and len(groups) < 2:
        chosen = {name: draw for name, draw in chosen.items() if name not in COMPARISONS}
    out = runs[0].figures_path if out is None else Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NetsparseError(f"{out}: cannot make the folder: {error.strerror}") from error
    try:
        with in_turn(out / ".lock"):  # two processes that draw into one folder would forget each other's captions
            clear_asides(out)
            paths, left_out, broken = _draw_into(out, chosen, members, formats, epochs, needless)
    except OSError as error:
        raise NetsparseError(f"{error.filename or out}: cannot be written: {error.strerror or error}") from error
    if broken:
        reasons = dict.fromkeys(broken.values())
        whys = "; ".join(f"{', '.join(name for name in broken if broken[name] == why)}: {why}" for why in reasons)
        raise NetsparseError(f"{'the other figures are in ' + str(out) + '; ' if paths else ''}not drawn: {whys}")
    return paths, left_out


def _draw_into(
    out: Path,
    chosen: Mapping[str, Callable[..., Figure]],
    members: Sequence[Any],
    formats: Sequence[str],
    epochs: Sequence[int] | None,
    needless: set[str],
) -> tuple[list[Path], dict[str, str], dict[str, str]]:
    """Draw figures into a folder; return the files, what is left out, and what is not drawn for a damaged file.

    Of those that are needless it is not told that they have nothing to show.
    """
    paths: list[Path] = []
    captions = _captions_there(out, chosen)
    left_out: dict[str, str] = {}
    broken: dict[str, str] = {}
    for name, draw in chosen.items():
        options = {"epochs": epochs} if epochs and "epochs" in inspect.signature(draw).parameters else {}
        try:
            figure = draw(members, **options)
        except NothingToDrawError as error:
            if name not in needless:
                left_out[name] = str(error)
            continue
        except NetsparseError as error:  # a damaged file: the other figures are drawn all the same
            broken[name] = str(error)
            continue
        _lay_out(figure)
        for file_format in formats:
            path = out / f"{name}.{file_format}"
            write_whole(path, render(figure, file_format))
            paths.append(path)
        captions[name] = asdict(caption(figure))
    if paths:
        path = out / "captions.json"
        ordered = {name: captions[name] for name in FIGURES if name in captions}
        told = {"format_version": CAPTIONS_VERSION, **ordered}
        write_whole(path, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode())
        paths.append(path)
    return paths, left_out, broken


def _captions_there(out: Path, redrawn: Mapping[str, object]) -> dict[str, Any]:
    """Return the captions of the figures that lie in a folder and stay as they are."""
    path = out / "captions.json"
    try:
        found = parse_json(path.read_bytes())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):  # drawn anew, they come anew
        return {}
    check_version(f"{path}: captions", found.pop("format_version", 1), CAPTIONS_VERSION)
    there = {path.stem for path in out.iterdir() if path.suffix[1:] in FORMATS}
    return {name: own for name, own in found.items() if name in there and name not in redrawn}


def _check_epochs(runs: Sequence[Run], epochs: Sequence[int] | None) -> None:
    for run in runs:
        missing = sorted(set(epochs or ()) - set(run.epochs))
        if missing:
            raise NetsparseError(f"{run.path}: no snapshot of epoch {missing[0]}; there are {told_epochs(run.epochs)}")


def _lay_out(figure: Figure) -> None:
    """Fix where everything stands: laid out anew for each file, it would depend on the files drawn before."""
    engine = figure.get_layout_engine()
    if engine is None:
        return
    with style():
        figure.set_dpi(mpl.rcParams["savefig.dpi"])
        engine.execute(figure)
    with mpl.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)  # "none" leaves one that has every file drawn twice


def render(figure: Figure, file_format: str) -> bytes:
    """Return a figure as the bytes of a file."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=file_format, metadata=_METADATA[file_format])
    return buffer.getvalue()
