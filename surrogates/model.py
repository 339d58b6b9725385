"""One model of one figure: ``fit``, ``predict``, ``save``, ``load``, whatever it is made of.

model = fit("xgb", space, table, split, target)
mean, sd = model.predict(codes)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import stream
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.tabular.rows import RowIndex
from nasbench_sim.tabular.table import Table
from surrogates import failures, kinds
from surrogates.calibration import Calibration, calibrate
from surrogates.ensemble import Ensemble, fit_ensemble, joined, part_of
from surrogates.failures import Failures
from surrogates.inputs import Inputs
from surrogates.members import Floats, Lessons, Report, silent
from surrogates.splits import Split
from surrogates.targets import LEAST, Target, log_mean, log_repeats

FRESH = 2000  # configurations without a figure on which the spread between members is looked at
CHUNK = 16_384  # codes answered at once, so that memory does not grow with the question


@dataclass(frozen=True)
class Model:
    """A fitted model of one figure.

    Attributes:
        space: of the configurations.
        target: the figure.
        kind: a name of ``kinds.ABOUT``.
        ensembles: its parts; several make a blend.
        weights: of the parts, summing to one.
        failures: the chance that a training fails; None where none of the learned rows seems to.
        calibration: of its standard deviations.
    """

    space: Space
    target: Target
    kind: str
    ensembles: tuple[Ensemble, ...]
    weights: tuple[float, ...]
    failures: Failures | None
    calibration: Calibration

    def predict(self, codes: Codes) -> tuple[Floats, Floats]:
        """Expected figure of codes ``[n, d]`` and the standard deviation of what the model does not know of it.

        The expectation is the median of the predicted log-normal figure.  Where the table that was learned had no
        repeats, the deviation holds the noise of training too, since nothing tells them apart.

        Returns:
            ``float64[n]`` each.

        Raises:
            UserError: wrong shape, or a code that is no configuration of the space.
        """
        log, spread = self.logs(codes)
        mean = np.exp(log)
        return mean, mean * self.calibration.model_sd(log, spread)

    def run_sd(self, codes: Codes) -> Floats:
        """Standard deviation ``float64[n]`` of one training run about the prediction: model and noise together."""
        log, spread = self.logs(codes)
        return np.asarray(np.exp(log) * self.calibration.run_sd(log, spread))

    def logs(self, codes: Codes | Inputs) -> tuple[Floats, Floats]:
        """Log prediction and spread between members, ``float64[n]`` each."""
        inputs = _seen(codes if isinstance(codes, Inputs) else Inputs(self.space, codes), self.target)
        out = np.empty((2, len(inputs)))
        for start in range(0, len(inputs), CHUNK):
            rows = slice(start, start + CHUNK)
            one = inputs if len(inputs) <= CHUNK else part_of(inputs, rows)
            out[:, rows] = self._logs(one)
        return out[0], out[1]

    def out_of_fold(self, learned: Inputs) -> Floats:
        """Log predictions ``float64[n]`` of the learned rows, all in their order, by members that had not seen them."""
        learned = _seen(learned, self.target)
        held = [ensemble.out_of_fold(learned) for ensemble in self.ensembles]
        log = sum((w * part for w, part in zip(self.weights, held, strict=True)), np.zeros(len(learned)))
        return log if self.failures is None else self.failures.moved_out_of_fold(log, learned)

    def _logs(self, inputs: Inputs) -> tuple[Floats, Floats]:
        asked = [ensemble.ask(inputs) for ensemble in self.ensembles]
        means, variances = zip(*(_mean_and_variance(answers) for answers in asked), strict=True)
        mean = sum((w * part for w, part in zip(self.weights, means, strict=True)), np.zeros(len(inputs)))
        within = zip(self.weights, means, variances, strict=True)
        variance = sum((w * (own + (part - mean) ** 2) for w, part, own in within), np.zeros(len(inputs)))
        return mean if self.failures is None else self.failures.moved(mean, inputs), np.sqrt(variance)

    def save(self, folder: Path, name: str) -> dict[str, Any]:
        """Write members into ``folder / name``; what ``load`` needs beside them, as plain values."""
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        return {
            "kind": self.kind,
            "data_set": self.target.data_set,
            "figure": self.target.figure,
            "fidelity": self.target.fidelity,
            "weights": list(self.weights),
            "failures": None if self.failures is None else self.failures.save(folder, name),
            "calibration": self.calibration.as_plain(),
            "parts": [
                {
                    "kind": ensemble.kind,
                    "seed": ensemble.seed,
                    "files": [f"{name}/{file}" for file in ensemble.save(place)],
                }
                for ensemble in self.ensembles
            ],
        }


def load(space: Space, folder: Path, found: Mapping[str, Any]) -> Model:
    """What ``Model.save`` wrote.

    Raises:
        ValueError, KeyError, TypeError: a file or entry that is missing or damaged.
    """
    ensembles = []
    for part in found["parts"]:
        learner = kinds.learner(str(part["kind"]))
        members = [learner.load(folder / file) for file in part["files"]]
        ensembles.append(joined(str(part["kind"]), learner, members, int(part["seed"])))
    weights = tuple(float(weight) for weight in found["weights"])
    if len(weights) != len(ensembles) or not ensembles:
        raise ValueError("the weights are not those of the parts")
    target = Target(str(found["data_set"]), str(found["figure"]), float(found["fidelity"]))
    lost = None if found["failures"] is None else failures.load(folder, found["failures"])
    calibration = Calibration.of_plain(found["calibration"])
    return Model(space, target, str(found["kind"]), tuple(ensembles), weights, lost, calibration)


def fit(
    kind: str,
    space: Space,
    table: Table,
    split: Split,
    target: Target,
    *,
    seed: int = 0,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    inputs: Inputs | None = None,
    workspace: Path | None = None,
    report: Report = silent,
) -> Model:
    """Learn a figure from the rows ``split.learned`` of a table; nothing else of it is looked at.

    Args:
        kind: a name of ``kinds.ABOUT``.
        space: of the table's configurations.
        table: opened.
        split: which rows.
        target: the figure.
        seed: same seed and settings, same bytes, on the processor.
        settings: by kind of member, changes of its learner's defaults.
        inputs: of the learned rows, where they are worked out already.
        workspace: keeps finished members, so that an interrupted training goes on.
        report: told the progress.

    Raises:
        UserError: unknown kind or figure, a learned row without the figure, a library that is not installed.
    """
    names = kinds.parts(kind)
    learners = [kinds.learner(name, **dict((settings or {}).get(name, {}))) for name in names]
    if inputs is None:
        inputs = Inputs(space, table.codes[split.learned])
    inputs = _seen(inputs, target)
    log = log_mean(table, target)[split.learned]
    if np.isnan(log).any():
        row = int(split.learned[int(np.argmax(np.isnan(log)))])
        raise UserError(f"{table.path}: row {row} has no {target} (NaN), so it cannot be learned")
    lessons = Lessons(inputs, log, _beside(table, split, target))
    trees, own = kinds.trees_of(kind), dict((settings or {}).get("beside", {}))
    far = np.zeros(len(log), bool)
    if target.figure != "train_seconds":
        report(0.0, "failed trainings")
        far = failures.failed(trees, lessons, seed, own, workspace)
    lost = failures.fit(trees, lessons, far, seed, own, workspace=workspace)
    ensembles, held = [], []
    for turn, (name, learner) in enumerate(zip(names, learners, strict=True)):

        def tell(done: float, what: str, turn: int = turn) -> None:
            report((turn + done) / len(names), what)

        ensemble, out_of_fold = fit_ensemble(
            name, learner, lessons, seed, usable=~far, workspace=workspace, report=tell
        )
        ensembles.append(ensemble)
        held.append(out_of_fold)
    fresh = _seen(Inputs(space, _fresh(space, inputs.codes, seed)), target)
    asked = [_mean_and_variance(ensemble.ask(fresh)) for ensemble in ensembles]
    saved = np.stack([
        variance * (1 - 1 / len(ensemble.members))
        for ensemble, (_, variance) in zip(ensembles, asked, strict=True)
    ])  # fmt: skip
    weights = _weights(np.stack(held)[:, ~far], log[~far], saved.mean(1) if saved.size else np.zeros(len(held)))
    draft = Model(space, target, kind, tuple(ensembles), tuple(weights.tolist()), lost, _UNCALIBRATED)
    fresh_log, fresh_spread = draft.logs(fresh)
    blended = weights @ np.stack(held)
    calibration = calibrate(
        blended if lost is None else lost.moved_out_of_fold(blended, inputs),
        log_repeats(table, target)[split.learned],
        fresh_log,
        fresh_spread**2,
        weights**2 @ saved,
        _stated_noise(table, split, target),
    )
    return Model(space, target, kind, draft.ensembles, draft.weights, lost, calibration)


def _seen(inputs: Inputs, target: Target) -> Inputs:
    return inputs.for_costs if target.figure == "train_seconds" else inputs


_UNCALIBRATED = Calibration(np.zeros(1), np.ones(1), None, np.ones(1))


def _mean_and_variance(answers: Floats) -> tuple[Floats, Floats]:
    """Of members ``[m, n]``; summed one after another, so that a row's figure does not depend on its company."""
    mean = np.zeros(answers.shape[1])
    for answer in answers:
        mean += answer
    mean /= len(answers)
    squares = np.zeros(answers.shape[1])
    for answer in answers:
        squares += (answer - mean) ** 2
    return mean, squares / max(1, len(answers) - 1)


def _weights(held: Floats, target: Floats, saved: Floats) -> Floats:
    """Weights ``float64[k]`` that make the blend's squared error least, none negative, summing to one.

    Args:
        held: ``float64[k, n]``, out of fold, by single members.
        target: ``float64[n]``.
        saved: ``float64[k]``, variance of which the mean over a part's members is rid.
    """
    if len(held) == 1:
        return np.ones(1)
    off = held - target
    typical = np.quantile(np.abs(off), 0.9, axis=1)[:, None]
    off = np.clip(off, -3 * typical, 3 * typical)  # single configurations decide nothing here
    covariance = off @ off.T / len(target) - np.diag(saved)
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 1e-3 * values.max()))).T
    heavy = 1e4 * np.sqrt(values.max())
    system = np.concatenate([root, np.full((1, len(held)), heavy)])
    found, _ = nnls(system, np.append(np.zeros(len(held)), heavy))
    return np.asarray(found / found.sum())


def _fresh(space: Space, learned: Codes, seed: int) -> Codes:
    """Configurations of the space that were not learned from, at most ``FRESH``; all if there are none."""
    count = FRESH if space.size is None else min(2 * FRESH, space.size)
    drawn = space.sample(stream(seed, "surrogates", "fresh"), count)
    _, first = np.unique(space.key(learned), axis=0, return_index=True)
    index = RowIndex(space.key(learned[np.sort(first)]))
    unknown = drawn[index.rows(space.key(drawn)) < 0]
    return unknown[:FRESH] if len(unknown) else drawn[:FRESH]


def _beside(table: Table, split: Split, target: Target) -> Floats:
    """Further figures of the learned rows: the same error after shorter trainings, and the seconds."""
    columns = []
    if target.figure != "train_seconds":
        others = [f for f in table.fidelities_of(target.data_set, target.figure) if f != target.fidelity]  # type: ignore[arg-type]
        columns += [log_mean(table, Target(target.data_set, target.figure, float(f))) for f in others[-6:]]
        timed = table.fidelities_of(target.data_set, "train_seconds")
        if len(timed):
            columns.append(log_mean(table, Target(target.data_set, "train_seconds", float(timed[-1]))))
    if not columns:
        return np.zeros((len(split.learned), 0))
    return np.maximum(np.stack(columns, axis=1)[split.learned], np.log(LEAST))


def _stated_noise(table: Table, split: Split, target: Target) -> Floats | None:
    """Standard deviation of the logarithm between runs where a table of means states a spread."""
    if target.figure == "train_seconds" or table.has_repeats(target.data_set, target.figure):  # type: ignore[arg-type]
        return None
    if f"{target.data_set}/{target.figure}_spread" not in table.arrays:
        return None
    spread = table.spread(target.data_set, target.figure, target.fidelity)  # type: ignore[arg-type]
    mean = table.mean(target.data_set, target.figure, target.fidelity)  # type: ignore[arg-type]
    return np.asarray((spread / np.maximum(mean, LEAST))[split.learned])
