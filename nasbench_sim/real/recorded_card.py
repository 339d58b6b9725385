"""The data card of a recorded table: what it is of, how far its figures may be trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from nasbench_sim.errors import UserError
from nasbench_sim.files import beside
from nasbench_sim.oracle import Floats
from nasbench_sim.tabular.table import Table

MEASURED = "**These figures are measured.** Every network was trained for them."


def check_card(table: Path) -> None:
    """Whether a card of this kind or nothing lies where the card of a table is written.

    Raises:
        UserError: something else does.
    """
    path = table.with_suffix(".md")
    if path.exists() and MEASURED not in path.read_text(encoding="utf-8", errors="replace"):
        raise UserError(f"{path}, where the table's card is written, is no such card: give another --out, or rename it")


def write_recorded_card(table: Table) -> Path:
    """Write ``NAME.md`` beside the table; its path."""
    path = table.path.with_suffix(".md")
    with beside(path) as partial:
        partial.write_text(card(table), encoding="utf-8")
    return path


def card(table: Table) -> str:
    """The card as Markdown."""
    (name,) = table.data_sets
    about, longest = table.attributes, float(table.fidelities[-1])
    repeats = table.repeats(name, "validation", longest)
    validation, test = table.mean(name, "validation", longest), table.mean(name, "test", longest)
    seconds = table.train_seconds(name, longest)
    rows = [
        f"| {epochs:g} | {_percent(table.mean(name, 'validation', epochs))} | "
        f"{_percent(table.mean(name, 'test', epochs))} | "
        f"{_correlation(table.mean(name, 'validation', epochs), validation)} |"
        for epochs in table.fidelities
    ]
    lines = [
        f"# {about['title']}",
        "",
        f"`{table.path.name}`, fingerprint `{table.fingerprint}`",
        "",
        MEASURED,
        "",
        str(about["description"]),
        "",
        f"Split: {about['split']}.",
        "",
        "| epochs | validation error (mean, deviation) | test error | rank correlation with the last |",
        "|---|---|---|---|",
        *rows,
        "",
        f"After {longest:g} epochs, Spearman's correlation over configurations:",
        "",
        f"- of validation and test error (means of {repeats.shape[1]} trainings): {_correlation(validation, test)}",
    ]
    if (np.isfinite(repeats).sum(axis=1) > 1).any():
        several = repeats[np.isfinite(repeats).sum(axis=1) > 1]
        noise = float(np.sqrt(np.nanmean(np.nanvar(several, axis=1, ddof=1))))
        lines += [
            f"- of the first and the second training: {_correlation(repeats[:, 0], repeats[:, 1])}; trainings of one "
            f"configuration deviate by {100 * noise:.2f} points, configurations by {100 * np.nanstd(validation):.2f}",
        ]
    lines += [
        "",
        f"A training takes {np.nanmean(seconds):.3g} s (least {np.nanmin(seconds):.3g}, most {np.nanmax(seconds):.3g}) "
        f"of {about['seconds_of']}: {about['device']}, torch {about['torch']}.",
        "",
        "Errors are counted on few images, so that small differences between configurations are luck; a search on one "
        'training an answer (`noise` "repeat") sees more of it than one on the mean.',
        "",
    ]
    return "\n".join(lines)


def _percent(values: Floats) -> str:
    if np.isnan(values).all():
        return "all failed"
    return f"{100 * np.nanmean(values):.2f}% ± {100 * np.nanstd(values):.2f}"


def _correlation(one: Floats, other: Floats) -> str:
    known = ~(np.isnan(one) | np.isnan(other))
    if known.sum() < 3 or not (np.ptp(one[known]) and np.ptp(other[known])):
        return "not defined"
    return f"{spearmanr(one[known], other[known]).statistic:.2f}"
