"""What a run is worth besides its regret: accuracy or front reached, and evaluations that it took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nasbench_sim.trace import Trace
from reports import hypervolume as volumes
from reports.statistics import Clusters, Floats
from reports.statistics.indicators import over_time

Quantity = Callable[[Sequence[Trace], float], tuple[Floats, Clusters | None]]


def accuracy(traces: Sequence[Trace], within: float = np.inf) -> tuple[Floats, Clusters | None]:
    """Best observed validation accuracy of each run, ``float64[n]``, a fraction; NaN where nothing was evaluated.

    Args:
        traces: runs, as recorded at improvements.
        within: evaluations; later ones are not looked at.
    """
    found = [trace.objectives[trace.evaluation <= within, 0] for trace in traces]
    return np.array([1 - np.nanmin(one, initial=np.inf) if len(one) else np.nan for one in found]), None


def convergence(traces: Sequence[Trace], within: float = np.inf) -> tuple[Floats, Clusters | None]:
    """Evaluations that each run needed for the accuracy that it ends with, ``float64[n]``; arguments as above."""
    found = [trace.evaluation[trace.evaluation <= within] for trace in traces]
    return np.array([one[-1] if len(one) else np.nan for one in found], np.float64), None


def steps(traces: Sequence[Trace], within: float = np.inf) -> tuple[Floats, Clusters | None]:
    """Evaluations before each improvement of a current solution, all runs together, ``float64[m]``, and whose they are.

    As the strategy counted them (``figures``): ``steps[k]`` improvements came at the k-th evaluation after the one
    before; always of whole runs.
    """
    counts = [np.asarray(trace.about.get("figures", {}).get("steps", ()), np.int64) for trace in traces]
    values = [np.repeat(np.arange(len(one), dtype=np.float64), one) for one in counts]
    runs = np.repeat(np.arange(len(traces)), [len(one) for one in values])
    return np.concatenate([np.empty(0), *values]), runs


def mean_steps(traces: Sequence[Trace]) -> Floats:
    """Their mean in each run, ``float64[n]``; NaN for a run without any."""
    values, runs = steps(traces)
    assert runs is not None
    number = np.bincount(runs, minlength=len(traces)).astype(np.float64)
    total = np.bincount(runs, values, minlength=len(traces))
    return np.asarray(np.divide(total, number, out=np.full(len(traces), np.nan), where=number > 0))


def optimum(traces: Sequence[Trace], within: float = np.inf) -> tuple[Floats, Clusters | None]:
    """Best mean validation accuracy of the space that each run searched, ``float64[n]``."""
    return np.array([1 - trace.about["optimum_objectives"][0] for trace in traces]), None


def hypervolume(traces: Sequence[Trace], within: float = np.inf) -> tuple[Floats, Clusters | None]:
    """Of each run's archive after so many evaluations, ``float64[n]``; see ``reports.hypervolume.judged``."""
    found = [trace.about[volumes.HELD][trace.evaluation <= within] for trace in traces]
    return np.array([one[-1] if len(one) else np.nan for one in found], np.float64), None


def pareto_share(traces: Sequence[Trace], within: float = np.inf) -> tuple[Floats, Clusters | None]:
    """Share of the true front's points that each run has found after so many evaluations, ``float64[n]``."""
    return np.array([_share(trace, within) for trace in traces], np.float64), None


def _share(trace: Trace, within: float) -> float:
    if "front" not in trace.about:
        return float("nan")
    points = trace.objectives[(trace.evaluation <= within) & trace.feasible]
    front = trace.about["front"]
    return float(over_time(points, [len(points)], front, front.max(axis=0), ("share",))["share"][0])


QUANTITIES: dict[str, Quantity] = {
    "accuracy": accuracy,
    "convergence": convergence,
    "hypervolume": hypervolume,
    "optimum": optimum,
    "pareto_share": pareto_share,
    "steps": steps,
}
