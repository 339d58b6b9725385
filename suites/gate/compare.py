"""One build: run the candidate, look, decide, run more where that is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nasbench_sim.errors import UserError
from suites.gate.baseline import Baseline, labels
from suites.gate.runs import Arm, Measure, Run
from suites.gate.verdicts import ROUNDING, Kind, Verdict, build, judge, unchanged


@dataclass(frozen=True)
class Cell:
    """What is judged: a strategy on a task at a budget."""

    task: str
    strategy: str
    budget: str

    def __str__(self) -> str:
        return f"{self.strategy} on {self.task} at {self.budget}"


@dataclass(frozen=True)
class Outcome:
    """Of a build.

    Attributes:
        cells: in the baseline's order.
        runs: made for it.
        kind: of its worst cell.
    """

    cells: Mapping[Cell, Verdict]
    runs: int

    @property
    def kind(self) -> Kind:
        return build(list(self.cells.values()))


def compare(baseline: Baseline, measure: Measure) -> Outcome:
    """Judge every cell of the baseline.

    A cell in which every trajectory so far is the baseline's goes on to the last seed: then it is unchanged, exactly.
    Any other leaves at the first look that decides it.

    Args:
        baseline: checked against the suite.
        measure: makes the candidate's runs.

    Raises:
        UserError: equal trajectories have unequal regrets, so that another metric was stored.
    """
    gate = baseline.gate
    budgets = labels(gate)
    count = len(baseline.runs) * len(budgets)
    made: dict[Arm, list[Run]] = {arm: [] for arm in baseline.runs}
    verdicts: dict[Cell, Verdict] = {}
    previous = 0
    for look, seeds in enumerate(gate.looks):
        going = [arm for arm in made if any(Cell(*arm, budget) not in verdicts for budget in budgets)]
        if not going:
            break
        for arm, runs in measure(going, range(previous, seeds)).items():
            made[arm] += runs
        previous = seeds
        last = seeds == gate.seeds
        for arm in going:
            same = _same(baseline.runs[arm][:seeds], made[arm], arm)
            for place, budget in enumerate(budgets):
                cell = Cell(*arm, budget)
                if cell in verdicts:
                    continue
                if same:
                    if last:
                        verdicts[cell] = unchanged(seeds)
                    continue
                candidate = np.array([run.values[place] for run in made[arm]])
                verdict = judge(baseline.values(arm, place), candidate, look, count, gate)
                if last or verdict.kind is not Kind.INCONCLUSIVE:
                    verdicts[cell] = verdict
    order = [Cell(*arm, budget) for arm in made for budget in budgets]
    return Outcome({cell: verdicts[cell] for cell in order}, sum(map(len, made.values())))


def _same(stored: Sequence[Run], made: Sequence[Run], arm: Arm) -> bool:
    """Whether every trajectory is the stored one."""
    if [run.seed for run in stored] != [run.seed for run in made]:
        raise ValueError(f"runs of {arm} have other seeds than the baseline's")
    for one, other in zip(stored, made, strict=True):
        if one.trajectory == other.trajectory and not np.allclose(one.values, other.values, rtol=0, atol=ROUNDING):
            raise UserError(
                f"{arm[1]} on {arm[0]}, seed {one.seed}: the same trajectory has another regret than in the baseline, "
                "so regret is computed in another way; write the baseline anew with --update-baseline"
            )
    return all(one.trajectory == other.trajectory for one, other in zip(stored, made, strict=True))
