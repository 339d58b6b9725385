"""Is every strategy still as good as it was?  Small enough for every commit.

``python -m suites.regress smoke --baseline FILE`` is the gate; ``python -m suites.run smoke`` the page.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nasbench_sim.oracle import Task
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.weight_sharing import WeightSharing
from suites.catalogue import SUPERNETS
from suites.catalogue import task as task_by_name
from suites.gate.declaration import Gate, GatedSuite
from suites.suite import Comparison, Entry

EVALUATIONS = 300
PROXIES = 1000
SEEDS = 100  # of the page; the gate takes as many as it needs


def suite() -> GatedSuite:
    """Random search, greedy search and weight sharing on three spaces of NAS-Bench-101."""
    # Draws as large as the budget: the default would draw 10,000 for each of these short runs.
    random = partial(RandomSearch, draw=EVALUATIONS)
    proxy = partial(WeightSharing, inner=partial(RandomSearch, draw=PROXIES), proxies=PROXIES)
    return GatedSuite(
        name="smoke",
        question="Is every strategy still as good as it was?",
        tasks=("nasbench101/A1", "nasbench101/A4", "nasbench101/res"),
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
    return task_by_name(name, tables=tables)
