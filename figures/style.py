"""One style for print: sizes in inches, small type, colours that colour-blind readers can tell apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLUMN = 3.5
PAGE = 7.2
MUTED = "#8a8a8a"

_RC: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "netsparse",
    "pdf.fonttype": 42,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in netsparse's style, and leave the user's own as it was."""
    with mpl.rc_context(_RC):
        yield


def palette(n: int) -> list[tuple[float, float, float]]:
    """Return n colours; beyond ten they come from the colour circle."""
    return list(sns.color_palette("colorblind", n) if n <= 10 else sns.husl_palette(n))


def axes_for(ax: Axes | None) -> tuple[Figure, Axes]:
    """Return the figure and axes to draw in: those handed in, or new ones."""
    if ax is not None:
        return figure_of(ax), ax
    figure = Figure(figsize=(COLUMN, 2.6), layout="constrained")
    return figure, figure.add_subplot()


def plain(name: str) -> str:
    """Return a name so that matplotlib shows it as it is, and does not read ``$`` as mathematics."""
    return name.replace("$", r"\$")


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes belong to."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
