"""What kind of table the page rests on, and what that allows one to conclude about fronts."""

from __future__ import annotations

from reports import wording
from reports.blocks import Block, Text
from reports.results import Results
from reports.several.published import entries_of
from reports.several.study import Study

LOUD = ("calibrated", "surrogate", "trained")
KINDS = {
    "measured": "Measured: {tasks}. Networks were trained; what is found here holds for the benchmark itself.",
    "recorded": "Recorded: {tasks}. Figures that others measured and published; what is found here holds for them.",
    "trained": (
        "TRAINED HERE: {tasks}. Nobody knows the true front of these networks on these data. What this page calls the "
        "true front is the front of everything that all of its runs found together: it can tell how methods rank, and "
        "how far a run is behind all of them; it cannot tell how far all of them are behind the truth, and more runs "
        "may move it."
    ),
    "surrogate": (
        "SURROGATE: {tasks}. A model predicted the figures that are searched; no network was trained or measured for "
        "them. This can tell how methods rank on the landscape that the model predicts; the front itself, and every "
        "hypervolume, is the model’s and not the benchmark’s."
    ),
    "calibrated": (
        "CALIBRATED: {tasks}. The table is an emulation, generated around a published true front; no network was "
        "evaluated for it. This can tell how methods rank on a landscape with such a front and about such a roughness; "
        "it cannot tell figures of the real benchmark, nor which networks are on its front."
    ),
}
TUNED = (
    "The front’s own hypervolume was tuned to the published one, so that hypervolumes near it come near the published "
    "ones in any case; how fast methods get there, what share of the front they find and how they rank was not tuned."
)
READ = (
    "What the source leaves open is read here in the way that comes nearest to its tables (Readings), so agreement "
    "with them is no blind prediction."
)


def top(results: Results, study: Study) -> list[Block]:
    """By kind of table, which tasks rest on it; loud where anything is modelled.  And what is left out, if anything."""
    groups: dict[str, list[str]] = {}
    for task in results.tasks:
        groups.setdefault(task.provenance.get("kind", "unknown"), []).append(task.label)
    told = [
        KINDS.get(kind, f"{kind}: {{tasks}}.").format(tasks=wording.listing(labels)) for kind, labels in groups.items()
    ]
    if "calibrated" in groups and entries_of(results):
        told.append(TUNED)
        if results.manifest.get("readings"):
            told.append(READ)
    blocks: list[Block] = [Text(" ".join(told), "loud" if set(groups) & set(LOUD) else "body")]
    missing = [task.label for task in results.tasks if task not in study.tasks]
    if missing:
        blocks.append(
            Text(
                f"The parts about fronts leave out {wording.listing(missing)}: either a run found nothing, or the true "
                "front is not stored (evidence/front-TASK.json; run the suite again if it writes these).",
                "note",
            )
        )
    if any(len(study.front(task).objectives) > 2 for task in study.tasks):
        blocks.append(Text("Fronts of more than two objectives are told in figures, not drawn.", "note"))
    return blocks
