"""Indicators of fronts over time: hypervolume and the share of the true front first, the others folded away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reports import figures, wording
from reports.axis import EVALUATIONS, SECONDS
from reports.blocks import Block, Cell, Details, Figure, Gallery, Section, Table, Text
from reports.comparisons import clusters
from reports.results import Task
from reports.several.published import entries_of
from reports.several.study import Study
from reports.statistics import Curve, curve, mean
from reports.statistics.indicators import INDICATORS

BEGIN = 1 / 300  # share of the budget at which the two main figures begin
SETTLED = 1 / 30  # share of the budget: what lies below the worst mean by then is left out of the frame
FIGURES = {"5.1": "5.5", "5.2": "5.6"}  # of the source that has these tables
LABELS = {
    "hypervolume": "hypervolume × 100",
    "share": "true front found, %",
    "igd": "IGD × 100",
    "igd_plus": "IGD+ × 100",
    "gd": "GD × 100",
    "spacing": "spacing × 100",
    "epsilon": "additive ε × 100",
}
MEANINGS = {
    "hypervolume": "the area that the archive dominates, up to the reference point; higher is better",
    "share": "how many points of the true front have been found; higher is better",
    "igd": "mean distance from the true front’s points to the nearest found; lower is better",
    "igd_plus": "the same, counting only how much worse the nearest one is; lower is better",
    "gd": "mean distance from what was found to the nearest point of the true front; lower is better",
    "spacing": "how unevenly the points found are spaced; even is low, and it says nothing of how good they are",
    "epsilon": "by how much all found points must be shifted to cover the true front; lower is better",
}


def over_time(study: Study) -> tuple[list[Section], dict[str, Any]]:
    """The section, none without stored fronts; and what it adds to ``summary.json``."""
    if not study.tasks:
        return [], {}
    caption = (
        f"Mean over runs against {study.results.axis.along} (logarithmic), bands are 95% intervals of the mean. "
        "Dotted: the true front. The frame begins at the worst mean after a thirtieth of the budget; “Curves” shows "
        "what lies near the true front on a logarithmic axis."
    )
    tables = {str(entry["table"]) for entry in entries_of(study.results)}
    named = [f"As Figure {figure} of the source. " if table in tables else "" for table, figure in FIGURES.items()]
    first = [_figure(study, task, "hypervolume") for task in study.tasks]
    second = [_figure(study, task, "share") for task in study.tasks]
    others = [_others(study, task) for task in study.tasks]
    meanings = "; ".join(f"{LABELS[name].partition(' ×')[0]}: {MEANINGS[name]}" for name in INDICATORS[2:])
    number = min(len(grid) for grid in study.grids.values())
    blocks: list[Block] = [
        Gallery(first, f"{named[0]}Hypervolume times 100: {MEANINGS['hypervolume']}. {caption}"),
        Gallery(
            second,
            f"{named[1]}Share of the true front’s points found, mean over runs, 95% intervals; higher is better.",
        ),
        Details(
            "Other indicators over time, and all of them in figures",
            [
                Gallery(others, f"{meanings}. All in objectives on the pinned scale, times 100; means over runs with "
                        "their 95% intervals."),
                _table(study),
                Text(f"Every indicator is computed at {number} times of every run.", "note"),
            ],
        ),
    ]  # fmt: skip
    summary = {
        task.name: {
            strategy.name: {
                name: _last(study, task, strategy.name, name) for name in INDICATORS
            }
            for strategy in study.results.strategies
        }
        for task in study.tasks
    }  # fmt: skip
    return [Section("indicators", "Indicators", "How good the fronts are over time", blocks)], {"fronts": summary}


def _last(study: Study, task: Task, strategy: str, name: str) -> float:
    return float(np.mean(study.courses[task.name, strategy][name][:, -1]))


def _lines(study: Study, task: Task, name: str) -> list[figures.Line]:
    lines = []
    for place, strategy in enumerate(study.results.strategies):
        table = 100 * study.courses[task.name, strategy.name][name]
        table = np.where(np.isfinite(table), table, np.nan)
        found = curve(table, clusters(strategy, study.runs(task, strategy)))
        if LABELS[name] == LABELS["share"]:
            found = Curve(found.centre, np.maximum(found.low, 0), np.minimum(found.high, 100), "mean", found.band)
        lines.append(figures.Line(strategy.name, place, study.grids[task.name], found))
    return lines


def _figure(study: Study, task: Task, name: str) -> Figure:
    grid, front = study.grids[task.name], study.front(task)
    begin = study.at(task, max(grid[0], BEGIN * grid[-1]))
    lines = [_from(line, begin) for line in _lines(study, task, name)]
    settled = study.at(task, max(grid[0], SETTLED * grid[-1])) - begin
    lowest, best = 0.0, np.nan
    if name == "hypervolume":
        best = 100 * front.hypervolume
        lowest = min(float(line.curve.centre[settled]) for line in lines)
        if not np.isfinite(lowest) or lowest >= best:
            lowest = np.nan
    called = f"{name}-{wording.slug(task.label)}"
    drawing = figures.indicator_curves(
        called, task.label, [(LABELS[name], lines, False)], study.results.axis, best=best, lowest=lowest
    )
    return Figure(called, drawing, f"{task.label}: mean {LABELS[name]} over {study.results.axis.along}. {_told(lines)}")


def _from(line: figures.Line, place: int) -> figures.Line:
    """The line without its first places."""
    found = line.curve
    kept = replace(found, centre=found.centre[place:], low=found.low[place:], high=found.high[place:])
    return replace(line, seconds=line.seconds[place:], curve=kept)


def _told(lines: Sequence[figures.Line]) -> str:
    ends = ", ".join(f"{line.name} {wording.number(float(line.curve.centre[-1]))}" for line in lines)
    return f"At the end: {ends}."


def _others(study: Study, task: Task) -> Figure:
    panels = [(LABELS[name], _lines(study, task, name), name != "spacing") for name in INDICATORS[2:]]
    called = f"indicators-{wording.slug(task.label)}"
    drawing = figures.indicator_curves(called, task.label, panels, study.results.axis, columns=2)
    told = "; ".join(f"{label}: {_told(lines)[12:-1]}" for label, lines, _ in panels)
    return Figure(called, drawing, f"{task.label}: means over {study.results.axis.along}. At the end {told}.")


def _table(study: Study) -> Table:
    rows: list[list[Cell | str]] = []
    for task in study.tasks:
        grid = study.grids[task.name]
        for when in dict.fromkeys(study.at(task, share * grid[-1]) for share in (1 / 12, 1 / 6, 1 / 2, 1)):
            for strategy in study.results.strategies:
                at = float(grid[when])
                time = f"{at:,.0f}" if study.results.axis == EVALUATIONS else wording.number(at / SECONDS.unit, 1)
                row: list[Cell | str] = [Cell(f"{task.label}, {time}", strategy.name)]
                for name in INDICATORS:
                    values = 100 * study.courses[task.name, strategy.name][name][:, when]
                    groups = clusters(strategy, study.runs(task, strategy))
                    there = np.isfinite(values)
                    found = mean(values[there], None if groups is None else groups[there])
                    low, high = found.interval()
                    digits = 1 if name == "share" else 2 if name == "hypervolume" else 3
                    note = f"{wording.number(low, digits)} to {wording.number(high, digits)}" if low == low else ""
                    row.append(Cell(wording.number(found.mean, digits), note))
                rows.append(row)
    caption = f"Means over runs with their 95% intervals, by task and {study.results.axis.short}"
    return Table(caption, ["Task, when", *LABELS.values()], rows, wide=True)
