"""The configurations among which a model of the whole space chooses."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.space import Codes, Keys, Space
from nasbench_sim.strategies.starts import unseen

Key = tuple[int, int]


class Candidates:
    """All of a small space; of a larger one a sample, drawn anew from time to time.

    Args:
        space: to search.
        rng: that samples are drawn from.
        most: a space up to this size is taken whole; else so many are drawn.
        refresh: draws after which a sample is drawn anew.
    """

    def __init__(self, space: Space, rng: np.random.Generator, most: int, refresh: int) -> None:
        self.space, self.rng, self.most, self.refresh = space, rng, most, refresh
        self.asked: dict[Key, int] = {}  # in the order of asking
        self.version = 0  # of the set of candidates
        self.whole = space.size is not None and space.size <= most
        self._age = 0
        self.codes: Codes = np.empty((0, space.dimension), space.dtype)
        self.keys: Keys = np.empty((0, 2), np.uint64)
        self.free: npt.NDArray[np.bool_] = np.empty(0, bool)
        self._place: dict[Key, int] = {}

    def renew(self, best: Codes) -> None:
        """List the space, or where that is due draw from it and add the neighbours of the best, ``[b, d]``."""
        due = not self.version or (not self.whole and (self._age >= self.refresh or not self.free.any()))
        self._age += 1
        if not due:
            return
        size = self.space.size
        listed = getattr(self.space, "enumerate", None)
        if self.whole and listed is not None:
            codes = listed()
        else:
            n = self.most if size is None else min(self.most, size)
            codes = self.space.sample(self.rng, n)
            if len(best):
                codes = np.concatenate([self.space.neighbourhoods(best).codes, codes])
        self._take(codes)
        if not self.free.any():
            self._take(unseen(self.space, self.rng, self.asked, self.most))

    def note(self, keys: Iterable[Key]) -> list[int]:
        """Note that configurations are asked for; their places among the candidates, -1 for nowhere."""
        places = []
        for key in keys:
            self.asked.setdefault(key, len(self.asked))
            places.append(self._place.get(key, -1))
            if places[-1] >= 0:
                self.free[places[-1]] = False
        return places

    def places(self) -> list[int]:
        """Of all that was asked for, in that order; -1 for nowhere."""
        return [self._place.get(key, -1) for key in self.asked]

    def _take(self, codes: Codes) -> None:
        keys = self.space.key(codes)
        pairs = list(map(tuple, keys.tolist()))
        first = {pair: at for at, pair in reversed(list(enumerate(pairs)))}
        kept = sorted(first.values())
        self.codes, self.keys = codes[kept], keys[kept]
        self._place = {pairs[at]: place for place, at in enumerate(kept)}
        self.free = np.array([pairs[at] not in self.asked for at in kept], bool)
        self.version, self._age = self.version + 1, 0
