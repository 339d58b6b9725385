"""Seconds from forward and backward passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats
from nasbench_sim.spaces.nasbench101_network import Layer, layers
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.tabular.table import Table

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Passes:
    """How a data set is gone through.

    Attributes:
        train: batches of one training epoch.
        validation: batches of one validation pass.
    """

    train: int
    validation: int


CIFAR10 = Passes(train=157, validation=40)  # 40,000 and 10,000 images in batches of 256, as NAS-Bench-101 splits


@dataclass(frozen=True)
class Timing:
    """Seconds of one batch, row by row of a benchmark table.

    Attributes:
        forward_seconds: ``float64[N, W]``.
        backward_seconds: ``float64[N, W]``.
        widths: the W numbers of initial filters.
        device: what was measured or modelled.
        kind: measured, calibrated, or fitted to a sample that was measured.
    """

    forward_seconds: Floats
    backward_seconds: Floats
    widths: tuple[int, ...]
    device: str
    kind: str

    @staticmethod
    def of(timings: Table, benchmark: Table, space: Space) -> Timing:
        """The rows of a timing table in the order of a benchmark table.

        Raises:
            UserError: the timing table is about another space or lacks a configuration.
        """
        if np.array_equal(timings.codes, benchmark.codes):
            rows = np.arange(len(benchmark))
        else:
            rows = timings.index(space).rows(space.key(benchmark.codes))
        if rows.min() < 0:
            raise UserError(f"{timings.path} does not time configuration {int(np.argmin(rows))} of {benchmark.path}")
        return Timing(
            timings.array("forward_seconds").astype(np.float64)[rows],
            timings.array("backward_seconds").astype(np.float64)[rows],
            tuple(int(width) for width in timings.widths),
            str(timings.attributes["device"]),
            timings.kind,
        )

    def training(self, epochs: float, passes: Passes, width: int) -> Floats:
        """Seconds to train and validate once, ``float64[N]``.

        epochs x batches x (forward + backward), and one forward pass over the validation split.

        Raises:
            UserError: a width that was not timed.
        """
        if width not in self.widths:
            raise UserError(f"{self.device} was not timed at width {width}: only {', '.join(map(str, self.widths))}")
        column = self.widths.index(width)
        forward, backward = self.forward_seconds[:, column], self.backward_seconds[:, column]
        return np.asarray(epochs * passes.train * (forward + backward) + passes.validation * forward)


@dataclass(frozen=True)
class Device:
    """A roofline (Williams et al. 2009): a kernel takes the longer of computing and moving, and a launch.

    Attributes:
        name: of the device.
        macs_per_second: multiply-adds that it sustains in 32-bit convolutions.
        bytes_per_second: that it moves to and from memory.
        launch_seconds: fixed cost of one kernel.
        tile: filters that a convolution computes at a time; fewer cost as much.
    """

    name: str
    macs_per_second: float
    bytes_per_second: float
    launch_seconds: float
    tile: int

    def convolution(self, layer: Layer, batch_size: int) -> Floats:
        """Seconds of the bare convolution (or classifier) over a batch, ``float64[n]``."""
        padded = -(-layer.filters // self.tile) * self.tile / np.maximum(layer.filters, 1)
        computing = batch_size * padded * layer.macs / self.macs_per_second
        moving = FLOAT_BYTES * (batch_size * layer.values + layer.parameters) / self.bytes_per_second
        return np.asarray(np.maximum(computing, moving) + self.launch_seconds)

    def moving(self, values: npt.NDArray[np.int64], batch_size: int) -> Floats:
        """Seconds to read and write that many values an image, over a batch, ``float64[n]``."""
        return np.asarray(FLOAT_BYTES * batch_size * values / self.bytes_per_second + self.launch_seconds)


def roofline_nasbench101(device: Device, codes: Codes, width: int, batch_size: int) -> tuple[Floats, Floats]:
    """Forward and backward seconds of one batch, ``float64[n]`` each, for NAS-Bench-101 networks.

    A convolution is one kernel forward and two backward (inputs, weights); its batch normalisation and ReLU move
    the output five times forward (statistics, normalise in and out, ReLU in and out) and eight times backward.
    Pooling, sums and concatenations move what they read and write, and as much again backward.
    """
    forward, backward = np.zeros(len(codes)), np.zeros(len(codes))
    for layer in layers(codes, width):
        repeats = layer.copies * layer.present
        if layer.kind == "convolution":
            kernel = device.convolution(layer, batch_size)
            forward += repeats * (kernel + device.moving(5 * layer.outputs, batch_size))
            backward += repeats * (2 * kernel + device.moving(8 * layer.outputs, batch_size))
        else:
            kernel = (
                device.convolution(layer, batch_size) if layer.macs.any() else device.moving(layer.values, batch_size)
            )
            forward += repeats * kernel
            backward += repeats * kernel
    return forward, backward
