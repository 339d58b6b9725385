"""The page of a pre-study: ``python -m reports.prestudy curves.json``, which ``nasbench_sim.real prestudy`` wrote.

Its pictures are those by which the medical study settles its search (figures 6.1 to 6.3): training curves by space and
by learning rate; and one that it lacks: how well each epoch ranks networks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.errors import UserError

Groups = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By space and learning rate what ``prestudy`` found."""


def build(curves: Path, out: Path) -> Path:
    """Write ``prestudy.html`` and its figures; the page's path.

    Args:
        curves: the JSON file.
        out: folder; made if need be.

    Raises:
        UserError: the file is missing or not a pre-study's, or ``out`` cannot be written to.
    """
    from reports.page import render
    from reports.report import figure_files, write

    try:
        told = json.loads(curves.read_text(encoding="utf-8"))
        groups: dict[str, dict[str, Mapping[str, Any]]] = {}
        for one in told["groups"]:
            groups.setdefault(str(one["space"]), {})[f"{one['rate']:.12g}"] = one
        if not groups:
            raise ValueError("no groups")
        found = _page(curves.stem, told, groups)
    except OSError as error:
        raise UserError(f"cannot read {curves}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise UserError(f"{curves} is no pre-study: make one by python -m nasbench_sim.real prestudy") from error
    write(out, {**figure_files(found), "prestudy.html": render(found, {})})
    return out / "prestudy.html"


def _page(title: str, told: Mapping[str, Any], groups: Groups) -> Any:
    from reports import wording
    from reports.blocks import Page, Section, Text

    recipe = ", ".join(f"{name} {value}" for name, value in told["recipe"].items() if name != "learning_rate")
    about = f"Data: {told['data']} (sha256 {told['fingerprint']}). Device: {told['device']}. Recipe: {recipe}."
    count = sum(len(one["curves"]) for rates in groups.values() for one in rates.values())
    return Page(
        title=f"{title}: what to settle before a search",
        question="Which space, which learning rate, and after how many epochs can networks be ranked?",
        subtitle=f"{wording.count(len(groups), 'space')}, {wording.count(count, 'training')}",
        sections=[
            *(_section(space, rates) for space, rates in groups.items()),
            Section("methods", "Methods", "How this was made", [Text(about), Text(METHOD, "note")]),
        ],
    )


METHOD = (
    "The same random networks of a space are trained at every learning rate, one seed each. Fluctuation is the sum of "
    "all rises of the validation error from one epoch to the next over the sum of the falls from the first epoch to "
    "the best one. Spearman’s correlation compares networks of one space and rate after an epoch with the same at the "
    "end of the same training, so a short training with a learning rate of its own schedule may rank differently."
)


def _section(space: str, rates: Mapping[str, Mapping[str, Any]]) -> Any:
    from reports import wording
    from reports.blocks import Figure, Gallery, Section, Table
    from reports.figures.trainings import rankings, training_curves

    panels = {
        rate: np.array([[np.nan if error is None else error for error in network] for network in one["curves"]])
        for rate, one in rates.items()
    }
    name = wording.slug(space)
    curves = training_curves(f"curves-{name}", f"{space}, by learning rate", panels)
    ranks = rankings(f"ranks-{name}", f"{space}: what an epoch tells", {r: one["ranking"] for r, one in rates.items()})
    rows = []
    for rate, one in rates.items():
        enough = next((e for e, value in enumerate(one["ranking"], 1) if value is not None and value >= ENOUGH), None)
        rows.append(
            [
                rate,
                "–" if one["final"] is None else f"{100 * (1 - one['final']):.1f}",
                "–" if one["fluctuation"] is None else f"{one['fluctuation']:.2f}",
                str(one["failed"]),
                "–" if enough is None else str(enough),
                f"{one['seconds']:.0f}",
            ]
        )
    told = "; ".join(f"rate {row[0]}: accuracy {row[1]}% at the end, fluctuation {row[2]}" for row in rows)
    ranked = "; ".join(f"rate {row[0]}: {row[4]}" for row in rows)
    return Section(
        f"space-{name}",
        space,
        f"Networks of {space}",
        [
            Table(
                f"{len(next(iter(rates.values()))['curves'])} random networks at each learning rate",
                ["Learning rate", "Accuracy at the end, %", "Fluctuation", "Failed",
                 f"Epochs until the ranks correlate by {ENOUGH:g}", "Seconds in all"],
                rows,
            ),
            Gallery([Figure(f"curves-{name}", curves, f"Training curves: {told}.")], "Validation accuracy by epoch."),
            Gallery(
                [Figure(f"ranks-{name}", ranks, f"First epoch with a rank correlation of {ENOUGH:g}: {ranked}.")],
                "How well the error after an epoch ranks the networks as they are at the end.",
            ),
        ],
    )  # fmt: skip


ENOUGH = 0.8  # rank correlation from which an epoch is named


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status: 0, or 2 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m reports.prestudy", description=__doc__)
    parser.add_argument("curves", type=Path, help="what python -m nasbench_sim.real prestudy wrote")
    parser.add_argument("-o", "--out", type=Path, help="folder to write to; default: the file's name without its end")
    options = parser.parse_args(arguments)
    try:
        name = options.curves.stem if options.curves.suffix else f"{options.curves.name}-page"
        page = build(options.curves, options.out or options.curves.parent / name)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"report: {page}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
