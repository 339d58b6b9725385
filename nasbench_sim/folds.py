"""Evaluation by k folds: each answer is drawn fold by fold, and read by one rule or another.

A study that picks the best epoch of a mean over folds, and then the best of many configurations, reports more than a
fresh evaluation would find: the winner's curse.  Here the truth is known, so it can be seen how much.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations, Request, Source
from nasbench_sim.randomness import stream, uniform
from nasbench_sim.spaces.convolutional import regimes_grid
from nasbench_sim.spaces.grid import Grid
from nasbench_sim.spaces.space import Codes

RULES = ("best epoch", "each fold's best", "last epoch")
STEPS = (64, 25, 1, 1)  # of the coarse grid over positions of values
IMAGES = 2490  # that training and validation share


@dataclass(frozen=True)
class Radiographs:
    """Curves of the AUROC over 20 epochs, generated to look like those of a study of fractures.

    Hong 2023 (report, Goldsmiths), sections 1.4 and 1.5.  Met: about 0.80 at a batch of 1,600 with dropout 0.20 and
    Adam's defaults, 0.79 to 0.81 for its ten best, chance at learning rates that are far too large.  Everything else,
    interactions and noise included, is invented.

    Attributes:
        coupling: how far, in decades per decade, the best learning rate moves with the batch size: with 0 the two
            regimes have nothing to say to each other.
    """

    coupling: float = 0.5
    epochs: int = 20

    @cached_property
    def space(self) -> Grid:
        return regimes_grid()

    def curves(self, codes: Codes) -> Floats:
        """Mean AUROC after each epoch, ``float64[n, epochs]``."""
        place = np.asarray(codes).astype(np.int64)
        batch, dropout, rate, epsilon = (
            np.array(variable.values, np.float64)[place[:, at]] for at, variable in enumerate(self.space.variables)
        )
        batch, rate, epsilon = np.log10(batch / 1600), np.log10(rate), np.log10(epsilon)
        best_rate = -3.0 + self.coupling * batch
        off = (rate - best_rate) / 0.9
        bad = 0.10 * batch**2 + 0.9 * (dropout - 0.2) ** 2 + 0.35 * (1 - np.exp(-0.5 * off**2))
        bad = bad + 0.004 * np.maximum(epsilon + 7.0, 0.0) ** 1.5
        peak = 0.5 + 0.305 * np.exp(-3.0 * bad)
        epoch = np.arange(1, self.epochs + 1)
        half = 2.5 * np.exp(-0.5 * np.clip(rate - best_rate, -1.5, 1.0))
        risen = 1 - np.exp(-epoch / half[:, None])
        fallen = 0.0015 * np.maximum(epoch - 4 * half[:, None], 0.0) * (1.2 - 2 * dropout[:, None])
        return np.asarray(0.5 + (peak[:, None] - 0.5) * risen - fallen)

    def seconds(self, codes: Codes) -> Floats:
        """Of one epoch of one fold, ``float64[n]``: a step's overhead, and 12,000 epochs in about two days."""
        batch = np.array(self.space.variables[0].values, np.float64)[np.asarray(codes)[:, 0].astype(np.int64)]
        return 13.0 + 0.02 * IMAGES / batch

    @cached_property
    def best(self) -> float:
        """The highest mean AUROC at any epoch: of a coarse grid, then of all around its best."""
        coarse = [
            np.arange(0, variable.width, step) for variable, step in zip(self.space.variables, STEPS, strict=True)
        ]
        _, best = self._highest(coarse)
        fine = [
            np.arange(max(place - step, 0), min(place + step + 1, variable.width))
            for place, variable, step in zip(best.tolist(), self.space.variables, STEPS, strict=True)
        ]
        return self._highest(fine)[0]

    def _highest(self, axes: list[npt.NDArray[np.int64]]) -> tuple[float, Codes]:
        codes = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1).astype(self.space.dtype)
        found = np.concatenate([self.curves(part).max(axis=1) for part in np.array_split(codes, 16)])
        return float(found.max()), codes[int(found.argmax())]


class FoldsOracle:
    """Cross-validated errors (1 - AUROC): the mean over k folds, k being the fidelity.

    A fold is a part of the data that is easier or harder for every configuration (the same of all within a run, since
    the data are split once), and each training and each epoch adds noise of its own.

    Args:
        curves: of the configurations.
        rule: "best epoch": of the curve of means over folds, as the study reads it; "each fold's best": the mean of
            each fold's best epoch; "last epoch".
        folds: on offer, increasing; a request without fidelity takes the last.
        fold_spread: standard deviation between folds.
        training_spread: between trainings on the same fold.
        epoch_spread: between epochs of one training.

    Raises:
        UserError: an unknown rule, or no folds.
    """

    def __init__(
        self,
        curves: Radiographs,
        rule: str = "best epoch",
        folds: tuple[int, ...] = (6, 10),
        fold_spread: float = 0.02,
        training_spread: float = 0.015,
        epoch_spread: float = 0.012,
    ) -> None:
        if rule not in RULES:
            raise UserError(f"folds are read by {', '.join(RULES)}, not by {rule!r}")
        if not folds or folds[0] < 2 or list(folds) != sorted(set(folds)):
            raise UserError(f"cross-validation takes at least 2 folds, and numbers that increase, not {folds}")
        self.curves, self.rule, self.folds = curves, rule, folds
        self.spreads = fold_spread, training_spread, epoch_spread
        self.objectives, self.held_out, self.size = ("error",), ("test error",), None

    @property
    def space(self) -> Grid:
        return self.curves.space

    @property
    def sources(self) -> Mapping[str, Source]:
        return {"train": Source(tuple(map(float, self.folds)), "folds")}

    @property
    def provenance(self) -> Mapping[str, str]:
        fold, training, epoch = self.spreads
        about = (
            f"coupling {self.curves.coupling:g}, standard deviations of folds {fold:g}, trainings {training:g}, "
            f"epochs {epoch:g}"
        )
        return {
            "table": self.space.name,
            "kind": "calibrated",
            "fingerprint": self._fingerprint,
            "licence": "Apache-2.0",
            "source": f"generated by a formula: curves of a study of radiographs, {about}",
            "noise": "repeat",
            "clock": "seconds of the same formula",
            "clock fingerprint": self._fingerprint,
            "rule": self.rule,
        }

    @property
    def optimum(self) -> Floats:
        return np.array([1 - self.curves.best])

    @property
    def optimum_objectives(self) -> Floats:
        return np.array([1 - self.curves.best])

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        if request.source != "train":
            raise UserError(f"{self.space.name} has no source {request.source!r}, only 'train'")
        k = self.folds[-1] if request.fidelity is None else int(request.fidelity)
        if k not in self.folds:
            raise UserError(f"{self.space.name} is evaluated by {', '.join(map(str, self.folds))} folds, not {k}")
        codes = request.codes
        keys = self.space.key(codes) if request.keys is None else request.keys
        means = self.curves.curves(codes)
        seeds = np.broadcast_to(np.asarray(run, np.uint64), (len(codes),))
        found = np.clip(means[:, None] + self._noise(seeds, keys, k, request.repeat, means.shape[1]), 0.0, 1.0)
        n = len(codes)
        return Observations(
            codes=codes,
            keys=keys,
            source="train",
            objectives=(1 - read(found, self.rule))[:, None],
            constraints=np.zeros((n, 0)),
            seconds=k * self.curves.epochs * self.curves.seconds(codes),
            failed=np.zeros(n, bool),
            fidelity=np.full(n, float(k)),
            # What a fresh evaluation without noise would find, at the epoch that is best on average.
            held_out=(1 - means.max(axis=1))[:, None],
        )

    def _noise(
        self, seeds: npt.NDArray[np.uint64], keys: npt.NDArray[np.uint64], k: int, repeat: int, epochs: int
    ) -> Floats:
        """``float64[n, k, epochs]``."""
        fold, training, epoch = self.spreads
        nobody = np.zeros_like(keys)
        noise = np.empty((len(keys), k, epochs))
        for number in range(k):
            names = f"{k} folds", str(number)
            trained = training * ndtri(uniform(seeds, keys, *names, str(repeat)))
            noise[:, number] = (fold * ndtri(uniform(seeds, nobody, *names)) + trained)[:, None]
            for at in range(epochs):
                noise[:, number, at] += epoch * ndtri(uniform(seeds, keys, *names, str(repeat), f"epoch {at}"))
        return noise

    @cached_property
    def _fingerprint(self) -> str:
        codes = self.space.sample(stream(0, "fingerprint"), 64)
        curves = np.round(self.curves.curves(codes), 10).astype("<f8").tobytes()
        return hashlib.sha256(curves + repr((self.rule, self.folds, self.spreads)).encode()).hexdigest()


def read(figures: Floats, rule: str) -> Floats:
    """One figure of each configuration, ``float64[n]``, from those of folds and epochs ``float64[n, k, epochs]``."""
    if rule == "best epoch":
        return np.asarray(figures.mean(axis=1).max(axis=1))
    if rule == "each fold's best":
        return np.asarray(figures.max(axis=2).mean(axis=1))
    return np.asarray(figures[:, :, -1].mean(axis=1))
