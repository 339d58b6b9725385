"""Some configurations of a grid and no others: a table that somebody drew at random, or a part of a larger one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.grid import Grid
from nasbench_sim.spaces.space import Codes, Graph, Keys, Neighbourhoods
from nasbench_sim.spaces.variables import Value, Variable

NEAREST = 8
BLOCK = 256  # configurations whose distances to all others are worked out at a time


@dataclass(frozen=True)
class Listed:
    """The configurations listed.

    Args:
        grid: that they are of.
        rows: their codes, as tuples, each once.
        near: how many configurations are neighbours of each: the nearest by features.

    Raises:
        UserError: none, one twice, or one outside the grid.
    """

    grid: Grid
    rows: tuple[tuple[int, ...], ...] = field(repr=False)
    near: int = NEAREST

    def __post_init__(self) -> None:
        if not self.rows or not self.grid.valid(np.array(self.rows)).all():
            raise UserError(f"a list of configurations of {self.grid.name} needs some, all of that grid")
        if len(set(self.rows)) < len(self.rows):
            raise UserError(f"a list of configurations of {self.grid.name} holds one of them twice")

    @staticmethod
    def of(grid: Grid, codes: Codes, near: int = NEAREST) -> Listed:
        """The configurations of ``codes[n, d]``."""
        return Listed(grid, tuple(map(tuple, codes.tolist())), near)

    @property
    def name(self) -> str:
        return self.grid.name

    @property
    def dimension(self) -> int:
        return self.grid.dimension

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.grid.dtype

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.grid.variables

    @property
    def size(self) -> int:
        return len(self.rows)

    def enumerate(self) -> Codes:
        """``[size, d]``, in the order given."""
        return np.array(self.rows, self.dtype)

    def valid(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """``bool[n]``: which are listed."""
        inside = self.grid.valid(codes)
        keys = self.grid.key(np.where(inside[:, None], codes, 0).astype(self.dtype))
        return np.asarray(inside & (self._place(keys) >= 0))

    def sample(self, rng: np.random.Generator, n: int) -> Codes:
        """Distinct configurations, ``[n, d]``, each equally likely.

        Raises:
            ValueError: n exceeds the size of the space.
        """
        if n > self.size:
            raise ValueError(f"{n} distinct configurations asked of a space of {self.size}")
        return np.asarray(self._codes[rng.choice(self.size, n, replace=False)])

    def neighbours(self, code: Codes) -> Codes:
        """``[m, d]``: the neighbours of one configuration, see ``neighbourhoods``."""
        return self.neighbourhoods(np.asarray(code)[None])[0]

    def neighbourhoods(self, codes: Codes) -> Neighbourhoods:
        """The nearest configurations, nearest first; equally near ones in the order listed.

        Raises:
            ValueError: codes of another shape, or one that is not listed.
        """
        own = self._place(self.grid.key(codes))
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

    def key(self, codes: Codes) -> Keys:
        """``uint64[n, 2]``: the grid's."""
        return self.grid.key(codes)

    def features(self, codes: Codes) -> npt.NDArray[np.float32]:
        """``float32[n, k]``: the grid's."""
        return self.grid.features(codes)

    def graph(self, code: Codes) -> Graph:
        """The grid's."""
        return self.grid.graph(code)

    def values(self, codes: Codes) -> list[dict[str, Value]]:
        """What codes stand for, see ``Grid.values``."""
        return self.grid.values(codes)

    @cached_property
    def _codes(self) -> Codes:
        return self.enumerate()

    @cached_property
    def _features(self) -> npt.NDArray[np.float64]:
        return self.grid.features(self._codes).astype(np.float64)

    @cached_property
    def _order(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Keys as one sortable column, and the places that they had."""
        words = _column(self.grid.key(self._codes))
        order = np.argsort(words, kind="stable")
        return words[order], order

    def _place(self, keys: Keys) -> npt.NDArray[np.int64]:
        """``int64[n]``: where each is listed; -1 for nowhere."""
        words, order = self._order
        wanted = _column(keys)
        at = np.minimum(np.searchsorted(words, wanted), len(words) - 1)
        return np.where(words[at] == wanted, order[at], -1)


def _column(keys: Keys) -> npt.NDArray[Any]:
    """Both words of each key as one comparable value."""
    pairs = np.ascontiguousarray(keys)
    return pairs.view([("first", np.uint64), ("second", np.uint64)]).ravel()
