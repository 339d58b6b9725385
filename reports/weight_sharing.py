"""The parts of a page about weight sharing, for suites that wrote ``evidence/weight_sharing.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from reports import figures, sections, wording
from reports.blocks import Block, Cell, Check, Checklist, Figure, Gallery, Section, Table, Text
from reports.comparisons import Compared, clusters, compare, first_trained, metric, one_shot, read_at, read_first
from reports.published import Beside
from reports.results import Comparison, Results, Task
from reports.statistics import TwoSamples, design_effect, detectable_effect, mean, spearman, spearman_p, two_samples

SPEEDS = (0.5, 1.0, 2.0)
MARKS = {"better": "▲", "worse": "▼", "undecided": "○"}
VARIANTS = {
    "no_ft": "no-ft", "bns_ft": "bns-ft", "single_k": "single-k",
    "pro_rata": "pro-rata", "avg_3": "avg-3", "sk_pr": "s-k + p-r",
}  # fmt: skip
SHOWN = "bns_ft"  # the variant behind the figures: batch-norm statistics estimated anew for each cell
LOWEST = 0.01  # share of cells left of a scatter's frame
FEW_TRAININGS = 1.5


@dataclass(frozen=True)
class Clock:
    """What one-shot is worth on a space.

    Attributes:
        task: the space.
        seconds: of one-shot, by method.
        trainings: one-shot in mean trainings of the space, by method.
        implied_trainings: what the published tables imply; NaN where it is not known.
        greedy: reference two minus reference one at one-shot of the first method; None with one reference.
        implied_greedy: what the published tables imply, x 100.
    """

    task: Task
    seconds: Mapping[str, float]
    trainings: Mapping[str, float]
    implied_trainings: float
    greedy: TwoSamples | None
    implied_greedy: float


@dataclass(frozen=True)
class Scatter:
    """Cells of a space: accuracy after training, proxy accuracy, whether in the named cluster; and both's correlation."""

    truth: npt.NDArray[np.float64]
    proxy: npt.NDArray[np.float64]
    cluster: npt.NDArray[np.bool_]
    spearman: float


def sections_of(results: Results, compared: Sequence[Compared], cells: Sequence[Beside]) -> tuple[list[Section], dict[str, Any]]:  # fmt: skip  # noqa: E501
    """All parts but methods and provenance, in order, and what they add to ``summary.json``."""
    first = results.comparisons[0].reference if results.comparisons else ""
    leading = [one for one in compared if one.comparison.reference == first]
    clocks = [_clock(results, task) for task in results.tasks]
    scatters = {task.label: _scatter(results, task.label) for task in results.tasks}
    speeds = {(c, task.name, speed): _at_speed(results, task, c, speed)
              for c in results.comparisons for task in results.tasks for speed in SPEEDS if speed != 1}  # fmt: skip
    parts = [
        sections.answer(leading, cells, "weight sharing"),
        sections.evidence(results),
        sections.curves(results),
        sections.forest(results, compared, cells),
        sections.comparison_tables(results, compared, cells),
        *_correlations(results, cells),
        _clock_section(results, clocks, compared, speeds),
        _proxies(results, scatters),
        *_sizes(results, cells),
        _claims(results, scatters),
        _practices(results, compared),
    ]
    summary = {
        clock.task.label: {
            "one_shot_seconds": dict(clock.seconds),
            "one_shot_in_trainings": dict(clock.trainings),
            "greedy_minus_random": None if clock.greedy is None else clock.greedy.difference,
            "spearman_scatter": scatters[clock.task.label].spearman,
            "differences_by_device_speed": {
                f"{c.reference}-{c.method} x{speed:g}": speeds[c, clock.task.name, speed].samples.difference
                for c in results.comparisons for speed in SPEEDS if speed != 1
            },
        }
        for clock in clocks
    }  # fmt: skip
    return parts, {"weight_sharing": _jsonable(summary)}
