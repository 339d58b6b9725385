"""The baseline: runs that a change is held against, as a text file that is reviewed like code.

A header of tab-separated lines says what the runs were; then one line a run::

    task  strategy  seed  log_regret@300  trajectory
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from suites.gate.declaration import Gate
from suites.gate.runs import Arm, Run

FORMAT = "nasbench-sim gate baseline 1"
METRIC = "log_regret"
END = "end"  # how the read-off at the end of a run is called


@dataclass(frozen=True)
class Baseline:
    """Stored runs and what they were.

    Attributes:
        suite: its name.
        gate: the declaration under which it was written.
        budget: of each run, such as "300 evaluations".
        parameters: the suite's readings.
        tasks: by name, what answered (table, fingerprint, noise, ...).
        strategies: by name, digest of the source.
        code: versions and digests of the code that made the runs; for information alone.
        runs: of each arm, in the order of the seeds, which are 0 to ``gate.seeds - 1``.
    """

    suite: str
    gate: Gate
    budget: str
    parameters: Mapping[str, str]
    tasks: Mapping[str, Mapping[str, str]]
    strategies: Mapping[str, str]
    code: Mapping[str, str]
    runs: Mapping[Arm, Sequence[Run]]

    def values(self, arm: Arm, place: int) -> npt.NDArray[np.float64]:
        """Log-regrets of an arm at one of its budgets, ``float64[seeds]``."""
        return np.array([run.values[place] for run in self.runs[arm]])


def labels(gate: Gate) -> tuple[str, ...]:
    """What the budgets are called."""
    return tuple(str(budget) for budget in gate.budgets) or (END,)


def write(path: Path, baseline: Baseline) -> None:
    """Write beside and rename.

    Raises:
        UserError: the file cannot be written, a name holds a tab or a line break, or the runs cannot serve as a
            baseline.
    """
    lines = _run_lines(baseline)
    parameters = (*baseline.parameters, *baseline.parameters.values())
    for name in (baseline.suite, *parameters, *baseline.tasks, *baseline.strategies):
        if "\t" in name or len(name.splitlines()) != 1:
            raise UserError(f"{name!r} cannot stand in a baseline: it must be one line without tabs")
    check_runs(baseline, "the new runs")
    text = "\n".join([*_header(baseline, lines), *lines]) + "\n"
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        os.replace(beside, path)
    except OSError as error:
        raise UserError(f"cannot write the baseline {path}: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path) -> Baseline:
    """Read a baseline and check that it is whole.

    Raises:
        UserError: it is missing, damaged, of another format, or its runs cannot serve as a baseline.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UserError(f"there is no baseline {path}: write it with --update-baseline and review it") from error
    except OSError as error:
        raise UserError(f"cannot read the baseline {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no baseline: it is not a text file") from error
    if not lines:
        raise UserError(f"the baseline {path} is empty: write it with --update-baseline")
    if lines[0] != FORMAT:
        raise UserError(f"{path} is no baseline of this version (its first line is not {FORMAT!r})")
    return _Reader(path, lines).baseline()


def check_replaceable(path: Path, suite: str) -> None:
    """Refuse to overwrite what is not a baseline of this suite.

    Raises:
        UserError: it is something else, or cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            first, second = (file.readline().rstrip("\n") for _ in range(2))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if not first.startswith(FORMAT.rpartition(" ")[0]) or second != f"suite\t{suite}":
        raise UserError(f"{path} is not a baseline of the suite {suite!r}, and is not overwritten: name another file")


def check(path: Path, baseline: Baseline, now: Baseline) -> None:
    """Refuse to compare what cannot be compared.

    Args:
        path: of the baseline, for messages.
        baseline: as stored.
        now: the suite as it is, without runs.

    Raises:
        UserError: another suite, declaration, budget, reading, table or set of strategies.
    """

    def same(what: str, then: object, now: object) -> None:
        if then != now:
            remedy = "if that is meant, write the baseline anew with --update-baseline"
            raise UserError(f"{path}: {what} was {then} and is {now} now, so nothing is compared; {remedy}")

    def same_entries(what: str, then: Mapping[str, str], now: Mapping[str, str]) -> None:
        for name in sorted(then.keys() | now.keys()):
            same(f"{what}{name}", then.get(name, "absent"), now.get(name, "absent"))

    if baseline.suite != now.suite:
        raise UserError(f"{path} is a baseline of the suite {baseline.suite!r}, not of {now.suite!r}")
    same("the budget", baseline.budget, now.budget)
    for name in ("budgets", "looks", "margin", "floor", "alpha"):
        same(f"the gate's {name}", getattr(baseline.gate, name), getattr(now.gate, name))
    same_entries("the reading ", baseline.parameters, now.parameters)
    present = "present"
    for what, before, after in (("task", baseline.tasks, now.tasks), ("strategy", baseline.strategies, now.strategies)):
        same_entries(f"the {what} ", dict.fromkeys(before, present), dict.fromkeys(after, present))
    for task, provenance in now.tasks.items():
        same_entries(f"{task}: ", baseline.tasks[task], provenance)


def check_runs(baseline: Baseline, where: object) -> None:
    """Refuse runs that nothing can be compared with.

    Raises:
        UserError: a run without a regret, or a cell in which all regrets are equal.
    """
    for arm in baseline.runs:
        for place, label in enumerate(labels(baseline.gate)):
            values = baseline.values(arm, place)
            cell = f"{arm[1]} on {arm[0]} at {label}"
            if not np.isfinite(values).all():
                count = int((~np.isfinite(values)).sum())
                raise UserError(f"{where}: {count} runs of {cell} have no regret (NaN): raise the budget")
            if np.ptp(values) == 0:
                raise UserError(
                    f"{where}: all runs of {cell} have the same regret, so harm has no scale: "
                    "change the budget or leave the cell out"
                )


def _header(baseline: Baseline, lines: Sequence[str]) -> Iterator[str]:
    gate = baseline.gate
    yield FORMAT
    yield f"suite\t{baseline.suite}"
    for name, text in baseline.code.items():
        yield f"code\t{name}\t{text}"
    yield f"budget\t{baseline.budget}"
    for name, value in baseline.parameters.items():
        yield f"reading\t{name}\t{value}"
    yield "\t".join(["read off at", *labels(gate)])
    yield f"metric\t{METRIC}"
    yield f"floor\t{gate.floor!r}"
    yield f"margin\t{gate.margin!r}"
    yield f"alpha\t{gate.alpha!r}"
    yield "\t".join(["looks", *map(str, gate.looks)])
    for name, provenance in baseline.tasks.items():
        yield f"task\t{name}\t{json.dumps(dict(provenance), sort_keys=True)}"
    for name, digest in baseline.strategies.items():
        yield f"strategy\t{name}\t{digest}"
    yield f"runs\t{len(lines)}\t{_digest(lines)}"
    yield "\t".join(["task", "strategy", "seed", *(f"{METRIC}@{label}" for label in labels(gate)), "trajectory"])


def _run_lines(baseline: Baseline) -> list[str]:
    return [
        "\t".join([task, strategy, str(run.seed), *map(repr, run.values), run.trajectory])
        for (task, strategy), runs in baseline.runs.items()
        for run in runs
    ]


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class _Reader:
    """Walks through the lines once; every complaint names the file, and the line where there is one."""

    def __init__(self, path: Path, lines: Sequence[str]) -> None:
        self.path, self.lines = path, lines

    def baseline(self) -> Baseline:
        header, body = self._split()
        gate = self._gate(header)
        tasks: dict[str, dict[str, str]] = {}
        for fields in header.get("task", []):
            try:
                tasks[fields[0]] = {name: str(text) for name, text in json.loads(fields[1]).items()}
            except (ValueError, IndexError, AttributeError):
                self._damaged("a task's line cannot be read")
        baseline = Baseline(
            suite=self._one(header, "suite"),
            gate=gate,
            budget=self._one(header, "budget"),
            parameters={fields[0]: fields[-1] for fields in header.get("reading", [])},
            tasks=tasks,
            strategies={fields[0]: fields[-1] for fields in header.get("strategy", [])},
            code={fields[0]: fields[-1] for fields in header.get("code", [])},
            runs=self._runs(body, header, gate),
        )
        if baseline.runs.keys() != {(task, strategy) for task in tasks for strategy in baseline.strategies}:
            self._damaged("its runs are not of the tasks and strategies in its header")
        check_runs(baseline, self.path)
        return baseline

    def _split(self) -> tuple[dict[str, list[list[str]]], int]:
        """The header's fields by keyword, and where the runs begin."""
        header: dict[str, list[list[str]]] = {}
        for number, line in enumerate(self.lines[1:], 1):
            word, *fields = line.split("\t")
            header.setdefault(word, []).append(fields)
            if word == "runs":
                return header, number + 2
        self._damaged("it ends within its header")

    def _gate(self, header: dict[str, list[list[str]]]) -> Gate:
        if self._one(header, "metric") != METRIC:
            self._damaged(f"its metric is not {METRIC}")
        try:
            at = header["read off at"][0]
            return Gate(
                budgets=() if at == [END] else tuple(map(int, at)),
                looks=tuple(map(int, header["looks"][0])),
                margin=float(self._one(header, "margin")),
                floor=float(self._one(header, "floor")),
                alpha=float(self._one(header, "alpha")),
            )
        except (KeyError, ValueError, UserError):
            self._damaged("its header lacks a figure, or holds one that cannot be")

    def _runs(self, body: int, header: dict[str, list[list[str]]], gate: Gate) -> dict[Arm, list[Run]]:
        lines = self.lines[body:]
        if not lines:
            raise UserError(f"the baseline {self.path} holds no runs: write it with --update-baseline")
        found: dict[Arm, dict[int, Run]] = {}
        for number, line in enumerate(lines, body + 1):
            fields = line.split("\t")
            try:
                task, strategy, seed, *values, trajectory = fields
                run = Run(int(seed), tuple(map(float, values)), trajectory)
                if len(values) != len(labels(gate)) or run.seed < 0 or len(bytes.fromhex(trajectory)) != 16:
                    raise ValueError
            except ValueError:
                self._damaged(f"line {number} is not a run")
            seeds = found.setdefault((task, strategy), {})
            if run.seed in seeds:
                self._damaged(f"line {number}: {strategy} on {task} has the seed {run.seed} twice")
            seeds[run.seed] = run
        for (task, strategy), seeds in found.items():
            lacking = sorted(set(range(gate.seeds)) - seeds.keys())
            beyond = sorted(seeds.keys() - set(range(gate.seeds)))
            if lacking:
                self._damaged(f"{strategy} on {task} lacks {len(lacking)} seeds, the first is {lacking[0]}")
            if beyond:
                self._damaged(f"{strategy} on {task} has the seed {beyond[0]}, beyond the {gate.seeds} declared")
        if header["runs"] != [[str(len(lines)), _digest(lines)]]:
            self._damaged("its runs are not those that were written together (edited, or mixed from two versions)")
        return {arm: [seeds[seed] for seed in range(gate.seeds)] for arm, seeds in found.items()}

    def _one(self, header: dict[str, list[list[str]]], word: str) -> str:
        if len(header.get(word, [])) != 1 or len(header[word][0]) != 1:
            self._damaged(f"its header needs one line {word!r}")
        return header[word][0][0]

    def _damaged(self, what: str) -> NoReturn:
        raise UserError(f"the baseline {self.path} is damaged: {what}; take it from version control or write it anew")
