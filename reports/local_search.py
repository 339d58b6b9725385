"""The parts of a page about local search, for suites that wrote ``evidence/local_search-TASK.json``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports import figures, wording
from reports.blocks import Block, Detail, Figure, Gallery, Section, Table, Text, Verdict, Verdicts
from reports.comparisons import Compared
from reports.results import Results, Task, evidence_files, stored_figures
from reports.speed import Speed, speeds
from reports.statistics import TwoSamples

SURROGATE_OF_A_SURROGATE = "surrogate of a surrogate"
BREAK = re.compile(r"([/_])")  # where a long name may be broken
KINDS = {
    "measured": "Measured: {tasks} (networks that were trained).",
    "recorded": "Recorded: {tasks} (figures that others measured and published).",
    "surrogate": "SURROGATE: {tasks} (a model predicted every accuracy; no network was trained).",
    "calibrated": "CALIBRATED: {tasks} (generated to meet published statistics; no network was trained).",
    SURROGATE_OF_A_SURROGATE: "SURROGATE OF A SURROGATE: {tasks} (a model learned what another model predicts, and "
    "that one is not what the published figures come from; no network was trained).",
}


def evidence(results: Results) -> Mapping[str, Mapping[str, Any]]:
    """What is stored of each task, by its name; empty where the suite is none about local search.

    Raises:
        UserError: a file is damaged.
    """
    return stored_figures(
        evidence_files(results, "local_search"),
        lambda name, figures_of: figures_of["task"] == name and isinstance(figures_of["neighbours"], dict),
    )


def answer(results: Results, found: Sequence[Speed], compared: Sequence[Compared]) -> Section:
    """Who is faster and who ends better, task by task, and what kind of table says so."""
    modelled = any(task.provenance.get("kind") not in ("measured", "recorded") for task in results.tasks)
    blocks: list[Block] = [Text(_kinds(results.tasks), "loud" if modelled else "body")]
    if not found:
        text = "The suite holds no two local searches against each other; the parts below show what each found."
        return Section("answer", "Answer", "The answer", [*blocks, Text(text, "lead")])
    titles = {strategy.name: strategy.title for strategy in results.strategies}
    ends = {(one.task.name, one.comparison.reference, one.comparison.method): one.samples for one in compared}
    verdicts = []
    for task in results.tasks:
        group = [one for one in found if one.task == task]
        if not group:
            continue
        about = "" if task.size is None else f"{wording.size(task.size)} configurations; "
        about += task.provenance.get("kind", "of unknown kind")
        details = [Detail(one.verdict, _figures(one)) for one in group]
        verdicts.append(
            Verdict(BREAK.sub("\\1\u200b", task.label), about, " ".join(_sentence(one, ends) for one in group), details)
        )
    blocks += [
        Text(" ".join(_overall(found)), "lead"),
        Text(f"{'; '.join(f'{name}: {title}' for name, title in titles.items())}.", "note"),
        Verdicts(verdicts),
        Text(
            "Speed is the number of evaluations until the accuracy that a run ends with, as the source counts it. Runs "
            "of one seed start alike and are paired: better or worse where the 95% interval of their mean difference "
            "excludes zero; Wilcoxon’s signed-rank test beside it, Holm’s correction over all pairs and tasks of this "
            "list. Two runs may end with different accuracies, and one that goes on improving converges late for that: "
            "who ends better is said where the 95% interval tells, and “Targets” shows who reaches the same regret "
            "sooner.",
            "note",
        ),
    ]
    return Section("answer", "Answer", "The answer", blocks)


def _kinds(tasks: Sequence[Task]) -> str:
    """Which tasks rest on which kind of table."""
    groups: dict[str, list[str]] = {}
    for task in tasks:
        table = task.provenance.get("table", "")
        # A model is called by its name, whatever the task is called; tables are known by the task.
        label = f"{task.label}, answered by the {table}" if " " in table else task.label
        groups.setdefault(task.provenance.get("kind", "unknown"), []).append(label)
    told = {kind: wording.listing(labels) for kind, labels in groups.items()}
    return " ".join(KINDS.get(kind, f"{kind}: {{tasks}}.").format(tasks=labels) for kind, labels in told.items())


def _overall(found: Sequence[Speed]) -> list[str]:
    sentences = []
    for pair in dict.fromkeys((one.comparison.reference, one.comparison.method) for one in found):
        group = [one for one in found if (one.comparison.reference, one.comparison.method) == pair]
        words = [one.verdict for one in group]
        text = f"{pair[1]} is faster than {pair[0]} on {words.count('better')} of {wording.count(len(group), 'task')}"
        rest = [f"slower on {words.count('worse')}"] * ("worse" in words)
        rest += [f"undecided on {words.count('undecided')}"] * ("undecided" in words)
        ratios = [one.speedup for one in group]
        shown = f"{_percent(min(ratios))} to {_percent(max(ratios))}" if len(ratios) > 1 else _percent(ratios[0])
        sentences.append(f"{text}{''.join(f', {part}' for part in rest)} (speed-up {shown}).")
    return sentences


def _sentence(one: Speed, ends: Mapping[tuple[str, str, str], TwoSamples]) -> str:
    reference, method = one.comparison.reference, one.comparison.method
    here, there = _evaluations(one.method), _evaluations(one.reference)
    text = f"{method} needs {here} evaluations where {reference} needs {there}"
    text += ": undecided" * (one.verdict == "undecided")
    end = ends.get((one.task.name, reference, method))
    if end is not None and end.verdict != "undecided":
        word = "more" if end.verdict == "better" else "less"
        text += f"; {method} ends with {wording.points(abs(end.difference), sign=False)} points of accuracy {word}"
    return f"{text}."


def _figures(one: Speed) -> str:
    test, difference = one.paired.wilcoxon, one.paired.difference
    text = f"{one.comparison.method} against {one.comparison.reference}: speed-up {_percent(one.speedup)}"
    if np.isfinite(one.low):
        text += f" (95% interval {_percent(one.low)} to {_percent(one.high)})"
    text += f"; {wording.number(difference.value, 1)} evaluations fewer, {one.paired.n} pairs"
    text += f"; Wilcoxon p {_p(test.p_value)}, after Holm {_p(one.wilcoxon_holm)}"
    return text + (f"; {test.note}" if test.note else "")


def _p(value: float) -> str:
    text = wording.exact_p(value)
    return text if text.startswith(("<", "–")) else f"= {text}"


def _percent(ratio: float) -> str:
    return f"{wording.number(100 * ratio, 0, True)}%"


def _evaluations(values: np.ndarray) -> str:
    return wording.number(float(values.mean()), 0 if values.mean() >= 100 else 1)


def neighbours(results: Results, found: Mapping[str, Mapping[str, Any]]) -> list[Section]:
    """How far a configuration is from its neighbours in validation error."""
    boxes = {task.label: found[task.name]["neighbours"] for task in results.tasks if task.name in found}
    if not boxes:
        return []
    alt = "Mean distance between a configuration and its neighbours, points: " + "; ".join(
        f"{label} median {wording.points(box['median'], False)}, "
        f"half between {wording.points(box['first'], False)} and {wording.points(box['third'], False)}"
        for label, box in boxes.items()
    )
    drawing = figures.box_plots(
        "neighbours", "Distance to neighbours", boxes, "mean |difference|, points (logarithmic)"
    )
    sample = max(int(box["configurations"]) for box in boxes.values())
    caption = (
        "Mean absolute difference in validation accuracy between a configuration and its neighbours, "
        f"{sample:,} configurations drawn uniformly from each space. Box: quartiles; line: median; dot: mean; whiskers "
        "reach 1.5 times the quartiles’ distance; diamonds beyond."
    )
    columns = ["Task", "median", "mean", "quartiles", "beyond the whiskers", "neighbours", "of equal accuracy"]
    rows = [
        [
            label,
            wording.points(box["median"], False),
            wording.points(box["mean"], False),
            f"{wording.points(box['first'], False)} to {wording.points(box['third'], False)}",
            f"{int(box['beyond'])} of {int(box['configurations']):,}",
            wording.number(box["count"], 1),
            f"{wording.number(100 * box['equal'], 1)}%",
        ]
        for label, box in boxes.items()
    ]
    blocks: list[Block] = [
        Text("The source expects a predicted order to pay where neighbours differ visibly, and not where they do not."),
        Gallery([Figure("neighbours", drawing, alt + ".")], caption),
        Table("The same in figures, points of accuracy", columns, rows),
    ]
    return [Section("neighbours", "Neighbours", "How far neighbours are apart", blocks)]


def summary(found: Sequence[Speed]) -> dict[str, Any]:
    """Speeds for ``summary.json``, by task and "reference-method"."""
    told: dict[str, Any] = {}
    for one in found:
        told.setdefault(one.task.name, {})[f"{one.comparison.reference}-{one.comparison.method}"] = {
            "pairs": one.paired.n,
            "evaluations_reference": float(one.reference.mean()),
            "evaluations_method": float(one.method.mean()),
            "speedup": one.speedup,
            "speedup_low": one.low,
            "speedup_high": one.high,
            "wilcoxon_p": one.paired.wilcoxon.p_value,
            "wilcoxon_p_holm": one.wilcoxon_holm,
            "verdict": one.verdict,
        }
    return told


def compared_speeds(results: Results) -> list[Speed]:
    """Of the comparisons that the suite makes between strategies of which a convergence is published."""
    entries = results.manifest.get("published", ())
    named = {entry["strategy"] for entry in entries if entry.get("quantity") == "convergence"}
    pairs = dict.fromkeys((one.reference, one.method) for one in results.comparisons)
    return speeds(results, [pair for pair in pairs if named.issuperset(pair)], "convergence")
