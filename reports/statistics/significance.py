"""Tests of two unpaired samples, two-sided: Student's, Welch's, Mann and Whitney's, and by permutation.

All take cluster labels, and the name in the answer says when they were used.  NaN is left out and counted.  Samples
that are empty, single or without spread have no p-value; the note says why.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import logit, stdtr

from reports.statistics.effects import placements, superiority_estimate
from reports.statistics.estimates import Clusters, Floats, Significance, defined, mean, welch, why_unknown

PERMUTATIONS = 4_999  # drawn, where all of them are more


def students_t(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    clusters_reference: npt.ArrayLike | None = None,
    clusters_method: npt.ArrayLike | None = None,
) -> Significance:
    """Student's t-test (1908): independent values of one variance.

    It has no counterpart for clusters, since single values and cluster means have no common variance to pool: with
    labels the test is Welch's, and the answer says so.
    """
    if clusters_reference is not None or clusters_method is not None:
        return welchs_t(reference, method, clusters_reference, clusters_method)
    one, _, gone = defined(reference, None)
    two, _, gone_too = defined(method, None)
    note = why_unknown(mean(one), mean(two)) or _constant(one, two)
    if note:
        return Significance("Student’s t", np.nan, np.nan, len(one) + len(two), None, note)
    found = stats.ttest_ind(one, two)
    return _told("Student’s t", found.statistic, found.pvalue, len(one) + len(two), None, gone + gone_too)


def welchs_t(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    clusters_reference: npt.ArrayLike | None = None,
    clusters_method: npt.ArrayLike | None = None,
) -> Significance:
    """Welch's t-test (1947); with clusters each mean's variance is the one between them (see ``mean``)."""
    one, group_one, gone = defined(reference, clusters_reference)
    two, group_two, gone_too = defined(method, clusters_method)
    first, second = mean(one, group_one), mean(two, group_two)
    clusters = _clusters(one, two, group_one, group_two)
    name = "Welch’s t" + _respected(clusters)
    error, freedom = welch(first, second)
    note = why_unknown(first, second) or _constant(one, two)
    if note or np.isnan(error):
        note = note or "the means of all clusters are equal: there is no spread to judge by"
        return Significance(name, np.nan, np.nan, len(one) + len(two), clusters, note)
    t = (first.mean - second.mean) / error
    return _told(name, t, float(2 * stdtr(freedom, -abs(t))), len(one) + len(two), clusters, gone + gone_too)


def mann_whitney(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    clusters_reference: npt.ArrayLike | None = None,
    clusters_method: npt.ArrayLike | None = None,
) -> Significance:
    """Mann and Whitney's U (1947): exact for small samples without ties, otherwise normal with ties corrected for.

    With clusters it is the test of superiority = 1/2 on the logit scale with the variance between clusters, that is
    Brunner and Munzel's (2000) with Obuchowski's variance (1997); the statistic is then t, otherwise U of the
    reference.  It does not take the two spreads to be equal, as U without clusters does.
    """
    one, group_one, gone = defined(reference, clusters_reference)
    two, group_two, gone_too = defined(method, clusters_method)
    n, clusters = len(one) + len(two), _clusters(one, two, group_one, group_two)
    name = "Mann-Whitney U" if clusters is None else "Brunner-Munzel, clusters respected"
    if not len(one) or not len(two):
        return Significance(name, np.nan, np.nan, n, clusters, why_unknown(mean(one), mean(two)))
    if note := _constant(one, two):
        return Significance(name, np.nan, np.nan, n, clusters, note)
    if clusters is None:
        found = stats.mannwhitneyu(one, two)
        return _told(name, found.statistic, found.pvalue, n, None, gone + gone_too)
    estimate = superiority_estimate(one, two, group_one, group_two)
    if estimate.method == "Clopper-Pearson":  # no overlap: every one of so many independent pairs was decided alike
        return Significance(name, np.nan, min(1.0, 2 * 0.5**_independent(one, two, group_one, group_two)), n, clusters,
                            "the samples do not overlap: sign test of as many independent pairs")  # fmt: skip
    if estimate.note:
        return Significance(name, np.nan, np.nan, n, clusters, estimate.note)
    error, freedom = welch(mean(placements(two, one), group_one), mean(placements(one, two), group_two))
    t = float(logit(estimate.value)) * estimate.value * (1 - estimate.value) / error
    return _told(name, t, float(2 * stdtr(freedom, -abs(t))), n, clusters, gone + gone_too)


def permutation(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    clusters_reference: npt.ArrayLike | None = None,
    clusters_method: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Significance:
    """Permutation test of the difference of means (Fisher 1935; Pitman 1937); whole clusters change sides, if any.

    All arrangements where there are at most ``PERMUTATIONS``, otherwise as many drawn by a generator of that seed,
    the observed one counted among them.  With clusters the statistic is divided by its standard error, without which
    clusters and single values could not be exchanged (Janssen 1997; Chung and Romano 2013).
    """
    one, group_one, gone = defined(reference, clusters_reference)
    two, group_two, gone_too = defined(method, clusters_method)
    n, clusters = len(one) + len(two), _clusters(one, two, group_one, group_two)
    name = "permutation of " + ("runs" if clusters is None else "whole clusters, studentised")
    note = _constant(one, two) if len(one) and len(two) else why_unknown(mean(one), mean(two))
    if note:
        return Significance(name, np.nan, np.nan, n, clusters, note)
    (sums_one, sizes_one), (sums_two, sizes_two) = _totals(one, group_one), _totals(two, group_two)
    sums, sizes = np.concatenate([sums_one, sums_two]), np.concatenate([sizes_one, sizes_two])

    def difference(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64], axis: int = -1) -> Floats:
        first, second = (sums[side].sum(axis) / sizes[side].sum(axis) for side in (left, right))
        if clusters is None:
            return np.asarray(first - second)
        variance = sum(_between(sums[side], sizes[side], axis) for side in (left, right))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((first - second) / np.sqrt(variance))

    places = np.arange(len(sums))
    if min(len(sums_one), len(sums_two)) < 2:
        note = f"one sample is a single {'run' if clusters is None else 'cluster'}: there is nothing to exchange it in"
        return Significance(name, np.nan, np.nan, n, clusters, note)
    found = stats.permutation_test(
        (places[: len(sums_one)], places[len(sums_one) :]), difference, vectorized=True, axis=-1,
        n_resamples=PERMUTATIONS, batch=2_000, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return _told(name, found.statistic, found.pvalue, n, clusters, gone + gone_too)


def _totals(values: Floats, clusters: Clusters | None) -> tuple[Floats, Floats]:
    """Sum and size of each cluster; of each value where they are independent."""
    if clusters is None:
        return values, np.ones(len(values))
    _, place, size = np.unique(clusters, return_inverse=True, return_counts=True)
    return np.bincount(place, values).astype(np.float64), size.astype(np.float64)


def _between(sums: Floats, sizes: Floats, axis: int) -> Floats:
    """Variance of the mean between clusters, as in ``mean``."""
    k, n = sums.shape[axis], sizes.sum(axis, keepdims=True)
    deviations = (sums - sizes * sums.sum(axis, keepdims=True) / n) / n
    return np.asarray(k / (k - 1) * (deviations**2).sum(axis))


def _constant(one: Floats, two: Floats) -> str:
    if len(one) and len(two) and np.ptp(one) == 0 == np.ptp(two):
        if one[0] == two[0]:
            return "all values are equal: there is nothing to test"
        return "neither sample varies: there is no spread to judge the difference by"
    return ""


def _clusters(one: Floats, two: Floats, group_one: Clusters | None, group_two: Clusters | None) -> int | None:
    """Independent groups of both samples together; None where no labels were given."""
    if group_one is None and group_two is None:
        return None
    return sum(len(x) if group is None else len(np.unique(group)) for x, group in ((one, group_one), (two, group_two)))


def _independent(one: Floats, two: Floats, group_one: Clusters | None, group_two: Clusters | None) -> int:
    counts = (len(x) if group is None else len(np.unique(group)) for x, group in ((one, group_one), (two, group_two)))
    return min(counts)


def _respected(clusters: int | None) -> str:
    return "" if clusters is None else ", clusters respected"


def _told(name: str, statistic: float, p_value: float, n: int, clusters: int | None, undefined: int) -> Significance:
    note = f"{undefined} undefined left out" if undefined else ""
    return Significance(name, float(statistic), float(p_value), n, clusters, note)
