"""What should a search do with networks that cannot be trained: drop them, impute a value, or learn to avoid them?

The question that section 2.6.3 of Bertrand 2019 (thesis) discusses and leaves open, on its own space.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nasbench_sim.errors import UserError
from nasbench_sim.generated import GeneratedOracle
from nasbench_sim.landscapes import FieldOfViewSearch
from nasbench_sim.oracle import Task
from nasbench_sim.spaces.convolutional import BASELINE, field_of_view_grid
from nasbench_sim.strategies.bayesian_optimization import BayesianOptimization
from nasbench_sim.strategies.random_search import RandomSearch
from suites.hpo_evidence import failures_evidence
from suites.suite import Comparison, Entry, Suite

EVALUATIONS, RUNS, POOL = 300, 50, 1000
GIGABYTES = {"6": 6, "12": 12, "24": 24}


def suite(memory: str = "12", learning_rates: str = "8") -> Suite:
    """The suite.

    Args:
        memory: gigabytes of the device: "6", "12" as published, or "24".
        learning_rates: "8" as the source's table has it, or "7" as its text.

    Raises:
        UserError: another memory or number of learning rates.
    """
    if memory not in GIGABYTES:
        raise UserError(f"--set memory={memory}: choose from {', '.join(GIGABYTES)}")
    if learning_rates not in ("7", "8"):
        raise UserError(f"--set learning_rates={learning_rates}: 8 as in the source's table, or 7 as in its text")
    first = [field_of_view_grid(int(learning_rates)).code(BASELINE).tolist()]
    model = partial(BayesianOptimization, initial=1, first=first, pool=POOL)
    return Suite(
        name="failures",
        question="What should a search do with networks that cannot be trained?",
        tasks=("generated/field_of_view",),
        entries=(
            Entry("drop", "failed networks are forgotten", partial(model, failures="drop"), RUNS),
            Entry("impute", "failed networks get the worst value so far", partial(model, failures="impute"), RUNS),
            Entry("feasibility", "a second process learns what fails", partial(model, failures="feasibility"), RUNS),
            Entry("RS", "random search", partial(RandomSearch, draw=EVALUATIONS), RUNS),
        ),
        comparisons=(
            Comparison("drop", "impute"),
            Comparison("drop", "feasibility"),
            Comparison("impute", "feasibility"),
            Comparison("RS", "drop"),
        ),
        make_task=partial(_task, memory=GIGABYTES[memory], learning_rates=int(learning_rates)),
        evaluations=EVALUATIONS,
        parameters={"memory": memory, "learning_rates": learning_rates},
        notes=NOTES,
        evidence=failures_evidence,
        axis="evaluations",
        record="all",
    )


def _task(name: str, tables: Path | None, memory: int, learning_rates: int) -> Task:
    return Task(name, GeneratedOracle(FieldOfViewSearch(learning_rates, memory * 2**30)))


NOTES = (
    "The models begin with the hand-made baseline, as in the source, and choose by expected improvement; 300 "
    "evaluations each. A network that does not fit into memory fails after a minute and counts as an evaluation.",
    f"Candidates are {POOL:,} configurations drawn anew every 25 evaluations and the neighbours of the three best.",
    "Counts of weights are exact and meet the three that are published; bytes of memory and losses are modelled.",
)
