"""The comparisons as LaTeX tables, for the package booktabs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.comparisons import METRICS, Compared
from reports.results import Comparison, Results
from reports.wording import slug

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "−": "$-$", "–": "--", "’": "'", "…": r"\dots{}", "“": "``", "”": "''",
}  # fmt: skip


def comparisons(results: Results, compared: Sequence[Compared]) -> str:
    """One table for each comparison; differences in points.  Without comparisons a comment says so."""
    head = f"% Comparisons of the suite {escape(str(results.manifest['suite']))}; needs \\usepackage{{booktabs}}.\n"
    groups = [(c, [one for one in compared if one.comparison == c]) for c in results.comparisons]
    if not compared:
        return head + "% The suite makes no comparison.\n"
    return head + "\n".join(_table(comparison, group, len(compared)) for comparison, group in groups)


def escape(text: str) -> str:
    """Text that LaTeX sets as it is; what is in no ASCII font becomes a question mark."""
    return "".join(SPECIAL.get(letter, letter if letter.isascii() else "?") for letter in text)


def _table(comparison: Comparison, group: Sequence[Compared], family: int) -> str:
    reference, method = escape(comparison.reference), escape(comparison.method)
    at = "at one-shot" if comparison.at == "one-shot" else "at the end of the runs"
    quantity = " and ".join(sorted({METRICS[one.metric] for one in group}))
    clusters = any(one.samples.clusters_reference or one.samples.clusters_method for one in group)
    dependent = ", clusters of dependent runs respected" if clusters else ""
    caption = (
        f"{reference} minus {method} {at}, in points of {quantity}; positive: {method} is better. Welch's 95\\% "
        f"intervals{dependent}; $p$ of Welch's test adjusted by Holm over all {family} comparisons; $g$: Hedges' $g$; "
        f"$A$: probability of superiority; $n$: runs of {reference} and {method}. Bold: significant after Holm."
    )
    name = slug(f"{comparison.reference}-{comparison.method}").lower()
    lines = [
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{caption}}}",
        f"\\label{{tab:{name}-{'one-shot' if comparison.at == 'one-shot' else 'end'}}}",
        r"\begin{tabular}{lrcrrrr}",
        r"\toprule",
        r"Task & Difference & 95\% interval & $p$ (Holm) & $g$ & $A$ & $n$ \\",
        r"\midrule",
        *(_row(one) for one in group),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(one: Compared) -> str:
    s = one.samples
    cells = [
        escape(one.task.label),
        _number(100 * s.difference, bold=one.welch_holm < 0.05),
        f"[{_number(100 * s.interval_low)}, {_number(100 * s.interval_high)}]" if np.isfinite(s.interval_low) else "--",
        _p(one.welch_holm),
        _number(one.hedges_g.value),
        _number(s.superiority, sign=False),
        f"{s.n_reference}, {s.n_method}",
    ]
    return " & ".join(cells) + r" \\"


def _number(value: float, sign: bool = True, bold: bool = False) -> str:
    if not np.isfinite(value):
        return "--"
    text = f"{value:+.2f}" if sign else f"{value:.2f}"
    text = "0.00" if float(text) == 0 else text
    return rf"$\mathbf{{{text}}}$" if bold else f"${text}$"


def _p(value: float) -> str:
    if not np.isfinite(value):
        return "--"
    return "$<0.001$" if value < 0.001 else f"${value:.3f}$"
