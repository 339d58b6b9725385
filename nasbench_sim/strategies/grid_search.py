"""Grid search: every combination of some values of each variable."""

from __future__ import annotations

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.conditional import ConditionalGrid
from nasbench_sim.spaces.grid import Grid
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.strategy import Proposal

ORDERS = ("random", "listed")
MOST = 1_000_000


class GridSearch:
    """Evaluate a grid, each configuration once; ends with it.

    A failed evaluation changes nothing: it is charged, and not asked for again.

    Args:
        space: to search.
        random: the first configuration comes from ``start``, the order from ``choices``.
        points: of each variable with an order at most so many values, evenly spread over its positions and including
            both ends; None for all.  Of a space that is no grid everything is listed.
        order: "random", or "listed": the last variable changes fastest.
        start: begin with the random configuration that all strategies of the seed begin with, on the grid or not.

    Raises:
        UserError: an unknown order, fewer than two points, or a grid of more than ``MOST`` configurations.
    """

    def __init__(
        self, space: Space, random: Streams, points: int | None = None, order: str = "random", start: bool = True
    ) -> None:
        if order not in ORDERS:
            raise UserError(f"order of GridSearch is {' or '.join(ORDERS)}, not {order!r}")
        if points is not None and points < 2:
            raise UserError(f"a grid of {points} points a variable has no two ends: give 2 or more")
        self.space, self.random, self.points, self.order, self.start = space, random, points, order, start
        self._step = 0

    def ask(self, free: int) -> Proposal | None:
        """The start by itself, then the whole grid."""
        self._step += 1
        if self._step == 1 and self.start:
            return Proposal(self.space.sample(self.random.start, 1))
        if self._step > 2 or (self._step == 2 and not self.start):
            return None
        codes = grid_of(self.space, self.points)
        if self.order == "random":
            codes = codes[self.random.choices.permutation(len(codes))]
        if self.start:
            begun = self.space.key(self.space.sample(Streams(self.random.seed, self.random.name).start, 1))
            codes = codes[(self.space.key(codes) != begun).any(axis=1)]
        return Proposal(codes) if len(codes) else None

    def tell(self, observations: Observations) -> None:
        """Nothing is learned."""


def grid_of(space: Space, points: int | None) -> Codes:
    """The configurations of a grid, ``[n, d]``, see ``GridSearch``.

    Raises:
        UserError: there are too many of them.
    """
    if not isinstance(space, Grid | ConditionalGrid):
        listed = getattr(space, "enumerate", None)
        if listed is None or space.size is None or space.size > MOST:
            raise UserError(f"{space.name} is no grid and too large to list: search it with another strategy")
        codes: Codes = listed()
        return codes
    chosen = [
        np.arange(variable.width)
        if points is None or variable.kind == "categorical"
        else np.unique(np.round(np.linspace(0, variable.width - 1, points)).astype(np.int64))
        for variable in space.variables
    ]
    if (size := int(np.prod([len(one) for one in chosen], dtype=object))) > MOST:
        raise UserError(f"a grid of {size:,} configurations of {space.name} is too large: give fewer points a variable")
    codes = np.stack([axis.ravel() for axis in np.meshgrid(*chosen, indexing="ij")], axis=1).astype(space.dtype)
    if isinstance(space, ConditionalGrid):
        _, first = np.unique(space.key(codes), axis=0, return_index=True)
        codes = space.canonical(codes[np.sort(first)])
    return codes
