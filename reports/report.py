"""From a suite's output folder to its report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nasbench_sim.errors import UserError

DATA = {
    "comparisons.csv": "every comparison in full precision; regrets as fractions",
    "published.csv": "every published figure beside the one found here",
    "summary.json": "all of the page’s numbers, for programs",
}


@dataclass(frozen=True)
class Report:
    """What was made.

    Attributes:
        page: path of ``report.html``.
        verdict: table for the terminal.
    """

    page: Path
    verdict: str


def build(out: Path) -> Report:
    """Make the report of a suite from what is stored in its output folder, and write it there.

    Writes ``report.html``, ``comparisons.csv``, ``published.csv``, ``summary.json`` and ``figures/*.svg``.  The same
    runs give the same bytes.

    Args:
        out: the suite's output folder.

    Raises:
        UserError: no suite's folder, runs missing or damaged, or the folder cannot be written to.
    """
    # Imported here so that `import reports` stays light.
    from reports import pages, tables, wording
    from reports.comparisons import compare_all
    from reports.page import render
    from reports.published import beside
    from reports.results import read

    out = Path(out)
    results = read(out)
    compared = compare_all(results)
    cells = beside(results, compared)
    page, more = pages.page(results, compared, cells)
    files = {
        "comparisons.csv": tables.comparisons_csv(results.manifest["suite"], compared),
        "published.csv": tables.published_csv(cells),
        "summary.json": tables.summary_json(results, compared, cells, more),
        **{f"figures/{figure.name}.svg": figure.svg for figure in page.figures},
    }
    files["report.html"] = render(page, DATA)
    _write(out, files)
    told = {
        (cell.compared.task.name, cell.compared.comparison.reference, cell.compared.comparison.method): cell.published
        for cell in cells
        if cell.compared is not None
    }
    return Report(out / "report.html", wording.terminal(compared, told))


def _write(out: Path, files: dict[str, str]) -> None:
    try:
        (out / "figures").mkdir(exist_ok=True)
        for name, content in files.items():
            path = out / name
            partial = path.with_name(f".{path.name}.{os.getpid()}.part")
            try:
                partial.write_text(content, encoding="utf-8", newline="\n")
                os.replace(partial, path)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write the report to {out}: {error.strerror}; copy the folder to where you may"
        ) from error
