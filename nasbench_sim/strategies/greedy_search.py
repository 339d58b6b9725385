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
    """Evaluate all neighbours, move to the best if it is strictly better, else restart at random.

    Args:
        space: to search.
        random: starts come from ``start``, the order of neighbours from ``choices``.
        order: "random" or "listed" (by the space: operations, edges, nodes); matters while a budget is smaller
            than a neighbourhood.
        revisits: "remembered" answers a configuration met again from memory, free of charge; "charged" evaluates
            and counts it again.
    """

    def __init__(self, space: Space, random: Streams, order: str = "random", revisits: str = "charged") -> None:
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
        return Proposal(neighbours_of=self._current, shuffle=self._shuffle, recall=self._recall)

    def tell(self, observations: Observations) -> None:
        """Keep the best of the neighbourhood; move or restart once all of it is in.  Equals do not move."""
        values = observations.objectives[:, 0]
        if values.size and not np.isnan(values).all():
            best = int(np.nanargmin(values))
            if values[best] < self._best_value:
                self._best, self._best_value = observations.codes[best], float(values[best])
        if observations.pending:
            return
        self._waiting = False
        if self._best_value < self._value:
            self._current, self._value = self._best, self._best_value
        else:
            self._current, self._value = None, np.inf
        self._best, self._best_value = None, np.inf
