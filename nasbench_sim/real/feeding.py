"""A data set on a device, normalised, in batches whose order follows from a seed and the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from nasbench_sim.randomness import stream
from nasbench_sim.real.data import Data, Split
from nasbench_sim.real.device import Device


@dataclass(frozen=True)
class Fed:
    """One split on a device: ``images [n, c, h, w]`` as in their file, ``labels [n]``, and how to normalise."""

    images: torch.Tensor
    labels: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor
    device: Device

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, chosen: torch.Tensor | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalised images and labels of some rows."""
        images = (self.images[chosen].float() - self.mean) / self.deviation
        return images.contiguous(memory_format=self.device.layout), self.labels[chosen]


@dataclass(frozen=True)
class Splits:
    """All three on a device, normalised channel by channel as the training images are spread."""

    train: Fed
    validation: Fed
    test: Fed


def feed(data: Data, device: Device) -> Splits:
    """Bring a data set to a device."""
    images = data.train.images.astype(np.float64)
    mean, deviation = images.mean((0, 2, 3)), images.std((0, 2, 3))
    mean_there, deviation_there = (
        torch.tensor(column, dtype=torch.float32, device=device.torch)[:, None, None]
        for column in (mean, np.where(deviation > 0, deviation, 1.0))
    )

    def there(split: Split) -> Fed:
        kept = split.images if split.images.dtype == np.uint8 else split.images.astype(np.float32)
        # Copied, since strides of axes of length 1 differ with where an array came from, and kernels with strides.
        images_there = torch.from_numpy(np.array(kept, order="C")).to(device.torch)
        labels = torch.from_numpy(np.ascontiguousarray(split.labels)).to(device.torch)
        return Fed(images_there, labels, mean_there, deviation_there, device)

    return Splits(there(data.train), there(data.validation), there(data.test))


def batches(fed: Fed, batch_size: int, seed: int, epoch: int) -> Iterator[torch.Tensor]:
    """Row numbers of the training batches of one epoch; a last batch of one image is left out."""
    order = torch.from_numpy(stream(seed, "batches", str(epoch)).permutation(len(fed))).to(fed.labels.device)
    for start in range(0, len(fed), batch_size):
        rows = order[start : start + batch_size]
        if len(rows) > 1 or len(fed) == 1:
            yield rows


def steps(images: int, batch_size: int) -> int:
    """How many batches an epoch has."""
    whole, rest = divmod(images, batch_size)
    return whole + (rest > 1 or images == 1)


def augmented(images: torch.Tensor, seed: int, epoch: int, step: int) -> torch.Tensor:
    """Each image shifted by up to an eighth of its side, zeros behind it, and flipped with probability a half."""
    n, _, height, width = images.shape
    rng = stream(seed, "augment", str(epoch), str(step))
    device = images.device
    rows, columns = (torch.from_numpy(rng.integers(0, 2 * (side // 8) + 1, n)).to(device) for side in (height, width))
    flip = torch.from_numpy(rng.random(n) < 0.5).to(device)
    padded = torch.nn.functional.pad(images, (width // 8, width // 8, height // 8, height // 8))
    down = rows[:, None] + torch.arange(height, device=device)
    across = torch.arange(width, device=device).expand(n, -1)
    across = columns[:, None] + torch.where(flip[:, None], width - 1 - across, across)
    number = torch.arange(n, device=device)
    # Indexing puts the channels last.
    return padded[number[:, None, None], :, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)
