"""Local search of several objectives, made one by random weights that every descent draws anew.

Paquete and Stuetzle 2003, "A Two-Phase Local Search for the Biobjective Traveling Salesman Problem" (scalarised
descents); Den Ottelander et al. 2021, "Local Search is a Remarkably Strong Baseline for Neural Architecture Search",
which searches MacroNAS so.  What is not dominated is kept by the run's archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np

from nasbench_sim.oracle import Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.local_search import LocalSearch, check_option
from nasbench_sim.strategies.starts import Key, given, keys_of
from nasbench_sim.strategies.strategy import Proposal

INFEASIBLE = 1e6  # worse than any weighted value: objectives are scaled to about one


class ScalarisedLocalSearch(LocalSearch):
    """Descents of local search, each in its own direction.

    Weights are uniform on the simplex.  Objectives are scaled to the range seen so far, anew at every start; where
    only one value was seen, to its size.  A failed evaluation is worse than any other; what breaks constraints is
    worse than what breaks none, the more the worse.

    Args:
        space: to search.
        random: as in ``LocalSearch``; weights come from ``choices``.
        scalarisation: weighted "sum", or "product": of the scaled objectives plus one, each to the power of its
            weight, so that the best value of one does not make up for everything.
        first: codes that are evaluated before the first descent, such as the smallest network.
        improvement: as in ``LocalSearch``.
        order: as in ``LocalSearch``.
        revisits: as in ``LocalSearch``.

    Raises:
        UserError: an option that does not exist, or a first configuration outside the space.
    """

    def __init__(
        self,
        space: Space,
        random: Streams,
        *,
        scalarisation: str = "sum",
        first: Sequence[Sequence[int]] = (),
        improvement: str = "first",
        order: str = "by variable",
        revisits: str = "charged",
    ) -> None:
        super().__init__(space, random, improvement=improvement, order=order, revisits=revisits)
        check_option("scalarisation", scalarisation, ("sum", "product"))
        self.product = scalarisation == "product"
        self._first = given(space, first)
        self._given: set[Key] = set()  # of the first ones, those that are pending
        self._points: dict[Key, tuple[list[float], float]] = {}
        self._least: list[float] = []  # of each objective, of all that was seen
        self._most: list[float] = []
        self._weights: list[float] = []
        self._scale: list[tuple[float, float]] = []  # of each objective: least, width

    def ask(self, free: int) -> Proposal | None:
        """What is to be first, then as in ``LocalSearch``."""
        if not len(self._first):
            return super().ask(free)
        codes, self._first = self._first, self._first[:0]
        self._given = set(keys_of(self.space, codes))
        self._answers.update(dict.fromkeys(self._given))
        self._open += 1
        return Proposal(codes)

    def _compared(self, observations: Observations) -> list[float]:
        keys, points = map(tuple, observations.keys.tolist()), observations.objectives.tolist()
        broken = observations.violation.tolist()
        for key, point, violation in zip(keys, points, broken, strict=True):
            self._points[key] = point, violation
            if not self._least:
                self._least, self._most = [np.inf] * len(point), [-np.inf] * len(point)
                self._weights = self._weights or self._drawn(len(point))
            for number, value in enumerate(point):
                if value < np.inf:  # NaN is not
                    self._least[number] = min(self._least[number], value)
                    self._most[number] = max(self._most[number], value)
        if self._starting or not self._scale:
            self._rescale()
        return [self._scalar(point, violation) for point, violation in zip(points, broken, strict=True)]

    def _recalled(self, key: Key) -> float | None:
        answer = self._points.get(key)
        if answer is None:
            return None
        value = self._scalar(*answer)
        return np.inf if np.isnan(value) else value

    def _hear(self, key: Key, code: Codes, value: float) -> None:
        if key in self._given:
            self._given.remove(key)
            self._answers[key] = value
        else:
            super()._hear(key, code, value)

    def _start(self) -> bool:
        if self._least:
            self._weights = self._drawn(len(self._least))
            self._rescale()
        return super()._start()

    def _drawn(self, objectives: int) -> list[float]:
        weights: list[float] = self.random.choices.dirichlet(np.ones(objectives)).tolist()
        return weights

    def _rescale(self) -> None:
        self._scale = [
            (least, most - least if most > least else abs(least) or 1.0) if least < np.inf else (0.0, 1.0)
            for least, most in zip(self._least, self._most, strict=True)
        ]

    def _scalar(self, point: list[float], violation: float) -> float:
        if violation > 0:
            return INFEASIBLE + violation
        scaled = [(value - least) / width for value, (least, width) in zip(point, self._scale, strict=True)]
        if not self.product:
            return sum(weight * value for weight, value in zip(self._weights, scaled, strict=True))
        # The logarithm puts them in the same order; what lies below the range seen stays above zero.
        return sum(w * log(max(1.0 + value, 1e-9)) for w, value in zip(self._weights, scaled, strict=True))
