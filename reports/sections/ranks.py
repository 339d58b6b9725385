"""Strategies over all tasks together: ranks, and figures that pool the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reports import figures, hypervolume, wording
from reports.axis import SECONDS
from reports.blocks import Block, Cell, Details, Figure, Gallery, Section, Table, Text
from reports.comparisons import GRID, METRICS, Compared, at_end, clusters, metric, values
from reports.results import Results
from reports.statistics import (
    Clusters,
    Curve,
    Estimate,
    Floats,
    Ranking,
    friedman,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    ranks_over_time,
)

THRESHOLDS = np.geomspace(1e-4, 0.1, 61)
FINE = np.geomspace(1e-5, 0.1, 81)  # of hypervolume, since what is left of it gets small


def overall(results: Results, compared: Sequence[Compared]) -> tuple[list[Section], dict[str, Any]]:
    """The section, none for a single task; and what it adds to ``summary.json``."""
    if len(results.tasks) < 2:
        return [], {}
    blocks: list[Block] = []
    summary: dict[str, Any] = {}
    if len(results.strategies) > 2:
        ranking = rank(results)
        blocks += _critical_difference(results, ranking)
        blocks += _over_time(results)
        summary["ranks"] = {
            "mean": dict(zip((s.name for s in results.strategies), ranking.mean_ranks.tolist(), strict=True)),
            "friedman_p": ranking.friedman.p_value,
            "iman_davenport_p": ranking.iman_davenport.p_value,
            "critical_difference": ranking.critical_difference,
            "note": ranking.note,
        }
    if len({metric(group) for group in results.runs.values() if group}) == 1 and all(results.runs.values()):
        pooled, more = _pooled(results, compared)
        blocks += pooled
        summary |= more
    else:
        blocks.append(Text("The tasks are judged by different metrics: nothing is pooled over them.", "note"))
    return [Section("overall", "Overall", "Over all tasks together", blocks)], {"overall": summary}


def rank(results: Results) -> Ranking:
    """Strategies ranked by their mean at the end on each task; tasks answered by one table are one cluster."""
    table = np.array([[_mean(at_end(results, task, s)) for s in results.strategies] for task in results.tasks])
    sources = [task.provenance.get("fingerprint", task.name) for task in results.tasks]
    labels = np.unique(sources, return_inverse=True)[1]
    return friedman(table, labels if len(set(sources)) < len(sources) else None)


def _mean(found: Floats) -> float:
    return float(found[~np.isnan(found)].mean()) if (~np.isnan(found)).any() else float("nan")


def _critical_difference(results: Results, ranking: Ranking) -> list[Block]:
    names = [strategy.name for strategy in results.strategies]
    if np.isnan(ranking.mean_ranks).any():
        return [Text(f"No ranks: {ranking.note}.", "note")]
    drawing = figures.critical_differences(
        "ranks", "Mean ranks at the end", names, ranking.mean_ranks, ranking.critical_difference,
        [] if np.isnan(ranking.critical_difference) else ranking.cliques,
    )  # fmt: skip
    order = np.argsort(ranking.mean_ranks, kind="stable")
    alt = "Mean ranks over the tasks: " + ", ".join(
        f"{names[one]} {wording.number(ranking.mean_ranks[one])}" for one in order
    )
    tests = (
        (ranking.friedman,)
        if ranking.friedman == ranking.iman_davenport
        else (ranking.friedman, ranking.iman_davenport)
    )
    told = [f"{test.name} p = {wording.exact_p(test.p_value)}" for test in tests if np.isfinite(test.p_value)]
    caption = (
        f"Mean ranks of the strategies by their mean at the end, over {wording.count(ranking.blocks, 'task')}, 1 best. "
    )
    caption += f"{'; '.join(told)}. " if told else ""
    if np.isfinite(ranking.critical_difference):
        caption += (
            "Bars join strategies that Nemenyi’s test does not tell apart at level 0.05. The units of both tests are "
            f"tasks: with {ranking.blocks} of them only large differences show. "
        )
    if ranking.friedman.clusters is not None:
        caption += "Tasks that one table answers are not independent, and count as one cluster. "
    if ranking.note:
        caption += f"Note: {ranking.note}."
    return [Gallery([Figure("ranks", drawing, alt + ".")], caption)]


def _over_time(results: Results) -> list[Block]:
    """Ranks seed by seed, where strategies have seeds in common."""
    tables, labels, grid = _ranked_values(results)
    if not tables:
        return []
    curves = ranks_over_time(tables, labels)
    lines = [figures.Line(s.name, place, grid, one) for place, (s, one) in
             enumerate(zip(results.strategies, curves, strict=True))]  # fmt: skip
    over = "time" if results.axis == SECONDS else results.axis.along
    drawing = figures.rank_curves("ranks-over-time", f"Mean ranks over {over}", lines, results.axis)
    alt = f"Mean ranks over {results.axis.along}. At the end: " + ", ".join(
        f"{line.name} {wording.number(line.curve.centre[-1])}" for line in lines
    )
    count = tables[0].shape[1]
    caption = (
        f"Ranks among the strategies, seed by seed on the {wording.count(count, 'seed')} that all have, mean over "
        "seeds and tasks; bands are 95% intervals that the spread between seeds leaves. A strategy without a value yet "
        "ranks behind all that have one."
    )
    return [Details(f"Ranks over {over}", [Gallery([Figure("ranks-over-time", drawing, alt + ".")], caption)])]


def _ranked_values(results: Results) -> tuple[list[Floats], list[Clusters | None], Floats]:
    """Values of all strategies on common seeds and times, ``float64[k, seeds, t]`` for each task."""
    groups = {key: {trace.about["seed"]: trace for trace in traces} for key, traces in results.runs.items()}
    common = sorted(set.intersection(*(set(group) for group in groups.values())))
    starts = [t.seconds[0] for group in results.runs.values() for t in group if len(t.seconds) and t.seconds[0] > 0]
    ends = [float(trace.about["seconds"]) for group in results.runs.values() for trace in group]
    if len(common) < 2 or not starts or not min(starts) < min(ends):
        return [], [], np.empty(0)
    grid = np.geomspace(min(starts), min(ends), GRID // 2)
    moduli = [s.cluster for s in results.strategies if s.cluster is not None]
    label = np.array(common) % np.gcd.reduce(moduli) if moduli else None
    tables = []
    for task in results.tasks:
        what = metric(results.runs[task.name, results.strategies[0].name])
        tables.append(np.array([[values(groups[task.name, s.name][seed], grid, what) for seed in common]
                                for s in results.strategies]))  # fmt: skip
    return tables, [label] * len(tables), grid


def _pooled(results: Results, compared: Sequence[Compared]) -> tuple[list[Block], dict[str, Any]]:
    ends = {s.name: [at_end(results, task, s) for task in results.tasks] for s in results.strategies}
    labels = {
        s.name: [clusters(s, results.runs[task.name, s.name]) for task in results.tasks] for s in results.strategies
    }
    quantity = METRICS[metric(next(iter(results.runs.values())))]
    means = {name: interquartile_mean(ends[name], labels[name]) for name in ends}
    lines = []
    thresholds = FINE if quantity == METRICS[hypervolume.NAME] else THRESHOLDS
    for place, strategy in enumerate(results.strategies):
        found = performance_profile(ends[strategy.name], thresholds, labels[strategy.name])
        shown = Curve(found.share, found.low, found.high, "share", "95% interval")
        lines.append(figures.Line(strategy.name, place, thresholds, shown))
    drawing = figures.shares(
        "profile", "Performance profiles", lines, f"{quantity}, points", "share of runs at or below", 0.01
    )
    alt = (
        "Share of runs whose value at the end is at or below a threshold, mean over tasks. At one point: "
        + ", ".join(f"{line.name} {wording.number(100 * _at(line, 0.01), 0)}%" for line in lines)
    )
    improved = _improvements(results, compared)
    rows: list[list[Cell | str]] = [[name, *_estimate(one, 100)] for name, one in means.items()]
    tables: list[Text | Table | Gallery] = [
        Table(
            f"Interquartile mean of the {quantity} at the end in points, over all runs of all tasks",
            ["Strategy", "interquartile mean", "95% interval"],
            rows,
        )
    ]
    if improved:
        found_rows: list[list[Cell | str]] = [[label, *_estimate(one, 1)] for label, one in improved.items()]
        what = "Probability of improvement: that a run of the method beats one of the reference, mean over tasks"
        tables.append(Table(what, ["Comparison", "probability", "95% interval"], found_rows))
    caption = (
        f"Share of runs whose {quantity} at the end is at or below a threshold, mean over tasks. Bands, and the "
        "intervals below, are 95% by stratified bootstrap: 2,000 times, seeds (or whole clusters of them) are drawn "
        "anew within each task. Tasks are not resampled, so nothing here speaks of other tasks. Regrets of different "
        "tasks are pooled as they are, in points."
    )
    blocks: list[Block] = [Gallery([Figure("profile", drawing, alt + ".")], caption), *tables]
    return blocks, {
        "interquartile_mean": {name: _plain(one) for name, one in means.items()},
        "probability_of_improvement": {label: _plain(one) for label, one in improved.items()},
    }


def _improvements(results: Results, compared: Sequence[Compared]) -> dict[str, Estimate]:
    found = {}
    for comparison in results.comparisons:
        group = [one for one in compared if one.comparison == comparison]
        at = "one-shot" if comparison.at == "one-shot" else "end"
        found[f"{comparison.method} against {comparison.reference}, {at}"] = probability_of_improvement(
            [one.reference.values for one in group],
            [one.method.values for one in group],
            [one.reference.clusters for one in group],
            [one.method.clusters for one in group],
        )
    return found


def _at(line: figures.Line, threshold: float) -> float:
    return float(line.curve.centre[np.searchsorted(line.seconds, threshold, side="right") - 1])


def _estimate(one: Estimate, scale: float) -> list[Cell | str]:
    if np.isnan(one.low):
        return [Cell(wording.number(scale * one.value), one.note), "–"]
    return [Cell(wording.number(scale * one.value), one.note),
            f"{wording.number(scale * one.low)} to {wording.number(scale * one.high)}"]  # fmt: skip


def _plain(one: Estimate) -> dict[str, Any]:
    return {"value": one.value, "low": one.low, "high": one.high, "clusters": one.clusters, "note": one.note}
