"""What a figure says in words and numbers, for the caption under it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import WeakKeyDictionary

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsparse.errors import NetsparseError
from netsparse.figures.source import Source, groups_of

Number: TypeAlias = float | int | str | None

# Of captions.json; a file without one is of version 1.
CAPTIONS_VERSION = 1


@dataclass(frozen=True)
class Caption:
    """A figure's caption.

    Attributes
    ----------
    text : str
        Sentences to put under the figure.
    numbers : dict
        The numbers behind them, by name; None where there is none.
    """

    text: str
    numbers: Mapping[str, Number] = field(default_factory=dict)


_told: WeakKeyDictionary[Figure | Axes, Caption] = WeakKeyDictionary()


def caption(drawn: Figure | Axes) -> Caption:
    """Return the caption of a figure that netsparse drew, or of the axes that it was drawn into.

    Raises
    ------
    NetsparseError
        If netsparse did not draw it.

    Examples
    --------
    >>> import pandas as pd
    >>> from netsparse.figures import accuracy
    >>> metrics = pd.DataFrame({"epoch": [1, 2], "layer": "", "metric": "test_accuracy", "value": [0.5, 0.9]})
    >>> figure = accuracy(metrics)
    >>> caption(figure).numbers["aae"]
    70
    """
    if drawn not in _told:
        raise NetsparseError("it has no caption: netsparse did not draw it, or into axes (ax=), which have the caption")
    return _told[drawn]


def tell(figure: Figure, ax: Axes | None, text: str, numbers: Mapping[str, float | int | str]) -> Figure:
    """Keep a figure's caption, on the axes if they were handed in; give the figure back."""
    plain: dict[str, Number] = {
        name: value if isinstance(value, str) else _finite(value) for name, value in numbers.items()
    }
    _told[figure if ax is None else ax] = Caption(text, plain)
    return figure


def _finite(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else float(value)


def first_of(layers: Sequence[str], most: int) -> tuple[list[str], str]:
    """Return the layers that are drawn, and for the caption what is left out.

    Examples
    --------
    >>> first_of(["a", "b", "c"], 2)
    (['a', 'b'], ' The first 2 of 3 layers are drawn.')
    """
    some = f"first {most} of {len(layers)} layers are" if most > 1 else f"first of {len(layers)} layers is"
    left = f" The {some} drawn." if len(layers) > most else ""
    return list(layers[:most]), left


def one_of(source: Source) -> str:
    """Return for the caption that of several seeds one is drawn, if there are several."""
    return " Of several seeds the first is drawn." if any(len(g.members) > 1 for g in groups_of(source)) else ""
