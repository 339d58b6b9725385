"""The parts of a page about hyper-parameter search, for suites that wrote ``evidence/hpo-TASK.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import hpo_draws, hpo_runs
from reports.blocks import Block, Section, Table, Text
from reports.results import Results, evidence_files, stored_figures
from reports.statistics.draws import chance, draws_needed, first_good

KINDS = ("draws", "minutes", "regimes", "failures")
SIZE_PUBLISHED = 100_000  # of the space of Table 2.2
PROBABILITIES = (0.5, 0.95, 0.99)
SHARES = (0.01, 0.05, 0.10)


def evidence(results: Results) -> Mapping[str, Mapping[str, Any]]:
    """What is stored of each task, by its name; empty where the suite is none about hyper-parameters.

    Raises:
        UserError: a file is damaged.
    """
    return stored_figures(
        evidence_files(results, "hpo"), lambda name, stored: stored["task"] == name and stored["kind"] in KINDS
    )


def parts(results: Results, stored: Mapping[str, Mapping[str, Any]]) -> tuple[list[Section], dict[str, Any]]:
    """The sections that this suite has beyond those of all, and what they add to ``summary.json``."""
    kind = next(iter(stored.values()))["kind"]
    if kind == "draws":
        sections, summary = hpo_draws.sections(results, stored)
    elif kind == "minutes":
        sections, summary = hpo_runs.minutes(results)
    elif kind == "regimes":
        sections, summary = hpo_runs.regimes(results, stored)
    else:
        sections, summary = hpo_runs.failures(results, stored)
    return [*sections, yardstick(results, stored)], {"hpo": summary}


def terminal(results: Results, more: Mapping[str, Any]) -> str:
    """The verdict for the terminal, where another than that on the runs' ends is due; else empty."""
    found = more.get("hpo", {})
    told = any("factor" in goal for goals in found.values() for goal in goals.values() if isinstance(goal, Mapping))
    return hpo_draws.terminal(results, found) if told else ""


def yardstick(results: Results, stored: Mapping[str, Mapping[str, Any]]) -> Section:
    """What random search does in any space, exactly: Table 2.2, and the same for the spaces of this page."""
    told = next(iter(stored.values()))["random_search"]
    rows: list[list[str]] = []
    for share, (name, numbers) in zip(SHARES, told["top"].items(), strict=True):
        good = round(share * SIZE_PUBLISHED)
        here = [draws_needed(SIZE_PUBLISHED, good, p) for p in PROBABILITIES]
        again = [draws_needed(SIZE_PUBLISHED, good, p, replacement=True) for p in PROBABILITIES]
        rows.append(
            [f"top {name}", *(f"{one} | {own}" for one, own in zip(numbers, here, strict=True)), *map(str, again)]
        )
    blocks: list[Block] = [
        Text(
            "Whatever the space and the objective, n random draws meet one of the best M of N with a probability that "
            "is known exactly (hypergeometric). It is the yardstick that any search has to beat."
        ),
        Table(
            f"Draws until one of the top models of {SIZE_PUBLISHED:,} is met with a probability above p: published "
            "(Table 2.2) | here, without replacement; then with replacement.",
            ("", *(f"p > {p:g}" for p in PROBABILITIES), *(f"p > {p:g}, repl." for p in PROBABILITIES)),
            rows,
        ),
    ]
    sizes = {task.label: task.size for task in results.tasks if task.size}
    if sizes:
        lines = []
        for label, size in sizes.items():
            for share in SHARES:
                good = max(round(share * size), 1)
                mean, deviation = first_good(size, good)
                lines.append(
                    [
                        f"{label}, {size:,} configurations",
                        f"top {100 * share:g}%: {good:,}",
                        f"{mean:,.1f} ± {deviation:,.1f}",
                        *(f"{draws_needed(size, good, p):,}" for p in PROBABILITIES),
                        f"{100 * float(chance(size, good, 100)):.1f}%",
                    ]
                )
        blocks.append(
            Table(
                "The same for the spaces of this page: the first good draw (mean ± standard deviation), draws for a "
                "probability above p, and the probability within 100 draws.",
                ("space", "good", "first", *(f"p > {p:g}" for p in PROBABILITIES), "in 100"),
                lines,
            )
        )
    return Section("yardstick", "Yardstick", "What random search does, exactly", blocks)
