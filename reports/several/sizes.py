"""How large the first archive should be: hypervolume over evaluations for several sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtri

from nasbench_sim.errors import UserError
from reports import figures, wording
from reports.blocks import Block, Cell, Figure, Gallery, Section, Table, Text
from reports.several.study import Study

SETTLED = 1 / 30  # share of the budget, as in the curves of indicators
EARLY, LATE = 1 / 12, 1.0
CHOSEN = "7"  # by the source


def sizes(study: Study) -> list[Section]:
    """The section, from ``start_sizes`` of the manifest; none where the suite has none.

    ``start_sizes`` holds ``evaluations`` (t of them), ``curves`` (by task and size, t mean hypervolumes) and
    ``half_widths`` (of their 95% intervals, likewise), ``runs``, ``caption`` and the fingerprint of the ``table``.

    Raises:
        UserError: it holds something else.
    """
    told: Mapping[str, Any] = study.results.manifest.get("start_sizes", {})
    if not told:
        return []
    try:
        return _section(study, told)
    except (KeyError, TypeError, ValueError) as error:
        path = study.results.folder / "suite.json"
        raise UserError(f"{path} is damaged (start_sizes): run the suite again, its stored runs are kept") from error


def _section(study: Study, told: Mapping[str, Any]) -> list[Section]:
    tasks = [task for task in study.tasks if task.name in told["curves"]]
    if not tasks:
        return []
    at = np.array(told["evaluations"], np.float64)
    early, late = (int(np.searchsorted(at, share * at[-1], side="right")) - 1 for share in (EARLY, LATE))
    drawings, rows, sentences = [], [], []
    for task in tasks:
        curves = {str(size): 100 * np.array(one, np.float64) for size, one in told["curves"][task.name].items()}
        widths = {str(size): 100 * np.array(one, np.float64) for size, one in told["half_widths"][task.name].items()}
        if any(one.shape != at.shape for one in (*curves.values(), *widths.values())):
            raise ValueError("curves of another length")
        settled = max(0, int(np.searchsorted(at, SETTLED * at[-1], side="right")) - 1)
        lowest = min(float(one[settled]) for one in curves.values())
        name = f"sizes-{wording.slug(task.label)}"
        best = 100 * study.front(task).hypervolume
        drawing = figures.size_curves(name, task.label, at, curves, CHOSEN, best, lowest)
        ends = ", ".join(f"{size}: {wording.number(one[-1])}" for size, one in curves.items())
        alt = f"{task.label}: mean hypervolume times 100 over evaluations by size of the first archive."
        drawings.append(Figure(name, drawing, f"{alt} At the end {ends}."))
        sentences.append(_sentence(task.label, curves, widths, at, (early, late)))
        for place in (early, late):
            row: list[Cell | str] = [Cell(task.label, f"{at[place]:,.0f} evaluations")]
            row += [
                Cell(wording.number(one[place], 2), f"± {wording.number(widths[size][place], 2)}")
                for size, one in curves.items()
            ]
            rows.append(row)
    columns = ["Task, after", *(f"{size}" for size in curves)]
    caption = (
        "Mean hypervolume times 100 against evaluations (logarithmic), by the size that the first archive of DMLS is "
        f"grown to: light lines are large ones, dashed black is {CHOSEN}, which the source chose. Dotted: the true "
        "front."
    )
    runs = int(told["runs"])
    blocks: list[Block] = [
        Text(" ".join(sentences)),
        Gallery(drawings, caption),
        Table(f"By size of the first archive: mean hypervolume times 100 of {runs} runs ± half of its 95% interval",
              columns, rows, wide=True),
    ]  # fmt: skip
    note = str(told.get("caption", "")).strip().rstrip(".")
    if note:
        blocks.append(Text(f"{note}.", "note"))
    kept = {task.provenance.get("fingerprint") for task in tasks}
    if str(told.get("table", "")) not in kept:
        blocks.append(Text("Measured on another version of the table than the runs of this page.", "note"))
    return [Section("sizes", "Archive size", "Figure 5.4: how large the first archive is", blocks)]


def _sentence(
    label: str, curves: Mapping[str, Any], widths: Mapping[str, Any], at: np.ndarray, places: tuple[int, int]
) -> str:
    """Whether the sizes differ early and late, judged by the smallest and the largest mean."""
    parts = []
    for place in places:
        best = max(curves, key=lambda size: curves[size][place])
        worst = min(curves, key=lambda size: curves[size][place])
        gap = float(curves[best][place] - curves[worst][place])
        # The two were picked from all pairs, so the interval of their difference is Bonferroni's over these.
        pairs = max(1, len(curves) * (len(curves) - 1) // 2)
        error = float(np.hypot(widths[best][place], widths[worst][place]) * ndtri(1 - 0.025 / pairs) / ndtri(0.975))
        text = f"after {at[place]:,.0f} evaluations size {best} has the most and {worst} the least, "
        text += f"{wording.number(gap, 2)} apart"
        parts.append(text if gap > error else f"{text}, which so many runs do not tell apart")
    return f"{label}: {'; '.join(parts)}."
