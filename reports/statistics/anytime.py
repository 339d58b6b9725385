"""Runs as they go: curves over time with their bands, and the area under them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import stdtrit

from reports.statistics.estimates import Floats, mean, means

Band = tuple[Floats, Floats, Floats]
TRIMMED = 0.25


@dataclass(frozen=True)
class Curve:
    """What runs have reached at a grid of times; NaN where too few runs have a value.

    Attributes:
        centre: ``float64[t]``, the statistic over runs.
        low: ``float64[t]``, of its interval.
        high: ``float64[t]``.
        statistic: "mean", "median" or "interquartile mean".
        band: what the interval is, for a legend.
        clusters: that the interval respects (of the benchmark with fewest); None: all runs are independent.
    """

    centre: Floats
    low: Floats
    high: Floats
    statistic: str = "mean"
    band: str = "95% interval"
    clusters: int | None = None


def curve(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    share: float = 1.0,
    statistic: str = "mean",
) -> Curve:
    """A statistic over runs at each time, with its pointwise interval; the resampled unit is the run, or its cluster.

    Mean: Student's t, clusters respected; it covers, and fails to cover, what ``Mean.interval`` does.  Median: order
    statistics, whatever the distribution, at least the nominal level (96% with 25 runs, 98% with 10); with clusters
    Woodruff's interval (1952), 95% with 5 clusters of 5, where it exists (they may share too much for one).
    Interquartile mean: winsorised variance (Tukey and McLaughlin 1963), 94% to 95% with 25 runs that are normal,
    lognormal or zero-inflated, 93% to 96% with 10, 94% with 5 clusters of 5.

    Args:
        values: ``float64[runs, t]``; NaN where a run has no value yet.
        clusters: ``int64[runs]`` as in ``mean``; None: runs are independent.
        confidence: of the interval.
        share: of the runs that must have a value for the statistic to be defined; by default all.
        statistic: "mean", "median" or "interquartile mean".

    Returns:
        With NaN for bounds that do not exist: of one run, of one cluster, of the median of fewer than six runs.
    """
    table = np.asarray(values, np.float64)
    runs, times = table.shape
    defined = ~np.isnan(table)
    enough = np.flatnonzero(defined.sum(axis=0) >= max(1, int(np.ceil(share * runs - 1e-9))))
    found = np.full((3, times), np.nan)
    groups = None if clusters is None else np.asarray(clusters)
    if len(enough):
        patterns, place = np.unique(defined[:, enough], axis=1, return_inverse=True)
        for number, there in enumerate(patterns.T):  # columns in which the same runs have a value, at once
            columns = enough[place.ravel() == number]
            block = table[np.ix_(there, columns)]
            found[:, columns] = CENTRES[statistic](block, None if groups is None else groups[there], confidence)
    centre, low, high = found
    count = None if groups is None else len(np.unique(groups))
    return Curve(centre, low, high, statistic, f"{100 * confidence:g}% interval", count)


def stratified_curve(
    values: Sequence[npt.ArrayLike],
    clusters: Sequence[npt.ArrayLike | None] | None = None,
    confidence: float = 0.95,
) -> Curve:
    """Mean of the benchmarks' mean curves, each weighing the same, with the interval that their seeds leave.

    The variances of the benchmarks' means add up, degrees of freedom by Satterthwaite (1946).

    Args:
        values: ``float64[runs, t]`` of each benchmark, without NaN; t is common.
        clusters: ``int64[runs]`` of each benchmark, or None: independent.
        confidence: of the interval.
    """
    labels = [None] * len(values) if clusters is None else list(clusters)
    parts = [means(np.asarray(one, np.float64), own) for one, own in zip(values, labels, strict=True)]
    count = len(parts)
    centre = np.mean([middle for middle, _, _ in parts], axis=0)
    terms = np.stack([between / count**2 for _, between, _ in parts])
    total = terms.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / sum(term**2 / f for term, (_, _, f) in zip(terms, parts, strict=True))
        half = np.where(total > 0, stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(total), total)
    fewest = min((len(np.unique(np.asarray(own))) for own in labels if own is not None), default=None)
    return Curve(centre, centre - half, centre + half, "mean", f"{100 * confidence:g}% interval", fewest)


def log_area(values: npt.ArrayLike, seconds: npt.ArrayLike, floor: float) -> Floats:
    """Area under each run's log-regret curve, as its mean over log time: mean log10 of the regret, lower is better.

    A run at 0.01 for the first half of the (log) time and at 0.001 for the other has -2.5.  Values stand until the next
    time.  Hand the areas of two strategies to ``two_samples`` or ``paired``: a difference of 1 is a factor of ten.

    Args:
        values: ``float64[runs, t]``, regrets; a run with a NaN has no area.
        seconds: ``float64[t]``, ascending, positive; the last one only ends the curve.
        floor: regrets below it count as it, since 0 has no logarithm; to be declared beforehand.

    Returns:
        ``float64[runs]``.
    """
    regrets, width = np.asarray(values, np.float64), np.diff(np.log(np.asarray(seconds, np.float64)))
    if not width.sum() > 0:
        return np.full(len(regrets), np.nan)
    return np.asarray(np.log10(np.maximum(regrets[:, :-1], floor)) @ width / width.sum())


def _mean(block: Floats, clusters: npt.ArrayLike | None, confidence: float) -> Band:
    centre, between, freedom = means(block, clusters)
    half = stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(between) if freedom > 0 else between
    return centre, centre - half, centre + half


def _median(block: Floats, clusters: npt.ArrayLike | None, confidence: float) -> Band:
    n = len(block)
    ordered, centre = np.sort(block, axis=0), np.median(block, axis=0)
    none = np.full(len(centre), np.nan)
    if clusters is None:
        first = int(stats.binom.ppf((1 - confidence) / 2, n, 0.5))  # from 1; 0: there is no such value
        return (centre, ordered[first - 1], ordered[n - first]) if first else (centre, none, none)
    low, high = none.copy(), none.copy()
    for column, values in enumerate(block.T):
        below = mean((values < centre[column]) + (values == centre[column]) / 2, clusters)
        half = stdtrit(below.freedom, (1 + confidence) / 2) * np.sqrt(below.variance) if below.freedom > 0 else np.nan
        if half < 0.5:
            low[column], high[column] = np.quantile(values, [0.5 - half, 0.5 + half])
    return centre, low, high


def _interquartile_mean(block: Floats, clusters: npt.ArrayLike | None, confidence: float) -> Band:
    n = len(block)
    cut = int(TRIMMED * n)
    ordered = np.sort(block, axis=0)
    weights = np.clip(np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) - TRIMMED * n, 0, 1)
    centre = weights @ ordered / weights.sum()
    winsorised = np.clip(block, ordered[cut], ordered[n - cut - 1])
    _, between, freedom = means(winsorised, clusters)
    freedom = min(freedom, n - 2 * cut - 1)
    half = stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(between) / (1 - 2 * TRIMMED) if freedom > 0 else between
    return centre, centre - half, centre + half


CENTRES: dict[str, Callable[[Floats, npt.ArrayLike | None, float], Band]] = {
    "mean": _mean,
    "median": _median,
    "interquartile mean": _interquartile_mean,
}
