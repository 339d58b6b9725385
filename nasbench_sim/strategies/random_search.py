"""Random search.

Bergstra and Bengio 2012, "Random Search for Hyper-Parameter Optimization", JMLR 13.
"""

from __future__ import annotations

import numpy as np

from nasbench_sim.oracle import Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.strategy import Proposal


class RandomSearch:
    """Distinct configurations, drawn uniformly; ends when a finite space is exhausted.

    A failed evaluation changes nothing: it is charged, and not drawn again.

    Args:
        space: to draw from.
        random: the first configuration is the first of ``start``, the others come from ``choices``.
        draw: how many are drawn at a time.
    """

    def __init__(self, space: Space, random: Streams, draw: int = 10_000) -> None:
        self.space, self.random, self.draw = space, random, draw
        self._asked = np.empty(0, np.uint64)

    def ask(self, free: int) -> Proposal | None:
        """The next draw without what was drawn before."""
        if self._asked.size == 0:
            return self._fresh(self.space.sample(self.random.start, 1))
        size = self.space.size
        left = np.inf if size is None else size - self._asked.size
        if left == 0:
            return None
        # A draw a tenth larger makes up for what is met again; a space nearly used up is drawn as a whole.
        wanted = self.draw if left > 2 * self.draw else size
        assert wanted is not None
        while True:
            proposal = self._fresh(self.space.sample(self.random.choices, wanted))
            if proposal is not None:
                return proposal

    def tell(self, observations: Observations) -> None:
        """Nothing is learned."""

    def _fresh(self, codes: Codes) -> Proposal | None:
        keys = self.space.key(codes)
        new = np.flatnonzero(~np.isin(keys[:, 0], self._asked))
        self._asked = np.concatenate([self._asked, keys[new, 0]])
        return Proposal(codes[new], keys=keys[new]) if new.size else None
