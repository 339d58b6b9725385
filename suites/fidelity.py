"""Does a search on a recorded table come to what the same search comes to by training?

``python -m suites.run fidelity --tables DIR`` needs a table that ``python -m nasbench_sim.real record`` made, and
trains the same networks by the same recipe: same strategies, same seeds, same starts, other trainings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations, Request, Task
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.regularized_evolution import RegularizedEvolution
from nasbench_sim.tabular.oracle import TabularOracle
from suites.catalogue import task as task_by_name
from suites.live import Watched
from suites.suite import Comparison, Entry, Suite

if TYPE_CHECKING:
    from nasbench_sim.real.oracle import RealOracle

EVALUATIONS, RUNS = 20, 5
TABLE = "nasbench201_digits"


def suite(table: str = TABLE, trainings: str = "results/trainings", device: str = "auto") -> Suite:
    """Both sides of one table.

    Args:
        table: name of a recorded table.
        trainings: folder of the live trainings.
        device: to train on: "cpu", "cuda" or "auto".
    """
    return Suite(
        name="fidelity",
        question="Does a search on a recorded table come to what the same search comes to by training?",
        tasks=(f"table:{table}", f"trained:{table}"),
        entries=(
            Entry("RS", "random search", partial(RandomSearch, draw=EVALUATIONS), RUNS),
            Entry("LS", "local search, first improvement", LocalSearch, RUNS),
            Entry("REA", "regularized evolution", partial(RegularizedEvolution, population=10, tournament=3), RUNS),
        ),
        comparisons=(Comparison("RS", "LS"), Comparison("RS", "REA")),
        make_task=partial(_task, trainings=trainings, device=device),
        evaluations=EVALUATIONS,
        parameters={"table": table, "device": device},
        notes=NOTES,
        axis="evaluations",
    )


def _task(name: str, tables: Path | None, trainings: str, device: str) -> Task:
    kind, _, table = name.partition(":")
    recorded = task_by_name(f"table:{table}", tables=tables, noise="repeat")
    assert isinstance(recorded.oracle, TabularOracle)
    if kind == "table":
        return Task(name, recorded.oracle)
    from nasbench_sim.real.needs import check_torch

    check_torch()
    return Task(name, Judged(_live(recorded.oracle, Path(trainings), device), recorded.oracle))


def _live(recorded: TabularOracle, folder: Path, device: str) -> RealOracle:
    """Trains the configurations of a table as they were recorded, each run by itself.

    Raises:
        UserError: the table was not recorded by this project, or its data are not at hand.
    """
    from nasbench_sim.real.data import load
    from nasbench_sim.real.device import device as named
    from nasbench_sim.real.oracle import RealOracle
    from nasbench_sim.real.recipes import Recipe
    from nasbench_sim.real.recording import PROCESSOR

    about = recorded.table.attributes
    try:
        recipe = Recipe(**json.loads(str(about["recipe"])))
        width, cells = int(str(about["width"])), int(str(about["cells"]))
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{recorded.table.path} does not say how it was recorded: make one by python -m nasbench_sim.real record"
        ) from error
    data = load(recorded.data_set)
    if data.fingerprint != about.get("data_sha256"):
        raise UserError(f"{recorded.table.path} was recorded on other data than {recorded.data_set} is here")
    return RealOracle(
        recorded.space, data, recipe, named(device), folder, width=width, cells=cells or None, noise="repeat",
        processor_time=about.get("seconds_of") == PROCESSOR,
    )  # fmt: skip


class Judged(Watched):
    """A real oracle whose configurations are judged by the table, so that both sides have one yardstick.

    Args:
        real: trains, and is what a search sees.
        recorded: mean test errors of the same configurations.
    """

    def __init__(self, real: RealOracle, recorded: TabularOracle) -> None:
        super().__init__(real)
        self.recorded = recorded

    @property
    def optimum(self) -> Floats:
        return self.recorded.optimum

    @property
    def optimum_objectives(self) -> Floats:
        return self.recorded.optimum_objectives

    @property
    def provenance(self) -> Mapping[str, str]:
        return {**self.real.provenance, "judged by": f"mean test errors of the table {self.recorded.table.fingerprint}"}

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        answers = super().evaluate(request, run)
        rows = self.recorded.locate(answers.keys)
        return replace(answers, held_out=self.recorded.test_error[rows][:, None])


NOTES = (
    "On the table's side an answer is one of the recorded trainings, drawn for each run; on the live side each run "
    "trains for itself. Regret of either side is read off the table's mean test errors.",
    "Seconds of the table are those of training alone, as its description tells them; live ones have validation and "
    "test in them.",
    "Strategies of one seed begin at the same configuration on both sides.",
)
