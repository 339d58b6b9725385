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

FAILED = 0.8  # an error above it is chance level: all three repeats failed
CHANCE = 1 - 949 / 9984  # error of a network that answers one class, as counted in the sample
TREES_SHARE = 0.25  # of the mixture of trees and process; 0.15 to 0.35 are equally good


@dataclass(frozen=True)
class ErrorModel:
    """Log validation error: boosted trees and a Gaussian process, mixed; and the chance that all repeats fail.

    Failure is another process than the error of a network that trains: cells whose repeats all failed are left
    out of the regressions, and their chance, from trees of its own, moves the prediction towards chance level.
    """

    trees: lightgbm.Booster
    process: kernel.Regression
    failure: lightgbm.Booster

    def predict(self, features: Features) -> Floats:
        """Log errors ``float64[3, n]``: mixed, from the trees alone, from the process alone."""
        trees, process = boosting.predict(self.trees, features), self.process.predict(features)
        mixed = TREES_SHARE * trees + (1 - TREES_SHARE) * process
        mixed += boosting.predict(self.failure, features) * (np.log(CHANCE) - mixed)
        return np.stack([mixed, trees, process])

    def save(self, folder: Path) -> None:
        """Write the three parts into a folder, as text and ``.npz``."""
        folder.mkdir(parents=True, exist_ok=True)
        boosting.save(self.trees, folder / "trees.txt")
        boosting.save(self.failure, folder / "failure.txt")
        self.process.save(folder / "process.npz")


def load_error_model(folder: Path) -> ErrorModel:
    """What ``ErrorModel.save`` wrote."""
    trees, failure = boosting.load(folder / "trees.txt"), boosting.load(folder / "failure.txt")
    return ErrorModel(trees, kernel.load(folder / "process.npz"), failure)


def fit_error_model(
    features: Features, error: Floats, *, seed: int = SEED, rounds: int = 1200, steps: int = 60
) -> ErrorModel:
    """Learn the error after 108 epochs; all that is learned, length scales included, is learned from these rows.

    Args:
        features: ``float32[n, k]``.
        error: ``float64[n]``.
        seed: of bagging and of the process's subsets.
        rounds: trees.
        steps: of the process's ascent.
    """
    failed = error > FAILED
    trained, log_error = features[~failed], np.log(error[~failed])
    trees = boosting.fit(trained, log_error, rounds=rounds, seed=seed)
    scaling, noise = kernel.learn_scaling(trained, log_error, boosting.importance(trees), seed=seed, steps=steps)
    process = kernel.fit(trained, log_error, scaling, noise)
    failure = boosting.fit(
        features,
        failed.astype(np.float64),
        rounds=100,
        seed=seed,
        objective="binary",
        learning_rate=0.05,
        feature_fraction=0.3,
        num_leaves=15,
        min_data_in_leaf=3,  # 29 of 25,001 cells failed
        min_sum_hessian_in_leaf=1e-4,
    )
    return ErrorModel(trees, process, failure)


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
