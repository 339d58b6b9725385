"""What runs of hyper-parameter searches come to: minutes of training, the winner's curse, networks that fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nasbench_sim.trace import Trace
from reports import wording
from reports.blocks import Block, Cell, Figure, Gallery, Section, Table, Text
from reports.figures import Row, forest
from reports.figures import hpo as figures
from reports.results import Results, Task
from reports.statistics import Floats, mean, two_samples

POINTS = 60  # along a run
WINDOW = 39  # evaluations that a running median is over: an iteration of Hyperband, 27 + 9 + 3
MINUTE = 60.0

Part = tuple[list[Section], dict[str, Any]]


def minutes(results: Results) -> Part:
    """Best loss and running median over simulated minutes, and what every pair of strategies ends with."""
    sections, summary = [], {}
    for task in results.tasks:
        runs = _of(results, task)
        longest = max(float(trace.about["seconds"]) for traces in runs.values() for trace in traces)
        at = np.linspace(longest / POINTS, longest, POINTS)
        best = {name: np.stack([_incumbent(trace, at) for trace in traces]) for name, traces in runs.items()}
        median = {name: np.stack([_running_median(trace, at) for trace in traces]) for name, traces in runs.items()}
        slug = wording.slug(task.name)
        shown = [
            _course(f"best-{slug}", "Test loss of the best model so far", at / MINUTE, best, "simulated minutes"),
            _course(f"median-{slug}", "Running median of the losses", at / MINUTE, median, "simulated minutes"),
        ]
        rows: list[list[Cell | str]] = []
        told: dict[str, Any] = {}
        answer: list[str] = []
        for comparison in results.comparisons:
            if comparison.reference not in runs or comparison.method not in runs:
                continue
            rows.append([f"{comparison.method} against {comparison.reference}"])
            ends = two_samples(best[comparison.reference][:, -1], best[comparison.method][:, -1])
            answer.append(_sentence(comparison.method, ends.verdict, comparison.reference))
            for what, values in (("best", best), ("median", median)):
                one, other = values[comparison.reference][:, -1], values[comparison.method][:, -1]
                compared = two_samples(one, other)
                rows[-1].append(_difference(compared))
                told[f"{comparison.reference}-{comparison.method}-{what}"] = _numbers(compared)
        blocks: list[Block] = [
            Text(f"By the test loss of the best model at the end: {'; '.join(answer)}.", "lead"),
            Gallery(
                shown,
                "Mean over runs with its 95% interval. Left: test loss after 27 minutes of the model with the best "
                "observed loss among the longest trainings so far. Right: median of the last "
                f"{WINDOW} observed losses, whatever each was trained for.",
            ),
            Table(
                "By how much the loss is lower at the end (means, 95% intervals): positive is better.",
                ("", "best model, test loss", "running median"),
                rows,
            ),
        ]
        sections.append(Section(f"minutes-{slug}", "Minutes", "Loss over simulated minutes", blocks))
        summary[task.name] = told
    return sections, summary


def regimes(results: Results, stored: Mapping[str, Mapping[str, Any]]) -> Part:
    """What each search reports, what the truth is, and the difference: the winner's curse."""
    rows: list[list[Cell | str]] = []
    noise: list[list[Cell | str]] = []
    summary: dict[str, Any] = {}
    for task in results.tasks:
        runs, told = _of(results, task), stored.get(task.name)
        ends = {name: np.array([_end(trace) for trace in traces]) for name, traces in runs.items()}
        for name, values in ends.items():
            reported, truth = 1 - values[:, 0], 1 - values[:, 1]
            rows.append([f"{task.label}, {name}", *(_figure(one) for one in (reported, truth, reported - truth))])
            summary.setdefault(task.name, {})[name] = {
                "reported": float(reported.mean()),
                "truth": float(truth.mean()),
                "curse": float((reported - truth).mean()),
            }
        if told:
            found = told["evaluations"]
            noise.append(
                [task.label, f"{told['truth']:.4f}", f"{found['mean']:.4f}", f"{found['sd']:.4f}",
                 f"{found['mean'] - told['truth']:+.4f}"]
            )  # fmt: skip
    compared: list[list[Cell | str]] = []
    drawn: list[Row] = []
    verdicts: dict[tuple[str, str], list[str]] = {}
    for task in results.tasks:
        runs = _of(results, task)
        for comparison in results.comparisons:
            if comparison.reference in runs and comparison.method in runs:
                one, other = (
                    np.array([_end(trace)[1] for trace in runs[name]])
                    for name in (comparison.reference, comparison.method)
                )
                found_here = two_samples(one, other)
                compared.append(
                    [f"{task.label}: {comparison.method} against {comparison.reference}", _difference(found_here)]
                )
                summary[task.name][f"{comparison.reference}-{comparison.method}"] = _numbers(found_here)
                verdicts.setdefault((comparison.method, comparison.reference), []).append(found_here.verdict)
                interval = found_here.interval_low, found_here.difference, found_here.interval_high
                low, centre, high = (100 * value for value in interval)
                drawn.append(Row(str(compared[-1][0]), centre, low, high, None))
    published = next(iter(stored.values()))["published"]
    answer = "; ".join(
        f"{method} is better than {reference} in {found.count('better')} of {len(found)} settings, worse in "
        f"{found.count('worse')}"
        for (method, reference), found in verdicts.items()
    )
    blocks: list[Block] = [
        Text(f"By the true AUROC of what is chosen, at the same cost: {answer}.", "lead"),
        *_forest(drawn),
        Table(
            "By how much the true AUROC of what is chosen is higher (means, 95% intervals): positive is better.",
            ("", "true AUROC"),
            compared,
        ),
        Table(
            "AUROC of the best configuration at the end: as the search reports it, as it truly is, and the difference, "
            "which is the winner's curse (mean over runs with 95% interval).",
            ("task and search", "reported", "true", "winner's curse"),
            rows,
        ),
        Table(
            "One configuration, the published optimum, evaluated 400 times: the noise of a single cross-validation, "
            "and the optimism of reading its best epoch.",
            ("task", "true", "mean", "standard deviation", "optimism"),
            noise,
        ),
        Text(
            f"Published: {published['one']['auroc']:.4f} as the best of regime one and {published['two']['auroc']:.4f} "
            "as the best of regime two, whose optimum is the same configuration but for rounding: the two are nearly "
            "repeats of one evaluation, so their difference is about what noise and selection make."
        ),
    ]
    return [Section("regimes", "Winner's curse", "What is lost in stages, and what is only luck", blocks)], summary


def failures(results: Results, stored: Mapping[str, Mapping[str, Any]]) -> Part:
    """How many evaluations each policy spends on networks that cannot be trained, and what it finds."""
    sections, summary = [], {}
    for task in results.tasks:
        runs, slug = _of(results, task), wording.slug(task.name)
        count = max(int(trace.about["evaluations"]) for traces in runs.values() for trace in traces)
        at = np.arange(1, count + 1, dtype=np.float64)
        failed = {name: np.stack([_failed(trace, count) for trace in traces]) for name, traces in runs.items()}
        best = {name: np.stack([_least(trace, count) for trace in traces]) for name, traces in runs.items()}
        shown = [
            Figure(
                f"course-{slug}",
                figures.orders(
                    f"course-{slug}",
                    "Losses in the order in which one run (seed 0) met them",
                    {name: _losses(traces[0], count) for name, traces in runs.items()},
                    "loss",
                    ceiling=2.0,
                ),
                "Losses in the order of evaluation, failures above, and the least so far, for each policy.",
            ),
            _course(f"failed-{slug}", "Untrainable so far", at, failed, "evaluations", "share of evaluations"),
            _course(f"loss-{slug}", "Least loss so far", at, best, "evaluations", "loss"),
        ]
        rows: list[list[Cell | str]] = []
        told: dict[str, Any] = {"untrainable": stored.get(task.name, {}).get("untrainable")}
        for name, traces in runs.items():
            share, end = failed[name][:, -1], best[name][:, -1]
            late = np.array([np.isnan(_losses(trace, count)[90:]).mean() for trace in traces]) if count > 90 else share
            found = np.array([_found_at(trace) for trace in traces])
            rows.append([name, _percent(share), _percent(late), _figure(end), _figure(found, 0)])
            told[name] = {"failed": float(share.mean()), "late": float(late.mean()), "best": float(end.mean())}
        compared: list[list[Cell | str]] = []
        answer: list[str] = []
        for comparison in results.comparisons:
            if comparison.reference in runs and comparison.method in runs:
                ends = two_samples(best[comparison.reference][:, -1], best[comparison.method][:, -1])
                compared.append([f"{comparison.method} against {comparison.reference}", _difference(ends)])
                answer.append(_sentence(comparison.method, ends.verdict, comparison.reference))
        published, untrainable = stored[task.name]["published"], stored[task.name]["untrainable"]
        blocks: list[Block] = [
            Text(f"{100 * untrainable:.1f}% of the space cannot be trained. {'; '.join(answer)}.", "lead"),
            Table(
                "Means over runs with 95% intervals. From evaluation 91 on: the source reports of its one search that "
                f"most networks from {published['untrainable_from']} on were untrainable, and its best at evaluation "
                f"{published['best_at']}.",
                ("policy", "untrainable", "untrainable from 91 on", "least loss", "found at evaluation"),
                rows,
            ),
            Table(
                "By how much the least loss is lower (means, 95% intervals): positive is better.",
                ("", "least loss"),
                compared,
            ),
            Gallery(shown, "One run of each policy; the share of untrainable networks; the least loss (mean, 95%)."),
        ]
        sections.append(Section(f"failures-{slug}", "Failures", "Networks that cannot be trained", blocks))
        summary[task.name] = told
    return sections, summary


def _sentence(method: str, verdict: str, reference: str) -> str:
    if verdict == "undecided":
        return f"{method} or {reference} is undecided"
    return f"{method} is {verdict} than {reference}"


def _forest(rows: Sequence[Row]) -> list[Block]:
    if not rows:
        return []
    drawing = forest("regimes", "True AUROC", rows, "points of AUROC; right: the first is better")
    told = "; ".join(f"{row.label} {row.here:+.2f} [{row.low:+.2f}, {row.high:+.2f}]" for row in rows)
    return [Gallery([Figure("regimes", drawing, f"Differences in points: {told}.")], "Differences with 95% intervals.")]


def _of(results: Results, task: Task) -> dict[str, Sequence[Trace]]:
    """Runs of a task by strategy, of those that have any."""
    found = {strategy.name: results.runs.get((task.name, strategy.name), ()) for strategy in results.strategies}
    return {name: traces for name, traces in found.items() if len(traces)}


def _incumbent(trace: Trace, at: Floats) -> Floats:
    """Held-out figure of the incumbent, NaN before there is one."""
    return np.append(trace.held_out[:, 0], np.nan)[trace.incumbent(at)]


def _running_median(trace: Trace, at: Floats) -> Floats:
    """Median of the last observed objectives by each time, NaN before the first."""
    found = np.full(len(at), np.nan)
    for place, end in enumerate(np.searchsorted(trace.seconds, at, side="right").tolist()):
        last = trace.objectives[max(end - WINDOW, 0) : end, 0]
        if np.isfinite(last).any():
            found[place] = np.nanmedian(last)
    return found


def _end(trace: Trace) -> tuple[float, float]:
    """Observed and held-out figure of the incumbent at the end."""
    row = int(trace.improved()[-1])
    return float(trace.objectives[row, 0]), float(trace.held_out[row, 0])


def _losses(trace: Trace, count: int) -> Floats:
    """Observed objectives by evaluation, ``float64[count]``; NaN where it failed."""
    found = np.full(count, np.nan)
    found[trace.evaluation - 1] = trace.objectives[:, 0]
    return found


def _failed(trace: Trace, count: int) -> Floats:
    return np.cumsum(np.isnan(_losses(trace, count))) / np.arange(1, count + 1)


def _least(trace: Trace, count: int) -> Floats:
    return np.asarray(np.fmin.accumulate(_losses(trace, count)))


def _found_at(trace: Trace) -> float:
    return float(trace.evaluation[int(np.nanargmin(trace.objectives[:, 0]))])


def _course(name: str, title: str, at: Floats, values: Mapping[str, Floats], across: str, up: str = "loss") -> Figure:
    """Mean over runs with its 95% interval, where at least two runs have a value."""
    bands = {}
    for strategy, runs in values.items():
        number = np.isfinite(runs).sum(axis=0)
        centre, error = np.full(len(at), np.nan), np.full(len(at), np.nan)
        some = number > 1
        centre[some] = np.nanmean(runs[:, some], axis=0)
        error[some] = 1.96 * np.nanstd(runs[:, some], axis=0, ddof=1) / np.sqrt(number[some])
        if len(runs) == 1:
            centre, error = runs[0], np.zeros(len(at))
        bands[strategy] = (centre, centre - error, centre + error)
    return Figure(
        name, figures.courses(name, title, at, bands, across, up), f"{title}, for each strategy, along a run."
    )


def _difference(compared: Any) -> Cell:
    tone = {"better": "better", "worse": "worse"}.get(compared.verdict, "")
    text = f"{compared.difference:+.4f} [{compared.interval_low:+.4f}, {compared.interval_high:+.4f}]"
    return Cell(text, compared.verdict, tone)


def _numbers(compared: Any) -> dict[str, Any]:
    return {
        "difference": compared.difference,
        "low": compared.interval_low,
        "high": compared.interval_high,
        "verdict": compared.verdict,
    }


def _figure(values: Floats, digits: int = 4) -> str:
    found = mean(values)
    low, high = found.interval()
    return f"{found.mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _percent(values: Floats) -> str:
    found = mean(100 * values)
    low, high = found.interval()
    return f"{found.mean:.1f}% [{low:.1f}, {high:.1f}]"
