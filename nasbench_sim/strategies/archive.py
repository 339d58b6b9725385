"""The archive: what was found and is not dominated, unbounded or of a given capacity.

Two objectives are kept as a staircase, sorted, so that an insertion takes two binary searches; more of them in
columns that are compared as a whole.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats
from nasbench_sim.strategies.dominance import check_relation, crowding
from nasbench_sim.strategies.hypervolume import contributions

PRUNINGS = ("crowding", "hypervolume")


class Archive:
    """Points that do not dominate one another, each with an item that says whose it is.

    Of configurations that break constraints only those of the least violation so far are held, and none once one
    is feasible (constrained dominance, Deb 2000).

    Args:
        objectives: m, how many there are.
        dominance: "weak": a point equal to one held is refused, so that each is held once; "pareto": equal points of
            different items are held side by side; "strict": so are points that are better in no more than some
            objectives.
        capacity: most points; beyond it one is removed.  None for no limit.
        pruning: which: the one with the least "crowding" distance, or the least "hypervolume" of its own.
        reference: ``[m]``, up to where hypervolume is counted; then the hypervolume of the archive never falls.
            None keeps what is best in one objective.

    Attributes:
        violation: of everything in it; 0 where it is feasible, infinite while it is empty.

    Raises:
        UserError: an option that does not exist, or a capacity below 1.
    """

    def __init__(
        self,
        objectives: int,
        *,
        dominance: str = "weak",
        capacity: int | None = None,
        pruning: str = "crowding",
        reference: Sequence[float] | None = None,
    ) -> None:
        check_relation(dominance)
        if pruning not in PRUNINGS:
            raise UserError(f"an archive is not pruned by {pruning!r}: choose from {', '.join(PRUNINGS)}")
        if capacity is not None and capacity < 1:
            raise UserError(f"an archive of capacity {capacity} holds nothing: it must be at least 1")
        self.objectives, self.dominance, self.capacity, self.pruning = objectives, dominance, capacity, pruning
        self._reference = None if reference is None else np.asarray(reference, np.float64)
        self._empty()
        self.violation = np.inf

    def _empty(self) -> None:
        self._front: _Front = (
            _Staircase(self.dominance) if self.objectives == 2 else _Columns(self.dominance, self.objectives)
        )
        self._held: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._front.items)

    def __contains__(self, item: Hashable) -> bool:
        return item in self._held

    @property
    def items(self) -> Sequence[Hashable]:
        """Whose the points are, in the order of ``points``."""
        return self._front.items

    @property
    def points(self) -> Floats:
        """``float64[k, m]``: a copy, by the first objective."""
        return self._front.points()

    def insert(self, point: Sequence[float], item: Hashable, violation: float = 0.0) -> bool:
        """Offer a point; what it dominates goes.

        Args:
            point: ``[m]``; one with a NaN is refused.
            item: whose it is; an item that is held already is refused.
            violation: by how much constraints are broken, 0 for not at all; NaN is refused.

        Returns:
            Whether it is held now.
        """
        if not violation <= self.violation or item in self._held:
            return False
        for value in point:
            if value != value:  # NaN
                return False
        if violation < self.violation:
            self._empty()
            self.violation = violation
        gone = self._front.insert(point, item)
        if gone is None:
            return False
        self._held.add(item)
        self._held.difference_update(gone)
        if self.capacity is not None and len(self) > self.capacity:
            self._held.remove(self._front.remove(int(self.worth().argmin())))
        return item in self._held

    def worth(self) -> Floats:
        """By how much each point would be missed, ``float64[k]``: what the archive is pruned by."""
        points = self.points
        return crowding(points) if self.pruning == "crowding" else contributions(points, self._reference)


class _Front(Protocol):
    items: list[Hashable]

    def insert(self, point: Sequence[float], item: Hashable) -> list[Hashable] | None:
        """None where it is dominated; else the items that had to go."""

    def remove(self, place: int) -> Hashable: ...
    def points(self) -> Floats: ...


class _Staircase:
    """Two objectives: the first rises along it, the second falls.

    That order holds for all three relations: where the first objective is greater, the second is at most equal, or
    the earlier point would dominate the later one strictly.
    """

    def __init__(self, dominance: str) -> None:
        self.dominance = dominance
        self.items: list[Hashable] = []
        self._first: list[float] = []
        self._second: list[float] = []  # with its sign changed, so that it rises as well

    def insert(self, point: Sequence[float], item: Hashable) -> list[Hashable] | None:
        a, b = point
        first, second = self._first, self._second
        if self.dominance == "strict":
            before = bisect_left(first, a)
            if before and -second[before - 1] < b:
                return None
            start, end = bisect_right(first, a), bisect_left(second, -b)
            place = bisect_right(second, -b, before, start)
        else:
            before = bisect_right(first, a)  # those ahead are no worse in the first objective
            if before and -second[before - 1] <= b:
                # Equals are held by "pareto" alone.
                if self.dominance == "weak" or -second[before - 1] < b or first[bisect_left(second, -b)] < a:
                    return None
                start = end = place = before
            else:
                start, end = bisect_left(first, a), bisect_right(second, -b)
                place = start
        gone: list[Hashable] = []
        if start < end:
            gone = self.items[start:end]
            del first[start:end], second[start:end], self.items[start:end]
        first.insert(place, a)
        second.insert(place, -b)
        self.items.insert(place, item)
        return gone

    def remove(self, place: int) -> Hashable:
        del self._first[place], self._second[place]
        return self.items.pop(place)

    def points(self) -> Floats:
        return np.stack([np.array(self._first, np.float64), -np.array(self._second, np.float64)], axis=1)


class _Columns:
    """Any number of objectives, by the first: what may dominate a point stands before it, what it may behind."""

    def __init__(self, dominance: str, objectives: int) -> None:
        self.dominance = dominance
        self.items: list[Hashable] = []
        self._columns = np.empty((objectives, 16))

    def insert(self, point: Sequence[float], item: Hashable) -> list[Hashable] | None:
        n = len(self.items)
        held = self._columns[:, :n]
        start, end = int(held[0].searchsorted(point[0], "left")), int(held[0].searchsorted(point[0], "right"))
        strict = self.dominance == "strict"
        above = _compared(np.less if strict else np.less_equal, held[:, : start if strict else end], point)
        if above.any():
            # What is nowhere worse and not equal dominates; equals are held by "pareto" alone.
            if self.dominance != "pareto" or (np.array(point)[:, None] != held[:, : len(above)][:, above]).any():
                return None
            gone = []
        else:
            compare, offset = (np.greater, end) if strict else (np.greater_equal, start)
            beaten = _compared(compare, held[:, offset:], point)
            gone = (np.flatnonzero(beaten) + offset).tolist() if beaten.any() else []
        items = [self.items[place] for place in gone]
        for place in reversed(gone[1:]):
            self.remove(place)
        self._open(start, gone[0] if gone else len(self.items))
        self._columns[:, start] = point
        self.items.insert(start, item)
        if gone:
            del self.items[gone[0] + 1]
        return items

    def _open(self, place: int, end: int) -> None:
        """Make room at a place: what stands there moves one on, over what stood at the end."""
        if end == self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.empty_like(self._columns)], axis=1)
        for column in self._columns:
            memory = column.data  # numpy would make a copy first, since the two overlap
            memory[place + 1 : end + 1] = memory[place:end]

    def remove(self, place: int) -> Hashable:
        n = len(self.items)
        for column in self._columns:
            memory = column.data
            memory[place : n - 1] = memory[place + 1 : n]
        return self.items.pop(place)

    def points(self) -> Floats:
        return self._columns[:, : len(self.items)].T.copy()


def _compared(compare: np.ufunc, columns: Floats, point: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Where it holds in every objective, ``bool[n]``; in the first, by which they are sorted, it does."""
    if len(columns) == 1:
        return np.ones(columns.shape[1], bool)
    found = compare(columns[1], point[1])
    for column, value in zip(columns[2:], point[2:], strict=True):
        found &= compare(column, value)
    return np.asarray(found)
