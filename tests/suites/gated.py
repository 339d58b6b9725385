"""A suite for the gate that runs in milliseconds: random search on a line of numbers, made worse on demand."""

from __future__ import annotations

from pathlib import Path

SUITE = '''"""Is random search still as good as it was?"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from nasbench_sim.strategies.random_search import RandomSearch
from suites.gate.declaration import Gate, GatedSuite
from suites.gate.injected import Wasteful
from suites.suite import Entry
from tests.scripted import Written
from nasbench_sim.oracle import Task

EVALUATIONS = {evaluations}
WASTED = {wasted}
DRAW = {draw}


@dataclass(frozen=True)
class Table(Written):
    fingerprint: str = "{fingerprint}"

    @property
    def provenance(self):
        return {{"table": "line", "fingerprint": self.fingerprint}}


def task(name, tables):
    rng = np.random.default_rng(len(name))
    errors = 0.05 + 0.9 * rng.random(3000) ** 0.5
    return Task(name, Table(np.where(np.arange(3000) < {lost}, np.nan, errors), np.ones(3000), test=errors))


def suite(reading="one"):
    random = partial(RandomSearch, draw=DRAW)
    worse = partial(Wasteful, inner=random, wasted=WASTED) if WASTED else random
    return GatedSuite(
        name="{name}",
        question="Is random search still as good as it was?",
        tasks={tasks},
        entries=(Entry("RS", "random search", random, 10), Entry("again", "random search", worse, 10)),
        comparisons=(),
        make_task=task,
        evaluations=EVALUATIONS,
        parameters=dict(reading=reading),
        gate=Gate(looks={looks}, budgets={budgets}),
    )
'''


def write(folder: Path, **changes: object) -> Path:
    """The suite's file; changes replace what stands in braces."""
    given: dict[str, object] = {
        "name": "line",
        "evaluations": 40,
        "wasted": 0,
        "draw": 40,
        "fingerprint": "first",
        "lost": 0,
        "tasks": ("line/one", "line/three"),
        "looks": (30, 60, 90),
        "budgets": (),
    }
    path = folder / f"suite_{abs(hash(tuple(map(str, changes.items()))))}.py"
    path.write_text(SUITE.format(**given | changes), encoding="utf-8")
    return path
