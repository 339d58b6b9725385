"""TaskSet's learning curves of optimisers as DyHPO's authors pass them on, one ``.npz`` file per task.

Metz et al. 2020, "Using a thousand optimization tasks to learn hyperparameter search strategies", arXiv:2002.11887;
1,000 configurations of Adam with eight hyper-parameters, drawn at random.  The file holds ``hyperparameters [8]``,
their names; ``configs [N, 8]``; and ``train_loss``, ``valid_loss``, ``test_loss [N, 51]``, the first before any
training and the others evenly spaced over it.  NaN: the training had diverged.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.grid import Grid, numbers
from nasbench_sim.tabular.columns import file_digest
from nasbench_sim.tabular.grids import described
from nasbench_sim.tabular.importers.bounded import shown
from nasbench_sim.tabular.importers.npz import read_npz
from nasbench_sim.tabular.table import Table, write_table

ABOUT = "taskset_<task>.npz of DyHPO's authors"

LINEAR = ("beta1", "beta2")  # whose distance from 1 is what varies by magnitudes; all others are on a log scale
DIVERGED = 1e30  # a loss beyond it is none

_NAME = re.compile(r"taskset_([A-Za-z0-9][A-Za-z0-9._-]*)\.npz")


def import_taskset(source: Path, folder: Path) -> Table:
    """Write ``taskset_<task>.h5``: validation and test loss at each point of the curves, a row per configuration.

    The space is the list of configurations, since no two share a value.  The file has no seconds.

    Args:
        source: the file; its name tells the task.
        folder: where to.

    Raises:
        UserError: the source is not such a file.
    """
    named = _NAME.fullmatch(source.name)
    if named is None:
        raise UserError(f"{source}: the file's name must be taskset_<task>.npz, it tells the task")
    if not source.is_file():
        raise UserError(f"{source}: no such file")
    kinds = dict.fromkeys(("configs", "train_loss", "valid_loss", "test_loss"), ("f", 2))
    found = read_npz(source, {"hyperparameters": ("U", 1), **kinds})
    names, configs = found["hyperparameters"].tolist(), found["configs"].astype(np.float64)
    curves = {which: found[f"{which}_loss"] for which in ("valid", "test")}
    n, d = configs.shape
    if len(names) != d or any(curve.shape != curves["valid"].shape or len(curve) != n for curve in curves.values()):
        raise UserError(f"{source} holds {n} configurations of {d} variables and curves of other shapes; get it again")
    if not (np.isfinite(configs).all() and all(re.fullmatch(r"\w{1,40}", name) for name in names)):
        raise UserError(f"{source}: hyperparameters {shown(', '.join(names))} or their values are none; get it again")
    for which, curve in curves.items():
        if (curve < 0).any():
            raise UserError(f"{source}: {which}_loss holds a loss below 0; get it again")
    task = named.group(1)
    variables, codes = [], np.empty((n, d), np.int64)
    for at, name in enumerate(names):
        values, codes[:, at] = np.unique(configs[:, at], return_inverse=True)
        log = name not in LINEAR and bool(values[0] > 0)
        variables.append(numbers(name, tuple(map(float, values)), log=log))
    grid = Grid(f"taskset_{task}", tuple(variables))
    codes = codes.astype(grid.dtype)
    if len(np.unique(codes, axis=0)) < n:
        raise UserError(f"{source} holds one configuration twice; get it again")
    points = curves["valid"].shape[1]
    attributes = {
        "name": grid.name,
        "title": f"TaskSet, {task}: learning curves of {n:,} configurations of Adam, measured",
        "description": f"Loss at {points} points of one training each, point 1 before it; NaN once it has diverged.",
        "space": grid.name,
        "kind": "measured",
        "metric": "loss",
        "licence": "Apache-2.0",
        "source": "releaunifreiburg/DyHPO; the benchmark is google-research/google-research, task_set",
        "data_sets": (task,),
        "unit_fidelity": "points of the curve",
        "fidelities": tuple(float(point + 1) for point in range(points)),
        "resumes": True,
        "split": "the task's own training, validation and test data",
        "variables": described(grid.variables),
        "created_by": f"python -m nasbench_sim.tabular import taskset {source.name}",
        "source_sha256": file_digest(source),
    }
    arrays: dict[str, npt.NDArray[Any]] = {"codes": codes}
    for which, name in (("valid", "validation"), ("test", "test")):
        losses = np.where(curves[which] <= DIVERGED, curves[which], np.nan)
        arrays[f"{task}/{name}"] = losses.astype(np.float32)[:, :, None]
    return write_table(folder / f"{grid.name}.h5", attributes, arrays, keys=grid.key(codes))
