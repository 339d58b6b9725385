"""Estimates and how sure they are: arrays in, numbers out, nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import nctdtr, ndtr, stdtr, stdtrit

Floats = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Mean:
    """A sample mean and how far it can be trusted.

    Attributes:
        n: values.
        mean: NaN without values.
        variance: of the mean, NaN where it cannot be estimated (one value, or one cluster).
        freedom: degrees of freedom of that variance.
        clusters: independent groups behind it; equal to ``n`` where every value is independent.
    """

    n: int
    mean: float
    variance: float
    freedom: float
    clusters: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's t interval of the mean."""
        return _interval(self.mean, self.variance, self.freedom, confidence)


@dataclass(frozen=True)
class TwoSamples:
    """A reference held against a method, both minimised; a positive difference means that the method is better.

    Attributes:
        n_reference: defined values of the reference.
        n_method: of the method.
        undefined_reference: values that were NaN, and are in no other figure.
        undefined_method: of the method.
        mean_reference: of the defined values.
        mean_method: of the defined values.
        difference: mean of the reference minus mean of the method.
        pooled_sd: root of the pooled variance.
        p_value: of Student's t-test, unpaired, two-sided, all values taken as independent.
        cohens_d: difference in pooled standard deviations.
        superiority: share of all pairs in which the method's value is the smaller one, ties counted half.
        superiority_normal: what a normal distribution of both would make of ``cohens_d``, Phi(d / sqrt 2).
        standard_error: of the difference, clusters respected.
        freedom: its degrees of freedom, by Welch and Satterthwaite.
        interval_low: of the difference.
        interval_high: of the difference.
        clusters_reference: clusters that the interval respects, None where the values are independent.
        clusters_method: of the method.
        note: what could not be computed, and why; empty where everything was.
    """

    n_reference: int
    n_method: int
    undefined_reference: int
    undefined_method: int
    mean_reference: float
    mean_method: float
    difference: float
    pooled_sd: float
    p_value: float
    cohens_d: float
    superiority: float
    superiority_normal: float
    standard_error: float
    freedom: float
    interval_low: float
    interval_high: float
    clusters_reference: int | None
    clusters_method: int | None
    note: str

    @property
    def verdict(self) -> str:
        """Of the method: "better" or "worse" where the interval excludes 0, otherwise "undecided"."""
        if self.interval_low > 0:
            return "better"
        return "worse" if self.interval_high < 0 else "undecided"


@dataclass(frozen=True)
class Curve:
    """Means over runs at a grid of times; NaN where too few runs have a value.

    Attributes:
        mean: ``float64[t]``.
        low: ``float64[t]``, of the interval of the mean.
        high: ``float64[t]``.
    """

    mean: Floats
    low: Floats
    high: Floats


def two_samples(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    clusters_reference: npt.ArrayLike | None = None,
    clusters_method: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> TwoSamples:
    """Compare two unpaired samples.

    The test and the effect size take all values as independent, which is how such comparisons are published.  The
    interval is Welch's; where clusters are given, the variance of that mean is the one between clusters.  With five
    clusters of five normal values against a hundred independent ones it covers 94% to 95%.

    Args:
        reference: ``float64[n]``; NaN is undefined, counted and left out.
        method: ``float64[m]``, likewise.
        clusters_reference: ``int64[n]``, values of one cluster are dependent; None: all are independent.
        clusters_method: ``int64[m]``, likewise.
        confidence: of the interval.
    """
    one, two = np.asarray(reference, np.float64), np.asarray(method, np.float64)
    group_one = None if clusters_reference is None else np.asarray(clusters_reference)[~np.isnan(one)]
    group_two = None if clusters_method is None else np.asarray(clusters_method)[~np.isnan(two)]
    undefined = int(np.isnan(one).sum()), int(np.isnan(two).sum())
    one, two = one[~np.isnan(one)], two[~np.isnan(two)]
    first, second = mean(one, group_one), mean(two, group_two)
    difference = first.mean - second.mean
    pooled, p_value, d = _students_t(one, two, difference)
    error, freedom = _welch(first, second)
    low, high = _interval(difference, error**2, freedom, confidence)
    return TwoSamples(
        n_reference=len(one),
        n_method=len(two),
        undefined_reference=undefined[0],
        undefined_method=undefined[1],
        mean_reference=first.mean,
        mean_method=second.mean,
        difference=difference,
        pooled_sd=pooled,
        p_value=p_value,
        cohens_d=d,
        superiority=superiority(one, two),
        superiority_normal=float(ndtr(d / np.sqrt(2))),
        standard_error=error,
        freedom=freedom,
        interval_low=low,
        interval_high=high,
        clusters_reference=None if group_one is None else first.clusters,
        clusters_method=None if group_two is None else second.clusters,
        note=_note(first, second, pooled),
    )


def mean(values: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> Mean:
    """Mean of independent values, or of values that are dependent within clusters.

    With k clusters of n_c values and means m_c the variance is ``k / (k - 1) * sum((n_c / n)^2 (m_c - m)^2)`` with
    k - 1 degrees of freedom; for clusters of one size this is the variance of the cluster means divided by k.

    Args:
        values: ``float64[n]``, without NaN.
        clusters: ``int64[n]``, or None where all values are independent.
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    if n == 0:
        return Mean(0, np.nan, np.nan, np.nan, 0)
    centre = float(x.mean())
    if clusters is None:
        variance = _variance(x) / n
        return Mean(n, centre, variance, float(n - 1), n)
    _, place, size = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    k = len(size)
    if k == 1:
        return Mean(n, centre, np.nan, 0.0, 1)
    deviations = np.bincount(place, x - centre) / n  # (n_c / n) (m_c - m)
    variance = 0.0 if np.ptp(x) == 0 else float(k / (k - 1) * (deviations**2).sum())
    return Mean(n, centre, variance, float(k - 1), k)


def superiority(reference: npt.ArrayLike, method: npt.ArrayLike) -> float:
    """Share of pairs in which the method's value is below the reference's, ties counted half; NaN without pairs.

    The probability of superiority, or Mann and Whitney's U over the number of pairs.
    """
    one, two = np.sort(np.asarray(reference, np.float64)), np.asarray(method, np.float64)
    if not len(one) or not len(two):
        return float("nan")
    above = len(one) - np.searchsorted(one, two, side="right")
    not_below = len(one) - np.searchsorted(one, two, side="left")
    return float((above + not_below).mean() / (2 * len(one)))


def curve(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    share: float = 1.0,
) -> Curve:
    """Mean over runs at each time, with its interval.

    Args:
        values: ``float64[runs, t]``; NaN where a run has no value yet.
        clusters: ``int64[runs]`` as in ``mean``; None: runs are independent.
        confidence: of the interval.
        share: of the runs that must have a value for the mean to be defined; by default all.
    """
    table = np.asarray(values, np.float64)
    runs, times = table.shape
    defined = ~np.isnan(table)
    enough = defined.sum(axis=0) >= max(1, int(np.ceil(share * runs - 1e-9)))
    result = np.full((3, times), np.nan)
    groups = None if clusters is None else np.asarray(clusters)
    for column in np.flatnonzero(enough):
        there = defined[:, column]
        estimate = mean(table[there, column], None if groups is None else groups[there])
        result[:, column] = estimate.mean, *estimate.interval(confidence)
    return Curve(*result)


def detectable_effect(n_reference: float, n_method: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest Cohen's d that a two-sided unpaired t-test finds with that power.

    Args:
        n_reference: values of one sample; need not be whole, for effective sizes.
        n_method: of the other.
        power: to reach.
        alpha: level of the test.
    """
    low, high = 0.0, 0.125
    while not power_of_test(high, n_reference, n_method, alpha) >= power:
        low, high = high, 2 * high
    for _ in range(60):  # bisection: power grows with the effect
        middle = (low + high) / 2
        low, high = (low, middle) if power_of_test(middle, n_reference, n_method, alpha) >= power else (middle, high)
    return high


def power_of_test(effect: float, n_reference: float, n_method: float, alpha: float = 0.05) -> float:
    """Power of a two-sided unpaired t-test against Cohen's d ``effect``, by the noncentral t distribution."""
    freedom = n_reference + n_method - 2
    shift = effect * np.sqrt(n_reference * n_method / (n_reference + n_method))
    critical = stdtrit(freedom, 1 - alpha / 2)
    return float(1 - nctdtr(freedom, shift, critical) + nctdtr(freedom, shift, -critical))


def design_effect(values: npt.ArrayLike, clusters: npt.ArrayLike) -> float:
    """Variance of the mean with clusters respected, over the one that takes all values as independent; NaN where 0."""
    x = np.asarray(values, np.float64)
    clusters = np.asarray(clusters)[~np.isnan(x)]
    x = x[~np.isnan(x)]
    naive = mean(x).variance
    return float(mean(x, clusters).variance / naive) if naive > 0 else float("nan")


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN for fewer than two values or without spread."""
    a, b = ranks(x), ranks(y)
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def spearman_p(correlation: float, n: int) -> float:
    """Two-sided p-value of a rank correlation of n pairs, by the t approximation."""
    if n < 3 or np.isnan(correlation):
        return float("nan")
    if abs(correlation) >= 1:
        return 0.0
    return float(2 * stdtr(n - 2, -abs(correlation) * np.sqrt((n - 2) / (1 - correlation**2))))


def ranks(values: npt.ArrayLike) -> Floats:
    """Ranks from 1, ties at their mean, ``float64[n]``."""
    _, place, size = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return np.asarray((last - (size - 1) / 2)[place])


def _students_t(one: Floats, two: Floats, difference: float) -> tuple[float, float, float]:
    """Pooled standard deviation, p-value and Cohen's d; NaN where they cannot be computed."""
    freedom = len(one) + len(two) - 2
    if not len(one) or not len(two) or freedom < 1:
        return (np.nan,) * 3
    squares = sum(_variance(x) * (len(x) - 1) for x in (one, two) if len(x) > 1)
    pooled = float(np.sqrt(squares / freedom))
    if pooled == 0:
        return 0.0, np.nan, np.nan
    t = difference / (pooled * np.sqrt(1 / len(one) + 1 / len(two)))
    return pooled, float(2 * stdtr(freedom, -abs(t))), difference / pooled


def _welch(one: Mean, two: Mean) -> tuple[float, float]:
    """Standard error of a difference of means, and its degrees of freedom (Satterthwaite 1946)."""
    variance = one.variance + two.variance
    if not variance > 0:
        return (np.nan, np.nan)
    return float(np.sqrt(variance)), float(
        variance**2 / (one.variance**2 / one.freedom + two.variance**2 / two.freedom)
    )


def _interval(centre: float, variance: float, freedom: float, confidence: float) -> tuple[float, float]:
    half = float(stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(variance)) if freedom > 0 else np.nan
    return centre - half, centre + half


def _variance(x: Floats) -> float:
    """Unbiased; exactly 0 for equal values, whatever their mean is rounded to."""
    if len(x) < 2:
        return float("nan")
    return 0.0 if np.ptp(x) == 0 else float(x.var(ddof=1))


def _note(one: Mean, two: Mean, pooled: float) -> str:
    for who, sample in (("reference", one), ("method", two)):
        if sample.n == 0:
            return f"the {who} has no defined value: there is nothing to compare"
    for who, sample in (("reference", one), ("method", two)):
        if sample.n == 1:
            return f"the {who} has one value: its spread, and so the interval, is unknown"
        if np.isnan(sample.variance):
            return f"all values of the {who} are of one cluster: the spread between clusters is unknown"
    if pooled == 0:
        return "neither sample varies: there is no spread to judge the difference by"
    if one.variance + two.variance == 0:
        return "the means of all clusters are equal: there is no spread to judge the difference by"
    return ""
