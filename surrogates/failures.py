"""Trainings that fail: found among the learned rows, left out of the regressions, and predicted as a chance.

Whether a training fails is another matter than the error of one that does not: a few configurations whose error is
ten times what all their like have bend a squared error towards them, and their like with it.  Leaving them out and
moving predictions by the chance of failure gains 0.005 in Kendall's tau on NAS-Bench-101, and loses no R2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from surrogates import kinds
from surrogates.ensemble import Ensemble, fit_ensemble, joined
from surrogates.inputs import Inputs
from surrogates.members import Floats, Lessons, Report, silent

FAR = 8.0  # robust standard deviations above a first model's prediction, at its level: 5 to 15 find the same rows
TIMES = 2.0  # the error that was expected, at least
FEWEST = 5  # of which a chance can be learned
LEVELS = 10
PILOT: Mapping[str, Any] = {"members": 2, "rounds": 120, "patience": 0}
CHANCE: Mapping[str, Any] = {"members": 4, "rounds": 100, "patience": 0}
OPTIONS: Mapping[str, Mapping[str, Any]] = {  # few of many rows fail, so that a leaf may hold three of them
    "lgb": {
        "objective": "binary", "learning_rate": 0.05, "num_leaves": 15, "feature_fraction": 0.3,
        "min_data_in_leaf": 3, "min_sum_hessian_in_leaf": 1e-4,
    },
    "xgb": {
        "objective": "binary:logistic", "eta": 0.1, "max_depth": 4, "colsample_bytree": 0.3, "min_child_weight": 1e-4
    },
}  # fmt: skip


@dataclass(frozen=True)
class Failures:
    """Chance of failure, and what the error is then.

    Attributes:
        level: logarithm of the error of a training that failed.
        chance: trees for the logit of the chance.
    """

    level: float
    chance: Ensemble

    def moved(self, log: Floats, inputs: Inputs) -> Floats:
        """Predictions ``float64[n]`` of trainings that do not fail, moved towards those that do by the chance."""
        answers = self.chance.ask(inputs)
        return self._towards(log, sum(map(expit, answers), np.zeros(len(log))) / len(answers))

    def moved_out_of_fold(self, log: Floats, learned: Inputs) -> Floats:
        """The same for the learned rows, by members that had not seen them."""
        return self._towards(log, expit(self.chance.out_of_fold(learned)))

    def _towards(self, log: Floats, chance: Floats) -> Floats:
        return np.asarray(log + chance * (self.level - log))

    def save(self, folder: Path, name: str) -> dict[str, Any]:
        """Write members into ``folder / name / failures``; what ``load`` needs beside them, as plain values."""
        place = folder / name / "failures"
        place.mkdir(parents=True, exist_ok=True)
        files = [f"{name}/failures/{file}" for file in self.chance.save(place)]
        return {"level": self.level, "kind": self.chance.kind, "seed": self.chance.seed, "files": files}


def load(folder: Path, found: Mapping[str, Any]) -> Failures:
    """What ``Failures.save`` wrote.

    Raises:
        ValueError, KeyError, TypeError: a file or entry that is missing or damaged.
    """
    learner = kinds.learner(str(found["kind"]))
    members = [learner.load(folder / file) for file in found["files"]]
    return Failures(float(found["level"]), joined(str(found["kind"]), learner, members, int(found["seed"])))


def failed(
    trees: str, lessons: Lessons, seed: int, settings: Mapping[str, Any], workspace: Path | None = None
) -> npt.NDArray[np.bool_]:
    """``bool[n]``: rows whose figure is far above what trees that did not see them predict; none if few are.

    Args:
        trees: "xgb" or "lgb".
        lessons: n rows.
        seed: of the trees.
        settings: changes of their settings.
        workspace: keeps finished members.
    """
    learner = kinds.learner(trees, **{**settings, **PILOT})
    far = np.zeros(len(lessons.target), bool)
    for turn in range(2):  # the second time without those found, which made their like look bad
        _, predicted = fit_ensemble(
            trees, learner, lessons, seed + turn, usable=~far, about={"for": "failures"}, workspace=workspace
        )
        off = lessons.target - predicted
        far = off > np.maximum(FAR * _scale(predicted, off), np.log(TIMES))
    return far if far.sum() >= FEWEST else np.zeros(len(far), bool)


def _scale(predicted: Floats, off: Floats) -> Floats:
    """Robust standard deviation ``float64[n]`` of what predictions at about the same level are off by."""
    found = np.empty(len(off))
    for rows in np.array_split(np.argsort(predicted, kind="stable"), LEVELS):
        found[rows] = 1.4826 * np.median(np.abs(off[rows]))
    return np.maximum(found, 1e-12)


def fit(
    trees: str,
    lessons: Lessons,
    far: npt.NDArray[np.bool_],
    seed: int,
    settings: Mapping[str, Any],
    *,
    workspace: Path | None = None,
    report: Report = silent,
) -> Failures | None:
    """The chance that rows like these are ``far``; None where none is.

    Args:
        trees: "xgb" or "lgb".
        lessons: n rows.
        far: ``bool[n]``, as ``failed`` found them.
        seed: of the trees.
        settings: changes of their settings.
        workspace: keeps finished members.
        report: told the progress.
    """
    if not far.any():
        return None
    learner = kinds.learner(trees, **{**settings, **CHANCE, "options": OPTIONS[trees]})
    lost = Lessons(lessons.inputs, far.astype(np.float64), np.zeros((len(far), 0)))
    chance, _ = fit_ensemble(trees, learner, lost, seed, workspace=workspace, report=report)
    return Failures(float(np.median(lessons.target[far])), chance)
