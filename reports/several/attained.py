"""What a share of the runs attains, and where two methods differ in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reports import figures, wording
from reports.axis import EVALUATIONS
from reports.blocks import Block, Cell, Figure, Gallery, Section, Table, Text
from reports.results import Task
from reports.several.steps import above, breakpoints
from reports.several.study import Study, archive
from reports.statistics import Floats
from reports.statistics.indicators import TOLERANCE

SHARES = (0.25, 0.5, 0.75)
EARLY = 1 / 12  # share of the budget; of 6,000 evaluations 500
LEVELS = np.concatenate([np.linspace(0, figures.LINEAR, 12, endpoint=False), np.geomspace(figures.LINEAR, 5, 60)])
MOST_PAIRS = 3  # of methods, drawn


def attained(study: Study) -> list[Section]:
    """The section; none where no task has two objectives and a stored front."""
    tasks = [task for task in study.tasks if len(study.front(task).objectives) == 2]
    if not tasks:
        return []
    stairs = {task.name: _stairs(study, task) for task in tasks}
    blocks: list[Block] = [
        Gallery(
            [_surfaces(study, task, *stairs[task.name]) for task in tasks],
            "Error that a share of the runs attains for at most that cost, in points above the true front’s (linear "
            f"below {figures.LINEAR:g}, logarithmic above): the line is what half of the runs attain, its band reaches "
            "from what a quarter of them do (below) to what three quarters do (above). These are the 25%, 50% and 75% "
            "attainment surfaces, less the front.",
        )
    ]
    pairs = list(dict.fromkeys((one.reference, one.method) for one in study.results.comparisons))[:MOST_PAIRS]
    if pairs:
        caption = (
            "Attainment difference, a row for each two methods: at each cost and error above the true front, the share "
            "of the second one’s runs that attain it less that of the first’s. Blue: more runs of the second; orange: "
            "more of the first; white: as many of both. The lower on the picture, the nearer to the true front."
        )
        # Where one point dominates all others, the picture has no width.
        stepped = [task for task in tasks if len(stairs[task.name][0]) > 1]
        if stepped:
            blocks.append(Gallery([_difference(study, task, pairs, *stairs[task.name]) for task in stepped], caption))
    blocks.append(_found(study, tasks))
    blocks.append(
        Text(
            "A point of the true front counts as found where a run holds exactly its objectives; “by any run” joins "
            "the runs of a method.",
            "note",
        )
    )
    return [Section("attained", "Attained", "What was found of the true front", blocks)]


def _stairs(study: Study, task: Task) -> tuple[Floats, Mapping[float, Mapping[str, Floats]]]:
    """Costs, and by time and strategy each run's error above the front at them, ``float64[runs, x]``."""
    last = float(study.grids[task.name][-1])
    early = max(1.0, np.round(EARLY * last)) if study.results.axis == EVALUATIONS else EARLY * last
    front = study.front(task)
    archives = {
        when: {s.name: [archive(run, when) for run in study.runs(task, s)] for s in study.results.strategies}
        for when in (float(early), last)
    }
    every = [one for groups in archives.values() for runs in groups.values() for one in runs]
    costs = breakpoints(front, every)
    return costs, {
        when: {name: np.stack([above(front, one, costs) for one in runs]) for name, runs in groups.items()}
        for when, groups in archives.items()
    }


def surface(table: Floats, share: float) -> Floats:
    """What at least that share of the runs attains at each cost, ``float64[x]`` of ``float64[runs, x]``."""
    needed = max(1, int(np.ceil(share * len(table) - 1e-9)))
    return np.asarray(np.sort(table, axis=0)[needed - 1])


def difference(reference: Floats, method: Floats, levels: Floats) -> Floats:
    """Share of the method's runs that attain each level at each cost less the reference's, ``float64[levels, x]``."""
    shares = [(table[None] <= levels[:, None, None] + 1e-9).mean(axis=1) for table in (reference, method)]
    return np.asarray(shares[1] - shares[0])


def _axis(study: Study, task: Task, costs: Floats) -> Floats:
    front = study.front(task)
    return front.natural(np.stack([np.zeros(len(costs)), costs], axis=1))[:, 1]


def _when(study: Study, when: float) -> str:
    return wording.count(int(when), "evaluation") if study.results.axis == EVALUATIONS else wording.hours(when)


def _surfaces(study: Study, task: Task, costs: Floats, tables: Mapping[float, Mapping[str, Floats]]) -> Figure:
    moments, told = [], []
    for when, groups in tables.items():
        found = []
        for place, (name, table) in enumerate(groups.items()):
            low, middle, high = (surface(table, share) for share in SHARES)
            found.append(figures.Found(name, place, np.empty((0, 2)), middle, low, high))
        moments.append(figures.Moment(f"after {_when(study, when)}", found))
        told.append(
            f"after {_when(study, when)} "
            + ", ".join(f"{one.name} {wording.number(_mean(one.above))}" for one in found)
        )
    name = f"attained-{wording.slug(task.label)}"
    drawing = figures.attained(name, task.label, moments, _axis(study, task, costs), study.front(task).label(1))
    alt = f"{task.label}: error above the true front that half of the runs attain, mean over its steps, points: "
    return Figure(name, drawing, f"{alt}{'; '.join(told)}.")


def _mean(values: Floats) -> float:
    there = np.isfinite(values)
    return float(values[there].mean()) if there.any() else float("nan")


def _difference(
    study: Study,
    task: Task,
    pairs: Sequence[tuple[str, str]],
    costs: Floats,
    tables: Mapping[float, Mapping[str, Floats]],
) -> Figure:
    middles = np.sqrt(np.maximum(LEVELS[:-1], LEVELS[1] / 4) * LEVELS[1:])
    middles[0] = 0.0  # the lowest cell is the front itself
    rows, told = [], []
    for one, two in pairs:
        values = [difference(groups[one], groups[two], middles)[:, :-1] for groups in tables.values()]
        rows.append(((one, two), values))
        for when, shares in zip(tables, values, strict=True):
            most = [f"{name} {wording.number(100 * max(0.0, float(best)), 0)}%" for name, best in
                    ((two, shares.max()), (one, -shares.min()))]  # fmt: skip
            told.append(f"after {_when(study, when)} {' and '.join(most)}")
    name = f"difference-{wording.slug(task.label)}"
    edges = (_axis(study, task, costs), LEVELS)
    moments = [f"after {_when(study, when)}" for when in tables]
    drawing = figures.attainment_difference(name, task.label, edges, moments, rows, study.front(task).label(1))
    alt = f"{task.label}: attainment differences; by how much at most one method’s share of runs is the larger: "
    return Figure(name, drawing, f"{alt}{'; '.join(told)}.")


def _found(study: Study, tasks: Sequence[Task]) -> Table:
    rows: list[list[Cell | str]] = []
    for task in tasks:
        front = study.front(task).points
        for strategy in study.results.strategies:
            runs = study.runs(task, strategy)
            hits = np.stack([_holds(run.objectives[run.feasible], front) for run in runs])
            each = hits.sum(axis=1)
            rows.append(
                [
                    Cell(task.label, strategy.name),
                    str(len(front)),
                    Cell(wording.number(float(each.mean()), 1), f"{each.min()} to {each.max()}"),
                    str(int(hits.any(axis=0).sum())),
                    str(int(hits.all(axis=0).sum())),
                    wording.number(float(np.mean([len(archive(run, np.inf)) for run in runs])), 1),
                ]
            )
    columns = ["Task, method", "true front", "found, mean", "by any run", "by every run", "archive at the end"]
    return Table("Points of the true front found at the end of the runs", columns, rows)


def _holds(points: Floats, front: Floats) -> np.ndarray:
    if not len(points):
        return np.zeros(len(front), bool)
    return np.asarray((np.abs(front[:, None] - points[None]).max(axis=2) <= TOLERANCE).any(axis=1))
