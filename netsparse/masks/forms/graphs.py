"""GraphML and GML: graphs of networkx, igraph, Gephi, by networkx' parsers."""

from __future__ import annotations

import io
import re
import xml.parsers.expat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import networkx as nx
import numpy as np
import scipy.sparse as sp

from netsparse.description import description_text, printable, with_printable_names
from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.graph import Snapshot
from netsparse.masks.described import Described, Description, read_description
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found, parsing
from netsparse.masks.link_table import undirected
from netsparse.masks.options import Options
from netsparse.masks.sparse import SparseMatrix, check_shape
from netsparse.storage import write_whole

# Bytes of memory that networkx' parsers take for each of the text.
_MEMORY_A_BYTE = 64

# Node attributes that tell the side of a bipartite graph: networkx' and igraph's.
_SIDES = ("bipartite", "type")

# A number as networkx writes it to GML.
_NO_DIGIT = re.compile(r"^( *weight -?[0-9]+)\.E", re.MULTILINE)


def recognises_graphml(head: Head) -> bool:
    """Tell a GraphML file."""
    return head.text is not None and head.text.lstrip()[:1] == "<" and "<graphml" in head.text


def recognises_gml(head: Head) -> bool:
    """Tell a GML file: keys and values, among them a graph."""
    if head.text is None:
        return False
    lines = (line.split("#")[0].strip() for line in head.text.splitlines())
    words = " ".join(line for line in lines if not line.startswith(("Creator", "Version", "comment"))).split()
    return words[:2] == ["graph", "["] or words[:1] == ["graph["]


def read_graphml(path: Path, options: Options) -> Found:
    """Read a GraphML file; one that declares entities, which can blow up, is refused."""
    return _read("GraphML", path, options, _graphml)


def read_gml(path: Path, options: Options) -> Found:
    """Read a GML file."""
    return _read("GML", path, options, _gml)


def _graphml(path: Path) -> nx.Graph:
    content = path.read_bytes()
    if len(re.findall(rb"<graph[\s>]", content)) > 1:
        raise MaskFormatError("holds several graphs; save one a file")
    check = xml.parsers.expat.ParserCreate()
    check.StartDoctypeDeclHandler = _refuse_declaration
    check.EntityDeclHandler = _refuse_declaration
    check.Parse(content, True)
    return nx.read_graphml(io.BytesIO(content))


def _refuse_declaration(*_: Any) -> NoReturn:
    raise MaskFormatError("this XML declares a document type or entities (DOCTYPE), which no graph needs: refused")


def _gml(path: Path) -> nx.Graph:
    with path.open(encoding="utf-8-sig") as lines:
        try:
            return nx.parse_gml(lines, label="id")
        except RecursionError as error:
            raise MaskFormatError("nested too deeply for a graph") from error


def _read(form: str, path: Path, options: Options, parse: Callable[[Path], nx.Graph]) -> Found:
    options.check_memory(f"parsing this {form}", path.stat().st_size * _MEMORY_A_BYTE)
    with parsing(form):
        graph = parse(path)
        told = graph.graph.get("netsparse")
        description = None if told is None else read_description(told, options)
        if description is not None:
            return Found(form, snapshot=_described(graph, description))
        found = None if options.graph else _grouped(form, graph, options)
        return found or _found(form, path.stem, graph, options)


def _found(form: str, name: str, graph: nx.Graph, options: Options) -> Found:
    """Take a graph as one layer if a node attribute tells two sides, else as an undirected graph."""
    check_shape("the graph", (len(graph), 0), options)
    found = Found(form)
    sides = None if options.graph else _sides(graph)
    index = {node: i for i, node in enumerate(graph)}
    pairs = np.array([(index[a], index[b]) for a, b in graph.edges()], np.int64).reshape(-1, 2)
    weights = _numbers([value for *_, value in graph.edges(data="weight")])
    if sides is not None:
        crossing = sides[pairs[:, 0]] != sides[pairs[:, 1]]
        if not crossing.all():
            found.notes.append("links within a side of the node attribute: the graph is taken as not bipartite")
            sides = None
    if graph.is_directed():
        what = "without their direction" if sides is None else "from side 0 to side 1, whatever their direction"
        found.notes.append(f"links are taken {what}")
    if sides is None:
        found.graph = _undirected(pairs, weights, len(graph), options, found.notes)
        return found
    places = np.where(sides == 1, np.cumsum(sides), np.cumsum(1 - sides)) - 1
    is_turned = sides[pairs[:, 0]] == 1
    tails, heads = np.where(is_turned, pairs[:, ::-1].T, pairs.T)
    values = np.ones(len(pairs), np.int8) if weights is None else weights
    shape = (int((1 - sides).sum()), int(sides.sum()))
    links = sp.coo_array((values, (places[tails], places[heads])), shape=shape)
    layer = SparseMatrix(name, links, options, found.notes, is_mask=weights is None).layer("in", options)
    found.snapshot = Snapshot([layer.renamed(name, f"{name}.source", f"{name}.target")])
    return found


def _sides(graph: nx.Graph) -> np.ndarray | None:
    """Give each node's side, 0 or 1, if an attribute tells it of all nodes."""
    for attribute in _SIDES:
        values = [value for _, value in graph.nodes(data=attribute)]
        if values and all(isinstance(value, (int, float)) for value in values) and set(values) == {0, 1}:
            return np.array(values, np.int64)
    return None


def _numbers(values: list[Any]) -> np.ndarray | None:
    """Give links' weights as numbers; None if no link has one."""
    if all(value is None for value in values):
        return None
    if any(value is None for value in values):
        raise MaskFormatError("some links have a weight, others none")
    weights = np.array([float(value) for value in values])
    if not np.isfinite(weights).all():
        raise MaskFormatError("a link's weight is NaN or infinite")
    return weights


def _undirected(
    pairs: np.ndarray, weights: np.ndarray | None, n_nodes: int, options: Options, notes: list[str]
) -> sp.csr_array:
    if weights is not None:
        pairs = pairs[np.abs(weights) > (options.threshold or 0.0)]
    elif options.threshold is not None:
        raise MaskFormatError("its links have no weights, which a threshold needs")
    return undirected(pairs, n_nodes, notes)


def _grouped(form: str, graph: nx.Graph, options: Options) -> Found | None:
    """Take the layers of a graph that netsparse exported and another program saved without its description.

    None if not every node has a group and an index, and every link a layer.
    """
    ends = {node: (data.get("group"), _index(data.get("index"))) for node, data in graph.nodes(data=True)}
    links: dict[Any, list[tuple[Any, Any, Any]]] = {}
    for tail, head, data in graph.edges(data=True):
        links.setdefault(data.get("layer"), []).append((ends[tail], ends[head], data.get("weight")))
    are_named = all(isinstance(name, str) and name for name in (*links, *(group for group, _ in ends.values())))
    are_indexed = all(type(index) is int and index >= 0 for _, index in ends.values())
    if not links or not are_named or not are_indexed or len(set(ends.values())) < len(ends):
        return None
    sizes: dict[str, int] = {}
    for group, index in ends.values():
        sizes[group] = max(sizes.get(group, 0), index + 1)
    check_shape("all groups", (sum(sizes.values()), 0), options)
    found = Found(form, notes=["links run from the group that is named first to the other"])
    order = list(sizes)
    layers = []
    for name, own in links.items():
        groups = sorted({group for pair in own for group, _ in pair[:2]}, key=order.index)
        if len(groups) != 2 or any(tail[0] == head[0] for tail, head, _ in own):
            raise MaskFormatError(f"layer '{name}': its links join other than two groups: {', '.join(groups[:4])}")
        placed = [(a[1], b[1]) if a[0] == groups[0] else (b[1], a[1]) for a, b, _ in own]
        weights = _numbers([weight for *_, weight in own])
        values = np.ones(len(own), np.int8) if weights is None else weights
        shape = (sizes[groups[0]], sizes[groups[1]])
        matrix = sp.coo_array((values, tuple(np.array(placed, np.int64).T)), shape=shape)
        layer = SparseMatrix(name, matrix, options, found.notes, is_mask=weights is None).layer("in", options)
        layers.append(layer.renamed(name, groups[0], groups[1]))
    found.snapshot = Snapshot(layers)
    return found


def _described(graph: nx.Graph, description: Description) -> Snapshot:
    """Put the layers of links together, whose ends are known by group and index."""
    ends = {node: (_text(data.get("group")), _index(data.get("index"))) for node, data in graph.nodes(data=True)}
    if len(set(ends.values())) < len(ends) or not all(type(index) is int for _, index in ends.values()):
        raise MaskFormatError("the file's description promises nodes with different group and index")
    links: dict[Any, list[tuple[Any, Any, Any]]] = {printable(layer.name): [] for layer in description.layers}
    for tail, head, data in graph.edges(data=True):
        layer = _text(data.get("layer"))
        if layer not in links:
            raise MaskFormatError(f"the file's description promises no layer {layer!r}")
        links[layer].append((ends[tail], ends[head], data.get("weight")))
    return description.snapshot([_layer(layer, links[printable(layer.name)]) for layer in description.layers])


def _text(value: Any) -> str:
    """Give a text that networkx may have taken for an empty tuple or list of GML."""
    return str(value)


def _index(value: Any) -> Any:
    """Give an index, which igraph writes as a floating-point number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _layer(layer: Described, links: list[tuple[Any, Any, Any]]) -> Any:
    groups = {printable(layer.source), printable(layer.target)}
    placed = []
    for (group, index), (other, place), _ in links:
        if {group, other} != groups:
            raise MaskFormatError(f"layer '{layer.name}': a link joins the groups {group!r} and {other!r}")
        placed.append((index, place) if group == printable(layer.source) else (place, index))
    rows, columns = np.array(placed, np.int64).reshape(-1, 2).T
    values = None if layer.weights is None else _as_numbers(weight for *_, weight in links)
    return layer.of_links(rows, columns, values)


def _as_numbers(values: Iterator[Any]) -> np.ndarray:
    """Give weights as numbers: GML has whole numbers of 32 bits, longer ones are texts."""
    numbers = [int(value) if isinstance(value, str) else value for value in values]
    return np.array(numbers) if numbers else np.empty(0)


def _exported(snapshot: Snapshot) -> nx.Graph:
    """Give the network for networkx, all names printable but those in the description."""
    for layer in snapshot.layers:
        if layer.weights is not None and layer.weights.dtype == np.uint64 and np.any(layer.weights >= 2**63):
            raise NetsparseError(
                f"layer '{layer.name}': GraphML and GML hold whole numbers of 64 bits with a sign, a weight is 2⁶³ or "
                "more: use snapshot, scipy, csv, tsv or parquet"
            )
    graph = with_printable_names(snapshot).to_networkx()
    graph.graph["netsparse"] = description_text(snapshot)
    return graph


def write_graphml(snapshot: Snapshot, path: Path) -> None:
    """Write the network as one graph."""
    _write_graphml(_exported(snapshot), path)


def write_gml(snapshot: Snapshot, path: Path) -> None:
    """Write the network as one graph."""
    _write_gml(_exported(snapshot), path)


def _plain(adjacency: sp.csr_array) -> nx.Graph:
    """Give an undirected graph for networkx, without the ones that its links weigh."""
    graph = nx.empty_graph(adjacency.shape[0])
    graph.add_edges_from(np.column_stack(sp.triu(adjacency).coords).tolist())
    return graph


def _write_graphml(graph: nx.Graph, path: Path) -> None:
    content = io.BytesIO()
    nx.write_graphml_xml(graph, content)
    write_whole(path, content.getvalue())


def _write_gml(graph: nx.Graph, path: Path) -> None:
    text = "\n".join(nx.generate_gml(graph))
    text = _NO_DIGIT.sub(r"\1.0E", text)  # igraph wants a digit behind the point
    write_whole(path, f"{text}\n".encode("ascii"))


def write_plain_graphml(adjacency: sp.csr_array, path: Path) -> None:
    """Write an undirected graph."""
    _write_graphml(_plain(adjacency), path)


def write_plain_gml(adjacency: sp.csr_array, path: Path) -> None:
    """Write an undirected graph."""
    _write_gml(_plain(adjacency), path)


_GRAPHML = (recognises_graphml, read_graphml, write_graphml, (".graphml",), write_plain_graphml)
_GML = (recognises_gml, read_gml, write_gml, (".gml",), write_plain_gml)
FORMS.add("graphml", Form("GraphML graph (.graphml)", *_GRAPHML))
FORMS.add("gml", Form("GML graph (.gml)", *_GML))
