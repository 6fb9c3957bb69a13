"""The samples of a split on the device, taken a batch at a time, normalised and, for training, augmented."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from netsparse.training.data import Dataset, ImageFiles, Split

# Samples of one step where they are not trained on.
AT_ONCE = 512
# Pixels of black around an image out of which training samples are cut.
_PADDING = 4


@dataclass(frozen=True)
class Samples:
    """One split, as the data set holds it; what the network sees is normalised when it is taken.

    So bytes stay bytes, a quarter of the memory, and image files stay on the disk.

    Attributes
    ----------
    x : torch.Tensor, shape (n_samples, n_features), or ImageFiles
    y : torch.Tensor of int64, shape (n_samples,)
    mean, deviation : float
        Of all training pixels.
    image_shape : tuple of int
        Channels, height and width; empty if the samples are no images.
    device : torch.device
    """

    x: Any
    y: torch.Tensor
    mean: float
    deviation: float
    image_shape: tuple[int, ...]
    device: torch.device

    @classmethod
    def of(cls, data: Dataset, device: torch.device) -> dict[str, Samples]:
        """Put the splits of a data set on a device, by name."""
        mean, deviation = data.moments or _moments(data.train.x)
        splits = {"train": data.train, "validation": data.validation, "test": data.test}
        return {name: cls._of(split, mean, deviation, data.image_shape, device) for name, split in splits.items()}

    @classmethod
    def _of(
        cls, split: Split, mean: float, deviation: float, image_shape: tuple[int, ...], device: torch.device
    ) -> Samples:
        x = split.x
        if not isinstance(x, ImageFiles):
            x = torch.from_numpy(np.require(x, requirements="W")).to(device)
        return cls(x, torch.from_numpy(split.y).to(device), mean, deviation, image_shape, device)

    def __len__(self) -> int:
        return len(self.y)

    def normalised(self, x: torch.Tensor) -> torch.Tensor:
        """Return samples as the network sees them."""
        return (x.to(torch.float32) - self.mean) / self.deviation

    def batches(
        self, indices: list[torch.Tensor], generator: torch.Generator | None = None, share: slice = slice(None)
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield samples and labels of each batch; image files are read ahead.

        Parameters
        ----------
        indices : list of torch.Tensor of int64
        generator : torch.Generator, optional
            Draws how each sample of a batch is augmented; without it none is.
        share : slice
            What of each batch to give, such as every third sample: the draws are the same for all shares.
        """

        def take(index: torch.Tensor, draws: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
            index, draws = index[share], None if draws is None else draws[share]
            y = self.y.index_select(0, index.to(self.device))
            if isinstance(self.x, ImageFiles):
                read = self.x.read(index.numpy(), None if draws is None else draws.numpy())
                return self.normalised(torch.from_numpy(read).to(self.device)), y
            x = self.x.index_select(0, index.to(self.device))
            if draws is not None:
                x = _augmented(x, draws, self.image_shape)
            return self.normalised(x), y

        def drawn(index: torch.Tensor) -> torch.Tensor | None:
            return None if generator is None else torch.rand(len(index), 5, generator=generator)

        if not isinstance(self.x, ImageFiles):
            for index in indices:
                yield take(index, drawn(index))
            return
        with ThreadPoolExecutor(1) as ahead:
            waiting = None
            for index in indices:
                following = ahead.submit(take, index, drawn(index))
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()


def _augmented(x: torch.Tensor, draws: torch.Tensor, image_shape: tuple[int, ...]) -> torch.Tensor:
    """Shift images by up to 4 pixels, black coming in, and mirror every second one."""
    images = nn.functional.pad(x.view(-1, *image_shape), (_PADDING,) * 4)
    height, width = image_shape[1:]
    down, right = ((draws[:, i] * (2 * _PADDING + 1)).long().to(x.device) for i in (0, 1))
    columns = torch.arange(width, device=x.device).expand(len(x), width)
    columns = torch.where((draws[:, 2:3] < 0.5).to(x.device), columns.flip(1), columns) + right[:, None]
    rows = torch.arange(height, device=x.device) + down[:, None]
    numbers = torch.arange(len(x), device=x.device)[:, None, None]
    return images.permute(0, 2, 3, 1)[numbers, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2).flatten(1)


def _moments(x: np.ndarray) -> tuple[float, float]:
    """Return mean and deviation of all numbers (float32), by parts: no copy of a whole data set in float64."""
    parts = [x[start : start + AT_ONCE] for start in range(0, len(x), AT_ONCE)]
    mean = sum(float(part.sum(dtype=np.float64)) for part in parts) / x.size
    variance = sum(float(((part - mean) ** 2).sum(dtype=np.float64)) for part in parts) / x.size
    return float(np.float32(mean)), float(np.float32(np.sqrt(variance))) or 1.0
