"""A table of links, one a row: source, target, and perhaps weight and layer; as layers, or as an undirected graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from netsparse.adjacency import symmetric
from netsparse.description import printable
from netsparse.errors import MaskFormatError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.described import Description
from netsparse.masks.found import Found, counted, parsing
from netsparse.masks.options import Options
from netsparse.masks.sparse import check_shape
from netsparse.matrices import to_csr

# Columns that a table of links may have; the first two it must.
COLUMNS = ("source", "target", "weight", "layer")

# Bytes of memory that a row takes while layers are made of it: ids, indices, weights, their order.
BYTES_A_ROW = 96

# An index is counted one further, in 64 bits.
_LARGEST_WHOLE = 2**63 - 1

# More layers than a network has.
_MOST_LAYERS = 20_000

# Whole numbers beyond this are not exact as floating-point numbers.
_LARGEST_EXACT = 2**53


@dataclass
class LinkTable:
    """Links as a file tells them.

    Attributes
    ----------
    form : str
        What kind of file it is, in words.
    name : str
        Of the layer, where there is no column of layers.
    frame : pandas.DataFrame
        Columns of `COLUMNS`, without missing values but in weight.
    where : callable
        Tells the place of a row, such as "line 7".
    """

    form: str
    name: str
    frame: pd.DataFrame
    where: Callable[[int], str]
    notes: list[str] = field(default_factory=list)

    def found(self, options: Options, description: Description | None) -> Found:
        """Make layers of the links, or the graph that the user says it is.

        Raises
        ------
        MaskFormatError
            If an id, weight or layer makes no sense, or they do not fit the description.
        """
        options.check_memory(f"the {len(self.frame):,} links", len(self.frame) * BYTES_A_ROW)
        if description is not None:
            with parsing(self.form):
                return Found(self.form, snapshot=self._described(description))
        if not len(self.frame):
            raise MaskFormatError("holds no link")
        if options.graph:
            return Found(self.form, graph=self._graph(options), notes=self.notes)
        return Found(self.form, snapshot=self._layers(options), notes=self.notes)

    def _layers(self, options: Options) -> Snapshot:
        """Make layers of links whose ids are indices, or labels in their order."""
        ids = {side: self._ids(side) for side in COLUMNS[:2]}
        weights = self._weights()
        layers, n_neurons = [], 0
        for name, rows in self._rows():
            places, sizes = [], []
            for side in COLUMNS[:2]:
                place, size = _numbered(ids[side][rows])
                places.append(place)
                sizes.append(size)
            n_neurons += sum(sizes)
            check_shape(name, (sizes[0], sizes[1]), options)
            check_shape("all layers", (n_neurons, 0), options)
            values = np.ones(len(rows), np.int8) if weights is None else weights[rows]
            coordinates = sp.coo_array((values, (places[0], places[1])), shape=(sizes[0], sizes[1]))
            layers.append(self._layer(name, coordinates, weights is not None))
        self.notes[:0] = _taken_for([column.dtype.kind == "i" for column in ids.values()])
        return Snapshot(layers)

    def _layer(self, name: str, links: sp.coo_array, has_weights: bool) -> LayerGraph:
        matrix = to_csr(links, name, pattern=not has_weights)
        stored = np.count_nonzero(links.data)
        if stored > matrix.nnz:
            summed = ", their weights summed" if has_weights else ""
            self.notes.append(f"layer '{name}': {counted(stored - matrix.nnz, 'duplicate link', 'merged')}{summed}")
        weights = matrix.data if has_weights else None
        return LayerGraph(name, matrix, f"{name}.source", f"{name}.target", weights)

    def _graph(self, options: Options) -> sp.csr_array:
        """Make an undirected graph, whose nodes are the ids that occur, on either side."""
        if "layer" in self.frame and len(self.frame["layer"].unique()) > 1:
            raise MaskFormatError("holds several layers; a graph is one list of links")
        sides = [self._ids(side) for side in COLUMNS[:2]]
        if sides[0].dtype.kind != sides[1].dtype.kind:
            sides = [side.astype(str).astype(object) for side in sides]
        places, n_nodes = _numbered(np.concatenate(sides), are_labels=True)
        check_shape("the graph", (n_nodes, 0), options)
        pairs = np.column_stack(np.split(places, 2))
        weights = self._weights()
        if weights is not None:
            pairs = pairs[np.abs(weights) > (options.threshold or 0.0)]
        elif options.threshold is not None:
            raise MaskFormatError("its links have no weights, which a threshold needs")
        return undirected(pairs, n_nodes, self.notes)

    def _described(self, description: Description) -> Snapshot:
        """Put links and description together."""
        names = [printable(layer.name) for layer in description.layers]
        rows = dict(self._rows()) if "layer" in self.frame else {names[0]: np.arange(len(self.frame))}
        description.check_names(list(set(rows) - set(names)), [])
        nothing = np.empty(0, np.int64)
        layers = []
        for name, layer in zip(names, description.layers, strict=True):
            own = self.frame.iloc[rows.get(name, nothing)]
            ids = [own[side].to_numpy() for side in COLUMNS[:2]]
            if len(own) and any(column.dtype.kind not in "iu" for column in ids):
                raise MaskFormatError(f"layer '{layer.name}': its description promises indices of neurons")
            values = None if layer.weights is None else _numbers(own, layer.weights)
            layers.append(layer.of_links(ids[0], ids[1], values))
        return description.snapshot(layers)

    def _rows(self) -> Iterator[tuple[str, np.ndarray]]:
        """Give each layer's name and rows, in the order of first appearance."""
        if "layer" not in self.frame:
            yield self.name, np.arange(len(self.frame))
            return
        codes, names = pd.factorize(self.frame["layer"])
        if len(names) > _MOST_LAYERS:
            raise MaskFormatError(f"{len(names):,} layers are more than a network has; is the column layer right?")
        missing = np.flatnonzero((codes < 0) | (self.frame["layer"] == "").to_numpy(bool, na_value=True))
        if len(missing):
            raise MaskFormatError(f"{self.where(int(missing[0]))}: the layer is missing")
        order = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=len(names))
        for name, end, count in zip(names, np.cumsum(counts), counts, strict=True):
            yield str(name), order[end - count : end]

    def _ids(self, side: str) -> np.ndarray:
        """Give the ids of one side as int64 indices, or as labels (objects)."""
        column = self.frame[side]
        if not pd.api.types.is_numeric_dtype(column):
            return self._labels(side, column)
        values = column.to_numpy()
        if values.dtype.kind in "iu":
            bad = np.flatnonzero((values < 0) | (values >= _LARGEST_WHOLE))
            if len(bad):
                self._refuse(bad[0], side, "indices of neurons are whole numbers of 63 bits, counted from 0")
        elif values.dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                bad = np.flatnonzero(~((values == np.floor(values)) & (values >= 0) & (values <= _LARGEST_EXACT)))
            if len(bad):
                self._refuse(bad[0], side, "indices of neurons are whole numbers, counted from 0")
        else:
            self._refuse(0, side, "indices of neurons are whole numbers, counted from 0")
        return values.astype(np.int64)

    def _labels(self, side: str, column: pd.Series) -> np.ndarray:
        """Give labels; a few words among numbers are a mistake, unless the numbers are codes such as 007."""
        codes, names = pd.factorize(column)  # a long text that is repeated is held once
        labels = np.array([str(name) for name in names], object)
        missing = np.flatnonzero((codes < 0) | np.append(labels == "", False)[codes])
        if len(missing):
            self._refuse(int(missing[0]), side, "an id is missing")
        are_numbers = np.array([label.strip().isdecimal() for label in labels])[codes]
        if 2 * are_numbers.sum() > len(column) and not has_leading_zeros(labels):
            self._refuse(int(np.argmin(are_numbers)), side, "no whole number of 63 bits, as most are")
        return labels[codes]

    def _weights(self) -> np.ndarray | None:
        """Give the weights; None if there are none."""
        if "weight" not in self.frame:
            return None
        column = self.frame["weight"]
        values = column.to_numpy()
        if values.dtype.kind not in "iuf":
            values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad) and pd.isna(column.iloc[int(bad[0])]) and values.dtype.kind != "i":
            raise MaskFormatError(f"{self.where(int(bad[0]))}: weight missing: a weight is a finite number")
        if len(bad):
            self._refuse(bad[0], "weight", "a weight is a finite number")
        return values

    def _refuse(self, row: int, column: str, why: str) -> None:
        value = self.frame[column].iloc[int(row)]
        raise MaskFormatError(f"{self.where(int(row))}: {column} {str(value)[:40]!r}: {why}")


def undirected(pairs: np.ndarray, n_nodes: int, notes: list[str]) -> sp.csr_array:
    """Make an undirected graph of pairs of nodes, and note what is left out."""
    graph = symmetric(pairs, n_nodes)
    loops = int((pairs[:, 0] == pairs[:, 1]).sum())
    if loops:
        notes.append(counted(loops, "loop", "left out"))
    twice = len(pairs) - loops - graph.nnz // 2
    if twice:
        notes.append(counted(twice, "link", "told once more, such as in the other direction, and merged"))
    return graph


_INDICES = "are neurons' indices, counted from 0; a group has as many neurons as its largest index tells"
_LABELS = "are labels; a group's neurons are those that occur, in the order of their labels"


def _taken_for(are_indices: list[bool]) -> list[str]:
    """Tell what the ids of each side were taken for."""
    told = [_INDICES if is_index else _LABELS for is_index in are_indices]
    if told[0] == told[1]:
        return [f"ids {told[0]}"]
    return [f"ids in the column {side} {what}" for side, what in zip(COLUMNS, told, strict=False)]


def has_leading_zeros(labels: Iterable[Any]) -> bool:
    """Whether ids are codes such as 007, which is another than 7.

    Examples
    --------
    >>> has_leading_zeros(["7", "007"]), has_leading_zeros(["0", "10"])
    (True, False)
    """
    return any(len(label) > 1 and label[0] == "0" and label.isdecimal() for label in map(str.strip, labels))


def check_columns(names: list[str]) -> None:
    """Refuse columns other than `COLUMNS`.

    Raises
    ------
    MaskFormatError
    """
    more = [name for name in names if name not in COLUMNS]
    twice = [name for name in names if names.count(name) > 1]
    if more or twice:
        what = f"the column '{more[0]}' is none of" if more else f"the column '{twice[0]}' is there twice, of"
        raise MaskFormatError(f"{what} source, target, weight, layer; leave it out")
    missing = [name for name in COLUMNS[:2] if name not in names]
    if missing:
        raise MaskFormatError(f"no column '{missing[0]}'; a list of links has source, target and perhaps weight, layer")


def _numbers(table: pd.DataFrame, kind: str) -> np.ndarray:
    """Give the described weights of links, which a text gives as text: as numbers they would not be exact."""
    if "weight" not in table:
        return np.empty(0)
    values = table["weight"].to_numpy()
    if values.dtype.kind in "iufb":
        return values
    return np.array(values.tolist(), str).astype(
        "float64" if "float" in kind else "uint64" if kind[0] == "u" else "int64"
    )


def _numbered(ids: np.ndarray, *, are_labels: bool = False) -> tuple[np.ndarray, int]:
    """Give indices of ids, and how many neurons there are."""
    if ids.dtype.kind == "i" and not are_labels:
        return ids, int(ids.max()) + 1
    names, places = np.unique(ids, return_inverse=True)
    return places.astype(np.int64), len(names)
