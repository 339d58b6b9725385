"""Simulated time against the time on the wall, of suites that trained for real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reports import wording
from reports.blocks import Block, Cell, Section, Table, Text
from reports.results import Results


def clocks(results: Results) -> list[Section]:
    """Per task and strategy what a run took by either clock, and the test error that it ended with; else nothing."""
    rows: list[list[Cell | str]] = []
    charged: list[str] = []
    for task in results.tasks:
        for strategy in results.strategies:
            traces = results.runs.get((task.name, strategy.name), ())
            if not traces or "wall_seconds" not in traces[0].about:
                continue
            charged.append(task.provenance.get("clock", "unknown"))
            # Along evaluations a trace's own seconds count those; see ``reports.axis``.
            simulated = np.array([one.about.get("simulated_seconds", one.about["seconds"]) for one in traces])
            wall = np.array([one.about["wall_seconds"] for one in traces])
            trained = np.array([one.about["trainings"] for one in traces])
            tests = [one.held_out[one.improved()[-1], 0] for one in traces if len(one.improved())]
            failed = [one.about.get("failed", 0) for one in traces]
            rows.append(
                [
                    f"{task.label}, {strategy.name}",
                    f"{np.mean(trained):.0f}",
                    f"{np.mean(failed):.3g}",
                    _of_runs(simulated),
                    _of_runs(wall),
                    f"{simulated.sum() / wall.sum():.3g}" if wall.sum() > 0 else "–",
                    f"{100 * np.mean(tests):.2f}" if tests else "–",
                ]
            )
    if not rows:
        return []
    told = {
        (task.label, one.about["seed"] % (strategy.cluster or 1)): one.about["supernet"]
        for task in results.tasks
        for strategy in results.strategies
        for one in results.runs.get((task.name, strategy.name), ())
        if "supernet" in one.about
    }
    blocks: list[Block] = [
        Text(
            f"The simulated clock charges {charged[0]}. The clock on the wall is the sum of the seconds that the "
            "trainings behind a run took here when they were done, validation and test included, whether this run or "
            "an earlier one asked for them first: runs share their trainings, so that all of them together took less. "
            "What a run pays for again, by the rules of its suite, was trained once. Failed are configurations whose "
            "training diverged or found no memory."
        ),
        Table(
            "Mean seconds of a run by either clock (standard deviation between runs), and mean test error of the "
            "configuration that it ends with, percent",
            ["Task, strategy", "Trainings", "Failed", "Simulated", "On the wall", "Simulated / wall", "Test error"],
            rows,
        ),
    ]
    if told:
        blocks.append(Text(_supernets(told)))
    return [Section("clocks", "Clocks", "Simulated and real time", blocks)]


def _supernets(told: Mapping[tuple[str, int], Mapping[str, Any]]) -> str:
    """Which super-nets have learned anything, and what they took."""
    lost = [
        f"number {number} on {task} (median proxy {one['median']:.1%}, chance {one['chance']:.1%})"
        for (task, number), one in told.items()
        if one["status"] != "converged"
    ]
    seconds = np.mean([one["seconds"] for one in told.values()])
    text = f"{wording.count(len(told), 'super-net')} of {seconds:.4g} seconds on the wall each (mean). "
    if not lost:
        return text + "All have converged: their median proxy is above chance by more than three standard errors."
    return text + f"DID NOT CONVERGE: {wording.listing(lost)}. What is found by these is found by chance."


def _of_runs(seconds: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Cell:
    spread = f"({np.std(seconds, ddof=1):.3g})" if len(seconds) > 1 else ""
    return Cell(f"{np.mean(seconds):.4g}", spread)
