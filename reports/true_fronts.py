"""True fronts of tasks of several objectives, as a suite stored them beside its runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasbench_sim.errors import UserError
from reports.statistics import Floats

LATENCY = "latency_"
FOUND = "found"  # the kind of a front that the runs of the page found together
# Of the devices whose latency NAS-Bench-201 has been measured on, by how their names begin.
DEVICES = {
    "1080ti": "GPU", "2080ti": "GPU", "titan": "GPU", "gold": "CPU", "silver": "CPU", "pixel": "phone",
    "samsung": "phone", "essential": "phone", "raspi": "single-board computer", "fpga": "FPGA", "eyeriss": "ASIC",
}  # fmt: skip
LABELS = {
    "error": "validation error",
    "mmacs": "multiply-adds",
    "macs": "multiply-adds",
    "flops": "multiply-adds",
    "parameters": "parameters",
    "train_seconds": "training time",
}


@dataclass(frozen=True)
class Front:
    """What no configuration of a task's space dominates; everything minimised.

    Attributes:
        objectives: names, the first one "error".
        units: of each, empty for a fraction.
        ranges: by name, least and most over the space in that unit; runs hold (value - least) / (most - least).
        reference: ``float64[m]``, up to where hypervolume is counted, on the scale of the runs.
        hypervolume: of the front.
        points: ``float64[k, m]`` on the scale of the runs, distinct, by the first objective.
        kind: of the table that it was computed from; "found" of what the runs of the page found together.
    """

    objectives: tuple[str, ...]
    units: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]
    reference: Floats
    hypervolume: float
    points: Floats
    kind: str

    def natural(self, points: Floats) -> Floats:
        """Points of the runs' scale in the objectives' own units, ``float64[n, m]``; a fraction in per cent."""
        found = np.array(points, np.float64)
        for column, name in enumerate(self.objectives):
            if name in self.ranges:
                least, most = self.ranges[name]
                found[:, column] = least + found[:, column] * (most - least)
            else:
                found[:, column] *= 100
        return found

    def label(self, column: int) -> str:
        """Of an axis, with its unit."""
        name = self.objectives[column]
        if name.startswith(LATENCY):
            text = f"latency on {name.removeprefix(LATENCY)}"
        else:
            text = LABELS.get(name, name.replace("_", " "))
        unit = self.units[column] or ("" if name in self.ranges else "%")
        return f"{text}, {unit}" if unit else text

    @property
    def device(self) -> str:
        """Kind of the device whose latency is an objective, such as "GPU"; empty where there is none."""
        names = [name.removeprefix(LATENCY) for name in self.objectives if name.startswith(LATENCY)]
        return next((kind for name in names for start, kind in DEVICES.items() if name.startswith(start)), "")


def fronts(folder: Path, tasks: Mapping[str, str]) -> dict[str, Front]:
    """By task, of those that have one in ``folder/evidence``.

    Args:
        folder: output folder of a suite.
        tasks: by name the fingerprint of what answers.

    Raises:
        UserError: a file is damaged, or holds what earlier runs on something else have found.
    """
    found = {}
    for task, fingerprint in tasks.items():
        path = folder / "evidence" / f"front-{task.replace('/', '-')}.json"
        if not path.is_file():
            continue
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            found[task] = _front(task, told)
            other = found[task].kind == FOUND and told["fingerprint"] != fingerprint
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged: delete it and run the suite again, its runs are kept") from error
        if other:
            raise UserError(f"{path} is the front of earlier runs, of other networks: run the suite again")
    return found


def _front(task: str, told: Mapping[str, object]) -> Front:
    if told["task"] != task:
        raise ValueError("another task's file")
    objectives, units = (tuple(str(one) for one in told[name]) for name in ("objectives", "units"))  # type: ignore[attr-defined]
    points, reference = (np.array(told[name], np.float64) for name in ("front", "reference"))
    if points.ndim != 2 or points.shape[1:] != reference.shape or not len(points) or np.isnan(points).any():
        raise ValueError("no front")
    if not len(objectives) == len(units) == len(reference):
        raise ValueError("objectives of different numbers")
    ranges = {str(name): (float(low), float(high)) for name, (low, high) in told["ranges"].items()}  # type: ignore[attr-defined]
    return Front(objectives, units, ranges, reference, float(told["hypervolume"]), points, str(told["kind"]))  # type: ignore[arg-type]
