"""The answer in words, task by task."""

from __future__ import annotations

from collections.abc import Sequence

from reports import hypervolume, wording
from reports.blocks import Block, Detail, Section, Text, Verdict, Verdicts
from reports.comparisons import METRICS, Compared
from reports.published import Beside, verdict
from reports.results import Results

POINTS = (
    "Hypervolume regret is the hypervolume of the true front less that of a run’s archive; one point is a hundredth of "
    "the box between the ideal point and the reference point, in objectives on a pinned scale. Objectives are those "
    "that the search itself saw (validation), not a test. "
)


def answer(results: Results, compared: Sequence[Compared], cells: Sequence[Beside], subject: str = "") -> Section:
    """The verdict on every task.

    Args:
        results: names of strategies.
        compared: the comparisons that the answer is about.
        cells: published figures.
        subject: what all methods have in common ("weight sharing"), if anything.
    """
    told = {id(cell.compared): verdict(cell.entry) for cell in cells if cell.compared is not None}
    names = {strategy.name: strategy.title for strategy in results.strategies}
    verdicts = []
    for task in dict.fromkeys(one.task.name for one in compared):
        group = [one for one in compared if one.task.name == task]
        size = group[0].task.size
        details = [
            Detail(
                one.samples.verdict,
                wording.detail(one),
                told.get(id(one), ""),
                told.get(id(one), "") not in ("", one.samples.verdict),
            )
            for one in group
        ]
        about = "" if size is None else wording.count(size, "configuration")
        verdicts.append(Verdict(group[0].task.label, about, wording.sentence(group, names, subject), details))
    if not compared:
        text = "The suite makes no comparison; the curves below show what each strategy found."
        return Section("answer", "Answer", "The answer", [Text(text, "lead")])
    legend = "; ".join(f"{name}: {title}" for name, title in names.items())
    blocks: list[Block] = [
        Text(f"{wording.overall(compared)} {after_holm(compared)}", "lead"),
        Text(f"{legend}.", "note"),
        Verdicts(verdicts),
        Text(_how_judged(compared), "note"),
    ]
    return Section("answer", "Answer", "The answer", blocks)


def after_holm(compared: Sequence[Compared]) -> str:
    """How many verdicts stand once they are corrected for their number, in a sentence."""
    decided = [one for one in compared if one.samples.verdict != "undecided"]
    if not decided:
        return ""
    fallen = [one for one in decided if not one.stands]
    verdicts = wording.count(len(decided), "decided verdict")
    if fallen:
        return f"After Holm’s correction {len(decided) - len(fallen)} of {verdicts} stand."
    return (
        f"{'The' if len(decided) == 1 else 'All'} {verdicts} stand{'s' * (len(decided) == 1)} after Holm’s correction."
    )


def _how_judged(compared: Sequence[Compared]) -> str:
    metrics = sorted({one.metric for one in compared})
    text = (
        f"Judged by the 95% interval of the difference in {wording.listing([METRICS[name] for name in metrics])}: "
        "better or worse where it excludes zero, undecided where it does not; published figures by their p < 0.05. "
    )
    text += POINTS if metrics == [hypervolume.NAME] else "One point is one per cent of images. "
    if any(one.samples.clusters_method or one.samples.clusters_reference for one in compared):
        text += (
            "Runs that share something random (a super-net, say: the same seed modulo the cluster size) are dependent; "
            "the interval takes the variance between such clusters, with one degree of freedom fewer than there are "
            "clusters, and Welch’s degrees of freedom for the difference (simulated with five clusters of five normal "
            "values, it covers the truth in 94% to 95% of cases). "
        )
    if "mean_validation_regret" in metrics:
        text += (
            "True validation regret is by the mean over all repeats, which a search under noise does not see; it is no "
            "test. "
        )
    elif "regret" not in metrics and hypervolume.NAME not in metrics:
        unknown = {"trained", "invented"} & {one.task.provenance.get("kind") for one in compared}
        reason = "Nobody knows the best of the space" if unknown else "The tasks have no held-out figures"
        text += f"{reason}, so this is what the search itself saw, not a test. "
    return text + (
        "Each interval is for its own comparison. Holm’s correction makes the chance of a single false verdict 5% at "
        "most over all comparisons of the suite together; its p is of Welch’s test, which the interval turns round."
    )
