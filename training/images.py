"""Image files, decoded when a batch needs them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netsparse.errors import NetsparseError

if TYPE_CHECKING:
    from PIL.Image import Image

# Mean and deviation of ImageNet's pixels over all three channels, as bytes.
MOMENTS = (114.5, 57.6)

_ENDINGS = (".jpeg", ".jpg", ".png", ".bmp", ".ppm", ".webp")
_THREADS = 8


def list_images(folder: Path, classes: Sequence[str] | None = None) -> tuple[list[str], list[Path], np.ndarray]:
    """List the image files of a folder that has a folder for each class.

    Parameters
    ----------
    folder : pathlib.Path
    classes : sequence of str, optional
        Names that are known; default: the folders, by name.

    Returns
    -------
    classes : list of str
    files : list of pathlib.Path
    labels : numpy.ndarray of int64

    Raises
    ------
    NetsparseError
        If there is no folder, no image, or a class that is not known.
    """
    if not folder.is_dir():
        raise NetsparseError(f"{folder}: no such folder; an image folder holds train/CLASS/*.jpeg and val/CLASS/*.jpeg")
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    unknown = sorted(set(found) - set(classes)) if classes is not None else []
    if unknown:
        raise NetsparseError(f"{folder}: class '{unknown[0]}' is none of the training classes")
    known = list(classes) if classes is not None else found
    files: list[Path] = []
    labels: list[int] = []
    for name in found:
        images = sorted(path for path in (folder / name).iterdir() if _is_image(path))
        files += images
        labels += [known.index(name)] * len(images)
    if not files:
        raise NetsparseError(f"{folder}: no image ({', '.join(_ENDINGS)}) in a folder for its class")
    return known, files, np.array(labels, np.int64)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS and not path.name.startswith(".") and path.is_file()


class ImageFiles:
    """Images of three channels and one size, read from their files when they are asked for.

    Parameters
    ----------
    files : sequence of pathlib.Path
    size : int
        Height and width to which they are brought: the shorter side to 8/7 of it, then the middle is cut out.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Sequence[Path], size: int) -> None:
        self.files = list(files)
        self.image_size = size

    def __len__(self) -> int:
        return len(self.files)

    @property
    def shape(self) -> tuple[int, int]:
        """As that of an array: number of images, number of bytes of each."""
        return len(self.files), 3 * self.image_size**2

    def part(self, index: np.ndarray) -> ImageFiles:
        """Return some of the images."""
        return ImageFiles([self.files[i] for i in index], self.image_size)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS)

    def read(self, index: np.ndarray, draws: np.ndarray | None = None) -> np.ndarray:
        """Read images.

        Parameters
        ----------
        index : numpy.ndarray of int64
        draws : numpy.ndarray, shape (len(index), 5), optional
            Numbers from 0 to 1 by which each is cut out at random (8 to 100 % of its area, its sides by 3/4 to 4/3) and
            mirrored or not; without them its middle is cut out.

        Returns
        -------
        numpy.ndarray of uint8, shape (len(index), 3 · size²)
            Channel by channel.

        Raises
        ------
        NetsparseError
            If a file cannot be read as an image.
        """
        numbers = [None] * len(index) if draws is None else list(draws)
        images = list(self._threads.map(self._read_one, [self.files[i] for i in index], numbers))
        return np.stack(images) if images else np.empty((0, self.shape[1]), np.uint8)

    def _read_one(self, path: Path, draws: np.ndarray | None) -> np.ndarray:
        from PIL import Image

        try:
            with Image.open(path) as file:
                image = _rgb(file)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise NetsparseError(f"{path}: cannot be read as an image: {error}") from error
        box = _middle(image) if draws is None else _cut(image, draws)
        side = (self.image_size, self.image_size)
        image = image.resize(side, Image.Resampling.BILINEAR, box=box)
        pixels = np.asarray(image).transpose(2, 0, 1)
        if draws is not None and draws[2] < 0.5:
            pixels = pixels[:, :, ::-1]
        return np.ascontiguousarray(pixels).reshape(-1)


def _rgb(image: Image) -> Image:
    """Bring any image to three channels of a byte; transparency is left out."""
    if image.mode.startswith("I"):  # 16 bits of grey, which would be cut off at 255
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    return (image.convert("RGBA") if "transparency" in image.info else image).convert("RGB")


def _middle(image: Image) -> tuple[float, float, float, float]:
    """Return the square in the middle, 7/8 of the shorter side."""
    side = min(image.size) * 7 / 8
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return left, top, left + side, top + side


def _cut(image: Image, draws: np.ndarray) -> tuple[float, float, float, float]:
    """Return a random part."""
    area = (0.08 + 0.92 * draws[3]) * image.width * image.height
    ratio = np.exp((2.0 * draws[4] - 1.0) * np.log(4 / 3))
    width, height = min(np.sqrt(area * ratio), image.width), min(np.sqrt(area / ratio), image.height)
    left, top = draws[0] * (image.width - width), draws[1] * (image.height - height)
    return float(left), float(top), float(left + width), float(top + height)
