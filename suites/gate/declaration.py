"""What a suite declares for the gate: when it looks, how sure it must be, and how much harm matters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nasbench_sim.errors import UserError
from suites.suite import Suite


@dataclass(frozen=True)
class Gate:
    """Everything that is fixed before the first run.

    Attributes:
        budgets: where runs are read off, in evaluations; empty for their end alone.
        looks: seeds of each cell at which it may be decided, increasing; the last is the most it gets, and the
            number of runs that a baseline stores.
        margin: harm that matters, in standard deviations of the baseline's log-regret.
        floor: regrets below it count as equal to it; one test image of 10,000 by default, beyond which a
            difference is no longer one in quality.
        alpha: chance of a false alarm over all cells and looks together, and chance over all looks that a cell
            harmed by the margin is called not worse.
    """

    budgets: tuple[int, ...] = ()
    looks: tuple[int, ...] = (60, 100, 140, 190, 240)
    margin: float = 0.5
    floor: float = 1e-4
    alpha: float = 0.05

    def __post_init__(self) -> None:
        """Check the declaration.

        Raises:
            UserError: it cannot be meant.
        """
        for name, steps in (("budgets", self.budgets), ("looks", self.looks)):
            if list(steps) != sorted(set(steps)) or any(step < 1 for step in steps):
                raise UserError(f"the gate's {name} must be positive and increasing, not {steps}")
        if not self.looks or self.looks[0] < 20:
            raise UserError(f"the gate's first look must have at least 20 seeds, not {self.looks[:1]}")
        if not (self.margin > 0 and 0 < self.floor < 1 and 0 < self.alpha < 0.5):
            raise UserError("the gate's margin must be positive, its floor in (0, 1) and its alpha in (0, 0.5)")

    @property
    def seeds(self) -> int:
        """The most that a cell gets: the runs of a baseline have the seeds 0 to ``seeds - 1``."""
        return self.looks[-1]


@dataclass(frozen=True)
class GatedSuite(Suite):
    """A suite with a declaration of its own; any other is judged by ``Gate()``.

    Attributes:
        gate: the declaration.
    """

    gate: Gate = field(default_factory=Gate)


def gate_of(suite: Suite) -> Gate:
    """The suite's declaration; a budget in evaluations stands in for budgets that are not given.

    Raises:
        UserError: it reads runs off beyond their budget.
    """
    gate = suite.gate if isinstance(suite, GatedSuite) else Gate()
    if not gate.budgets and suite.evaluations is not None:
        return replace(gate, budgets=(suite.evaluations,))
    if suite.evaluations is not None and any(budget > suite.evaluations for budget in gate.budgets):
        raise UserError(f"suite {suite.name} reads runs off at {gate.budgets[-1]} evaluations but ends them before")
    return gate
