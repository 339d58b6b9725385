"""Runs made for the gate: what each is worth, and a hash of everything that it did."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Observations, Task
from nasbench_sim.randomness import Streams
from nasbench_sim.simulate import simulate_many
from nasbench_sim.spaces.space import Space
from nasbench_sim.strategies.strategy import Factory, Proposal, Strategy
from nasbench_sim.trace import Trace
from suites.gate.declaration import Gate
from suites.gate.verdicts import log_regret

Arm = tuple[str, str]
"""A task and a strategy: runs of one arm are read off at every budget, and each budget is a cell."""


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        seed: of the run.
        values: log-regret at each budget; NaN where nothing had been evaluated by then.  Of several objectives it is
            what the archive's hypervolume lacks of the true front's.
        trajectory: 32 hexadecimal digits of SHA-256; equal ones mean that the strategy was told the same answers to
            the same questions in the same order.
    """

    seed: int
    values: tuple[float, ...]
    trajectory: str


class Recorder:
    """Passes questions and answers through and hashes the answers: source, fidelity, code, objectives."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.digest = hashlib.sha256()
        self._source = ""

    def ask(self, free: int) -> Proposal | None:
        """As the strategy does."""
        return self.strategy.ask(free)

    def tell(self, observations: Observations) -> None:
        """Row by row, so that answers told in parts hash as those told at once."""
        if observations.source != self._source:
            self._source = observations.source
            self.digest.update(f"\n{self._source}\n".encode())
        n = len(observations.codes)
        figures = np.column_stack([observations.fidelity, observations.objectives])
        columns = (np.ascontiguousarray(observations.codes), np.ascontiguousarray(figures, np.float64))
        rows = np.concatenate([column.view(np.uint8).reshape(n, -1) for column in columns if n], axis=1) if n else b""
        self.digest.update(bytes(rows))
        self.strategy.tell(observations)


def measure(task: Task, factory: Factory, name: str, seeds: Sequence[int], gate: Gate) -> list[Run]:
    """Run a strategy and read its runs off.

    Args:
        task: with its budget.
        factory: the strategy.
        name: of the strategy, and so of its stream of random numbers.
        seeds: one run each.
        gate: budgets and floor.

    Raises:
        UserError: the task has several objectives and no front is known, or whatever ``simulate_many`` raises.
    """
    if len(task.oracle.objectives) > 1 and getattr(task.oracle, "front", None) is None:
        raise UserError(f"the true front of {task.name} is not known, so its runs have no regret in hypervolume")
    recorders: list[Recorder] = []

    def recorded(space: Space, random: Streams) -> Strategy:
        recorders.append(Recorder(factory(space, random)))
        return recorders[-1]

    traces = simulate_many(task, recorded, seeds, name=name)
    return [
        Run(seed, read_off(trace, gate), recorder.digest.hexdigest()[:32])
        for seed, trace, recorder in zip(seeds, traces, recorders, strict=True)
    ]


def read_off(trace: Trace, gate: Gate) -> tuple[float, ...]:
    """Log-regret of the incumbent, or of the archive, at each of the gate's budgets, or at the end."""
    budgets = gate.budgets or (np.iinfo(np.int64).max,)
    if trace.objectives.shape[1] > 1:
        return _read_off_hypervolume(trace, budgets, gate.floor)
    improved = trace.improved()
    values = []
    for budget in budgets:
        place = int(np.searchsorted(trace.evaluation[improved], budget, side="right")) - 1
        if place < 0:
            values.append(float("nan"))
            continue
        regret = trace.held_out[improved[place], 0] - trace.about["optimum"][0]
        values.append(float(log_regret(regret, gate.floor)))
    return tuple(values)


def _read_off_hypervolume(trace: Trace, budgets: Sequence[int], floor: float) -> tuple[float, ...]:
    from reports.statistics.indicators import hypervolume_over_time, rows_by

    reached = hypervolume_over_time(trace.objectives, trace.about["reference"])
    regrets = np.append(trace.about["front_hypervolume"] - reached, np.nan)
    # An empty archive is the last place: undefined.
    return tuple(log_regret(regrets[rows_by(trace.evaluation, budgets) - 1], floor).tolist())


Measure = Callable[[Sequence[Arm], range], dict[Arm, list[Run]]]
"""Runs of some arms with these seeds, in the order of the seeds."""
