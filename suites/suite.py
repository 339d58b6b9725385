"""What a suite is: a question as tasks x strategies x seeds, and the comparisons that answer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasbench_sim.oracle import Task
from nasbench_sim.strategies.strategy import Factory


@dataclass(frozen=True)
class Entry:
    """A strategy in a suite.

    Attributes:
        name: short, as in tables and curves; its own random choices are drawn from a stream of this name.
        title: in words.
        factory: see ``Factory``.
        seeds: runs use the seeds 0 to ``seeds - 1``.
        cluster: runs whose seeds agree modulo this number share something (a super-net) and are not independent;
            None where every run is.
    """

    name: str
    title: str
    factory: Factory
    seeds: int
    cluster: int | None = None


@dataclass(frozen=True)
class Comparison:
    """Who is held against whom, and when.

    Attributes:
        reference: an entry's name.
        method: another's.
        at: "one-shot" (the mean time at which the method's runs finish their first training), or "end".
    """

    reference: str
    method: str
    at: str = "end"


@dataclass(frozen=True)
class Retraining:
    """What a suite does with the best that its runs have found, where it trains for real (``--real``).

    Attributes:
        strategies: whose runs.
        shares: of the budget at which the best are taken, in (0, 1].
        best: how many of each run.
        epochs: of the longer training, from scratch.
        published: rows to stand beside: name, AUC, accuracy.
        note: about those, for the page.
    """

    strategies: tuple[str, ...]
    shares: tuple[float, ...] = (1.0,)
    best: int = 3
    epochs: int = 200
    published: tuple[tuple[str, float, float], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Suite:
    """A question.

    Attributes:
        name: of the suite.
        question: in one sentence.
        tasks: names, handed to ``make_task``.
        entries: the strategies.
        comparisons: to make on every task.
        make_task: from a name and the folder given as ``--tables`` to a task without budget.
        evaluations: budget of each run in trainings.
        seconds: budget in simulated seconds.
        evaluations_of: by task, budgets in trainings that go before the suite's (but not before ``--budget``).
        parameters: the readings chosen, as told by ``--set``.
        notes: for the page: readings, protocol, what was calibrated.
        published: tables to stand beside, see ``reports.published``.
        evidence: writes what the report shows of a task beside its runs; called with the task and the folder
            ``evidence/`` of the output.
        axis: what the report lays runs out along and reads them by: "seconds" of simulated time, or "evaluations".
        workers: evaluations at once on the simulated clock, where a task does not say.
        record: "improvements" or "all" evaluations, see ``simulate``.
        recipe: by which ``--real`` trains where none is named.
        retraining: of the best that was found, under ``--real``.
        readings: of what a source leaves open, measured: a table for the page, see ``reports.sections.readings``.
        metric: what runs are judged by: "regret", or of several objectives "hypervolume".
        of_tables: names of parameters that are about what tables answer, which ``--real`` does not take.
        left_out: tasks that ``--real`` leaves out, since nothing can train them.
        start_sizes: hypervolume by the size of the first archive, measured beforehand: see ``suites.dmls_readings``.
    """

    name: str
    question: str
    tasks: tuple[str, ...]
    entries: tuple[Entry, ...]
    comparisons: tuple[Comparison, ...]
    make_task: Callable[[str, Path | None], Task]
    evaluations: int | None = None
    seconds: float | None = None
    evaluations_of: Mapping[str, int] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    published: tuple[Mapping[str, Any], ...] = ()
    evidence: Callable[[Task, Path], None] | None = None
    axis: str = "seconds"
    record: str = "improvements"
    readings: Mapping[str, Any] = field(default_factory=dict)
    metric: str = "regret"
    start_sizes: Mapping[str, Any] = field(default_factory=dict)
    workers: int = 1
    recipe: str = "digits"
    retraining: Retraining | None = None
    of_tables: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
