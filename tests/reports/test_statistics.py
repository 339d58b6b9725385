"""Estimates against independent implementations, degenerate input, and what the intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from reports.statistics import (
    curve,
    design_effect,
    detectable_effect,
    mean,
    power_of_test,
    ranks,
    spearman,
    spearman_p,
    superiority,
    two_samples,
)

SAMPLES = arrays(
    np.float64, st.integers(3, 30), elements=st.integers(-50, 50).map(lambda n: n / 1000), fill=st.nothing()
)


def drawn(n: int, m: int, seed: int = 0, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.gamma(2.0, 0.01, n) + shift, rng.gamma(3.0, 0.005, m)


def test_students_t_effect_size_and_welch_interval_are_those_of_scipy_and_statsmodels() -> None:
    reference, method = drawn(100, 25, shift=0.004)
    found = two_samples(reference, method)
    theirs = stats.ttest_ind(reference, method)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found.difference == pytest.approx(reference.mean() - method.mean())
    compare = CompareMeans(DescrStatsW(reference), DescrStatsW(method))
    assert found.pooled_sd == pytest.approx(np.sqrt((99 * reference.var(ddof=1) + 24 * method.var(ddof=1)) / 123))
    assert found.cohens_d == pytest.approx(found.difference / found.pooled_sd)
    welch = compare.tconfint_diff(usevar="unequal")
    assert (found.interval_low, found.interval_high) == pytest.approx(welch, rel=1e-9)
    assert found.standard_error == pytest.approx(compare.std_meandiff_separatevar)
    assert found.superiority_normal == pytest.approx(stats.norm.cdf(found.cohens_d / np.sqrt(2)))


@given(SAMPLES, SAMPLES)
@settings(max_examples=40, deadline=None)
def test_superiority_is_mann_whitneys_u_over_the_pairs(reference: np.ndarray, method: np.ndarray) -> None:
    u = stats.mannwhitneyu(reference, method).statistic  # counts reference > method, ties half
    assert superiority(reference, method) == pytest.approx(u / (len(reference) * len(method)))
    assert superiority(reference, method) + superiority(method, reference) == pytest.approx(1)


@given(SAMPLES, SAMPLES)
@settings(max_examples=40, deadline=None)
def test_exchanging_the_samples_turns_every_sign(reference: np.ndarray, method: np.ndarray) -> None:
    one, two = two_samples(reference, method), two_samples(method, reference)
    assert one.difference == pytest.approx(-two.difference)
    assert one.cohens_d == pytest.approx(-two.cohens_d, nan_ok=True)
    assert one.interval_low == pytest.approx(-two.interval_high, nan_ok=True)
    assert one.p_value == pytest.approx(two.p_value, nan_ok=True)


def test_rank_correlation_is_scipys_with_ties() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 6, 40), rng.integers(0, 6, 40)
    theirs = stats.spearmanr(x, y)
    assert np.array_equal(ranks(x), stats.rankdata(x))
    assert spearman(x, y) == pytest.approx(theirs.statistic)
    assert spearman_p(spearman(x, y), 40) == pytest.approx(theirs.pvalue)
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))
    assert np.isnan(spearman([1], [2]))
    assert spearman_p(1.0, 5) == 0.0
    # Seven spaces at -0.71: the published p is 0.07.
    assert spearman_p(-0.714, 7) == pytest.approx(0.07, abs=0.005)


def test_power_is_statsmodels_and_the_studys() -> None:
    assert power_of_test(0.5, 100, 25) == pytest.approx(TTestIndPower().power(0.5, 100, 0.05, 0.25), abs=1e-9)
    found = detectable_effect(100, 25)
    assert found == pytest.approx(TTestIndPower().solve_power(None, 100, 0.05, 0.8, 0.25), abs=1e-6)
    assert np.ceil(100 * found) / 100 == 0.64
    assert power_of_test(0.5, 100, 25) == pytest.approx(0.60, abs=0.005)
    assert detectable_effect(2, 2) > 5


def test_undefined_values_are_counted_and_left_out() -> None:
    reference, method = drawn(20, 12)
    with_gaps = np.concatenate([reference, [np.nan] * 3])
    found = two_samples(with_gaps, np.append(method, np.nan), clusters_method=np.append(np.arange(12) % 4, 9))
    plain = two_samples(reference, method, clusters_method=np.arange(12) % 4)
    assert (found.undefined_reference, found.undefined_method) == (3, 1)
    assert (found.n_reference, found.n_method) == (20, 12)
    assert found.clusters_method == 4
    assert found.interval_low == plain.interval_low
    assert found.p_value == plain.p_value


def test_a_variance_of_equal_clusters_is_that_of_their_means() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(5, 5)) + rng.normal(size=(5, 1))
    found = mean(values.ravel(), np.repeat(np.arange(5), 5))
    assert found.variance == pytest.approx(values.mean(axis=1).var(ddof=1) / 5)
    assert (found.freedom, found.clusters) == (4, 5)
    low, high = found.interval()
    theirs = stats.ttest_1samp(values.mean(axis=1), 0).confidence_interval()
    assert (low, high) == pytest.approx((theirs.low, theirs.high))


def test_clusters_of_one_value_each_are_independent_values() -> None:
    values = np.random.default_rng(5).normal(size=9)
    alone, clustered = mean(values), mean(values, np.arange(9))
    assert clustered.variance == pytest.approx(alone.variance)
    assert clustered.freedom == alone.freedom
    assert design_effect(values, np.arange(9)) == pytest.approx(1)


def test_runs_that_copy_each_other_count_once() -> None:
    few = np.random.default_rng(6).normal(size=5)
    copied = np.repeat(few, 5)
    assert mean(copied, np.repeat(np.arange(5), 5)).interval() == pytest.approx(mean(few).interval())
    # Five copies of each: the naive variance has 24 degrees of freedom for what are 4.
    assert design_effect(copied, np.repeat(np.arange(5), 5)) == pytest.approx(5 * 24 / (5 * 4))


def covered(
    between: float, repetitions: int = 4000, clustered: bool = True, sizes: tuple[int, ...] = (5,) * 5
) -> float:
    """Share of 95% intervals that hold the true difference 0, 100 independent runs against runs nested in clusters."""
    rng = np.random.default_rng(7)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    hits = 0
    for _ in range(repetitions):
        reference = rng.normal(size=100)
        method = rng.normal(size=len(groups)) + between * rng.normal(size=len(sizes))[groups]
        found = two_samples(reference, method, clusters_method=groups if clustered else None)
        hits += found.interval_low <= 0 <= found.interval_high
    return hits / repetitions


@pytest.mark.parametrize("between", [0.0, 0.5, 1.0])
def test_the_clustered_interval_covers_what_it_says(between: float) -> None:
    # Welch's degrees of freedom are an approximation: 200,000 repetitions give 0.942 to 0.944 for these three.
    # Monte Carlo error here 0.0037, taken three times.
    assert covered(between) == pytest.approx(0.943, abs=0.011)


def test_without_clusters_nested_runs_would_be_trusted_too_much() -> None:
    assert covered(1.0, repetitions=1000, clustered=False) < 0.75


def test_clusters_of_different_sizes_are_covered_nearly_as_well() -> None:
    assert covered(0.5, repetitions=2000, sizes=(5, 5, 5, 5, 3)) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("reference", "method", "words"),
    [
        ([], [0.1, 0.2], "reference has no defined value"),
        ([0.1, 0.2], [np.nan, np.nan], "method has no defined value"),
        ([0.1, 0.2], [0.1], "method has one value"),
        ([0.1], [0.1], "reference has one value"),
        ([0.1] * 4, [0.3] * 5, "neither sample varies"),
    ],
)
def test_degenerate_input_is_a_stated_result(reference: list[float], method: list[float], words: str) -> None:
    found = two_samples(reference, method)
    assert words in found.note
    assert found.verdict == "undecided"
    assert np.isnan(found.interval_low)


def test_one_cluster_gives_no_interval_but_a_difference() -> None:
    found = two_samples([0.3, 0.2, 0.4], [0.1, 0.2, 0.15], clusters_method=[0, 0, 0])
    assert found.difference == pytest.approx(0.15)
    assert "one cluster" in found.note
    assert found.verdict == "undecided"
    assert np.isfinite(found.p_value)


def test_a_constant_sample_beside_a_varying_one_is_compared() -> None:
    reference, _ = drawn(30, 1)
    found = two_samples(reference, np.zeros(5))
    assert found.note == ""
    assert found.verdict == "better"
    assert found.superiority == 1.0


def test_verdicts_follow_the_interval() -> None:
    reference, method = drawn(60, 60, shift=0.1)
    assert two_samples(reference, method).verdict == "better"
    assert two_samples(method, reference).verdict == "worse"
    assert two_samples(reference, reference).verdict == "undecided"


def test_inputs_are_not_changed() -> None:
    reference, method = drawn(10, 10)
    copies = reference.copy(), method.copy()
    two_samples(reference, method, clusters_method=np.arange(10) % 5)
    assert np.array_equal(reference, copies[0])
    assert np.array_equal(method, copies[1])


def test_a_curve_is_undefined_until_enough_runs_have_a_value() -> None:
    nan = np.nan
    values = [[nan, 0.4, 0.3], [nan, 0.2, 0.1], [0.6, nan, 0.2], [nan, 0.3, 0.2]]
    whole, most = curve(values), curve(values, share=0.75)
    assert np.isnan(whole.centre).tolist() == [True, True, False]
    assert np.isnan(most.centre).tolist() == [True, False, False]
    assert whole.centre[2] == pytest.approx(0.2)
    low, high = mean([0.3, 0.1, 0.2, 0.2]).interval()
    assert (whole.low[2], whole.high[2]) == pytest.approx((low, high))


def test_a_curve_of_nested_runs_has_a_wider_band() -> None:
    rng = np.random.default_rng(8)
    groups = np.arange(25) % 5
    values = rng.normal(size=(5, 1))[groups] + 0.1 * rng.normal(size=(25, 4))
    assert (np.diff([curve(values, groups).low, curve(values, groups).high], axis=0)
            > np.diff([curve(values).low, curve(values).high], axis=0)).all()  # fmt: skip
