"""The stage of a film: disks in a row, numbers over them, and below curves over the epochs with a moving marker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from netsparse.figures.disk_panel import told_numbers
from netsparse.figures.disks import COMMUNITY_COLOURS, OTHER_COLOUR, Disk
from netsparse.figures.film_steps import Scene
from netsparse.figures.raster import add_dots, add_lines
from netsparse.figures.style import MUTED, style, within

_Moving = TypeVar("_Moving", bound=Artist)

# Inches: width of the picture by the number of disks in a row, and heights from top to bottom.
_WIDTHS = {1: 4.8, 2: 6.4, 3: 8.0, 4: 9.6}
_LARGEST = 3.7
_HEAD, _TITLE, _LEGEND, _STRIP, _FOOT = 0.36, 0.42, 0.28, 0.85, 0.48
_LEFT, _RIGHT = 0.6, 1.6
# Half of a disk's square in radii of the disk: hubs on the rim are seen whole.
_REACH = 1.09
_GROUND = "#fafafa"
# Of a palette.
_N_GREYS, _N_SHADES = 32, 15
# Points.
_LINK_WIDTH, _EDGE = 0.35, 0.3
_DENSEST = 0.7


class Panel(NamedTuple):
    """A layer on the stage.

    Attributes
    ----------
    name : str
    n_source : int
    largest_degree, most_links : int
        Over all epochs: so that sizes and greys mean the same throughout.
    """

    name: str
    n_source: int
    largest_degree: int
    most_links: int


class Curve(NamedTuple):
    """A share over the epochs, in per cent."""

    name: str
    shares: pd.Series
    colour: str
    line: str


class Stage:
    """Draws frame after frame: text, axes and curves by matplotlib, disks by `netsparse.figures.raster`.

    Parameters
    ----------
    title : str
    panels : sequence of Panel
    curves : sequence of Curve
    epochs : (int, int)
        The first and the last.
    dpi : int
        Pixels an inch.
    """

    def __init__(
        self, title: str, panels: Sequence[Panel], curves: Sequence[Curve], epochs: tuple[int, int], dpi: int
    ) -> None:
        self._panels, self._curves, self._dpi = panels, curves, dpi
        rows = -(-len(panels) // max(_WIDTHS))
        columns = -(-len(panels) // rows)
        width = _WIDTHS[columns]
        side = min(width / columns, _LARGEST)
        height = _HEAD + rows * (_TITLE + side) + _LEGEND + _STRIP + _FOOT
        self._side = int(side * dpi)
        # even, as H.264 wants it
        self.width, self.height = (2 * round(inches * dpi / 2) for inches in (width, height))
        self._corners = []
        for first in range(0, len(panels), columns):
            top = round((_HEAD + _TITLE + first // columns * (_TITLE + side)) * dpi)
            beside = min(columns, len(panels) - first)
            left = (self.width - beside * self._side) // 2
            self._corners += [(top, left + k * self._side) for k in range(beside)]
        with style():
            self._figure = Figure(figsize=(self.width / dpi, self.height / dpi), dpi=dpi)
            self._canvas = FigureCanvasAgg(self._figure)
            self._moving: list[Artist] = []
            self._epoch = self._head(title)
            self._numbers = [self._title(*place) for place in zip(panels, self._corners, strict=True)]
            self._legend()
            self._markers, self._values = self._strip(epochs)
            self._canvas.draw()
        self._ground = self._canvas.copy_from_bbox(self._figure.bbox)

    def frame(self, epoch: float, disks: Sequence[Disk], scenes: Sequence[Scene]) -> np.ndarray:
        """Draw one frame.

        Parameters
        ----------
        epoch : float
            Where the marker stands.
        disks : sequence of Disk
            Of the nearest epoch with disks, which is told, and whose numbers stand over the panels.
        scenes : sequence of Scene
            One a panel.

        Returns
        -------
        numpy.ndarray of uint8, shape (height, width, 3)
        """
        self._epoch.set_text(f"epoch {disks[0].epoch}")
        for text, disk in zip(self._numbers, disks, strict=True):
            text.set_text(told_numbers(disk, self._side / self._dpi))
        for marker, text, curve in zip(self._markers[1:], self._values, self._curves, strict=True):
            value = _value(curve.shares, epoch)
            marker.set_data([epoch], [value])
            text.set_text(f"{curve.name} {value:.1f} %" if np.isfinite(value) else curve.name)
        self._markers[0].set_data([epoch, epoch], [0, 1])
        self._canvas.restore_region(self._ground)
        with style():
            for artist in self._moving:
                self._figure.draw_artist(artist)
        image = np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()
        for panel, (top, left), scene in zip(self._panels, self._corners, scenes, strict=True):
            part = image[top : top + self._side, left : left + self._side]
            part[:] = self._disk(part, panel, scene)
        return image

    @property
    def palette(self) -> np.ndarray:
        """Colours that frames are made of, for forms that have few: uint8, shape (n, 3), n below 256."""
        inks = [*COMMUNITY_COLOURS, OTHER_COLOUR, *(curve.colour for curve in self._curves)]
        shares = np.linspace(0, 1, _N_SHADES)[1:, None, None]
        paler = (1 - shares * (1 - np.array([to_rgb(ink) for ink in inks]))).reshape(-1, 3)
        greys = np.repeat(np.linspace(0, 1, _N_GREYS)[:, None], 3, axis=1)
        return np.unique(np.rint(255 * np.concatenate([paler, greys, [to_rgb(_GROUND)]])).astype(np.uint8), axis=0)

    def _disk(self, ground: np.ndarray, panel: Panel, scene: Scene) -> np.ndarray:
        point = self._dpi / 72
        half = self._side / 2
        places = np.column_stack([scene.xy[:, 0], -scene.xy[:, 1]]) * (half / _REACH) + (half - 0.5)
        opacity = float(np.clip(240.0 / max(panel.most_links, 1), 0.005, 0.35)) * _LINK_WIDTH * point
        image = _with_links(ground.astype(np.float32) / 255, places, scene, opacity)
        area = 2.0 + 40.0 * (scene.degree / max(panel.largest_degree, 1)) ** 1.5
        radii = np.sqrt(area / np.pi) * point
        order = np.argsort(-scene.degree, kind="stable")  # the small ones lie on top of the hubs
        is_target = order >= panel.n_source
        # a square of the same area as the circle
        drawn = np.where(is_target, radii[order] * np.sqrt(np.pi) / 2, radii[order])
        add_dots(image, places[order], drawn, is_target, scene.colours[order], scene.alpha[order], _EDGE * point)
        return np.rint(image * 255).astype(np.uint8)

    def _at(self, top: float, left: float) -> tuple[float, float]:
        """Return a place in pixels from the upper left corner as the figure's coordinates."""
        return left / self.width, 1 - top / self.height

    def _head(self, title: str) -> Text:
        inch, top = self._dpi, 0.2 * self._dpi
        name = within(title, 0.75 * (self.width / inch - 1.4))  # bold and larger than what is measured there
        self._figure.text(*self._at(top, 0.15 * inch), name, size=9, weight="bold", va="center")
        x, y = self._at(top, self.width - 0.15 * inch)
        return self._move(self._figure.text(x, y, "", size=9, weight="bold", ha="right", va="center"))

    def _title(self, panel: Panel, corner: tuple[int, int]) -> Text:
        (top, left), middle = corner, self._side / 2
        x, y = self._at(top - 0.32 * self._dpi, left + middle)
        self._figure.text(x, y, within(panel.name, 0.8 * self._side / self._dpi), size=8.5, ha="center", va="center")
        centre = (left + middle, self.height - top - middle)
        rim = Circle(centre, middle / _REACH, facecolor=_GROUND, edgecolor="#cccccc", lw=0.8, transform=None)
        self._figure.add_artist(rim)
        x, y = self._at(top - 0.13 * self._dpi, left + middle)
        return self._move(self._figure.text(x, y, "", size=7.5, ha="center", va="center"))

    def _legend(self) -> None:
        top = self._corners[-1][0] + self._side + 0.1 * self._dpi
        x, y = self._at(top, self.width / 2)
        told = "circles: source neurons   squares: target neurons   size: degree   colour: community"
        self._figure.text(x, y, told, size=7, color="#555555", ha="center", va="center")

    def _strip(self, epochs: tuple[int, int]) -> tuple[list[Line2D], list[Text]]:
        inch = self._dpi
        box = (
            _LEFT * inch / self.width,
            _FOOT * inch / self.height,
            1 - (_LEFT + _RIGHT) * inch / self.width,
            _STRIP * inch / self.height,
        )
        ax: Axes = self._figure.add_axes(box)
        ax.set(xlim=epochs, ylim=(0, 105), xlabel="epoch", yticks=[0, 50, 100], yticklabels=["0", "50", "100 %"])
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        (line,) = ax.plot([], [], color=MUTED, lw=1, transform=ax.get_xaxis_transform())
        markers, values = [self._move(line)], []
        for k, curve in enumerate(self._curves):
            ax.plot(curve.shares.index, curve.shares, color=curve.colour, ls=curve.line)
            markers.append(self._move(ax.plot([], [], "o", ms=5, color=curve.colour, mec="white", clip_on=False)[0]))
            place = (1.02, 0.85 - 0.3 * k)
            text = ax.text(*place, "", size=7.5, color=curve.colour, transform=ax.transAxes, va="center")
            values.append(self._move(text))
        return markers, values

    def _move(self, artist: _Moving) -> _Moving:
        artist.set_animated(True)
        self._moving.append(artist)
        return artist


def _with_links(image: np.ndarray, places: np.ndarray, scene: Scene, opacity: float) -> np.ndarray:
    """Lay links over an image; where many lie it takes their mean colour, the more the denser they lie."""
    ink = np.zeros((*image.shape[:2], 4), np.float32)
    inks = np.column_stack([scene.link_colours, np.ones(len(scene.weights))])
    add_lines(ink, places[scene.tails], places[scene.heads], scene.weights, inks)
    much = ink[:, :, 3:]
    cover = _DENSEST * (1.0 - np.exp(-opacity * much))
    return image + cover * (ink[:, :, :3] / np.maximum(much, 1e-9) - image)


def _value(values: pd.Series, epoch: float) -> float:
    """Return a curve's value at a moment; NaN outside of it."""
    return float(np.interp(epoch, values.index, values, left=np.nan, right=np.nan)) if len(values) else np.nan
