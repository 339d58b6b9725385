"""One strategy on one task, gated from within a test."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nasbench_sim.oracle import Task
from nasbench_sim.strategies.strategy import Factory
from suites.catalogue import task as task_by_name
from suites.gate import baseline as stored
from suites.gate.compare import Outcome, compare
from suites.gate.declaration import Gate, GatedSuite, gate_of
from suites.gate.output import explanation, sentence
from suites.gate.record import changes, comparable, record
from suites.gate.runs import Arm, Run, measure
from suites.gate.verdicts import Kind
from suites.suite import Entry


class OwnGate:
    """A strategy of one's own against its baseline.

    Args:
        factory: the strategy.
        task: a name that ``suites.task`` knows, or a task.
        evaluations: budget of each run.
        gate: the declaration.
        tables: folder searched for tables first.
        name: of the strategy, and so of its stream of random numbers.
    """

    def __init__(
        self,
        factory: Factory,
        task: str | Task,
        *,
        evaluations: int,
        gate: Gate,
        tables: str | Path | None = None,
        name: str | None = None,
    ) -> None:
        chosen = task_by_name(task, tables=tables) if isinstance(task, str) else task
        self.task, self.factory, self.name = chosen.within(evaluations=evaluations), factory, name or _name(factory)
        self.suite = GatedSuite(
            name=f"{self.name} on {self.task.name}",
            question="Is it still as good as it was?",
            tasks=(self.task.name,),
            entries=(Entry(self.name, self.name, factory, gate.seeds),),
            comparisons=(),
            make_task=lambda name, tables: self.task,
            evaluations=evaluations,
            gate=gate,
        )

    def update(self, path: Path) -> None:
        """Write the baseline.

        Raises:
            UserError: the file is something else, or the runs cannot serve as a baseline.
        """
        stored.check_replaceable(path, self.suite.name)
        stored.write(path, record(self.suite, self._task, self._measure))

    def judge(self, path: Path) -> tuple[Outcome, str]:
        """The verdict, and in words what failed: empty for a pass.

        Raises:
            UserError: nothing can be compared.
        """
        baseline = comparable(path, self.suite, self._task)
        outcome = compare(baseline, self._measure)
        failed = [
            sentence(cell, verdict)
            for cell, verdict in outcome.cells.items()
            if verdict.kind in (Kind.REGRESSED, Kind.INCONCLUSIVE)
        ]
        if not failed:
            return outcome, ""
        return outcome, "\n".join([*failed, explanation(baseline), *changes(baseline, self.suite)])

    def _task(self, name: str) -> Task:
        return self.task

    def _measure(self, arms: Sequence[Arm], seeds: range) -> dict[Arm, list[Run]]:
        gate = gate_of(self.suite)
        return {arm: measure(self.task, self.factory, self.name, seeds, gate) for arm in arms}


def _name(factory: Factory) -> str:
    while isinstance(factory, partial):
        factory = factory.func
    return getattr(factory, "__name__", type(factory).__name__)
