"""A suite as it is now: to be stored as a baseline, or to be held against one."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import nasbench_sim
from nasbench_sim.oracle import Task
from suites.gate import baseline as stored
from suites.gate.baseline import Baseline
from suites.gate.declaration import gate_of
from suites.gate.runs import Arm, Measure
from suites.store import engine_source, source_of
from suites.suite import Suite


def arms_of(suite: Suite) -> list[Arm]:
    """Every strategy on every task."""
    return [(task, entry.name) for task in suite.tasks for entry in suite.entries]


def described(suite: Suite, task: Callable[[str], Task]) -> Baseline:
    """All of a baseline but the runs.

    Args:
        suite: as it is now.
        task: by name.
    """
    return Baseline(
        suite=suite.name,
        gate=gate_of(suite),
        budget=_budget(suite),
        parameters=dict(suite.parameters),
        tasks={name: dict(task(name).oracle.provenance) for name in suite.tasks},
        strategies=_sources(suite),
        code=_code(),
        runs={},
    )


def record(suite: Suite, task: Callable[[str], Task], measure: Measure) -> Baseline:
    """A new baseline, whose runs ``measure`` makes."""
    now = described(suite, task)
    return replace(now, runs=measure(arms_of(suite), range(now.gate.seeds)))


def comparable(path: Path, suite: Suite, task: Callable[[str], Task]) -> Baseline:
    """The stored baseline, if the suite as it is now can be compared with it.

    Raises:
        UserError: it cannot, or the file is missing or damaged.
    """
    baseline = stored.read(path)
    stored.check(path, baseline, described(suite, task))
    return baseline


def changes(baseline: Baseline, suite: Suite) -> list[str]:
    """What differs in the code since the baseline: where to look when something has got worse."""
    found = []
    for name, now in _code().items():
        then = baseline.code.get(name, "unknown")
        if then != now:
            engine = "the engine's source has changed since the baseline"
            found.append(engine if name == "engine" else f"{name} was {then} and is {now} now")
    for name, now in _sources(suite).items():
        if baseline.strategies.get(name) != now:
            found.append(f"the source of {name} has changed since the baseline")
    return found


def differing(before: Baseline, now: Baseline) -> int:
    """How many runs of ``now`` have no equal trajectory in ``before``."""
    old = {(arm, run.seed): run.trajectory for arm, runs in before.runs.items() for run in runs}
    return sum(old.get((arm, run.seed)) != run.trajectory for arm, runs in now.runs.items() for run in runs)


def at_floor(baseline: Baseline) -> list[str]:
    """Complaints about cells that show little, since most of their runs reach the floor."""
    floor = np.log(baseline.gate.floor)
    found = []
    for arm in baseline.runs:
        for place, label in enumerate(stored.labels(baseline.gate)):
            share = float((baseline.values(arm, place) <= floor).mean())
            if share > 0.5:
                cell = f"{arm[1]} on {arm[0]} at {label}"
                found.append(f"{share:.0%} of the runs of {cell} reach the floor; a smaller budget would show more")
    return found


def _budget(suite: Suite) -> str:
    parts = []
    if suite.evaluations is not None:
        parts.append(f"{suite.evaluations} evaluations")
    if suite.seconds is not None:
        parts.append(f"{suite.seconds!r} seconds")
    return " and ".join(parts) or "none"


def _sources(suite: Suite) -> dict[str, str]:
    return {
        entry.name: hashlib.sha256(json.dumps(source_of(entry.factory)).encode()).hexdigest() for entry in suite.entries
    }


def _code() -> dict[str, str]:
    return {
        "nasbench-sim": nasbench_sim.__version__,
        "engine": engine_source(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
