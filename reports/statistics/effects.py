"""Sizes of effects between two unpaired samples, each with its interval; positive: the method is better (smaller)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, gammaln, nctdtrinc, ndtr

from reports.statistics.estimates import (
    Estimate,
    Floats,
    defined,
    fewest,
    mean,
    t_interval,
    variance,
    welch,
    why_unknown,
)


def cohens_d(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    clusters_reference: npt.ArrayLike | None = None,
    clusters_method: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Difference of means in pooled standard deviations (Cohen 1988).

    The interval turns the noncentral t distribution round (Steiger and Fouladi 1997), which is exact for normal values
    of one variance.  With clusters it is d +- t sqrt(v / s^2 + d^2 / 2f), where v is the variance of the difference
    with clusters respected and f = n + m - 2 (after Hedges 2007).  Simulated with 25 against 100, 25 against
    25 and 50 against 25 values, the first the worse by d = 0.2 to 0.5, it covers 95% for normal values whichever the
    sizes.  For skewed values, whose spread grows with them, it is NOT RELIABLE: 90%, 95% and 98% for lognormal values
    (sigma 1) and for those of which 30% are 0; prefer ``superiority_estimate``.  With five clusters of five normal
    values against 100 it covers 93% to 95%.

    Args:
        reference: ``float64[n]``; NaN is left out.
        method: ``float64[m]``, likewise.
        clusters_reference: ``int64[n]``, or None: independent.
        clusters_method: ``int64[m]``, likewise.
        confidence: of the interval.

    Returns:
        Without interval, and with a note, for one run, one cluster or samples that do not vary.
    """
    one, group_one, _ = defined(reference, clusters_reference)
    two, group_two, _ = defined(method, clusters_method)
    first, second = mean(one, group_one), mean(two, group_two)
    clusters = fewest(first, second, (group_one is not None, group_two is not None))
    how = "noncentral t" if clusters is None else "delta method, clusters respected"
    n, freedom = min(len(one), len(two)), len(one) + len(two) - 2
    note = why_unknown(first, second)
    squares = sum(variance(x) * (len(x) - 1) for x in (one, two) if len(x) > 1)
    pooled = float(np.sqrt(squares / freedom)) if freedom > 0 and len(one) and len(two) else np.nan
    if pooled == 0:
        note = note or "neither sample varies: there is no spread to measure the difference by"
    d = (first.mean - second.mean) / pooled if pooled > 0 else np.nan
    if note:
        return Estimate(d, np.nan, np.nan, confidence, n, clusters, how, note)
    if clusters is None:
        scale = np.sqrt(1 / len(one) + 1 / len(two))
        low, high = (float(scale * shift) for shift in _noncentrality(d / scale, freedom, confidence))
    else:
        error, degrees = welch(first, second)
        low, high = t_interval(d, (error / pooled) ** 2 + d**2 / (2 * freedom), degrees, confidence)
    return Estimate(d, low, high, confidence, n, clusters, how)


def hedges_g(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    clusters_reference: npt.ArrayLike | None = None,
    clusters_method: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Cohen's d without its bias in small samples: times the exact J(n + m - 2) of Hedges (1981), as is its interval.

    Arguments, degenerate input and coverage as for ``cohens_d``.
    """
    d = cohens_d(reference, method, clusters_reference, clusters_method, confidence)
    both = sum(int((~np.isnan(np.asarray(x, np.float64))).sum()) for x in (reference, method))
    j = small_sample_factor(both - 2)
    return Estimate(j * d.value, j * d.low, j * d.high, confidence, d.n, d.clusters, d.method, d.note)


def small_sample_factor(freedom: float) -> float:
    """J = Gamma(f / 2) / (sqrt(f / 2) Gamma((f - 1) / 2)) (Hedges 1981, eq. 6e); NaN for f < 2, where d has no mean."""
    if freedom < 2:
        return float("nan")
    return float(np.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2))


def superiority(reference: npt.ArrayLike, method: npt.ArrayLike) -> float:
    """Share of pairs in which the method's value is below the reference's, ties counted half; NaN without pairs.

    The probability of superiority, or Mann and Whitney's U over the number of pairs.
    """
    one, two = np.asarray(reference, np.float64), np.asarray(method, np.float64)
    return float(placements(one, two).mean()) if len(one) and len(two) else float("nan")


def superiority_estimate(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    clusters_reference: npt.ArrayLike | None = None,
    clusters_method: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """``superiority`` with its interval, which needs no distribution of a certain form.

    Variance from the placements of each value among the other sample (DeLong, DeLong and Clarke-Pearson 1988; Brunner
    and Munzel 2000, with their degrees of freedom), between clusters where there are any (Obuchowski 1997); the
    interval is made on the logit scale.  Simulated with 100 against 25 and with 25 against 25 values it covers 95% to
    97% for normal, lognormal and zero-inflated values and superiorities from 0.5 to 0.86, with 10 against 10 98% to
    99% (too wide), with five clusters of five normal values against 100 94% to 95%.

    Where the samples do not overlap the placements have no spread; then n pairs of independent values, n being the
    size (or number of clusters) of the smaller sample, were all decided alike, and the bound is that of Clopper and
    Pearson (1934), which is safe.  The note says so.

    Args:
        reference: ``float64[n]``; NaN is left out.
        method: ``float64[m]``, likewise.
        clusters_reference: ``int64[n]``, or None: independent.
        clusters_method: ``int64[m]``, likewise.
        confidence: of the interval.
    """
    one, group_one, _ = defined(reference, clusters_reference)
    two, group_two, _ = defined(method, clusters_method)
    n = min(len(one), len(two))
    how = "logit of placements" + ("" if group_one is None and group_two is None else ", clusters respected")
    if n == 0:
        who = "method" if len(one) else "reference"
        note = f"the {who} has no defined value: there is nothing to compare"
        return Estimate(np.nan, np.nan, np.nan, confidence, 0, None, how, note)
    above = placements(one, two)  # of each method's value: share of the reference above it
    first, second = mean(1 - placements(two, one), group_one), mean(above, group_two)
    clusters = fewest(first, second, (group_one is not None, group_two is not None))
    value = float(above.mean())
    if value in (0.0, 1.0):
        independent = min(first.clusters, second.clusters)
        bound = float(((1 - confidence) / 2) ** (1 / independent))
        low, high = (bound, 1.0) if value else (0.0, 1 - bound)
        note = "the samples do not overlap: the bound is Clopper and Pearson’s for as many decided pairs"
        return Estimate(value, low, high, confidence, n, clusters, "Clopper-Pearson", note)
    note = why_unknown(first, second)
    error, freedom = welch(first, second)
    if not note and np.isnan(error):
        note = "all placements are equal: there is no spread to make an interval of"
    scale = value * (1 - value)
    bounds = t_interval(float(np.log(value / (1 - value))), (error / scale) ** 2, freedom, confidence)
    low, high = (float(1 / (1 + np.exp(-bound))) for bound in bounds)
    return Estimate(value, low, high, confidence, n, clusters, how, note)


def cliffs_delta(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    clusters_reference: npt.ArrayLike | None = None,
    clusters_method: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Share of pairs in which the method is better minus share in which it is worse (Cliff 1993).

    It is 2 ``superiority_estimate`` - 1, and so are its interval, its coverage and its degenerate cases.
    """
    found = superiority_estimate(reference, method, clusters_reference, clusters_method, confidence)
    value, low, high = (2 * x - 1 for x in (found.value, found.low, found.high))
    return Estimate(value, low, high, confidence, found.n, found.clusters, found.method, found.note)


def superiority_by_normal(d: float) -> float:
    """Phi(d / sqrt 2), the superiority of two normal samples of one variance that are d apart; the papers' conversion.

    For skewed values it misses what is measured: with lognormal or zero-inflated regrets 0.04 to 0.08 are common.
    """
    return float(ndtr(d / np.sqrt(2)))


def placements(among: Floats, values: Floats) -> Floats:
    """For each value the share of ``among`` above it, ties counted half, ``float64[len(values)]``."""
    ordered = np.sort(among)
    above = len(ordered) - np.searchsorted(ordered, values, side="right")
    not_below = len(ordered) - np.searchsorted(ordered, values, side="left")
    return np.asarray((above + not_below) / (2 * len(ordered)))


def _noncentrality(t: float, freedom: float, confidence: float) -> tuple[float, float]:
    """Noncentralities at which the observed t is at the upper and at the lower end of what is likely."""
    if t < 0:
        low, high = _noncentrality(-t, freedom, confidence)
        return -high, -low
    levels = (1 + confidence) / 2, (1 - confidence) / 2
    if t > 20 * np.sqrt(2 * freedom):  # only the spread of the standard deviation is left
        low, high = (float(t * np.sqrt(chdtri(freedom, level) / freedom)) for level in levels)
    else:
        low, high = (float(nctdtrinc(freedom, level, t)) for level in levels)
    return low, high
