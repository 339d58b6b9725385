"""Processes that make runs for the gate; never from a store, always by simulation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

from suites.gate.declaration import gate_of
from suites.gate.injected import injections
from suites.gate.runs import Arm, Run, measure
from suites.processes import worker_processes
from suites.work import Order, load, load_task

CHUNK = 100  # seeds that advance together


@dataclass(frozen=True)
class Job:
    """Seeds of one arm, with what its strategy is made worse by, if anything."""

    arm: Arm
    seeds: range
    injection: str = ""


def perform(order: Order, job: Job) -> list[Run]:
    """Make the runs of one job; raises as ``measure``."""
    suite, _ = load(order)
    task_name, name = job.arm
    factory = next(entry.factory for entry in suite.entries if entry.name == name)
    task = load_task(order, task_name)
    if job.injection:
        assert task.evaluations is not None
        factory = injections(task.evaluations)[job.injection](factory)
    return measure(task, factory, name, job.seeds, gate_of(suite))


class Crew:
    """Worker processes that stay for a whole build, each with its tasks loaded.

    Args:
        order: the suite.
        workers: processes; one works in this process.
        progress: called with how many runs were made.
    """

    def __init__(self, order: Order, workers: int, progress: Callable[[int], None] = lambda made: None) -> None:
        self.order, self.progress = order, progress
        self._workers = workers
        self._open = ExitStack()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Crew:
        if self._workers > 1:
            self._pool = self._open.enter_context(worker_processes(self._workers))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return self._open.__exit__(kind, error, trace)

    def measure(self, arms: Sequence[Arm], seeds: range) -> dict[Arm, list[Run]]:
        """Runs of the arms as they are."""
        return {job.arm: runs for job, runs in self.perform([Job(arm, seeds) for arm in arms]).items()}

    def perform(self, jobs: Sequence[Job]) -> dict[Job, list[Run]]:
        """Runs of each job, in the order of its seeds."""
        parts = {
            (job, start): Job(job.arm, job.seeds[start : start + CHUNK], job.injection)
            for job in jobs
            for start in range(0, len(job.seeds), CHUNK)
        }
        done: dict[tuple[Job, int], list[Run]] = {}
        if self._pool is None:
            for place, part in parts.items():
                done[place] = perform(self.order, part)
                self.progress(len(part.seeds))
        else:
            futures: dict[Future[list[Run]], tuple[Job, int]] = {
                self._pool.submit(perform, self.order, part): place for place, part in parts.items()
            }
            for future in as_completed(futures):
                done[futures[future]] = future.result()
                self.progress(len(parts[futures[future]].seeds))
        return {job: [run for start in range(0, len(job.seeds), CHUNK) for run in done[job, start]] for job in jobs}


class Progress:
    """A line on standard error at each tenth."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0

    def __call__(self, made: int) -> None:
        before, self.done = self.done, self.done + made
        if 10 * self.done // self.total > 10 * before // self.total:
            print(f"{self.done} of {self.total} runs", file=sys.stderr, flush=True)
