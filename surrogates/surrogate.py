"""A surrogate benchmark: what a table knows of its configurations, predicted for all of the space.

surrogate = fit("xgb", NASBench101(), table, split, "cifar10")
mean, sd = surrogate.predict(codes)                 # validation error after the longest training
mean, sd = surrogate.predict(codes, fidelity=20)    # after 20 epochs
seconds = surrogate.train_seconds(codes, 20)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.tabular.table import Table
from surrogates import differences, kinds, model
from surrogates.cores import in_parts, threads
from surrogates.differences import Differences
from surrogates.ensemble import part_of
from surrogates.inputs import Inputs
from surrogates.members import Floats, Report, silent
from surrogates.model import CHUNK, Model
from surrogates.splits import Split
from surrogates.targets import LEAST, Target, log_mean, main_target

PART = 1250  # codes of a thread's turn: a pass of features
TREES = ("xgb", "lgb")
ENUMERABLE = 10**6  # configurations; of larger spaces no optimum is known


@dataclass(frozen=True)
class Answers:
    """What is predicted of n configurations, once for all fidelities.

    Attributes:
        log: ``float64[n]``, logarithm of the error after the longest training.
        spread: ``float64[n]``, between members.
        curve: ``float64[n, F]``, what to add to it after each known training; the last column is zero.
        test: ``float64[n]``, what to add to it for the test error; zero where that is not predicted.
        log_seconds: ``float64[n]``, of the longest training; zero where they are not predicted.
    """

    log: Floats
    spread: Floats
    curve: Floats
    test: Floats
    log_seconds: Floats

    def __getitem__(self, rows: Any) -> Answers:
        return Answers(self.log[rows], self.spread[rows], self.curve[rows], self.test[rows], self.log_seconds[rows])


@dataclass(frozen=True)
class Surrogate:
    """Fitted models of one data set of a table.

    Attributes:
        space: of the configurations.
        error: of the error that a search sees, after the longest training.
        fidelities: ``float64[F]``, trainings that were learned; the last is the longest.
        curve: of the error after the others; None where there are none.
        test: of the test error; None where the table has none.
        seconds: of the longest training; None where the table has none.
        shares: ``float64[F]``, seconds of each training in units of the longest one's, increasing to 1.
        noise: ``float64[F]``, noise between runs in units of that after the longest training.
        about: what it learned from, plain values; see ``folder``.
    """

    space: Space
    error: Model
    fidelities: Floats
    curve: Differences | None
    test: Differences | None
    seconds: Model | None
    shares: Floats
    noise: Floats
    about: Mapping[str, Any]

    @property
    def most(self) -> float:
        """What no error exceeds: 1, or nothing where the table's metric is another one."""
        return 1.0 if self.about["metric"] == "error" else np.inf

    def answers(self, codes: Codes) -> Answers:
        """Everything at once of codes ``[n, d]``.

        Raises:
            UserError: wrong shape, or a code that is no configuration of the space.
        """
        inputs = Inputs(self.space, codes)
        size = PART if self._shared else CHUNK
        if 0 < len(inputs) <= size:
            return self._answers(inputs)
        rows = [slice(start, start + size) for start in range(0, len(inputs), size)]
        if self._shared:
            parts = in_parts(lambda some: self._answers(part_of(inputs, some)), rows)
        else:
            parts = [self._answers(part_of(inputs, some)) for some in rows]
        if not parts:
            return Answers(np.zeros(0), np.zeros(0), np.zeros((0, len(self.fidelities))), np.zeros(0), np.zeros(0))
        return Answers(*(np.concatenate(arrays) for arrays in zip(*(vars(one).values() for one in parts), strict=True)))

    @property
    def _shared(self) -> bool:
        """Whether parts of a question are shared out over threads: networks and kernels have threads of their own."""
        return threads() > 1 and all(ensemble.kind in TREES for ensemble in self.error.ensembles)

    def _answers(self, inputs: Inputs) -> Answers:
        log, spread = self.error.logs(inputs)
        curve = np.zeros((len(inputs), len(self.fidelities)))
        if self.curve is not None:
            curve[:, :-1] = self.curve.predict(inputs)
        nothing = np.zeros(len(inputs))
        test = nothing if self.test is None else self.test.predict(inputs)[:, 0]
        seconds = nothing if self.seconds is None else self.seconds.logs(inputs)[0]
        return Answers(log, spread, curve, test, seconds)

    def predict(self, codes: Codes, fidelity: float | None = None) -> tuple[Floats, Floats]:
        """Error and the standard deviation of what the model does not know of it, ``float64[n]`` each.

        Args:
            codes: ``[n, d]``.
            fidelity: in the table's unit, up to the longest training, which is the default; between learned ones
                the logarithm of the error runs straight in the logarithm of the fidelity.

        Raises:
            UserError: a code that is no configuration, or a fidelity that cannot be predicted.
        """
        found = self.answers(codes)
        mean = self.mean(found, fidelity)
        return mean, mean * self.error.calibration.model_sd(found.log, found.spread)

    def mean(self, found: Answers, fidelity: float | None = None) -> Floats:
        """The error, ``float64[n]``."""
        return np.minimum(np.exp(found.log + self._along(found.curve, fidelity)), self.most)

    def repeat_sd(self, found: Answers, fidelity: float | None = None) -> Floats:
        """Standard deviation between training runs, ``float64[n]``.

        Raises:
            UserError: nothing is known of it.
        """
        if self.error.calibration.noise is None:
            raise UserError(
                f"this surrogate learned from a table without repeats of {self.error.target.data_set}, so it knows no "
                "noise: ask for noise 'mean'"
            )
        # The table's own noise is learned by level after the longest training, and scaled by one number elsewhere.
        at = float(self._along(self.noise[None], fidelity)[0])
        return self.mean(found, fidelity) * at * self.error.calibration.noise_sd(found.log)

    def test_error(self, found: Answers) -> Floats:
        """The test error after the longest training, ``float64[n]``.

        Raises:
            UserError: the table had none.
        """
        if self.test is None:
            raise UserError(f"this surrogate learned no test error of {self.error.target.data_set}")
        return np.minimum(np.exp(found.log + found.test), self.most)

    def train_seconds(self, codes: Codes, fidelity: float | None = None) -> Floats:
        """Seconds of one training, ``float64[n]``, increasing with the fidelity.

        Raises:
            UserError: the table had none, or a code that is no configuration.
        """
        return self.seconds_of(self.answers(codes), fidelity)

    def seconds_of(self, found: Answers, fidelity: float | None = None) -> Floats:
        """Seconds of one training, ``float64[n]``.

        Raises:
            UserError: the table had none.
        """
        if self.seconds is None:
            raise UserError(f"this surrogate learned no training seconds of {self.error.target.data_set}")
        longest = float(self.fidelities[-1])
        at = self._checked(fidelity)
        share = float(np.interp(at, np.append(0.0, self.fidelities), np.append(0.0, self.shares)))
        return np.exp(found.log_seconds) * (1.0 if at == longest else share)

    def _checked(self, fidelity: float | None) -> float:
        longest = float(self.fidelities[-1])
        at = longest if fidelity is None else float(fidelity)
        if not 0 < at <= longest:
            raise UserError(f"this surrogate predicts trainings of up to {longest:g} {self.about['unit']}, not {at:g}")
        return at

    def _along(self, columns: Floats, fidelity: float | None) -> Floats:
        """Columns ``float64[n, F]`` at one fidelity; below the shortest learned one the last slope goes on."""
        at = self._checked(fidelity)
        if len(self.fidelities) == 1 or at == self.fidelities[-1]:
            return np.asarray(columns[:, -1])
        logs = np.log(self.fidelities)
        left = int(np.clip(np.searchsorted(logs, np.log(at), side="right") - 1, 0, len(logs) - 2))
        share = (np.log(at) - logs[left]) / (logs[left + 1] - logs[left])
        return np.asarray(columns[:, left] * (1 - share) + columns[:, left + 1] * share)


def with_least(made: Surrogate, report: Report = silent) -> Surrogate:
    """The surrogate with its least predictions in ``about``, if its space can be listed: regrets are against these."""
    listed = getattr(made.space, "enumerate", None)
    if listed is None or made.space.size is None or made.space.size > ENUMERABLE:
        return made
    codes, found = listed(), []
    for start in range(0, len(codes), CHUNK):
        report(start / len(codes), f"{start:,} of {len(codes):,} configurations, for the least error")
        answers = made.answers(codes[start : start + CHUNK])
        least = {"error": made.mean(answers).min()}
        if made.test is not None:
            least["test"] = made.test_error(answers).min()
        if made.seconds is not None:
            least["train_seconds"] = made.seconds_of(answers).min()
        found.append(least)
    about = {**made.about, "least": {name: float(min(one[name] for one in found)) for name in found[0]}}
    return replace(made, about=about)


def fit(
    kind: str,
    space: Space,
    table: Table,
    split: Split,
    data_set: str | None = None,
    *,
    seed: int = 0,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    only_error: bool = False,
    workspace: Path | None = None,
    report: Report = silent,
) -> Surrogate:
    """Learn all figures of one data set from the rows ``split.learned`` of a table.

    Args:
        kind: a name of ``kinds.ABOUT``.
        space: of the table's configurations.
        table: opened.
        split: which rows; of the others nothing is looked at.
        data_set: one of the table's; may be left out where it has one.
        seed: same seed and settings, same bytes, on the processor.
        settings: by kind of member, changes of its learner's defaults.
        only_error: leave out curves, test error and seconds, for comparisons of models.
        workspace: keeps finished members, so that an interrupted training goes on.
        report: told the progress.

    Raises:
        UserError: unknown kind or data set, another space, a learned row without its figure.
    """
    if table.space != space.name:
        raise UserError(f"{table.path} is about the space {table.space}, not {space.name}")
    target = main_target(table, data_set)
    inputs = Inputs(space, table.codes[split.learned])
    main = model.fit(
        kind, space, table, split, target,
        seed=seed, settings=settings, inputs=inputs, workspace=workspace, report=_part(report, 0.0, 0.85),
    )  # fmt: skip
    about = _about(kind, table, split, target, seed)
    longest = np.array([target.fidelity])
    if only_error:
        return Surrogate(space, main, longest, None, None, None, np.ones(1), np.ones(1), about)
    trees = kinds.trees_of(kind)
    own = dict((settings or {}).get("beside", {}))
    fidelities = table.fidelities_of(target.data_set, target.figure)  # type: ignore[arg-type]
    log = log_mean(table, target)

    def learned(targets: list[Target], number: int, done: float) -> Differences | None:
        if not targets:
            return None
        columns = np.stack([log_mean(table, one) - log for one in targets], axis=1)[split.learned]
        tell = _part(report, done, 0.05)
        return differences.fit(
            trees, inputs, columns, seed + number, settings=own, workspace=workspace, report=tell
        )  # fmt: skip

    curve = learned([Target(target.data_set, target.figure, float(f)) for f in fidelities[:-1]], 11, 0.85)
    test = learned(_test_target(table, target), 12, 0.9)
    seconds, shares = _seconds(trees, space, table, split, target, fidelities, seed, own, inputs, workspace, report)
    noise = _noise(table, split, target, fidelities)
    return Surrogate(space, main, np.asarray(fidelities), curve, test, seconds, shares, noise, about)


def _part(report: Report, start: float, share: float) -> Report:
    return lambda done, what: report(start + share * done, what)


def _about(kind: str, table: Table, split: Split, target: Target, seed: int) -> dict[str, Any]:
    attributes = table.attributes
    return {
        "kind": kind,
        "table": table.name,
        "table_kind": table.kind,
        "fingerprint": table.fingerprint,
        "licence": str(attributes["licence"]),
        "source": str(attributes["source"]),
        "metric": str(attributes["metric"]),
        "unit": str(attributes["unit_fidelity"]),
        "note": _note(table, target),
        "resumes": table.resumes,
        "data_set": target.data_set,
        "figure": target.figure,
        "rows": len(table),
        "learned": len(split.learned),
        "split": split.name,
        "seed": seed,
    }


def _note(table: Table, target: Target) -> str:
    """What the table itself says about the figures that are learned."""
    names = (f"{target.data_set}/{target.figure}{end}" for end in ("", "_mean"))
    return " ".join(str(table.arrays[name].attributes.get("note", "")) for name in names if name in table.arrays)


def _test_target(table: Table, target: Target) -> list[Target]:
    names = [f"{target.data_set}/test{end}" for end in ("", "_mean")]
    if target.figure == "test" or not any(name in table.arrays for name in names):
        return []
    if target.fidelity not in table.fidelities_of(target.data_set, "test"):
        return []
    return [Target(target.data_set, "test", target.fidelity)]


def _seconds(
    trees: str,
    space: Space,
    table: Table,
    split: Split,
    target: Target,
    fidelities: Floats,
    seed: int,
    settings: Mapping[str, Any],
    inputs: Inputs,
    workspace: Path | None,
    report: Report,
) -> tuple[Model | None, Floats]:
    """A model of the longest training's seconds, and what share of them shorter ones take.

    Shares are medians over the learned rows, made to increase; where the table times the longest training alone,
    seconds are in proportion to the fidelity.
    """
    timed = table.fidelities_of(target.data_set, "train_seconds")
    in_proportion = fidelities / fidelities[-1]
    if target.fidelity not in timed:
        return None, in_proportion
    longest = Target(target.data_set, "train_seconds", target.fidelity)
    log = log_mean(table, longest)[split.learned]
    if np.isnan(log).any():
        return None, in_proportion
    fitted = model.fit(
        trees, space, table, split, longest,
        seed=seed + 13, settings={trees: {"members": 2, **settings}}, inputs=inputs, workspace=workspace,
        report=_part(report, 0.95, 0.05),
    )  # fmt: skip
    shares = []
    for fidelity, share in zip(fidelities, in_proportion, strict=True):
        if fidelity in timed:
            own = log_mean(table, Target(target.data_set, "train_seconds", float(fidelity)))[split.learned]
            share = float(np.exp(np.nanmedian(own - log)))
        shares.append(float(share))
    return fitted, np.maximum.accumulate(np.minimum(shares, 1.0))


def _noise(table: Table, split: Split, target: Target, fidelities: Floats) -> Floats:
    """Noise between runs at each fidelity in units of the longest training's; 1 where only that is known."""
    found = []
    for fidelity in fidelities:
        spread = table.spread(target.data_set, target.figure, float(fidelity))[split.learned]  # type: ignore[arg-type]
        mean = table.mean(target.data_set, target.figure, float(fidelity))[split.learned]  # type: ignore[arg-type]
        relative = (spread / np.maximum(mean, LEAST))[np.isfinite(spread)]
        found.append(float(np.sqrt(np.mean(relative**2))) if len(relative) else np.nan)
    longest = found[-1]
    if not np.isfinite(longest) or longest == 0:
        return np.ones(len(fidelities))
    return np.array([one / longest if np.isfinite(one) and one > 0 else 1.0 for one in found])
