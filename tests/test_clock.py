"""Simulated time: nothing is gained, nothing is lost, and who was first stays first."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench_sim.clock import Clock, in_sequence


def work_off(workers: int, durations) -> tuple[Clock[int], list[int], list[float]]:
    """All jobs on a clock, each started as soon as a worker is free; the order and times of finishing."""
    clock: Clock[int] = Clock(workers)
    waiting, order, times = list(enumerate(durations)), [], []
    while waiting or clock.running:
        while clock.free and waiting:
            job, seconds = waiting.pop(0)
            clock.start(seconds, job)
        order.append(clock.finish())
        times.append(clock.now)
    return clock, order, times


@pytest.mark.parametrize("workers", [1, 2, 3, 8, 100])
def test_busy_time_is_the_sum_of_the_work_and_fits_into_workers_times_elapsed(workers):
    durations = np.random.default_rng(workers).uniform(0, 100, 60)
    clock, order, times = work_off(workers, durations)
    assert clock.busy_seconds == pytest.approx(durations.sum(), rel=1e-12)
    assert clock.busy_seconds <= workers * clock.now * (1 + 1e-12)
    assert clock.now >= max(durations.max(), durations.sum() / workers * (1 - 1e-12))
    assert sorted(order) == list(range(60))
    assert times == sorted(times)


def test_jobs_finish_in_order_of_time_not_of_start():
    _, order, times = work_off(3, [5.0, 1.0, 3.0, 1.0])
    assert order == [1, 3, 2, 0]
    assert times == [1.0, 2.0, 3.0, 5.0]


def test_ties_are_first_in_first_out():
    assert work_off(4, [2.0] * 8)[1] == list(range(8))
    assert work_off(3, [0.0] * 9)[1] == list(range(9))
    assert work_off(2, [2.0, 1.0, 1.0])[1] == [1, 0, 2]  # 0 and 2 end together; 0 began before


def test_jobs_are_never_compared():
    clock: Clock[object] = Clock(2)
    first, second = object(), object()
    clock.start(1.0, first)
    clock.start(1.0, second)
    assert clock.finish() is first
    assert clock.finish() is second


@pytest.mark.parametrize("seed", range(5))
def test_one_worker_equals_jobs_in_sequence_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    durations = rng.lognormal(0, 4, (7, 200))
    starts = rng.uniform(0, 1e6, 7)
    together = in_sequence(starts, durations)
    for start, seconds, expected in zip(starts, durations, together, strict=True):
        clock: Clock[int] = Clock(1)
        clock.start(0.0, -1, not_before=start)
        clock.finish()
        times = []
        for job, duration in enumerate(seconds):
            clock.start(duration, job)
            clock.finish()
            times.append(clock.now)
        assert np.array(times).tobytes() == expected.tobytes()


def test_sequences_leave_their_inputs_alone():
    start, seconds = np.array([1.0]), np.array([[2.0, 3.0]])
    start.setflags(write=False)
    seconds.setflags(write=False)
    assert in_sequence(start, seconds).tolist() == [[3.0, 6.0]]
    assert in_sequence(start, np.empty((1, 0))).shape == (1, 0)
    assert in_sequence(np.empty(0), np.empty((0, 3))).shape == (0, 3)


def test_a_job_waits_for_what_it_needs():
    clock: Clock[str] = Clock(2)
    clock.start(1.0, "waits", not_before=10.0)
    clock.start(2.0, "does not", not_before=-5.0)
    assert (clock.finish(), clock.now) == ("does not", 2.0)
    clock.start(1.0, "later")
    assert (clock.finish(), clock.now) == ("later", 3.0)
    assert (clock.finish(), clock.now) == ("waits", 11.0)
    assert clock.busy_seconds == 4.0


@pytest.mark.parametrize("seconds", [-1.0, np.nan, np.inf])
def test_impossible_durations_are_refused(seconds):
    with pytest.raises(ValueError, match="cannot be simulated"):
        Clock().start(seconds, None)
    with pytest.raises(ValueError, match="cannot be simulated"):
        Clock().start(1.0, None, not_before=abs(seconds) * np.inf)


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="at least one worker, not 0"):
        Clock(0)
    clock: Clock[None] = Clock(1)
    with pytest.raises(ValueError, match="nothing is running"):
        clock.finish()
    clock.start(1.0, None)
    assert (clock.free, clock.running) == (0, 1)
    with pytest.raises(ValueError, match="no worker is free"):
        clock.start(1.0, None)
    assert clock.busy_seconds == 1.0
