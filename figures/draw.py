"""Draw all figures of a run into files."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from netsparse.errors import NetsparseError, NothingToDrawError
from netsparse.figures.style import style
from netsparse.registry import Registry
from netsparse.run import Run
from netsparse.storage import write_whole

FIGURES: Registry[Callable[..., Figure]] = Registry("figure")
FORMATS = ("png", "pdf", "svg")

# What would make equal figures differ.
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


def draw_figures(
    run: Run, out: Path | None = None, formats: Sequence[str] = ("png",)
) -> tuple[list[Path], dict[str, str]]:
    """Draw every figure of `FIGURES` from what the run directory holds; no training, no measuring.

    Parameters
    ----------
    run : Run
    out : pathlib.Path, optional
        Folder to write to. Default: the run's folder ``figures``.
    formats : sequence of {"png", "pdf", "svg"}

    Returns
    -------
    paths : list of pathlib.Path
        Files written, equal bytes for an equal run.
    left_out : dict of str to str
        Figures that have nothing to show, and why.

    Raises
    ------
    NetsparseError
        If a format is unknown, or the folder cannot be made.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> metrics = pd.DataFrame({"epoch": [1, 2], "layer": "", "metric": "test_accuracy", "value": [0.5, 0.9]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run.create(folder)
    ...     run.write_metrics(metrics)
    ...     paths, left_out = draw_figures(run, formats=["svg"])
    >>> [path.name for path in paths]
    ['accuracy.svg']
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise NetsparseError(f"unknown figure format '{', '.join(unknown)}'; choose from: {', '.join(FORMATS)}")
    out = run.figures_path if out is None else out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NetsparseError(f"{out}: cannot make the folder: {error.strerror}") from error
    paths, left_out = [], {}
    for name, draw in FIGURES.items():
        try:
            figure = draw(run)
        except NothingToDrawError as error:
            left_out[name] = str(error)
            continue
        for file_format in formats:
            path = out / f"{name}.{file_format}"
            write_whole(path, render(figure, file_format))
            paths.append(path)
    return paths, left_out


def render(figure: Figure, file_format: str) -> bytes:
    """Return a figure as the bytes of a file."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=file_format, metadata=_METADATA[file_format])
    return buffer.getvalue()
