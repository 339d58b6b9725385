"""What the one-shot budget is worth, and what a faster or slower device would change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reports.comparisons import Compared, compare, first_trained, metric, one_shot, read_at
from reports.results import Comparison, Results, Task
from reports.statistics import TwoSamples, two_samples


@dataclass(frozen=True)
class Clock:
    """What one-shot is worth on a space.

    Attributes:
        task: the space.
        seconds: of one-shot, by method.
        trainings: one-shot in mean trainings of the space, by method.
        implied_trainings: what the published tables imply; NaN where it is not known.
        baselines: second baseline minus first at one-shot of the first method; None with one baseline.
        implied_baselines: the same difference as the published tables imply it, x 100; NaN where it is not known.
    """

    task: Task
    seconds: Mapping[str, float]
    trainings: Mapping[str, float]
    implied_trainings: float
    baselines: TwoSamples | None
    implied_baselines: float


def baselines(results: Results) -> list[str]:
    """Strategies that one-shot methods are held against, in the suite's order of comparison."""
    return list(dict.fromkeys(one.reference for one in results.comparisons if one.at == "one-shot"))


def methods(results: Results) -> list[str]:
    """Strategies that have a one-shot, in the suite's order of comparison."""
    return list(dict.fromkeys(one.method for one in results.comparisons if one.at == "one-shot"))


def clock(results: Results, task: Task) -> Clock:
    """What one-shot is worth on a space."""
    space = results.evidence.get(task.name, {})
    seconds = {name: one_shot(results.runs[task.name, name]) for name in methods(results)}
    training = float(space.get("training_seconds", np.nan))
    implied = space.get("implied", {})
    names, difference = baselines(results), None
    if len(names) > 1:
        at = seconds[methods(results)[0]]
        what = metric(results.runs[task.name, names[0]])
        first, second = (read_at(results.runs[task.name, name], at, what) for name in names[:2])
        difference = two_samples(second, first)
    return Clock(
        task=task,
        seconds=seconds,
        trainings={name: value / training for name, value in seconds.items()},
        implied_trainings=float(implied.get("one_shot_in_trainings", np.nan)),
        baselines=difference,
        implied_baselines=float(implied.get("GS_minus_RS", np.nan)),
    )


def at_speed(results: Results, task: Task, comparison: Comparison, speed: float) -> Compared:
    """A comparison at one-shot had the device been that many times as fast.

    Everything but the proxy evaluations takes 1 / speed of its time, so in units of the baseline's own clock one-shot
    is set-up + training + speed x proxies x seconds per proxy, and only where the baseline is read changes.
    """
    proxy_seconds = float(results.evidence.get(task.name, {}).get("proxy_seconds", 0.0))
    traces = results.runs[task.name, comparison.method]
    proxies = np.array([trace.about.get("answered", {}).get("proxy", 0) for trace in traces], float)
    seconds = first_trained(traces) + (speed - 1) * proxies * proxy_seconds
    seconds = seconds[~np.isnan(seconds)]
    return compare(results, task, comparison, at=float(seconds.mean()) if len(seconds) else np.nan)
