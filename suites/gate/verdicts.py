"""Has a cell got worse?  From paired log-regrets to one of four verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from suites.gate.boundaries import levels, students_quantile
from suites.gate.declaration import Gate

Floats = npt.NDArray[np.float64]

ROUNDING = 1e-9  # standard deviations: what another machine's logarithm may make of the same run
SPARSE = 10  # pairs that differ, below which Student's t is not trusted


class Kind(StrEnum):
    """What can be said of a cell."""

    UNCHANGED = "unchanged"
    NOT_WORSE = "not worse"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Verdict:
    """On one cell after its last look.

    Attributes:
        kind: of verdict.
        seeds: pairs that it took.
        harm: mean of candidate minus baseline log-regret, in standard deviations of the baseline; above 0 is worse.
        low: lower bound of the harm, for all cells and looks together.
        high: upper bound of the harm, for all looks of this cell.
        ratio: geometric mean of the regrets, candidate over baseline.
        note: what else there is to say.
    """

    kind: Kind
    seeds: int
    harm: float
    low: float
    high: float
    ratio: float
    note: str = ""


def log_regret(regrets: npt.ArrayLike, floor: float) -> Floats:
    """``log(max(regret, floor))``, natural; NaN stays NaN."""
    return np.log(np.maximum(np.asarray(regrets, np.float64), floor))


def unchanged(seeds: int) -> Verdict:
    """Every run is the baseline's, step by step: nothing is estimated."""
    return Verdict(Kind.UNCHANGED, seeds, 0.0, 0.0, 0.0, 1.0, "every trajectory is the baseline's")


def judge(baseline: Floats, candidate: Floats, look: int, cells: int, gate: Gate) -> Verdict:
    """The verdict at one look.

    The bounds are repeated confidence bounds (Jennison and Turnbull 1989) of a mean of paired differences by
    Student's t.  The lower one is split evenly over the cells (Bonferroni).  The upper one is not: a build passes
    only if every cell does, and such an intersection-union test needs no correction (Berger 1982).

    Where a change leads to other random numbers, pairs are as good as unpaired, and under no change their differences
    are symmetric whatever the skewness of the regrets: t keeps its level.  Simulated over all five looks from 60 to
    240, 10,000 times, the nominal 5% were 4.6% to 5.1% for both bounds, and the nominal 0.56% of the lower one for
    nine cells were 0.4% to 0.7%, with normal regrets, lognormal regrets, log-regrets skewed by 6 to either side, and
    60% or 90% of the runs at the floor; with 97% at the floor the upper bound's 5% were 7.5%.  It fails where
    baseline and candidate have one mean but shapes far apart: normal log-regrets against ones skewed by 6 made 14%
    and 13% of 5%.  Corrections for skewness (Hall 1992) mend that at the price of false alarms without any change
    (7% of 5%), and are therefore not made.

    Super-nets are part of a task and the same for baseline and candidate: the verdict is about these.

    With fewer than ten pairs that differ there is no lower bound, and the upper bound is an exact one for the share
    of such pairs (Clopper and Pearson 1934) times the largest harm that a pair shows or the baseline spans.

    Args:
        baseline: ``float64[N]``, log-regrets of all stored seeds, in the order of their seeds.
        candidate: ``float64[n]``, of the first n of these seeds.
        look: index into ``gate.looks``; its levels are used.
        cells: judged together in this build.
        gate: the declaration.
    """
    n = len(candidate)
    undefined = int(np.isnan(candidate).sum())
    if undefined:
        note = f"{undefined} of {n} runs end without a regret (NaN); every run of the baseline has one"
        return Verdict(Kind.REGRESSED, n, np.nan, np.nan, np.nan, np.nan, note)
    scale = float(baseline.std(ddof=1))
    differences = (candidate - baseline[:n]) / scale
    differences[np.abs(differences) < ROUNDING] = 0.0
    harm = float(differences.mean())
    error = float(differences.std(ddof=1)) / np.sqrt(n)
    at_low = levels(gate.looks, gate.alpha / cells)[look]
    at_high = levels(gate.looks, gate.alpha)[look]
    low = harm - students_quantile(n, at_low) * error
    high = harm + students_quantile(n, at_high) * error
    note = ""
    differing = int(np.count_nonzero(differences))
    if differing < SPARSE:
        low = -np.inf
        share = float(betaincinv(differing + 1, n - differing, 1 - at_high)) if differing < n else 1.0
        high = max(high, share * max(float(np.ptp(baseline)) / scale, float(differences.max())))
        note = f"{differing} of {n} runs differ in regret"
    kind = Kind.INCONCLUSIVE
    if low > 0 and harm > gate.margin / 2:
        kind = Kind.REGRESSED
    elif high < gate.margin:
        kind = Kind.NOT_WORSE
    return Verdict(kind, n, harm, low, high, float(np.exp(harm * scale)), note)


def sequentially(baseline: Floats, candidate: Floats, cells: int, gate: Gate) -> Verdict:
    """The verdict with which a cell leaves, all of whose values are known beforehand; what calibration repeats.

    Args:
        baseline: ``float64[N]``.
        candidate: ``float64[N]``.
        cells: as in ``judge``.
        gate: as in ``judge``.
    """
    for look, seeds in enumerate(gate.looks):
        verdict = judge(baseline, candidate[:seeds], look, cells, gate)
        if verdict.kind is not Kind.INCONCLUSIVE:
            break
    return verdict


def build(verdicts: Sequence[Verdict]) -> Kind:
    """Of a whole build: its worst cell."""
    kinds = {verdict.kind for verdict in verdicts}
    for kind in (Kind.REGRESSED, Kind.INCONCLUSIVE, Kind.NOT_WORSE):
        if kind in kinds:
            return kind
    return Kind.UNCHANGED
