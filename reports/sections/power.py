"""What these seeds can see, and how many the next study needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports import wording
from reports.blocks import Block, Cell, Details, Section, Table, Text
from reports.comparisons import Compared
from reports.results import Comparison, Results
from reports.statistics import (
    detectable_effect,
    detectable_paired_effect,
    required_pairs,
    required_seeds,
    simulated_power,
)

STUDIES = 300  # simulated for each comparison that is undecided


def power(results: Results, compared: Sequence[Compared]) -> list[Section]:
    """The section, none without comparisons."""
    if not compared:
        return []
    groups = {
        comparison: [one for one in compared if one.comparison == comparison] for comparison in results.comparisons
    }
    sentences = list(dict.fromkeys(_sees(comparison, group) for comparison, group in groups.items()))
    blocks: list[Block] = [
        Text(f"{sentence} ({wording.listing(_named(groups, sentence))})." if len(sentences) > 1 else f"{sentence}.")
        for sentence in sentences
    ]
    undecided = [one for one in compared if one.samples.verdict == "undecided"]
    if undecided:
        blocks.append(_next(undecided))
    rows = [_row(one) for one in compared]
    caption = (
        "Comparison by comparison: smallest d seen with power 0.8, in points at the spread found here; the effect "
        "found, as Hedges’ g with its 95% interval; seeds of the method that would see an effect of just that size, "
        "the reference’s number kept; and the same paired by seed"
    )
    columns = ["Comparison", "runs", "sees d ≥", "in points", "g found", "95% interval", "seeds to see it",
               "pairs", "correlation of seeds", "paired, sees d ≥", "pairs to see it"]  # fmt: skip
    blocks.append(
        Details(
            "Every comparison",
            [
                Table(caption, columns, rows, wide=True),
                Text(
                    "Power and numbers of seeds are those of two-sided t-tests at level 0.05, all runs independent; "
                    "rank tests need about a twentieth more where values are normal. An effect found is no plan: where "
                    "it was overestimated, so few seeds will not do.",
                    "note",
                ),
            ],
        )
    )
    return [Section("power", "Power", "What these seeds can see", blocks)]


def up(value: float) -> float:
    """Rounded up to two digits, so that what is said of it holds."""
    return float(np.ceil(100 * value) / 100)


def _sees(comparison: Comparison, group: Sequence[Compared]) -> str:
    reference = max(len(one.reference.values) for one in group)
    method = max(len(one.method.values) for one in group)
    effect = detectable_effect(reference, method)
    if not np.isfinite(effect):
        return f"{method} against {reference} runs are too few to see anything"
    text = (
        f"{method} against {reference} runs see d ≥ {wording.number(up(effect))} with power 0.8 (two-sided, level "
        "0.05), all being independent"
    )
    sizes = [
        n if side.clusters is None else len(np.unique(side.clusters))
        for n, side in ((reference, group[0].reference), (method, group[0].method))
    ]
    if sizes != [reference, method]:
        fewer = detectable_effect(*sizes)
        text += (
            f"; they come in clusters, and if the runs of one cluster agreed entirely it would be d ≥ "
            f"{wording.number(up(fewer))}"
        )
    return text


def _named(groups: dict[Comparison, list[Compared]], sentence: str) -> list[str]:
    return [f"{c.reference} − {c.method}" for c, group in groups.items() if _sees(c, group) == sentence]


def _next(undecided: Sequence[Compared]) -> Text:
    """What the undecided comparisons would take."""
    parts = []
    for one in undecided[:12]:
        label = f"{one.task.label} {one.comparison.reference} − {one.comparison.method}"
        s = one.samples
        if not np.isfinite(one.hedges_g.value):
            parts.append(f"{label}: {s.note or 'no effect can be measured'}")
            continue
        plan = required_seeds(one.hedges_g.value, s.n_reference)
        need = f"{plan.seeds:,} seeds of {one.comparison.method}" if plan.seeds else plan.note
        again = simulated_power(
            one.reference.values, one.method.values, s.n_reference, s.n_method, one.method.clusters, repetitions=STUDIES
        )
        parts.append(
            f"{label}: to see g = {wording.number(one.hedges_g.value, sign=True)} takes {need}; drawn again from "
            f"these runs, {wording.number(100 * again.value, 0)}% of such studies would decide"
        )
    more = f"; and {len(undecided) - 12} more, below" if len(undecided) > 12 else ""
    return Text(f"Undecided, were what was found the truth: {'; '.join(parts)}{more}.", "note")


def _row(one: Compared) -> list[Cell | str]:
    s, pairs, effect = one.samples, one.paired, one.hedges_g
    smallest = detectable_effect(s.n_reference, s.n_method)
    found = np.isfinite(effect.value)
    plan = required_seeds(effect.value, s.n_reference) if found else None
    r = pairs.correlation
    paired_plan = required_pairs(effect.value, r) if found and np.isfinite(r) else None
    label = f"{one.task.label} {one.comparison.reference} − {one.comparison.method}"
    return [
        Cell(label, "" if one.comparison.at == "end" else one.comparison.at),
        f"{s.n_reference} | {s.n_method}",
        wording.number(up(smallest)) if np.isfinite(smallest) else "–",
        wording.points(smallest * s.pooled_sd, sign=False) if np.isfinite(smallest) else "–",
        Cell(wording.number(effect.value, sign=True), "clusters respected" if effect.clusters else ""),
        wording.interval(effect.low, effect.high, 1),
        "–"
        if plan is None
        else Cell(f"{plan.seeds:,}" if plan.seeds else "none", "" if plan.seeds else "reference too small"),
        str(pairs.n),
        wording.number(r, sign=True),
        wording.number(up(detectable_paired_effect(pairs.n, r))) if np.isfinite(r) and pairs.n > 1 else "–",
        "–" if paired_plan is None or paired_plan.seeds is None else f"{paired_plan.seeds:,}",
    ]
