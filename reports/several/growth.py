"""The front as it grows: drawn at a few moments, and to be played where the reader allows scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from nasbench_sim.trace import Trace
from reports import figures, hypervolume, wording
from reports.axis import EVALUATIONS, SECONDS
from reports.blocks import Block, Figure, Gallery, Player, Section, Text
from reports.results import Task
from reports.several.steps import above, breakpoints, staircase
from reports.several.study import Study, archive, typical
from reports.statistics import Floats
from reports.statistics.indicators import TOLERANCE, lifetimes
from reports.true_fronts import Front

MOMENTS = (1 / 60, 1 / 12, 1.0)  # shares of the budget; of 6,000 evaluations 100, 500 and all


def growth(study: Study) -> list[Section]:
    """The section; none where no task has two objectives and a stored front."""
    tasks = [task for task in study.tasks if len(study.front(task).objectives) == 2]
    if not tasks:
        return []
    counted = "evaluations" if study.results.axis == EVALUATIONS else "simulated hours"
    caption = (
        f"Fronts of each method’s typical run (the one whose hypervolume at the end is the median) after so many "
        f"{counted}. Left: error against {_costs(study, tasks)}, both minimised, so that lower left is better; the "
        "grey stairs are the true front, the error axis is logarithmic. Right: how far the run’s least error for at "
        "most that cost lies above the true front’s, in points (linear below "
        f"{figures.LINEAR:g}, logarithmic above); 0 is the front itself."
    )
    blocks: list[Block] = [
        Text(
            "Every dot is a configuration that nothing found so far beats in both objectives. A search is good when "
            "its line on the right comes down to zero soon, and everywhere."
        ),
        Player(
            "growth-player",
            json.dumps({"tasks": [_played(study, task) for task in tasks]}, separators=(",", ":"), allow_nan=False),
            f"The front of each method’s typical run as it grows, by {counted}; the same runs as below. Move the "
            "slider, or let it play; leave methods out by their boxes.",
        ),
        Gallery([_drawn(study, task) for task in tasks], caption),
    ]
    return [Section("growth", "Fronts grow", "The front as it grows", blocks)]


def _costs(study: Study, tasks: Sequence[Task]) -> str:
    found = dict.fromkeys(study.front(task).label(1).partition(",")[0] for task in tasks)
    return next(iter(found)) if len(found) == 1 else "each task’s second objective"


def _drawn(study: Study, task: Task) -> Figure:
    front, last = study.front(task), float(study.grids[task.name][-1])
    runs = [typical(study.runs(task, strategy)) for strategy in study.results.strategies]
    times = [last * share for share in MOMENTS]
    if study.results.axis == EVALUATIONS:
        times = [max(1.0, float(np.round(one))) for one in times]
    stairs = [[archive(run, when) for run in runs] for when in times]
    costs = breakpoints(front, [one for row in stairs for one in row])
    moments, told = [], []
    for when, row in zip(times, stairs, strict=True):
        found = [
            figures.Found(strategy.name, place, staircase(front, one), above(front, one, costs))
            for place, (strategy, one) in enumerate(zip(study.results.strategies, row, strict=True))
        ]
        label = _when(study, when)
        moments.append(figures.Moment(label, found))
        values = [float(hypervolume.hypervolume(run, when)) for run in runs]
        told.append(
            f"after {label} "
            + ", ".join(f"{one.name} {wording.number(100 * v)}" for one, v in zip(found, values, strict=True))
        )
    name = f"growth-{wording.slug(task.label)}"
    drawing = figures.growth(
        name, task.label, moments, staircase(front, front.points), _natural(study, task, costs),
        (front.label(1), front.label(0)),
    )  # fmt: skip
    alt = f"{task.label}: fronts of typical runs beside the true front. Hypervolume times 100: {'; '.join(told)}."
    return Figure(name, drawing, f"{alt} The true front has {wording.number(100 * front.hypervolume)}.")


def _natural(study: Study, task: Task, costs: Floats) -> Floats:
    front = study.front(task)
    return front.natural(np.stack([np.zeros(len(costs)), costs], axis=1))[:, 1]


def _when(study: Study, when: float) -> str:
    return wording.count(int(when), "evaluation") if study.results.axis == EVALUATIONS else wording.hours(when)


def _played(study: Study, task: Task) -> dict[str, Any]:
    """What the script draws: numbers rounded to what can be seen."""
    front = study.front(task)
    unit = 1.0 if study.results.axis == EVALUATIONS else SECONDS.unit
    methods = []
    for place, strategy in enumerate(study.results.strategies):
        run = typical(study.runs(task, strategy))
        methods.append({"name": strategy.name, "colour": figures.colour(place), "rows": _rows(front, run, unit)})
    stairs = staircase(front, front.points)
    return {
        "label": task.label,
        "x": front.label(1),
        "y": front.label(0),
        "unit": "evaluations" if unit == 1.0 else "hours",
        "last": _short(float(study.grids[task.name][-1]) / unit),
        "first": _short(float(study.grids[task.name][0]) / unit),
        "front": [[_short(cost), _short(error)] for cost, error in stairs],
        "best": round(100 * front.hypervolume, 3),
        "methods": methods,
    }


def _rows(front: Front, run: Trace, unit: float) -> list[list[float]]:
    """When, cost, error, hypervolume times 100 after it, when it leaves the archive (-1: never), and if it is true."""
    kept = run.feasible
    seconds, points = run.seconds[kept] / unit, front.natural(run.objectives[kept])
    leaves = np.append(seconds, -1.0)[lifetimes(run.objectives[kept])]
    volumes = 100 * run.about[hypervolume.HELD][kept]
    scaled = run.objectives[kept]
    true = np.abs(scaled[:, None] - front.points[None]).max(axis=2).min(axis=1) <= TOLERANCE
    columns = zip(seconds, points[:, 1], points[:, 0], volumes, leaves, true, strict=True)
    return [
        [_short(when), _short(cost), _short(error), round(float(volume), 3), _short(gone), int(on)]
        for when, cost, error, volume, gone, on in columns
    ]


def _short(value: float) -> float:
    """Five digits; whole numbers without a point."""
    found = float(f"{value:.5g}")
    return int(found) if found == int(found) else found
