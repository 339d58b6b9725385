"""Every comparison: a forest plot, and the figures beside published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reports import figures, wording
from reports.blocks import Block, Cell, Details, Figure, Gallery, Section, Table, Text
from reports.comparisons import Compared
from reports.published import Beside
from reports.results import Comparison, Results

AGREEMENT = {
    "agrees": "agrees",
    "outside": "outside",
    "differs": "differs",
    "unknown": "no interval",
}


def forest(results: Results, compared: Sequence[Compared], cells: Sequence[Beside]) -> Section:
    """All differences at a glance."""
    told = {id(cell.compared): cell for cell in cells if cell.compared is not None}
    drawings = []
    for comparison in results.comparisons:
        group = [one for one in compared if one.comparison == comparison]
        rows = [
            figures.Row(
                one.task.label,
                100 * one.samples.difference,
                100 * one.samples.interval_low,
                100 * one.samples.interval_high,
                _published_points(told.get(id(one))),
                one.superiority,
            )
            for one in group
        ]
        title = f"{comparison.reference} − {comparison.method}"
        name = f"differences-{wording.slug(comparison.reference)}-{wording.slug(comparison.method)}"
        name += "" if comparison.at == "one-shot" else f"-{wording.slug(comparison.at)}"
        alt = f"{title} in points: " + "; ".join(
            f"{row.label} {wording.number(row.here, sign=True)} ({wording.interval(row.low, row.high, 1)})"
            + ("" if row.published is None else f" (published {wording.number(row.published, sign=True)})")
            for row in rows
        )
        drawing = figures.forest(name, title, rows, "points; right: the method is better")
        drawings.append(Figure(name, drawing, alt + "."))
    caption = (
        "Differences in regret, and probabilities of superiority (that a run of the method beats one of the "
        "reference), with their 95% intervals, clusters of dependent runs respected; not corrected for their number."
    )
    if told:
        caption += " Hollow diamonds: the published differences."
    return Section("differences", "Differences", "Who is better, and by how much", [Gallery(drawings, caption)])


def comparison_tables(results: Results, compared: Sequence[Compared], cells: Sequence[Beside]) -> Section:
    """Every comparison in figures, beside the published ones where there are any."""
    told = {id(cell.compared): cell for cell in cells if cell.compared is not None}
    blocks: list[Block] = []
    names: dict[str, list[Comparison]] = {}
    for comparison in results.comparisons:
        tables = [told[id(one)].table for one in compared if one.comparison == comparison and id(one) in told]
        names.setdefault(tables[0] if tables else "", []).append(comparison)
    for table, comparisons in names.items():
        for comparison in comparisons:
            group = [one for one in compared if one.comparison == comparison]
            blocks.append(_comparison_table(table, comparison, group, told))
    apart = [one for one in compared if wording.disagreement(one.samples)]
    if apart:
        worst = max(apart, key=lambda one: abs(one.samples.superiority - one.samples.superiority_normal))
        blocks.append(
            Text(
                "Superiority is the share of pairs of runs in which the method's regret is the smaller one, ties "
                "counted half. Converting d by the normal distribution instead, as Φ(d/√2), misses it by more than "
                f"0.04 in {len(apart)} of {wording.count(len(compared), 'comparison')}, because regrets are skewed "
                f"and the spreads unequal; the tables give both there. Largest gap: {worst.task.label} "
                f"{worst.comparison.reference} − {worst.comparison.method}, measured "
                f"{wording.number(worst.samples.superiority)}, converted "
                f"{wording.number(worst.samples.superiority_normal)}.",
                "note",
            )
        )
    elif compared:
        blocks.append(
            Text(
                "Superiority is the share of pairs of runs in which the method's regret is the smaller one, ties "
                "counted half. Converting d by the normal distribution, as Φ(d/√2), gives the same within 0.04.",
                "note",
            )
        )
    if told:
        blocks.append(Text(_agreement(list(told.values())), "note"))
    blocks.append(
        Text(
            "p: Student's t-test, unpaired, two-sided, all runs taken as independent and no correction for the number "
            "of comparisons, as such figures are published. Below it, where it is under 0.05, Holm: p of Welch’s test, "
            "clusters respected, corrected over all comparisons of the suite. "
            "Runs: of the reference | of the method; undefined: the run had finished nothing by then, and is in no "
            "figure of its line; outcomes: different regrets among the method’s runs, where these are few.",
            "note",
        )
    )
    blocks.append(Details("More tests and effect sizes", _more(compared)))
    title = f"{_tables_named(names)}published | here" if told else "The comparisons in figures"
    return Section("comparisons", "Tables", title, blocks)


def _more(compared: Sequence[Compared]) -> list[Text | Table]:
    """The same comparisons by other tests, with intervals of the effect sizes, and paired by seed."""
    effects: list[list[Cell | str]] = []
    pairs: list[list[Cell | str]] = []
    for one in compared:
        label = Cell(
            f"{one.task.label} {one.comparison.reference} − {one.comparison.method}",
            "" if one.comparison.at == "end" else one.comparison.at,
        )
        delta, found = one.cliffs_delta, one.paired
        effects.append(
            [
                label,
                Cell(
                    wording.number(one.hedges_g.value, sign=True),
                    wording.interval(one.hedges_g.low, one.hedges_g.high, 1),
                ),
                _superiority(one),
                wording.number(one.samples.superiority_normal),
                Cell(wording.number(delta.value, sign=True), wording.interval(delta.low, delta.high, 1)),
                Cell(wording.exact_p(one.samples.welch_p), f"Holm {wording.exact_p(one.welch_holm)}"),
                wording.exact_p(one.mann_whitney.p_value),
                wording.exact_p(one.permutation.p_value),
            ]
        )
        pairs.append(
            [
                label,
                Cell(str(found.n), one.pairing),
                Cell(
                    wording.points(found.difference.value),
                    found.note or wording.interval(found.difference.low, found.difference.high),
                ),
                wording.number(found.correlation, sign=True),
                wording.number(found.gain),
                Cell(wording.number(found.wins.value), _bounds(found.wins.low, found.wins.high)),
                wording.exact_p(found.students_t.p_value),
                Cell(wording.exact_p(found.wilcoxon.p_value), found.wilcoxon.note),
            ]
        )
    return [
        Table(
            "Unpaired: effect sizes with 95% intervals, and p of tests; all respect clusters of dependent runs",
            ["Comparison", "Hedges’ g", "superiority, measured", "by normal conversion", "Cliff’s delta", "p Welch",
             "p Mann-Whitney", "p permutation"],
            effects,
            wide=True,
        ),
        Table(
            "Paired by seed: what two runs of one seed share (start, noise) cancels",
            ["Comparison", "pairs", "difference, points", "correlation", "gain", "pairs won", "p t", "p Wilcoxon"],
            pairs,
            wide=True,
        ),
        Text(
            "Gain: variance of the difference had the same runs not been paired, over its variance paired; above 1 the "
            "pairing helps. Where clusters are respected, Mann-Whitney stands for Brunner and Munzel’s test of the "
            "same hypothesis, permutations exchange whole clusters, and Wilcoxon’s test changes their signs.",
            "note",
        ),
    ]  # fmt: skip


def _superiority(one: Compared) -> Cell:
    found = one.superiority
    bounds = _bounds(found.low, found.high)
    return Cell(wording.number(found.value), f"{bounds}\n{found.note}" if found.note else bounds)


def _bounds(low: float, high: float) -> str:
    return f"{wording.number(low)} to {wording.number(high)}" if np.isfinite(low) else "–"


def _comparison_table(
    table: str, comparison: Comparison, group: Sequence[Compared], told: Mapping[int, Beside]
) -> Table:
    at = "at one-shot" if comparison.at == "one-shot" else "at the end"
    kinds = sorted({told[id(one)].kind for one in group if id(one) in told})
    caption = f"Table {table}, " if table else ""
    caption += f"{comparison.reference} − {comparison.method} {at}, in points; positive: {comparison.method} is better"
    if kinds:
        caption += f". The figures here are {wording.listing(kinds).upper()}"
    columns = ["Task", "difference ± sd", "p", "d"] if kinds else ["Task"]
    columns += ["difference ± sd", "95% interval", "p", "d", "superiority", "runs"]
    groups = [("", 1), ("published", 3), ("here", 6)] if kinds else []
    if kinds:
        columns.append("agreement")
        groups.append(("", 1))
    rows = []
    for one in group:
        s, cell = one.samples, told.get(id(one))
        row: list[Cell | str] = [Cell(one.task.label, s.note)]
        if kinds:
            row += _published_cells(cell)
        row += [
            Cell(f"{wording.points(s.difference)} ± {wording.points(s.pooled_sd, sign=False)}", "", s.verdict),
            wording.interval(s.interval_low, s.interval_high),
            Cell(wording.p_value(s.p_value), f"Holm {wording.p_value(one.welch_holm)}" if s.p_value < 0.05 else ""),
            wording.number(s.cohens_d, sign=True),
            Cell(
                wording.number(s.superiority),
                f"normal {wording.number(s.superiority_normal)}" if wording.disagreement(s) else "",
            ),
            Cell(f"{s.n_reference} | {s.n_method}", wording.remarks(one)),
        ]
        if kinds:
            state = cell.agreement if cell else "unknown"
            row.append(Cell(AGREEMENT[state], "", "flag" if state in ("differs", "outside") else ""))
        rows.append(row)
    return Table(caption, columns, rows, groups, wide=True)


def _published_cells(cell: Beside | None) -> list[Cell | str]:
    if cell is None:
        return ["–", "–", "–"]
    entry = cell.entry
    scale = 100 / float(entry.get("scale", 1))
    difference = f"{wording.number(scale * cell.published, sign=True)}"
    if not np.isnan(cell.published_sd):
        difference += f" ± {wording.number(scale * cell.published_sd)}"
    p = wording.p_value(float(entry["published_p"])) if "published_p" in entry else "–"
    d = wording.number(float(entry["published_d"]), sign=True) if "published_d" in entry else "–"
    return [difference, p, d]


def _published_points(cell: Beside | None) -> float | None:
    return None if cell is None else 100 * cell.published / float(cell.entry.get("scale", 1))


def _agreement(cells: Sequence[Beside]) -> str:
    parts = []
    for kind in dict.fromkeys(cell.kind for cell in cells):
        group = [cell for cell in cells if cell.kind == kind]
        outside = [cell for cell in group if cell.agreement in ("outside", "differs")]
        apart = [cell for cell in group if cell.agreement == "differs"]
        parts.append(
            f"of {wording.count(len(group), 'figure')} {kind}, {len(group) - len(outside)} agree, "
            f"{len(outside) - len(apart)} only outside the interval, {len(apart)} different"
            + (f" ({', '.join(f'{cell.row} {cell.column}' for cell in apart)})" if apart else "")
        )
    return (
        "Agreement: “outside” says that the published figure is outside the 95% interval here; "
        "“differs”, that the two are more than two standard errors of their difference apart, each error from its "
        "own standard deviation and number of runs. In all, " + "; ".join(parts) + "."
    )


def _tables_named(names: Mapping[str, object]) -> str:
    numbers = [name for name in names if name]
    if not numbers:
        return ""
    return f"Table{'s' if len(numbers) > 1 else ''} {wording.listing(numbers)}: "
