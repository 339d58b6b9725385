"""Validation accuracy as a run goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nasbench_sim.trace import Trace
from reports import figures, wording
from reports.blocks import Figure, Gallery, Section
from reports.results import Results
from reports.statistics import Curve, Floats

POINTS = 160
BAND = "± standard deviation"
SETTLED = 10  # evaluations: what lies below the worst mean by then is left out of the frame


def accuracy(results: Results, optimum: Mapping[str, float]) -> Section:
    """Mean best validation accuracy seen so far against evaluations, with the standard deviation between runs.

    Args:
        results: whose runs are recorded at improvements.
        optimum: least mean validation error of a task's space, by its name, where it is known.
    """
    drawings = []
    for task in results.tasks:
        runs = [results.runs[task.name, strategy.name] for strategy in results.strategies]
        last = min((trace.about["evaluations"] for traces in runs for trace in traces), default=0)
        if last < 2:
            continue
        first = SETTLED // 2 if last > SETTLED else 1
        grid = np.unique(np.geomspace(first, last, POINTS).astype(np.int64))
        lines = [
            figures.Line(strategy.name, place, grid.astype(np.float64), _curve(traces, grid))
            for place, (strategy, traces) in enumerate(zip(results.strategies, runs, strict=True))
        ]
        settled = [line.curve.centre[np.searchsorted(grid, min(SETTLED, last))] for line in lines]
        best = 1 - optimum.get(task.name, np.nan)
        name = f"accuracy-{wording.slug(task.label)}"
        limit = task.provenance.get("optimum", "best of the space")
        drawing = figures.accuracy_curves(name, task.label, lines, float(np.nanmin(settled)), best, limit)
        ends = ", ".join(f"{line.name} {wording.points(line.curve.centre[-1], sign=False)}%" for line in lines)
        alt = f"{task.label}: mean validation accuracy of the incumbent over evaluations. After {last:,}: {ends}."
        drawings.append(Figure(name, drawing, alt))
    caption = (
        "Mean validation accuracy, as observed, of the best configuration so far against the number of evaluations "
        f"(logarithmic); bands are the standard deviation between runs, as published. The frame begins at the worst "
        f"mean after {SETTLED} evaluations."
    )
    return Section("accuracy", "Accuracy", "Validation accuracy over evaluations", [Gallery(drawings, caption)])


def _curve(traces: Sequence[Trace], grid: np.ndarray) -> Curve:
    table = np.stack([_best(trace, grid) for trace in traces])
    centre, spread = table.mean(axis=0), table.std(axis=0, ddof=1) if len(table) > 1 else np.zeros(len(grid))
    return Curve(centre, centre - spread, centre + spread, "mean", BAND)


def _best(trace: Trace, grid: np.ndarray) -> Floats:
    """Best accuracy after so many evaluations, ``float64[t]``; NaN before the first."""
    found = np.append(1 - trace.objectives[:, 0], np.nan)
    return np.asarray(found[np.searchsorted(trace.evaluation, grid, side="right") - 1])
