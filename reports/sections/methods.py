"""How it was done, written from what was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports import wording
from reports.blocks import Block, Items, Section, Table, Text
from reports.comparisons import METRICS, Compared
from reports.hypervolume import is_judged
from reports.results import Results
from reports.statistics.resampling import REPETITIONS
from reports.statistics.significance import PERMUTATIONS


def methods(results: Results, compared: Sequence[Compared]) -> Section:
    """How it was done, from what the suite says of itself."""
    manifest = results.manifest
    budget = manifest.get("budget", {})
    items = [("Budget of a run", _limits(budget) or "the task's own")]
    items += [
        (f"Budget of a run on {task.label}", _limits(task.budget)) for task in results.tasks if task.budget != budget
    ]
    for strategy in results.strategies:
        seeds = f"{wording.count(strategy.seeds, 'run')}, seeds 0 to {strategy.seeds - 1}"
        items.append((f"Strategy {strategy.name}", f"{strategy.title}; {seeds}{_nested(strategy.cluster)}"))
    items += [(f"Reading: {name}", str(value)) for name, value in manifest.get("parameters", {}).items()]
    rows = [
        [task.label, task.name, "–" if task.size is None else wording.size(task.size), *_runs_of(results, task.name)]
        for task in results.tasks
    ]
    columns = ["Task", "name", "configurations", *(f"runs {s.name}" for s in results.strategies)]
    items += _statistics(results, compared)
    blocks: list[Block] = [Items(items), Table("Tasks, and runs on each", columns, rows)]
    blocks += [Text(note) for note in manifest.get("notes", ())]
    traces = [trace for group in results.runs.values() for trace in group]
    if any(trace.objectives.shape[1] > 1 and not is_judged(trace) for trace in traces):
        blocks.append(Text("Some tasks have several objectives; this page judges the first one alone.", "note"))
    return Section("methods", "Methods", "Methods", blocks)


def _limits(budget: Mapping[str, float | None]) -> str:
    limits = []
    if evaluations := budget.get("evaluations"):
        limits.append(f"{evaluations:,} trained configurations")
    if seconds := budget.get("seconds"):
        limits.append(f"{wording.hours(seconds)} of simulated time")
    return wording.listing(limits)


def _nested(cluster: int | None) -> str:
    return "" if cluster is None else f"; seeds that agree modulo {cluster} share what is random in the task"


def _runs_of(results: Results, task: str) -> list[str]:
    return [str(len(results.runs[task, strategy.name])) for strategy in results.strategies]


def _statistics(results: Results, compared: Sequence[Compared]) -> list[tuple[str, str]]:
    """What was computed, and how."""
    items = [
        (
            "Resampled unit",
            "seeds of each benchmark (or whole clusters of dependent ones), never benchmarks: intervals speak of what "
            "other seeds on these tasks would give, not of other tasks.",
        )
    ]
    if not compared:
        return items
    metrics = wording.listing([METRICS[name] for name in sorted({one.metric for one in compared})])
    clustered = any(one.samples.clusters_reference or one.samples.clusters_method for one in compared)
    times = {one.comparison.at for one in compared}
    read = {
        "one-shot": "at one-shot: each method’s first trained configuration, the references at the mean time of it",
        "end": "at the end of each run",
    }
    items += [
        ("What is compared", f"{metrics}, {wording.listing([read[at] for at in sorted(times)])}."),
        (
            "Differences",
            "of means, with Welch’s interval"
            + (", variances between clusters" if clustered else "")
            + "; p of Student’s "
            "test beside it as it is commonly published.",
        ),
        (
            "Number of comparisons",
            f"{len(compared)}; Holm’s correction of Welch’s p over all of them, verdicts that do not stand are named.",
        ),
        (
            "Effect sizes",
            "Cohen’s d and Hedges’ g (pooled standard deviation; noncentral t, with clusters the delta method), "
            "probability of superiority and Cliff’s delta (Brunner and Munzel’s variance on the logit scale"
            + (", Obuchowski’s for clusters" if clustered else "")
            + ").",
        ),
        (
            "Drawn at random",
            f"permutations ({PERMUTATIONS:,} where not all can be made) and bootstrap samples ({REPETITIONS:,}), by "
            "generators with fixed seeds.",
        ),
        (
            "Known failings",
            "intervals of means are too narrow for very skewed regrets (25 lognormal values: 87% covered for 95%), and "
            "those of d not reliable for them; superiority and the interquartile mean hold their level.",
        ),
    ]
    unequal = sorted({one.pairing for one in compared if "not paired" in one.pairing})
    if unequal:
        items.append(("Pairing by seed", f"{wording.listing(unequal)}; the verdicts rest on unpaired comparisons."))
    return items
