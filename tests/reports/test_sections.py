"""What the parts of a page say: matrix, curves, targets, ranks, power, pairing, Holm; LaTeX; PDF."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reports
from nasbench_sim.trace import Trace
from reports import sections
from reports.blocks import Details, Gallery, Section, Table, Text
from reports.comparisons import compare_all
from reports.latex import comparisons, escape
from reports.results import Results, read
from reports.sections.matrix import shades
from reports.sections.ranks import rank
from reports.sections.targets import LADDER, runtimes
from reports.statistics import holm


def words(section: Section) -> str:
    """All text of a section but that in figures."""
    found: list[str] = []
    for outer in section.blocks:
        for block in outer.blocks if isinstance(outer, Details) else (outer,):
            if isinstance(block, Text):
                found.append(block.text)
            elif isinstance(block, Gallery):
                found += [block.caption, *(figure.alt for figure in block.figures)]
            elif isinstance(block, Table):
                found += [block.caption, *block.columns, *(f"{c.text} {c.note}" for row in block.cells for c in row)]
    return re.sub(r"\s+", " ", " ".join(found))


@pytest.fixture(scope="module")
def toy(made: tuple[Path, reports.Report]) -> Results:
    return read(made[0])


def test_the_parts_stand_in_the_order_in_which_a_reader_asks(made: tuple[Path, reports.Report]) -> None:
    names = re.findall(r'<section id="([^"]+)"', made[1].page.read_text("utf-8"))
    asked = ["answer", "matrix", "curves", "targets", "overall", "differences", "comparisons", "power", "methods",
             "provenance", "files"]  # fmt: skip
    assert [name for name in names if name in asked] == asked


def test_every_figure_is_there_as_svg_and_as_pdf_with_embedded_type(made: tuple[Path, reports.Report]) -> None:
    drawn = {path.stem for path in (made[0] / "figures").glob("*.svg")}
    printed = {path.stem for path in (made[0] / "figures").glob("*.pdf")}
    assert drawn == printed
    for path in (made[0] / "figures").glob("*.pdf"):
        content = path.read_bytes()
        assert content.startswith(b"%PDF")
        assert b"/Type3" not in content  # which papers' checks refuse
        assert b"CreationDate" not in content


def test_shades_run_from_the_worst_to_the_best_of_a_row() -> None:
    found = shades(np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 1.0], [np.nan, 2.0, 4.0]]))
    assert found[0].tolist() == [0, 1, 0.5]
    assert found[1].tolist() == [0, 0, 0]
    assert np.isnan(found[2, 0])
    assert found[2, 1:].tolist() == [1, 0]


def test_the_matrix_holds_the_means_at_the_end(toy: Results) -> None:
    told = words(sections.matrix(toy))
    last = [trace.held_out[trace.incumbent(np.inf), 0] - 0.04 for trace in toy.runs["toy/A1", "RS"]]
    assert f"A1: RS {100 * np.mean(last):.2f}" in told
    assert f"median {100 * np.median(last):.2f}" in told


def test_curves_name_their_statistic_and_band(toy: Results) -> None:
    section = sections.curves(toy, compare_all(toy))
    drawings = [b.figures for b in section.blocks if isinstance(b, Gallery)]
    assert "mean, 95% interval" in drawings[0][0].drawing.svg
    folded = next(b for b in section.blocks if isinstance(b, Details)).blocks[0]
    assert isinstance(folded, Gallery)
    assert "median, 95% interval" in folded.figures[0].drawing.svg
    assert "interquartile mean, 95% interval" in folded.figures[0].drawing.svg
    assert "Mean log10 of the regret" in words(section)


def test_targets_are_told_with_rates_times_and_tests(toy: Results) -> None:
    (section,), more = sections.targets(toy)
    told = words(section)
    assert "tasks are not resampled" in told
    assert "median" in told
    assert "log-rank" in told
    entry = more["targets"]["toy/A1"]["RS"][0]
    at = runtimes(toy.runs["toy/A1", "RS"], np.array([entry["target"]]))
    assert entry["reached"] == np.isfinite(at).sum()
    spent = [
        min(float(t), float(trace.about["seconds"]))
        for t, trace in zip(at[:, 0], toy.runs["toy/A1", "RS"], strict=True)
    ]
    expected = np.sum(spent) / entry["reached"] if entry["reached"] else np.inf
    assert entry["expected_seconds"] == pytest.approx(expected)
    assert len(LADDER) == 31


def test_tasks_without_a_regret_are_left_out_of_targets_and_named(generic: Any) -> None:
    results = read(generic.path)
    for key, traces in list(results.runs.items()):
        if key[0] == "toy/two":
            for old, path in zip(traces, (e[3] for e in generic.manifest["runs"] if tuple(e[:2]) == key), strict=True):
                about = {**old.about, "optimum_objectives": [None]}
                Trace(old.evaluation, old.seconds, old.codes, old.objectives, old.held_out, about).save(
                    generic.path / path
                )
    (section,), _ = sections.targets(read(generic.path))
    assert "Without two, whose best error is not known" in words(section)


def test_tasks_of_one_table_are_one_cluster_of_the_ranks(toy: Results, generic: Any) -> None:
    (section,), more = sections.overall(toy, compare_all(toy))
    assert "count as one cluster" in words(section)
    assert more["overall"]["ranks"]["critical_difference"] is None or np.isnan(
        more["overall"]["ranks"]["critical_difference"]
    )
    assert sum(more["overall"]["ranks"]["mean"].values()) == pytest.approx(1 + 2 + 3)
    for number, task in enumerate(generic.manifest["tasks"]):
        task["provenance"]["fingerprint"] = str(number)
    generic.write()
    assert rank(read(generic.path)).friedman.clusters is None


def test_power_tells_what_the_seeds_can_see(toy: Results) -> None:
    (section,) = sections.power(toy, compare_all(toy))
    told = words(section)
    assert "9 against 12 runs see d ≥ 1.31" in told  # of R: power.t.test has no unequal n; statsmodels gives 1.301
    assert "they come in clusters" in told
    assert "pairs to see it" in told


def test_holm_is_over_all_comparisons_of_the_suite(toy: Results) -> None:
    compared = compare_all(toy)
    assert [one.welch_holm for one in compared] == pytest.approx(holm([one.samples.welch_p for one in compared]))
    assert all(one.welch_holm >= one.samples.welch_p for one in compared)
    told = " ".join(block.text for block in sections.answer(toy, compared, []).blocks if isinstance(block, Text))
    decided = [one for one in compared if one.samples.verdict != "undecided"]
    assert ("Holm’s correction" in told) == bool(decided)


def test_unequal_seeds_are_paired_as_far_as_they_go_and_it_is_said(toy: Results) -> None:
    one = compare_all(toy)[0]
    assert (len(one.reference.seeds), len(one.method.seeds)) == (12, 9)
    assert one.paired.n + one.paired.undefined == 9
    assert one.pairing == "9 seeds in common; 3 of RS not paired"
    assert one.paired.clusters == 3
    assert "3 of RS not paired" in " ".join(text for _, text in sections.methods(toy, compare_all(toy)).blocks[0].items)
    shifted = type(one.method)(one.method.values, one.method.seeds + 100, one.method.cluster)
    apart = type(one)(
        one.task, one.comparison, one.at_seconds, one.metric, one.samples, one.distinct, one.reference, shifted
    )
    assert apart.pairing == "no seed in common: not paired"
    assert np.isnan(apart.paired.difference.low)
    assert "nothing to pair" in apart.paired.note


def test_latex_escapes_what_it_must(toy: Results) -> None:
    assert escape("a_b & 50% {x} #1 ~ ^ \\ <é>") == (
        r"a\_b \& 50\% \{x\} \#1 \textasciitilde{} \textasciicircum{} \textbackslash{} \textless{}?\textgreater{}"
    )
    text = comparisons(toy, compare_all(toy))
    assert text.isascii()
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    assert "clusters of dependent runs respected" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {row.count(" & ") for row in rows} == {6}


def test_latex_compiles(made: tuple[Path, reports.Report], tmp_path: Path) -> None:
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("needs pdflatex, to compile the tables")
    have = subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, text=True, check=False)
    if not have.stdout.strip():
        pytest.skip("needs the LaTeX package booktabs, to compile the tables")
    document = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{comparisons.tex}\\end{document}"
    shutil.copy(made[0] / "comparisons.tex", tmp_path)
    (tmp_path / "paper.tex").write_text(document)
    done = subprocess.run([latex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-1500:]
    assert "Overfull" not in done.stdout
    assert (tmp_path / "paper.pdf").is_file()


def test_fidelity_calls_equals_equal_and_tells_where_nothing_can_be_told() -> None:
    from reports.sections.fidelity import Agreement, _order, _ordered
    from reports.statistics import two_samples

    def agreement(table: list[float], trained: list[float]) -> Agreement:
        one, other = np.array(table), np.array(trained)
        return Agreement("RS", one, other, two_samples(one, other), (1.0, 1.0), (1.0, 1.0, 1.0))

    assert agreement([0.1, 0.1], [0.1, 0.1]).agrees is True
    assert agreement([0.1], [0.1]).agrees is None
    assert agreement([0.1, 0.2, 0.15], [0.12, 0.2, 0.1]).agrees is True
    assert agreement([0.1, 0.11, 0.1], [0.5, 0.51, 0.52]).agrees is False
    assert agreement([np.nan], [np.nan]).means == pytest.approx((np.nan, np.nan), nan_ok=True)
    assert _ordered(["a", "b", "c", "d"], np.array([2.5, 1.0, 2.5, np.nan])) == "b < a = c"
    assert np.isnan(_order([agreement([0.1, 0.1], [0.1, 0.1])] * 2)).all()
