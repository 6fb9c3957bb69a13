"""A table of measures, first against last epoch."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from netsparse.errors import NothingToDrawError
from netsparse.figures.caption import tell
from netsparse.figures.ends import FIRST, LAST, ends_of, runs_of, told_ends
from netsparse.figures.labels import shortened
from netsparse.figures.outcomes import having, mean_sd, told_runs
from netsparse.figures.source import Group, Source, layer_names
from netsparse.figures.style import PAGE, figure_of, plain, style

_ROW = 0.15  # inches
_MOST_COLUMNS = 8


class _Column(NamedTuple):
    header: str
    group: Group
    layer: str
    end: str


def measure_table(source: Source, ax: Axes | None = None) -> Figure:
    """Every measure, first against last epoch, as a table: of one group the network and its layers, of several each.

    Several seeds are their mean ± one standard deviation. What does not fit on a page is left out: the last layers; of
    many groups the first epoch, then the last groups.

    Parameters
    ----------
    source : Run, measures, or several of these
        See `netsparse.figures.source.groups_of`.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Its `caption` tells every measure of the whole network at the last epoch.

    Raises
    ------
    NothingToDrawError
        If nothing was measured.

    Examples
    --------
    >>> import numpy as np
    >>> import netsparse as ns
    >>> mask = np.random.default_rng(0).random((20, 15)) < 0.2
    >>> table = ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(mask)], epoch=0))
    >>> print(measure_table(table))
    Figure(...x...)
    """
    found = [(group, ends_of(group)) for group, _ in having(source, lambda member: member.scalars)]
    tables = {id(group): table for group, table in found if not table.empty}
    groups = [group for group, _ in found if id(group) in tables]
    if not groups:
        raise NothingToDrawError("no layer or network was measured")
    columns, left_out = _columns(groups, tables)
    names = sorted({name for table in tables.values() for name in table.index.get_level_values("measure")})
    runs = {name: [runs_of(tables[id(c.group)], name, c.layer, c.end) for c in columns] for name in names}
    runs = {name: row for name, row in runs.items() if any(np.isfinite(values).any() for values in row)}
    if not runs:
        raise NothingToDrawError("no measure of a layer or network has a value")
    when = "first against last epoch" if {FIRST, LAST} <= {c.end for c in columns} else "last epoch"
    title = f"Measures{'' if len(groups) == 1 else ' of the whole network'}, {when}"
    with style():
        if ax is None:
            height = _ROW * (len(runs) + 3 + max(c.header.count("\n") for c in columns))
            figure = Figure(figsize=(PAGE, height), layout="constrained")
            axes = figure.add_subplot()
        else:
            figure, axes = figure_of(ax), ax
        axes.set_axis_off()
        axes.set_title(title)
        bold = [c.layer == "" and len(groups) == len(groups[0].members) == 1 for c in columns]
        cells = [[_told(values).replace("-", "−") for values in row] for row in runs.values()]
        _draw(axes, list(runs), cells, [c.header for c in columns], bold)
    numbers = {
        (name if len(groups) == 1 else f"{c.group.label}, {name}"): mean_sd(values)[0]
        for name, row in runs.items()
        for c, values in zip(columns, row, strict=True)
        if c.layer == "" and c.end == LAST
    }
    text = f"{title}.{told_runs(groups, 'Numbers are means', 'with')}{left_out}"
    return tell(figure, ax, text, numbers)


def _columns(groups: list[Group], tables: dict[int, pd.DataFrame]) -> tuple[list[_Column], str]:
    """Return the columns that fit on a page, and a sentence, led by a blank, on those that do not."""
    told = {id(group): dict(zip((FIRST, LAST), told_ends([group]), strict=True)) for group in groups}
    if len(groups) == 1:
        table = tables[id(groups[0])]
        layers = dict.fromkeys(name for member in groups[0].members for name in layer_names(member.scalars))
        places = [(groups[0], layer, layer or "network") for layer in ("", *layers)]
        places = [place for place in places if place[1] in table.columns.get_level_values("layer")]
        kind, total = "layers", len(layers)
    else:
        places = [(group, "", group.label) for group in groups]
        kind, total = "groups", len(groups)
    ends = [
        end for end in (FIRST, LAST) if any(end in table.columns.get_level_values("end") for table in tables.values())
    ]
    room = _MOST_COLUMNS - 2 * any(len(group.members) > 1 for group in groups)
    if len(groups) > 1 and len(places) * len(ends) > room:
        ends = ends[-1:]
    most = max(1, room // len(ends))
    names = shortened([name for _, _, name in places[:most]])
    columns = [
        _Column(f"{_wrapped(plain(name))}\n{told[id(group)][end]}", group, layer, end)
        for (group, layer, _), name in zip(places, names, strict=False)
        for end in ends
    ]
    left_out = len(places) - most
    return columns, f" Left out: the last {left_out} of {total} {kind}." if left_out > 0 else ""


def _wrapped(name: str, width: int = 11) -> str:
    """Break a long name into lines, at a dot, blank or underscore if there is one."""
    if len(name) <= width + 2:
        return name
    lines = [""]
    for letter in name:
        lines[-1] += letter
        if len(lines[-1]) >= width or (len(lines[-1]) > width // 2 and letter in "._ ,-/"):
            lines.append("")
    return "\n".join(line for line in lines if line)


def _draw(ax: Axes, names: list[str], cells: list[list[str]], header: list[str], bold: list[bool]) -> None:
    lines = 1 + max(text.count("\n") for text in header)
    rows = len(cells) + lines
    share = 0.27
    table = ax.table(
        [[plain(name), *row] for name, row in zip(names, cells, strict=True)],
        colLabels=["", *header],
        colWidths=[share, *[(1 - share) / len(header)] * len(header)],
        cellLoc="right",
        colLoc="right",
        bbox=Bbox.unit(),
    )
    table.set_in_layout(False)  # it is as large as its axes
    table.auto_set_font_size(False)
    table.set_fontsize(7)
    for (row, column), cell in table.get_celld().items():
        cell.set_linewidth(0.0)
        cell.set_height((lines if row == 0 else 1.0) / rows)
        cell.PAD = 0.03
        if row % 2 == 1:
            cell.set_facecolor("#f4f4f4")
        if row == 0 or (column > 0 and bold[column - 1]):
            cell.get_text().set_fontweight("bold")
        if column == 0:
            cell.get_text().set_horizontalalignment("left")


def _told(values: np.ndarray) -> str:
    mean, sd = mean_sd(values)
    if np.isfinite(values).sum() < 2 or not np.isfinite(mean):
        return _number(mean)
    if sd == 0:
        return f"{_number(mean)} ± 0"
    digits = max(0, min(3, 1 - int(np.floor(np.log10(sd)))))
    return f"{mean:.{digits}f} ± {sd:.{digits}f}" if abs(mean) < 1e6 else f"{mean:.2e} ± {sd:.0e}"


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    if abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 1e6 else f"{value:.2e}"
