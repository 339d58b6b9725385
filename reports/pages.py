"""Which parts a page has, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import local_search, local_search_tables, sections, weight_sharing, wording
from reports.blocks import Page, Section
from reports.comparisons import Compared
from reports.published import Beside
from reports.results import Results


def page(results: Results, compared: Sequence[Compared], cells: Sequence[Beside]) -> tuple[Page, dict[str, Any]]:
    """The page of a suite, and what its parts add to ``summary.json``."""
    searched = local_search.evidence(results)
    if searched:
        parts, more = _local_search(results, compared, cells, searched)
    else:
        parts, more = (_generic if not results.evidence else _weight_sharing)(results, compared, cells)
    runs = sum(len(traces) for traces in results.runs.values())
    trained = all(task.provenance.get("kind") == "trained" for task in results.tasks)
    strategies = "strategy" if len(results.strategies) == 1 else "strategies"
    return Page(
        title=f"{results.manifest['suite']}: {results.manifest['question']}",
        question=results.manifest["question"],
        subtitle=f"{wording.count(len(results.tasks), 'task')}, {len(results.strategies)} {strategies}, "
        f"{wording.count(runs, 'run' if trained else 'simulated run')}",
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
        *sections.fidelity(results),
        *sections.evolution(results),
        *sections.retrained(results),
        *sections.clocks(results),
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


def _local_search(
    results: Results,
    compared: Sequence[Compared],
    cells: Sequence[Beside],
    searched: Mapping[str, Mapping[str, Any]],
) -> tuple[list[Section], dict[str, Any]]:
    """Leads with speed, which its question is about; tasks under noise have a part of their own."""
    quiet = sections.without_noise(results)
    among = [one for one in compared if one.task in quiet.tasks]
    speeds = local_search.compared_speeds(quiet)
    generic, more = _generic(quiet, among, cells)
    noise, orders = sections.noise(results)
    optimum = {name: float(found["optimum"]) for name, found in searched.items()}
    parts = [
        local_search.answer(quiet, speeds, among),
        generic[1],
        *local_search_tables.tables(quiet, cells),
        sections.accuracy(quiet, optimum),
        *local_search.neighbours(quiet, searched),
        *noise,
        *sections.readings(results),
        *generic[2:],
    ]
    return parts, more | orders | {"local_search": local_search.summary(speeds)}
