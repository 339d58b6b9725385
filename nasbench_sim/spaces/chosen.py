"""What parts of spaces have in common: some configurations and no others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.space import Codes, Graph, Keys, Neighbourhoods, Space
from nasbench_sim.spaces.variables import Variable


@dataclass(frozen=True)
class Chosen(ABC):
    """The configurations listed; who their neighbours are a subclass says.

    Args:
        whole: the space that they are of.
        rows: their codes, as tuples; no two equivalent.

    Raises:
        UserError: none at all, one outside the space, or two that are equivalent.
    """

    whole: Space
    rows: tuple[tuple[int, ...], ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.rows or not self.whole.valid(np.array(self.rows, self.dtype)).all():
            raise UserError(f"a part of {self.name} needs configurations, all of that space")
        if len(np.unique(self.whole.key(self._codes), axis=0)) < len(self.rows):
            raise UserError(f"a part of {self.name} holds a configuration twice, or two equivalent ones")

    @property
    def name(self) -> str:
        return self.whole.name

    @property
    def dimension(self) -> int:
        return self.whole.dimension

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.whole.dtype

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.whole.variables

    @property
    def size(self) -> int:
        return len(self.rows)

    def enumerate(self) -> Codes:
        """``[size, d]``, in the order given."""
        return self._codes.copy()

    def valid(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """``bool[n]``: which are listed, or equivalent to one that is."""
        inside = np.array(self.whole.valid(codes))
        if inside.any():
            inside[inside] = self._places(self.whole.key(np.asarray(codes, self.dtype)[inside])) >= 0
        return inside

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

    @abstractmethod
    def neighbourhoods(self, codes: Codes) -> Neighbourhoods:
        """Of each configuration of ``codes[n, d]``."""

    def key(self, codes: Codes) -> Keys:
        """``uint64[n, 2]``: the whole space's."""
        return self.whole.key(codes)

    def features(self, codes: Codes) -> npt.NDArray[np.float32]:
        """``float32[n, k]``: the whole space's."""
        return self.whole.features(codes)

    def graph(self, code: Codes) -> Graph:
        """The whole space's."""
        return self.whole.graph(code)

    @cached_property
    def _codes(self) -> Codes:
        return np.array(self.rows, self.dtype)

    @cached_property
    def _order(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Keys as one sortable column, and the places that they had."""
        words = _column(self.whole.key(self._codes))
        order = np.argsort(words, kind="stable")
        return words[order], order

    def _places(self, keys: Keys) -> npt.NDArray[np.int64]:
        """``int64[n]``: where each is listed; -1 for nowhere."""
        words, order = self._order
        wanted = _column(keys)
        at = np.minimum(np.searchsorted(words, wanted), len(words) - 1)
        return np.where(words[at] == wanted, order[at], -1)


def _column(keys: Keys) -> npt.NDArray[Any]:
    """Both words of each key as one value that can be sorted: 16 bytes, the first word's highest first."""
    pairs = np.ascontiguousarray(keys, ">u8")
    return pairs.view("S16").ravel() if len(pairs) else np.empty(0, "S16")
