"""Is every strategy still as good as it was?  Small enough for every commit.

``python -m suites.regress smoke --baseline FILE`` is the gate; ``python -m suites.run smoke`` the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_sim.oracle import Observations, Request, Source, Task
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.weight_sharing import WeightSharing
from nasbench_sim.wrapped import Wrapped
from suites.catalogue import SUPERNETS
from suites.catalogue import task as task_by_name
from suites.gate.declaration import Gate, GatedSuite
from suites.suite import Comparison, Entry

EVALUATIONS = 300
PROXIES = 1000
RECORDED = "nasbench201/digits"
SEEDS = 100  # of the page; the gate takes as many as it needs


def suite() -> GatedSuite:
    """Random search, greedy search and weight sharing on three spaces of NAS-Bench-101, and on trainings recorded."""
    # Draws as large as the budget: the default would draw 10,000 for each of these short runs.
    random = partial(RandomSearch, draw=EVALUATIONS)
    proxy = partial(WeightSharing, inner=partial(RandomSearch, draw=PROXIES), proxies=PROXIES)
    return GatedSuite(
        name="smoke",
        question="Is every strategy still as good as it was?",
        tasks=("nasbench101/A1", "nasbench101/A4", "nasbench101/res", RECORDED),
        entries=(
            Entry("RS", "random search", random, SEEDS),
            Entry("GS", "greedy search", GreedySearch, SEEDS),
            Entry("RSws", "random search on the proxy, then training", proxy, SEEDS, SUPERNETS),
        ),
        comparisons=(Comparison("RS", "GS"), Comparison("RS", "RSws")),
        make_task=_task,
        evaluations=EVALUATIONS,
        notes=("A small suite that watches over the project's own strategies; no study stands behind it.",),
        gate=Gate(),
    )


def _task(name: str, tables: Path | None) -> Task:
    if name != RECORDED:
        return task_by_name(name, tables=tables)
    # One training an answer: of so few configurations the best mean would be found by every run.
    found = task_by_name(name, tables=tables, noise="repeat")
    return replace(found, oracle=ShortTrainings(found.oracle))


class ShortTrainings(Wrapped):
    """A table whose shortest trainings answer under the source "proxy" as well: nobody trained a super-net for it."""

    @property
    def sources(self) -> Mapping[str, Source]:
        return {**self.oracle.sources, "proxy": Source((1.0,), "proxy evaluations")}

    @property
    def provenance(self) -> Mapping[str, str]:
        train = self.oracle.sources["train"]
        return {**self.oracle.provenance, "proxy": f"trainings of {train.fidelities[0]:g} {train.unit}, measured"}

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        if request.source != "proxy":
            return self.oracle.evaluate(request, run)
        shortest = self.oracle.sources["train"].fidelities[0]
        found = self.oracle.evaluate(replace(request, source="train", fidelity=shortest), run)
        return replace(found, source="proxy", fidelity=np.ones(len(found.codes)))
