"""Links of a layer over the epochs, each as its spans of life: small, and any epoch is found by one look at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netsparse.figures.report.arrays import Arrays, Place


@dataclass(frozen=True, eq=False)
class Spans:
    """Spans of life of links: from the first to the last epoch without a gap. A link that comes back has several.

    Attributes
    ----------
    key : numpy.ndarray of int64, shape (n,)
        The link (`netsparse.LayerGraph.link_keys`).
    first, last : numpy.ndarray of int64, shape (n,)
        Places in the list of epochs, both included.
    n_epochs : int
    """

    key: np.ndarray
    first: np.ndarray
    last: np.ndarray
    n_epochs: int


def spans_of(keys: Sequence[np.ndarray]) -> Spans:
    """Return the spans of life of links, in the order of their first epoch, then of the links.

    Parameters
    ----------
    keys : sequence of numpy.ndarray
        The sorted keys of an epoch's links, for every epoch.

    Examples
    --------
    >>> spans = spans_of([np.array([3, 5]), np.array([5]), np.array([3, 5])])
    >>> list(zip(spans.key.tolist(), spans.first.tolist(), spans.last.tolist()))
    [(3, 0, 0), (5, 0, 2), (3, 2, 2)]
    """
    key = np.concatenate([np.asarray(own, np.int64) for own in keys])
    epoch = np.repeat(np.arange(len(keys)), [len(own) for own in keys])
    order = np.argsort(key, kind="stable")  # the epochs of a link stay in order
    key, epoch = key[order], epoch[order]
    begins = np.ones(len(key), bool)
    begins[1:] = (key[1:] != key[:-1]) | (epoch[1:] != epoch[:-1] + 1)
    at = np.flatnonzero(begins)
    ends = np.append(at[1:], len(key)) - 1
    key, first, last = key[at], epoch[at], epoch[np.maximum(ends, 0)[: len(at)]]
    order = np.lexsort((key, first))
    return Spans(key[order], first[order], last[order], len(keys))


def pack_spans(spans: Spans, n_target: int, arrays: Arrays) -> dict[str, Place]:
    """Put spans into the page's arrays.

    How many begin at each epoch; among these the step from one source to the next (the first counted from 0), the
    target, and for how many epochs more it lives.
    """
    source, target = np.divmod(spans.key, max(n_target, 1))
    steps = np.diff(source, prepend=0)
    heads = np.flatnonzero(np.diff(spans.first, prepend=-1))
    steps[heads] = source[heads]
    return {
        "begin": arrays.add(np.bincount(spans.first, minlength=spans.n_epochs)),
        "step": arrays.add(steps),
        "target": arrays.add(target),
        "more": arrays.add(spans.last - spans.first),
    }


def density_of(key: np.ndarray, shape: tuple[int, int], n_bins: int = 128) -> np.ndarray:
    """Count links in a grid of at most n_bins × n_bins cells, for layers whose links are too many to name.

    Examples
    --------
    >>> density_of(np.array([0, 1, 5]), (2, 3), 2)
    array([[2, 0],
           [0, 1]])
    """
    n_source, n_target = shape
    rows, columns = min(n_source, n_bins), min(n_target, n_bins)
    source, target = np.divmod(key, max(n_target, 1))
    cell = (source * rows // max(n_source, 1)) * columns + target * columns // max(n_target, 1)
    return np.bincount(cell, minlength=rows * columns).reshape(rows, columns)
