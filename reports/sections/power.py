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
    rows = [_row(one) for one in compared]
    caption = (
        "Comparison by comparison: smallest d seen with power 0.8, and in points at the spread found here; the effect "
        "found, as Hedges’ g with its 95% interval; seeds that would see an effect of just that size; and the same "
        f"paired by seed. Decided again: of {STUDIES} studies that draw their runs from these, how many would decide"
    )
    columns = ["Comparison", "runs", "sees d ≥", "in points", "g found", "95% interval", "seeds to see it",
               "decided again", "pairs", "correlation of seeds", "paired, sees d ≥", "pairs to see it"]  # fmt: skip
    note = (
        "Power and numbers of seeds are those of two-sided t-tests at level 0.05, all runs independent; rank tests "
        "need about a twentieth more where values are normal. An effect found is no plan: where it was overestimated, "
        "so few seeds will not do. Studies are drawn again only where nothing was decided."
    )
    table = Details(
        "Every comparison, and how many seeds it takes", [Table(caption, columns, rows, wide=True), Text(note, "note")]
    )
    blocks.append(table)
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


def _row(one: Compared) -> list[Cell | str]:
    s, pairs, effect = one.samples, one.paired, one.hedges_g
    smallest = detectable_effect(s.n_reference, s.n_method)
    r = pairs.correlation
    paired_plan = required_pairs(effect.value, r) if np.isfinite(effect.value) and np.isfinite(r) else None
    label = f"{one.task.label} {one.comparison.reference} − {one.comparison.method}"
    return [
        Cell(label, "" if one.comparison.at == "end" else one.comparison.at),
        f"{s.n_reference} | {s.n_method}",
        wording.number(up(smallest)) if np.isfinite(smallest) else "–",
        wording.points(smallest * s.pooled_sd, sign=False) if np.isfinite(smallest) else "–",
        Cell(wording.number(effect.value, sign=True), "clusters respected" if effect.clusters else ""),
        wording.interval(effect.low, effect.high, 1),
        _needed(one),
        _again(one),
        str(pairs.n),
        wording.number(r, sign=True),
        wording.number(up(detectable_paired_effect(pairs.n, r))) if np.isfinite(r) and pairs.n > 1 else "–",
        "–" if paired_plan is None or paired_plan.seeds is None else f"{paired_plan.seeds:,}",
    ]


def _needed(one: Compared) -> Cell:
    """Seeds of the method beside the reference's, or of each where no number of the method's is enough."""
    effect = one.hedges_g.value
    if not np.isfinite(effect):
        return Cell("–")
    plan = required_seeds(effect, one.samples.n_reference)
    if plan.seeds is not None:
        return Cell(f"{plan.seeds:,}", f"of {one.comparison.method}")
    both = required_seeds(effect).seeds
    return Cell("none enough") if both is None else Cell(f"{both:,}", "of each")


def _again(one: Compared) -> str:
    """Share of such studies that would decide, were these runs the whole truth."""
    s = one.samples
    if s.verdict != "undecided" or not np.isfinite(s.welch_p):
        return "–"
    found = simulated_power(
        one.reference.values, one.method.values, s.n_reference, s.n_method, one.method.clusters, repetitions=STUDIES
    )
    return f"{wording.number(100 * found.value, 0)}%"
