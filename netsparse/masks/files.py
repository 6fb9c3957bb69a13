"""Reading masks of other programs: files, directories and patterns of names, known by their content."""

from __future__ import annotations

import glob
import itertools
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from netsparse.errors import MaskFormatError, NetsparseError, NoMasksError
from netsparse.masks.form import FORMS, Form, Head
from netsparse.masks.found import naming, open_file, state_of
from netsparse.masks.natural import natural
from netsparse.masks.options import Options
from netsparse.masks.stored import Masks
from netsparse.run import Run

_log = logging.getLogger("netsparse")

# One of several files of a checkpoint, whose index is missing.
_SHARD = re.compile(r"-\d+-of-\d+\.")


def load(
    path: str | Path,
    *,
    tensors: str | Iterable[str] | None = None,
    rows: str | None = None,
    threshold: float | None = None,
    chain: str | Path | Mapping[str, Any] | None = None,
    graph: bool = False,
    max_bytes: int | None = None,
) -> Any:
    """Read a run directory, a snapshot, or another program's masks, whole.

    The file is known by its content, whatever its name. Nothing is ever unpickled. docs/masks.md tells all forms, and
    what becomes of each. What does not fit into memory is read layer by layer by `scan`.

    Parameters
    ----------
    path : str or pathlib.Path
        A file; a directory of files, which are epochs in the natural order of their names; a pattern of names
        (``masks/*.npz``); a directory with the index of a checkpoint in several files; a run directory.
    tensors : str or list of str, optional
        Patterns of the names of the tensors to read, such as ``"*.mlp.*"``.
    rows : {"in", "out"}, optional
        Whether a matrix's rows are source neurons ("in") or target neurons ("out"). Default: "out" for torch and
        safetensors, as torch's weights are, "in" for all else.
    threshold : float, optional
        Only links with |weight| > threshold. Default: every non-zero weight is a link.
    chain : {"order", "none"}, dict or path of a TOML file, optional
        How layers join: in their order, not at all, or by names, layer -> (source group, target group). Default: in
        their order if every layer has as many source neurons as the one before has target neurons, else not at all.
    graph : bool
        The file holds an undirected graph (a connectome, a social network), not layers: gives its adjacency.
    max_bytes : int, optional
        Memory that reading may take; more is refused. Default: 80 % of the machine's.

    Returns
    -------
    Snapshot, list of Snapshot, Run or scipy.sparse.csr_array
        A list is what directories and patterns give. The symmetric adjacency of an undirected graph
        (GraphML, GML, ``graph=True``) is what every measure takes.

    Raises
    ------
    MaskFormatError
        If a file cannot be read: the message says why.
    NetsparseError
        If there is no such file or directory, or an option makes no sense.

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(os.path.join(folder, "mask.npy"), np.eye(3))
    ...     load(os.path.join(folder, "mask.npy"))
    Snapshot(1 layers, 6 neurons, 3 links)
    """
    chosen = Options.of(tensors, rows, threshold, chain, graph, max_bytes)
    path = Path(path)
    if is_run(path):
        return check_run(path, chosen)
    found = scan_all(path, chosen)
    several = found if isinstance(found, list) else [found]
    for masks in several:
        for note in masks.notes:
            _log.warning("%s: %s", masks.path, note)
    whole = [masks.graph if masks.graph is not None else masks.snapshot() for masks in several]
    return whole if isinstance(found, list) else whole[0]


def scan(
    path: str | Path,
    *,
    tensors: str | Iterable[str] | None = None,
    rows: str | None = None,
    threshold: float | None = None,
    chain: str | Path | Mapping[str, Any] | None = None,
    graph: bool = False,
    max_bytes: int | None = None,
) -> Masks | list[Masks]:
    """Look at what lies in a file, to read it layer by layer.

    Dense matrices, as in checkpoints, are read when they are asked for, so that a model of billions of weights takes
    the memory of its largest layer. A file that has changed since is refused.

    Parameters
    ----------
    path, tensors, rows, threshold, chain, graph, max_bytes
        As `load`, which reads it whole.

    Returns
    -------
    Masks or list of Masks
        A list for directories, patterns and runs.

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(os.path.join(folder, "model.npz"), fc1=np.eye(3), fc2=np.ones((3, 2)))
    ...     for layer in scan(os.path.join(folder, "model.npz")):
    ...         print(layer)
    LayerGraph('fc1', source 'group 0' (3) -> target 'group 1' (3), 3 links, density 33.33 %)
    LayerGraph('fc2', source 'group 1' (3) -> target 'group 2' (2), 6 links, density 100.00 %)
    """
    return scan_all(Path(path), Options.of(tensors, rows, threshold, chain, graph, max_bytes))


def is_run(path: Path) -> bool:
    """Whether a path is a run directory.

    Raises
    ------
    NetsparseError
        If there can be no such path.
    """
    try:
        return path.is_dir() and (path / "snapshots").is_dir()
    except OSError as error:
        raise NetsparseError(f"{str(path)[:200]}: cannot be read: {error.strerror}") from error


def files_of(path: Path) -> dict[str, Path]:
    """Return the files that a path stands for, by epoch or name: those whose change changes what is read.

    Raises
    ------
    NetsparseError
        If there is none.
    """
    if is_run(path):
        run = Run(path)
        return {str(epoch): run.snapshot_path(epoch) for epoch in run.epochs}
    files = _files(path)
    if isinstance(files, Path):
        return {"content": files, **{part.name: part for part in parts_of(files)}}
    return dict(zip(_labels(files), files, strict=True))


def check_run(path: Path, options: Options) -> Run:
    """Open a run directory, with which no option goes.

    Raises
    ------
    NetsparseError
    """
    if options.given:
        raise NetsparseError(f"{path}: a run's layers are known: leave the option {options.given[0]} out")
    return Run(path)


def scan_all(path: Path, options: Options) -> Masks | list[Masks]:
    """Look at what lies in a file, or the files of a directory or pattern (see `scan`)."""
    files = _files(path)
    if isinstance(files, Path):
        return scan_file(files, options)
    found, files = _scan_several(path, files, options)
    if len(files) > 1 and all(masks.only_name_is_of_file for masks in found):
        options = replace(options, only_name=_common_name(files))
        found = [scan_file(file, options) for file in files]
    if any(masks.epoch is None for masks in found):
        found = [masks.at(epoch) for masks, epoch in zip(found, _epochs(files), strict=True)]
    return sorted(found, key=lambda masks: masks.epoch or 0)


def scan_ends(path: Path, options: Options) -> tuple[list[Masks], int]:
    """Look at all files that a path stands for, of a run at the first and the last epoch; return how many there are."""
    if is_run(path) and len(epochs := Run(path).epochs) > 2:
        return [scan_file(Run(path).snapshot_path(epoch), options) for epoch in (epochs[0], epochs[-1])], len(epochs)
    found = scan_all(path, options)
    several = found if isinstance(found, list) else [found]
    return several, len(several)


def _scan_several(path: Path, files: list[Path], options: Options) -> tuple[list[Masks], list[Path]]:
    """Look at the files of a directory, of which those without masks are passed over, or of a pattern."""
    if not path.is_dir():
        return [scan_file(file, options) for file in files], files
    found, passed, first = [], [], None
    for file in files:
        try:
            found.append(scan_file(file, options))
        except NoMasksError as error:
            first = first or error
            passed.append(f"{file.name} was passed over: {str(error).removeprefix(f'{file}: ')}")
    if first is not None and not found:
        raise first
    forms = {masks.form: masks.path.name for masks in found}
    if len(forms) > 1:
        told = ", ".join(f"{name} ({form})" for form, name in forms.items())
        raise NetsparseError(
            f"{path}: holds masks of several forms: {told}; name one file, or a pattern such as "
            f"'{path / ('*' + found[0].path.suffix)}'"
        )
    if found:
        found[0] = replace(found[0], notes=(*found[0].notes, *passed))
    return found, [masks.path for masks in found]


def scan_file(path: Path, options: Options) -> Masks:
    """Look at what lies in one file (see `scan`)."""
    open_file(path)
    with naming(path):
        form = _recognise(Head(path))
        masks = Masks.of(path, form.read(path, options), options)
        return replace(masks, state=tuple(state_of(file) for file in (path, *parts_of(path))))


def _recognise(head: Head) -> Form:
    """Choose the form of a file by its content.

    Raises
    ------
    MaskFormatError
        If it is none, or a pickle.
    """
    if not head.start:
        raise MaskFormatError("the file is empty")
    for form in FORMS.values():
        if form.recognises(head):
            return form
    if head.start[:1] == b"\x80":
        raise MaskFormatError(
            "a Python pickle, which could run any program and is never opened; save the state dict by safetensors or "
            "by torch.save of version 1.6 or later, the mask by scipy.sparse.save_npz"
        )
    if head.start.startswith(b"\x1f\x8b"):
        raise MaskFormatError("compressed by gzip; unpack it first")
    if head.start.startswith(b"PK"):
        raise MaskFormatError("a zip archive, but neither NumPy's .npz nor a torch file")
    raise MaskFormatError(f"not a mask file; `netsparse list forms` tells what is read{_advice(head)}")


def _advice(head: Head) -> str:
    """Tell what to do about a text that is no list of links."""
    if head.start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "; a text must be UTF-8, not UTF-16"
    lines = [line for line in (head.text or "").splitlines() if line.strip() and line.lstrip()[0] not in "#%"][:5]
    if len({len(re.split(r"[,;\t ]+", line.strip())) for line in lines}) == 1 and len(lines) > 1:
        return (
            "; a list of links needs a header source,target[,weight][,layer], or lines of two numbers and perhaps "
            "a weight; a dense matrix is to be saved by numpy.save"
        )
    return ""


def _files(path: Path) -> Path | list[Path]:
    """Find the file, or the files of epochs in natural order, that a path stands for."""
    if is_run(path):
        run = Run(path)
        return [run.snapshot_path(epoch) for epoch in run.epochs]
    if path.is_dir():
        return _files_in(path)
    if not path.exists() and glob.has_magic(str(path)):
        files = sorted(_matches(path), key=lambda file: [natural(part) for part in file.parts])
        if not files:
            raise NetsparseError(f"{path}: no file has a name of this pattern")
        return files
    return path


def _matches(pattern: Path) -> Iterator[Path]:
    """Find files by a pattern; ``**`` is any number of folders, but no links to folders, which may lead in circles."""
    parts = pattern.parts
    n_plain = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    for file in Path(*parts[:n_plain]).glob(str(Path(*parts[n_plain:]))):
        if file.is_file() and not (file.name.startswith(".") and not parts[-1].startswith(".")):
            yield file


def _files_in(folder: Path) -> Path | list[Path]:
    """Find the masks in a directory: a checkpoint by its index, or all files that are masks."""
    try:
        files = sorted((file for file in folder.iterdir() if file.is_file()), key=lambda file: natural(file.name))
    except OSError as error:
        raise NetsparseError(f"{folder}: cannot be read: {error.strerror}") from error
    files = [file for file in files if not file.name.startswith(".")]
    indices = [file for file in files if file.name.endswith(".index.json")]
    if indices:
        if len(indices) > 1:
            names = ", ".join(file.name for file in indices)
            raise NetsparseError(f"{folder}: several checkpoints ({names}); name the index of one")
        return indices[0]
    masks = [file for file in files if _is_mask(file)]
    if not masks:
        raise NetsparseError(f"{folder}: neither a run directory nor a directory with masks")
    if any(_SHARD.search(file.name) for file in masks):
        raise NetsparseError(f"{folder}: the files of one checkpoint, but its index (*.index.json) is missing")
    return masks


def _is_mask(file: Path) -> bool:
    """Whether a file in a directory is of a form that is read; what is broken or may not be read is told later."""
    try:
        head = Head(file)
        return bool(head.start) and any(form.recognises(head) for form in FORMS.values())
    except (MaskFormatError, OSError):
        return True


def parts_of(file: Path) -> list[Path]:
    """Return the other files of a checkpoint whose index this is."""
    from netsparse.masks.forms import sharded

    with naming(file):
        return sharded.shards(file) if file.is_file() and sharded.recognises(Head(file)) else []


def _labels(files: Sequence[Path]) -> list[str]:
    """Name files by what distinguishes them: their own names, or the ways to them."""
    names = [file.name for file in files]
    if len(set(names)) == len(names):
        return names
    folder = os.path.commonpath([file.parent for file in files])
    return [os.path.relpath(file, folder) for file in files]


def _common_name(files: Sequence[Path]) -> str:
    """Return what the names of files begin with, without the number of the epoch."""
    prefix = os.path.commonprefix([file.stem for file in files])  # noqa: RUF071 (of characters, not of folders)
    return prefix.rstrip("0123456789-_. ") or "layer"


def _epochs(files: Sequence[Path]) -> list[int | None]:
    """Take the last number of each name as its epoch if they ascend, else the place in the order."""
    if len(files) == 1:
        return [None]
    numbers = [re.findall(r"[0-9]{1,9}", str(Path(label).with_suffix("")))[-1:] for label in _labels(files)]
    if all(numbers):
        epochs = [int(number[0]) for number in numbers]
        if all(before < after for before, after in itertools.pairwise(epochs)):
            return list(epochs)
    return list(range(len(files)))
