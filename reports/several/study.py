"""Runs of several objectives against the true fronts of their tasks: what they had found by when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nasbench_sim.trace import Trace
from reports import hypervolume
from reports.axis import EVALUATIONS
from reports.results import Results, Strategy, Task
from reports.statistics import Floats
from reports.statistics.indicators import INDICATORS, archive_at, over_time, rows_by
from reports.true_fronts import Front

POINTS = 200  # times at which indicators are computed


@dataclass(frozen=True)
class Study:
    """What the parts about fronts are made from.

    Attributes:
        results: the runs.
        tasks: those with a stored front, in the suite's order.
        grids: by task, ``float64[t]``, ascending, on the suite's axis (evaluations or simulated seconds).
        courses: by task and strategy, indicators by name, ``float64[runs, t]``; NaN before a run's first evaluation.
    """

    results: Results
    tasks: tuple[Task, ...]
    grids: Mapping[str, Floats]
    courses: Mapping[tuple[str, str], Mapping[str, Floats]]

    def front(self, task: Task) -> Front:
        """The true front of a task."""
        return self.results.fronts[task.name]

    def runs(self, task: Task, strategy: Strategy) -> Sequence[Trace]:
        """In the order of seeds."""
        return self.results.runs[task.name, strategy.name]

    def at(self, task: Task, when: float) -> int:
        """The last place of the grid that is not after that time."""
        return max(0, int(np.searchsorted(self.grids[task.name], when, side="right")) - 1)


def study(results: Results) -> Study:
    """Indicators of every run over time; of tasks whose runs are judged by hypervolume and whose front is stored."""
    tasks = tuple(
        task
        for task in results.tasks
        if task.name in results.fronts
        and all(
            traces and all(len(one.seconds) and hypervolume.is_judged(one) for one in traces)
            for traces in (results.runs[task.name, strategy.name] for strategy in results.strategies)
        )
    )
    grids, courses = {}, {}
    for task in tasks:
        groups = {s.name: results.runs[task.name, s.name] for s in results.strategies}
        grids[task.name] = grid = _grid(results, [trace for traces in groups.values() for trace in traces])
        for name, traces in groups.items():
            courses[task.name, name] = _course(traces, results.fronts[task.name], grid)
    return Study(results, tasks, grids, courses)


def typical(traces: Sequence[Trace]) -> Trace:
    """The run whose last hypervolume is the median (of an even number the lower one; of equal ones the first)."""
    ends = np.array([trace.about[hypervolume.HELD][-1] for trace in traces])
    return traces[int(np.argsort(ends, kind="stable")[(len(ends) - 1) // 2])]


def archive(trace: Trace, when: float) -> Floats:
    """What the run had found by then and nothing dominates, ``float64[k, m]``."""
    points = trace.objectives[(trace.seconds <= when) & trace.feasible]
    return archive_at(points, len(points))


def _grid(results: Results, traces: Sequence[Trace]) -> Floats:
    """So many times, log-spaced until the first run ends; whole evaluations, all different, on that axis."""
    last = min(float(trace.about["seconds"]) for trace in traces)
    if results.axis != EVALUATIONS:
        first = min(float(trace.seconds[0]) for trace in traces)
        return np.geomspace(min(first, last) or last / 1e4, last, POINTS)
    wanted = min(POINTS, int(last))
    for number in range(wanted, 40 * wanted):
        grid = np.unique(np.geomspace(1, int(last), number).round())
        if len(grid) >= wanted:
            return grid
    return np.arange(1.0, int(last) + 1)


def _course(traces: Sequence[Trace], front: Front, grid: Floats) -> dict[str, Floats]:
    tables: dict[str, list[Floats]] = {name: [] for name in INDICATORS}
    for trace in traces:
        kept = trace.feasible
        rows = rows_by(trace.seconds[kept], grid)
        found = over_time(trace.objectives[kept], rows, front.points, front.reference, INDICATORS)
        for name in INDICATORS:
            tables[name].append(np.where(rows > 0, found[name], np.nan))
    return {name: np.stack(rows) for name, rows in tables.items()}
