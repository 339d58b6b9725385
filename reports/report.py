"""From a suite's output folder to its report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_sim.errors import UserError

if TYPE_CHECKING:
    from reports.blocks import Page

DATA = {
    "comparisons.csv": "every comparison in full precision; regrets as fractions",
    "published.csv": "every published figure beside the one found here",
    "comparisons.tex": "the comparisons as LaTeX tables, for \\usepackage{booktabs}",
    "summary.json": "all of the page’s numbers, for programs; its fields are explained in reports/summary_schema.md",
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

    Writes ``report.html``, ``comparisons.csv``, ``comparisons.tex``, ``published.csv``, ``summary.json`` (explained in
    ``summary_schema.md``) and ``figures/*`` as SVG and PDF.  The same runs give the same bytes.

    Args:
        out: the suite's output folder.

    Raises:
        UserError: no suite's folder, runs missing or damaged, or the folder cannot be written to.
    """
    # Imported here so that `import reports` stays light.
    from reports import hpo, latex, pages, sections, tables, wording
    from reports.comparisons import compare_all
    from reports.page import render
    from reports.published import beside
    from reports.results import read

    out = Path(out)
    results = read(out)
    compared = compare_all(results)
    cells = beside(results, compared)
    page, more = pages.page(results, compared, cells)
    files: dict[str, str | bytes] = {
        "comparisons.csv": tables.comparisons_csv(results.manifest["suite"], compared),
        "comparisons.tex": latex.comparisons(results, compared),
        "published.csv": tables.published_csv(cells),
        "summary.json": tables.summary_json(results, compared, cells, more),
        **figure_files(page),
    }
    files["report.html"] = render(page, DATA)
    write(out, files)
    told = {
        (cell.compared.task.name, cell.compared.comparison.reference, cell.compared.comparison.method): cell.published
        for cell in cells
        if cell.compared is not None
    }
    verdict = hpo.terminal(results, more) or wording.terminal(compared, told)
    agreement = sections.fidelity_terminal(more)
    return Report(out / "report.html", "\n".join(filter(None, (agreement, verdict))))


def figure_files(page: Page) -> dict[str, str | bytes]:
    """Every figure of a page as SVG and PDF, by the name of its file."""
    return {
        f"figures/{figure.name}.{ending}": content
        for figure in page.figures
        for ending, content in (("svg", figure.drawing.svg), ("pdf", figure.drawing.pdf))
    }


def write(out: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files into a folder, each beside and renamed.

    Raises:
        UserError: it cannot be written to.
    """
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = out / name
            partial = path.with_name(f".{path.name}.{os.getpid()}.part")
            try:
                partial.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
                os.replace(partial, path)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write the report to {out}: {error.strerror}; copy the folder to where you may"
        ) from error
