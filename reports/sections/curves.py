"""Regret over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reports import figures, hypervolume, wording
from reports.axis import SECONDS, Axis
from reports.blocks import Block, Cell, Details, Figure, Gallery, Section, Table, Text
from reports.comparisons import METRICS, Compared, clusters, metric, on_grid, one_shot, time_grid
from reports.results import Results, Task
from reports.statistics import Curve, Floats, curve, log_area, mean

STATISTICS = ("mean", "median", "interquartile mean")
FLOOR = 1e-4  # regrets below a hundredth of a point count as it where logarithms are taken


def curves(results: Results, compared: Sequence[Compared]) -> Section:
    """Regret curves of every task: means, and folded away medians and interquartile means."""
    methods = dict.fromkeys(one.method for one in results.comparisons if one.at == "one-shot")
    drawings, others, areas = [], [], []
    quantities = set()
    for task in results.tasks:
        grid = time_grid(results, task)
        tables = {strategy.name: on_grid(results, task, strategy, grid) for strategy in results.strategies}
        dots = _dots([one for one in compared if one.task == task and one.comparison.at == "one-shot"])
        panels = {one: _lines(results, task, grid, tables, one, dots) for one in STATISTICS}
        what = metric(results.runs[task.name, results.strategies[0].name])
        quantities.add(METRICS[what])
        marks = {name: one_shot(results.runs[task.name, name]) for name in methods}
        marks = {name: seconds for name, seconds in marks.items() if np.isfinite(seconds)}
        name = f"regret-{wording.slug(task.label)}"
        drawings.append(_figure(name, task, panels, STATISTICS[:1], METRICS[what], marks, results.axis))
        name = f"robust-{wording.slug(task.label)}"
        others.append(_figure(name, task, panels, STATISTICS[1:], METRICS[what], marks, results.axis))
        if what != "error":
            areas.append(_areas(results, task, grid, tables))
    quantity = wording.listing(sorted(quantities))
    whose = {METRICS[hypervolume.NAME]: " of the archive", METRICS["error"]: ""}  # the latter says it itself
    of = whose.get(next(iter(quantities)), " of the incumbent") if len(quantities) == 1 else " of the incumbent"
    caption = (
        f"Mean {quantity}{of} in points against {results.axis.label}, both axes "
        "logarithmic; bands are 95% intervals of the mean, with clusters of dependent runs respected. A line starts "
        "when all runs of a strategy have a value and stops when the first of them ends; a mean of zero "
        "has no place on it."
    )
    if methods:
        caption += (
            " Dashed verticals: one-shot, the mean time at which a method has trained its first configuration; "
            "the dots on them are what is compared."
        )
    blocks: list[Block] = [Gallery(drawings, caption)]
    blocks.append(
        Details(
            "Medians and interquartile means, which a few bad runs do not move",
            [Gallery(others, f"Above: median {quantity}, below: interquartile mean; bands are their 95% intervals.")],
        )
    )
    if areas:
        blocks.append(Details("Area under the log-regret curve", _area_table(results, areas)))
    over = "time" if results.axis == SECONDS else results.axis.along
    titles = {METRICS[hypervolume.NAME]: "Hypervolume regret", METRICS["error"]: "Error"}
    title = titles.get(next(iter(quantities)), "Regret") if len(quantities) == 1 else "Regret"
    return Section("curves", "Curves", f"{title} over {over}", blocks)


def _lines(
    results: Results,
    task: Task,
    grid: Floats,
    tables: Mapping[str, Floats],
    statistic: str,
    dots: Mapping[str, Sequence[tuple[float, float]]],
) -> list[figures.Line]:
    lines = []
    for place, strategy in enumerate(results.strategies):
        table = tables[strategy.name]
        groups = clusters(strategy, results.runs[task.name, strategy.name])
        found = curve(table, groups, statistic=statistic) if len(table) else Curve(*np.full((3, len(grid)), np.nan))
        shown = dots.get(strategy.name, ()) if statistic == "mean" else ()
        lines.append(figures.Line(strategy.name, place, grid, found, shown))
    return lines


def _figure(
    name: str,
    task: Task,
    panels: Mapping[str, Sequence[figures.Line]],
    statistics: Sequence[str],
    quantity: str,
    marks: Mapping[str, float],
    axis: Axis,
) -> Figure:
    drawing = figures.regret_curves(name, task.label, [panels[one] for one in statistics], quantity, marks, axis)
    alt = f"{task.label}: {quantity} in points over {axis.along}."
    for statistic in statistics:
        ends = ", ".join(
            f"{line.name} {wording.points(line.curve.centre[~np.isnan(line.curve.centre)][-1], sign=False)}"
            for line in panels[statistic]
            if (~np.isnan(line.curve.centre)).any()
        )
        alt += f" {statistic.capitalize()} at the end: {ends}."
    return Figure(name, drawing, alt)


def _areas(results: Results, task: Task, grid: Floats, tables: Mapping[str, Floats]) -> list[Cell | str]:
    """Mean log10 regret of each strategy while all strategies have a value."""
    row: list[Cell | str] = [task.label]
    whole = np.all([~np.isnan(table).any(axis=0) for table in tables.values() if len(table)], axis=0)
    inside = np.flatnonzero(whole)
    for strategy in results.strategies:
        table = tables[strategy.name]
        if len(inside) < 2 or not len(table):
            row.append("–")
            continue
        span = slice(inside[0], inside[-1] + 1)
        groups = clusters(strategy, results.runs[task.name, strategy.name])
        estimate = mean(log_area(table[:, span], grid[span], FLOOR), groups)
        low, high = estimate.interval()
        note = f"{wording.number(low)} to {wording.number(high)}" if np.isfinite(low) else ""
        row.append(Cell(wording.number(estimate.mean), note))
    return row


def _area_table(results: Results, rows: Sequence[Sequence[Cell | str]]) -> list[Text | Table | Gallery]:
    caption = (
        "Mean log10 of the regret (a fraction) over log time, from when all strategies have a value until the first of "
        "them ends: lower is better, and a difference of 0.3 is a factor of two throughout; 95% intervals"
    )
    text = f"Regrets below {wording.points(FLOOR, sign=False)} points count as that, since zero has no logarithm."
    return [Table(caption, ["Task", *(s.name for s in results.strategies)], rows), Text(text, "note")]


def _dots(compared: Sequence[Compared]) -> dict[str, list[tuple[float, float]]]:
    """Where one-shot comparisons read each strategy: of a method its own one-shot, of a reference every one."""
    dots: dict[str, list[tuple[float, float]]] = {}
    for one in compared:
        for name, value in (
            (one.comparison.reference, one.samples.mean_reference),
            (one.comparison.method, one.samples.mean_method),
        ):
            point = one.at_seconds, value
            if np.isfinite(point).all() and value > 0 and point not in dots.setdefault(name, []):
                dots[name].append(point)
    return dots
