"""Does Hyperband get better if Bayesian optimisation chooses its configurations?

The study that this repeats: Bertrand 2019 (thesis), section 2.5, which had five runs of each and left it open.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.strategies.bayesian_optimization import BayesianOptimization
from nasbench_sim.strategies.hyperband_bo import HyperbandBO
from nasbench_sim.strategies.successive_halving import SuccessiveHalving
from suites.catalogue import task as task_by_name
from suites.hpo_evidence import minutes_evidence
from suites.suite import Comparison, Entry, Suite

MINUTES, RUNS = 4000, 100
RUNGS, CONFIGURATIONS, ETA = (3.0, 9.0, 27.0), 27, 3.0
POOL = 500


def suite(workers: str = "1", noise: str = "repeat") -> Suite:
    """The suite.

    Args:
        workers: that train at once; the 4,000 minutes are theirs together, as in the source.
        noise: of the answers: "repeat", one training each, or "mean".

    Raises:
        UserError: workers that are no number from 1 to 100.
    """
    if not (workers.isdecimal() and 1 <= int(workers) <= 100):
        raise UserError(f"--set workers={workers}: give a whole number from 1 to 100")
    common = {"fidelities": RUNGS, "eta": ETA, "configurations": CONFIGURATIONS}
    model = partial(HyperbandBO, pool=POOL, **common)
    alone = partial(BayesianOptimization, pool=POOL, kernel="squared exponential")
    return Suite(
        name="hyperband_bo",
        question="Does Hyperband get better if Bayesian optimisation chooses its configurations?",
        tasks=("generated/training_minutes",),
        entries=(
            Entry("HB", "Hyperband, 27 random configurations an iteration", partial(SuccessiveHalving, **common), RUNS),
            Entry("BO", "Bayesian optimisation, 30 minutes a model", alone, RUNS),
            Entry(
                "HB+BO 2017",
                "Hyperband with configurations drawn from normalised expected improvement at 3 minutes",
                partial(model, picks="drawn", time="input", predict="first"),
                RUNS,
            ),
            Entry("HB+BO", "the same with both faults remedied: lies, and a kernel of times", model, RUNS),
        ),
        comparisons=(
            Comparison("HB", "HB+BO 2017"),
            Comparison("HB", "HB+BO"),
            Comparison("HB", "BO"),
            Comparison("HB+BO 2017", "HB+BO"),
        ),
        make_task=partial(_task, workers=int(workers), noise=noise),
        seconds=60.0 * MINUTES / int(workers),
        parameters={"workers": workers, "noise": noise},
        notes=NOTES,
        evidence=minutes_evidence,
        record="all",
    )


def _task(name: str, tables: Path | None, workers: int, noise: str) -> Task:
    return task_by_name(name, tables=tables, noise=noise).within(workers=workers)


NOTES = (
    "4,000 simulated minutes of training for each run. Hyperband starts 27 configurations an iteration, all of them at "
    "3 minutes, and goes on with a third at 9 and a ninth at 27 minutes; a longer training continues the shorter one.",
    "The two faults that the source names in its own combination are options: configurations drawn from normalised "
    "expected improvement, which is nearly uniform, and prediction at the first rung, which favours networks that "
    "learn fast and overfit. The remedies: a liar, and a kernel of times that does not fall back to the prior.",
    f"The models choose among {POOL:,} configurations, drawn anew for each bracket (for each 25 models, alone).",
    "The source reports losses on a test set, after however long a model was trained; here the loss of a model is its "
    "test loss after 27 minutes.",
)
