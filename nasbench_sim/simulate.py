"""The loop: strategy x oracle x clock -> trace, for many seeds in lockstep."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.clock import Clock, in_sequence
from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations, Oracle, Request, Task
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.space import Codes, Keys, Space
from nasbench_sim.strategies.archive import Archive
from nasbench_sim.strategies.strategy import Factory, Proposal, Strategy
from nasbench_sim.trace import Trace

IDLE = 1000  # proposals in a row that bring nothing new, after which a run has nothing left to find
TRAIN = "train"


def simulate(
    task: Task,
    strategy: Factory,
    seed: int = 0,
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    workers: int | None = None,
    name: str | None = None,
    record: str = "improvements",
) -> Trace:
    """Run one strategy on one task under one budget with one seed; arguments as in ``simulate_many``."""
    return simulate_many(
        task,
        strategy,
        [seed],
        evaluations=evaluations,
        seconds=seconds,
        workers=workers,
        name=name,
        record=record,
    )[0]


def simulate_many(
    task: Task,
    strategy: Factory,
    seeds: Sequence[int],
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    workers: int | None = None,
    name: str | None = None,
    record: str = "improvements",
) -> list[Trace]:
    """Run one strategy with many seeds; the traces are those of one seed at a time, byte for byte.

    Args:
        task: the oracle and a budget.
        strategy: called with the space and the run's streams, once per seed.
        seeds: non-negative.
        evaluations: overrides the task's budget.
        seconds: overrides the task's budget of simulated seconds.
        workers: overrides the task's.
        name: of the strategy; its own choices are drawn from a stream of this name.
        record: "improvements" of the incumbent (of the archive, with several objectives) or "all" evaluations.
            What breaks a constraint is neither incumbent nor in the archive.

    Raises:
        UserError: no budget at all, or one that is not positive.  A run in which no evaluation finished in time
            leaves a trace without rows.
    """
    changes = {"evaluations": evaluations, "seconds": seconds, "workers": workers}
    task = task.within(**{field: value for field, value in changes.items() if value is not None})
    if task.evaluations is None and task.seconds is None:
        raise UserError(f"the task {task.name} has no budget: give evaluations or seconds")
    for what, amount in (
        ("evaluations", task.evaluations),
        ("seconds", task.seconds),
        ("workers", task.workers),
    ):
        if amount is not None and not amount > 0:
            raise UserError(f"a budget of {amount} {what} buys nothing: it must be positive")
    if record not in ("improvements", "all"):
        raise UserError(f"record is 'improvements' or 'all', not {record!r}")
    label = name or _name(strategy)
    runs = [_Run(task, strategy(task.oracle.space, Streams(seed, label)), seed, label, record) for seed in seeds]
    if task.workers == 1:
        _in_lockstep(task, runs)
    else:
        for run in runs:
            _event_by_event(task, run)
    return [run.trace() for run in runs]


def _name(strategy: Factory) -> str:
    while isinstance(strategy, partial):
        strategy = strategy.func
    return getattr(strategy, "__name__", type(strategy).__name__)


class _Run:
    """One run under way."""

    def __init__(self, task: Task, strategy: Strategy, seed: int, name: str, record: str) -> None:
        self.task, self.strategy, self.seed, self.name, self.record = task, strategy, seed, name, record
        self.now = 0.0
        self.busy_seconds = 0.0
        self.setup_seconds = 0.0
        self.count = 0
        self.answered: dict[str, int] = {}
        self.idle = 0
        self.done = False
        self.best = np.inf  # of the incumbent
        self.level = -np.inf  # fidelity of its training
        self.memory: dict[tuple[str, float, int], npt.NDArray[np.float64]] = {}
        self.ready: dict[str, float] = {}  # by source: when its set-up is done
        self.done_setups: set[str] = set()
        self.paid: dict[str, dict[Hashable, float]] = {}  # by source and name, where longer trainings resume
        self.several = len(task.oracle.objectives) > 1
        self.archive = Archive(len(task.oracle.objectives))  # with several objectives
        self.offered = 0  # to the archive
        self.rows: list[tuple[int, float, float, Codes, Floats, Floats, float]] = []

    def set_up(self, source: str) -> float:
        """Seconds of the source's set-up, the first time it is asked; then zero."""
        if source in self.answered:
            return 0.0
        self.answered[source] = 0
        seconds = self.task.oracle.sources[source].setup_seconds
        self.setup_seconds += seconds
        return seconds

    def question(self, proposal: Proposal) -> tuple[str, float, int]:
        """What answers are remembered under."""
        fidelity = proposal.fidelity
        if fidelity is None:
            fidelity = self.task.oracle.sources[proposal.source].fidelities[-1]
        return proposal.source, float(fidelity), proposal.repeat

    def memory_of(self, proposal: Proposal) -> npt.NDArray[np.float64]:
        """When each row of the oracle was answered to this question, ``float64[size]``; infinity for never."""
        size = self.task.oracle.size
        if size is None:
            raise UserError(f"the oracle of {self.task.name} has no row numbers: its evaluations cannot be recalled")
        question = self.question(proposal)
        if question not in self.memory:
            self.memory[question] = np.full(size, np.inf)
        return self.memory[question]

    def recall(self, proposal: Proposal, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of the rows this run has had answered before, ``bool[n]``; remembers all of them."""
        memory = self.memory_of(proposal)
        known = memory[rows] < np.inf
        _, opening = np.unique(rows, return_index=True)
        repeated = np.ones(len(rows), bool)
        repeated[opening] = False
        memory[rows] = self.now
        return known | repeated

    def still_to_pay(self, source: str, name: Hashable, total: float) -> float:
        """Seconds of an evaluation less what the run has paid for the same configuration, where a source resumes."""
        paid = self.paid.setdefault(source, {})
        before = paid.get(name, 0.0)
        paid[name] = max(before, total)
        return max(total - before, 0.0)

    def climb(self, fidelity: float) -> bool:
        """Whether a training of this fidelity may become the incumbent; the first longer one starts anew.

        A validation after few epochs and one after many do not compare: the longer training has the say, whatever
        the values, and the best of equally long ones is the incumbent (Falkner et al. 2018, BOHB).
        """
        if fidelity > self.level:
            self.level, self.best = fidelity, np.inf
        return fidelity == self.level

    def admits(self, point: list[float], fidelity: float, violation: float) -> bool:
        """Whether it enters the archive of what has the say, see ``climb``: nothing in it dominates or equals it."""
        if violation > 0 or not all(value < np.inf for value in point):
            return False
        if fidelity != self.level:
            if not self.climb(fidelity):
                return False
            self.archive = Archive(len(point))
        self.offered += 1
        return self.archive.insert(point, self.offered)

    def note(
        self, count: int, seconds: float, fidelity: float, answers: Observations, place: int, broken: float
    ) -> None:
        """Add a row to the trace."""
        assert answers.held_out is not None
        figures = answers.codes[place], answers.objectives[place], answers.held_out[place]
        self.rows.append((count, seconds, fidelity, *figures, broken))

    def trace(self) -> Trace:
        oracle = self.task.oracle
        space, objectives = oracle.space, len(oracle.objectives)
        about: dict[str, Any] = {
            "task": self.task.name,
            "strategy": self.name,
            "seed": self.seed,
            "evaluations": self.count,
            "seconds": self.now,
            "busy_seconds": self.busy_seconds,
            "setup_seconds": self.setup_seconds,
            "answered": self.answered,
            "workers": self.task.workers,
            "record": self.record,
            "objectives": list(oracle.objectives),
            "held_out": list(oracle.held_out),
            "optimum": oracle.optimum.tolist(),
            "optimum_objectives": oracle.optimum_objectives.tolist(),
        }
        front = getattr(oracle, "front", None)
        if front is not None:
            about["reference"] = front.reference.tolist()
            about["front_hypervolume"] = front.hypervolume
            about["ranges"] = {name: list(ends) for name, ends in front.ranges.items()}
        figures = getattr(self.strategy, "figures", None)
        if figures is not None:
            about["figures"] = dict(figures)
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * 7
        evaluation, seconds, fidelity, codes, values, held_out, violation = columns
        return Trace(
            np.array(evaluation, np.int64),
            np.array(seconds, np.float64),
            np.array(codes, space.dtype).reshape(len(codes), space.dimension),
            np.array(values, np.float64).reshape(len(values), objectives),
            np.array(held_out, np.float64).reshape(len(held_out), len(oracle.held_out)),
            about,
            np.array(fidelity, np.float64) if set(fidelity) - {oracle.sources[TRAIN].fidelities[-1]} else None,
            np.array(violation, np.float64) if any(violation) else None,
        )


def _names(answers: Observations, part: slice = slice(None)) -> list[Hashable]:
    """What the configurations are told apart by: their rows, or their keys where they have none."""
    if answers.rows is not None:
        return list(answers.rows[part].tolist())
    return list(map(tuple, answers.keys[part].tolist()))


# --------------------------------------------------------------------------------------------------------------
# One worker: all seeds advance together, and their questions reach the oracle as one array.


def _in_lockstep(task: Task, runs: list[_Run]) -> None:
    while True:
        asking: list[tuple[_Run, Proposal]] = []
        for run in runs:
            if not run.done:
                proposal = run.strategy.ask(1)
                run.done = proposal is None
                if proposal is not None:
                    asking.append((run, proposal))
        if not asking:
            return
        limits = [_affordable(task, proposal, run.count) for run, proposal in asking]
        parts = _spelled_out(task.oracle, [proposal for _, proposal in asking], limits)
        groups: dict[tuple[str, float | None, int], list[int]] = {}
        for place, (_, proposal) in enumerate(asking):
            groups.setdefault((proposal.source, proposal.fidelity, proposal.repeat), []).append(place)
        for (source, fidelity, repeat), members in groups.items():
            codes, keys = (np.concatenate(column) for column in zip(*(parts[place] for place in members), strict=True))
            lengths = np.array([len(parts[place][0]) for place in members])
            seeds = np.repeat(np.array([asking[place][0].seed for place in members], np.uint64), lengths)
            answers = task.oracle.evaluate(Request(codes, source, fidelity, repeat, keys), seeds)
            _account(task, [asking[place] for place in members], answers, lengths)


def _spelled_out(oracle: Oracle, proposals: list[Proposal], limits: list[int | None]) -> list[tuple[Codes, Keys]]:
    """The configurations of each proposal with their keys; what takes the space's work is worked out together."""
    space = oracle.space
    parts: list[tuple[Codes, Keys]] = [(np.empty(0), np.empty(0, np.uint64))] * len(proposals)
    around = [place for place, proposal in enumerate(proposals) if proposal.neighbours_of is not None]
    given = [place for place, proposal in enumerate(proposals) if proposal.neighbours_of is None]
    if around:
        centres = np.stack([np.asarray(proposals[place].neighbours_of) for place in around])
        own = space.key(centres)
        found = space.neighbourhoods(centres)
        for number, place in enumerate(around):
            here = slice(found.offsets[number], found.offsets[number + 1])
            codes, keys = found.codes[here], found.keys[here]
            if proposals[place].itself:
                codes = np.concatenate([centres[number : number + 1], codes])
                keys = np.concatenate([own[number : number + 1], keys])
            shuffle = proposals[place].shuffle
            order = slice(None) if shuffle is None else shuffle.permutation(len(codes))
            parts[place] = (codes[order], keys[order])
    if given:
        asked = [np.asarray(proposals[place].codes)[: limits[place]] for place in given]
        for place, codes, keys in zip(given, asked, _keys_of(space, [proposals[p] for p in given], asked), strict=True):
            parts[place] = (codes, keys)
    return [
        (codes[:limit][: proposal.limit], keys[:limit][: proposal.limit])
        for (codes, keys), proposal, limit in zip(parts, proposals, limits, strict=True)
    ]


def _keys_of(space: Space, proposals: list[Proposal], asked: list[Codes]) -> list[Keys]:
    """The keys of what each proposal asks for, worked out together; those that it brings are checked at both ends."""
    unknown = [
        codes if proposal.keys is None else codes[[0, -1] if len(codes) else []]
        for proposal, codes in zip(proposals, asked, strict=True)
    ]
    found, ends = space.key(np.concatenate(unknown)), accumulate(map(len, unknown))
    keys = [found[end - len(codes) : end] for codes, end in zip(unknown, ends, strict=True)]
    for place, (proposal, codes) in enumerate(zip(proposals, asked, strict=True)):
        if proposal.keys is not None:
            brought = proposal.keys[: len(codes)]
            if len(brought) < len(codes) or not np.array_equal(keys[place], brought[[0, -1] if len(codes) else []]):
                raise UserError("a proposal's keys are not those of its codes: leave them out, or ask space.key(codes)")
            keys[place] = brought
    return keys


def _affordable(task: Task, proposal: Proposal, count: int) -> int | None:
    """How many evaluations the budget leaves, so that the oracle is not asked in vain; None for no limit."""
    if task.evaluations is None or proposal.source != TRAIN or proposal.recall:
        return None
    return task.evaluations - count


def _check_durations(task: Task, seconds: npt.NDArray[np.float64]) -> None:
    if not np.isfinite(seconds).all():
        raise UserError(
            f"the oracle of {task.name} answers without seconds, so that no later time would be right: "
            "give a timing table, or a table with training seconds"
        )


def _account(
    task: Task, asking: list[tuple[_Run, Proposal]], answers: Observations, lengths: npt.NDArray[np.int64]
) -> None:
    """Charge the answers to the clocks of their runs, record what improved, and tell the strategies."""
    b, longest = len(asking), int(lengths.max(initial=0))
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    train = answers.source == TRAIN
    inside = np.arange(longest) < lengths[:, None]
    counted = inside.copy()
    for place, (run, proposal) in enumerate(asking):
        if proposal.recall:
            assert answers.rows is not None
            known = run.recall(proposal, answers.rows[bounds[place] : bounds[place + 1]])
            counted[place, : lengths[place]] &= ~known
    seconds = np.zeros((b, longest))
    seconds[inside] = answers.seconds
    if task.oracle.sources[answers.source].resumes:
        each = zip(np.nonzero(inside)[0].tolist(), counted[inside].tolist(), _names(answers), strict=True)
        seconds[inside] = [
            asking[place][0].still_to_pay(answers.source, name, total) if counts else 0.0
            for (place, counts, name), total in zip(each, answers.seconds.tolist(), strict=True)
        ]
    seconds[~counted] = 0.0
    _check_durations(task, seconds)
    set_up = np.array([run.set_up(answers.source) for run, _ in asking])
    ready = np.array([run.now for run, _ in asking]) + (task.decision_seconds + set_up)
    finish = in_sequence(ready, seconds)
    busy = in_sequence(np.array([run.busy_seconds for run, _ in asking]) + set_up, seconds)
    number = np.array([run.count for run, _ in asking])[:, None] + np.cumsum(counted, axis=1)
    in_budget = inside.copy()
    if task.seconds is not None:
        in_budget &= finish <= task.seconds
    if train and task.evaluations is not None:
        in_budget &= number <= task.evaluations
    finished = in_budget.sum(axis=1)  # budgets run out once and for all, so these are the first ones
    if train:
        violation = answers.violation
        improved = _improvements(asking, answers, violation, inside, in_budget & counted)
        for place, row in zip(*np.nonzero(improved), strict=True):
            run, proposal = asking[place]
            count, when, number_of = int(number[place, row]), float(finish[place, row]), bounds[place] + row
            run.note(count, when, run.question(proposal)[1], answers, number_of, float(violation[number_of]))
    fresh = (counted & in_budget).sum(axis=1).tolist()
    ends = np.arange(b), finished - 1
    finish_of, busy_of = (times[ends].tolist() if longest else [] for times in (finish, busy))
    for place, (run, _) in enumerate(asking):
        last, start = int(finished[place]), int(bounds[place])
        if last:
            run.now, run.busy_seconds = finish_of[place], busy_of[place]
        run.answered[answers.source] += fresh[place]
        run.count += fresh[place] if train else 0
        run.idle = 0 if fresh[place] else run.idle + 1
        run.strategy.tell(answers.told(slice(start, start + last)))
        cut = last < lengths[place]
        run.done = bool(cut or run.idle >= IDLE or run.count == task.evaluations)


def _improvements(
    asking: list[tuple[_Run, Proposal]],
    answers: Observations,
    violation: Floats,
    inside: npt.NDArray[np.bool_],
    eligible: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Which answers go into the trace, ``bool[b, longest]``; moves the runs' best values, or archives, on."""
    if asking[0][0].record == "all":
        return eligible
    if asking[0][0].several:
        return _admitted(asking, answers, violation, inside, eligible)
    values = np.full(inside.shape, np.inf)
    values[inside] = np.where(answers.failed | (violation > 0), np.inf, answers.objectives[:, 0])
    values[~eligible | np.isnan(values)] = np.inf
    fidelity = asking[0][0].question(asking[0][1])[1]  # the same of all
    for place, (run, _) in enumerate(asking):
        if run.level != fidelity and (values[place] < np.inf).any() and not run.climb(fidelity):
            values[place] = np.inf
    best = np.array([run.best for run, _ in asking])[:, None]
    before = np.minimum.accumulate(np.concatenate([best, values], axis=1), axis=1)
    for (run, _), value in zip(asking, before[:, -1], strict=True):
        run.best = float(value)
    return np.asarray(values < before[:, :-1])


def _admitted(
    asking: list[tuple[_Run, Proposal]],
    answers: Observations,
    violation: Floats,
    inside: npt.NDArray[np.bool_],
    eligible: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Which answers enter the archives of their runs, in order, ``bool[b, longest]``."""
    fidelity = asking[0][0].question(asking[0][1])[1]  # the same of all
    places, found = np.nonzero(inside)[0].tolist(), np.zeros(len(violation), bool)
    points, broken = answers.objectives.tolist(), violation.tolist()
    for row in np.flatnonzero(eligible[inside]).tolist():
        found[row] = asking[places[row]][0].admits(points[row], fidelity, broken[row])
    entered = np.zeros(inside.shape, bool)
    entered[inside] = found
    return entered


# --------------------------------------------------------------------------------------------------------------
# Several workers: one run at a time, one event at a time.


@dataclass
class _Batch:
    """A proposal with its answers, and how much of it is still to be told."""

    proposal: Proposal
    answers: Observations
    ready: float
    left: int


@dataclass
class _Job:
    """One evaluation: the place of a batch, and whether it counts or was answered from memory."""

    batch: _Batch
    place: int
    counts: bool = True
    seconds: float = 0.0


def _event_by_event(task: Task, run: _Run) -> None:
    clock: Clock[_Job] = Clock(task.workers)
    queue: deque[_Job] = deque()
    started = 0
    limit = np.inf if task.evaluations is None else task.evaluations
    while True:
        while clock.free and started < limit and not run.done:
            if not queue:
                proposal = run.strategy.ask(clock.free)
                if proposal is None:
                    break
                batch = _answered(task, run, proposal, clock.now, started)
                queue.extend(_Job(batch, place) for place in range(batch.left))
                run.idle += 1
                run.done = run.idle >= IDLE
                if not batch.left:
                    run.strategy.tell(batch.answers.told())
                continue
            started += _start(run, clock, queue.popleft())
        if not clock.running:
            return
        job = clock.finish()
        if task.seconds is not None and clock.now > task.seconds:
            return
        run.now = clock.now
        _finished(run, job)
        job.batch.left -= 1
        run.strategy.tell(job.batch.answers.told(slice(job.place, job.place + 1), job.batch.left))
        if run.count >= limit:
            return


def _answered(task: Task, run: _Run, proposal: Proposal, now: float, started: int) -> _Batch:
    """Ask the oracle ahead of time: it is pure, so when it is asked makes no difference."""
    left = _affordable(task, proposal, started)
    codes, keys = _spelled_out(task.oracle, [proposal], [left])[0]
    request = Request(codes, proposal.source, proposal.fidelity, proposal.repeat, keys)
    answers = task.oracle.evaluate(request, np.full(len(codes), run.seed, np.uint64))
    _check_durations(task, answers.seconds)
    ready = now + (task.decision_seconds + run.set_up(proposal.source))
    # A set-up under way is waited for by everything that asks the same source.
    run.ready[proposal.source] = max(ready, run.ready.get(proposal.source, 0.0))
    return _Batch(proposal, answers, run.ready[proposal.source], len(codes))


def _start(run: _Run, clock: Clock[_Job], job: _Job) -> bool:
    """Give a job to a worker; whether it uses up budget.  What is under way is recalled when it is done."""
    batch, not_before = job.batch, job.batch.ready
    memory = run.memory_of(batch.proposal) if batch.proposal.recall else None
    row = 0 if batch.answers.rows is None else int(batch.answers.rows[job.place])
    if memory is not None and memory[row] < np.inf:
        job.counts = False
        not_before = max(not_before, float(memory[row]))
    else:
        run.idle = 0
        job.seconds = _due(run, batch, job.place)
        if memory is not None:
            memory[row] = max(clock.now, not_before) + job.seconds
    clock.start(job.seconds, job, not_before)
    return job.counts and batch.answers.source == TRAIN


def _due(run: _Run, batch: _Batch, place: int) -> float:
    answers, here = batch.answers, slice(place, place + 1)
    total = float(answers.seconds[place])
    if not run.task.oracle.sources[answers.source].resumes:
        return total
    return run.still_to_pay(answers.source, _names(answers, here)[0], total)


def _finished(run: _Run, job: _Job) -> None:
    answers, place = job.batch.answers, job.place
    if run.setup_seconds and answers.source not in run.done_setups:
        run.busy_seconds += run.task.oracle.sources[answers.source].setup_seconds
    run.done_setups.add(answers.source)
    if not job.counts:
        return
    run.busy_seconds += job.seconds
    run.answered[answers.source] += 1
    if answers.source != TRAIN:
        return
    run.count += 1
    violation = float(answers.violation[place])
    value = np.inf if answers.failed[place] or violation > 0 else float(answers.objectives[place, 0])
    fidelity = run.question(job.batch.proposal)[1]
    if run.record == "all":
        kept = True
    elif run.several:
        kept = run.admits(answers.objectives[place].tolist(), fidelity, violation)
    else:
        kept = value < np.inf and run.climb(fidelity) and value < run.best
        run.best = value if kept else run.best
    if kept:
        run.note(run.count, run.now, fidelity, answers, place, violation)
