"""A recorded table against live training of the same configurations: rankings, regrets and clocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import kendalltau

from nasbench_sim.trace import Trace
from reports import wording
from reports.blocks import Block, Cell, Section, Table, Text
from reports.results import Results, Task
from reports.statistics import Floats, mean, two_samples


def fidelity(results: Results) -> list[Section]:
    """For each pair of tasks ``table:NAME`` and ``trained:NAME``; nothing where there is none."""
    tasks = {task.name: task for task in results.tasks}
    blocks: list[Block] = []
    for name, task in tasks.items():
        kind, _, table = name.partition(":")
        if kind == "table" and f"trained:{table}" in tasks:
            blocks += _pair(results, task, tasks[f"trained:{table}"])
    return (
        [Section("fidelity", "Sim against real", "The simulation against the thing itself", blocks)] if blocks else []
    )


def _pair(results: Results, table: Task, trained: Task) -> list[Block]:
    rows: list[list[Cell | str]] = []
    means: list[tuple[float, float]] = []
    inside = 0
    flattered: list[tuple[int, float]] = []
    for strategy in results.strategies:
        one, other = (results.runs.get((task.name, strategy.name), ()) for task in (table, trained))
        if not one or not other:
            continue
        regrets = _regrets(one), _regrets(other)
        compared = two_samples(*regrets)
        low, high = 100 * compared.interval_low, 100 * compared.interval_high
        inside += bool(low <= 0 <= high)
        means.append((float(np.nanmean(regrets[0])), float(np.nanmean(regrets[1]))))
        flattered += [(int(trace.about["seed"]), _flattered(trace)) for trace in one]
        rows.append(
            [
                strategy.name,
                f"{100 * means[-1][0]:.2f}",
                f"{100 * means[-1][1]:.2f}",
                Cell(f"{100 * compared.difference:+.2f}", f"[{low:+.2f}, {high:+.2f}]"),
                *_clock(one, other),
            ]
        )
    if not rows:
        return []
    tau = kendalltau(*zip(*means, strict=True)).statistic if len(means) > 1 else np.nan
    orders = [
        " < ".join(rows[place][0] for place in np.argsort(column, kind="stable")) for column in np.transpose(means)
    ]
    agree = "the same order" if orders[0] == orders[1] else "another order"
    return [
        Text(
            f"Mean test regret at the end orders the strategies {orders[0]} on the table and {orders[1]} by training: "
            f"{agree}, Kendall's tau {tau:.2f} of {len(means)} strategies. In {inside} of {len(rows)} the 95% interval "
            "of the difference in regret holds zero, as it does where a simulation is right.",
            "lead",
        ),
        *_yardsticks(flattered),
        Table(
            "Test regret at the end in points, by recorded trainings that the search did not see (difference: table "
            "minus training, with Welch's 95% interval), and seconds of an evaluation by either clock (ratio: table "
            "over training, with a 95% interval over runs)",
            ["Strategy", "Table", "Training", "Difference", "Seconds, table", "Seconds, training", "Ratio"],
            rows,
            wide=True,
        ),
    ]


def _flattered(trace: Trace) -> float:
    """How much lower the regret of a run on a table is if the training that it saw judges as well; NaN if not kept."""
    if trace.held_out.shape[1] < 2 or not len(trace.improved()):
        return np.nan
    unseen, every = trace.held_out[trace.improved()[-1], :2]
    return float(unseen - every)


def _yardsticks(flattered: Sequence[tuple[int, float]]) -> list[Block]:
    """What the mean over all recorded trainings would have made of the runs on the table, by seed."""
    known = [(seed, value) for seed, value in flattered if np.isfinite(value)]
    if not known:
        return []
    seeds, values = (np.array(column) for column in zip(*known, strict=True))
    found = mean(values, seeds)  # runs of one seed begin at the same configuration
    low, high = found.interval(0.95)
    return [
        Text(
            "Judged by the mean of all recorded trainings, the one that it saw included, a run on the table would look "
            f"{100 * found.mean:.2f} points better than by those that it did not see (95% interval {100 * low:.2f} to "
            f"{100 * high:.2f}, {wording.count(len(known), 'run')}): its choice and that yardstick share their luck."
        )
    ]


def _regrets(traces: Sequence[Trace]) -> Floats:
    return np.array([float(trace.regret(np.inf)) for trace in traces])


def _clock(table: Sequence[Trace], trained: Sequence[Trace]) -> list[Cell | str]:
    """Mean seconds of an evaluation on both sides, and their ratio."""
    one, other = (
        np.array([trace.about.get("simulated_seconds", trace.about["seconds"]) for trace in side])
        / np.array([max(trace.about["evaluations"], 1) for trace in side])
        for side in (table, trained)
    )
    drawn = np.random.default_rng(0)
    ratios = [
        drawn.choice(one, len(one)).mean() / max(drawn.choice(other, len(other)).mean(), 1e-300) for _ in range(1000)
    ]
    low, high = np.quantile(ratios, (0.025, 0.975))
    return [
        f"{one.mean():.3g}",
        f"{other.mean():.3g}",
        Cell(f"{one.mean() / other.mean():.2f}", f"[{low:.2f}, {high:.2f}]"),
    ]
