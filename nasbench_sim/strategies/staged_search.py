"""Staged search: some variables first, then others with the first frozen at the best that was found.

What practice does where a joint search is too dear; for instance Hong 2023 (report on radiographs, Goldsmiths), whose
two regimes are 100 random trials of batch size and dropout, then a grid over learning rate and Adam's epsilon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.conditional import ConditionalGrid
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.starts import unseen
from nasbench_sim.strategies.strategy import Proposal

WAYS = ("random", "grid")
TRIES = 50  # draws for each trial of a random stage, so that what is invalid or known can be passed over
MOST = 100_000


@dataclass(frozen=True)
class Stage:
    """A part of the search.

    Attributes:
        variables: names of those that vary; all others keep their values.
        trials: of a random stage; of a grid all its combinations are tried.
        way: "random" or "grid".
    """

    variables: tuple[str, ...]
    trials: int = 20
    way: str = "random"


class StagedSearch:
    """One stage after the other; the next begins from the best that was evaluated so far.

    Args:
        space: to search; variables are entries of its codes.
        random: what is frozen at first comes from ``start``, everything else from ``choices``.
        stages: None for two, each of half of the variables.
        start: values by name that replace those of the random start.
        restart: after the last stage begin anew from another random configuration; else the run ends.

    Raises:
        UserError: a stage of no or of unknown variables, of no trials, or of a grid of more than ``MOST`` combinations.
    """

    def __init__(
        self,
        space: Space,
        random: Streams,
        stages: Sequence[Stage] | None = None,
        start: dict[str, int] | None = None,
        restart: bool = True,
    ) -> None:
        self.space, self.random, self.restart = space, random, restart
        names = [variable.name for variable in space.variables]
        half = (len(names) + 1) // 2
        self.stages = tuple(stages or [Stage(part) for part in (tuple(names[:half]), tuple(names[half:])) if part])
        for stage in self.stages:
            unknown = [name for name in stage.variables if name not in names]
            if unknown or not stage.variables:
                raise UserError(f"{space.name} has no variable {(unknown or ['that is named'])[0]!r} for a stage")
            if stage.way not in WAYS or stage.trials < 1:
                raise UserError(f"a stage is of at least 1 trial and {' or '.join(WAYS)}, not {stage.way!r}")
            widths = [space.variables[names.index(name)].width for name in stage.variables]
            if stage.way == "grid" and np.prod(widths, dtype=object) > MOST:
                raise UserError(f"a stage's grid over {', '.join(stage.variables)} is too large: take a random stage")
        self._places = [[names.index(name) for name in stage.variables] for stage in self.stages]
        self._start = start or {}
        for name in self._start:
            if name not in names:
                raise UserError(f"{space.name} has no variable {name!r} to start from")
        self._stage = -1  # none yet
        self._pending = 0
        self._asked: dict[tuple[int, ...], int] = {}
        self._round: dict[int, float] = {}  # values by number, since the last start
        self._codes: list[Codes] = []
        self._frozen: Codes = np.empty(0)

    def ask(self, free: int) -> Proposal | None:
        """A whole stage; None while it is under way."""
        if self._pending:
            return None
        if self._stage < 0:
            frozen = self.space.sample(self.random.start, 1)[0].copy()
            for at, variable in enumerate(self.space.variables):
                frozen[at] = self._start.get(variable.name, frozen[at])
            return self._begin(frozen)
        while self._stage < len(self.stages):
            if self._round:
                best = min(self._round, key=lambda number: (self._round[number], number))
                self._frozen = self._codes[best]
            codes = self._trials()
            self._stage += 1
            if len(codes):
                return self._proposal(codes)
        if not self.restart:
            return None
        fresh = self._fresh()
        return None if fresh is None else self._begin(fresh)

    def tell(self, observations: Observations) -> None:
        """Note the values; a failed evaluation is worse than any."""
        values = np.where(observations.failed, np.inf, observations.values)
        for key, value in zip(map(tuple, observations.keys.tolist()), values.tolist(), strict=True):
            self._round[self._asked[key]] = np.inf if np.isnan(value) else value
        self._pending -= len(values)

    def _begin(self, code: Codes) -> Proposal:
        """A round of stages, from one configuration, which is evaluated."""
        self._stage, self._round, self._frozen = 0, {}, code
        return self._proposal(code[None])

    def _proposal(self, codes: Codes) -> Proposal:
        keys = self.space.key(codes)
        for key, code in zip(map(tuple, keys.tolist()), codes, strict=True):
            self._asked[key] = len(self._codes)
            self._codes.append(code)
        self._pending += len(codes)
        return Proposal(codes, keys=keys)

    def _trials(self) -> Codes:
        """The stage's configurations that were not asked for, ``[n, d]``."""
        stage, places = self.stages[self._stage], self._places[self._stage]
        widths = [self.space.variables[at].width for at in places]
        if stage.way == "grid":
            part = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, widths), indexing="ij")], axis=1)
            most = len(part)
        else:
            part = self.random.choices.integers(widths, size=(TRIES * stage.trials, len(widths)))
            most = stage.trials
        codes = np.repeat(self._frozen[None], len(part), axis=0)
        codes[:, places] = part
        if isinstance(self.space, ConditionalGrid):
            codes = self.space.canonical(codes)
        codes = codes[self.space.valid(codes)]
        keys = list(map(tuple, self.space.key(codes).tolist()))
        kept = {key: at for at, key in reversed(list(enumerate(keys))) if key not in self._asked}
        return codes[sorted(kept.values())[:most]]

    def _fresh(self) -> Codes | None:
        """A random configuration that was not asked for; None where there is none left."""
        for _ in range(TRIES):
            code = self.space.sample(self.random.choices, 1)
            if tuple(self.space.key(code)[0].tolist()) not in self._asked:
                return np.asarray(code[0])
        left = unseen(self.space, self.random.choices, self._asked)
        return np.asarray(left[0]) if len(left) else None
