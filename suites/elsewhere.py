"""How do other libraries' random search, TPE, CMA-ES and evolution stand beside the strategies of this project?

Optuna and Nevergrad on NAS-Bench-201, through ``nasbench_sim.strategies.adapters``.  No study stands behind it.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.strategies.adapters import Nevergrad, Optuna
from nasbench_sim.strategies.adapters.library import library
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.regularized_evolution import RegularizedEvolution
from suites.catalogue import nearest
from suites.catalogue import task as task_by_name
from suites.suite import Comparison, Entry, Suite

EVALUATIONS = 200
SEEDS = 20
READINGS = {"revisits": ("charged", "remembered"), "categories": ("sampled", "weights", "position")}


def suite(revisits: str = "charged", categories: str = "sampled", noise: str = "mean") -> Suite:
    """The suite under one reading of what the libraries leave open.

    Args:
        revisits: whether a library's repeated proposals are "charged" or "remembered".
        categories: how Nevergrad's optimizers over real numbers see an operation.
        noise: of the answers, see ``suites.catalogue.task``.

    Raises:
        UserError: a reading that is not one, or a library that is not installed.
    """
    for name, value in (("revisits", revisits), ("categories", categories)):
        if value not in READINGS[name]:
            raise UserError(f"{name} has no reading {value!r}; {nearest(value, READINGS[name])}")
    for package in ("optuna", "cmaes", "nevergrad"):
        library(package)
    optuna, nevergrad = partial(Optuna, revisits=revisits), partial(Nevergrad, revisits=revisits, categories=categories)
    ours = (
        Entry("RS", "random search", partial(RandomSearch, draw=EVALUATIONS), SEEDS),
        Entry("GS", "greedy search", GreedySearch, SEEDS),
        Entry("LS", "local search, first improvement", LocalSearch, SEEDS),
        Entry("REA", "regularized evolution", RegularizedEvolution, SEEDS),
    )
    theirs = (
        Entry("OptunaRS", "Optuna's RandomSampler", partial(optuna, sampler="RandomSampler"), SEEDS),
        Entry("OptunaTPE", "Optuna's TPESampler", partial(optuna, sampler="TPESampler"), SEEDS),
        Entry(
            "OptunaCMA",
            "Optuna's CmaEsSampler on one number per operation, of which the largest counts",
            partial(optuna, sampler="CmaEsSampler", encoding="one-hot"),
            SEEDS,
        ),
        Entry("NevergradCMA", "Nevergrad's CMA", partial(nevergrad, optimizer="CMA"), SEEDS),
        Entry("NevergradDE", "Nevergrad's DE", partial(nevergrad, optimizer="DE"), SEEDS),
        Entry("NevergradOPO", "Nevergrad's OnePlusOne", partial(nevergrad, optimizer="OnePlusOne"), SEEDS),
        Entry(
            "NevergradDisc", "Nevergrad's DiscreteOnePlusOne", partial(nevergrad, optimizer="DiscreteOnePlusOne"), SEEDS
        ),
    )
    return Suite(
        name="elsewhere",
        question="How do optimizers of Optuna and Nevergrad stand beside random and local search on NAS-Bench-201?",
        tasks=("nasbench201/cifar10", "nasbench201/cifar100", "nasbench201/imagenet16_120"),
        entries=(*ours, *theirs),
        comparisons=tuple(
            Comparison(reference, entry.name)
            for reference in ("RS", "LS")
            for entry in (*ours[1:], *theirs)
            if entry.name != reference
        ),
        make_task=partial(_task, noise=noise),
        evaluations=EVALUATIONS,
        of_tables=("noise",),
        parameters={
            "revisits": revisits,
            "categories": categories,
            "noise": noise,
            "optuna": version("optuna"),
            "cmaes": version("cmaes"),
            "nevergrad": version("nevergrad"),
        },
        notes=(
            "Every strategy starts from the same configuration in every seed.",
            f"Repeated proposals of the libraries are {revisits}"
            + (": trained and counted again, as a library by itself would." if revisits == "charged" else ".")
            + " Local and greedy search answer from memory what they met; random search draws without replacement.",
            "The libraries run at their defaults; none was tuned. Optuna's CmaEsSampler knows no categories and gets "
            "one number in [0, 1] per operation, of which the largest counts; how Nevergrad's optimizers over real "
            f"numbers see an operation: {categories}.",
            "Judged by mean validation error, since the table has test figures of CIFAR-10 alone.",
        ),
        axis="evaluations",
    )


def _task(name: str, tables: Path | None, noise: str) -> Task:
    return task_by_name(name, tables=tables, noise=noise, held_out="validation")
