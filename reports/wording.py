"""Numbers and verdicts in words, the same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reports.comparisons import METRICS, Compared
from reports.statistics import TwoSamples

COUNTED = 10**12  # up to here numbers are written out
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 2, sign: bool = False) -> str:
    """A number with a real minus sign; an en dash where there is none."""
    if not np.isfinite(value):
        return "–" if np.isnan(value) else ("∞" if value > 0 else "−∞")
    text = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = f"{0:.{digits}f}"
    return text.replace("-", "−")


def points(value: float, sign: bool = True) -> str:
    """A fraction as points (x 100) with two digits."""
    return number(100 * value, 2, sign)


def interval(low: float, high: float, scale: float = 100.0) -> str:
    """An interval, by default in points."""
    if np.isnan(low) or np.isnan(high):
        return "–"
    return f"{number(scale * low, 2, True)} to {number(scale * high, 2, True)}"


def p_value(value: float) -> str:
    """A p-value with two digits, as published; very small ones as a bound."""
    if np.isnan(value):
        return "–"
    return "< 0.005" if value < 0.005 else number(value)


def exact_p(value: float) -> str:
    """A p-value with three digits, for where two are too few; very small ones as a bound."""
    if np.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else number(value, 3)


def hours(seconds: float) -> str:
    """Simulated seconds as hours."""
    return f"{number(seconds / 3600, 1)} h"


def count(amount: int, noun: str) -> str:
    """How many of something."""
    return f"{size(amount)} {noun}{'' if amount == 1 else 's'}"


def size(configurations: int) -> str:
    """How many configurations a space has; beyond what can be counted out, about how many."""
    if configurations < COUNTED:
        return f"{configurations:,}"
    exponent = len(str(configurations)) - 1
    return f"about {configurations / 10**exponent:.1f} × 10{str(exponent).translate(RAISED)}"


def slug(name: str) -> str:
    """The name as part of a file's name."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def listing(parts: Sequence[str]) -> str:
    """Parts as an English list."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def unit(metric: str) -> str:
    """What a difference in points is a difference of."""
    named = {"regret": "test accuracy", "error": "observed accuracy", "hypervolume_regret": "hypervolume"}
    return named.get(metric, "validation accuracy")


def sentence(compared: Sequence[Compared], names: Mapping[str, str], subject: str = "") -> str:
    """What the comparisons of one task say, in one sentence per reference.

    Args:
        compared: comparisons of one task.
        names: how a reference is called.
        subject: what all methods have in common ("weight sharing"), if anything.
    """
    sentences = []
    for reference in dict.fromkeys(one.comparison.reference for one in compared):
        group = [one for one in compared if one.comparison.reference == reference]
        clauses = []
        for verdict in ("better", "worse", "undecided"):
            here = [one for one in group if one.samples.verdict == verdict]
            if here:
                clauses.append(_clause(verdict, here, names.get(reference, reference), subject))
        text = "; ".join(clauses)
        sentences.append(text[:1].upper() + text[1:] + ".")
    return " ".join(sentences)


def _clause(verdict: str, group: Sequence[Compared], reference: str, subject: str) -> str:
    if verdict == "undecided":
        amounts = [f"{points(one.samples.difference)} points with {one.comparison.method}" for one in group]
        return f"undecided against {reference}: {listing(amounts)}"
    amounts = [points(abs(one.samples.difference), sign=False) for one in group]
    methods = [one.comparison.method for one in group]
    verb = "beats" if verdict == "better" else "does worse than"
    of = f"points of {unit(group[0].metric)}"
    if not subject and len(group) == 1:
        return f"{methods[0]} {verb} {reference} by {amounts[0]} {of}"
    first, *others = [f"{amount} with {method}" for amount, method in zip(amounts, methods, strict=True)]
    first = first.replace(" with", f" {of} with", 1)
    who = subject or ("the method" if len(group) == 1 else listing(methods))
    if not subject:
        verb = "beat" if verdict == "better" else "do worse than"
    return f"{who} {verb} {reference} by {listing([first, *others])}"


def overall(compared: Sequence[Compared]) -> str:
    """How often each method is better, worse and undecided, in one sentence per comparison."""
    sentences = []
    for comparison in dict.fromkeys(one.comparison for one in compared):
        words = [one.samples.verdict for one in compared if one.comparison == comparison]
        better, worse, undecided = (words.count(word) for word in ("better", "worse", "undecided"))
        text = f"{comparison.method} beats {comparison.reference} on {better} of {count(len(words), 'task')}"
        rest = [f"does worse on {worse}"] * (worse > 0) + [f"{undecided} stay undecided"] * (undecided > 1)
        rest += ["one stays undecided"] * (undecided == 1)
        sentences.append(f"{text}; {' and '.join(rest)}." if rest else f"{text}.")
    return " ".join(sentences)


def detail(one: Compared) -> str:
    """The figures behind one comparison."""
    s = one.samples
    text = (
        f"{one.comparison.method} against {one.comparison.reference}: {points(s.difference)} points "
        f"(95% interval {interval(s.interval_low, s.interval_high)}); "
        f"the better one in {number(100 * s.superiority, 0)}% of all pairs of runs"
    )
    text += f"; {s.note}" if s.note else ""
    return text + ("" if one.stands else f"; not after Holm’s correction, p = {exact_p(one.welch_holm)}")


def remarks(one: Compared) -> str:
    """What qualifies a comparison's numbers of runs: undefined values, and few different outcomes."""
    s = one.samples
    found = [
        f"{undefined} {who} undefined"
        for who, undefined in (
            (one.comparison.reference, s.undefined_reference),
            (one.comparison.method, s.undefined_method),
        )
        if undefined
    ]
    if s.n_method >= 4 and one.distinct <= s.n_method / 2:
        found.append(count(one.distinct, "outcome"))
    return "\n".join(found)


def disagreement(samples: TwoSamples) -> bool:
    """Whether the normal conversion of the effect size misses the measured superiority by more than 0.04."""
    return bool(abs(samples.superiority - samples.superiority_normal) > 0.04)


def terminal(compared: Sequence[Compared], published: dict[tuple[str, str, str], float]) -> str:
    """The verdict table: a block for each comparison, in it one line for each task."""
    blocks = []
    width = max((len(one.task.label) for one in compared), default=0)
    for comparison in dict.fromkeys(one.comparison for one in compared):
        group = [one for one in compared if one.comparison == comparison]
        at = comparison.at if comparison.at == "one-shot" else "the end"
        lines = [
            f"{comparison.reference} - {comparison.method} at {at}: 100 x {METRICS[group[0].metric]}, "
            "positive = method better"
        ]
        for one in group:
            s = one.samples
            key = one.task.name, comparison.reference, comparison.method
            told = f"  published {number(published[key], 2, True)}" if key in published else ""
            lines.append(
                f"  {one.task.label:{width}}  {_verdict(one):{_longest(group)}}  {points(s.difference):>7}  "
                f"[{points(s.interval_low):>6}, {points(s.interval_high):>6}]  "
                f"p {p_value(s.p_value):>7}  d {number(s.cohens_d, 2, True):>6}{told}"
            )
        blocks.append("\n".join(lines))
    return "\n".join(blocks).replace("−", "-").replace("–", "-").replace("∞", "inf")


def _verdict(one: Compared) -> str:
    word = {"better": "beats", "worse": "is worse than"}.get(one.samples.verdict)
    method, reference = one.comparison.method, one.comparison.reference
    return f"{method} {word} {reference}" if word else f"{method} or {reference}: undecided"


def _longest(group: Sequence[Compared]) -> int:
    return max(len(_verdict(one)) for one in group)
