"""The embedded NAS-Bench-101 table: learned from a sample of measured cells, predicted for all 423,624.

    python -m surrogates.nasbench101 --data ../shared/data -o tables/nasbench101.h5

writes the table and, beside it, its data card.  ``--data`` is a folder with ``nasbench101_cells.csv.gz`` (a sample
of cells; accuracies after 4, 12, 36 and 108 epochs, the last the best of three repeats; seconds) and
``nasbench101_flops_500.csv`` (single repeats of some cells, for the spread between repeats).
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import stream, uniform
from nasbench_sim.spaces.nasbench101 import OPERATIONS, NASBench101
from nasbench_sim.spaces.nasbench101_cells import prune
from nasbench_sim.spaces.space import Codes, Keys
from nasbench_sim.tabular.columns import read_columns
from nasbench_sim.tabular.rows import RowIndex
from nasbench_sim.tabular.table import Table, write_table
from surrogates import boosting, kernel
from surrogates.features import nasbench101_features
from surrogates.landscape import landscape, neighbour_pairs, quality
from surrogates.nasbench101_card import Figures, card
from surrogates.recovery import (
    BEST_OF_THREE,
    BEST_OF_THREE_VARIANCE,
    distinct_groups,
    estimate_spread,
    mean_from_best_of_three,
    widened,
    width_for_least,
)

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Report = Callable[[str], None]

EPOCHS = (4, 12, 36, 108)
LETTERS = {"3": OPERATIONS[0], "1": OPERATIONS[1], "p": OPERATIONS[2]}
SEED = 101
FOLDS = 5

BEST_VALIDATION_ERROR = 1 - 0.9506  # best mean over repeats, as published with the benchmark
BEST_TEST_ERROR = 1 - 0.9432

FAILED = 0.8  # an error above it is chance level: all three repeats failed
CHANCE = 1 - 948 / 9984  # error of a failed repeat in the sample
TREES_SHARE = 0.25  # of the mixture of trees and process; 0.15 to 0.35 are equally good
TEST_IMAGES = 10_000
DEVIATION_SHARE = 0.5  # of the binomial spread of 10,000 test images, see modelled_test_error


@dataclass(frozen=True)
class Sample:
    """The measured cells.

    Attributes:
        codes: ``uint8[n, 26]``.
        keys: ``uint64[n, 2]``.
        error: ``float64[n, 4]``, validation error after 4, 12, 36 and 108 epochs, the last the best of three.
        seconds: ``float64[n]``, training for 108 epochs.
    """

    codes: Codes
    keys: Keys
    error: Floats
    seconds: Floats


@dataclass(frozen=True)
class Surrogate:
    """What the table holds, and what is known about it.

    Attributes:
        codes: ``uint8[N, 26]``, all cells.
        keys: ``uint64[N, 2]``.
        validation_error: ``float64[N, 4]``, mean over repeats at 108 epochs.
        spread: ``float64[N]``, standard deviation between repeats at 108 epochs.
        test_error: ``float64[N]``, modelled.
        seconds: ``float64[N]``, 108 epochs.
        parameters, macs: ``int64[N]``.
        learned: ``int64[n]``, rows of the measured cells.
        figures: see ``Figures``.
    """

    codes: Codes
    keys: Keys
    validation_error: Floats
    spread: Floats
    test_error: Floats
    seconds: Floats
    parameters: npt.NDArray[np.int64]
    macs: npt.NDArray[np.int64]
    learned: Rows
    figures: Figures


def read_sample(folder: Path) -> Sample:
    """The measured cells of ``nasbench101_cells.csv.gz``.

    Raises:
        UserError: the file is missing or not as expected.
    """
    accuracies = [f"val_acc_{epochs}ep" for epochs in EPOCHS]
    columns = read_columns(
        folder / "nasbench101_cells.csv.gz", ["adjacency", "ops", *accuracies, "train_seconds_108ep"]
    )
    codes = _codes(columns.text["adjacency"], columns.text["ops"])
    error = 1 - np.stack([columns.numbers(name, 0, 1) for name in accuracies], axis=1)
    return Sample(codes, NASBench101().key(codes), error, columns.numbers("train_seconds_108ep", 0, np.inf))


def read_repeats(folder: Path) -> tuple[Keys, Floats]:
    """Keys and validation errors of single repeats, from ``nasbench101_flops_500.csv``.

    Raises:
        UserError: the file is missing.
    """
    source = folder / "nasbench101_flops_500.csv"
    if not source.is_file():
        raise UserError(f"{source}: no such file; --data must name the folder of the measured figures")
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    codes = _codes([row["adjacency"] for row in rows], [row["ops"] for row in rows])
    accuracy = np.array([float(row["val_acc_108ep_percent"]) for row in rows]) / 100
    return NASBench101().key(prune(codes)), 1 - accuracy


def _codes(adjacency: list[str], operations: list[str]) -> Codes:
    space = NASBench101()
    cells = [
        space.code(np.array([list(row) for row in matrix.split("/")]) == "1", [LETTERS[letter] for letter in letters])
        for matrix, letters in zip(adjacency, operations, strict=True)
    ]
    return np.stack(cells)


@dataclass(frozen=True)
class ErrorModel:
    """Log validation error: boosted trees and a Gaussian process, mixed; and the chance that all repeats fail.

    Failures are another process than the error of networks that train: cells whose repeats all failed are left
    out of the regressions, and their chance, from trees of its own, moves the prediction towards chance level.
    """

    trees: boosting.lightgbm.Booster
    process: kernel.Regression
    failure: boosting.lightgbm.Booster

    def predict(self, features: npt.NDArray[np.float32]) -> tuple[Floats, Floats, Floats]:
        """Log error ``float64[n]``: mixed, from the trees alone, from the process alone."""
        trees, process = boosting.predict(self.trees, features), self.process.predict(features)
        mixed = TREES_SHARE * trees + (1 - TREES_SHARE) * process
        return mixed + boosting.predict(self.failure, features) * (np.log(CHANCE) - mixed), trees, process

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
    features: npt.NDArray[np.float32], error: Floats, *, seed: int = SEED, rounds: int = 1200, steps: int = 60
) -> ErrorModel:
    """Learn the error after 108 epochs; everything learned, length scales included, comes from these rows alone."""
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


def fit_trees(
    features: npt.NDArray[np.float32], target: Floats, *, seed: int = SEED, rounds: int = 500
) -> boosting.lightgbm.Booster:
    """Learn the shorter trainings' log error, or the log seconds."""
    return boosting.fit(features, target, rounds=rounds, seed=seed, learning_rate=0.05, num_leaves=20)


def split(n: int, folds: int = FOLDS, seed: int = SEED) -> Rows:
    """The fold of each row, ``int64[n]``, folds of equal size."""
    fold = np.empty(n, np.int64)
    fold[stream(seed, "folds").permutation(n)] = np.arange(n) % folds
    return fold


def modelled_test_error(keys: Keys, smooth: Floats) -> tuple[Floats, float]:
    """Held-out error that nobody measured: ``smooth`` plus a fixed deviation per cell plus one offset.

    The deviation is normal, drawn by a hash of the cell's key; its standard deviation is half of that of the
    error rate counted on 10,000 images (networks of one benchmark err on many of the same images).  The offset
    brings the best cell to the published 94.32%.

    Returns:
        ``float64[N]``, and the offset.
    """
    normal = ndtri(uniform(np.full(len(keys), SEED, np.uint64), keys, "nasbench101", "test deviation"))
    raw = smooth + DEVIATION_SHARE * np.sqrt(smooth * (1 - smooth) / TEST_IMAGES) * normal
    offset = BEST_TEST_ERROR - float(raw.min())
    return np.clip(raw + offset, 0, CHANCE), offset


def spread_from_best(keys: Keys, error: Floats, sample: Sample) -> tuple[float, int]:
    """A second estimate of the spread: mean log error of single repeats less that of the best, over 0.846.

    Fair if each single repeat is one of the three at random.  Also the number of cells.
    """
    rows = RowIndex(sample.keys).rows(keys)
    differences = [
        float(np.mean(np.log(np.unique(np.round(error[rows == row], 7)))) - np.log(sample.error[row, -1]))
        for row in np.unique(rows[rows >= 0])
    ]
    return float(np.mean(differences) / BEST_OF_THREE), len(differences)


def learn(folder: Path, report: Report = lambda _: None) -> Surrogate:
    """Learn from the figures of ``folder`` and predict all cells.

    Args:
        folder: see the module.
        report: told each step as it begins.

    Raises:
        UserError: a file is missing or not as expected.
    """
    report("reading the measured cells")
    sample = read_sample(folder)
    repeat_keys, repeat_errors = read_repeats(folder)
    _, repeat_rows = np.unique(repeat_keys, axis=0, return_inverse=True)
    spread = estimate_spread(distinct_groups(repeat_rows, repeat_errors))

    report("features of all cells")
    space = NASBench101()
    codes = space.enumerate()
    keys = space.key(codes)
    learned = RowIndex(keys).rows(sample.keys)
    features, _ = nasbench101_features(codes)
    known = features[learned]

    log_best, parts = _log_error_of_all(features, known, sample, learned, report)
    shorter = [
        _out_of_fold(features, known, np.log(sample.error[:, column]), learned, f"{epochs} epochs", report)
        for column, epochs in enumerate(EPOCHS[:-1])
    ]
    log_seconds = _out_of_fold(features, known, np.log(sample.seconds), learned, "seconds", report)

    report("mean, spread and test error")
    log_mean = mean_from_best_of_three(log_best, spread)
    sd = spread(log_mean)
    least = np.log(BEST_VALIDATION_ERROR)
    width = width_for_least(log_mean, least)
    # What the benchmark's own table holds beside the prediction: the model's error and that of a mean of three.
    best_fifth = np.argsort(log_best[learned])[: len(learned) // 5]
    residual = (np.log(sample.error[:, -1]) - log_best[learned])[best_fifth]
    scatter = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    luck_of_best = spread.low * np.sqrt(BEST_OF_THREE_VARIANCE)
    luck_of_mean = spread.low / np.sqrt(3)
    model_error = np.sqrt(max(0.0, scatter**2 - luck_of_best**2))
    expected_width = float(np.hypot(model_error, luck_of_mean))
    error = np.exp(widened(log_mean, width))
    # Luck of the validation figures does not carry over to the test images, what the model misses does.
    smooth = np.exp(widened(log_mean, float(np.sqrt(max(0.0, width**2 - luck_of_mean**2)))))
    test_error, offset = modelled_test_error(keys, smooth)

    report("landscape")
    pairs = neighbour_pairs(space, sample.codes, sample.keys)
    best, predicted = sample.error[:, -1], np.exp(log_best[learned])
    qualities = [quality(sample.error[:, i], np.exp(shorter[i][learned])) for i in range(3)]
    figures = Figures(
        quality=(
            *qualities,
            quality(best, predicted),
            quality(sample.seconds, np.exp(log_seconds[learned])),
        ),
        trees=quality(best, np.exp(parts[0])),
        process=quality(best, np.exp(parts[1])),
        measured=landscape(best, pairs),
        predicted=landscape(predicted, pairs),
        spread=spread,
        spread_from_best=spread_from_best(repeat_keys, repeat_errors, sample),
        least_mean=float(np.exp(log_mean.min())),
        width=width,
        expected_width=expected_width,
        least_expected=float(np.exp(widened(log_mean, expected_width).min())),
        test_offset=offset,
        deviation=DEVIATION_SHARE * float(np.sqrt(smooth.min() * (1 - smooth.min()) / TEST_IMAGES)),
    )
    return Surrogate(
        codes,
        keys,
        np.clip(np.stack([*np.exp(shorter), error], axis=1), 0, CHANCE),
        error * np.sqrt(np.expm1(sd**2)),
        test_error,
        np.exp(log_seconds),
        space.parameters(codes),
        space.macs(codes),
        learned,
        figures,
    )


def _log_error_of_all(
    features: npt.NDArray[np.float32],
    known: npt.NDArray[np.float32],
    sample: Sample,
    learned: Rows,
    report: Report,
) -> tuple[Floats, tuple[Floats, Floats]]:
    """Log error of the best of three, ``float64[N]``: out of fold where learned, else from all of the sample.

    Also the out-of-fold predictions ``float64[n]`` of trees and process alone.
    """
    error, fold = sample.error[:, -1], split(len(known))
    mixed, trees, process = np.empty((3, len(known)))
    for number in range(FOLDS):
        report(f"108 epochs: fold {number + 1} of {FOLDS}")
        held = fold == number
        model = fit_error_model(known[~held], error[~held])
        mixed[held], trees[held], process[held] = model.predict(known[held])
    report("108 epochs: all cells")
    model = fit_error_model(known, error)
    everywhere, _, _ = model.predict(features)
    everywhere[learned] = mixed
    return everywhere, (trees, process)


def _out_of_fold(
    features: npt.NDArray[np.float32],
    known: npt.NDArray[np.float32],
    target: Floats,
    learned: Rows,
    what: str,
    report: Report,
) -> Floats:
    """Predictions ``float64[N]`` of ``target[n]``: out of fold where learned, else from all of the sample."""
    report(f"{what}: {FOLDS} folds")
    fold = split(len(known))
    out = np.empty(len(known))
    for number in range(FOLDS):
        held = fold == number
        out[held] = boosting.predict(fit_trees(known[~held], target[~held]), known[held])
    report(f"{what}: all cells")
    everywhere = boosting.predict(fit_trees(known, target), features)
    everywhere[learned] = out
    return everywhere


ATTRIBUTES: dict[str, object] = {
    "name": "nasbench101",
    "title": "NAS-Bench-101: all cells, predicted by a surrogate",
    "description": (
        "Validation error after 4, 12, 36 and 108 epochs and training seconds of all 423,624 cells of NAS-Bench-101, "
        "predicted by models that learned from 25,001 measured cells (out of fold for those). At 108 epochs the mean "
        "over repeats, recovered from the best of three, their distribution widened until the best is the "
        "published one; the test error is modelled, not measured. See the data card."
    ),
    "space": "nasbench101",
    "kind": "surrogate",
    "licence": "Apache-2.0",
    "source": (
        "learned from figures of NAS-Bench-101 (google-research/nasbench, Apache-2.0) as found in "
        "tiga1231/nasbench-vis (ISC) and automl/NASLib (Apache-2.0)"
    ),
    "data_sets": ("cifar10",),
    "metric": "error",
    "unit_fidelity": "epochs",
    "fidelities": EPOCHS,
    "resumes": False,
    "split": "40,000 of the training images to train, the other 10,000 for validation; the test figures are modelled",
    "created_by": "python -m surrogates.nasbench101",
}


def write(surrogate: Surrogate, path: Path) -> Table:
    """Write the table and, beside it with the ending ``.md``, its data card."""
    seconds = surrogate.seconds[:, None] * np.array(EPOCHS) / EPOCHS[-1]
    arrays: dict[str, npt.NDArray[Any]] = {
        "codes": surrogate.codes,
        "cifar10/validation_mean": surrogate.validation_error,
        "cifar10/validation_spread": surrogate.spread[:, None],
        "cifar10/test_mean": surrogate.test_error[:, None],
        "cifar10/train_seconds": seconds,
        "cifar10/parameters": surrogate.parameters,
        "cifar10/macs": surrogate.macs,
    }
    own: dict[str, dict[str, object]] = {
        "cifar10/validation_spread": {"fidelities": (108,)},
        "cifar10/test_mean": {"fidelities": (108,), "note": "modelled, not measured"},
        "cifar10/train_seconds": {"unit": "s", "note": "proportional to epochs; learned at 108"},
    }
    storage = {
        "cifar10/validation_mean": {"decimals": 5},
        "cifar10/validation_spread": {"decimals": 5},
        "cifar10/test_mean": {"decimals": 5},
        "cifar10/train_seconds": {"decimals": 1},
    }
    figures = surrogate.figures
    attributes = {
        **ATTRIBUTES,
        "held_out_tau": round(figures.quality[3].tau, 4),
        "held_out_r2": round(figures.quality[3].r2, 4),
        "held_out_spearman_best_fifth": round(figures.quality[3].spearman_best, 4),
    }
    table = write_table(path, attributes, arrays, array_attributes=own, storage=storage, keys=surrogate.keys)
    beside = path.with_name(f".{path.stem}.md.{os.getpid()}.tmp")
    beside.write_text(card(figures, len(surrogate.learned), table.fingerprint), encoding="utf-8")
    os.replace(beside, path.with_suffix(".md"))
    return table


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m surrogates.nasbench101", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the measured figures")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the table to write, ending in .h5")
    options = parser.parse_args(arguments)
    try:
        if options.output.suffix != ".h5":
            raise UserError(f"{options.output}: a table's name ends in .h5")
        table = write(_learn_visibly(options.data), options.output)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: {len(table):,} cells, {options.output.stat().st_size / 2**20:.1f} MiB")
    return 0


def _learn_visibly(folder: Path) -> Surrogate:
    """``learn`` with a progress bar on a terminal, with one line per step elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    steps = 2 + FOLDS + 1 + 2 * 4 + 2
    if not console.is_terminal:
        begun = time.monotonic()
        return learn(
            folder, lambda step: print(f"{time.monotonic() - begun:7.1f} s  {step}", file=sys.stderr, flush=True)
        )
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=steps)

        def report(step: str) -> None:
            progress.update(task, description=step, advance=1)

        return learn(folder, report)


if __name__ == "__main__":
    sys.exit(main())
