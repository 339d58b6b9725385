"""What the page of a suite of several objectives shows beside runs: the true front and the scale it is measured on."""

from __future__ import annotations

import json
import os
from pathlib import Path

from nasbench_sim.oracle import Task
from nasbench_sim.tabular.fronts import Front


def write_front(task: Task, folder: Path) -> None:
    """Write ``front-TASK.json`` of a task whose front is known; of others nothing.

    It holds ``task``, ``objectives``, their ``units``, ``ranges`` (least and most of each further objective, in its
    unit), the ``reference`` point, the front's ``hypervolume``, the ``front`` itself (on the scale of the runs) with
    one configuration for each point as ``codes``, and of the table its name, ``kind`` and ``fingerprint``.
    """
    front: Front | None = getattr(task.oracle, "front", None)
    if front is None:
        return
    about = task.oracle.provenance
    figures = {
        "task": task.name,
        "objectives": list(front.objectives),
        "units": list(front.units),
        "ranges": {name: list(ends) for name, ends in front.ranges.items()},
        "reference": front.reference.tolist(),
        "hypervolume": front.hypervolume,
        "front": front.points.tolist(),
        "codes": front.codes.tolist(),
        "table": about["table"],
        "kind": about["kind"],
        "fingerprint": about["fingerprint"],
        "stored": front.stored,
    }
    path = folder / f"front-{task.name.replace('/', '-')}.json"
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(json.dumps(figures) + "\n", encoding="utf-8")
    os.replace(partial, path)
