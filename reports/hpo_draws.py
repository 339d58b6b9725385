"""Draws until a goal is reached: random search and Bayesian optimisation on a table of which everything is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nasbench_sim.trace import Trace
from reports import wording
from reports.blocks import Block, Cell, Figure, Gallery, Section, Table, Text
from reports.figures import hpo as figures
from reports.results import Results
from reports.statistics import Floats, two_samples
from reports.statistics.draws import first_good

NAMES = {
    "best": "best model", "within_1": "within 1%", "within_5": "within 5%", "within_10": "within 10%",
    "top_1": "top 1%", "top_5": "top 5%", "top_10": "top 10%",
}  # fmt: skip
REFERENCE, METHOD = "RS", "BO"


def sections(results: Results, stored: Mapping[str, Mapping[str, Any]]) -> tuple[list[Section], dict[str, Any]]:
    """One section a task, and what was found for ``summary.json``."""
    found, summary = [], {}
    for task in results.tasks:
        if task.name not in stored:
            continue
        runs = {name: results.runs.get((task.name, name), ()) for name in (REFERENCE, METHOD)}
        section, told = _section(task.label, task.name, stored[task.name], runs, _kind(task.provenance))
        found.append(section)
        summary[task.name] = told
    return found, summary


def terminal(results: Results, summary: Mapping[str, Any]) -> str:
    """The answer for the terminal: every run ends with the whole table known, so that ends tell nothing."""
    lines = [f"draws of {REFERENCE} over draws of {METHOD} until a goal is reached, with 95% intervals"]
    width = max(len(task.label) for task in results.tasks)
    for task in results.tasks:
        for goal, found in summary.get(task.name, {}).items():
            word = "saves" if found["low"] > 0 else "costs" if found["high"] < 0 else "undecided"
            lines.append(
                f"  {task.label:{width}}  {NAMES[goal]:10}  {found['factor']:6.2f}  "
                f"[{found['factor_low']:5.2f}, {found['factor_high']:5.2f}]  {word}"
            )
    return "\n".join(lines)


def draws(traces: Sequence[Trace], threshold: float) -> Floats:
    """Evaluations of each run until its loss was not above the threshold, ``float64[n]``; NaN where it never was."""
    found = np.full(len(traces), np.nan)
    for place, trace in enumerate(traces):
        reached = np.flatnonzero(trace.objectives[:, 0] <= threshold)
        if reached.size:
            found[place] = trace.evaluation[reached[0]]
    return found


def _kind(provenance: Mapping[str, str]) -> str:
    return str(provenance.get("kind", ""))


def _section(
    label: str, name: str, told: Mapping[str, Any], runs: Mapping[str, Sequence[Trace]], kind: str
) -> tuple[Section, dict[str, Any]]:
    losses = np.array(told["losses"])
    rows: list[list[Cell | str]] = []
    saved: list[list[Cell | str]] = []
    summary: dict[str, Any] = {}
    better = 0
    for goal, title in NAMES.items():
        threshold, models = told["goals"][goal]["threshold"], int(told["goals"][goal]["models"])
        values = {strategy: draws(traces, threshold) for strategy, traces in runs.items()}
        mean, _ = first_good(len(losses), models)
        row: list[Cell | str] = [f"{title} ({wording.count(models, 'model')})"]
        for strategy in (REFERENCE, METHOD):
            old = told["published"][strategy][goal]
            if kind == "calibrated":
                row.append(f"{old[0]} ± {old[1]}, {old[2]}")
            row.append(_spread(values[strategy]))
        compared = two_samples(values[REFERENCE], values[METHOD]) if all(map(len, values.values())) else None
        if compared is None:
            rows.append([*row, f"{mean:.1f}"])
            continue
        better += compared.interval_low > 0
        factor = compared.mean_reference / compared.mean_method
        low, high = _factor(values[REFERENCE], values[METHOD])
        published = told["published"][REFERENCE][goal][0] / told["published"][METHOD][goal][0]
        tone = "better" if compared.interval_low > 0 else "worse" if compared.interval_high < 0 else ""
        rows.append([*row, f"{mean:.1f}"])
        saved.append(
            [
                row[0],
                Cell(
                    f"{compared.difference:.1f} [{compared.interval_low:.1f}, {compared.interval_high:.1f}]",
                    compared.verdict,
                    tone,
                ),
                f"{factor:.2f} [{low:.2f}, {high:.2f}]",
                f"{published:.2f}",
                f"{factor / published:.2f}",
            ]
        )
        summary[goal] = {
            "models": models,
            "mean_reference": compared.mean_reference,
            "mean_method": compared.mean_method,
            "difference": compared.difference,
            "low": compared.interval_low,
            "high": compared.interval_high,
            "factor": factor,
            "factor_low": low,
            "factor_high": high,
            "published_factor": published,
        }
    beside = kind == "calibrated"
    columns = ["goal"]
    for strategy in (REFERENCE, METHOD):
        columns += [f"{strategy}, published"] * beside + [strategy]
    columns.append("RS, exact mean")
    blocks: list[Block] = [
        Text(
            f"Bayesian optimisation needs fewer draws than random search for {better} of {len(NAMES)} goals, by 95% "
            "intervals of the difference of means.",
            "lead",
        ),
        Text(
            "The generated table is CALIBRATED: it has the published distribution of losses, and its share of chance "
            "was set so that Bayesian optimisation is about as fast as published. The factors are no evidence."
            if beside
            else "600 rows drawn at random from a measured table. Published figures are of another table, so only the "
            "factors stand beside each other.",
            "note",
        ),
        Table(
            "Draws until each goal is reached: mean ± standard deviation, worst, over the runs. The exact mean of "
            "random search is (N + 1) / (M + 1).",
            columns,
            rows,
            wide=True,
        ),
        Table(
            "What Bayesian optimisation saves: means and 95% intervals (Welch; of the factor by the delta method), and "
            "the published factor.",
            ("goal", "draws saved", "factor", "published", "factor / published"),
            saved,
        ),
        *_pictures(label, name, told, losses),
    ]
    return Section(f"draws-{wording.slug(name)}", f"Draws, {label}", f"Draws to reach a goal: {label}", blocks), summary


def _pictures(label: str, name: str, told: Mapping[str, Any], losses: Floats) -> list[Block]:
    slug = wording.slug(name)
    shown = [
        Figure(
            f"distribution-{slug}",
            figures.distribution(f"distribution-{slug}", f"Losses of all models: {label}", losses, "loss"),
            f"Histogram of the losses of {len(losses)} models: a few good ones, most average, a tail of bad ones.",
        ),
        Figure(
            f"orders-{slug}",
            figures.orders(
                f"orders-{slug}",
                f"One run of each: {label}",
                {strategy: np.array(values, np.float64) for strategy, values in told["orders"].items()},
                "loss",
            ),
            "Losses in the order in which random search and Bayesian optimisation met them, with the least so far.",
        ),
    ]
    if told["predicted"]:
        shown.append(
            Figure(
                f"predicted-{slug}",
                figures.predictions(
                    f"predicted-{slug}", f"Predicted and true losses: {label}", losses, told["predicted"], "loss"
                ),
                "Predicted losses with their 95% intervals beside the true ones, for growing numbers of known models.",
            )
        )
    caption = "The distribution of losses, the order in which models were met, and what the process predicts (seed 0)."
    return [Gallery(shown, caption)]


def _spread(values: Floats) -> str:
    """Mean, standard deviation and worst, and how many runs never got there."""
    if not np.isfinite(values).any():
        return "never"
    missed = int(np.isnan(values).sum())
    spread = np.nanstd(values, ddof=1) if np.isfinite(values).sum() > 1 else 0.0
    text = f"{np.nanmean(values):.1f} ± {spread:.1f}, {int(np.nanmax(values))}"
    return f"{text}; {missed} never" if missed else text


def _factor(reference: Floats, method: Floats) -> tuple[float, float]:
    """95% interval of the ratio of means by the delta method, on the logarithmic scale."""
    parts = [(np.nanmean(one), np.nanvar(one, ddof=1) / np.isfinite(one).sum()) for one in (reference, method)]
    error = np.sqrt(sum(variance / mean**2 for mean, variance in parts))
    ratio = parts[0][0] / parts[1][0]
    return float(ratio * np.exp(-1.96 * error)), float(ratio * np.exp(1.96 * error))
