"""Simulated time.  The only place where time exists, and it never looks at a real clock."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

import numpy as np

from nasbench_sim.oracle import Floats

Job = TypeVar("Job")


def in_sequence(start: Floats, seconds: Floats) -> Floats:
    """Finishing times of jobs done one after the other by one worker, for many runs at once.

    Adds from left to right, as the event clock does, so that both give the same bits.

    Args:
        start: ``float64[b]``, when each run's worker is free.
        seconds: ``float64[b, k]``, durations of its jobs.

    Returns:
        ``float64[b, k]``.
    """
    return np.cumsum(np.concatenate([start[:, None], seconds], axis=1), axis=1)[:, 1:]


class Clock(Generic[Job]):
    """Events of one run with W workers: a free worker takes the next job, ties go first in, first out.

    Attributes:
        now: simulated seconds of the latest event.
        busy_seconds: summed over workers; never above ``workers * now`` once all jobs are done.
    """

    def __init__(self, workers: int = 1) -> None:
        """Start at zero with all workers free.

        Raises:
            ValueError: fewer than one worker.
        """
        if workers < 1:
            raise ValueError(f"a clock needs at least one worker, not {workers}")
        self.workers = workers
        self.now = 0.0
        self.busy_seconds = 0.0
        self._order = 0
        self._running: list[tuple[float, int, Job]] = []

    @property
    def free(self) -> int:
        """How many workers have nothing to do now."""
        return self.workers - len(self._running)

    @property
    def running(self) -> int:
        """How many jobs are under way."""
        return len(self._running)

    def start(self, seconds: float, job: Job, not_before: float = 0.0) -> None:
        """Give a job to a free worker, which waits for ``not_before`` (a set-up, a decision) if that is later.

        Raises:
            ValueError: no worker is free, or a duration is negative or not finite.
        """
        if not self.free:
            raise ValueError("no worker is free")
        if not (0 <= seconds < np.inf and not_before < np.inf):
            raise ValueError(f"a job of {seconds} seconds not before {not_before} cannot be simulated")
        self.busy_seconds += seconds
        heapq.heappush(self._running, (max(self.now, not_before) + seconds, self._order, job))
        self._order += 1

    def finish(self) -> Job:
        """Advance to the next finishing job and return it.

        Raises:
            ValueError: nothing is running.
        """
        if not self._running:
            raise ValueError("nothing is running")
        self.now, _, job = heapq.heappop(self._running)
        return job
