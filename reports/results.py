"""The output folder of a suite, read: what was asked, and what every run left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.trace import Trace
from reports.axis import AXES, SECONDS, Axis, along
from reports.hypervolume import judged
from reports.true_fronts import Front, fronts

FORMAT = "nasbench-sim suite 1"
NAMED = 3  # damaged runs that an error names one by one


@dataclass(frozen=True)
class Strategy:
    """A strategy of the suite.

    Attributes:
        name: as in tables.
        title: in words.
        seeds: runs use the seeds 0 to ``seeds - 1``.
        cluster: runs whose seeds agree modulo this number are dependent; None where none are.
    """

    name: str
    title: str
    seeds: int
    cluster: int | None


@dataclass(frozen=True)
class Task:
    """A task of the suite.

    Attributes:
        name: such as ``nasbench101/A1``.
        label: the shortest unambiguous form of the name, for tables and figures.
        size: configurations in the space, None where they are not counted.
        provenance: what answered: table, kind, fingerprint, clock, ...
        budget: of its runs: "evaluations" and "seconds", None where that does not limit them.
    """

    name: str
    label: str
    size: int | None
    provenance: Mapping[str, str]
    budget: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def space(self) -> str:
        """Last part of the name, as in names of files and in rows of published tables."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True)
class Comparison:
    """Who is held against whom, and when ("one-shot" or "end")."""

    reference: str
    method: str
    at: str


@dataclass(frozen=True)
class Results:
    """Everything that a report is made from.

    Attributes:
        folder: where it was read.
        manifest: ``suite.json`` as written.
        tasks: in the suite's order.
        strategies: in the suite's order.
        comparisons: in the suite's order.
        runs: traces of a task (by name) and a strategy (by name), in the order of their seeds, with ``axis``'s clock.
        evidence: by the name of a task, what ``evidence/weight_sharing-SPACE.json`` holds of it (SPACE is the last
            part of the name); empty where the suite wrote none.
        axis: what runs are laid out along and read by.
        fronts: true fronts of tasks of several objectives, by name, where ``evidence/front-TASK.json`` holds them.
    """

    folder: Path
    manifest: Mapping[str, Any]
    tasks: tuple[Task, ...]
    strategies: tuple[Strategy, ...]
    comparisons: tuple[Comparison, ...]
    runs: Mapping[tuple[str, str], tuple[Trace, ...]]
    evidence: Mapping[str, Mapping[str, Any]]
    axis: Axis = SECONDS
    fronts: Mapping[str, Front] = field(default_factory=dict)

    def strategy(self, name: str) -> Strategy:
        """The strategy of that name."""
        return next(strategy for strategy in self.strategies if strategy.name == name)


def read(folder: Path) -> Results:
    """Read the output folder of a suite.

    Raises:
        UserError: it is none, or runs are missing or damaged; the message names them and the remedy.
    """
    manifest = _manifest(folder)
    try:
        names = [task["name"] for task in manifest["tasks"]]
        labels = _labels(names)
        tasks = tuple(
            Task(task["name"], label, task["size"], task["provenance"], task.get("budget", manifest.get("budget", {})))
            for task, label in zip(manifest["tasks"], labels, strict=True)
        )
        strategies = tuple(Strategy(s["name"], s["title"], s["seeds"], s["cluster"]) for s in manifest["strategies"])
        comparisons = tuple(Comparison(c["reference"], c["method"], c["at"]) for c in manifest["comparisons"])
        listed = [(str(task), str(strategy), int(seed), str(path)) for task, strategy, seed, path in manifest["runs"]]
        axis = AXES[manifest.get("axis", SECONDS.name)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{folder / 'suite.json'} is damaged: run the suite again, its stored runs are kept") from error
    _check(folder, manifest, tasks, strategies, listed)
    known = {strategy.name for strategy in strategies}
    for comparison in comparisons:
        for name in (comparison.reference, comparison.method):
            if name not in known:
                raise UserError(f"{folder / 'suite.json'} compares the strategy {name!r}, which it does not run")
    runs = _runs(folder, manifest, listed, {(task, s.name) for task in names for s in strategies})
    true = fronts(folder, {task.name: task.provenance.get("fingerprint", "") for task in tasks})
    if manifest.get("metric") == "hypervolume":
        _check_found(folder, tasks, true, runs)
        runs = {group: tuple(judged(trace, true.get(group[0])) for trace in traces) for group, traces in runs.items()}
    return Results(
        folder=folder,
        manifest=manifest,
        tasks=tasks,
        strategies=strategies,
        comparisons=comparisons,
        runs={group: tuple(along(trace, axis) for trace in traces) for group, traces in runs.items()},
        evidence=_evidence(folder / "evidence", tasks),
        axis=axis,
        fronts=true,
    )


def _check_found(
    folder: Path, tasks: tuple[Task, ...], true: Mapping[str, Front], runs: Mapping[tuple[str, str], tuple[Trace, ...]]
) -> None:
    """Whether the front is there that runs by training are held against, unless none of them found anything."""
    for (name, _), traces in runs.items():
        trained = any(task.name == name and task.provenance.get("kind") == "trained" for task in tasks)
        found = any(np.isfinite(trace.objectives).all(axis=1).any() for trace in traces)
        if trained and found and name not in true:
            raise UserError(f"{folder / 'evidence'} lacks the front of {name}: run the suite again, its runs are kept")


def _manifest(folder: Path) -> Mapping[str, Any]:
    path = folder / "suite.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{folder} is not the output folder of a suite: {path} cannot be read ({error.strerror}); "
            "make one with python -m suites.run SUITE --out FOLDER"
        ) from error
    except ValueError as error:
        raise UserError(f"{path} is damaged: run the suite again, its stored runs are kept") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path} is not of this version ({FORMAT}): run the suite again")
    return manifest


def _labels(names: list[str]) -> list[str]:
    """The part in which the names differ, where it is one and tells them apart; otherwise the names."""
    parts = [name.split("/") for name in names]
    if len(names) == 1:
        return [parts[0][-1] if len(parts[0]) < 3 else names[0]]
    if len({len(one) for one in parts}) > 1:
        return names
    differing = [column for column in zip(*parts, strict=True) if len(set(column)) > 1]
    return list(differing[0]) if len(differing) == 1 and len(set(differing[0])) == len(names) else names


def _runs(
    folder: Path,
    manifest: Mapping[str, Any],
    listed: list[tuple[str, str, int, str]],
    groups: set[tuple[str, str]],
) -> Mapping[tuple[str, str], tuple[Trace, ...]]:
    again = f"run the suite {manifest.get('suite')} again with --out {folder} and the same options, it makes only these"
    missing = [entry for entry in listed if not (folder / entry[3]).is_file()]
    if missing:
        task, strategy, seed, _ = missing[0]
        raise UserError(
            f"{len(missing)} of {len(listed)} runs are missing from {folder} "
            f"(the first: {task}, {strategy}, seed {seed}): {again}"
        )
    runs: dict[tuple[str, str], list[Trace]] = {group: [] for group in sorted(groups)}
    versions: dict[str, str] = {}
    damaged: list[str] = []
    for task, strategy, seed, path in sorted(listed, key=lambda entry: entry[2]):
        try:
            trace = Trace.load(folder / path)
            told = trace.about["task"], trace.about["strategy"], trace.about["seed"]
            whole = Path(path).stem.endswith(str(trace.about.get("identity", ""))[:12])
            ours = trace.about.get("suite", manifest.get("suite")) == manifest.get("suite")
            if told != (task, strategy, seed) or (task, strategy) not in runs or not whole or not ours:
                raise KeyError("another run's file")
        except (UserError, KeyError):
            damaged.append(path)
            continue
        runs[task, strategy].append(trace)
        versions.setdefault(str(trace.about.get("engine", manifest.get("engine"))), path)
    if damaged:
        more = f" and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
        raise UserError(
            f"{len(damaged)} of {len(listed)} stored runs are damaged ({', '.join(damaged[:NAMED])}{more}): {again}"
        )
    others = {engine: path for engine, path in versions.items() if engine != manifest.get("engine")}
    if others:
        raise UserError(
            f"{folder} mixes runs of different versions of the engine ({next(iter(others.values()))} is not of the one "
            f"that {folder / 'suite.json'} names): run the suite {manifest.get('suite')} again with --fresh"
        )
    return {group: tuple(traces) for group, traces in runs.items()}


def _check(
    folder: Path,
    manifest: Mapping[str, Any],
    tasks: tuple[Task, ...],
    strategies: tuple[Strategy, ...],
    listed: list[tuple[str, str, int, str]],
) -> None:
    """Whether the manifest lists every run once."""
    path, suite = folder / "suite.json", manifest.get("suite")
    if not listed or not tasks or not strategies:
        raise UserError(f"{path} lists no runs: run the suite {suite} again with --out {folder}")
    keys = [entry[:3] for entry in listed]
    if len(set(keys)) < len(keys):
        task, strategy, seed = next(key for key in keys if keys.count(key) > 1)
        raise UserError(
            f"{path} lists a run twice ({task}, {strategy}, seed {seed}): "
            f"run the suite {suite} again with --out {folder}"
        )
    there = set(keys)
    wanted = [(t.name, s.name, seed) for t in tasks for s in strategies for seed in range(s.seeds)]
    missing = [key for key in wanted if key not in there]
    if missing:
        task, strategy, seed = missing[0]
        raise UserError(
            f"{path} lacks {len(missing)} of {len(wanted)} runs (the first: {task}, {strategy}, seed {seed}): run the "
            f"suite {suite} again with --out {folder} and the same options, it makes only these"
        )


def _evidence(folder: Path, tasks: tuple[Task, ...]) -> Mapping[str, Mapping[str, Any]]:
    files = {task.name: folder / f"weight_sharing-{task.space}.json" for task in tasks}
    spaces = {task.name: task.space for task in tasks}
    return stored_figures(files, lambda name, figures: figures["space"] == spaces[name])


def stored_figures(
    files: Mapping[str, Path], own: Callable[[str, Mapping[str, Any]], bool]
) -> Mapping[str, Mapping[str, Any]]:
    """What a suite stored of each task beside its runs, by the task's name; tasks without a file are left out.

    Args:
        files: by task.
        own: whether a file's content is of that task.

    Raises:
        UserError: a file is damaged, or another task's.
    """
    found = {}
    for name, path in files.items():
        if not path.is_file():
            continue
        try:
            figures = json.loads(path.read_text(encoding="utf-8"))
            if not own(name, figures):
                raise ValueError("another task's file")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged: delete it and run the suite again, its runs are kept") from error
        found[name] = figures
    return found


def evidence_files(results: Results, kind: str) -> Mapping[str, Path]:
    """Where a suite stores figures of each task: ``evidence/KIND-TASK.json``."""
    folder = results.folder / "evidence"
    return {task.name: folder / f"{kind}-{task.name.replace('/', '-')}.json" for task in results.tasks}
