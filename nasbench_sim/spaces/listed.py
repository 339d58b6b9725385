"""Some configurations of a grid and no others: a table that somebody drew at random, or a part of a larger one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.chosen import Chosen
from nasbench_sim.spaces.grid import Grid
from nasbench_sim.spaces.space import Codes, Neighbourhoods
from nasbench_sim.spaces.variables import Value

NEAREST = 8
BLOCK = 256  # configurations whose distances to all others are worked out at a time


@dataclass(frozen=True)
class Listed(Chosen):
    """The configurations listed, whose neighbours are the nearest ones: few of a grid's own may be among them.

    Args:
        whole: the grid that they are of.
        rows: see ``Chosen``.
        near: how many configurations are neighbours of each: the nearest by features.
    """

    whole: Grid
    near: int = NEAREST

    @staticmethod
    def of(grid: Grid, codes: Codes, near: int = NEAREST) -> Listed:
        """The configurations of ``codes[n, d]``."""
        return Listed(grid, tuple(map(tuple, codes.tolist())), near)

    def neighbourhoods(self, codes: Codes) -> Neighbourhoods:
        """The nearest configurations, nearest first; equally near ones in the order listed.

        Raises:
            ValueError: codes of another shape, or one that is not listed.
        """
        own = self._places(self.whole.key(codes))
        if (own < 0).any():
            raise ValueError(f"configuration {int(np.argmin(own))} is not among those listed of {self.name}")
        count = min(self.near, self.size - 1)
        everything, chosen = self._features, [np.empty((0, count), np.int64)]
        square = (everything**2).sum(axis=1)
        for start in range(0, len(own), BLOCK):
            part = own[start : start + BLOCK]
            # rounded, so that the last bits of a product decide nothing
            apart = np.round(square[part, None] + square - 2 * everything[part] @ everything.T, 9)
            apart[np.arange(len(part)), part] = np.inf
            chosen.append(np.argsort(apart, axis=1, kind="stable")[:, :count])
        found = self._codes[np.concatenate(chosen).ravel()]
        offsets = np.arange(len(own) + 1, dtype=np.int64) * count
        return Neighbourhoods(found, offsets, self.key(found))

    def values(self, codes: Codes) -> list[dict[str, Value]]:
        """What codes stand for, see ``Grid.values``."""
        return self.whole.values(codes)

    @cached_property
    def _features(self) -> npt.NDArray[np.float64]:
        return self.whole.features(self._codes).astype(np.float64)
