"""Masks from one form to another."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import scipy.sparse as sp

from netsparse.errors import NetsparseError
from netsparse.graph import Snapshot
from netsparse.masks.files import load
from netsparse.masks.form import FORMS, Form
from netsparse.run import Run
from netsparse.storage import umask

# Layers, or the adjacency of an undirected graph.
Network: TypeAlias = Snapshot | sp.csr_array

# Forms of one layer, and what is written instead under their endings if there are several.
_OF_SEVERAL = {"scipy": "npz"}

# Endings of forms whose usual one stands for another form.
_ENDINGS = {"npz": ".npz", "safetensors": ".safetensors"}


def convert(source: str | Path, target: str | Path, to: str | None = None, **options: Any) -> list[Path]:
    r"""Read masks and write them in another form.

    All that a Snapshot holds is written: names, groups, sizes, links, weights and their type, epoch. Only ``.npy``
    holds a matrix alone. Of an undirected graph the links are written, its nodes numbered as they were read.

    Parameters
    ----------
    source : str or pathlib.Path
        As `netsparse.load` takes it.
    target : str or pathlib.Path
        A new file; of several epochs a new directory, in which each is a file ``epoch-NNNN.ENDING``.
    to : str, optional
        Name of the form. Default: that of the target's ending; several epochs whose directory has none of these are
        written as snapshots.
    **options
        Of `netsparse.load`: tensors, rows, threshold, chain, graph, max_bytes.

    Returns
    -------
    list of pathlib.Path
        The files that were written.

    Raises
    ------
    NetsparseError
        If the source cannot be read, the target is there, or the form cannot hold what is read: the message says which
        forms can.

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(os.path.join(folder, "mask.npy"), np.eye(2))
    ...     [file] = convert(os.path.join(folder, "mask.npy"), os.path.join(folder, "mask.csv"))
    ...     print(file.read_text().split("\n", 1)[1])
    source,target,layer
    0,0,mask
    1,1,mask
    <BLANKLINE>
    """
    target = Path(target)
    if target.exists() or target.is_symlink():
        raise NetsparseError(f"{target}: is there already; remove it first, or name another")
    if not target.parent.is_dir():
        raise NetsparseError(f"{target}: there is no directory {target.parent}")
    if to is not None:
        _form(to)
    found = load(source, **options)
    if isinstance(found, (Run, list)):
        snapshots = found.snapshots() if isinstance(found, Run) else found
        are_layers = isinstance(found, Run) or all(isinstance(network, Snapshot) for network in found)
        usual = "snapshot" if are_layers else "graphml"
        return _write_directory(snapshots, target, to or (_of_ending(target, usual) if target.suffix else usual))
    form = to or _of_ending(target)
    are_several = isinstance(found, Snapshot) and len(found) > 1
    _write(found, target, _form(_OF_SEVERAL.get(form, form) if to is None and are_several else form))
    return [target]


def _form(name: str) -> Form:
    form = FORMS[name]
    if form.write is None:
        raise NetsparseError(f"the form {name} is only read; these are written: {', '.join(_written())}")
    return form


def _written() -> list[str]:
    return [name for name, form in FORMS.items() if form.write is not None]


def _of_ending(target: Path, usual: str | None = None) -> str:
    """Choose the form that a file name stands for, or else the usual one."""
    for name, form in FORMS.items():
        if form.write is not None and target.name.lower().endswith(form.endings):
            return name
    if usual is not None:
        return usual
    endings = ", ".join(ending for form in FORMS.values() if form.write is not None for ending in form.endings)
    named = ", ".join(_written())
    raise NetsparseError(f"{target}: the ending names no form ({endings}); say it by --to (to=): {named}")


def _write(network: Network, target: Path, form: Form, named: Path | None = None) -> None:
    """Write a file; in a directory that is not in its place yet it is named as it will be."""
    named = target if named is None else named
    write: Any = form.write if isinstance(network, Snapshot) else form.write_graph
    if write is None:
        able = ", ".join(name for name, other in FORMS.items() if other.write_graph is not None)
        raise NetsparseError(f"{named}: this form holds layers, no undirected graph; one of these does: {able}")
    try:
        write(network, target)
    except OSError as error:
        raise NetsparseError(f"{named}: cannot be written: {error.strerror or error}") from error


def _write_directory(networks: Iterable[Network], target: Path, to: str) -> list[Path]:
    """Write a file an epoch, aside, and then put the directory in its place."""
    form = _form(to)
    ending = _ENDINGS.get(to) or form.endings[0]
    try:
        aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
    except OSError as error:
        raise NetsparseError(f"{target}: cannot be written: {error.strerror or error}") from error
    try:
        names = []
        for i, network in enumerate(networks):
            epoch = network.epoch if isinstance(network, Snapshot) else None
            names.append(f"epoch-{i if epoch is None else epoch:04d}{ending}")
            _write(network, aside / names[-1], form, target / names[-1])
        if len(set(names)) < len(names):
            raise NetsparseError(f"{target}: two snapshots are of the same epoch")
        aside.chmod(0o777 & ~umask())
        os.rename(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return [target / name for name in names]
