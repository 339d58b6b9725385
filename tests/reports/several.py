"""Output folders of suites of several objectives, made of runs written by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nasbench_sim.trace import Trace
from reports.statistics.fronts import hypervolume
from tests.reports.conftest import Folder

BUDGET = 600
SEEDS = 8
FRONT = np.array([[0.1, 0.8], [0.2, 0.4], [0.4, 0.1], [0.9, 0.0]])
VOLUME = 0.1 * 0.2 + 0.2 * 0.6 + 0.5 * 0.9 + 0.1 * 1.0  # up to (1, 1), column by column
FIRST = (0.9, 0.0)  # the smallest network, which every run holds from the start
# When a method finds each point of the front: evaluation, and how many more a seed adds.
WHEN = {
    "LS": ((40, 8), (500, 20), (900, 0)),
    "NSGA-II": ((90, 7), (150, 8), (400, 25)),
    "DMLS": ((60, 5), (80, 6), (200, 8)),
}


def run(task: str, strategy: str, seed: int, late: int = 0, objectives: int = 2) -> Trace:
    """A run that holds something a little worse than each point of the front until it finds that point."""
    rows: list[tuple[int, tuple[float, ...]]] = [(1, FIRST)]
    for number, ((at, step), point) in enumerate(zip(WHEN[strategy], FRONT[:3], strict=True)):
        near = (point[0] + 0.02 + 0.002 * ((seed + number) % 4), point[1] + 0.01)
        rows.append((3 + 7 * number + seed % 3, near))
        rows.append((at + step * seed + late, (float(point[0]), float(point[1]))))
    rows = sorted(row for row in rows if row[0] <= BUDGET)
    values = np.array([point + (0.5,) * (objectives - 2) for _, point in rows])
    when = np.array([at for at, _ in rows], np.int64)
    true = np.column_stack([FRONT, *([np.full(len(FRONT), 0.5)] * (objectives - 2))])
    about = {
        "task": task,
        "strategy": strategy,
        "seed": seed,
        "evaluations": BUDGET,
        "seconds": float(BUDGET),
        "setup_seconds": 0.0,
        "answered": {"train": BUDGET},
        "optimum": [],
        "optimum_objectives": [0.1, 0.0],
        "objectives": names(objectives, task),
        "reference": [1.0] * objectives,
        "front_hypervolume": hypervolume(true, np.ones(objectives)),
        "ranges": {name: [20.0, 220.0] for name in names(objectives, task)[1:]},
    }
    return Trace(when, when.astype(float), np.zeros((len(when), 3), np.uint8), values, np.empty((len(when), 0)), about)


def names(objectives: int, task: str) -> list[str]:
    """Of the objectives, the error first."""
    second = f"latency_{task.rpartition('/')[2]}" if task.startswith("devices") else "mmacs"
    return ["error", second, "parameters"][:objectives]


def suite(
    path: Path,
    tasks: Sequence[str] = ("toy/one/mmacs", "toy/two/mmacs"),
    late: dict[str, dict[str, int]] | None = None,
    objectives: int = 2,
    **manifest: object,
) -> Folder:
    """A suite of DMLS, NSGA-II and LS.

    Args:
        path: of the folder.
        tasks: names; those that begin with "devices" have a latency.
        late: by task and strategy, evaluations by which its runs are late.
        objectives: how many.
        manifest: replaces fields.
    """
    given = {"metric": "hypervolume", "axis": "evaluations", "budget": {"evaluations": BUDGET, "seconds": None}}
    folder = Folder(path, name="toy_fronts", **{**given, **manifest})
    for name in WHEN:
        folder.strategy(name, SEEDS)
    folder.compare("LS", "DMLS")
    folder.compare("NSGA-II", "DMLS")
    (path / "evidence").mkdir(parents=True)
    for task in tasks:
        folder.task(task, kind="calibrated")
        for strategy in WHEN:
            for seed in range(SEEDS):
                folder.run(run(task, strategy, seed, (late or {}).get(task, {}).get(strategy, 0), objectives))
        one = run(task, "LS", 0, objectives=objectives).about
        (path / "evidence" / f"front-{task.replace('/', '-')}.json").write_text(
            json.dumps(
                {"task": task, "objectives": one["objectives"], "units": ["", "ms", ""][:objectives],
                 "ranges": one["ranges"], "reference": one["reference"], "hypervolume": one["front_hypervolume"],
                 "front": [[*point, *[0.5] * (objectives - 2)] for point in FRONT.tolist()], "kind": "calibrated"}
            )
        )  # fmt: skip
    folder.write()
    return folder


def published(task: str = "toy/one/mmacs") -> list[dict[str, object]]:
    """Two tables: after 100 and 600 evaluations, hypervolume and share of the front."""
    cells = {
        ("5.1", "hypervolume"): {100: {"DMLS": 64.0, "NSGA-II": 60.0, "LS": 62.0},
                                 600: {"DMLS": 68.0, "NSGA-II": 67.5, "LS": 67.0}},
        ("5.2", "pareto_share"): {600: {"DMLS": 100.0, "NSGA-II": 30.0, "LS": 70.0}},
    }  # fmt: skip
    return [
        {"table": table, "row": strategy, "column": f"one, {within} evaluations", "task": task, "strategy": strategy,
         "quantity": quantity, "within": within, "scale": 100, "published": value, "published_sd": 0.1,
         "published_runs": 30, "rounding": 0.005, **({"best": True} if strategy == "DMLS" else {})}
        for (table, quantity), rows in cells.items()
        for within, row in rows.items()
        for strategy, value in row.items()
    ]  # fmt: skip
