"""Which parts a page has, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reports import hpo, hypervolume, local_search, local_search_tables, sections, several, weight_sharing, wording
from reports.blocks import Page, Section
from reports.comparisons import Compared
from reports.published import Beside
from reports.results import Results


def page(results: Results, compared: Sequence[Compared], cells: Sequence[Beside]) -> tuple[Page, dict[str, Any]]:
    """The page of a suite, and what its parts add to ``summary.json``."""
    searched = local_search.evidence(results)
    tuned = hpo.evidence(results)
    if tuned:
        own, more = hpo.parts(results, tuned)
        parts = [*own[:1], sections.evidence(results, cells), *own[1:]]
    elif searched:
        parts, more = _local_search(results, compared, cells, searched)
    elif any(hypervolume.is_judged(trace) for traces in results.runs.values() for trace in traces[:1]):
        parts, more = _several(results, compared, cells)
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
    agreement, agreed = sections.fidelity(results)
    parts = [
        *agreement,  # what its suite asks
        sections.answer(results, compared, cells),
        sections.evidence(results, cells),
        sections.matrix(results),
        sections.curves(results, compared),
        *reached,
        *together,
        *sections.evolution(results),
        *sections.retrained(results),
        *sections.clocks(results),
    ]
    if compared:
        parts += [
            sections.forest(results, compared, cells),
            sections.comparison_tables(results, compared, cells),
        ]
    return parts, times | overall | agreed


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


def _several(
    results: Results, compared: Sequence[Compared], cells: Sequence[Beside]
) -> tuple[list[Section], dict[str, Any]]:
    """Leads with the fronts themselves; the parts that need a stored front are left out where there is none."""
    study = several.study(results)
    generic, more = _generic(results, compared, cells)
    ranking, ranks = several.ranking(study, compared)
    by_device, devices = several.devices(study)
    published, orders = several.tables(results, cells)
    indicators, fronts = several.over_time(study)
    first = generic[0]
    # What a suite of devices asks, and what one that repeats a study does.
    lead = [section.blocks[0] for section in (*by_device, *published)]
    parts = [
        replace(first, blocks=[*several.top(results, study), *lead, *first.blocks]),
        *by_device,
        *several.growth(study),
        *ranking,
        *published,
        *indicators,
        *several.sizes(study),
        *several.attained(study),
        *sections.readings(results),
        *generic[1:],
    ]
    return parts, more | ranks | devices | orders | fronts
