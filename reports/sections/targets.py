"""How soon each strategy reaches how good a regret, and how often at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nasbench_sim.trace import Trace
from reports import figures, hypervolume, wording
from reports.axis import Axis
from reports.blocks import Block, Cell, Details, Figure, Gallery, Section, Table, Text
from reports.comparisons import GRID, clusters, metric, values
from reports.results import Comparison, Results, Task
from reports.statistics import (
    Estimate,
    Floats,
    Significance,
    curve,
    expected_running_time,
    first_reached,
    holm,
    kaplan_meier,
    log_rank,
    share_reached,
    stratified_curve,
)

LADDER = np.geomspace(0.1, 1e-4, 31)  # ten points to a hundredth of one: declared here, not chosen from the runs
SHOWN = (0.01, 0.005, 0.002)  # targets of which times are told
OF_HYPERVOLUME = (0.005, 0.002, 0.001)

Runtimes = Mapping[tuple[str, str], Floats]


def runtimes(traces: Sequence[Trace], targets: Floats) -> Floats:
    """When each run's incumbent first has each regret, ``float64[runs, targets]``; infinite where it never has."""
    what = metric(traces)
    return np.stack([first_reached(t.seconds, values(t, t.seconds, what), targets) for t in traces])


def targets(results: Results) -> tuple[list[Section], dict[str, Any]]:
    """The section, none where no task has a regret; and what it adds to ``summary.json``."""
    tasks = [
        task
        for task in results.tasks
        if all(results.runs[task.name, s.name] and metric(results.runs[task.name, s.name]) != "error"
               for s in results.strategies)
    ]  # fmt: skip
    if not tasks:
        return [], {}
    cells = {(task.name, s.name): results.runs[task.name, s.name] for task in tasks for s in results.strategies}
    ladder = {key: runtimes(traces, LADDER) for key, traces in cells.items()}
    told = OF_HYPERVOLUME if all(metric(traces) == hypervolume.NAME for traces in cells.values()) else SHOWN
    shown = {key: runtimes(traces, np.array(told)) for key, traces in cells.items()}
    spent = {key: np.array([float(trace.about["seconds"]) for trace in traces]) for key, traces in cells.items()}
    blocks: list[Block] = [_distribution(results, tasks, ladder, spent)]
    left_out = [task.label for task in results.tasks if task not in tasks]
    if left_out:
        blocks.append(Text(f"Without {wording.listing(left_out)}, whose best error is not known.", "note"))
    if len(tasks) > 1:
        blocks.append(Details("Task by task", [_task_by_task(results, tasks, ladder, spent)]))
    table, summary = _times(results, tasks, told, shown, spent)
    blocks.append(Details("Expected running times and success rates", table))
    return [Section("targets", "Targets", "How soon a target is reached", blocks)], summary


def _grid(tasks: Sequence[Task], ladder: Runtimes, spent: Runtimes) -> Floats:
    names = {task.name for task in tasks}
    first = min(times.min() for (task, _), times in ladder.items() if task in names)
    last = max(ends.max() for (task, _), ends in spent.items() if task in names)
    return np.geomspace(first if 0 < first < last else last / 1e4, last, GRID)


def _distribution(results: Results, tasks: Sequence[Task], ladder: Runtimes, spent: Runtimes) -> Gallery:
    grid, lines = _grid(tasks, ladder, spent), []
    for place, strategy in enumerate(results.strategies):
        reached = [share_reached(ladder[task.name, strategy.name], grid) for task in tasks]
        groups = [clusters(strategy, results.runs[task.name, strategy.name]) for task in tasks]
        end = float(np.median(np.concatenate([spent[task.name, strategy.name] for task in tasks])))
        lines.append(figures.Line(strategy.name, place, grid, stratified_curve(reached, groups), (), end))
    title = "All tasks" if len(tasks) > 1 else tasks[0].label
    axis = results.axis
    drawing = figures.shares("targets", title, lines, axis.label, "share of targets reached", axis.unit)
    alt = f"Share of {len(LADDER)} targets reached over {axis.along}, {title.lower()}. At the end: " + ", ".join(
        f"{line.name} {wording.number(100 * line.curve.centre[-1], 0)}%" for line in lines
    )
    caption = (
        f"Share of {len(LADDER)} targets, log-spaced from {wording.points(LADDER[0], False)} to "
        f"{wording.points(LADDER[-1], False)} points of regret, that a run has reached by then, mean over runs"
        f"{' and tasks' if len(tasks) > 1 else ''}; bands are 95% intervals that the spread between seeds of each task "
        "leaves (tasks are not resampled). A target counts as reached from the first time that the run has it. "
        "×: half of the runs have ended."
    )
    return Gallery([Figure("targets", drawing, alt + ".")], caption)


def _task_by_task(results: Results, tasks: Sequence[Task], ladder: Runtimes, spent: Runtimes) -> Gallery:
    drawings = []
    for task in tasks:
        grid, lines = _grid([task], ladder, spent), []
        for place, strategy in enumerate(results.strategies):
            key = task.name, strategy.name
            found = curve(share_reached(ladder[key], grid), clusters(strategy, results.runs[key]))
            lines.append(figures.Line(strategy.name, place, grid, found, (), float(np.median(spent[key]))))
        name = f"targets-{wording.slug(task.label)}"
        alt = f"{task.label}: share of targets reached over {results.axis.along}. At the end: " + ", ".join(
            f"{line.name} {wording.number(100 * line.curve.centre[-1], 0)}%" for line in lines
        )
        label, unit = results.axis.label, results.axis.unit
        drawing = figures.shares(name, task.label, lines, label, "share of targets reached", unit)
        drawings.append(Figure(name, drawing, alt + "."))
    return Gallery(drawings, "The same for each task.")


def _times(
    results: Results, tasks: Sequence[Task], told: Sequence[float], shown: Runtimes, spent: Runtimes
) -> tuple[list[Text | Table | Gallery], dict[str, Any]]:
    pairs = list(dict.fromkeys((one.reference, one.method) for one in results.comparisons))
    tests = {
        (task.name, place, pair): _log_rank(results, task, Comparison(*pair, "end"), shown, spent, place)
        for task in tasks
        for place in range(len(told))
        for pair in pairs
    }
    adjusted = dict(zip(tests, holm([test.p_value for test in tests.values()]), strict=True))
    rows: list[list[Cell | str]] = []
    summary: dict[str, Any] = {}
    clock = results.axis.name
    for task in tasks:
        for place, target in enumerate(told):
            row: list[Cell | str] = [f"{task.label}, {wording.points(target, False)}"]
            for strategy in results.strategies:
                key = task.name, strategy.name
                groups = clusters(strategy, results.runs[key])
                found = expected_running_time(shown[key][:, place], spent[key], groups)
                half = kaplan_meier(shown[key][:, place], spent[key], groups).median
                hits = int(np.isfinite(shown[key][:, place]).sum())
                row.append(_time_cell(found, half, hits, found.n, results.axis))
                summary.setdefault(task.name, {}).setdefault(strategy.name, []).append(
                    {"target": target, "reached": hits, "runs": found.n, f"expected_{clock}": found.value,
                     "interval_low": found.low, "interval_high": found.high, f"median_{clock}": half}
                )  # fmt: skip
            for pair in pairs:
                test = tests[task.name, place, pair]
                note = f"Holm {wording.exact_p(adjusted[task.name, place, pair])}" if np.isfinite(test.p_value) else ""
                row.append(Cell(wording.exact_p(test.p_value), note))
            rows.append(row)
    caption = (
        f"Expected {results.axis.label} to a target, in points of regret, were unsuccessful runs started anew: what "
        "all runs spent over the number that reach it; 95% interval, how many reach it, and the median by Kaplan and "
        "Meier. p: log-rank test of which strategy reaches it sooner, Holm over this table"
    )
    columns = ["Task, target", *(s.name for s in results.strategies), *(f"p {one} | {two}" for one, two in pairs)]
    text = (
        "Runs that end before they reach a target are censored, not failures at their end. Clusters of dependent runs "
        "are respected in intervals and tests; with few clusters the log-rank test then rejects somewhat too often."
    )
    return [Table(caption, columns, rows, wide=True), Text(text, "note")], {"targets": summary}


def _log_rank(
    results: Results, task: Task, comparison: Comparison, shown: Runtimes, spent: Runtimes, place: int
) -> Significance:
    one, two = (task.name, comparison.reference), (task.name, comparison.method)
    groups = [clusters(results.strategy(name), results.runs[task.name, name]) for _, name in (one, two)]
    return log_rank(shown[one][:, place], spent[one], shown[two][:, place], spent[two], *groups)


def _time_cell(found: Estimate, half: float, hits: int, runs: int, axis: Axis) -> Cell:
    interval = f"{_ticks(found.low, axis)} to {_ticks(found.high, axis)}\n" if np.isfinite(found.low) else ""
    middle = f"median {_ticks(half, axis)}" if np.isfinite(half) else "median not reached"
    return Cell(_ticks(found.value, axis), f"{interval}{hits} of {runs}; {middle}" if hits else f"0 of {runs}")


def _ticks(seconds: float, axis: Axis) -> str:
    value = seconds / axis.unit
    return wording.number(value, 1 if value < 100 else 0)
