"""Data sets: found on this machine or downloaded, split into train, validation and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netsparse.errors import NetsparseError
from netsparse.registry import Registry
from netsparse.training import sources
from netsparse.training.images import MOMENTS, ImageFiles, list_images


@dataclass(frozen=True)
class Split:
    """Samples and their labels.

    Attributes
    ----------
    x : numpy.ndarray of uint8 or float32, shape (n_samples, n_features), or ImageFiles
        Un-normalised: bytes as the files hold them, or scaled to 0 … 1.
    y : numpy.ndarray of int64, shape (n_samples,)
    """

    x: Any
    y: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """A data set in three parts: train to fit, validation to choose, test to report.

    Attributes
    ----------
    name : str
    n_classes : int
    train, validation, test : Split
    image_shape : tuple of int
        Channels, height and width; empty if the samples are no images.
    moments : (float, float) or None
        Mean and deviation of the pixels to normalise by; None for those of the training samples.
    """

    name: str
    n_classes: int
    train: Split
    validation: Split
    test: Split
    image_shape: tuple[int, ...] = ()
    moments: tuple[float, float] | None = None

    @property
    def n_features(self) -> int:
        """Number of input features."""
        return int(self.train.x.shape[1])


DATASETS: Registry[Callable[[Path | None, int], Dataset]] = Registry("dataset")


def load_dataset(name: str, data_dir: str | Path | None = None, image_size: int = 224) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        A name of `DATASETS`.
    data_dir : str or pathlib.Path, optional
        Folder to look in first, for data sets that are files.
    image_size : int
        Height and width to which the files of an ``image-folder`` are brought.

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
    return DATASETS[name](Path(data_dir) if data_dir else None, image_size)


def _digits(data_dir: Path | None, image_size: int) -> Dataset:
    """Load scikit-learn's 8 × 8 handwritten digits: 1,797 samples, 10 classes, built in."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = (digits.data / 16.0).astype(np.float32), digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(y))
    rest, test = _part(x, y, order[360:]), _part(x, y, order[:360])
    return _with_validation("digits", 10, rest, test, 180, (1, 8, 8))


def _part(x: Any, y: np.ndarray, index: np.ndarray) -> Split:
    return Split(x.part(index) if isinstance(x, ImageFiles) else np.ascontiguousarray(x[index]), y[index])


def _with_validation(
    name: str,
    n_classes: int,
    rest: Split,
    test: Split,
    n_validation: int,
    image_shape: tuple[int, ...],
    moments: tuple[float, float] | None = None,
) -> Dataset:
    """Split validation samples off the training samples; the same ones whatever the seed of a run."""
    order = np.random.default_rng(0).permutation(len(rest.y))
    train, validation = np.sort(order[n_validation:]), np.sort(order[:n_validation])
    parts = _part(rest.x, rest.y, train), _part(rest.x, rest.y, validation), test
    return Dataset(name, n_classes, *parts, image_shape, moments)


def _from(source: sources.Source, data_dir: Path | None) -> Dataset:
    (train, shape), (test, _) = (source.read(data_dir, part) for part in source.parts)
    n_validation = len(train[1]) // 12
    return _with_validation(source.name, source.n_classes, Split(*train), Split(*test), n_validation, shape)


def _mnist(data_dir: Path | None, image_size: int) -> Dataset:
    """Load MNIST: 28 × 28 handwritten digits, 70,000 samples, 10 classes."""
    return _from(sources.MNIST, data_dir)


def _fashion_mnist(data_dir: Path | None, image_size: int) -> Dataset:
    """Load Fashion-MNIST: 28 × 28 pictures of clothes, 70,000 samples, 10 classes."""
    return _from(sources.FASHION_MNIST, data_dir)


def _emnist(data_dir: Path | None, image_size: int) -> Dataset:
    """Load EMNIST balanced: 28 × 28 handwritten letters and digits, 131,600 samples, 47 classes."""
    return _from(sources.EMNIST, data_dir)


def _cifar10(data_dir: Path | None, image_size: int) -> Dataset:
    """Load CIFAR-10: 32 × 32 colour pictures, 60,000 samples, 10 classes (the binary version)."""
    return _from(sources.CIFAR10, data_dir)


def _cifar100(data_dir: Path | None, image_size: int) -> Dataset:
    """Load CIFAR-100: 32 × 32 colour pictures, 60,000 samples, 100 classes (the binary version)."""
    return _from(sources.CIFAR100, data_dir)


def _image_folder(data_dir: Path | None, image_size: int) -> Dataset:
    """Load a folder of image files as ImageNet is kept: train/CLASS/*.jpeg and val/CLASS/*, a test/ of its own or not.

    Files are read when a batch needs them. Without a test folder ``val`` is the test split, and every twentieth
    training image validates.
    """
    if data_dir is None:
        raise NetsparseError("dataset 'image-folder' needs --data-dir: the folder that holds train/ and val/")
    classes, files, labels = list_images(data_dir / "train")
    rest = Split(ImageFiles(files, image_size), labels)
    own = (data_dir / "test").is_dir()
    held: list[Split] = []
    for name in ("val", "test") if own else ("val",):
        _, more, their_labels = list_images(data_dir / name, classes)
        held.append(Split(ImageFiles(more, image_size), their_labels))
    shape = (3, image_size, image_size)
    if own:
        return Dataset("image-folder", len(classes), rest, held[0], held[1], shape, MOMENTS)
    n_validation = max(len(labels) // 20, 1)
    return _with_validation("image-folder", len(classes), rest, held[0], n_validation, shape, MOMENTS)


for _name, _loader in (
    ("digits", _digits),
    ("mnist", _mnist),
    ("fashion-mnist", _fashion_mnist),
    ("emnist", _emnist),
    ("cifar10", _cifar10),
    ("cifar100", _cifar100),
    ("image-folder", _image_folder),
):
    DATASETS.add(_name, _loader)
