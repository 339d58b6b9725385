"""Landscapes generated to look like those of a thesis on hyper-parameters: what it prints of them is met, no more.

Bertrand 2019, "Hyper-parameter optimization in deep learning and transfer learning" (thesis), chapter 2.  Everything
that is not printed there is invented, so these tell whether methods work, and how they compare on such a landscape;
evidence about real networks has to come from measured tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from nasbench_sim.oracle import Floats, Source
from nasbench_sim.randomness import uniform
from nasbench_sim.spaces.convolutional import FieldOfView, field_of_view_grid, hyperband_grid
from nasbench_sim.spaces.grid import Grid, integer, numbers
from nasbench_sim.spaces.space import Codes

CHANCE = float(np.log(10))  # loss of a network on ten classes that has learned nothing
MINUTE = 60.0

# Losses of the 600 models of section 2.4.3 in units of the best, at these ranks from 0: 3 models within 1% of it, 6
# within 5%, 10 within 10%, the 30th at 18%, as printed; then most average and a long bad tail, as its Figure 2.7.
RANKS = (0, 2, 3, 5, 6, 9, 10, 29, 150, 330, 480, 560, 585, 599)
FACTORS = (1.0, 1.009, 1.014, 1.047, 1.055, 1.098, 1.104, 1.18, 1.42, 1.72, 2.1, 2.55, 2.98, 3.1)
BEST_LOSS = 0.74


@dataclass(frozen=True)
class SixHundred:
    """600 networks on CIFAR-10 whose losses are spread as published (section 2.4.3).

    The formula gives an order: a smooth one with interactions, in which a share ``rough`` of the variance is chance;
    losses follow from ranks.  ``rough`` was set so that Bayesian optimisation finds the best about as fast as
    published: what it is faster than random search by is calibrated, not predicted.
    """

    rough: float = 0.08
    spread: float = 0.01

    @cached_property
    def space(self) -> Grid:
        return Grid(
            "thesis_600",
            (
                integer("layers", 1, 5),
                integer("log2_filters", 3, 8),
                numbers("filter_size", (3, 5, 7, 9)),
                numbers("learning_rate", (1e-5, 1e-4, 1e-3, 1e-2, 1e-1), log=True),
            ),
            step="one",
        )

    @property
    def source(self) -> Source:
        return Source((10.0,), "minutes")

    @property
    def about(self) -> str:
        return "600 networks with the published distribution of losses (best, within 1%, 5%, 10%, 30th)"

    def validation(self, codes: Codes, fidelity: float) -> Floats:
        """The search sees the loss itself: the thesis's comparison is free of noise."""
        return self.test(codes)

    def test(self, codes: Codes) -> Floats:
        widths = tuple(variable.width for variable in self.space.variables)
        return np.asarray(self._losses[np.ravel_multi_index(tuple(np.asarray(codes).T.astype(np.int64)), widths)])

    def seconds(self, codes: Codes, fidelity: float) -> Floats:
        """Ten minutes each, as published."""
        return np.full(len(codes), fidelity * MINUTE)

    def fails(self, codes: Codes) -> npt.NDArray[np.bool_]:
        return np.zeros(len(codes), bool)

    @cached_property
    def _losses(self) -> Floats:
        codes = self.space.enumerate()
        layers, filters, size, rate = (self.space.features(codes).astype(np.float64)).T
        smooth = (
            5.0 * (rate - 0.62 + 0.25 * layers * filters) ** 2
            + 1.2 * (filters - 0.75) ** 2
            + 0.9 * (layers - 0.55 - 0.3 * size) ** 2
            + 0.35 * (size - 0.3) ** 2
        )
        smooth = np.sqrt(smooth)  # so that the best are as far apart as the rest
        score = _standard(smooth) * np.sqrt(1 - self.rough) + np.sqrt(self.rough) * _chance(self.space, codes, "order")
        rank = np.empty(len(codes))
        rank[np.argsort(score, kind="stable")] = np.arange(len(codes))
        return np.asarray(BEST_LOSS * np.exp(np.interp(rank, RANKS, np.log(FACTORS))))


@dataclass(frozen=True)
class TrainingMinutes:
    """Learning curves in minutes of the 19,200 networks of section 2.5.

    A network learns at a speed that its work for an image, its batches and its learning rate decide, to a level that
    its capacity decides, and overfits from a while after it has converged.  So small networks are ahead after three
    minutes and larger ones after 27, as Figure 2.11 says.
    """

    spread: float = 0.01

    @cached_property
    def space(self) -> Grid:
        return hyperband_grid()

    @property
    def source(self) -> Source:
        return Source((3.0, 9.0, 27.0, 30.0), "minutes", resumes=True)

    @property
    def about(self) -> str:
        return "learning curves of 19,200 networks, of which the small ones learn fast and overfit"

    def validation(self, codes: Codes, fidelity: float) -> Floats:
        return self._loss(codes, fidelity, "validation")

    def test(self, codes: Codes) -> Floats:
        return self._loss(codes, 27.0, "test")

    def seconds(self, codes: Codes, fidelity: float) -> Floats:
        """Networks are trained for minutes, whatever they get done in them."""
        return np.full(len(codes), fidelity * MINUTE)

    def fails(self, codes: Codes) -> npt.NDArray[np.bool_]:
        return np.zeros(len(codes), bool)

    def _loss(self, codes: Codes, minutes: float, split: str) -> Floats:
        place = np.asarray(codes).astype(np.int64)
        blocks, layers, filters, size, rate, batch = (
            np.array(variable.values, np.float64)[place[:, at]] for at, variable in enumerate(self.space.variables)
        )
        # multiply-adds of an image, in units of a small network's
        work = layers * 4.0 ** (filters - 4) * size**2 / 9 * (1 - 4.0**-blocks)
        capacity = 0.5 * np.log2(1 + work) + 0.5 * np.log2(1 + blocks * layers)
        best_rate = -3.1 - 0.06 * (blocks * layers - 6) / 6 + 0.12 * (np.log2(batch) - 5)
        well = np.exp(-0.5 * ((np.log10(rate) - best_rate) / 0.7) ** 2)
        epoch = 0.06 + 0.035 * work + 0.5 / batch
        scale = epoch * (2.5 + 0.12 * np.sqrt(batch)) / np.maximum(well, 1e-3)
        level = 0.5 + 0.75 * np.exp(-capacity / 1.6) + 0.02 * np.abs(size - 4.5) + 0.25 * (1 - well)
        level = np.minimum(level + 0.035 * _chance(self.space, codes, "level"), CHANCE)
        learned = 1 - np.exp(-((minutes / scale) ** 0.75))
        overfitted = 0.11 * np.maximum(np.log(minutes / (6 * scale)), 0.0)
        loss = CHANCE - (CHANCE - level) * learned + overfitted
        return np.asarray(np.maximum(loss + 0.012 * _chance(self.space, codes, split, f"{minutes:g}"), 0.05))


@dataclass(frozen=True)
class FieldOfViewSearch:
    """Losses of the networks of section 2.6, of which those that do not fit into memory fail.

    Larger networks are a little better, so a search is drawn to where memory ends.

    Attributes:
        learning_rates: 8 as in the thesis's table or 7 as in its text.
        memory: bytes.
    """

    learning_rates: int = 8
    memory: int = 12 * 2**30
    spread: float = 0.01

    @cached_property
    def space(self) -> FieldOfView:
        return field_of_view_grid(self.learning_rates)

    @property
    def source(self) -> Source:
        return Source((30.0,), "epochs")

    @property
    def about(self) -> str:
        return "39,200 networks of which a memory limit makes some untrainable; weights are exact, memory is a model"

    def validation(self, codes: Codes, fidelity: float) -> Floats:
        return self._loss(codes, "validation")

    def test(self, codes: Codes) -> Floats:
        return self._loss(codes, "test")

    def seconds(self, codes: Codes, fidelity: float) -> Floats:
        """An hour and more for a network that trains; a minute until one fails, when it is built."""
        work = self.space.memory(codes) / self.memory
        return np.where(self.fails(codes), MINUTE, 3600.0 * (1 + 8 * work) * fidelity / 30)

    def fails(self, codes: Codes) -> npt.NDArray[np.bool_]:
        return ~self.space.trainable(codes, self.memory)

    def _loss(self, codes: Codes, split: str) -> Floats:
        place = np.asarray(codes).astype(np.int64)
        blocks, layers, filters, size, separable, rate, batch = (
            np.array(variable.values, np.float64)[place[:, at]] for at, variable in enumerate(self.space.variables)
        )
        rate, batch = np.log10(rate), np.log2(batch)
        best_rate = -3.2 + 0.15 * (batch - 4) - 0.1 * (blocks * layers - 8) / 8
        tuned = np.minimum(((rate - best_rate) / 1.1) ** 2, 4.0)
        loss = (
            0.33
            + 0.32 * tuned
            + 0.03 * (blocks - 4) ** 2
            + 0.015 * (layers - 2) ** 2
            + 0.012 * (filters - 6.5) ** 2
            + 0.02 * (size == 5)
            - 0.015 * separable
            + 0.01 * (batch - 5) ** 2
        )
        loss = loss + 0.02 * _chance(self.space, codes, "level") + 0.008 * _chance(self.space, codes, split)
        return np.asarray(np.clip(loss, 0.05, float(np.log(6))))


def _chance(space: Grid, codes: Codes, *names: str) -> Floats:
    """Standard normal numbers of configurations, ``float64[n]``: the same for the same configuration."""
    keys = space.key(codes)
    return np.asarray(ndtri(uniform(np.zeros(len(codes), np.uint64), keys, space.name, *names)))


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / values.std())
