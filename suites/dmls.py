"""Is dominance-based local search better than NSGA-II and scalarised local search when size counts beside accuracy?

The study that this repeats: a thesis of 2023, chapter 5, on MacroNAS.  Its figures are in ``dmls.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.strategies.dmls import DMLS
from nasbench_sim.strategies.nsga2 import NSGA2
from nasbench_sim.strategies.scalarised import ScalarisedLocalSearch
from suites.catalogue import nearest
from suites.catalogue import task as task_by_name
from suites.dmls_readings import page_table, start_sizes
from suites.front_evidence import write_front
from suites.suite import Comparison, Entry, Suite

EVALUATIONS, RUNS = 6000, 30
TASKS = ("macronas/cifar10/mmacs", "macronas/cifar100/mmacs")
IDENTITIES = ((0,) * 14,)  # the smallest network, with which all methods start
READINGS: Mapping[str, tuple[str, ...]] = {
    "exploration": ("non-dominated", "dominating"),
    "revisits": ("remembered", "charged"),
    "revisits_nsga2": ("charged", "remembered"),
    "revisits_ls": ("charged", "remembered", "skipped"),
    "scalarisation": ("sum", "product"),
}


def suite(
    exploration: str = "non-dominated",
    revisits: str = "remembered",
    revisits_nsga2: str = "charged",
    revisits_ls: str = "charged",
    scalarisation: str = "sum",
    start: str = "7",
) -> Suite:
    """The suite under one reading of what its source leaves open.

    Args:
        exploration: of a neighbourhood by DMLS: until one is "non-dominated" by the archive (Algorithm 2), or until one
            is "dominating" the current network (section 5.3.2).
        revisits: a network that DMLS meets again is "remembered" (free of charge) or "charged".
        revisits_nsga2: the same of NSGA-II.
        revisits_ls: the same of LS, which may also have it "skipped": no neighbour any more.
        scalarisation: of LS, weighted "sum" or "product".
        start: size of DMLS's first archive.
    """
    chosen = {
        "exploration": exploration,
        "revisits": revisits,
        "revisits_nsga2": revisits_nsga2,
        "revisits_ls": revisits_ls,
        "scalarisation": scalarisation,
    }
    for name, known in READINGS.items():
        if chosen[name] not in known:
            raise UserError(f"--set {name}={chosen[name]}: {nearest(chosen[name], known)}")
    if not (start.isascii() and start.isdecimal() and 1 <= int(start) <= 100):
        raise UserError(f"--set start={start}: it must be a whole number from 1 to 100")
    return Suite(
        name="dmls",
        question="Is dominance-based local search better than NSGA-II and scalarised local search on MacroNAS?",
        tasks=TASKS,
        entries=entries(RUNS, IDENTITIES, start=int(start), **chosen),
        comparisons=COMPARISONS,
        make_task=_task,
        evaluations=EVALUATIONS,
        parameters=chosen | {"start": start},
        notes=NOTES,
        published=tuple(_published()),
        evidence=write_front,
        axis="evaluations",
        readings=page_table(),
        metric="hypervolume",
        start_sizes=start_sizes(),
    )


def entries(
    runs: int,
    first: Sequence[Sequence[int]],
    *,
    exploration: str = "non-dominated",
    revisits: str = "remembered",
    revisits_nsga2: str = "charged",
    revisits_ls: str = "charged",
    scalarisation: str = "sum",
    start: int = 7,
) -> tuple[Entry, ...]:
    """The three methods; arguments as of ``suite``, and the codes that all begin with."""
    dominance = partial(DMLS, first=first, exploration=exploration, revisits=revisits, start=start)
    genetic = partial(NSGA2, first=first, revisits=revisits_nsga2)
    weighted = partial(ScalarisedLocalSearch, first=first, revisits=revisits_ls, scalarisation=scalarisation)
    return (
        Entry("LS", "scalarised local search", weighted, runs),
        Entry("NSGA-II", "NSGA-II", genetic, runs),
        Entry("DMLS", "dominance-based local search", dominance, runs),
    )


COMPARISONS = (Comparison("LS", "DMLS"), Comparison("NSGA-II", "DMLS"), Comparison("LS", "NSGA-II"))


def _task(name: str, tables: Path | None) -> Task:
    return task_by_name(name, tables=tables, held_out="validation")


@cache
def published() -> Mapping[str, Any]:
    """The study's own figures."""
    return tomllib.loads((resources.files("suites") / "dmls.toml").read_text(encoding="utf-8"))


QUANTITIES = {"5.1": ("hypervolume", 0.005), "5.2": ("pareto_share", 0.005)}
"""By table: what it holds, and half a unit of its last digit."""


def _published() -> Iterator[Mapping[str, Any]]:
    """Cells of Tables 5.1 and 5.2 as the report stands them beside its own."""
    told = published()
    for table, (quantity, rounding) in QUANTITIES.items():
        for task in told["tasks"]:
            data_set = task.split("/")[1]
            for strategy, row in told[table][data_set].items():
                for evaluations, (mean, deviation) in zip(told["evaluations"], row, strict=True):
                    yield {
                        "table": table,
                        "row": strategy,
                        "column": f"{data_set}, {evaluations:,} evaluations",
                        "task": task,
                        "strategy": strategy,
                        "quantity": quantity,
                        "within": evaluations,
                        "scale": 100,
                        "published": mean,
                        "published_sd": deviation,
                        "published_runs": told["runs"],
                        "rounding": rounding,
                        "best": strategy == "DMLS",
                    }


NOTES = (
    "All methods begin with the network of identities alone, the smallest; strategies of one seed meet the same random "
    "start after it. Both objectives are minimised: validation error as it is, and MMACs on a scale from the least (0) "
    "to the most (1) of the space. Hypervolume is measured up to (1, 1), and of everything that a run has evaluated, "
    "whatever its own archive or population has dropped since.",
    "The search sees the validation error and the page judges by it, as the study does; no test figure is shown.",
    "The study's LS has one weight per objective drawn anew for each descent; objectives are scaled to the range seen.",
)
