"""What the command line shows: live progress in a terminal, plain lines elsewhere, tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

import pandas as pd
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from netsparse.harmless import visible
from netsparse.registry import summary_line

if TYPE_CHECKING:
    from netsparse.masks import Masks


# More columns of measures than this nobody reads.
_MOST_COLUMNS = 16


class Report(Protocol):
    """What the training loop tells of an epoch; its ``str`` is a plain line."""

    epoch: int
    train_loss: float
    validation_accuracy: float
    anp_rate: float
    links_moved: int


@contextmanager
def training_progress(epochs: int) -> Iterator[Callable[[Any], None]]:
    """Show epoch, loss, accuracy, ANP, links moved and the time left: live, or a line an epoch outside a terminal."""
    console = Console()
    if not console.is_terminal:
        yield _print_line
        return
    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[told]}"),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("train", total=epochs, told="")

        def show(report: Report) -> None:
            told = (
                f"loss {report.train_loss:.3f}  accuracy {100 * report.validation_accuracy:.1f} %  "
                f"ANP {100 * report.anp_rate:.1f} %  moved {report.links_moved}"
            )
            progress.update(task, completed=report.epoch, told=told)

        yield show


def _print_line(report: Report) -> None:
    try:
        print(report, flush=True)
    except BrokenPipeError:  # nobody reads any more (`| head`): training goes on, in silence
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


@contextmanager
def jobs_progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many jobs of how many are done and the time left, on stderr, in a terminal only."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (
        TextColumn(description),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _text(text: str, style: str = "") -> Text:
    """Return a text that is shown as it is, whatever it holds: no markup, nothing that the terminal obeys."""
    return Text(visible(text), style)


def _console(file: IO[str] | None = None) -> Console:
    """Return a console for tables: never narrower than they need outside a terminal."""
    console = Console(file=file)
    return console if console.is_terminal else Console(file=file, width=1000)


def print_masks(title: str, found: Sequence[Masks], file: IO[str] | None = None, n_epochs: int = 0) -> None:
    """Print what lies in files of masks: a row a layer, of many epochs the two ends; below how it was read.

    Of more epochs than are found, if there are so many, these are the two ends.
    """
    n_epochs = max(n_epochs, len(found))
    ends = [found[0], found[-1]] if len(found) > 2 else found
    several, joined = len(found) > 1, any(masks.are_joined for masks in found)
    shown = Table(title=_text(f"{title}: {found[0].form}"), title_justify="left")
    ends_of = ["source", "target"] if joined else []
    for heading in [*(["epoch"] if several else []), "layer", *ends_of, "shape", "kind"]:
        shown.add_column(heading)
    for heading in ("links", "density"):
        shown.add_column(heading, justify="right")
    for masks in ends:
        for row in masks.table().itertuples() if masks.graph is None else ():
            groups = [row.source, row.target] if joined else []
            cells = [row.layer, *groups, f"{row.n_source} × {row.n_target}", row.kind]
            shown.add_row(
                *([str(masks.epoch)] if several else []),
                *(_text(cell) for cell in cells),
                f"{row.n_links:,}",
                "–" if pd.isna(row.density) else f"{100 * row.density:.4g} %",
            )
    console = _console(file)
    console.print(shown if shown.row_count else shown.title)
    for masks in ends:
        at = f"Epoch {masks.epoch}: " if several else ""
        console.print(_text(f"{at}{_told(masks)}"))
    if n_epochs > 2:
        console.print(_text(f"{n_epochs} epochs; the first and the last are shown."))
    for note in dict.fromkeys(note for masks in found for note in (*masks.read_as, *masks.notes)):
        console.print(_text(f"{note[0].upper()}{note[1:]}."))


def _told(masks: Masks) -> str:
    if masks.graph is not None:
        return f"An undirected graph of {masks.graph.shape[0]:,} nodes and {masks.n_links:,} links."
    possible = sum(layer.n_source * layer.n_target for layer in masks.layers)
    density = f", density {100 * masks.n_links / possible:.4g} %" if possible else ""
    layers = "1 layer" if len(masks) == 1 else f"{len(masks)} layers"
    return f"{layers}, {masks.n_links:,} of {possible:,} possible links{density}."


def print_measures(title: str, table: pd.DataFrame) -> None:
    """Print the measures of layers and networks: a row a measure, a column a layer and epoch (of many the two ends).

    Estimates come with ± their standard error, and where there are null models z and p of those with the same degrees.
    """
    rows = table[table["scope"].isin(["layer", "network"])]
    epochs = sorted(rows["epoch"].dropna().unique())
    if len(epochs) > 2:
        rows = rows[rows["epoch"].isin([epochs[0], epochs[-1]])]
    columns = list(dict.fromkeys(zip(rows["epoch"].fillna(-1), rows["scope"], rows["layer"], strict=True)))
    columns.sort(key=lambda column: (column[0], column[1] == "layer"))  # the network first, layers in their order
    n_columns = len(columns)
    if n_columns > _MOST_COLUMNS:
        columns = [*columns[: _MOST_COLUMNS // 2], *columns[-_MOST_COLUMNS // 2 :]]
    shown = Table(title=_text(title), title_justify="left")
    shown.add_column("measure", no_wrap=True)
    for epoch, scope, layer in columns:
        at = f"epoch {epoch}" if epoch >= 0 else ""
        shown.add_column(_text(f"{layer if scope == 'layer' else 'network'}\n{at}".strip()), justify="right")
    cells = {
        (name, epoch, scope, layer): _cell(row)
        for name, epoch, scope, layer, row in zip(
            rows["measure"],
            rows["epoch"].fillna(-1),
            rows["scope"],
            rows["layer"],
            rows.to_dict("records"),
            strict=True,
        )
    }
    for name in sorted(set(rows["measure"])):
        shown.add_row(_text(name), *(cells.get((name, *column), "") for column in columns))
    console = _console()
    console.print(shown)
    if n_columns > _MOST_COLUMNS:
        console.print(_text(f"{n_columns} columns; the first and the last are shown: --out FILE keeps all"))
    told = rows[rows["reason"] != ""].drop_duplicates(["measure", "layer", "reason"])
    for (name, reason), same in told.groupby(["measure", "reason"], sort=False):
        layers = [layer or "the network" for layer in same["layer"]]
        of = ", ".join(layers) if len(layers) <= 3 else f"{layers[0]} and {len(layers) - 1} others"
        speaks = reason.startswith(("failed: ", "refused: "))
        how = "has " if same["value"].notna().all() else "" if speaks else "is undefined: "
        console.print(_text(f"{name} of {of} {how}{reason}"))
    if len(epochs) > 2:
        console.print(_text(f"{len(epochs)} epochs were measured; the first and the last are shown"))


def _cell(row: Mapping[str, Any]) -> str:
    told = _number(row["value"])
    if pd.notna(row.get("standard_error")):
        told += f" ± {row['standard_error']:.2g}"
    if pd.notna(row.get("p")):
        told += f"  z {row['z']:.3g}  p {row['p']:.2g}" if pd.notna(row["z"]) else f"  p {row['p']:.2g}"
    return told


def _number(value: float) -> str:
    if pd.isna(value):
        return "–"
    return f"{value:.0f}" if value == round(value, 0) and abs(value) < 1e9 else f"{value:.6g}"


def print_parts(parts: Mapping[str, Any]) -> None:
    """Print the names of a registry with a line each."""
    shown = Table(box=None, show_header=False, pad_edge=False)
    for name, part in parts.items():
        shown.add_row(_text(name), _text(summary_line(part)))
    _console().print(shown)


def print_methods(methods: Mapping[str, Any]) -> None:
    """Print each method with its parts, those that are not what they are by default."""
    shown = Table(box=None, show_header=False, pad_edge=False)
    for name, method in methods.items():
        shown.add_row(_text(name), _text(summary_line(method)))
        parts = {"topology": method.topology, "start_weights": method.start_weights, **method.changed_parts}
        told = "  ".join(f"{part}={_brief(value)}" for part, value in parts.items())
        shown.add_row("", _text(told, style="dim"))
    _console().print(shown)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under headings."""
    shown = Table(pad_edge=False)
    for heading in headings:
        shown.add_column(_text(heading))
    for row in rows:
        shown.add_row(*(_text(str(cell)) for cell in row))
    _console().print(shown)


def print_sweep(table: pd.DataFrame) -> None:
    """Print a sweep's table, accuracies and rates in per cent, mean ± sd."""
    numbers = [name.removesuffix("_mean") for name in table.columns if name.endswith("_mean")]
    points = list(table.columns[: list(table.columns).index("n_runs")])
    shown = [name for name in numbers if name != "links"]
    headings = [f"{n}, %" if _is_share(n) else n for n in shown]
    rows = []
    for _, row in table.iterrows():
        runs = f"{row['n_runs']:.0f}" + (f" ({row['n_failed']:.0f} failed)" if row["n_failed"] else "")
        rows.append([*(row[name] for name in points), runs, *(_mean_sd(row, name) for name in shown)])
    print_table([*points, "runs", *headings], rows)


def _is_share(name: str) -> bool:
    return name.endswith(("accuracy", "aae", "rate"))


def _mean_sd(row: pd.Series, name: str) -> str:
    scale, mean, sd = 100.0 if _is_share(name) else 1.0, row[f"{name}_mean"], row[f"{name}_sd"]
    if pd.isna(mean):
        return ""
    return f"{scale * mean:.2f}" + ("" if pd.isna(sd) else f" ± {scale * sd:.2f}")


def _brief(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"
