"""Another device's clock for a suite: ``--timing TABLE``."""

from __future__ import annotations

from copy import copy
from pathlib import Path

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Task
from nasbench_sim.proxy import WeightSharingOracle
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.space import Space
from nasbench_sim.tabular import Table, find
from nasbench_sim.tabular.oracle import TabularOracle
from nasbench_sim.timing import CIFAR10, Passes, Timing
from suites.catalogue import PRO_RATA, SUPERNET_EPOCHS, SUPERNET_WIDTH, VARIANT_COST, WIDTH

# 25,000 images train and as many validate on CIFAR-10 in NAS-Bench-201; on CIFAR-100 and ImageNet16-120 it trains on
# all training images and validates on half of the test images (Dong and Yang 2020, section 2.2).
NASBENCH201_IMAGES = {"cifar10": (25_000, 25_000), "cifar100": (50_000, 5_000), "imagenet16_120": (151_700, 3_000)}


def open_timing(name: str, tables: str | Path | None) -> Table:
    """A timing table by its path, or by a name among ``timings/``.

    Raises:
        UserError: there is none, or it is no timing table.
    """
    path = Path(name) if name.endswith(".h5") else find(f"timings/{name}", tables)
    table = Table.open(path)
    if table.content != "timing":
        raise UserError(f"{path} is no timing table: make one by python -m nasbench_sim.real measure")
    return table


def with_timing(task: Task, name: str, tables: str | Path | None) -> Task:
    """The task under a device's clock: trainings cost epochs x batches x (forward + backward) seconds of the table.

    Raises:
        UserError: the table is about another space, or the task's data set is not known by its number of images.
    """
    table = open_timing(name, tables)
    oracle = task.oracle
    trained = oracle.trained if isinstance(oracle, WeightSharingOracle) else oracle
    if not isinstance(trained, TabularOracle):
        raise UserError(f"--timing cannot time {task.name}: its trainings come from no table")
    space: Space = trained.space
    widths = [int(width) for width in table.widths]
    if isinstance(space, NASBench101):
        passes, width, space = CIFAR10, WIDTH, NASBench101()
    elif isinstance(space, NASBench201) and trained.data_set in NASBENCH201_IMAGES:
        size = int(np.asarray(table.attributes["batch_size"]))
        passes = Passes(*(-(-images // size) for images in NASBENCH201_IMAGES[trained.data_set]))
        width = widths[0]
    else:
        raise UserError(f"--timing cannot time {task.name}: how many images it trains on is not known")
    timing = Timing.of(table, trained.table, space)
    seconds = np.stack([timing.training(epochs, passes, width) for epochs in trained.table.fidelities], axis=1)
    retimed = trained.timed(seconds, f"forward and backward passes on {timing.device}, {timing.kind}")
    if not isinstance(oracle, WeightSharingOracle):
        return Task(task.name, retimed, task.evaluations, task.seconds, task.workers, task.decision_seconds)
    sharing = copy(oracle)
    sharing.trained = retimed
    sharing.setup_seconds = _supernet(retimed, timing, oracle.names[-1])
    return Task(task.name, sharing, task.evaluations, task.seconds, task.workers, task.decision_seconds)


def _supernet(trained: TabularOracle, timing: Timing, variant: str) -> float:
    seconds: Floats = timing.training(SUPERNET_EPOCHS, CIFAR10, SUPERNET_WIDTH)[trained.rows]
    weights = trained.table.array("cifar10/parameters")[trained.rows] if variant in PRO_RATA else np.ones(len(seconds))
    return float(VARIANT_COST[variant] * np.average(seconds, weights=weights))
