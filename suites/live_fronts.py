"""Several objectives by training: what they are of, the scale they are measured on, and the front that runs find.

Nobody knows the true front of networks on somebody's own data.  Runs are held against the front of everything that all
runs of the page have found together, as is usual where the true one is unknown; it is worked out anew whenever the
suite has run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.normalised import Normalised
from nasbench_sim.oracle import Floats, Task
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.hypervolume import hypervolume
from nasbench_sim.tabular.fronts import Front, nondominated
from nasbench_sim.tabular.importers.nasbench201_csv import DEVICES
from nasbench_sim.trace import Trace
from suites.front_evidence import front_file, write

if TYPE_CHECKING:
    from nasbench_sim.real.oracle import RealOracle

KIND = "found"
COUNTED = {"parameters": "parameters", "mmacs": "macs", "latency": "macs"}
"""What may be minimised beside the error, and by which count of its space the least and the most of it are looked for.
"""
LISTED, DRAWN = 100_000, 2000

NOTE = (
    "The further objective is that of the networks as they are built and fed here: multiply-adds and parameters are "
    "counted, latency is that of one image on the device named below, measured once for each network. It is minimised "
    "on a scale from what the least network takes (latency: from none at all) to what the largest one does, both by "
    "the counts of the published size and, of a space that is not listed, among some thousand networks. Nobody has "
    "trained the whole space, so nobody knows its front: what this page calls the true front is the front of all that "
    "all of its runs found together, and every hypervolume and share is against that one. More runs may move it."
)


def trained_objectives(task: str) -> tuple[str, ...]:
    """What a task of tables minimises beside the error, by training: a device stands for the latency here.

    Empty where it minimises what trainings do not have.
    """
    found = []
    for name in task.rpartition("/")[2].split("+"):
        here = "latency" if name in DEVICES or name.startswith("latency_") else name
        here = "mmacs" if here in ("macs", "flops") else here
        if here not in COUNTED:
            return ()
        found.append(here)
    return tuple(dict.fromkeys(found))


def scaled(oracle: RealOracle) -> Normalised:
    """The oracle with all objectives but the error on the scale of the space."""
    ranges = {}
    for name in oracle.objectives[1:]:
        low, high = oracle.cost(name, _ends(oracle.space, COUNTED[name])).tolist()
        low = 0.0 if name == "latency" else low  # measured, so that others may lie below the least network's
        if not low < high:
            raise UserError(f"{name} is {low:g} for the least network as for the largest: it is no objective here")
        ranges[name] = (low, high)
    return Normalised(oracle, ranges)


def _ends(space: Space, count: str) -> Codes:
    """The configurations with the least and the most of a count, ``[2, d]``."""
    codes = _candidates(space)
    values = np.asarray(getattr(space, count)(codes))
    return codes[[int(np.argmin(values)), int(np.argmax(values))]]


def _candidates(space: Space) -> Codes:
    """All where they can be listed; else those of one operation throughout, which hold the ends of most spaces, and
    some at random.
    """
    if space.size is not None and space.size <= LISTED and hasattr(space, "enumerate"):
        every: Codes = space.enumerate()
        return every
    most = max(len(one.values) for one in space.variables)
    uniform = np.repeat(np.arange(most), space.dimension).reshape(most, -1).astype(space.dtype)
    return np.concatenate([uniform[space.valid(uniform)], space.sample(np.random.default_rng(0), DRAWN)])


def write_found_fronts(out: Path, tasks: Sequence[Task], runs: Sequence[Any]) -> None:
    """Write ``evidence/front-TASK.json``, see ``suites.front_evidence``, of what all runs found together.

    Args:
        out: output folder of the suite.
        tasks: by training, of several objectives.
        runs: task, strategy, seed and file of each run.
    """
    from nasbench_sim.real.oracle import FURTHER

    for task in tasks:
        points, codes = _joined([Trace.load(out / file) for name, _, _, file in runs if name == task.name])
        if not len(points):
            front_file(task, out / "evidence").unlink(missing_ok=True)  # of earlier runs
            continue
        kept = nondominated(points)
        names = task.oracle.objectives
        reference = np.ones(len(names))
        front = Front(
            names,
            _scale(task.oracle).ranges,
            points[kept],
            codes[kept],
            reference,
            hypervolume(points[kept], reference),
            ("", *(FURTHER[name] for name in names[1:])),
        )
        write(front, task, out / "evidence", KIND)


def _joined(traces: Sequence[Trace]) -> tuple[Floats, Codes]:
    """All rows of all runs that name a success."""
    points = np.concatenate([one.objectives for one in traces])
    codes = np.concatenate([one.codes for one in traces])
    whole = np.isfinite(points).all(axis=1) & np.concatenate([one.feasible for one in traces])
    return points[whole], codes[whole]


def _scale(oracle: Any) -> Normalised:
    """The part of an oracle that brings objectives to one scale."""
    return oracle if isinstance(oracle, Normalised) else _scale(oracle.oracle)
