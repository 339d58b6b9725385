"""Which parts a page has, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports import sections, weight_sharing, wording
from reports.blocks import Page, Section
from reports.comparisons import Compared
from reports.published import Beside
from reports.results import Results


def page(results: Results, compared: Sequence[Compared], cells: Sequence[Beside]) -> tuple[Page, dict[str, Any]]:
    """The page of a suite, and what its parts add to ``summary.json``."""
    parts, more = (_generic if not results.evidence else _weight_sharing)(results, compared, cells)
    runs = sum(len(traces) for traces in results.runs.values())
    strategies = "strategy" if len(results.strategies) == 1 else "strategies"
    return Page(
        title=f"{results.manifest['suite']}: {results.manifest['question']}",
        question=results.manifest["question"],
        subtitle=f"{wording.count(len(results.tasks), 'task')}, {len(results.strategies)} {strategies}, "
        f"{wording.count(runs, 'simulated run')}",
        sections=[
            *parts,
            *sections.power(results, compared),
            sections.methods(results, compared),
            sections.provenance(results),
        ],
    ), more


def _generic(
    results: Results, compared: Sequence[Compared], cells: Sequence[Beside]
) -> tuple[list[Section], dict[str, Any]]:
    reached, times = sections.targets(results)
    together, overall = sections.overall(results, compared)
    parts = [
        sections.answer(results, compared, cells),
        sections.evidence(results, cells),
        sections.matrix(results),
        sections.curves(results, compared),
        *reached,
        *together,
    ]
    if compared:
        parts += [
            sections.forest(results, compared, cells),
            sections.comparison_tables(results, compared, cells),
        ]
    return parts, times | overall


def _weight_sharing(
    results: Results, compared: Sequence[Compared], cells: Sequence[Beside]
) -> tuple[list[Section], dict[str, Any]]:
    """Leads with the first reference alone: the question is about that one."""
    first = results.comparisons[0].reference if results.comparisons else ""
    leading = [one for one in compared if one.comparison.reference == first]
    stored = {task.name: weight_sharing.scatter(results, task) for task in results.tasks}
    scatters = {name: found for name, found in stored.items() if found is not None}
    generic, more = _generic(results, compared, cells)
    clock, summary = weight_sharing.clock_section(results, compared)
    parts = [
        sections.answer(results, leading, cells, "weight sharing"),
        *generic[1:],
        *weight_sharing.correlations(results, cells),
        clock,
        *weight_sharing.proxies(results, scatters),
        *weight_sharing.sizes(results, cells),
        *weight_sharing.claims(results, scatters),
        weight_sharing.practices(results, compared, scatters),
    ]
    return parts, more | {"weight_sharing": summary}
