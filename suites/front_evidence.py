"""What the page of a suite of several objectives shows beside runs: the true front and the scale it is measured on."""

from __future__ import annotations

import json
from pathlib import Path

from nasbench_sim.files import beside
from nasbench_sim.oracle import Task
from nasbench_sim.tabular.fronts import Front


def write_front(task: Task, folder: Path) -> None:
    """Write ``front-TASK.json`` of a task whose front is known; of others nothing."""
    front: Front | None = getattr(task.oracle, "front", None)
    if front is not None:
        write(front, task, folder, task.oracle.provenance["kind"])


def write(front: Front, task: Task, folder: Path, kind: str) -> None:
    """Write a front of a task, which may be the true one or what is known of it.

    The JSON holds ``task``, ``objectives``, their ``units``, ``ranges`` (least and most of each further objective, in
    its unit), the ``reference`` point, the front's ``hypervolume``, the ``front`` itself (on the scale of the runs)
    with one configuration for each point as ``codes``, the ``kind``, and of the table its name and ``fingerprint``.
    """
    figures = {
        "task": task.name,
        "objectives": list(front.objectives),
        "units": list(front.units),
        "ranges": {name: list(ends) for name, ends in front.ranges.items()},
        "reference": front.reference.tolist(),
        "hypervolume": front.hypervolume,
        "front": front.points.tolist(),
        "codes": front.codes.tolist(),
        "table": task.oracle.provenance["table"],
        "kind": kind,
        "fingerprint": task.oracle.provenance["fingerprint"],
        "stored": front.stored,
    }
    with beside(front_file(task, folder)) as partial:
        partial.write_text(json.dumps(figures) + "\n", encoding="utf-8")


def front_file(task: Task, folder: Path) -> Path:
    """Where the front of a task is written."""
    return folder / f"front-{task.name.replace('/', '-')}.json"
