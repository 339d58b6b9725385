"""Set two suites' output folders side by side: ``python -m reports.compare A B``.

Where both ran a strategy on a task, the page says what differs in B, with intervals, paired by seed where both have the
seed.  Folders of two versions of a strategy, of the engine or of a table are meant to be compared so; the page lists
what else differs between them.  For a verdict that fails a build use ``python -m suites.regress``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_sim.errors import UserError

if TYPE_CHECKING:
    from reports.side_by_side import Beside

COLUMNS = (
    "task", "strategy", "metric", "n_a", "n_b", "common_seeds", "mean_a", "mean_b", "difference", "interval_low",
    "interval_high", "method", "clusters", "p_value", "p_holm", "verdict", "note",
)  # fmt: skip
FILES = {"compare.csv": "every cell in full precision; regrets as fractions"}


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        page: path of ``compare.html``.
        verdict: table for the terminal.
    """

    page: Path
    verdict: str


def compare(a: Path, b: Path, out: Path) -> Made:
    """Compare two output folders, and write ``compare.html``, ``compare.csv`` and figures.

    Args:
        a: the reference's folder.
        b: the other.
        out: where to write; made if need be.

    Raises:
        UserError: no suite's folder, runs missing or damaged, nothing in common, or ``out`` cannot be written to.
    """
    # Imported here so that `--help` is fast.
    from reports import compared_page
    from reports.page import render
    from reports.report import figure_files, write
    from reports.results import read
    from reports.side_by_side import side_by_side
    from reports.tables import as_csv

    first, second = read(Path(a)), read(Path(b))
    cells = side_by_side(first, second)
    found = compared_page.page(first, second, cells)
    files: dict[str, str | bytes] = {
        "compare.csv": as_csv(COLUMNS, (_row(one) for one in cells)),
        **figure_files(found),
        "compare.html": render(found, FILES),
    }
    write(Path(out), files)
    return Made(Path(out) / "compare.html", compared_page.terminal(cells))


def _row(one: Beside) -> dict[str, Any]:
    found = one.difference
    return {
        "task": one.task.name,
        "strategy": one.strategy.name,
        "metric": one.metric,
        "n_a": one.samples.n_reference,
        "n_b": one.samples.n_method,
        "common_seeds": one.common,
        "mean_a": one.samples.mean_reference,
        "mean_b": one.samples.mean_method,
        "difference": found.value,
        "interval_low": found.low,
        "interval_high": found.high,
        "method": found.method,
        "clusters": found.clusters,
        "p_value": one.p_value,
        "p_holm": one.p_holm,
        "verdict": one.verdict,
        "note": found.note,
    }


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status: 0, or 2 for a user's mistake."""
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m reports.compare", description=summary)
    parser.add_argument("a", type=Path, metavar="A", help="output folder of a suite, the reference")
    parser.add_argument("b", type=Path, metavar="B", help="output folder of a suite, held against it")
    parser.add_argument("--out", type=Path, default=Path("results") / "compare", help="default: results/compare")
    options = parser.parse_args(arguments)
    try:
        made = compare(options.a, options.b, options.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(made.verdict)
    print(f"page: {made.page}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
