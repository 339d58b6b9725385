"""Several objectives, all minimised: how good a set of points is, by moocore where it has the indicator.

Each function judges the points of one run; hand the figures of many runs to ``mean`` or ``two_samples``, with their
clusters, for an interval over seeds.  A point with a NaN is refused, never left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import moocore
import numpy as np
import numpy.typing as npt

from reports.statistics.estimates import Floats

# Pinned, since a hypervolume without its reference point is no figure: by family of tasks, in the objectives' units.
REFERENCE_POINTS: Mapping[str, tuple[float, ...]] = {
    "macronas": (1.0, 1.0),  # error, normalised MMACs: both at most 1
}


def reference_point(task: str) -> Floats:
    """The reference point pinned for a benchmark, by the first part of its name.

    Raises:
        KeyError: none is; hypervolumes with a point chosen from the results cannot be compared.
    """
    return np.array(REFERENCE_POINTS[task.partition("/")[0]])


def nondominated(points: npt.ArrayLike) -> Floats:
    """The points that no other one dominates, in their order, ``float64[k, m]``; of equal ones the first."""
    x = _points(points)
    return x[moocore.is_nondominated(x)] if len(x) else x


def hypervolume(points: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Volume that the points dominate, up to the reference point (Zitzler and Thiele 1998); 0 for no points.

    Points that do not dominate the reference point add nothing.
    """
    x = _points(points)
    return float(moocore.hypervolume(x, ref=np.asarray(reference, np.float64))) if len(x) else 0.0


def inverted_generational_distance(points: npt.ArrayLike, front: npt.ArrayLike) -> float:
    """IGD: mean distance from each point of the true front to the nearest found; infinite for no points.

    Not Pareto-compliant: a set that dominates another can have the larger one.  Prefer ``igd_plus``.
    """
    x, true = _points(points), _points(front)
    return float(moocore.igd(x, ref=true)) if len(x) else float("inf")


def igd_plus(points: npt.ArrayLike, front: npt.ArrayLike) -> float:
    """IGD+ (Ishibuchi et al. 2015): as IGD, counting only how much worse the nearest point is; infinite for none."""
    x, true = _points(points), _points(front)
    return float(moocore.igd_plus(x, ref=true)) if len(x) else float("inf")


def generational_distance(points: npt.ArrayLike, front: npt.ArrayLike) -> float:
    """GD (Van Veldhuizen and Lamont 1998), mean distance from each point found to the nearest of the true front.

    IGD with the two sets exchanged; NaN for no points, which lie nowhere.
    """
    x, true = _points(points), _points(front)
    return float(moocore.igd(true, ref=x)) if len(x) else float("nan")


def spacing(points: npt.ArrayLike) -> float:
    """Standard deviation of each point's city-block distance to its nearest (Schott 1995); NaN for fewer than two."""
    x = _points(points)
    if len(x) < 2:
        return float("nan")
    apart = np.abs(x[:, None] - x[None]).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(axis=1).std(ddof=1))


def epsilon(points: npt.ArrayLike, front: npt.ArrayLike) -> float:
    """Additive epsilon (Zitzler et al. 2003): least shift by which the points cover the front; infinite for none."""
    x, true = _points(points), _points(front)
    return float(moocore.epsilon_additive(x, ref=true)) if len(x) else float("inf")


def share_of_front(points: npt.ArrayLike, front: npt.ArrayLike, tolerance: float = 1e-9) -> float:
    """Share of the true front's distinct points that were found, within a tolerance in every objective."""
    x, true = _points(points), np.unique(_points(front), axis=0)
    if not len(true):
        return float("nan")
    if not len(x):
        return 0.0
    return float((np.abs(true[:, None] - x[None]).max(axis=2).min(axis=1) <= tolerance).mean())


def attainment(fronts: Sequence[npt.ArrayLike], shares: Sequence[float] = (0.25, 0.5, 0.75)) -> dict[float, Floats]:
    """Empirical attainment function (Grunert da Fonseca et al. 2001): what a share of the runs has attained.

    The resampled unit would be the run; no interval is given.

    Args:
        fronts: ``float64[k, m]`` of each run, m = 2 or 3.
        shares: of the runs.

    Returns:
        For each share the points that bound what at least so many runs dominate, ``float64[k, m]``.
    """
    tables = [_points(one) for one in fronts]
    sets = np.repeat(np.arange(1, len(tables) + 1), [len(one) for one in tables])
    surfaces = moocore.eaf(np.concatenate(tables), sets, percentiles=[100 * one for one in shares])
    return {one: surfaces[np.isclose(surfaces[:, -1], 100 * one), :-1] for one in shares}


def _points(points: npt.ArrayLike) -> Floats:
    x = np.atleast_2d(np.asarray(points, np.float64))
    if x.size == 0:
        return np.empty((0, x.shape[1]))
    if np.isnan(x).any():
        raise ValueError("a point has an undefined objective")
    return x
