"""The page that sets two output folders side by side, and the same for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports import figures, wording
from reports.blocks import Block, Cell, Figure, Gallery, Items, Page, Section, Table, Text
from reports.comparisons import METRICS
from reports.results import Results
from reports.side_by_side import Beside, only_in, what_differs


def page(a: Results, b: Results, cells: Sequence[Beside]) -> Page:
    """The page of two folders."""
    tone = {"better": "better", "worse": "worse"}
    rows: list[list[Cell | str]] = []
    for one in cells:
        found = one.difference
        pairing = f"{one.common} pairs" if one.paired is not None else "unpaired"
        left = [f"{n} only in {name}" for n, name in ((one.only_a, "A"), (one.only_b, "B")) if n]
        rows.append(
            [
                Cell(f"{one.task.label} {one.strategy.name}", "" if one.identical else found.note),
                wording.points(one.samples.mean_reference, sign=False),
                wording.points(one.samples.mean_method, sign=False),
                wording.points(found.value),
                wording.interval(found.low, found.high),
                Cell(wording.exact_p(one.p_value), f"Holm {wording.exact_p(one.p_holm)}" if one.p_value < 0.05 else ""),
                Cell(pairing, "\n".join(left)),
                Cell(one.verdict, "", tone.get(one.verdict, "")),
            ]
        )
    columns = ["Task, strategy", "A", "B", "A − B", "95% interval", "p", "seeds", "B is"]
    caption = "Means at the end of the runs in points; a positive difference means that B is better"
    shown = [one for one in cells if np.isfinite(one.difference.low)]
    drawn: list[Block] = []
    if shown:
        forest = [
            figures.Row(
                f"{one.task.label} {one.strategy.name}",
                100 * one.difference.value,
                100 * one.difference.low,
                100 * one.difference.high,
                None,
            )
            for one in shown
        ]  # fmt: skip
        drawing = figures.forest("compare", "A − B", forest, "points; right: B is better")
        alt = "A minus B in points: " + "; ".join(
            f"{row.label} {wording.number(row.here, sign=True)} ({wording.interval(row.low, row.high, 1)})"
            for row in forest
        )
        about = "Differences with their 95% intervals, paired by seed where both folders have the seed."
        drawn.append(Gallery([Figure("compare", drawing, alt + ".")], about))
    differs = what_differs(a, b)
    provenance: list[Block] = [Items([("A", a.folder.name), ("B", b.folder.name)])]
    if differs:
        table = Table(
            "What was run otherwise in B", ["", "A", "B"], [[name, _short(x), _short(y)] for name, x, y in differs]
        )
        provenance.append(table)
    else:
        provenance.append(Text("Suite, version, engine, budget, parameters and tables are the same in both."))
    lonely = [
        f"only in {name}: {', '.join(found)}" for name, found in (("A", only_in(a, b)), ("B", only_in(b, a))) if found
    ]
    if lonely:
        provenance.append(Text(f"Not compared, {'; '.join(lonely)}.", "note"))
    metrics = wording.listing(sorted({METRICS[one.metric] for one in cells}))
    method = (
        f"Judged by the 95% interval of the difference in {metrics} at the end of each run. Where both folders have at "
        "least two seeds in common the runs of these seeds are paired (Student’s t of the differences), otherwise the "
        "comparison is Welch’s; clusters of dependent runs are respected. The unit is the seed, not the task. Holm’s "
        "correction is over all cells here."
    )
    return Page(
        title=f"{a.folder.name} and {b.folder.name}",
        question=f"What differs between {a.folder.name} and {b.folder.name}?",
        subtitle=wording.count(len(cells), "cell"),
        sections=[
            Section("answer", "Answer", "The answer", [Text(_answer(cells), "lead"), *_loud(differs), *drawn]),
            Section("cells", "Cells", "Cell by cell", [Table(caption, columns, rows, wide=True), Text(method, "note")]),
            Section("folders", "Folders", "What was compared", provenance),
        ],
    )


def _answer(cells: Sequence[Beside]) -> str:
    counts = {word: sum(one.verdict == word for one in cells) for word in ("better", "worse", "undecided", "identical")}
    stand = sum(one.p_holm < 0.05 for one in cells if one.verdict in ("better", "worse"))
    parts = [f"{amount} {word}" for word, amount in counts.items() if amount]
    text = f"Of {wording.count(len(cells), 'cell')} in common, in B {wording.listing(parts)}."
    decided = counts["better"] + counts["worse"]
    return text + (f" After Holm’s correction {stand} of {decided} decided stand." if decided else "")


def _loud(differs: Sequence[tuple[str, str, str]]) -> list[Block]:
    grave = [
        name for name, _, _ in differs if name in ("suite", "budget") or name.endswith((": fingerprint", ": kind"))
    ]
    if not grave:
        return []
    return [Text(f"Not alone the strategies differ, but also {wording.listing(grave)}: see below.", "loud")]


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


def terminal(cells: Sequence[Beside]) -> str:
    """The verdict table."""
    width = max(len(f"{one.task.label} {one.strategy.name}") for one in cells)
    lines = [_answer(cells), "A - B, 100 x the metric at the end, positive = B better"]
    for one in cells:
        found = one.difference
        lines.append(
            f"  {f'{one.task.label} {one.strategy.name}':{width}}  {one.verdict:9}  {wording.points(found.value):>7}  "
            f"[{wording.points(found.low):>6}, {wording.points(found.high):>6}]  p {wording.exact_p(one.p_value):>7}  "
            f"{'paired' if one.paired is not None else 'unpaired'}"
        )
    text = "\n".join(lines)
    for letter, plain in (("−", "-"), ("–", "-"), ("’", "'")):
        text = text.replace(letter, plain)
    return text
