"""From epoch to epoch in a film: where neurons and links are between two disks, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from matplotlib.colors import to_rgb

from netsparse.errors import NetsparseError
from netsparse.figures.disks import COMMUNITY_COLOURS, OTHER_COLOUR, Disk, colours_of
from netsparse.graph import LayerGraph

# Of a step in which nothing moves, the time in units of a step that moves every neuron by the disk's radius.
_CALM = 0.1

_RGB = {colour: to_rgb(colour) for colour in (*COMMUNITY_COLOURS, OTHER_COLOUR)}
_BETWEEN = np.array(to_rgb("#777777"))  # links between communities


@dataclass(frozen=True, eq=False)
class Keyframe:
    """A layer at one epoch.

    Attributes
    ----------
    disk : Disk
    keys : numpy.ndarray of int64, shape (m,)
        Its links, ascending: place of the source neuron in the disk × number of neurons + place of the target neuron.
    """

    disk: Disk
    keys: np.ndarray

    @classmethod
    def of(cls, disk: Disk, layer: LayerGraph) -> Keyframe:
        """Join a disk and the layer that it was made from.

        Raises
        ------
        NetsparseError
            If they have not the same number of neurons.
        """
        n = layer.n_source + layer.n_target
        if len(disk.theta) != n:
            raise NetsparseError(
                f"layer '{layer.name}' has {n} neurons, but {len(disk.theta)} in measures.parquet: the table was not "
                "made from these snapshots; remove it, or measure the run again"
            )
        tail, head = layer.link_rows.astype(np.int64), layer.biadjacency.indices.astype(np.int64)
        head += layer.n_source
        anp_rate = len(np.unique(np.concatenate([tail, head]))) / max(n, 1)  # which need not be in the table
        numbers = {**disk.numbers, "anp_rate": anp_rate}
        return cls(replace(disk, numbers=numbers), np.sort(tail * n + head))

    @cached_property
    def colours(self) -> np.ndarray:
        """RGB by community, shape (n, 3)."""
        return np.array([_RGB[colour] for colour in colours_of(self.disk.community)]).reshape(-1, 3)

    @classmethod
    def blank(cls, disk: Disk, epoch: int, layer: LayerGraph) -> Keyframe:
        """Return the layer at an epoch at which it has no embedding: nobody is in the disk."""
        nowhere = np.full(len(disk.theta), np.nan)
        numbers = dict.fromkeys(disk.numbers, float("nan"))
        return cls.of(replace(disk, epoch=epoch, theta=nowhere, radius=nowhere, numbers=numbers), layer)


@dataclass(frozen=True, eq=False)
class Scene:
    """What is seen of a layer at a moment.

    Attributes
    ----------
    xy : numpy.ndarray of float64, shape (n, 2)
        Places in the disk of radius 1.
    alpha : numpy.ndarray of float64, shape (n,)
        How much of each neuron is there, 0 … 1.
    degree : numpy.ndarray of float64, shape (n,)
    colours : numpy.ndarray of float64, shape (n, 3)
    tails, heads : numpy.ndarray of int64, shape (m,)
        Places of the links' ends.
    weights : numpy.ndarray of float64, shape (m,)
        How much of each link is there.
    link_colours : numpy.ndarray of float64, shape (m, 3)
        Those of a community's colour are within it.
    """

    xy: np.ndarray
    alpha: np.ndarray
    degree: np.ndarray
    colours: np.ndarray
    tails: np.ndarray
    heads: np.ndarray
    weights: np.ndarray
    link_colours: np.ndarray


class Step:
    """The way from one epoch to the next.

    A neuron that is embedded at both glides: its angle along the shorter arc, its radius straight. One that is embedded
    at one of them fades out or in where it was or will be, and so does a link.

    Parameters
    ----------
    before, after : Keyframe
        Of the same layer.
    """

    def __init__(self, before: Keyframe, after: Keyframe) -> None:
        self.before, self.after = before, after
        a, b = before.disk, after.disk
        self._in = a.embedded.astype(float), b.embedded.astype(float)
        self._theta = np.where(a.embedded, a.theta, b.theta)
        self._arc = np.nan_to_num(np.mod(b.theta - a.theta + np.pi, 2 * np.pi) - np.pi)
        self._arc[self._in[0] * self._in[1] == 0] = 0.0
        radii = a.radius / a.rim, b.radius / b.rim
        self._radius = np.where(a.embedded, radii[0], radii[1]), np.where(b.embedded, radii[1], radii[0])

    @cached_property
    def _links(self) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray]]:
        """All links of either epoch: their ends, whether they are there before and after, and their colours."""
        both = self.before, self.after
        keys = np.union1d(self.before.keys, self.after.keys)
        tails, heads = np.divmod(keys, max(len(self._theta), 1))
        there = [np.isin(keys, one.keys, assume_unique=True).astype(float) for one in both]
        within = [one.disk.community[tails] == one.disk.community[heads] for one in both]
        colours = [
            np.where(same[:, None], one.colours[tails], _BETWEEN) for one, same in zip(both, within, strict=True)
        ]
        return tails, heads, there, colours

    def at(self, t: float) -> Scene:
        """Return what is seen at a moment from 0, the epoch before, to 1, the epoch after."""

        def mix(pair: Sequence[np.ndarray]) -> np.ndarray:
            return (1 - t) * pair[0] + t * pair[1]

        theta, alpha = self._theta + t * self._arc, mix(self._in)
        xy = mix(self._radius)[:, None] * np.column_stack([np.cos(theta), np.sin(theta)])
        tails, heads, there, link_colours = self._links
        return Scene(
            np.nan_to_num(xy),
            alpha,
            mix([self.before.disk.degree, self.after.disk.degree]),
            mix([self.before.colours, self.after.colours]),
            tails,
            heads,
            mix(there) * alpha[tails] * alpha[heads],
            mix(link_colours),
        )

    @property
    def change(self) -> float:
        """How much moves: mean way of the neurons in radii of the disk, fading counted as a way of one."""
        seen = np.maximum(*self._in) > 0
        way = np.abs(self._arc) * np.maximum(*self._radius) + np.abs(self._radius[1] - self._radius[0])
        return float((way + np.abs(self._in[1] - self._in[0]))[seen].sum() / max(seen.sum(), 1))


def moments(changes: Sequence[float], n_frames: int) -> list[tuple[int, float]]:
    """Choose when frames are: (step, moment 0 … 1 in it), from the first epoch to the last.

    Steps in which much moves take longer, so that the eye can follow.

    Examples
    --------
    >>> moments([0.3, 0.0], 6)
    [(0, 0.0), (0, 0.25), (0, 0.5), (0, 0.75), (0, 1.0), (1, 1.0)]
    """
    ends = np.cumsum(np.asarray(changes, float) + _CALM)
    times = np.linspace(0.0, ends[-1], n_frames)
    steps = np.searchsorted(ends, times - 1e-12 * ends[-1]).clip(max=len(ends) - 1)
    starts = ends - (np.asarray(changes, float) + _CALM)
    within = (times - starts[steps]) / (ends - starts)[steps]
    return [(int(step), float(round(t, 9))) for step, t in zip(steps, within.clip(0, 1), strict=True)]
