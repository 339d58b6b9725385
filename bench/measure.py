"""Timing contestants in turn, and how their figures are written."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

LEAST_SECONDS = 0.1  # short calls are repeated for so long within a round


@dataclass(frozen=True)
class Contestant:
    """Something to time.

    Attributes:
        call: what is timed.
        amount: how many things one call does; figures are seconds per thing.
    """

    call: Callable[[], object]
    amount: int = 1


@dataclass(frozen=True)
class Row:
    """A line of a table: texts, as shown."""

    what: str
    here: str
    beside: str = ""
    ratio: str = ""
    aim: str = ""


@dataclass(frozen=True)
class Part:
    """What one part of the bench has measured, and what its figures are."""

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()


def alternate(contestants: Mapping[str, Contestant], repetitions: int) -> dict[str, list[float]]:
    """Seconds per thing of each contestant in each round, after one call of each that is not counted.

    Every round begins with another contestant, so that neither a drift of the machine nor a place in the order
    favours one of them.
    """
    names = list(contestants)
    for contestant in contestants.values():
        contestant.call()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repetitions):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(_once(contestants[name]))
    return seconds


def _once(contestant: Contestant) -> float:
    calls, started, elapsed = 0, time.perf_counter(), 0.0
    while elapsed < LEAST_SECONDS:
        contestant.call()
        calls += 1
        elapsed = time.perf_counter() - started
    return elapsed / (calls * contestant.amount)


def rate(seconds: Sequence[float]) -> str:
    """Things per second, from seconds per thing."""
    value = 1 / median(seconds)
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}/s"
    return f"{value:.3g} /s"


def duration(seconds: Sequence[float]) -> str:
    """The median, in s or ms."""
    value = median(seconds)
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def faster(here: Sequence[float], beside: Sequence[float]) -> str:
    """How many times as fast ``here`` is: median over the rounds, least and greatest in brackets."""
    ratios = [other / own for own, other in zip(here, beside, strict=True)]
    return f"{_times(median(ratios))} ({_times(min(ratios))} - {_times(max(ratios))})"


def _times(ratio: float) -> str:
    return f"{ratio:.3g}" if ratio >= 0.1 else f"1/{1 / ratio:.3g}"
