"""Two spaces of convolutional networks of a thesis on hyper-parameters, and what its networks weigh.

Bertrand 2019, "Hyper-parameter optimization in deep learning and transfer learning" (thesis), Tables 2.4 and 2.7.
Both are b blocks of c convolutions with 2^r filters, a max-pooling after each block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.grid import Grid, categorical, integer, numbers
from nasbench_sim.spaces.space import Codes
from nasbench_sim.spaces.variables import Variable

GIGABYTE = 2**30
MEMORY = 12 * GIGABYTE  # section 2.6.3
# The image that enters the first convolution.  The text resizes slices to 128 x 128, but only 96 x 96 gives its
# counts of weights (and its 48 x 48 after one pooling).
SIDE = 96
CLASSES = 6
HIDDEN = (4096, 1024)
INPUT_NORMALISATION = 4  # a batch normalisation of the one channel: the four weights by which all three counts fit
NUMBER_BYTES = 4
# Weights, their gradients and their momentum.
COPIES_OF_WEIGHTS = 3
# Of each convolution its output and its rectified output, kept for the backward pass, and their gradients.
COPIES_OF_MAPS = 4


def hyperband_grid() -> Grid:
    """The 19,200 combinations of Table 2.4."""
    return Grid("thesis_cifar10", (*_blocks(7), _sizes(3, 5, 7, 9), _rates(-5, -2), _batches(9)), step="one")


@dataclass(frozen=True)
class FieldOfView(Grid):
    """The combinations of Table 2.7, networks for the field of view of an MRI slice."""

    def weights(self, codes: Codes) -> npt.NDArray[np.int64]:
        """Exact number of weights, ``int64[n]``; the three counts that the thesis prints are met."""
        b, c, r, s, separable = self._architecture(codes)
        filters = 2**r
        plain = _convolution(1, filters, s, separable)
        further = _convolution(filters, filters, s, separable)
        maps = (SIDE >> b) ** 2 * filters
        dense = (maps + 1) * HIDDEN[0] + (HIDDEN[0] + 1) * HIDDEN[1] + (HIDDEN[1] + 1) * CLASSES
        return np.asarray(INPUT_NORMALISATION + plain + (b * c - 1) * further + dense)

    def memory(self, codes: Codes) -> npt.NDArray[np.int64]:
        """Bytes that a training keeps, ``int64[n]``: a model, since the thesis prints none.

        Single precision; weights with their gradients and momentum, and for each image of a batch the maps of every
        convolution, before and after rectification, with their gradients.
        """
        b, c, r, _, separable = self._architecture(codes)
        batch = np.array(self.variables[6].values, np.int64)[np.asarray(codes)[:, 6]]
        # a separable convolution leaves two maps
        each = c * 2**r * np.where(separable, 2, 1)
        pixels = sum(np.where(block < b, (SIDE >> block) ** 2, 0) for block in range(5))
        return np.asarray(
            NUMBER_BYTES * (COPIES_OF_WEIGHTS * self.weights(codes) + COPIES_OF_MAPS * batch * pixels * each)
        )

    def trainable(self, codes: Codes, memory: int = MEMORY) -> npt.NDArray[np.bool_]:
        """``bool[n]``: what fits into so many bytes."""
        return np.asarray(self.memory(codes) <= memory)

    def _architecture(self, codes: Codes) -> list[npt.NDArray[np.int64]]:
        """Blocks, convolutions in each, logarithm of filters, filter size, whether separable: ``int64[n]`` each."""
        codes = self._checked(codes)
        return [np.array(self.variables[at].values, np.int64)[codes[:, at]] for at in range(5)]


def field_of_view_grid(learning_rates: int = 8) -> FieldOfView:
    """The combinations of Table 2.7, 39,200; with 7 learning rates the 34,300 that the text says.

    Raises:
        UserError: neither 7 nor 8 learning rates.
    """
    if learning_rates not in (7, 8):
        raise UserError(f"the thesis has 8 learning rates by its table and 7 by its text, not {learning_rates}")
    return FieldOfView(
        f"thesis_mri{learning_rates}",
        (
            *_blocks(8),
            _sizes(3, 5),
            categorical("separable", (False, True)),
            _rates(-learning_rates + 1, 0),
            _batches(8),
        ),
        step="one",
    )


BASELINE = {
    "blocks": 5, "layers_per_block": 1, "log2_filters": 6, "filter_size": 3, "separable": False,
    "learning_rate": 1e-3, "batch_size": 8,
}  # fmt: skip
"""The hand-made network that the search of section 2.6 starts from."""


def regimes_grid() -> Grid:
    """The two regimes' four variables, with 0.001 as the resolution of dropout.

    A study of transfer learning on radiographs: batch size and dropout in its first regime, learning rate and Adam's
    epsilon in its second.
    """
    return Grid(
        "two_regimes",
        (
            integer("batch_size", 16, 2048),
            numbers("dropout", tuple(round(0.001 * step, 3) for step in range(501))),
            numbers("learning_rate", (1e-4, 1e-3, 1e-2, 1e-1), log=True),
            numbers("epsilon", tuple(float(f"1e-{power}") for power in range(8, 0, -1)), log=True),
        ),
        step="one",
    )


def _blocks(most: int) -> tuple[Variable, ...]:
    return integer("blocks", 1, 5), integer("layers_per_block", 1, 5), integer("log2_filters", 2, most)


def _sizes(*sizes: int) -> Variable:
    return numbers("filter_size", sizes)


def _rates(least: int, most: int) -> Variable:
    return numbers("learning_rate", tuple(float(f"1e{power}") for power in range(least, most + 1)), log=True)


def _batches(most: int) -> Variable:
    return numbers("batch_size", tuple(2**power for power in range(2, most + 1)), log=True)


def _convolution(
    entering: npt.NDArray[np.int64] | int,
    filters: npt.NDArray[np.int64],
    size: npt.NDArray[np.int64],
    separable: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Weights with biases of a convolution, or of two with filters of size x 1 and 1 x size."""
    whole = (entering * size * size + 1) * filters
    parts = (entering * size + 1) * filters + (filters * size + 1) * filters
    return np.where(separable.astype(bool), parts, whole)
