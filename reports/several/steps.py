"""Two objectives as a staircase: the least error for at most so much cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.statistics import Floats
from reports.true_fronts import Front


def least_error(points: Floats, costs: Floats) -> Floats:
    """Least error among the points that cost at most so much, ``float64[x]``; infinite where there is none.

    Args:
        points: ``float64[k, 2]``, error and cost.
        costs: ``float64[x]``.
    """
    order = np.argsort(points[:, 1], kind="stable")
    best = np.minimum.accumulate(points[order, 0]) if len(order) else np.empty(0)
    place = np.searchsorted(points[order, 1], costs, side="right") - 1
    return np.asarray(np.append(best, np.inf)[place])


def breakpoints(front: Front, archives: Sequence[Floats]) -> Floats:
    """Costs at which any of the staircases steps, ascending, from the cheapest to the front's dearest point.

    Up to the dearest point of the true front, since beyond it nothing can be gained.
    """
    found = np.unique(np.concatenate([front.points[:, 1], *(one[:, 1] for one in archives if len(one))]))
    return np.asarray(found[found <= front.points[:, 1].max()])


def above(front: Front, points: Floats, costs: Floats) -> Floats:
    """By how much the least error lies above the true front's, ``float64[x]``, in the error's own unit."""
    scale = 1.0 if front.objectives[0] in front.ranges else 100.0
    if front.objectives[0] in front.ranges:
        least, most = front.ranges[front.objectives[0]]
        scale = most - least
    return np.asarray(scale * (least_error(points, costs) - least_error(front.points, costs)))


def staircase(front: Front, points: Floats) -> Floats:
    """Points in their own units as cost and error, by cost, ``float64[k, 2]``."""
    found = front.natural(points)[:, ::-1]
    return np.asarray(found[np.argsort(found[:, 0], kind="stable")])
