"""Greedy search: hill-climbing by best improvement, started anew at every local optimum.

White et al. 2020, "Local Search is State of the Art for Neural Architecture Search Benchmarks"; Den Ottelander
et al. 2020, "Local Search is a Remarkably Strong Baseline for Neural Architecture Search".
"""

from __future__ import annotations

import numpy as np

from nasbench_sim.oracle import Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.strategy import Proposal


class GreedySearch:
    """Evaluate a configuration and all its neighbours, move to the best of them, restart where that is itself.

    A failed evaluation counts as worse than any other.

    Args:
        space: to search.
        random: starts come from ``start``, the order of neighbours from ``choices``.
        order: "listed" (by the space: itself, operations, edges, nodes) or "random"; matters while a budget is
            smaller than a neighbourhood.
        revisits: "remembered" answers a configuration met again, itself first of all, from memory, free of charge;
            "charged" evaluates and counts it again.
    """

    def __init__(self, space: Space, random: Streams, order: str = "listed", revisits: str = "remembered") -> None:
        if order not in ("random", "listed") or revisits not in ("remembered", "charged"):
            raise ValueError(f"no such reading: order={order!r}, revisits={revisits!r}")
        self.space, self.random = space, random
        self._shuffle = random.choices if order == "random" else None
        self._recall = revisits == "remembered"
        self._current: Codes | None = None  # None: start anew
        self._value = np.inf
        self._best: Codes | None = None  # of what came in since the last move
        self._best_value = np.inf
        self._waiting = False

    def ask(self, free: int) -> Proposal | None:
        """A random start, then whole neighbourhoods."""
        if self._waiting:
            return None
        self._waiting = True
        if self._current is None:
            return Proposal(self.space.sample(self.random.start, 1), recall=self._recall)
        return Proposal(neighbours_of=self._current, itself=True, shuffle=self._shuffle, recall=self._recall)

    def tell(self, observations: Observations) -> None:
        """Keep the best of the neighbourhood; move or restart once all of it is in.  Equals do not move."""
        values = observations.values
        if values.size:
            best = int(values.argmin())
            if np.isnan(values[best]):  # argmin prefers them
                best = int(np.where(np.isnan(values), np.inf, values).argmin())
            if values[best] < self._best_value:
                self._best, self._best_value = observations.codes[best], float(values[best])
        if observations.pending:
            return
        self._waiting = False
        # Under noise a second look at itself may be better than the first; that is no move.
        moved = self._best_value < self._value and not _same(self._best, self._current)
        self._current = self._best if moved else None
        self._value = self._best_value if moved else np.inf
        self._best, self._best_value = None, np.inf


def _same(one: Codes | None, other: Codes | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)
