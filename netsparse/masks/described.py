"""Layers as they were written: what a file's description tells, put together with the links that the file holds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse.description import DESCRIPTION_FORMAT, DESCRIPTION_VERSION, WEIGHT_KINDS, description_text
from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.graph import EPOCHS, LayerGraph, Snapshot
from netsparse.masks.found import Matrix
from netsparse.masks.options import Options
from netsparse.masks.sparse import check_shape
from netsparse.masks.stored import HELD_BYTES_A_LINK
from netsparse.matrices import check_bounds
from netsparse.storage import check_version, parse_json

_EDITED = "; if the file was changed by hand, delete its description (netsparse)"


@dataclass(frozen=True)
class Described:
    """What the description tells about one layer (see `netsparse.description.describe`)."""

    name: str
    source: str
    target: str
    shape: tuple[int, int]
    links: int
    weights: str | None

    def of_links(self, rows: Any, columns: Any, values: Any) -> LayerGraph:
        """Make the layer of its links in any order, which may weigh 0.

        Parameters
        ----------
        rows, columns : array_like of int, shape (n_links,)
            Source and target neurons.
        values : array_like, shape (n_links,), or None
            Weights; not looked at if the layer has none.

        Raises
        ------
        MaskFormatError
            If they do not fit the description.
        """
        rows, columns = np.asarray(rows, np.int64), np.asarray(columns, np.int64)
        n_source, n_target = self.shape
        if len(rows) != len(columns) or len(rows) != self.links:
            self._refuse(f"{self.links:,} links, the file holds {len(rows):,}")
        if len(rows) and (min(rows.min(), columns.min()) < 0 or rows.max() >= n_source):
            self._refuse(f"{n_source:,} source neurons, a link lies outside")
        if len(rows) and columns.max() >= n_target:
            self._refuse(f"{n_target:,} target neurons, a link lies outside")
        keys = rows * n_target + columns
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        if np.any(keys[1:] == keys[:-1]):
            self._refuse(f"{self.links:,} different links, the file holds one twice")
        weights = None if self.weights is None else self._cast(values)[order]
        return LayerGraph.from_keys(keys, self.shape, self.name, self.source, self.target, weights)

    def of_layer(self, layer: LayerGraph) -> LayerGraph:
        """Give a layer that was read without the description its names and type of weights.

        Raises
        ------
        MaskFormatError
            If it does not fit the description.
        """
        if layer.biadjacency.shape != self.shape:
            self._refuse(f"the shape {self.shape}, the file holds {layer.biadjacency.shape}")
        if layer.n_links != self.links:
            self._refuse(f"{self.links:,} links, the file holds {layer.n_links:,}")
        values = np.ones(layer.n_links) if layer.weights is None else layer.weights
        weights = None if self.weights is None else self._cast(values)
        return LayerGraph(self.name, layer.biadjacency, self.source, self.target, weights)

    def of_matrix(self, matrix: Any, rows: str = "in") -> LayerGraph:
        """Make the layer of a SciPy matrix whose stored entries are the links, and whose rows are as `Options.rows`."""
        shape = matrix.shape if rows == "in" else matrix.shape[::-1]
        if tuple(shape) != self.shape:
            self._refuse(f"the shape {self.shape}, the file holds {tuple(shape)}")
        if matrix.format in ("csr", "csc", "bsr"):
            check_bounds(self.name, matrix)
        if matrix.format == "csr" and rows == "in" and matrix.has_canonical_format:
            return self.of_layer(LayerGraph(self.name, sp.csr_array(matrix), weights=matrix.data))
        entries = sp.coo_array(matrix)
        sources, targets = entries.coords if rows == "in" else entries.coords[::-1]
        return self.of_links(sources, targets, entries.data)

    def _cast(self, values: Any) -> np.ndarray:
        """Give weights the described type, if it can hold them."""
        found = np.asarray(values)
        if found.shape != (self.links,) or found.dtype.kind not in "biuf":
            self._refuse("weights, the file holds none")
        with np.errstate(all="ignore"):
            cast = found.astype(self.weights)
            exact = cast.dtype.kind == "f" or np.array_equal(cast.astype(found.dtype), found)
        if not exact or not np.isfinite(cast.astype(np.float64)).all():
            self._refuse(f"weights of type {self.weights}, the file holds others")
        return cast

    def _refuse(self, told: str) -> None:
        raise MaskFormatError(f"layer '{self.name}': the file's description promises {told}{_EDITED}")


@dataclass(frozen=True)
class Description:
    """What a file's description tells: layers in their order, and the epoch."""

    layers: tuple[Described, ...]
    epoch: int | None

    def snapshot(self, layers: Sequence[LayerGraph]) -> Snapshot:
        """Put the layers together.

        Raises
        ------
        MaskFormatError
            If a name is taken twice, or two layers disagree on the size of a group.
        """
        try:
            return Snapshot(layers, self.epoch)
        except NetsparseError as error:
            raise MaskFormatError(f"a broken description (netsparse): {error}") from error

    def one(self) -> Described:
        """Give the one layer of a form that holds one.

        Raises
        ------
        MaskFormatError
            If several are described.
        """
        if len(self.layers) != 1:
            raise MaskFormatError(f"the file's description promises {len(self.layers)} layers, it holds one{_EDITED}")
        return self.layers[0]

    def of_matrices(self, names: Sequence[str], matrices: Sequence[Matrix], rows: str, options: Options) -> Snapshot:
        """Put together layers that are read as if there were no description, called by these names in the file.

        Raises
        ------
        MaskFormatError
            If they are others than the description promises.
        """
        by_name = {matrix.name: matrix for matrix in matrices}
        self.check_names(list(by_name), names)
        plain = without_choice(options)
        read = (by_name[name].layer(rows, plain) for name in names)
        return self.snapshot([layer.of_layer(found) for layer, found in zip(self.layers, read, strict=True)])

    def check_names(self, there: Sequence[str], wanted: Sequence[str]) -> None:
        """Refuse a file whose parts are not those that the description promises.

        Raises
        ------
        MaskFormatError
        """
        missing, more = sorted(set(wanted) - set(there)), sorted(set(there) - set(wanted))
        if missing or more:
            told = f"does not promise '{more[0]}'" if more else f"promises '{missing[0]}', which is not there"
            raise MaskFormatError(f"the file's description {told}{_EDITED}")


def read_description(text: Any, options: Options) -> Description | None:
    """Read a description that `netsparse.description.description_text` wrote; None if it is something else.

    Raises
    ------
    MaskFormatError
        If it is broken, of a newer version, or tells of neurons that take more memory than reading may.
    """
    try:
        told = parse_json(text)
    except (ValueError, TypeError):
        return None
    if not isinstance(told, dict) or told.get("format") != DESCRIPTION_FORMAT:
        return None
    check_version(DESCRIPTION_FORMAT, told.get("format_version"), DESCRIPTION_VERSION, MaskFormatError)
    layers = told.get("layers")
    if not isinstance(layers, list) or not layers or not all(isinstance(layer, dict) for layer in layers):
        raise MaskFormatError("a broken description (netsparse): it names no layers")
    epoch = told.get("epoch")
    if not (epoch is None or (type(epoch) is int and 0 <= epoch < EPOCHS)):
        raise MaskFormatError(f"a broken description (netsparse): an epoch is a whole number, not {epoch!r}")
    description = Description(tuple(_described(layer, options) for layer in layers), epoch)
    n_neurons = sum(sum(layer.shape) for layer in description.layers)
    check_shape("all layers", (n_neurons, 0), options)
    n_links = sum(layer.links for layer in description.layers)
    options.check_memory(f"all {n_links:,} links together", n_links * HELD_BYTES_A_LINK)
    return description


def without_choice(options: Options) -> Options:
    """Return options that take every link of every layer; what the user chose is chosen of the whole network later."""
    return Options(max_bytes=options.max_bytes)


def description_in_array(array: np.ndarray, options: Options) -> Description | None:
    """Read a description that `description_array` made."""
    return read_description(array.tobytes(), options) if array.dtype == np.uint8 and array.ndim == 1 else None


def description_array(snapshot: Snapshot) -> np.ndarray:
    """Give the description as bytes, for archives of arrays."""
    return np.frombuffer(description_text(snapshot).encode(), np.uint8)


def description_in_comments(path: Path, options: Options) -> Description | None:
    """Find a description among the lines with which a text begins and which are comments (``#`` or ``%``)."""
    with path.open("rb") as file:
        for line in itertools.takewhile(lambda line: line[:1] in (b"#", b"%"), file):
            mark, _, text = line[1:].strip().partition(b" ")
            if mark == b"netsparse:":
                return read_description(text, options)
    return None


def _described(told: dict[str, Any], options: Options) -> Described:
    names, shape = [told.get(key) for key in ("name", "source", "target")], told.get("shape")
    numbers = [*shape, told.get("links")] if isinstance(shape, list) and len(shape) == 2 else []
    if (
        not all(isinstance(name, str) and name for name in names)
        or not numbers
        or not all(type(number) is int and number >= 0 for number in numbers)
        or told.get("weights") not in (None, *WEIGHT_KINDS)
    ):
        raise MaskFormatError(f"a broken description (netsparse): this tells of no layer: {str(told)[:200]}")
    n_source, n_target, n_links = numbers
    check_shape(str(names[0]), (n_source, n_target), options)
    name, source, target = map(str, names)
    return Described(name, source, target, (n_source, n_target), n_links, told.get("weights"))
