"""The suite's comparisons, read off its traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import gcd

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.trace import Trace
from reports import hypervolume
from reports.results import Comparison, Results, Strategy, Task
from reports.statistics import (
    Clusters,
    Curve,
    Estimate,
    Floats,
    Paired,
    Significance,
    TwoSamples,
    cliffs_delta,
    cohens_d,
    curve,
    hedges_g,
    holm,
    mann_whitney,
    match,
    paired,
    permutation,
    superiority_estimate,
    two_samples,
)

GRID = 120  # times at which a curve is computed

METRICS = {
    "regret": "test regret",
    "validation_regret": "validation regret",
    "mean_validation_regret": "true validation regret",
    "error": "error of the incumbent, as observed",
    hypervolume.NAME: "hypervolume regret",
}
BY_MEANS = "mean validation error"  # a held-out figure, where a study judges by it


@dataclass(frozen=True)
class Side:
    """What one strategy brings to a comparison.

    Attributes:
        values: ``float64[n]``, the metric of each run; NaN where it is undefined.
        seeds: ``int64[n]``.
        cluster: runs whose seeds agree modulo this number are dependent; None where none are.
    """

    values: Floats
    seeds: npt.NDArray[np.int64]
    cluster: int | None

    @property
    def clusters(self) -> Clusters | None:
        """Cluster of each run, ``int64[n]``; None where runs are independent."""
        return None if self.cluster is None else self.seeds % self.cluster


@dataclass(frozen=True)
class Compared:
    """One comparison on one task.

    Attributes:
        task: where.
        comparison: who and when.
        at_seconds: simulated, when the reference was read; NaN where every run was read at its own end.
        metric: a key of ``METRICS``.
        samples: the estimate that the verdict rests on.
        distinct: different values among the method's runs; few where runs pick the same configuration.
        reference: the runs behind it.
        method: likewise.
        welch_holm: p of Welch's test, clusters respected, adjusted by Holm over all comparisons of the suite.
        p_holm: p of Student's test, all runs taken as independent, adjusted likewise.
    """

    task: Task
    comparison: Comparison
    at_seconds: float
    metric: str
    samples: TwoSamples
    distinct: int
    reference: Side = field(compare=False, repr=False)
    method: Side = field(compare=False, repr=False)
    welch_holm: float = np.nan
    p_holm: float = np.nan

    @property
    def stands(self) -> bool:
        """Whether the verdict stands after Holm's correction; of "undecided", always."""
        return self.samples.verdict == "undecided" or bool(self.welch_holm < 0.05)

    @cached_property
    def cohens_d(self) -> Estimate:
        """Effect size with its interval, clusters respected."""
        return cohens_d(*self._samples)

    @cached_property
    def hedges_g(self) -> Estimate:
        """Effect size without its bias in small samples, with its interval, clusters respected."""
        return hedges_g(*self._samples)

    @cached_property
    def superiority(self) -> Estimate:
        """Probability of superiority with its interval, clusters respected."""
        return superiority_estimate(*self._samples)

    @cached_property
    def cliffs_delta(self) -> Estimate:
        """Cliff's delta with its interval, clusters respected."""
        return cliffs_delta(*self._samples)

    @cached_property
    def mann_whitney(self) -> Significance:
        """Rank test, clusters respected."""
        return mann_whitney(*self._samples)

    @cached_property
    def permutation(self) -> Significance:
        """Permutation test, clusters respected."""
        return permutation(*self._samples)

    @cached_property
    def paired(self) -> Paired:
        """The same on the seeds that both have."""
        pairs = match(self.reference.seeds, self.reference.values, self.method.seeds, self.method.values)
        moduli = [side.cluster for side in (self.reference, self.method) if side.cluster is not None]
        # Seeds that agree modulo either number agree modulo their greatest common divisor.
        return paired(pairs.reference, pairs.method, pairs.seeds % gcd(*moduli) if moduli else None)

    @property
    def pairing(self) -> str:
        """How far runs can be paired by their seeds, in words."""
        common = len(np.intersect1d(self.reference.seeds, self.method.seeds))
        one, two = len(self.reference.seeds) - common, len(self.method.seeds) - common
        if not common:
            return "no seed in common: not paired"
        if not one and not two:
            return f"all {common} seeds in common"
        left = [f"{n} of {name}" for n, name in ((one, self.comparison.reference), (two, self.comparison.method)) if n]
        return f"{common} seeds in common; {' and '.join(left)} not paired"

    @property
    def _samples(self) -> tuple[Floats, Floats, Clusters | None, Clusters | None]:
        return self.reference.values, self.method.values, self.reference.clusters, self.method.clusters


def metric(traces: Sequence[Trace]) -> str:
    """What a task is judged by: its held-out regret, else validation regret, else the observed error itself.

    A task without held-out figures has no test regret, one whose optimum is unknown no regret at all.  Runs of several
    objectives that ``hypervolume.judged`` prepared are judged by what they lack of the true front's hypervolume.
    """
    about = traces[0].about if traces else {}
    if traces and hypervolume.is_judged(traces[0]):
        return hypervolume.NAME
    if _known(about.get("optimum")) and traces[0].held_out.shape[1]:
        return "mean_validation_regret" if about.get("held_out", [""])[0] == BY_MEANS else "regret"
    return "validation_regret" if _known(about.get("optimum_objectives")) else "error"


def values(trace: Trace, seconds: npt.ArrayLike, what: str) -> Floats:
    """The metric of a run's incumbent (or archive) at those simulated seconds; NaN before its first evaluation."""
    if what == hypervolume.NAME:
        return hypervolume.regret(trace, seconds)
    if what in ("regret", "mean_validation_regret"):
        return trace.regret(seconds)
    if what == "validation_regret":
        return trace.validation_regret(seconds)
    row = trace.incumbent(seconds)
    return np.asarray(np.append(trace.objectives[:, 0], np.nan)[row])


def first_trained(traces: Sequence[Trace]) -> Floats:
    """Seconds at which each run has trained its first configuration, ``float64[n]``; NaN for a run without one."""
    return np.array([trace.seconds[0] if len(trace.seconds) else np.nan for trace in traces])


def one_shot(traces: Sequence[Trace]) -> float:
    """Mean simulated seconds at which a method's runs have trained their first configuration."""
    first = first_trained(traces)
    first = first[~np.isnan(first)]
    return float(first.mean()) if len(first) else float("nan")


def read_at(traces: Sequence[Trace], seconds: float, what: str) -> Floats:
    """The metric of each run at one time, ``float64[n]``."""
    return np.array([float(values(trace, seconds, what)) for trace in traces], np.float64)


def read_first(traces: Sequence[Trace], what: str) -> Floats:
    """The metric of each run's first trained configuration, ``float64[n]``."""
    return np.array(
        [float(values(trace, seconds, what)) for trace, seconds in zip(traces, first_trained(traces), strict=True)],
        np.float64,
    )


def seeds(traces: Sequence[Trace]) -> npt.NDArray[np.int64]:
    """Seed of each run, ``int64[n]``."""
    return np.array([trace.about["seed"] for trace in traces], np.int64)


def clusters(strategy: Strategy, traces: Sequence[Trace]) -> Clusters | None:
    """Cluster of each run, ``int64[n]``; None where runs are independent."""
    if strategy.cluster is None:
        return None
    return seeds(traces) % strategy.cluster


def compare(results: Results, task: Task, comparison: Comparison, at: float | None = None) -> Compared:
    """One comparison on one task.

    Args:
        results: that hold its runs.
        task: where.
        comparison: who and when.
        at: seconds at which the reference is read in place of one-shot.

    Raises:
        UserError: a time of comparison that is not known.
    """
    reference, method = (results.runs[task.name, name] for name in (comparison.reference, comparison.method))
    what = metric(method)
    if comparison.at == "one-shot":
        seconds = one_shot(method) if at is None else at
        one = read_at(reference, seconds, what) if np.isfinite(seconds) else np.full(len(reference), np.nan)
        two = read_first(method, what)
    elif comparison.at == "end":
        seconds = task.budget.get(results.axis.name) or np.nan
        one, two = read_at(reference, np.inf, what), read_at(method, np.inf, what)
    else:
        raise UserError(f"the suite compares at {comparison.at!r}, which is neither 'one-shot' nor 'end'")
    sides = [
        Side(values_, seeds(traces), results.strategy(name).cluster)
        for values_, traces, name in (
            (one, reference, comparison.reference),
            (two, method, comparison.method),
        )
    ]
    samples = two_samples(one, two, sides[0].clusters, sides[1].clusters)
    distinct = len(np.unique(two[~np.isnan(two)]))
    return Compared(task, comparison, float(seconds), what, samples, distinct, sides[0], sides[1])


def compare_all(results: Results) -> list[Compared]:
    """Every comparison on every task, comparison by comparison; p-values adjusted over all of them."""
    found = [compare(results, task, comparison) for comparison in results.comparisons for task in results.tasks]
    welch = holm([one.samples.welch_p for one in found])
    students = holm([one.samples.p_value for one in found])
    return [
        replace(one, welch_holm=float(p), p_holm=float(q)) for one, p, q in zip(found, welch, students, strict=True)
    ]


def time_grid(results: Results, task: Task) -> Floats:
    """Log-spaced seconds from the first finished evaluation of any run to the end of the last run, ``float64[t]``."""
    traces = [trace for strategy in results.strategies for trace in results.runs[task.name, strategy.name]]
    starts = [trace.seconds[0] for trace in traces if len(trace.seconds) and trace.seconds[0] > 0]
    ends = [float(trace.about["seconds"]) for trace in traces]
    if not starts or not max(ends) > min(starts):
        return np.empty(0)
    return np.geomspace(min(starts), max(ends), GRID)


def on_grid(results: Results, task: Task, strategy: Strategy, grid: Floats) -> Floats:
    """The metric of each run at each time, ``float64[runs, t]``; NaN before its first value and after the first end.

    The first end is that of the run of this strategy that ends first: later means would be of other runs than earlier.
    """
    traces = results.runs[task.name, strategy.name]
    if not traces:
        return np.empty((0, len(grid)))
    what = metric(traces)
    table = np.stack([values(trace, grid, what) for trace in traces])
    table[:, grid > min(float(trace.about["seconds"]) for trace in traces)] = np.nan
    return table


def at_end(results: Results, task: Task, strategy: Strategy) -> Floats:
    """The metric of each run at its end, ``float64[runs]``."""
    traces = results.runs[task.name, strategy.name]
    return read_at(traces, np.inf, metric(traces))


def regret_curve(results: Results, task: Task, strategy: Strategy, grid: Floats, statistic: str = "mean") -> Curve:
    """A statistic over runs on the grid: from when all runs have a value until the first of them ends."""
    table = on_grid(results, task, strategy, grid)
    if not len(table):
        none = np.full(len(grid), np.nan)
        return Curve(none, none, none, statistic)
    return curve(table, clusters(strategy, results.runs[task.name, strategy.name]), statistic=statistic)


def _known(optimum: object) -> bool:
    return isinstance(optimum, list) and len(optimum) > 0 and optimum[0] is not None and bool(np.isfinite(optimum[0]))
