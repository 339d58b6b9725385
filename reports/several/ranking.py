"""Methods ranked by hypervolume with the intervals that seeds leave, and the Mann-Whitney test beside our verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from reports import wording
from reports.blocks import Block, Cell, Section, Table, Text
from reports.comparisons import Compared, clusters, seeds
from reports.quantities import hypervolume, pareto_share
from reports.results import Results, Task
from reports.several.study import Study
from reports.statistics import Floats, holm, mean

REPETITIONS = 2000


@dataclass(frozen=True)
class Ranks:
    """Strategies on one task, ranked by their mean.

    Attributes:
        values: ``float64[k, n]``, k strategies, n common seeds, the larger the better.
        rank: ``float64[k]``, of the means, 1 best, equal ones share.
        low: ``float64[k]``, of 95% of the ranks that drawing seeds anew gives.
        high: ``float64[k]``.
        drawn: ``float64[repetitions, k]``, those ranks.
    """

    values: Floats
    rank: Floats
    low: Floats
    high: Floats
    drawn: Floats


def ranked(values: Floats) -> Ranks:
    """Rank strategies on common seeds; seeds are drawn anew for all of them together, as they share their starts."""
    n = values.shape[1]
    drawn = np.random.default_rng(0).integers(0, n, (REPETITIONS, n))
    ranks = rankdata(-values[:, drawn].mean(axis=2), axis=0).T
    low, high = np.quantile(ranks, (0.025, 0.975), axis=0)
    return Ranks(values, np.asarray(rankdata(-values.mean(axis=1))), low, high, np.asarray(ranks))


def on_common_seeds(results: Results, task: Task) -> Floats:
    """Hypervolume at the end of every strategy on the seeds that all have, ``float64[k, n]``; n may be 0."""
    groups = [results.runs[task.name, strategy.name] for strategy in results.strategies]
    common = sorted(set.intersection(*(set(seeds(traces).tolist()) for traces in groups)))
    kept = [[trace for trace in traces if trace.about["seed"] in set(common)] for traces in groups]
    return np.array([hypervolume(traces)[0] for traces in kept])


def ranking(study: Study, compared: Sequence[Compared]) -> tuple[list[Section], dict[str, Any]]:
    """The section, none without stored fronts or with one strategy; and what it adds to ``summary.json``."""
    results = study.results
    if not study.tasks or len(results.strategies) < 2:
        return [], {}
    rows: list[list[Cell | str]] = []
    told, summary = [], {}
    for task in study.tasks:
        values = on_common_seeds(results, task)
        if values.shape[1] < 2:
            continue
        found = ranked(values)
        order = np.argsort(found.rank, kind="stable")
        told.append(_order(study, task, found, order))
        for place in order:
            strategy = results.strategies[int(place)]
            traces = study.runs(task, strategy)
            groups = clusters(strategy, traces)
            cells = [_with_interval(values_(traces)[0], groups, digits) for values_, digits in
                     ((hypervolume, 3), (pareto_share, 1))]  # fmt: skip
            between = f"{_rank(found.low[place])} to {_rank(found.high[place])}"
            rows.append([Cell(task.label, strategy.name), Cell(_rank(found.rank[place]), between), *cells])
        summary[task.name] = {
            s.name: {"rank": float(r), "low": float(low), "high": float(high)}
            for s, r, low, high in zip(results.strategies, found.rank, found.low, found.high, strict=True)
        }
    if not rows:
        return [], {}
    caption = (
        "Methods by mean hypervolume at the end (times 100, 95% interval of the mean below), with the 95% of ranks "
        f"that drawing the common seeds anew {REPETITIONS:,} times leaves, and the share of the true front that they "
        "found in per cent"
    )
    blocks: list[Block] = [Text(" ".join(told)), Table(caption, ["Task, method", "rank", *QUANTITIES], rows)]
    if compared:
        blocks += [_tests(compared), Text(TESTS, "note")]
    return [Section("ranking", "Ranking", "The methods ranked", blocks)], {"ranking": summary}


QUANTITIES = ("hypervolume × 100", "true front found, %")
TESTS = (
    "Studies of fronts commonly call a method better where the Mann-Whitney U test of its runs has p < 0.05, without "
    "correction; this page does where Welch’s 95% interval of the difference of means excludes zero. With clusters of "
    "dependent runs Brunner and Munzel’s test stands for Mann-Whitney’s."
)


def _order(study: Study, task: Task, found: Ranks, order: np.ndarray) -> str:
    names = [strategy.name for strategy in study.results.strategies]
    alike: dict[float, list[str]] = {}
    for place in order:
        alike.setdefault(float(found.rank[place]), []).append(names[int(place)])
    if len(alike) == 1:
        return f"{task.label}: {wording.listing(names)} end alike."
    text = ", then ".join(wording.listing(group) + " alike" * (len(group) > 1) for group in alike.values())
    same = float((found.drawn == found.rank).all(axis=1).mean())
    return f"{task.label}: {text} (the same order in {wording.number(100 * same, 0)}% of redrawn sets of seeds)."


def _with_interval(values: Floats, groups: Any, digits: int) -> Cell:
    there = ~np.isnan(values)
    found = mean(100 * values[there], None if groups is None else groups[there])
    low, high = found.interval()
    note = f"{wording.number(low, digits)} to {wording.number(high, digits)}" if np.isfinite(low) else ""
    return Cell(wording.number(found.mean, digits), note)


def _tests(compared: Sequence[Compared]) -> Table:
    adjusted = holm([one.mann_whitney.p_value for one in compared])
    rows: list[list[Cell | str]] = []
    for one, corrected in zip(compared, adjusted, strict=True):
        p = one.mann_whitney.p_value
        better = one.samples.superiority > 0.5
        word = ("better" if better else "worse") if p < 0.05 else "undecided"
        differ = word != one.samples.verdict
        rows.append(
            [
                Cell(one.task.label, f"{one.comparison.method} against {one.comparison.reference}"),
                Cell(wording.number(100 * one.samples.difference, 3, True),
                     f"{wording.number(100 * one.samples.interval_low, 3, True)} to "
                     f"{wording.number(100 * one.samples.interval_high, 3, True)}"),
                Cell(one.samples.verdict, "", one.samples.verdict if one.samples.verdict != "undecided" else ""),
                Cell(wording.exact_p(p), f"Holm {wording.exact_p(float(corrected))}"),
                Cell(word, "not the same" if differ else "", "flag" if differ else ""),
                wording.number(one.samples.superiority),
            ]
        )  # fmt: skip
    columns = ["Comparison", "difference × 100", "by the interval", "p Mann-Whitney", "by that test", "superiority"]
    return Table("Each verdict by this page’s rule and by the Mann-Whitney test, on hypervolume", columns, rows)


def _rank(value: float) -> str:
    return wording.number(value, 0 if value == int(value) else 1)
