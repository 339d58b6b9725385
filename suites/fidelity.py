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
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations, Request, Task
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.regularized_evolution import RegularizedEvolution
from nasbench_sim.tabular.oracle import TabularOracle
from nasbench_sim.wrapped import Wrapped
from suites.catalogue import task as task_by_name
from suites.suite import Comparison, Entry, Suite
from suites.watched import Watched

if TYPE_CHECKING:
    from nasbench_sim.real.oracle import RealOracle

EVALUATIONS, RUNS = 20, 20
TABLE = "nasbench201_digits"
DEVICES = ("recorded", "cpu", "cuda")


def suite(table: str = TABLE, data: str = "", trainings: str = "results/trainings", device: str = "recorded") -> Suite:
    """Both sides of one table.

    Args:
        table: name of a recorded table.
        data: what it was recorded on, as ``record --data`` took it; empty where its name says that, as of digits.
        trainings: folder of the live trainings.
        device: to train on: "cpu", "cuda", or "recorded": of the kind that the table was recorded on.
    """
    if device not in DEVICES:
        raise UserError(f"--set device={device}: choose from {', '.join(DEVICES)}")
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
        make_task=partial(_task, data=data, trainings=trainings, device=device),
        evaluations=EVALUATIONS,
        parameters={"table": table, "device": device},
        notes=NOTES,
        axis="evaluations",
    )


def _task(name: str, tables: Path | None, data: str, trainings: str, device: str) -> Task:
    kind, _, table = name.partition(":")
    recorded = task_by_name(f"table:{table}", tables=tables, noise="repeat")
    assert isinstance(recorded.oracle, TabularOracle)
    _recipe(recorded.oracle)
    if np.isnan(recorded.oracle.mean_error(recorded.oracle.sources["train"].fidelities[-1])).all():
        raise UserError(f"every training of {recorded.oracle.table.path} failed: there is nothing to simulate")
    if kind == "table":
        return Task(name, Unseen(recorded.oracle))
    from nasbench_sim.real.needs import check_torch

    check_torch()
    return Task(name, Judged(_live(recorded.oracle, data, Path(trainings), device), recorded.oracle))


def _recipe(recorded: TabularOracle) -> tuple[Mapping[str, Any], int, int]:
    """How a table's configurations were trained: the recipe, width and cells.

    Raises:
        UserError: the table was not recorded by this project.
    """
    about = recorded.table.attributes
    try:
        return dict(json.loads(str(about["recipe"]))), int(str(about["width"])), int(str(about["cells"]))
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{recorded.table.path} does not say how it was recorded: make one by python -m nasbench_sim.real record"
        ) from error


def _live(recorded: TabularOracle, source: str, folder: Path, device: str) -> RealOracle:
    """Trains the configurations of a table as they were recorded, each run by itself.

    Raises:
        UserError: the table's data are not at hand.
    """
    import torch

    from nasbench_sim.real.data import load
    from nasbench_sim.real.device import device as named
    from nasbench_sim.real.oracle import RealOracle
    from nasbench_sim.real.recipes import Recipe
    from nasbench_sim.real.recording import PROCESSOR

    about = recorded.table.attributes
    recipe, width, cells = _recipe(recorded)
    try:
        data = load(source or recorded.data_set)
    except UserError as error:
        if source:
            raise
        raise UserError(
            f"{recorded.table.path} was recorded on {recorded.data_set}: say where that is by --set data=FILE, which "
            "takes what --data takes"
        ) from error
    if data.fingerprint != about.get("data_sha256"):
        raise UserError(f"{recorded.table.path} was recorded on other data than {source or recorded.data_set} is here")
    kind = str(about.get("device_kind", "auto")) if device == "recorded" else device
    one_thread = about.get("seconds_of") == PROCESSOR
    there = named(kind, threads=1 if one_thread else None)
    by_processor = one_thread and there.kind == "cpu"
    if by_processor:
        torch.set_num_threads(1)  # as it was recorded
    return RealOracle(
        recorded.space, data, Recipe(**recipe), there, folder, width=width, cells=cells or None, noise="repeat",
        processor_time=by_processor,
    )  # fmt: skip


class Unseen(Wrapped):
    """A recorded table whose configurations are judged by the trainings that a search did not see.

    The one that it saw has chosen the incumbent by its luck, which the mean over all repeats shares: judged by that, a
    search on few repeats looks better than it is.

    Args:
        recorded: answers by one repeat.

    Raises:
        UserError: the table has one repeat alone.
    """

    def __init__(self, recorded: TabularOracle) -> None:
        super().__init__(recorded)
        self.recorded = recorded
        table, name, longest = recorded.table, recorded.data_set, recorded.sources["train"].fidelities[-1]
        if not table.has_repeats(name, "test") or (tests := table.repeats(name, "test", longest)).shape[1] < 2:
            raise UserError(
                f"{table.path} holds one training of each configuration, so that none is left to judge what a search "
                "has seen: record with --repeats 2"
            )
        self._tests = tests

    @property
    def held_out(self) -> tuple[str, ...]:
        return ("test error", "test error, the seen training included")

    @property
    def optimum(self) -> Floats:
        return np.repeat(self.recorded.optimum, 2)

    @property
    def provenance(self) -> Mapping[str, str]:
        return {**self.recorded.provenance, "judged by": "test errors of the trainings that a search did not see"}

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        answers = super().evaluate(request, run)
        tests, seen = self._tests[answers.rows], self.recorded.repeats_drawn(request, run)[:, 0]
        tests[np.arange(len(tests)), seen] = np.nan
        there = np.isfinite(tests)
        others = np.where(there, tests, 0.0).sum(axis=1) / np.where(there.any(axis=1), there.sum(axis=1), np.nan)
        return replace(answers, held_out=np.stack([others, self.recorded.test_error[answers.rows]], axis=1))


class Judged(Watched):
    """A real oracle whose configurations are judged by the table, so that both sides have one yardstick.

    Its simulated clock charges training alone, as the table's seconds are; the wall's has all.

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
        return {
            **self.real.provenance,
            "judged by": f"mean test errors of the table {self.recorded.table.fingerprint}",
            "clock": f"{self.real.provenance['clock'].partition(' of the trainings')[0]} of training alone",
        }

    def train(self, request: Request, run: npt.NDArray[np.uint64]) -> Observations:
        """What training comes to, as the table judges it."""
        answers = super().train(request, run)
        rows = self.recorded.locate(answers.keys)
        return replace(
            answers,
            held_out=self.recorded.test_error[rows][:, None],
            seconds=self.real.training_seconds(request, run),
        )


NOTES = (
    "On the table's side an answer is one of the recorded trainings, drawn for each run; on the live side each run "
    "trains for itself. Regret is read off test errors of trainings that no search saw: the table's side is judged by "
    "the configuration's other recorded trainings, the live side by the mean of all recorded ones. Judged by the mean "
    "that has the seen training in it, a search on a table of few repeats would look better than it is.",
    "Seconds of either side are those of training alone; those on the wall have validation and test in them. A table "
    "that was recorded with many networks side by side holds their shares of what all took together: one that trains "
    "alone takes longer.",
    "Strategies of one seed begin at the same configuration on both sides.",
)
