"""A surrogate's data card: what it learned from, how well, and where it must not be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from surrogates.kinds import ABOUT
from surrogates.surrogate import Surrogate

COLUMNS = (
    ("tau", "Kendall tau"),
    ("sparse_tau", "sparse tau"),
    ("r2", "R2 of the log"),
    ("spearman_best", "Spearman, best fifth"),
    ("coverage", "90% intervals cover"),
)
REGION = {
    "all": "all",
    "best": "the best tenth",
    "deep": "the deepest tenth",
    "wide": "the widest tenth",
    "rare": "the tenth with most of the rarest operation",
}


_SETTINGS = (
    "Default settings were found on NAS-Bench-101: those of trees and what counts as a failed training on rows that "
    "members left out of 20,000 learned ones, width, depth and dropout of the graph network on another split of the "
    "same sample; for every other table they are untuned."
)


def card(surrogate: Surrogate, figures: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Args:
        surrogate: fitted.
        figures: of ``evaluation``: "held_out", "calibration", "by_region" and, where they were made, "single_run"
            (None where the table has no repeats), "without_region", "beside" (held-out figures of other kinds).
    """
    about = surrogate.about
    note = f' The table says of it: "{about["note"]}".' if about["note"] else ""
    parts = [
        f"# {about['table']}: {about['kind']} surrogate of {about['data_set']}",
        f"**Predictions, not measurements.** {ABOUT[about['kind']]}.{_weights(surrogate)}",
        "## What it learned from",
        f"{about['learned']:,} of {about['rows']:,} rows of `{about['table']}` ({about['table_kind']}, fingerprint "
        f"`{about['fingerprint'][:16]}`, {about['licence']}; {about['source']}), chosen {about['split']}, seed "
        f"{about['seed']}. Target: the {surrogate.error.target}, in its logarithm.{note}{_warning(about)}",
        _SETTINGS,
        "## How good it is",
        "On rows that it never saw. The sparse tau rounds predictions to 0.1% accuracy. Intervals are for one "
        "training run.",
        agreements(figures["held_out"]),
        "Single training runs within intervals that should hold a share of them:",
        coverages(figures["calibration"]),
        _noise(surrogate),
    ]
    if beside := figures.get("beside"):
        parts += ["Other models, same rows:", agreements(beside)]
    parts += ["Error of the prediction by region, in the logarithm:", offs(figures["by_region"])]
    if "single_run" in figures:
        parts += ["### Beside a single training run", _single_run(figures["single_run"])]
    if found := figures.get("without_region"):
        parts += [
            "### Regions that it was not shown",
            "Models that learned nothing of a region, judged on it:",
            agreements({REGION[name]: one for name, one in found.items()}),
            offs(found),
        ]
    parts += ["## Where it must not be trusted", _limits(surrogate, figures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def agreements(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of ``metrics.Agreement``, by name."""
    body = [
        [name, f"{one['n']:,}", *(_number(one.get(column), percent=column == "coverage") for column, _ in COLUMNS)]
        for name, one in rows.items()
    ]
    return _table(["figure", "rows", *(title for _, title in COLUMNS)], body)


def coverages(found: Mapping[str, float]) -> str:
    """A table of what intervals should hold, and what they do."""
    return _table(["stated", *found], [["held", *(f"{share:.1%}" for share in found.values())]])


def offs(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of prediction errors by region."""
    body = [[REGION.get(n, n), f"{r['n']:,}", f"{r['rmse']:.4f}", f"{r['bias']:+.4f}"] for n, r in rows.items()]
    return _table(["region", "rows", "root mean square", "mean"], body)


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: float | None, *, percent: bool = False) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if percent else f"{value:.3f}"


def _weights(surrogate: Surrogate) -> str:
    error = surrogate.error
    if len(error.ensembles) == 1:
        return ""
    shares = ", ".join(f"{e.kind} {w:.2f}" for e, w in zip(error.ensembles, error.weights, strict=True))
    return f" Weights, from predictions out of fold: {shares}."


def _warning(about: Mapping[str, Any]) -> str:
    if about["table_kind"] == "measured" or about["table_kind"] == "recorded":
        return ""
    return f" **That table is itself a {about['table_kind']}: this is a surrogate of one.**"


def _noise(surrogate: Surrogate) -> str:
    calibration = surrogate.error.calibration
    if calibration.noise is None:
        return (
            "The table holds one figure per configuration, so what the model does not know and what training varies "
            "cannot be told apart: `predict` states both together, and noise `repeat` cannot be asked for."
        )
    source = f"{calibration.repeats:,} degrees of freedom" if calibration.repeats else "as the table states it"
    return (
        f"Training runs of one configuration differ by {calibration.noise[0]:.4f} (lowest errors) to "
        f"{calibration.noise[-1]:.4f} (highest) in the logarithm ({source}); `predict` states what the model does not "
        "know without it, and noise `repeat` draws it."
    )


def _single_run(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "The table holds no repeats, so no training run can stand as a predictor of the others."
    names = {"run": "one run, of the mean of the others", "surrogate": "the surrogate, of the same"}
    return agreements({names[name]: one for name, one in found.items()})


def _limits(surrogate: Surrogate, figures: Mapping[str, Any]) -> str:
    every, best = figures["by_region"]["all"], figures["by_region"]["best"]
    lines = [
        f"- Statements about single configurations: a prediction is off by {every['rmse']:.1%} of the error (root mean "
        "square).",
        f"- The very best: there predictions are {'too high' if best['bias'] > 0 else 'too low'} by "
        f"{abs(best['bias']):.1%} of the error on average, and they spread less than what they predict, so regrets "
        "come out smaller and the landscape smoother than measured ones.",
        "- Configurations unlike those learned from; intervals are those of rows drawn like the learned ones.",
        "- Comparing surrogates or predictors by how well they fit its answers.",
        "- Figures beside published ones without saying that this is a surrogate.",
    ]
    if surrogate.seconds is None:
        lines.append("- Time: the table had no training seconds.")
    if surrogate.curve is None:
        lines.append("- Shorter trainings: the table had none.")
    else:
        shortest = surrogate.fidelities[0]
        lines.append(f"- Trainings shorter than {shortest:g} {surrogate.about['unit']}: there the curve is extended.")
    if failing := figures.get("note"):
        lines.append(f"- {failing}")
    return "\n".join(lines)
