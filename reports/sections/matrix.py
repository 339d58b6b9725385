"""Every strategy on every task at a glance."""

from __future__ import annotations

import numpy as np

from reports import figures, wording
from reports.blocks import Block, Cell, Details, Figure, Gallery, Section, Table
from reports.comparisons import METRICS, at_end, clusters, metric
from reports.results import Results
from reports.statistics import mean


def matrix(results: Results) -> Section:
    """Mean of the metric at the end of the runs, as a heat map and in figures."""
    names = [strategy.name for strategy in results.strategies]
    labels = [task.label for task in results.tasks]
    centres = np.full((len(labels), len(names)), np.nan)
    rows: list[list[Cell | str]] = []
    for i, task in enumerate(results.tasks):
        row: list[Cell | str] = [task.label]
        for j, strategy in enumerate(results.strategies):
            found = at_end(results, task, strategy)
            there = ~np.isnan(found)
            groups = clusters(strategy, results.runs[task.name, strategy.name])
            estimate = mean(found[there], None if groups is None else groups[there])
            centres[i, j] = estimate.mean
            row.append(_cell(found[there], estimate.mean, *estimate.interval(), undefined=int((~there).sum())))
        rows.append(row)
    texts = [[wording.points(value, sign=False) for value in line] for line in centres]
    quantity = wording.listing(sorted({METRICS[metric(group)] for group in results.runs.values() if group}))
    alt = f"Mean {quantity} in points at the end of the runs. " + "; ".join(
        f"{label}: {', '.join(f'{name} {text}' for name, text in zip(names, line, strict=True))}"
        for label, line in zip(labels, texts, strict=True)
    )
    drawing = figures.heat_map("matrix", "Mean at the end", labels, names, texts, shades(centres))
    caption = (
        f"Mean {quantity} of each strategy in points when its runs end; the darker, the better among the strategies of "
        "its row (from the worst mean to the best). Strategies may end at different times: see the curves."
    )
    heading = f"{quantity[:1].upper()}{quantity[1:]} in points at the end of the runs: mean, 95% interval, median"
    blocks: list[Block] = [
        Gallery([Figure("matrix", drawing, alt + ".")], caption),
        Details("The same in figures, with intervals and medians", [Table(heading, ["Task", *names], rows)]),
    ]
    return Section("matrix", "Matrix", "Tasks and strategies", blocks)


def shades(values: np.ndarray) -> np.ndarray:
    """0 for the largest of a row to 1 for the smallest; all 0 in a row without differences, NaN where undefined."""
    found = np.full(values.shape, np.nan)
    for row, line in zip(found, values, strict=True):
        there = ~np.isnan(line)
        if there.any():
            spread = np.ptp(line[there])
            row[there] = (line[there].max() - line[there]) / spread if spread > 0 else 0.0
    return found


def _cell(values: np.ndarray, centre: float, low: float, high: float, undefined: int) -> Cell:
    if not len(values):
        return Cell("–", f"{undefined} undefined")
    note = f"{wording.points(low, False)} to {wording.points(high, False)}\n" if np.isfinite(low) else ""
    note += f"median {wording.points(float(np.median(values)), sign=False)}"
    return Cell(wording.points(centre, sign=False), note + (f"\n{undefined} undefined" if undefined else ""))
