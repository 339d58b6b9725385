"""One figure over several benchmarks.

The resampled units are the seeds of each benchmark (stratified bootstrap), never the benchmarks: an interval here holds
for these benchmarks only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.statistics.effects import superiority
from reports.statistics.estimates import Clusters, Estimate, Floats
from reports.statistics.resampling import REPETITIONS, draws, percentile_interval

STRATIFIED = "stratified bootstrap over the seeds of each benchmark"
TRIMMED = 0.25  # of the values on each side, that an interquartile mean leaves out


@dataclass(frozen=True)
class Profile:
    """Share of runs at or below each threshold, mean over benchmarks.

    Attributes:
        thresholds: ``float64[t]``.
        share: ``float64[t]``.
        low: ``float64[t]``, of the pointwise interval.
        high: ``float64[t]``.
        method: how the interval was made.
        clusters: that it respects (of the benchmark with fewest); None: all runs are independent.
    """

    thresholds: Floats
    share: Floats
    low: Floats
    high: Floats
    method: str
    clusters: int | None


def interquartile_mean(
    values: Sequence[npt.ArrayLike],
    clusters: Sequence[npt.ArrayLike | None] | None = None,
    confidence: float = 0.95,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Estimate:
    """Mean of the middle half of all runs of all benchmarks (Agarwal et al., NeurIPS 2021), by stratified bootstrap.

    Values at the quartiles count in part, so that it is defined for any number of them; for multiples of four it is
    ``scipy.stats.trim_mean(values, 0.25)``.  Simulated with two benchmarks of 10 or 25 runs it covers 94% to 97% for
    normal, lognormal and zero-inflated values, with two of 5 clusters of 5 normal values 94% to 95%.

    Args:
        values: ``float64[n]`` of each benchmark, in one unit; NaN is left out and counted.
        clusters: ``int64[n]`` of each benchmark, or None: independent.
        confidence: of the interval.
        repetitions: of the bootstrap.
        seed: of the bootstrap.
    """
    tables, labels, undefined = _strata(values, clusters)
    note = f"{undefined} undefined left out" if undefined else ""
    number = _fewest_clusters(labels)
    if not all(len(x) for x in tables) or not tables:
        why = "a benchmark has no defined value"
        return Estimate(np.nan, np.nan, np.nan, confidence, 0, number, STRATIFIED, why)
    pooled = np.concatenate(tables)
    value = float(_middle(pooled, np.ones((1, len(pooled))))[0])
    independent = _independent(tables, labels)
    if np.ptp(pooled) == 0 or min(independent) < 2:
        why = "all values are equal" if np.ptp(pooled) == 0 else "a benchmark has one run, or one cluster of them"
        return Estimate(value, np.nan, np.nan, confidence, len(pooled), number, STRATIFIED, f"{why}: no interval")
    rng = np.random.default_rng(seed)
    weights = np.hstack([draws(len(x), own, repetitions, rng) for x, own in zip(tables, labels, strict=True)])
    low, high = percentile_interval(_middle(pooled, weights), independent, confidence)
    return Estimate(value, float(low), float(high), confidence, len(pooled), number, STRATIFIED, note)


def performance_profile(
    values: Sequence[npt.ArrayLike],
    thresholds: npt.ArrayLike,
    clusters: Sequence[npt.ArrayLike | None] | None = None,
    confidence: float = 0.95,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Profile:
    """Share of runs at or below each threshold, mean over benchmarks (Agarwal et al. 2021; Dolan and More 2002).

    Pointwise intervals by stratified bootstrap; simulated with two benchmarks of 25 runs they cover 94% to 97% for
    shares from 0.1 to 0.9, with two of 10 runs 96% to 98% in the middle but only 85% to 88% for shares of 0.1 and 0.9.
    A share of exactly 0 or 1 has an interval of no width, which says nothing.

    Args:
        values: ``float64[n]`` of each benchmark, in one unit; NaN is above every threshold.
        thresholds: ``float64[t]``.
        clusters: ``int64[n]`` of each benchmark, or None: independent.
        confidence: of the interval.
        repetitions: of the bootstrap.
        seed: of the bootstrap.
    """
    limits = np.asarray(thresholds, np.float64)
    labels = [None] * len(values) if clusters is None else list(clusters)
    rng = np.random.default_rng(seed)
    share, resampled, independent = np.zeros(len(limits)), np.zeros((repetitions, len(limits))), []
    for one, own in zip(values, labels, strict=True):
        below = (np.asarray(one, np.float64)[:, None] <= limits).astype(np.float64)
        weights = draws(len(below), own, repetitions, rng)
        share += below.mean(axis=0) / len(labels)
        resampled += weights @ below / weights.sum(axis=1, keepdims=True) / len(labels)
        independent.append(len(below) if own is None else len(np.unique(np.asarray(own))))
    low, high = percentile_interval(resampled, independent, confidence)
    fewest = min((n for n, own in zip(independent, labels, strict=True) if own is not None), default=None)
    return Profile(limits, share, low, high, STRATIFIED, fewest)


def probability_of_improvement(
    reference: Sequence[npt.ArrayLike],
    method: Sequence[npt.ArrayLike],
    clusters_reference: Sequence[npt.ArrayLike | None] | None = None,
    clusters_method: Sequence[npt.ArrayLike | None] | None = None,
    confidence: float = 0.95,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Estimate:
    """Probability of superiority of the method, mean over benchmarks (Agarwal et al. 2021), by stratified bootstrap.

    Simulated with two benchmarks of 10 against 10 or 25 against 25 runs it covers 96% to 98% for normal, lognormal and
    zero-inflated values, with 5 clusters of 5 against 100 94% to 97%.  Where the method wins every pair (or none) the
    interval has no width, and the note says so.

    Args:
        reference: ``float64[n]`` of each benchmark; NaN is left out and counted.
        method: ``float64[m]`` of each benchmark, likewise.
        clusters_reference: ``int64[n]`` of each benchmark, or None: independent.
        clusters_method: likewise.
        confidence: of the interval.
        repetitions: of the bootstrap.
        seed: of the bootstrap.
    """
    ones, labels_one, undefined_one = _strata(reference, clusters_reference)
    twos, labels_two, undefined_two = _strata(method, clusters_method)
    undefined, number = undefined_one + undefined_two, _fewest_clusters([*labels_one, *labels_two])
    n = min(sum(map(len, ones)), sum(map(len, twos)))
    if not ones or not all(len(x) for x in (*ones, *twos)):
        why = "a benchmark has no defined value"
        return Estimate(np.nan, np.nan, np.nan, confidence, 0, number, STRATIFIED, why)
    rng = np.random.default_rng(seed)
    value, resampled = 0.0, np.zeros(repetitions)
    for one, two, own, other in zip(ones, twos, labels_one, labels_two, strict=True):
        wins = (two[None] < one[:, None]) + (two[None] == one[:, None]) / 2
        left, right = draws(len(one), own, repetitions, rng), draws(len(two), other, repetitions, rng)
        value += superiority(one, two) / len(ones)
        resampled += ((left @ wins) * right).sum(axis=1) / (left.sum(axis=1) * right.sum(axis=1)) / len(ones)
    # Degrees of freedom of the sample that has fewer independent values: never too many.
    independent = min(_independent(ones, labels_one), _independent(twos, labels_two), key=sum)
    low, high = percentile_interval(resampled, independent, confidence)
    note = f"{undefined} undefined left out" if undefined else ""
    if np.ptp(resampled) == 0:
        note = "no pair of runs decides otherwise: the interval has no width and says nothing"
    return Estimate(value, float(low), float(high), confidence, n, number, STRATIFIED, note)


def _middle(values: Floats, weights: Floats) -> Floats:
    """Interquartile mean of weighted values, for each row of weights."""
    order = np.argsort(values)
    upto = np.cumsum(weights[:, order], axis=1)
    total = upto[:, -1:]
    inside = np.clip(upto, TRIMMED * total, (1 - TRIMMED) * total)
    counted = np.diff(inside, axis=1, prepend=TRIMMED * total)
    return np.asarray((counted * values[order]).sum(axis=1) / ((1 - 2 * TRIMMED) * total[:, 0]))


def _strata(
    values: Sequence[npt.ArrayLike], clusters: Sequence[npt.ArrayLike | None] | None
) -> tuple[list[Floats], list[Clusters | None], int]:
    tables, labels, undefined = [], [], 0
    for one, own in zip(values, [None] * len(values) if clusters is None else clusters, strict=True):
        x = np.asarray(one, np.float64)
        there = ~np.isnan(x)
        tables.append(x[there])
        labels.append(None if own is None else np.asarray(own)[there])
        undefined += int((~there).sum())
    return tables, labels, undefined


def _independent(tables: Sequence[Floats], labels: Sequence[Clusters | None]) -> list[int]:
    return [len(x) if own is None else len(np.unique(own)) for x, own in zip(tables, labels, strict=True)]


def _fewest_clusters(labels: Sequence[Clusters | None]) -> int | None:
    counts = [len(np.unique(own)) for own in labels if own is not None]
    return min(counts) if counts else None
