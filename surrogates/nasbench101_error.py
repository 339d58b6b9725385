"""The error of NAS-Bench-101 cells, learned: trees, a Gaussian process, and the chance that training fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt

from nasbench_sim.randomness import stream
from surrogates import boosting, kernel

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

SEED = 101
FOLDS = 5

VALIDATION_IMAGES = 9984
CHANCE = 1 - 949 / VALIDATION_IMAGES  # error of a network that gives one answer to all images, as counted
TREES_SHARE = 0.25  # of the mixture of trees and process; 0.15 to 0.35 are equally good
CAUTION = 1.5  # times the likeliest noise, which the kernel's rigid form makes too small; 1 to 2 rank equally well


def failed(error: Floats) -> npt.NDArray[np.bool_]:
    """``bool[n]``: which networks never learned; a network that trains badly rarely comes that close to it."""
    return np.asarray(np.abs(error - CHANCE) < 1.5 / VALIDATION_IMAGES)


@dataclass(frozen=True)
class ErrorModel:
    """Log validation error: boosted trees and a Gaussian process, mixed; and the chance that training fails.

    Failure is another process than the error of a network that trains: cells that failed are left out of the
    regressions, and their chance, from trees of its own, moves the prediction towards chance level.
    """

    trees: lightgbm.Booster
    process: kernel.Regression
    failure: lightgbm.Booster
    trees_share: float

    def predict(self, features: Features) -> Floats:
        """Log errors ``float64[3, n]``: mixed, from the trees alone, from the process alone."""
        trees, process = boosting.predict(self.trees, features), self.process.predict(features)
        mixed = self.trees_share * trees + (1 - self.trees_share) * process
        mixed += boosting.predict(self.failure, features) * (np.log(CHANCE) - mixed)
        return np.stack([mixed, trees, process])

    def save(self, folder: Path) -> None:
        """Write the parts into a folder, as text and ``.npz``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "trees_share.txt").write_text(repr(self.trees_share))
        boosting.save(self.trees, folder / "trees.txt")
        boosting.save(self.failure, folder / "failure.txt")
        self.process.save(folder / "process.npz")


def load_error_model(folder: Path) -> ErrorModel:
    """What ``ErrorModel.save`` wrote."""
    trees, failure = boosting.load(folder / "trees.txt"), boosting.load(folder / "failure.txt")
    share = float((folder / "trees_share.txt").read_text())
    return ErrorModel(trees, kernel.load(folder / "process.npz"), failure, share)


def fit_error_model(
    features: Features,
    error: Floats,
    *,
    seed: int = SEED,
    rounds: int = 1200,
    steps: int = 60,
    subset: int = 2000,
    most: int | None = None,
    trees_share: float = TREES_SHARE,
) -> ErrorModel:
    """Learn the error of trained cells; all that is learned, length scales included, is learned from these rows.

    Args:
        features: ``float32[n, k]``.
        error: ``float64[n]``.
        seed: of bagging and of the process's subsets.
        rounds: trees.
        steps: of the process's ascent.
        subset: rows per step.
        most: rows given to the process, drawn at random; its time grows with their third power.
        trees_share: of the mixture.
    """
    lost = failed(error)
    trained, log_error = features[~lost], np.log(error[~lost])
    trees = boosting.fit(trained, log_error, rounds=rounds, seed=seed)
    scaling, noise = kernel.learn_scaling(
        trained, log_error, boosting.importance(trees), seed=seed, steps=steps, subset=subset
    )
    given = stream(seed, "given").permutation(len(trained))[:most]
    process = kernel.fit(trained[given], log_error[given], scaling, CAUTION * noise)
    failure = boosting.fit(
        features,
        lost.astype(np.float64),
        rounds=100,
        seed=seed,
        objective="binary",
        learning_rate=0.05,
        feature_fraction=0.3,
        num_leaves=15,
        min_data_in_leaf=3,  # 29 of 25,001 cells failed
        min_sum_hessian_in_leaf=1e-4,
    )
    return ErrorModel(trees, process, failure, trees_share)


def split(n: int, folds: int = FOLDS, seed: int = SEED) -> Rows:
    """The fold of each row, ``int64[n]``, folds of equal size."""
    fold = np.empty(n, np.int64)
    fold[stream(seed, "folds").permutation(n)] = np.arange(n) % folds
    return fold


def predict_all(
    learn: Callable[[Features, Floats], Callable[[Features], Floats]],
    features: Features,
    learned: Rows,
    target: Floats,
    report: Callable[[str], None] = lambda _: None,
) -> Floats:
    """Predictions for all rows: out of fold for the learned ones, from all of those for the others.

    Args:
        learn: from ``features[m, k]`` and ``target[m]`` to a predictor, whose result may have leading axes.
        features: ``float32[N, k]``.
        learned: ``int64[n]``, rows with a target.
        target: ``float64[n]``.
        report: told each step as it begins.

    Returns:
        ``float64[..., N]``.
    """
    known = features[learned]
    fold = split(len(learned))
    held_out = []
    for number in range(FOLDS):
        report(f"fold {number + 1} of {FOLDS}")
        held = fold == number
        held_out.append(learn(known[~held], target[~held])(known[held]))
    report("all cells")
    everywhere = learn(known, target)(features)
    for number, predicted in enumerate(held_out):
        everywhere[..., learned[fold == number]] = predicted
    return everywhere
