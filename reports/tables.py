"""The report's figures as files for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from reports.comparisons import Compared
from reports.published import Beside
from reports.results import Results

FORMAT = "nasbench-sim summary 1"
COMPARISONS = (
    "suite", "task", "at", "metric", "reference", "method", "n_reference", "n_method", "mean_reference",
    "mean_method", "difference", "pooled_sd", "p_value", "cohens_d", "superiority", "superiority_normal",
    "at_seconds", "interval_low", "interval_high", "undefined_reference", "undefined_method",
)  # fmt: skip
PUBLISHED = ("table", "row", "column", "published", "published_sd", "here", "here_sd", "n", "kind")


def comparisons_csv(suite: str, compared: Sequence[Compared]) -> str:
    """One line per task and comparison; regrets are fractions, empty where undefined."""
    return _csv(
        COMPARISONS,
        (
            {
                **vars(one.samples),
                "suite": suite,
                "task": one.task.name,
                "at": one.comparison.at,
                "metric": one.metric,
                "reference": one.comparison.reference,
                "method": one.comparison.method,
                "at_seconds": one.at_seconds,
            }
            for one in compared
        ),
    )


def published_csv(cells: Sequence[Beside]) -> str:
    """One line per published figure that has a counterpart here, both in the published unit."""
    return _csv(PUBLISHED, (vars(cell) for cell in cells))


def summary_json(results: Results, compared: Sequence[Compared], cells: Sequence[Beside], more: dict[str, Any]) -> str:
    """Everything the page states as numbers, for continuous integration and for other pages."""
    manifest = results.manifest
    summary = {
        "format": FORMAT,
        "suite": manifest["suite"],
        "question": manifest["question"],
        "version": manifest.get("version"),
        "engine": manifest.get("engine"),
        "parameters": manifest.get("parameters", {}),
        "budget": manifest.get("budget", {}),
        "runs": {f"{task} {strategy}": len(traces) for (task, strategy), traces in sorted(results.runs.items())},
        "comparisons": [
            {
                "task": one.task.name,
                "at": one.comparison.at,
                "at_seconds": one.at_seconds,
                "metric": one.metric,
                "reference": one.comparison.reference,
                "method": one.comparison.method,
                "verdict": one.samples.verdict,
                "distinct_outcomes_method": one.distinct,
                **vars(one.samples),
            }
            for one in compared
        ],
        "published": [
            {name: getattr(cell, name) for name in (*PUBLISHED, "low", "high", "agreement")} for cell in cells
        ],
        **more,
    }
    summary = _finite(summary)
    return json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """The same with None for NaN and infinite figures, which JSON cannot hold."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_text(row[column]) for column in columns])
    return content.getvalue()


def _text(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.10g}"
    return str(value)
