"""Does the rank of a method depend on the device (or, in general, on the task)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from reports import figures, wording
from reports.blocks import Block, Cell, Figure, Gallery, Section, Table, Text
from reports.comparisons import clusters
from reports.quantities import hypervolume
from reports.results import Task
from reports.several.ranking import Ranks, on_common_seeds, ranked
from reports.several.study import Study
from reports.statistics import TwoSamples, holm, mean, two_samples
from reports.statistics.agreement import concordance
from reports.true_fronts import LATENCY


def devices(study: Study) -> tuple[list[Section], dict[str, Any]]:
    """The section, none unless several tasks differ in their device; and what it adds to ``summary.json``."""
    tasks = [
        task
        for task in study.tasks
        if len(study.front(task).objectives) > 1 and study.front(task).objectives[1].startswith(LATENCY)
    ]
    values = {task.name: on_common_seeds(study.results, task) for task in tasks}
    tasks = [task for task in tasks if values[task.name].shape[1] > 1]
    if len(tasks) < 2 or len(study.results.strategies) < 2:
        return [], {}
    ranks = {task.name: ranked(values[task.name]) for task in tasks}
    agreement = concordance([-values[task.name] for task in tasks])
    verdicts = _verdicts(study, tasks)
    turned = _turned(study, tasks, verdicts)
    lead = _sentence(study, tasks, ranks, turned)
    w = wording.number(agreement.value)
    interval = f"{wording.number(agreement.low)} to {wording.number(agreement.high)}"
    blocks: list[Block] = [
        Text(lead, "lead"),
        Text(
            f"Kendall’s W of the {len(tasks)} rankings is {w} (95% interval {interval}, seeds drawn anew): 1 says that "
            "every device ranks the methods alike, 0 that they have nothing in common. Close methods change places by "
            "chance, which lowers W, so the sentence above rests on pairs of methods that a device tells apart."
        ),
        Gallery(
            [_figure(study, tasks, ranks)],
            "Rank of each method on each device by its mean hypervolume at the end, 1 best; bars are 95% of the ranks "
            "that drawing the seeds anew gives.",
        ),
        _table(study, tasks, ranks),
        _pairs_table(study, tasks, verdicts),
        Text(
            "Hypervolumes of different devices are no common scale: each device has ranges of its own, so ranks and "
            "differences within a device are compared, never hypervolumes between devices.",
            "note",
        ),
    ]
    summary = {
        "kendalls_w": agreement.value,
        "kendalls_w_low": agreement.low,
        "kendalls_w_high": agreement.high,
        "pairs_that_turn_round": len(turned),
    }
    return [Section("devices", "Devices", "Does the rank depend on the device?", blocks)], {"devices": summary}


Verdicts = Mapping[tuple[str, str, str], tuple[TwoSamples, float]]


def _verdicts(study: Study, tasks: Sequence[Task]) -> Verdicts:
    """By task and two methods: the first held against the second, and p after Holm's correction over all."""
    found = {}
    for task in tasks:
        for one, two in combinations(study.results.strategies, 2):
            sides = [(-hypervolume(study.runs(task, s))[0], clusters(s, study.runs(task, s))) for s in (one, two)]
            found[task.name, one.name, two.name] = two_samples(sides[0][0], sides[1][0], sides[0][1], sides[1][1])
    adjusted = holm([one.welch_p for one in found.values()])
    return {key: (one, float(p)) for (key, one), p in zip(found.items(), adjusted, strict=True)}


def _turned(study: Study, tasks: Sequence[Task], verdicts: Verdicts) -> list[tuple[str, str, list[str], list[str]]]:
    """Pairs of methods of which each is better on some device, after Holm's correction."""
    found = []
    for one, two in combinations([s.name for s in study.results.strategies], 2):
        sure = {t.label: verdicts[t.name, one, two][0].verdict for t in tasks if verdicts[t.name, one, two][1] < 0.05}
        first = [label for label, word in sure.items() if word == "worse"]
        second = [label for label, word in sure.items() if word == "better"]
        if first and second:
            found.append((one, two, first, second))
    return found


def _sentence(
    study: Study,
    tasks: Sequence[Task],
    ranks: Mapping[str, Ranks],
    turned: Sequence[tuple[str, str, list[str], list[str]]],
) -> str:
    names = [strategy.name for strategy in study.results.strategies]
    first = [name for place, name in enumerate(names) if all(ranks[task.name].rank[place] == 1 for task in tasks)]
    everywhere = f" {first[0]} has the highest mean on all of them." if first else ""
    if turned:
        told = [
            f"{one} beats {two} on {wording.listing(better)}, and {two} beats {one} on {wording.listing(worse)}"
            for one, two, better, worse in turned
        ]
        return f"Yes, the rank depends on the device: {'; '.join(told)} (after Holm’s correction).{everywhere}"
    orders = {tuple(np.argsort(ranks[task.name].rank, kind="stable").tolist()) for task in tasks}
    if len(orders) == 1:
        (order,) = orders
        listed = ", ".join(names[one] for one in order)
        return f"No: on all {len(tasks)} devices the methods rank alike ({listed})."
    return (
        f"Not for certain: the means rank the methods in {len(orders)} different orders on {len(tasks)} devices, but "
        f"no two methods beat each other on different devices once Holm’s correction is made.{everywhere}"
    )


def _figure(study: Study, tasks: Sequence[Task], ranks: Mapping[str, Ranks]) -> Figure:
    shown = {}
    for place, strategy in enumerate(study.results.strategies):
        own = [ranks[task.name] for task in tasks]
        low, high = (np.array([getattr(one, end)[place] for one in own]) for end in ("low", "high"))
        shown[strategy.name] = np.array([one.rank[place] for one in own]), low, high
    labels = [f"{task.label}\n{study.front(task).device}".strip() for task in tasks]
    drawing = figures.rank_lines("ranks-by-device", "Ranks by device", labels, shown)
    alt = "Rank of each method by device. " + "; ".join(
        f"{name}: " + ", ".join(f"{task.label} {wording.number(r, 1)}" for task, r in zip(tasks, found[0], strict=True))
        for name, found in shown.items()
    )
    return Figure("ranks-by-device", drawing, f"{alt}.")


def _table(study: Study, tasks: Sequence[Task], ranks: Mapping[str, Ranks]) -> Table:
    rows: list[list[Cell | str]] = []
    for task in tasks:
        row: list[Cell | str] = [Cell(task.label, study.front(task).device)]
        row.append(wording.number(100 * study.front(task).hypervolume, 2))
        for place, strategy in enumerate(study.results.strategies):
            traces = study.runs(task, strategy)
            found = mean(100 * hypervolume(traces)[0], clusters(strategy, traces))
            low, high = found.interval()
            rank = f"rank {_rank(ranks[task.name].rank[place])}"
            note = f"{wording.number(low, 2)} to {wording.number(high, 2)}\n{rank}" if low == low else rank
            row.append(Cell(wording.number(found.mean, 2), note))
        rows.append(row)
    columns = ["Device", "true front", *(strategy.name for strategy in study.results.strategies)]
    caption = "Hypervolume times 100 at the end by device: mean over runs, 95% interval, and rank of the mean"
    return Table(caption, columns, rows)


def _pairs_table(study: Study, tasks: Sequence[Task], verdicts: Verdicts) -> Table:
    pairs = list(combinations([s.name for s in study.results.strategies], 2))
    rows: list[list[Cell | str]] = []
    for task in tasks:
        row: list[Cell | str] = [task.label]
        for one, two in pairs:
            s, p = verdicts[task.name, one, two]
            # Positive: the second has the larger hypervolume.
            name = two if s.difference > 0 else one
            word = name if p < 0.05 else "undecided"
            row.append(Cell(f"{wording.number(100 * s.difference, 2, True)}", f"{word}\nHolm {wording.exact_p(p)}"))
        rows.append(row)
    caption = (
        "Hypervolume times 100 of the second method less that of the first, which one is better after Holm’s "
        "correction of Welch’s test over this table, and its p"
    )
    return Table(caption, ["Device", *(f"{two} − {one}" for one, two in pairs)], rows, wide=True)


def _rank(value: float) -> str:
    return wording.number(value, 1 if value % 1 else 0)
