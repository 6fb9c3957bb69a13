"""What writers of several forms share: one layer or several, weights as dense arrays, and what is refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np

from netsparse.description import printable
from netsparse.errors import NetsparseError
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.options import Options

_SEVERAL = "snapshot, torch, safetensors, npz, csv, tsv, parquet, graphml, gml or matlab"
_ZEROS = "snapshot, torch, safetensors, scipy, matrix-market, csv, tsv, parquet, graphml, gml or matlab"
_SPARSE = "snapshot, scipy, matrix-market, csv, tsv, parquet or matlab"


def only_layer(form: str, snapshot: Snapshot) -> LayerGraph:
    """Give the one layer that a form of one matrix can hold.

    Raises
    ------
    NetsparseError
        If there are several.
    """
    if len(snapshot) != 1:
        raise NetsparseError(f"the form {form} holds one layer, the network has {len(snapshot)}: use {_SEVERAL}")
    return snapshot.layers[0]


def dense(form: str, layer: LayerGraph) -> np.ndarray:
    """Give a layer as a dense array (n_source, n_target) of weights, or of True where a link is.

    Weights that are whole numbers or truth values are given as float64: as such they would be read as a mask.

    Raises
    ------
    NetsparseError
        If a link weighs 0, a whole number is no float64, or the array takes more memory than reading may by default.
    """
    if layer.weights is not None and not layer.weights.all():
        raise NetsparseError(f"layer '{layer.name}': a link weighs 0, no link in the form {form}: use {_ZEROS}")
    return dense_weights(form, layer)


def dense_weights(form: str, layer: LayerGraph) -> np.ndarray:
    """Give the array that `dense` gives, whatever the links weigh."""
    values = np.ones(layer.n_links, bool) if layer.weights is None else as_float(form, layer.weights, layer.name)
    check_dense(form, layer, values.itemsize)
    array = np.zeros(layer.biadjacency.shape, values.dtype)
    array[layer.link_rows, layer.biadjacency.indices] = values
    return array


def state_of(form: str, snapshot: Snapshot) -> dict[str, np.ndarray]:
    """Give a network as the weights of a torch model, arrays (n_target, n_source) by name.

    ``NAME.weight``; where a link weighs 0 ``NAME.weight_orig`` with ``NAME.weight_mask``, as torch.nn.utils.prune.
    """
    state = {}
    for layer in snapshot.layers:
        name = f"{printable(layer.name)}.weight"
        weights = np.ascontiguousarray(dense_weights(form, layer).T)
        if layer.weights is None or layer.weights.all():
            state[name] = weights
        else:
            pattern = LayerGraph(layer.name, layer.biadjacency)
            state[f"{name}_orig"] = weights
            state[f"{name}_mask"] = np.ascontiguousarray(dense_weights(form, pattern).T)
    return state


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Give the content of a compressed archive of arrays, whatever their names (numpy.savez takes some as options)."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # of no date, which would make every file another
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
    return content.getvalue()


def check_dense(form: str, layer: LayerGraph, itemsize: int) -> None:
    """Refuse a dense array that takes more memory than reading may by default.

    Raises
    ------
    NetsparseError
    """
    try:
        Options.of().check_memory(f"layer '{layer.name}', dense,", layer.n_source * layer.n_target * itemsize)
    except NetsparseError as error:
        told = str(error).split(";")[0]
        raise NetsparseError(f"{told}: {form} is a dense form, use {_SPARSE}") from error


def as_float(form: str, weights: np.ndarray, name: str) -> np.ndarray:
    """Give weights as floating-point numbers: those that are none as float64.

    Raises
    ------
    NetsparseError
        If float64 cannot hold one of them.
    """
    if weights.dtype.kind == "f":
        return weights.astype(weights.dtype.newbyteorder("="))
    numbers = weights.astype(np.float64)
    if np.any(np.abs(numbers) >= 2**53):
        raise NetsparseError(
            f"layer '{name}': {form} holds floating-point numbers, a weight is a whole number beyond 2⁵³: use "
            "snapshot, scipy, matrix-market, csv, tsv or parquet"
        )
    return numbers
