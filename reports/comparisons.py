"""The suite's comparisons, read off its traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.trace import Trace
from reports.results import Comparison, Results, Strategy, Task
from reports.statistics import Clusters, Curve, Floats, TwoSamples, curve, two_samples

GRID = 120  # times at which a curve is computed

METRICS = {
    "regret": "test regret",
    "validation_regret": "validation regret",
    "error": "error of the incumbent, as observed",
}


@dataclass(frozen=True)
class Compared:
    """One comparison on one task.

    Attributes:
        task: where.
        comparison: who and when.
        at_seconds: simulated, when the reference was read; NaN where every run was read at its own end.
        metric: a key of ``METRICS``.
        samples: the estimate.
        distinct: different values among the method's runs; few where runs pick the same configuration.
    """

    task: Task
    comparison: Comparison
    at_seconds: float
    metric: str
    samples: TwoSamples
    distinct: int


def metric(traces: Sequence[Trace]) -> str:
    """What a task is judged by: test regret, else validation regret, else the observed error itself.

    A task without held-out figures has no test regret, one whose optimum is unknown no regret at all.
    """
    about = traces[0].about if traces else {}
    if _known(about.get("optimum")) and traces[0].held_out.shape[1]:
        return "regret"
    return "validation_regret" if _known(about.get("optimum_objectives")) else "error"


def values(trace: Trace, seconds: npt.ArrayLike, what: str) -> Floats:
    """The metric of a run's incumbent at those simulated seconds; NaN before its first evaluation."""
    if what == "regret":
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


def clusters(strategy: Strategy, traces: Sequence[Trace]) -> Clusters | None:
    """Cluster of each run, ``int64[n]``; None where runs are independent."""
    if strategy.cluster is None:
        return None
    return np.array([trace.about["seed"] % strategy.cluster for trace in traces], np.int64)


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
        seconds = results.manifest["budget"].get("seconds") or np.nan
        one, two = read_at(reference, np.inf, what), read_at(method, np.inf, what)
    else:
        raise UserError(f"the suite compares at {comparison.at!r}, which is neither 'one-shot' nor 'end'")
    samples = two_samples(
        one,
        two,
        clusters(results.strategy(comparison.reference), reference),
        clusters(results.strategy(comparison.method), method),
    )
    return Compared(task, comparison, float(seconds), what, samples, len(np.unique(two[~np.isnan(two)])))


def compare_all(results: Results) -> list[Compared]:
    """Every comparison on every task, comparison by comparison."""
    return [compare(results, task, comparison) for comparison in results.comparisons for task in results.tasks]


def time_grid(results: Results, task: Task) -> Floats:
    """Log-spaced seconds from the first finished evaluation of any run to the end of the last run, ``float64[t]``."""
    traces = [trace for strategy in results.strategies for trace in results.runs[task.name, strategy.name]]
    starts = [trace.seconds[0] for trace in traces if len(trace.seconds) and trace.seconds[0] > 0]
    ends = [float(trace.about["seconds"]) for trace in traces]
    if not starts or not max(ends) > min(starts):
        return np.empty(0)
    return np.geomspace(min(starts), max(ends), GRID)


def regret_curve(results: Results, task: Task, strategy: Strategy, grid: Floats) -> Curve:
    """Mean over runs on the grid: from when all runs have a value until the first of them ends."""
    traces = results.runs[task.name, strategy.name]
    what = metric(traces)
    table = np.stack([values(trace, grid, what) for trace in traces]) if traces else np.empty((0, len(grid)))
    if not len(table):
        return Curve(*np.full((3, len(grid)), np.nan))
    ends = min(float(trace.about["seconds"]) for trace in traces)
    table[:, grid > ends] = np.nan
    return curve(table, clusters(strategy, traces))


def _known(optimum: object) -> bool:
    return isinstance(optimum, list) and len(optimum) > 0 and optimum[0] is not None and bool(np.isfinite(optimum[0]))
