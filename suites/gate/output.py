"""A build's verdicts for readers: the terminal, a markdown summary, JUnit XML and GitHub's annotations."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from nasbench_sim.errors import UserError
from suites.gate.baseline import Baseline
from suites.gate.compare import Cell, Outcome
from suites.gate.verdicts import Kind, Verdict

HEADLINE = {
    Kind.UNCHANGED: "pass: every run is the baseline's, step by step",
    Kind.NOT_WORSE: "pass: no cell is worse than the baseline by the margin",
    Kind.REGRESSED: "regressed",
    Kind.INCONCLUSIVE: "inconclusive: the most seeds that the suite declares do not decide every cell",
}


def headline(outcome: Outcome) -> str:
    """The build in one line."""
    kind = outcome.kind
    named = [str(cell) for cell, verdict in outcome.cells.items() if verdict.kind is kind]
    which = f": {', '.join(named)}" if kind is Kind.REGRESSED else ""
    return f"{HEADLINE[kind]}{which}"


def explanation(baseline: Baseline) -> str:
    """What the figures mean."""
    gate = baseline.gate
    return (
        f"Harm is the mean difference in log-regret, paired by seed, in standard deviations of the baseline (margin "
        f"{gate.margin:g}). Its lower bound holds at {1 - gate.alpha:.0%} for all cells and looks together, its upper "
        f"bound at {1 - gate.alpha:.0%} for all looks of a cell. Regret is floored at {gate.floor:g}."
    )


def table(outcome: Outcome) -> list[list[str]]:
    """One row a cell, the worst first."""
    order = [Kind.REGRESSED, Kind.INCONCLUSIVE, Kind.NOT_WORSE, Kind.UNCHANGED]
    cells = sorted(outcome.cells.items(), key=lambda item: order.index(item[1].kind))
    return [
        [cell.task, cell.strategy, cell.budget, verdict.kind.value, str(verdict.seeds), _harm(verdict), _ratio(verdict)]
        for cell, verdict in cells
    ]


COLUMNS = ("task", "strategy", "budget", "verdict", "seeds", "harm [bounds], sd", "regret")


def terminal(outcome: Outcome) -> Iterator[str]:
    """Aligned lines."""
    rows = [list(COLUMNS), *table(outcome)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    for cell, verdict in outcome.cells.items():
        if verdict.note and verdict.kind is not Kind.UNCHANGED:
            yield f"{cell}: {verdict.note}"


def markdown(outcome: Outcome, baseline: Baseline, changes: Sequence[str]) -> str:
    """A summary as GitHub shows it on a pull request."""
    rows = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    rows += ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in table(outcome)]
    notes = [f"- {change}" for change in changes]
    return "\n".join(
        [
            f"## Quality gate, {baseline.suite}: {headline(outcome)}",
            "",
            *rows,
            "",
            explanation(baseline),
            f"{outcome.runs} runs were made.",
            *(["", *notes] if notes else []),
            "",
        ]
    )


def junit(outcome: Outcome, baseline: Baseline, seconds: float) -> str:
    """JUnit XML: one test case a cell; what is inconclusive fails too, under its own type."""
    failures = [v for v in outcome.cells.values() if v.kind in (Kind.REGRESSED, Kind.INCONCLUSIVE)]
    suite = ElementTree.Element(
        "testsuite",
        name=f"quality gate {baseline.suite}",
        tests=str(len(outcome.cells)),
        failures=str(len(failures)),
        errors="0",
        skipped="0",
        time=f"{seconds:.3f}",
    )
    for cell, verdict in outcome.cells.items():
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"{baseline.suite}.{cell.task}", name=f"{cell.strategy} at {cell.budget}"
        )
        if verdict in failures:
            ElementTree.SubElement(case, "failure", type=verdict.kind.value, message=sentence(cell, verdict))
        else:
            ElementTree.SubElement(case, "system-out").text = sentence(cell, verdict)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def workflow_commands(outcome: Outcome, path: Path) -> Iterator[str]:
    """GitHub's workflow commands, one for each cell that is not a pass, on the baseline's file."""
    levels = {Kind.REGRESSED: "error", Kind.INCONCLUSIVE: "warning"}
    for cell, verdict in outcome.cells.items():
        if verdict.kind in levels:
            file, title = (_property(text) for text in (path.as_posix(), f"{verdict.kind.value}: {cell}"))
            yield f"::{levels[verdict.kind]} file={file},title={title}::{_data(sentence(cell, verdict))}"


def sentence(cell: Cell, verdict: Verdict) -> str:
    """A cell's verdict in words."""
    text = f"{cell}: {verdict.kind.value} after {verdict.seeds} seeds"
    if not math.isnan(verdict.harm) and verdict.kind is not Kind.UNCHANGED:
        text += f", harm {_harm(verdict)} sd of log-regret, regret {_ratio(verdict)}"
    return f"{text}; {verdict.note}" if verdict.note else text


def save(path: Path, text: str) -> None:
    """Write beside and rename.

    Raises:
        UserError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)


def _harm(verdict: Verdict) -> str:
    if verdict.kind is Kind.UNCHANGED:
        return "exactly 0"
    if math.isnan(verdict.harm):
        return "undefined"
    low = "none" if verdict.low == -math.inf else f"{verdict.low:+.2f}"
    return f"{verdict.harm:+.2f} [{low}, {verdict.high:+.2f}]"


def _ratio(verdict: Verdict) -> str:
    return "" if math.isnan(verdict.ratio) else f"x{verdict.ratio:.2f}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
