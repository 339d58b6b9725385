"""A recorded table against live training of the same configurations: rankings, regrets and clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau, rankdata

from nasbench_sim.trace import Trace
from reports import wording
from reports.blocks import Block, Cell, Figure, Gallery, Section, Table, Text
from reports.figures import Row, forest
from reports.results import Results, Task
from reports.statistics import Floats, TwoSamples, mean, two_samples

TOLD = {True: "agrees", False: "DIFFERS", None: "untold"}
DRAWS = 1000  # of seeds, with replacement, behind an interval


@dataclass(frozen=True)
class Agreement:
    """One strategy on both sides.

    Attributes:
        strategy: its name.
        table: test regret at the end of each run on the table, ``float64[n]``.
        trained: by training, likewise.
        regret: the two compared, table minus training.
        seconds: of an evaluation on the table and by training, means.
        ratio: of the two, and its 95% interval over runs.
    """

    strategy: str
    table: Floats
    trained: Floats
    regret: TwoSamples
    seconds: tuple[float, float]
    ratio: tuple[float, float, float]

    @property
    def agrees(self) -> bool | None:
        """Whether the 95% interval of the difference in regret holds zero; None where too few runs leave no interval.

        Runs that all end alike have no spread and need no interval.
        """
        if np.isfinite(self.regret.interval_low):
            return bool(self.regret.interval_low <= 0 <= self.regret.interval_high)
        several = min(len(self.table), len(self.trained)) > 1
        return True if several and np.ptp(np.concatenate([self.table, self.trained])) == 0 else None

    @property
    def means(self) -> tuple[float, float]:
        """Mean test regret on the table and by training; NaN where no run has one."""
        return _mean(self.table), _mean(self.trained)


def fidelity(results: Results) -> tuple[list[Section], dict[str, Any]]:
    """A section on each pair of tasks ``table:NAME`` and ``trained:NAME``, and what it adds to ``summary.json``."""
    tasks = {task.name: task for task in results.tasks}
    blocks: list[Block] = []
    told: dict[str, Any] = {}
    for name, task in tasks.items():
        kind, _, table = name.partition(":")
        if kind != "table" or f"trained:{table}" not in tasks:
            continue
        found = _agreements(results, task, tasks[f"trained:{table}"])
        if not found:
            continue
        order = _order(found)
        blocks += _blocks(table, found, order, _flattered(results, task))
        told[table] = _summary(found, order)
    if not blocks:
        return [], {}
    return [Section("fidelity", "Sim against real", "The simulation against the thing itself", blocks)], {
        "fidelity": told
    }


def fidelity_terminal(more: Mapping[str, Any]) -> str:
    """The same for the terminal, from what was added to the summary; empty where nothing was."""
    lines = []
    for found in more.get("fidelity", {}).values():
        lines.append(
            "table - training: 100 x test regret, 0 where a simulation is right; ratio of an evaluation's seconds"
        )
        width = max(map(len, found["strategies"]))
        lines += [
            f"  {name:{width}}  {TOLD[one['agrees']]:7}  {wording.points(one['difference']):>6}  "
            f"[{wording.points(one['low']):>6}, {wording.points(one['high']):>6}]  clock {one['clock_ratio']:.2f}  "
            f"[{one['clock_ratio_low']:.2f}, {one['clock_ratio_high']:.2f}]"
            for name, one in found["strategies"].items()
        ]
    return "\n".join(lines).replace("−", "-").replace("–", "-")


def _agreements(results: Results, table: Task, trained: Task) -> list[Agreement]:
    found = []
    for strategy in results.strategies:
        one, other = (results.runs.get((task.name, strategy.name), ()) for task in (table, trained))
        if one and other:
            regrets = _regrets(one), _regrets(other)
            found.append(Agreement(strategy.name, *regrets, two_samples(*regrets), *_clock(one, other)))
    return found


def _regrets(traces: Sequence[Trace]) -> Floats:
    return np.array([float(trace.regret(np.inf)) for trace in traces])


def _clock(table: Sequence[Trace], trained: Sequence[Trace]) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Mean seconds of an evaluation on both sides, and their ratio with its interval."""
    one, other = (
        np.array([trace.about.get("simulated_seconds", trace.about["seconds"]) for trace in side])
        / np.array([max(trace.about["evaluations"], 1) for trace in side])
        for side in (table, trained)
    )
    drawn = np.random.default_rng(0)
    ratios = [
        drawn.choice(one, len(one)).mean() / max(drawn.choice(other, len(other)).mean(), 1e-300) for _ in range(DRAWS)
    ]
    low, high = np.quantile(ratios, (0.025, 0.975))
    seconds = float(one.mean()), float(other.mean())
    return seconds, (seconds[0] / max(seconds[1], 1e-300), float(low), float(high))


def _order(found: Sequence[Agreement]) -> tuple[float, float, float]:
    """Kendall's tau of the strategies' mean regrets on both sides, and the interval that drawing seeds anew gives."""
    n = min(len(side) for one in found for side in (one.table, one.trained))
    sides = np.array([[one.table[:n] for one in found], [one.trained[:n] for one in found]])
    if len(found) < 2:
        return np.nan, np.nan, np.nan

    def tau(values: Floats) -> float:
        means = [[_mean(row) for row in side] for side in values]
        return float(kendalltau(*means, nan_policy="omit").statistic)

    drawn = np.random.default_rng(0)
    taus = [tau(sides[:, :, drawn.integers(0, n, n)]) for _ in range(DRAWS)]
    there = [one for one in taus if np.isfinite(one)]
    low, high = np.quantile(there, (0.025, 0.975)) if there else (np.nan, np.nan)
    return tau(sides), float(low), float(high)


def _mean(values: Floats) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else np.nan


def _flattered(results: Results, table: Task) -> list[tuple[int, float]]:
    """By run on the table its seed, and how much lower its regret is if the training that it saw judges as well."""
    return [
        (int(trace.about["seed"]), float(unseen - every))
        for strategy in results.strategies
        for trace in results.runs.get((table.name, strategy.name), ())
        if trace.held_out.shape[1] > 1 and len(trace.improved())
        for unseen, every in [trace.held_out[trace.improved()[-1], :2]]
        if np.isfinite(unseen - every)
    ]


def _blocks(
    name: str, agreements: Sequence[Agreement], order: tuple[float, float, float], flattered: list[tuple[int, float]]
) -> list[Block]:
    agree, untold = (sum(one.agrees is verdict for one in agreements) for verdict in (True, None))
    ranks = [rankdata([one.means[side] for one in agreements], nan_policy="omit") for side in (0, 1)]
    orders = [_ordered([one.strategy for one in agreements], side) for side in ranks]
    same = "the same order" if np.array_equal(ranks[0], ranks[1], equal_nan=True) else "another order"
    title, figure = "Test regret on the table minus that of training", f"fidelity-{name}"
    rows = [
        Row(one.strategy, 100 * found.difference, 100 * found.interval_low, 100 * found.interval_high, None)
        for one in agreements
        for found in [one.regret]
    ]
    drawing = forest(figure, title, rows, "points; 0 where a simulation is right")
    alt = f"{title}, with 95% intervals: {agree} of {len(agreements)} hold zero"
    return [
        Text(
            f"{agree} of {len(agreements)} strategies end with the same test regret on the table as by training, as "
            "far as can be told: the 95% interval of the difference holds zero, as it does where a simulation is "
            "right, or all runs end alike"
            + (f". Of {untold} nothing can be told, for want of runs or of spread between them" if untold else "")
            + f". Mean regret orders them {orders[0]} on the table and {orders[1]} by training: {same}, Kendall's tau "
            + (f"{order[0]:.2f}" if np.isfinite(order[0]) else "not defined")
            + (f" ({order[1]:.2f} to {order[2]:.2f} if seeds are drawn anew, 95%)." if np.isfinite(order[1]) else "."),
            "lead",
        ),
        Gallery([Figure(figure, drawing, alt)], "Differences of means over runs with Welch's 95% intervals"),
        *_yardsticks(flattered),
        Table(
            "Test regret at the end in points, by recorded trainings that the search did not see (difference: table "
            "minus training, with Welch's 95% interval), and seconds of an evaluation by either clock (ratio: table "
            "over training, with a 95% interval over runs)",
            ["Strategy", "Table", "Training", "Difference", "Seconds, table", "Seconds, training", "Ratio"],
            [
                [
                    one.strategy,
                    *(wording.points(value, sign=False) for value in one.means),
                    Cell(
                        wording.points(one.regret.difference),
                        wording.interval(one.regret.interval_low, one.regret.interval_high),
                    ),
                    f"{one.seconds[0]:.3g}",
                    f"{one.seconds[1]:.3g}",
                    Cell(f"{one.ratio[0]:.2f}", f"[{one.ratio[1]:.2f}, {one.ratio[2]:.2f}]"),
                ]
                for one in agreements
            ],
            wide=True,
        ),
    ]


def _ordered(names: Sequence[str], ranks: Floats) -> str:
    """Names by their ranks, such as "RS < LS = REA"; those without a rank are left out."""
    groups: dict[float, list[str]] = {}
    for place in np.argsort(ranks, kind="stable"):
        if np.isfinite(ranks[place]):
            groups.setdefault(float(ranks[place]), []).append(names[place])
    return " < ".join(" = ".join(group) for group in groups.values())


def _yardsticks(flattered: Sequence[tuple[int, float]]) -> list[Block]:
    """What the mean over all recorded trainings would have made of the runs on the table."""
    if not flattered:
        return []
    seeds, values = (np.array(column) for column in zip(*flattered, strict=True))
    found = mean(values, seeds)  # runs of one seed begin at the same configuration
    low, high = found.interval(0.95)
    return [
        Text(
            "Judged by the mean of all recorded trainings, the one that it saw included, a run on the table would look "
            f"{wording.points(found.mean, sign=False)} points better than by those that it did not see (95% interval "
            f"{wording.interval(low, high)}, {wording.count(len(values), 'run')}): its choice and that yardstick share "
            "their luck."
        )
    ]


def _summary(found: Sequence[Agreement], order: tuple[float, float, float]) -> Mapping[str, Any]:
    numbers = dict(zip(("kendalls_tau", "kendalls_tau_low", "kendalls_tau_high"), order, strict=True))
    return {
        **{name: value if np.isfinite(value) else None for name, value in numbers.items()},
        "strategies": {
            one.strategy: {
                "difference": one.regret.difference,
                "low": one.regret.interval_low,
                "high": one.regret.interval_high,
                "agrees": one.agrees,
                "clock_ratio": one.ratio[0],
                "clock_ratio_low": one.ratio[1],
                "clock_ratio_high": one.ratio[2],
            }
            for one in found
        },
    }
