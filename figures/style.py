"""One style for print: sizes in inches, small type, colours that colour-blind readers can tell apart."""

import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from netsparse.figures.labels import cut

if TYPE_CHECKING:
    from netsparse.figures.source import Group

COLUMN = 3.5
PAGE = 7.2
# Disks or masks of layers beside each other on a page.
COLUMNS = 4
MUTED = "#8a8a8a"

# Okabe and Ito's colours for the methods that are compared most, Paul Tol's muted ones for their relatives: told apart
# by colour-blind readers.
METHOD_COLOURS = {
    "cht": "#0072B2",
    "esml": "#56B4E9",
    "set": "#D55E00",
    "rigl": "#E69F00",
    "mest": "#CC79A7",
    "chts": "#009E73",
    "chtss": "#117733",
    "mest-ems": "#882255",
    "snfs": "#999933",
    "granet": "#AA4499",
    "static": "#8a8a8a",
    "dense": "#000000",
}
_LINES = ("-", "--", ":", "-.")
# Control characters, surrogates, private and unassigned ones, ends of lines and paragraphs.
_UNSEEN = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

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
    with mpl.rc_context(_RC), warnings.catch_warnings():
        # a character that the font lacks is an empty box in PNG and PDF; SVG keeps it as text
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        yield


def palette(n: int) -> list[tuple[float, float, float]]:
    """Return n colours; beyond ten they come from the colour circle."""
    return list(sns.color_palette("colorblind", n) if n <= 10 else sns.husl_palette(n))


class Look(NamedTuple):
    """How a group of runs is drawn, the same in every figure."""

    colour: Any
    line: str
    marker: str


def looks(groups: "Sequence[Group]") -> list[Look]:
    """Return how groups are drawn: a colour for each method, a line and a shade for each variant of it.

    Groups whose method is not known get colours of their own.
    """
    others = iter(palette(sum(group.method not in METHOD_COLOURS for group in groups)))
    counts = Counter(group.method for group in groups)
    seen: Counter[str] = Counter()
    found = []
    for group in groups:
        if group.method not in METHOD_COLOURS:
            found.append(Look(next(others), "-", _MARKERS[0]))
            continue
        turn = seen[group.method]
        seen[group.method] += 1
        colour = np.array(to_rgb(METHOD_COLOURS[group.method]))
        paler = 0.6 * turn / max(counts[group.method] - 1, 3)
        shade = tuple(colour + (1 - colour) * paler)
        found.append(Look(shade, _LINES[turn % len(_LINES)], _MARKERS[turn % len(_MARKERS)]))
    return found


def draw_band(ax: Axes, curves: pd.DataFrame, look: Look, label: str, factor: float = 1.0, **kwargs: Any) -> None:
    """Draw the mean of a group's curves over the epochs, and mean ± sd (n − 1) as a band if there are several.

    Parameters
    ----------
    curves : pandas.DataFrame
        Epochs × runs (`netsparse.figures.source.curves_of`).
    factor : float
        To multiply values with, such as 100 for per cent.
    """
    mean = factor * curves.mean(axis=1)
    marker = look.marker if len(curves) < 8 else None
    ax.plot(
        mean.index, mean, color=look.colour, ls=look.line, marker=marker, ms=3, label=plain(cut(label, 48)), **kwargs
    )
    if curves.shape[1] > 1:
        sd = factor * curves.std(axis=1)
        ax.fill_between(mean.index, mean - sd, mean + sd, color=look.colour, alpha=0.18, linewidth=0)


def axes_for(ax: Axes | None, width: float = COLUMN, height: float = 2.6) -> tuple[Figure, Axes]:
    """Return the figure and axes to draw in: those handed in, or new ones of that size in inches."""
    if ax is not None:
        return figure_of(ax), ax
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def plain(name: str) -> str:
    """Return a name so that matplotlib shows it as it is, and does not read ``$`` as mathematics.

    What nobody can see, such as the ends of lines, is shown as �.
    """
    seen = "".join("\ufffd" if unicodedata.category(letter) in _UNSEEN else letter for letter in name)
    return seen.replace("$", r"\$")


def within(name: str, width: float) -> str:
    """Return a name, ready for matplotlib, cut in the middle if it is wider than so many inches in small type.

    Examples
    --------
    >>> within("sandwich1", 1.0), within("encoder.layers.0.attention", 1.0)
    ('sandwich1', 'encoder.…ttention')
    """
    return plain(cut(name, max(int(17 * width), 5)))


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes belong to."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
