"""Does an evolution strategy whose mutations fade find better OFA networks than random search?

The study that this repeats: a thesis of 2022, chapter 5, on patches of radiographs.  Its data are not public, and no
accuracies of OFA networks are at hand: without ``--real`` an invented landscape answers.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.spaces.ofa import OFA
from nasbench_sim.strategies.one_plus_one import OnePlusOne
from nasbench_sim.strategies.random_search import RandomSearch
from suites.ofa_landscape import OFALandscape
from suites.suite import Comparison, Entry, Retraining, Suite

EVALUATIONS, WORKERS, RUNS, EPOCHS = 100, 10, 30, 20


def suite(final_epochs: str = "20", horizon: str = "100") -> Suite:
    """100 evaluations, ten at a time.

    Args:
        final_epochs: of the longer training of the best three, under ``--real``.
        horizon: evaluations over which mutations fade, normally the budget.
    """
    for name, value in (("final_epochs", final_epochs), ("horizon", horizon)):
        if not (value.isascii() and value.isdecimal() and int(value) > 0):
            raise UserError(f"--set {name}={value}: it must be a whole number of at least 1")
    return Suite(
        name="ofa",
        question="Does an evolution strategy whose mutations fade find better OFA networks than random search?",
        tasks=("ofa",),
        entries=(
            Entry("RS", "random search", partial(RandomSearch, draw=EVALUATIONS), RUNS),
            Entry("ES", "(1+1) evolution strategy, mutations fade", partial(OnePlusOne, horizon=int(horizon)), RUNS),
        ),
        comparisons=(Comparison("RS", "ES"),),
        make_task=_task,
        evaluations=EVALUATIONS,
        parameters={"final_epochs": final_epochs, "horizon": horizon},
        notes=NOTES,
        workers=WORKERS,
        record="all",
        recipe="ofa",
        retraining=Retraining(("ES",), epochs=int(final_epochs), note=OWN),
    )


def _task(name: str, tables: Path | None) -> Task:
    return Task(name, OFALandscape(OFA()))


OWN = (
    "The study's own figures (its Table 5.1) are areas under the free-response curve on data that are not public, so "
    "nothing of it stands beside."
)
NOTES = (
    "The study searched the 45 variables of the once-for-all super-net with its pre-trained weights, starting from the "
    "best network on ImageNet. Neither is at hand: here networks start from scratch (--real) or an invented landscape "
    "answers, and searches start at random. What this page shows is how the strategy moves, and that alone.",
    "Trained for real, networks follow the study's recipe (5 epochs, SGD from 0.02 down to 0, a moving average of the "
    "weights) unless told otherwise, at the size that the methods part says; the study's were of the published one.",
    "Ten evaluations run at once on the simulated clock, as in the study.",
)
