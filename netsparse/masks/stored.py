"""What lies in a file: layers that are read one at a time, and their table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from netsparse.adjacency import symmetric
from netsparse.description import printable
from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.dense import BYTES_A_LINK
from netsparse.masks.found import Found, Matrix, counted, naming
from netsparse.masks.options import Options
from netsparse.masks.sparse import above

# Bytes that a link takes in a layer that is held: index, mark and weight.
HELD_BYTES_A_LINK = 12


@dataclass(frozen=True)
class StoredLayer:
    """A layer in a file. `read` reads it; `n_links` counts its links and keeps nothing else.

    Attributes
    ----------
    name, source, target : str
    n_source, n_target : int
    kind : str
        Type of the numbers in the file.
    """

    name: str
    source: str
    target: str
    n_source: int
    n_target: int
    kind: str
    matrix: Matrix | LayerGraph
    rows: str
    path: Path
    options: Options

    def read(self) -> LayerGraph:
        """Read the layer."""
        with naming(self.path):
            layer = self.matrix if isinstance(self.matrix, LayerGraph) else self.matrix.layer(self.rows, self.options)
        return layer.renamed(self.name, self.source, self.target)

    @cached_property
    def n_links(self) -> int:
        """Number of links."""
        with naming(self.path):
            return self.matrix.n_links if isinstance(self.matrix, LayerGraph) else self.matrix.count(self.options)

    @property
    def density(self) -> float:
        """Links over possible links; NaN if there is no possible link."""
        possible = self.n_source * self.n_target
        return self.n_links / possible if possible else float("nan")


@dataclass(frozen=True)
class Masks:
    """What a file holds, read when it is asked for: layers, or one undirected graph.

    Attributes
    ----------
    path : pathlib.Path
    form : str
        What kind of file it is, in words.
    layers : tuple of StoredLayer
    graph : scipy.sparse.csr_array, optional
        Symmetric adjacency, of a file that holds an undirected graph and no layers.
    epoch : int, optional
    read_as : tuple of str
        How it was taken: which way round, and how the layers join.
    notes : tuple of str
        What a user should hear of, such as duplicates that were merged.
    options : Options
    state : tuple
        Size and time of the last change of each file, when it was looked at.
    """

    path: Path
    form: str
    layers: tuple[StoredLayer, ...]
    graph: sp.csr_array | None
    epoch: int | None
    read_as: tuple[str, ...]
    notes: tuple[str, ...]
    options: Options
    state: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, path: Path, found: Found, options: Options) -> Masks:
        """Turn what a reader found the way that the options say.

        Raises
        ------
        MaskFormatError
            If nothing is found, or the options do not fit it.
        """
        read_as = list(found.read_as)
        if options.graph or found.graph is not None:
            graph = _as_graph(found, options, read_as)
            return cls(path, found.form, (), graph, None, tuple(read_as), tuple(found.notes), options)
        if found.snapshot is not None:
            layers, epoch = _of_snapshot(path, found.snapshot, options), found.snapshot.epoch
        else:
            layers, epoch = _of_matrices(path, found, options, read_as), None
        if not layers:
            raise MaskFormatError("holds no layer" if not options.tensors else f"no layer is named {_or(options)}")
        if options.chain is not None or found.snapshot is None:
            layers = _joined(layers, options, read_as)
        return cls(path, found.form, tuple(layers), None, epoch, tuple(read_as), tuple(found.notes), options)

    @property
    def in_memory(self) -> bool:
        """Whether the layers were read already; else reading one takes the file."""
        return all(isinstance(layer.matrix, LayerGraph) or layer.matrix.in_memory for layer in self.layers)

    @property
    def only_name_is_of_file(self) -> bool:
        """Whether there is one layer, which has no name but that of its file."""
        return len(self.layers) == 1 and self.layers[0].name == self.path.stem

    @property
    def are_joined(self) -> bool:
        """Whether two layers share a neuron group."""
        ends = [end for layer in self.layers for end in (layer.source, layer.target)]
        return len(set(ends)) < len(ends)

    @property
    def n_links(self) -> int:
        """Number of links of all layers."""
        return self.graph.nnz // 2 if self.graph is not None else sum(layer.n_links for layer in self.layers)

    def __getitem__(self, name: str) -> StoredLayer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"no layer '{name}'; there are: {', '.join(layer.name for layer in self.layers)}")

    def __iter__(self) -> Iterator[LayerGraph]:
        """Read one layer after the other; none is kept."""
        return (layer.read() for layer in self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def check_memory(self) -> None:
        """Refuse layers that cannot be held one at a time, before the work begins.

        Raises
        ------
        MaskFormatError
        """
        for layer in self.layers if not self.in_memory else ():
            self.options.check_memory(
                f"{self.path}: layer '{layer.name}' with {layer.n_links:,} links", layer.n_links * BYTES_A_LINK
            )

    def snapshot(self) -> Snapshot:
        """Read all layers.

        Raises
        ------
        MaskFormatError
            If the links take more memory than reading may.
        NetsparseError
            If the file holds a graph without layers.
        """
        if self.graph is not None:
            raise NetsparseError(f"{self.path}: holds an undirected graph, not layers")
        if not self.in_memory:
            self.options.check_memory(
                f"{self.path}: all {self.n_links:,} links together", self.n_links * HELD_BYTES_A_LINK
            )
        return Snapshot(list(self), self.epoch)

    def table(self) -> pd.DataFrame:
        """Count the links of every layer: columns layer, source, target, n_source, n_target, kind, n_links, density.

        A graph without layers has one row, with an empty layer and its number of nodes on both sides.
        """
        if self.graph is not None:
            n, n_links = self.graph.shape[0], self.n_links
            density = n_links / (n * (n - 1) / 2) if n > 1 else float("nan")
            rows = [("", "", "", n, n, "", n_links, density)]
        else:
            rows = [
                (la.name, la.source, la.target, la.n_source, la.n_target, la.kind, la.n_links, la.density)
                for la in self.layers
            ]
        columns = ["layer", "source", "target", "n_source", "n_target", "kind", "n_links", "density"]
        return pd.DataFrame(rows, columns=columns)

    def at(self, epoch: int | None) -> Masks:
        """Return the same at another epoch."""
        return replace(self, epoch=epoch)

    def __repr__(self) -> str:
        what = f"{len(self.layers)} layers" if self.graph is None else f"a graph of {self.graph.shape[0]} nodes"
        return f"Masks('{self.path}', {self.form}, {what})"


def _or(options: Options) -> str:
    return " or ".join(f"'{pattern}'" for pattern in options.tensors)


def _as_graph(found: Found, options: Options, read_as: list[str]) -> sp.csr_array:
    """Give the one graph that a file holds; a square matrix is an adjacency if the user says so."""
    refused = [name for name in options.given if name not in ("graph", "threshold", "tensors")]
    if refused:
        raise MaskFormatError(f"holds an undirected graph, which has no {refused[0]}: leave the option out")
    if found.graph is not None:
        return found.graph
    chosen = [matrix for matrix in found.matrices if options.takes(matrix.name)]
    if found.snapshot is not None or len(chosen) != 1:
        held = len(found.snapshot.layers) if found.snapshot is not None else len(chosen)
        raise MaskFormatError(f"holds {held} layers; a graph is one square matrix or one list of links")
    matrix = chosen[0]
    if matrix.shape[0] != matrix.shape[1]:
        raise MaskFormatError(f"the matrix '{matrix.name}' of shape {matrix.shape} is no adjacency: it is not square")
    pattern = matrix.layer("in", options).biadjacency
    if (pattern != pattern.T).nnz:
        read_as.append("the adjacency is not symmetric: links are taken without their direction")
    n_loops = int((pattern.diagonal() != 0).sum())
    if n_loops:
        read_as.append(counted(n_loops, "loop", "left out"))
    return symmetric(np.column_stack(pattern.tocoo().coords).astype(np.int64), matrix.shape[0])


def _of_snapshot(path: Path, snapshot: Snapshot, options: Options) -> list[StoredLayer]:
    """Take layers whose direction is known."""
    if options.rows is not None:
        raise MaskFormatError("its layers' source and target neurons are known: leave the option rows out")
    layers = []
    for layer in snapshot.layers:
        if not options.takes(layer.name):
            continue
        kept = layer if options.threshold is None else above(layer, options.threshold)
        kind = "links" if kept.weights is None else str(kept.weights.dtype)
        ends = (layer.source, layer.target, layer.n_source, layer.n_target)
        layers.append(StoredLayer(layer.name, *ends, kind, kept, "in", path, options))
    return layers


def _of_matrices(path: Path, found: Found, options: Options, read_as: list[str]) -> list[StoredLayer]:
    """Turn matrices the way that the user says, or that is usual for the form."""
    rows, other = options.rows or found.rows, {"in": "out", "out": "in"}
    what = {"in": "source neurons (in)", "out": "target neurons (out)"}
    told = (
        "as you said" if options.rows else f"as is usual here; --rows {other[rows]} (rows='{other[rows]}') turns them"
    )
    read_as.insert(0, f"rows are {what[rows]}, {told}")
    layers = []
    for matrix in found.matrices:
        if not options.takes(matrix.name):
            continue
        own = matrix.fixed_rows or rows
        n_source, n_target = matrix.shape if own == "in" else matrix.shape[::-1]
        name = options.only_name if len(found.matrices) == 1 and options.only_name else matrix.name
        name = printable(name) or "layer"
        ends = (f"{name}.source", f"{name}.target", n_source, n_target)
        layers.append(StoredLayer(name, *ends, matrix.kind, matrix, own, path, options))
    return layers


def _joined(layers: Sequence[StoredLayer], options: Options, read_as: list[str]) -> list[StoredLayer]:
    """Join layers by name or in their order, or let each stand alone."""
    alone = [replace(layer, source=f"{layer.name}.source", target=f"{layer.name}.target") for layer in layers]
    if options.chain == "none":
        return alone
    if isinstance(options.chain, tuple):
        return _joined_by_name(alone, options.chain)
    for before, after in itertools.pairwise(layers):
        if before.n_target != after.n_source:
            told = (
                f"layer '{after.name}' has {after.n_source} source neurons, '{before.name}' before it "
                f"{before.n_target} target neurons"
            )
            if options.chain == "order":
                raise MaskFormatError(f"the layers do not join in their order: {told}")
            read_as.append(f"the layers do not join in their order, so each stands alone: {told}")
            return alone
    return [replace(layer, source=f"group {i}", target=f"group {i + 1}") for i, layer in enumerate(layers)]


def _joined_by_name(layers: Sequence[StoredLayer], chain: Sequence[tuple[str, str, str]]) -> list[StoredLayer]:
    named = {layer: (source, target) for layer, source, target in chain}
    unknown = sorted(set(named) - {layer.name for layer in layers})
    if unknown:
        raise MaskFormatError(
            f"the chain names a layer '{unknown[0]}' that is not there; there are: "
            + ", ".join(layer.name for layer in layers)
        )
    joined = [
        replace(la, source=named[la.name][0], target=named[la.name][1]) if la.name in named else la for la in layers
    ]
    sizes: dict[str, tuple[int, str]] = {}
    for layer in joined:
        if layer.source == layer.target:
            raise MaskFormatError(f"the chain joins layer '{layer.name}' from group '{layer.source}' to itself")
        for group, size in ((layer.source, layer.n_source), (layer.target, layer.n_target)):
            before, first = sizes.setdefault(group, (size, layer.name))
            if before != size:
                raise MaskFormatError(
                    f"the chain joins layers that do not fit: group '{group}' has {before} neurons in layer '{first}' "
                    f"and {size} in '{layer.name}'"
                )
    return joined
