"""What a strategy asked for, in that order, and what came of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasbench_sim.oracle import Floats
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.kernels import Encoding

PENDING, DONE, FAILED = range(3)
ROOM = 64


class History:
    """What was asked for, in that order, and what came of it."""

    def __init__(self, space: Space) -> None:
        self.space, self.size, self._encoded = space, 0, 0
        self._codes = np.empty((ROOM, space.dimension), space.dtype)
        self.places = np.empty(ROOM, np.int64)  # among the candidates
        self._values, self._state = np.empty(ROOM), np.zeros(ROOM, np.int8)
        self._points = np.empty((ROOM, 0))

    @property
    def values(self) -> Floats:
        """``float64[n]``; NaN where pending or failed."""
        return self._values[: self.size]

    @property
    def state(self) -> npt.NDArray[np.int8]:
        """``int8[n]``: ``PENDING``, ``DONE`` or ``FAILED``."""
        return self._state[: self.size]

    @property
    def points(self) -> Floats:
        """``float64[n, k]``, once encoded."""
        return self._points[: self.size]

    @property
    def known(self) -> Floats:
        """The values of what did not fail."""
        return np.asarray(self.values[self.state == DONE])

    def best(self, n: int) -> Codes:
        """The best so far, ``[b, d]``."""
        order = np.argsort(np.where(self.state == DONE, self.values, np.inf), kind="stable")[:n]
        return np.asarray(self._codes[order[self.state[order] == DONE]])

    def ask(self, codes: Codes, places: list[int]) -> None:
        """Codes ``[n, d]`` were asked for, and where they stand among the candidates."""
        n, self.size = self.size, self.size + len(codes)
        while self.size > len(self.places):
            for name in ("_codes", "places", "_values", "_state", "_points"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        self._codes[n : self.size], self.places[n : self.size] = codes, places
        self._values[n : self.size], self._state[n : self.size] = np.nan, PENDING

    def tell(self, number: int, value: float) -> None:
        """What came of the one with that number; not finite: it failed."""
        failed = not np.isfinite(value)
        self._values[number], self._state[number] = np.nan if failed else value, FAILED if failed else DONE

    def encode(self, encoding: Encoding) -> None:
        """Work out the points of what was asked since."""
        if self._encoded < self.size:
            new = encoding(self._codes[self._encoded : self.size])
            if not self._points.shape[1]:
                self._points = np.empty((len(self.places), new.shape[1]))
            self._points[self._encoded : self.size] = new
            self._encoded = self.size
