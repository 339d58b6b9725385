"""Two output folders cell by cell: where both ran a strategy on a task, what differs, and whether for certain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.trace import Trace
from reports.comparisons import METRICS, Side, metric, read_at, seeds
from reports.results import Results, Strategy, Task
from reports.statistics import Estimate, Paired, TwoSamples, holm, match, paired, two_samples


@dataclass(frozen=True)
class Beside:
    """A strategy on a task in both folders; a positive difference means that B is better.

    Attributes:
        task: as in A.
        strategy: as in A.
        metric: a key of ``METRICS``.
        samples: A held against B, unpaired.
        paired: the same on the seeds that both have; None where fewer than two are common.
        common: seeds in both.
        only_a: seeds that B lacks.
        only_b: seeds that A lacks.
        identical: all runs on common seeds are the same, row by row; then no statistics are needed.
        p_value: of the paired t-test where seeds are paired, otherwise of Welch's; clusters respected.
        p_holm: the same adjusted over all cells that are not identical.
    """

    task: Task
    strategy: Strategy
    metric: str
    samples: TwoSamples
    paired: Paired | None
    common: int
    only_a: int
    only_b: int
    identical: bool
    p_value: float
    p_holm: float = np.nan

    @property
    def difference(self) -> Estimate:
        """Of the means at the end of the runs, paired where it can be."""
        if self.paired is not None:
            return self.paired.difference
        s = self.samples
        n, clusters = min(s.n_reference, s.n_method), s.clusters_method
        return Estimate(s.difference, s.interval_low, s.interval_high, 0.95, n, clusters, "Welch, unpaired", s.note)

    @property
    def verdict(self) -> str:
        """Of B: "better", "worse", "undecided", or "identical"."""
        if self.identical:
            return "identical"
        if self.difference.low > 0:
            return "better"
        return "worse" if self.difference.high < 0 else "undecided"


def side_by_side(a: Results, b: Results) -> list[Beside]:
    """Every cell that both folders have, in A's order.

    Raises:
        UserError: there is none, or a task is judged by another metric in the other folder.
    """
    others = {strategy.name for strategy in b.strategies}
    tasks = {task.name for task in b.tasks}
    found = [
        _beside(a, b, task, strategy)
        for task in a.tasks
        if task.name in tasks
        for strategy in a.strategies
        if strategy.name in others
    ]
    if not found:
        raise UserError(f"{a.folder} and {b.folder} have no strategy on a task in common: there is nothing to compare")
    tested = [one for one in found if not one.identical]  # identical runs are known to be, not tested
    adjusted = {id(one): float(p) for one, p in zip(tested, holm([one.p_value for one in tested]), strict=True)}
    return [replace(one, p_holm=adjusted.get(id(one), np.nan)) for one in found]


def only_in(a: Results, b: Results) -> list[str]:
    """Cells of A that B lacks, as ``task strategy``."""
    there = {(task.name, strategy.name) for task in b.tasks for strategy in b.strategies}
    return [
        f"{task.name} {strategy.name}"
        for task in a.tasks
        for strategy in a.strategies
        if (task.name, strategy.name) not in there
    ]


def what_differs(a: Results, b: Results) -> list[tuple[str, str, str]]:
    """What was run otherwise in the two folders: name, in A, in B."""
    found = [
        (name, str(a.manifest.get(key, "unknown")), str(b.manifest.get(key, "unknown")))
        for name, key in (("suite", "suite"), ("version", "version"), ("engine", "engine"), ("budget", "budget"),
                          ("parameters", "parameters"))
    ]  # fmt: skip
    others = {task.name: task for task in b.tasks}
    for task in a.tasks:
        if task.name in others:
            theirs = others[task.name].provenance
            for key in dict.fromkeys([*task.provenance, *theirs]):
                found.append((f"{task.label}: {key}", task.provenance.get(key, "none"), theirs.get(key, "none")))
    return [(name, one, two) for name, one, two in found if one != two]


def _beside(a: Results, b: Results, task: Task, strategy: Strategy) -> Beside:
    key = task.name, strategy.name
    what, other = metric(a.runs[key]), metric(b.runs[key])
    if what != other:
        raise UserError(
            f"{task.name} is judged by {METRICS[what]} in {a.folder} and by {METRICS[other]} in {b.folder}: "
            "these cannot be compared"
        )
    one, two = _side(a, task, strategy, what), _side(b, task, b.strategy(strategy.name), what)
    samples = two_samples(one.values, two.values, one.clusters, two.clusters)
    pairs = match(one.seeds, one.values, two.seeds, two.values)
    moduli = [side.cluster for side in (one, two) if side.cluster is not None]
    groups = pairs.seeds % gcd(*moduli) if moduli else None
    common = paired(pairs.reference, pairs.method, groups) if len(pairs.seeds) > 1 else None
    return Beside(
        task=task,
        strategy=strategy,
        metric=what,
        samples=samples,
        paired=common,
        common=len(pairs.seeds),
        only_a=pairs.only_reference,
        only_b=pairs.only_method,
        identical=_identical(a.runs[key], b.runs[key]),
        p_value=samples.welch_p if common is None else common.students_t.p_value,
    )  # fmt: skip


def _side(results: Results, task: Task, strategy: Strategy, what: str) -> Side:
    traces = results.runs[task.name, strategy.name]
    return Side(read_at(traces, np.inf, what), seeds(traces), strategy.cluster)


def _identical(one: Sequence[Trace], two: Sequence[Trace]) -> bool:
    """Whether there are common seeds, and their runs left the same rows behind."""
    others = {trace.about["seed"]: trace for trace in two}
    common = [(trace, others[trace.about["seed"]]) for trace in one if trace.about["seed"] in others]
    return len(common) > 0 and all(
        np.array_equal(getattr(first, column), getattr(second, column), equal_nan=column in ("objectives", "held_out"))
        for first, second in common
        for column in ("evaluation", "seconds", "codes", "objectives", "held_out")
    )
