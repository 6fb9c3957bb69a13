"""Lists of links as Parquet: columns source, target, perhaps weight and layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from netsparse.description import description_text, printable
from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.graph import Snapshot
from netsparse.masks.described import read_description
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import Found, parsing
from netsparse.masks.link_table import BYTES_A_ROW, COLUMNS, LinkTable, check_columns
from netsparse.masks.options import Options
from netsparse.storage import write_whole

# The largest whole number up to which all are exact as floating-point numbers.
_LARGEST_EXACT = 2**53


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


_KINDS = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_null,
    pa.types.is_dictionary,
    _is_text,
)


def recognises(head: Head) -> bool:
    """Tell a Parquet file."""
    return head.start.startswith(b"PAR1")


def read(path: Path, options: Options) -> Found:
    """Read the links; texts stay codes of a dictionary, however often one is repeated."""
    with parsing("Parquet file"), pyarrow.parquet.ParquetFile(path) as opened:
        about, schema = opened.metadata, opened.schema_arrow
        check_columns([name.lower() for name in schema.names])
        groups = [about.row_group(i) for i in range(about.num_row_groups)]
        held = sum(group.total_byte_size for group in groups)
        options.check_memory(f"the {about.num_rows:,} links", 2 * held + about.num_rows * BYTES_A_ROW)
        for entry in schema:
            if not any(is_kind(entry.type) for is_kind in _KINDS):
                raise MaskFormatError(f"its column '{entry.name}' holds {entry.type}, neither numbers nor text")
        texts = [entry.name for entry in schema if _is_text(entry.type)]
        table = pyarrow.parquet.read_table(path, read_dictionary=texts, use_threads=False)
        table.validate(full=True)
        frame = pd.DataFrame({name.lower(): table[name].to_pandas() for name in schema.names})
        told = (schema.metadata or {}).get(b"netsparse")
        description = None if told is None else read_description(told, options)
    links = LinkTable("list of links (Parquet)", path.stem, frame, lambda row: f"row {row + 1}")
    return links.found(options, description)


def write(snapshot: Snapshot, path: Path) -> None:
    """Write the links; the schema's metadata tell the names."""
    tables = [layer.to_pandas() for layer in snapshot.layers]
    columns: dict[str, pa.Array] = {}
    for side in COLUMNS[:2]:
        columns[side] = pa.array(np.concatenate([table[side].to_numpy() for table in tables]))
    if any(layer.weights is not None for layer in snapshot.layers):
        columns["weight"] = _weights(snapshot)
    codes = np.repeat(np.arange(len(snapshot), dtype=np.int32), [layer.n_links for layer in snapshot.layers])
    names = pa.array([printable(layer.name) for layer in snapshot.layers])
    columns["layer"] = pa.DictionaryArray.from_arrays(pa.array(codes), names)
    table = pa.table(columns).replace_schema_metadata({"netsparse": description_text(snapshot)})
    content = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, content, compression="zstd")
    write_whole(path, content.getvalue().to_pybytes())


def _weights(snapshot: Snapshot) -> pa.Array:
    """Give all weights as one column of a type that holds each exactly; none (null) where a layer has no weights."""
    kinds = {layer.weights.dtype for layer in snapshot.layers if layer.weights is not None}
    own = kinds.pop() if len(kinds) == 1 else None
    if own is None:
        own = np.dtype(np.int64 if all(_fits(layer.weights) for layer in snapshot.layers) else np.float64)
    if own.name in ("float16", "bool"):  # which not every program reads as numbers
        own = np.dtype(np.float32 if own == np.float16 else np.int8)
    parts, are_missing = [], []
    for layer in snapshot.layers:
        weights = np.zeros(layer.n_links, own) if layer.weights is None else layer.weights
        if own.kind == "f" and weights.dtype.kind in "iu" and np.any(np.abs(weights.astype(float)) >= _LARGEST_EXACT):
            raise NetsparseError(
                f"layer '{layer.name}': Parquet holds all weights in one column, of whole numbers beyond 2⁵³ or of "
                "fractions: use snapshot, csv or tsv"
            )
        parts.append(weights.astype(own))
        are_missing.append(np.full(layer.n_links, layer.weights is None))
    return pa.array(np.concatenate(parts), mask=np.concatenate(are_missing))


def _fits(weights: np.ndarray | None) -> bool:
    """Whether int64 holds weights."""
    return weights is None or weights.dtype.kind in "bi" or (weights.dtype.kind == "u" and weights.dtype.itemsize < 8)


FORMS.add("parquet", Form("list of links (.parquet), as .csv", recognises, read, write, (".parquet",)))
