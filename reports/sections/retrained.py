"""What the best of real searches come to when they are trained for longer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nasbench_sim.errors import UserError
from reports.blocks import Block, Cell, Figure, Gallery, Section, Table, Text
from reports.figures.trainings import milestones
from reports.results import Results


def retrained(results: Results) -> list[Section]:
    """From ``evidence/retrained.json``; nothing where the suite wrote none."""
    path = results.folder / "evidence" / "retrained.json"
    if not path.is_file():
        return []
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rows = [_row(results, group) for group in _groups(told["rows"]).values()]
        drawn = [_boxes(results, task.name, task.label, told["rows"]) for task in results.tasks]
        best, epochs, published, note = told["best"], told["epochs"], told["published"], told["note"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: delete it and run the suite again, its trainings are kept") from error
    blocks: list[Block] = [
        Text(
            f"At each milestone the best {best} configurations of each run, by the short trainings of the search, were "
            f"trained from scratch for {epochs} epochs. Of these the one that is best on the validation images counts; "
            "the one that is best on the test images, by which studies often choose, is told beside it and flatters."
        ),
        Table(
            f"Mean over runs of the configuration chosen out of {best} (standard deviation between runs), on the test "
            "images",
            ["Task, strategy", "Evaluations", "Runs", "AUC", "Accuracy, %", "AUC, chosen on test",
             "Accuracy, chosen on test, %"],
            rows,
            wide=True,
        ),
        *(one for one in drawn if one is not None),
    ]  # fmt: skip
    if published:
        blocks.append(
            Table(
                "Published, on the test images",
                ["Model", "AUC", "Accuracy, %"],
                [[str(name), f"{auc:.3f}", f"{100 * accuracy:.1f}"] for name, auc, accuracy in published],
            )
        )
    if note:
        blocks.append(Text(str(note), "note"))
    return [Section("retrained", "Retrained", "The best, trained for longer", blocks)]


def _groups(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, int], list[Mapping[str, Any]]]:
    groups: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["strategy"], row["evaluations"]), []).append(row)
    return groups


def _boxes(results: Results, task: str, label: str, rows: Sequence[Mapping[str, Any]]) -> Gallery | None:
    """Test accuracies of the chosen configurations over runs, as figures 6.5b and 6.6b of the medical study."""
    groups: dict[str, dict[int, np.ndarray[Any, np.dtype[np.float64]]]] = {}
    for (name, strategy, evaluations), group in _groups(rows).items():
        chosen = [one for row in group if (one := _chosen(row["trainings"], "validation")) is not None]
        if name == task and chosen:
            groups.setdefault(strategy, {})[evaluations] = np.array([100 * (1 - one["error"]) for one in chosen])
    if not groups:
        return None
    name = f"retrained-{task.replace('/', '-')}"
    drawing = milestones(name, label, groups, "test accuracy, %")
    told = "; ".join(
        f"{strategy} after {evaluations:,} evaluations {np.median(values):.1f}%"
        for strategy, found in groups.items()
        for evaluations, values in found.items()
    )
    text = "Test accuracy of the configuration chosen on validation, trained for longer, over runs."
    return Gallery([Figure(name, drawing, f"Medians: {told}.")], text)


def _row(results: Results, group: Sequence[Mapping[str, Any]]) -> list[Cell | str]:
    labels = {task.name: task.label for task in results.tasks}
    first = group[0]
    cells: list[Cell | str] = [
        f"{labels.get(first['task'], first['task'])}, {first['strategy']}",
        f"{first['evaluations']:,}",
        str(len(group)),
    ]
    for split in ("validation", "test"):
        chosen = [one for one in (_chosen(row["trainings"], split) for row in group) if one is not None]
        for figure in ("auc", "accuracy"):
            values = [one["auc"] if figure == "auc" else 1 - one["error"] for one in chosen]
            cells.append(_mean(np.array(values, np.float64), 3 if figure == "auc" else 1))
    return cells


def _chosen(trainings: Sequence[Mapping[str, Any]], split: str) -> Mapping[str, float] | None:
    """Test figures of the training that is best on a split; None where all failed."""
    done = [one for one in trainings if one["validation"]]
    return min(done, key=lambda one: float(one[split]["error"]))["test"] if done else None


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]], digits: int) -> Cell:
    if not len(values):
        return Cell("–")
    scale = 1 if digits == 3 else 100
    spread = f"({scale * np.std(values, ddof=1):.{digits}f})" if len(values) > 1 else ""
    return Cell(f"{scale * values.mean():.{digits}f}", spread)
