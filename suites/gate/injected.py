"""Strategies made worse on purpose, by a known amount: what the gate must find.

Each takes a strategy's factory and returns that of its worse copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from nasbench_sim.oracle import Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.space import Space
from nasbench_sim.strategies.strategy import Factory, Proposal, Strategy


class Wasteful:
    """Evaluates its first configuration again and again before it goes on: a smaller budget in all but name.

    Args:
        space: to search.
        random: handed on.
        inner: the strategy.
        wasted: evaluations.
    """

    def __init__(self, space: Space, random: Streams, inner: Factory, wasted: int) -> None:
        self.inner, self._wasted, self._wasting = inner(space, random), wasted, False
        self._codes = space.sample(random.start, 1)

    def ask(self, free: int) -> Proposal | None:
        """Waste first."""
        if self._wasting:
            return None
        if self._wasted:
            self._wasting = True
            codes, self._wasted = np.repeat(self._codes, self._wasted, axis=0), 0
            return Proposal(codes)
        return self.inner.ask(free)

    def tell(self, observations: Observations) -> None:
        """Of what was wasted the strategy hears nothing."""
        if self._wasting:
            self._wasting = observations.pending > 0
        else:
            self.inner.tell(observations)


class Noisy:
    """Hears every objective with normal noise on it, so that its choices are worse.

    Args:
        space: to search.
        random: handed on; the noise has a stream of its own.
        inner: the strategy.
        deviation: of the noise, in the objective's unit.
    """

    def __init__(self, space: Space, random: Streams, inner: Factory, deviation: float) -> None:
        self.inner, self.deviation = inner(space, random), deviation
        self._noise = Streams(random.seed, f"{random.name}/noise").choices

    def ask(self, free: int) -> Proposal | None:
        """As the strategy does."""
        return self.inner.ask(free)

    def tell(self, observations: Observations) -> None:
        """With noise."""
        noise = self.deviation * self._noise.standard_normal(observations.objectives.shape)
        self.inner.tell(replace(observations, objectives=observations.objectives + noise))


class Shortsighted:
    """Looks at the first few neighbours alone.

    Args:
        space: to search.
        random: handed on.
        inner: the strategy.
        neighbours: of a configuration that are evaluated, at most.
    """

    def __init__(self, space: Space, random: Streams, inner: Factory, neighbours: int) -> None:
        self.inner, self.neighbours = inner(space, random), neighbours

    def ask(self, free: int) -> Proposal | None:
        """As the strategy does, with fewer neighbours."""
        proposal = self.inner.ask(free)
        if proposal is None or proposal.neighbours_of is None:
            return proposal
        limit = self.neighbours + proposal.itself
        return replace(proposal, limit=limit if proposal.limit is None else min(limit, proposal.limit))

    def tell(self, observations: Observations) -> None:
        """As the strategy is told."""
        self.inner.tell(observations)


def injections(evaluations: int) -> Mapping[str, Callable[[Factory], Factory]]:
    """By name, what makes a strategy worse under that budget."""
    worse: dict[str, Callable[[Factory], Factory]] = {}
    for share in (0.5, 0.75):
        worse[f"{share:.0%} of the evaluations wasted"] = _partial(Wasteful, wasted=int(share * evaluations))
    worse["noise of 0.005 on every answer"] = _partial(Noisy, deviation=0.005)
    worse["5 neighbours at most"] = _partial(Shortsighted, neighbours=5)
    return worse


def _partial(kind: Callable[..., Strategy], **options: float) -> Callable[[Factory], Factory]:
    return lambda inner: partial(kind, inner=inner, **options)
