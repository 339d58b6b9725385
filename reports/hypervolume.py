"""Runs of several objectives judged by hypervolume: what their archive lacks of the true front's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nasbench_sim.trace import Trace
from reports.statistics import Floats
from reports.statistics.indicators import hypervolume_over_time
from reports.true_fronts import Front

NAME = "hypervolume_regret"
HELD = "hypervolume"  # in ``about``, in memory alone: ``float64[k]`` after each row
NEGLIGIBLE = 1e-12  # rounding of sums of areas


def judged(trace: Trace, front: Front | None = None) -> Trace:
    """The run with the hypervolume of its archive after each row, by which it is judged from then on.

    Args:
        trace: with ``reference`` and ``front_hypervolume`` in ``about``, which a run lacks that was made before its
            front was known; one without them and without front is returned as it is, and judged by its first objective.
        front: the true front, whose points are kept as ``front``; None where it is not stored.
    """
    if front is not None and "front_hypervolume" not in trace.about:
        known = {"reference": front.reference.tolist(), "front_hypervolume": front.hypervolume}
        trace = replace(trace, about={**trace.about, **known})
    if trace.objectives.shape[1] < 2 or not {"reference", "front_hypervolume"} <= set(trace.about):
        return trace
    there = trace.objectives[trace.feasible]
    found = np.zeros(len(trace.seconds))
    found[trace.feasible] = hypervolume_over_time(there, np.asarray(trace.about["reference"], np.float64))
    more = {HELD: np.maximum.accumulate(found)}
    return replace(trace, about={**trace.about, **more, **({} if front is None else {"front": front.points})})


def is_judged(trace: Trace) -> bool:
    """Whether the run is judged by hypervolume."""
    return HELD in trace.about


def hypervolume(trace: Trace, at: npt.ArrayLike) -> Floats:
    """Of the archive at those simulated seconds, ``float64`` of their shape; NaN before the first evaluation.

    A run none of whose evaluations succeeded has an archive of nothing: 0.
    """
    if not len(trace.seconds):
        return np.zeros(np.shape(at))
    row = np.searchsorted(trace.seconds, np.asarray(at, np.float64), side="right") - 1
    return np.asarray(np.append(trace.about[HELD], np.nan)[row])


def regret(trace: Trace, at: npt.ArrayLike) -> Floats:
    """Hypervolume of the true front less that of the archive, so that less is better, as of every regret."""
    short = float(trace.about["front_hypervolume"]) - hypervolume(trace, at)
    return np.asarray(np.where(np.abs(short) < NEGLIGIBLE, 0.0, short))
