"""How good the archive of a run is as the run goes on: indicators of fronts over time, all in one pass.

A run is the rows of its trace, points ``float64[k, m]`` in the order in which they were found; its archive once the
first c rows are there is what of them is not dominated.  Each indicator is the one of the same name in
``reports.statistics.fronts`` (with its conventions for an empty archive) applied to that archive; here distances are
worked out once a run instead of once a time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reports.statistics.estimates import Floats

INDICATORS = ("hypervolume", "share", "igd", "igd_plus", "gd", "spacing", "epsilon")
TOLERANCE = 1e-9  # within which a point of the true front counts as found, as in ``fronts.share_of_front``
BLOCK = 256  # rows that are compared with all others at once

Counts = npt.NDArray[np.int64]


def rows_by(evaluation: npt.ArrayLike, when: npt.ArrayLike) -> Counts:
    """How many rows there are by each time, ``int64`` of the shape of ``when``.

    Args:
        evaluation: ``[k]`` of the rows, not decreasing (or simulated seconds).
        when: in the same unit.
    """
    return np.asarray(np.searchsorted(np.asarray(evaluation), np.asarray(when), side="right"), np.int64)


def lifetimes(objectives: npt.ArrayLike) -> Counts:
    """How long each row is in the archive, ``int64[k]``: once c rows are there row i is in it if i < c <= lifetime[i].

    k for one that is never dominated; i for one that never gets in, being dominated or equalled by an earlier one.
    """
    x = _points(objectives)
    k = len(x)
    until = np.full(k, k, np.int64)
    for start in range(0, k, BLOCK):
        rows = np.arange(start, min(start + BLOCK, k))
        no_worse, equal = np.ones((len(rows), k), bool), np.ones((len(rows), k), bool)
        for column in x.T:
            no_worse &= column <= column[rows, None]  # who is nowhere worse than the row
            equal &= column == column[rows, None]
        before = np.arange(k) < rows[:, None]
        later = no_worse & ~equal & ~before
        there = later.any(axis=1)
        until[rows[there]] = later[there].argmax(axis=1)
        never = (no_worse & before).any(axis=1)
        until[rows[never]] = rows[never]
    return until


def archive_at(objectives: npt.ArrayLike, count: int) -> Floats:
    """The archive once ``count`` rows are there, ``float64[j, m]``, in the order in which they were found."""
    x = _points(objectives)[:count]
    return np.asarray(x[lifetimes(x) == len(x)])


def hypervolume_over_time(objectives: npt.ArrayLike, reference: npt.ArrayLike) -> Floats:
    """Hypervolume of the archive after each row, ``float64[k]``; it never falls.

    Each row adds what it dominates and the archive does not: of two objectives between two steps of a staircase, of
    more its own box less what the archive, cut off at it, dominates of that (While, Bradstreet and Barone 2012).

    Args:
        objectives: ``float64[k, m]``.
        reference: ``float64[m]``; what does not dominate it adds nothing.
    """
    x, corner = _points(objectives), np.asarray(reference, np.float64)
    if not len(x):
        return np.empty(0)
    gains = _gains_of_two(x.tolist(), corner.tolist()) if x.shape[1] == 2 else _gains(x, corner)
    return np.cumsum(gains)


def over_time(
    objectives: npt.ArrayLike,
    counts: npt.ArrayLike,
    front: npt.ArrayLike,
    reference: npt.ArrayLike,
    names: Sequence[str] = INDICATORS,
) -> dict[str, Floats]:
    """Indicators of the archive at several times, ``float64[t]`` by name.

    Before the first row hypervolume and share are 0, the distances to the front infinite, the others NaN.

    Args:
        objectives: ``float64[k, m]``.
        counts: ``int64[t]``, how many rows there are by each time, see ``rows_by``.
        front: the true one, ``float64[f, m]``.
        reference: ``float64[m]``.
        names: of ``INDICATORS``.

    Raises:
        ValueError: an unknown indicator, or a point with a NaN.
    """
    if unknown := [name for name in names if name not in INDICATORS]:
        raise ValueError(f"there is no indicator {unknown[0]!r}: choose from {', '.join(INDICATORS)}")
    x, true, rows = _points(objectives), _points(front), np.asarray(counts, np.int64)
    times, place = np.unique(rows, return_inverse=True)
    found: dict[str, Floats] = {}
    if "hypervolume" in names:
        found["hypervolume"] = np.concatenate([[0.0], hypervolume_over_time(x, reference)])[times]
    until = lifetimes(x)
    alive = [np.flatnonzero((np.arange(len(x)) < count) & (until >= count)) for count in times.tolist()]
    if "share" in names:
        found["share"] = _share(x, true, alive)
    apart = x[:, None] - true[None]  # [k, f, m]
    if "igd" in names or "gd" in names:
        distance = np.sqrt((apart**2).sum(axis=2))
        found["igd"] = np.array([distance[at].min(axis=0).mean() if at.size else np.inf for at in alive])
        nearest = distance.min(axis=1, initial=np.inf)
        found["gd"] = np.array([nearest[at].mean() if at.size else np.nan for at in alive])
    if "igd_plus" in names:
        worse = np.sqrt((np.maximum(apart, 0.0) ** 2).sum(axis=2))
        found["igd_plus"] = np.array([worse[at].min(axis=0).mean() if at.size else np.inf for at in alive])
    if "epsilon" in names:
        shift = apart.max(axis=2)
        found["epsilon"] = np.array([shift[at].min(axis=0).max() if at.size else np.inf for at in alive])
    if "spacing" in names:
        found["spacing"] = _spacing(x, alive)
    return {name: found[name][place].reshape(rows.shape) for name in names}


def _points(points: npt.ArrayLike) -> Floats:
    x = np.asarray(points, np.float64)
    if x.ndim != 2:
        raise ValueError(f"points are [n, m], not of shape {x.shape}")
    if np.isnan(x).any():
        raise ValueError("a point has an undefined objective")
    return x


def _share(x: Floats, true: Floats, alive: Sequence[Counts]) -> Floats:
    true = np.unique(true, axis=0)
    if not len(true):
        return np.full(len(alive), np.nan)
    matches = np.ones((len(x), len(true)), bool)
    for column, wanted in zip(x.T, true.T, strict=True):
        matches &= np.abs(column[:, None] - wanted) <= TOLERANCE
    return np.array([matches[at].any(axis=0).mean() for at in alive])


def _spacing(x: Floats, alive: Sequence[Counts]) -> Floats:
    apart = np.zeros((len(x), len(x)))
    for column in x.T:
        apart += np.abs(column[:, None] - column)
    np.fill_diagonal(apart, np.inf)
    found = np.full(len(alive), np.nan)
    for number, at in enumerate(alive):
        if at.size > 1:
            found[number] = apart[np.ix_(at, at)].min(axis=1).std(ddof=1)
    return found


def _gains_of_two(points: Sequence[Sequence[float]], corner: Sequence[float]) -> Floats:
    """Area that each point adds.  The staircase is kept sorted: the first objective rises, the second falls."""
    right, top = corner
    first: list[float] = []
    second: list[float] = []  # with its sign changed, so that it rises as well
    gains = np.zeros(len(points))
    for number, (a, b) in enumerate(points):
        if not (a < right and b < top):
            continue
        before = bisect_right(first, a)
        ceiling = -second[before - 1] if before else top  # the lowest so far at or left of the point
        if ceiling <= b:
            continue
        start = bisect_left(first, a, 0, before)
        if start < before:  # one as low in the first objective, and higher in the second: it goes
            ceiling = -second[start - 1] if start else top
        end = bisect_right(second, -b, before)
        # From the point to the right, up to the steps that it buries.
        edges = [a, *first[before:end], first[end] if end < len(first) else right]
        heights = [-second[before - 1] if before else top, *(-value for value in second[before:end])]
        gains[number] = sum((x1 - x0) * (height - b) for (x0, x1), height in zip(pairwise(edges), heights, strict=True))
        first[start:end] = [a]
        second[start:end] = [-b]
    return gains


def _gains(x: Floats, corner: Floats) -> Floats:
    """Volume that each point adds, of three objectives and more."""
    import moocore  # slow to import, and not needed for two

    gains, volume = np.zeros(len(x)), moocore.Hypervolume(ref=corner)
    until, inside = lifetimes(x), (x < corner).all(axis=1)
    boxes = np.prod(corner - x, axis=1).tolist()
    entering = np.flatnonzero((until > np.arange(len(x))) & inside).tolist()
    removes = set(until[entering].tolist())  # rows that dominate an earlier one
    held, rows = np.empty_like(x), np.empty(len(x), np.int64)
    n = 0
    for row in entering:
        rest = float(volume(np.maximum(held[:n], x[row]))) if n else 0.0
        gains[row] = max(boxes[row] - rest, 0.0)
        if row in removes:
            stay = until[rows[:n]] > row
            left = int(stay.sum())
            held[:left], rows[:left], n = held[:n][stay], rows[:n][stay], left
        held[n], rows[n] = x[row], row
        n += 1
    return gains
