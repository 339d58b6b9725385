"""Effect sizes, tests and pairs against figures of R, other libraries and exact enumeration."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.special import logit, nctdtr
from statsmodels.stats.meta_analysis import effectsize_smd

from reports.statistics import (
    cliffs_delta,
    cohens_d,
    hedges_g,
    mann_whitney,
    match,
    paired,
    permutation,
    share,
    small_sample_factor,
    students_t,
    superiority_by_normal,
    superiority_estimate,
    two_samples,
    welchs_t,
    wilcoxon,
)

# R's data set ``sleep`` (Student 1908) and what R 4 prints for it.
SLEEP_ONE = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SLEEP_TWO = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
# The pain scores of Brunner and Munzel (2000), the example of R's lawstat::brunner.munzel.test.
PAIN_Y = np.array([1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1])
PAIN_N = np.array([3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4])

SAMPLES = arrays(np.float64, st.integers(3, 12), elements=st.integers(-9, 9).map(lambda n: n / 10), fill=st.nothing())


def test_t_tests_are_those_that_r_prints_for_sleep() -> None:
    student, welch = students_t(SLEEP_ONE, SLEEP_TWO), welchs_t(SLEEP_ONE, SLEEP_TWO)
    assert (student.statistic, student.p_value) == pytest.approx((-1.8608, 0.07919), abs=5e-5)
    assert (welch.statistic, welch.p_value) == pytest.approx((-1.8608, 0.07939), abs=5e-5)
    found = two_samples(SLEEP_ONE, SLEEP_TWO)
    assert (found.interval_low, found.interval_high) == pytest.approx((-3.3654832, 0.2054832), abs=1e-7)
    assert found.freedom == pytest.approx(17.776, abs=5e-4)
    assert found.welch_p == pytest.approx(welch.p_value)


def test_rank_tests_are_those_that_r_prints_for_sleep() -> None:
    unpaired, signed = mann_whitney(SLEEP_ONE, SLEEP_TWO), wilcoxon(SLEEP_ONE - SLEEP_TWO)
    assert (unpaired.statistic, unpaired.p_value) == pytest.approx((25.5, 0.06933), abs=5e-6)
    # R corrects its normal approximation for continuity, 0.009091; exactly, 2 of 512 arrangements are as extreme.
    assert (signed.statistic, signed.p_value) == pytest.approx((0, 2 / 512))
    assert signed.note == "1 of 10 differences are 0 and left out"


def test_pairs_are_compared_as_r_compares_sleep() -> None:
    found = paired(SLEEP_ONE, SLEEP_TWO)
    assert (found.students_t.statistic, found.students_t.p_value) == pytest.approx((-4.0621, 0.002833), abs=5e-5)
    assert (found.difference.low, found.difference.high) == pytest.approx((-2.4598858, -0.7001142), abs=1e-7)
    assert found.difference.value == pytest.approx(-1.58)
    assert found.correlation == pytest.approx(np.corrcoef(SLEEP_ONE, SLEEP_TWO)[0, 1])
    variances = [x.var(ddof=1) for x in (SLEEP_ONE, SLEEP_TWO, SLEEP_ONE - SLEEP_TWO)]
    assert found.gain == pytest.approx((variances[0] + variances[1]) / variances[2])
    assert found.wins.value == pytest.approx(0.5 / 10)  # one tie, nine worse
    assert found.cohens_d.value == pytest.approx(small_sample_factor(9) * -4.0621 / np.sqrt(10), abs=5e-5)


def test_superiority_has_brunner_and_munzels_estimate_variance_and_freedom() -> None:
    found = superiority_estimate(PAIN_N, PAIN_Y)
    assert found.value == pytest.approx(0.788961, abs=5e-7)
    # R: statistic 3.1375, df 17.683.  On the logit scale the interval is as long as t times se / (p (1 - p)) both ways.
    se = (found.value - 0.5) / 3.1375
    half = stats.t.ppf(0.975, 17.683) * se / (found.value * (1 - found.value))
    assert logit(found.high) - logit(found.value) == pytest.approx(half, rel=1e-4)
    assert logit(found.value) - logit(found.low) == pytest.approx(half, rel=1e-4)
    theirs = stats.brunnermunzel(PAIN_Y, PAIN_N)
    assert theirs.statistic == pytest.approx(3.1375, abs=5e-5)


def test_cliffs_delta_is_counted_and_is_twice_superiority_less_one() -> None:
    delta = cliffs_delta(PAIN_N, PAIN_Y)
    pairs = [np.sign(n - y) for n in PAIN_N for y in PAIN_Y]
    assert delta.value == pytest.approx(np.mean(pairs))
    assert delta.low == pytest.approx(2 * superiority_estimate(PAIN_N, PAIN_Y).low - 1)


def test_the_small_sample_factor_is_hedges_table() -> None:
    # Hedges (1981), table 1: c(2) = 0.5642, c(10) = 0.9228, c(50) = 0.9849.
    assert [small_sample_factor(f) for f in (2, 10, 50)] == pytest.approx([0.5642, 0.9228, 0.9849], abs=1e-4)
    assert np.isnan(small_sample_factor(1))


def test_hedges_g_is_that_of_statsmodels_but_for_its_approximate_factor() -> None:
    g = hedges_g(SLEEP_ONE, SLEEP_TWO).value
    one, two = (SLEEP_ONE.mean(), SLEEP_ONE.std(ddof=1), 10), (SLEEP_TWO.mean(), SLEEP_TWO.std(ddof=1), 10)
    theirs, _ = effectsize_smd(*one, *two)
    assert g == pytest.approx(float(theirs) / (1 - 3 / (4 * 18 - 1)) * small_sample_factor(18), rel=1e-3)


def test_the_interval_of_d_puts_the_observed_t_at_both_tails() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.normal(0.7, 1, 30), rng.normal(0, 1, 12)
    found, scale = cohens_d(one, two), np.sqrt(1 / 30 + 1 / 12)
    t = stats.ttest_ind(one, two).statistic
    assert found.value * scale**-1 == pytest.approx(t)
    assert nctdtr(40, found.low / scale, t) == pytest.approx(0.975, abs=1e-6)
    assert nctdtr(40, found.high / scale, t) == pytest.approx(0.025, abs=1e-6)
    swapped = cohens_d(two, one)
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))


def test_the_interval_of_a_huge_d_is_still_found() -> None:
    rng = np.random.default_rng(2)
    for spread in (1e-1, 1e-3, 1e-6, 1e-9):
        found = cohens_d(1 + spread * rng.normal(size=4), spread * rng.normal(size=4))
        assert 0 < found.low < found.value < found.high


def zeros(rng: np.random.Generator, n: int, share_of_zeros: float, scale: float) -> np.ndarray:
    return np.where(rng.random(n) < share_of_zeros, 0, scale * rng.exponential(size=n))


def test_measured_superiority_is_not_the_normal_conversion() -> None:
    rng, n = np.random.default_rng(3), 200_000
    lognormal = np.exp(rng.normal(0.5, 1, n)), np.exp(rng.normal(0, 1, n))
    inflated = zeros(rng, n, 0.4, 1.5), zeros(rng, n, 0.3, 0.6)
    for (reference, method), measured, converted in ((lognormal, 0.64, 0.60), (inflated, 0.54, 0.625)):
        assert superiority_estimate(reference, method).value == pytest.approx(measured, abs=0.005)
        assert superiority_by_normal(cohens_d(reference, method).value) == pytest.approx(converted, abs=0.005)


@given(SAMPLES, SAMPLES)
@settings(max_examples=15, deadline=None)
def test_permutations_are_those_of_an_enumeration(reference: np.ndarray, method: np.ndarray) -> None:
    reference, method = reference[:5], method[:4]
    found = permutation(reference, method)
    pooled, n = np.concatenate([reference, method]), len(reference)
    observed = abs(reference.mean() - method.mean())
    everything = set(range(len(pooled)))
    differences = [
        abs(pooled[list(chosen)].mean() - pooled[list(everything - set(chosen))].mean())
        for chosen in combinations(range(len(pooled)), n)
    ]
    signed = [
        pooled[list(chosen)].mean() - pooled[list(everything - set(chosen))].mean()
        for chosen in combinations(range(len(pooled)), n)
    ]
    if np.ptp(pooled) == 0:
        assert "nothing to test" in found.note
        return
    centre = reference.mean() - method.mean()
    tails = np.mean(np.array(signed) >= centre - 1e-12), np.mean(np.array(signed) <= centre + 1e-12)
    assert found.p_value == pytest.approx(min(1, 2 * min(tails)))  # twice the smaller tail, as scipy defines it
    assert found.p_value >= np.mean(np.array(differences) >= observed - 1e-12) / 2


def test_whole_clusters_change_their_signs_in_wilcoxons_test() -> None:
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(7), 3)
    differences = rng.normal(0.3, 1, 21) + rng.normal(0, 1, 7)[clusters]
    signed = stats.rankdata(np.abs(differences)) * np.sign(differences)
    sums = np.array([signed[clusters == c].sum() for c in range(7)])
    everything = np.array([np.dot(signs, sums) for signs in product([-1, 1], repeat=7)])
    tail = min(np.mean(everything >= sums.sum() - 1e-9), np.mean(everything <= sums.sum() + 1e-9))
    found = wilcoxon(differences, clusters)
    assert found.p_value == pytest.approx(min(1, 2 * tail))
    assert found.clusters == 7
    assert "5 clusters cannot give a p below 0.0625" in wilcoxon(differences[:15], clusters[:15]).note


def test_clusters_of_one_value_each_change_little_and_are_told() -> None:
    rng = np.random.default_rng(5)
    one, two = rng.gamma(2, 1, 40), rng.gamma(3, 1, 30)
    labels = np.arange(40), np.arange(30)
    assert students_t(one, two, *labels).name == "Welch’s t, clusters respected"
    for test in (welchs_t, mann_whitney, permutation):
        plain, labelled = test(one, two), test(one, two, *labels)
        assert labelled.clusters == 70
        assert plain.clusters is None
        assert "clusters" in labelled.name
        assert "clusters" not in plain.name
        assert labelled.p_value == pytest.approx(plain.p_value, abs=0.02)
    for estimate in (cohens_d, hedges_g, superiority_estimate, cliffs_delta):
        plain, labelled = estimate(one, two), estimate(one, two, *labels)
        assert labelled.value == pytest.approx(plain.value)
        assert (labelled.low, labelled.high) == pytest.approx((plain.low, plain.high), abs=0.05)
        assert (plain.clusters, labelled.clusters) == (None, 30)


def test_copied_runs_do_not_count_twice() -> None:
    rng = np.random.default_rng(6)
    one, few = rng.normal(1, 1, 30), rng.normal(0, 1, 6)
    copies, labels = np.repeat(few, 5), np.repeat(np.arange(6), 5)
    assert welchs_t(one, copies, None, labels).p_value == pytest.approx(welchs_t(one, few).p_value)
    respected = superiority_estimate(one, copies, None, labels)
    alone = superiority_estimate(one, few)
    assert (respected.low, respected.high) == pytest.approx((alone.low, alone.high), abs=1e-9)
    assert share(np.repeat([1, 1, 0, 1, 0, 0], 5), labels).low < share([1, 1, 0, 1, 0, 0]).low + 0.01


def test_pairs_are_matched_by_seed_and_not_by_row() -> None:
    found = match([3, 1, 2, 9], [0.3, 0.1, 0.2, 0.9], [2, 3, 1, 7, 8], [0.02, 0.03, 0.01, 0.07, 0.08])
    assert found.seeds.tolist() == [1, 2, 3]
    assert found.reference.tolist() == [0.1, 0.2, 0.3]
    assert found.method.tolist() == [0.01, 0.02, 0.03]
    assert (found.only_reference, found.only_method) == (1, 2)
    with pytest.raises(ValueError, match="twice"):
        match([1, 1], [0.1, 0.2], [1, 2], [0.1, 0.2])
    assert paired(*(getattr(match([1], [0.1], [2], [0.1]), side) for side in ("reference", "method"))).n == 0


def test_wilsons_interval_is_newcombes_example() -> None:
    # Newcombe (1998), method 3: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    many, none = share(np.arange(263) < 81), share(np.zeros(20))
    assert (many.low, many.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (none.low, none.high) == pytest.approx((0, 0.1611), abs=5e-5)


NAN = float("nan")
DEGENERATE = {
    "empty": ([], [0.1, 0.2]),
    "all undefined": ([NAN, NAN], [0.1, 0.2]),
    "one run": ([0.3], [0.1, 0.2, 0.4]),
    "one run each": ([0.3], [0.1]),
    "constant": ([0.2, 0.2, 0.2], [0.1, 0.1, 0.1]),
    "equal": ([0.2, 0.2, 0.2], [0.2, 0.2, 0.2]),
    "separated": ([0.9, 0.8, 0.7], [0.1, 0.2, 0.3]),
    "some undefined": ([0.9, NAN, 0.7], [0.1, 0.2, NAN]),
}


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("clustered", [False, True])
def test_degenerate_samples_are_stated_results(case: str, clustered: bool) -> None:
    one, two = DEGENERATE[case]
    labels = (np.arange(len(one)) // 2, np.arange(len(two)) // 2) if clustered else (None, None)
    for test in (welchs_t, mann_whitney, permutation):
        found = test(one, two, *labels)
        assert np.isfinite(found.p_value) or found.note, (test.__name__, found)
        assert not np.isfinite(found.p_value) or 0 < found.p_value <= 1
    for estimate in (cohens_d, hedges_g, superiority_estimate, cliffs_delta):
        result = estimate(one, two, *labels)
        assert np.isfinite([result.low, result.high]).all() or result.note, (estimate.__name__, result)
    assert students_t(one, two).note or case in ("separated", "some undefined")
    n = min(len(one), len(two))
    pairs = paired(one[:n], two[:n], None if labels[0] is None else labels[0][:n])
    assert np.isfinite(pairs.difference.low) or pairs.note


def test_complete_separation_has_a_safe_bound() -> None:
    found = superiority_estimate(np.arange(10) + 100.0, np.arange(25) * 1.0)
    assert (found.value, found.high) == (1.0, 1.0)
    # Ten independent pairs, all won: Clopper and Pearson's bound.
    assert found.low == pytest.approx(stats.binomtest(10, 10).proportion_ci(0.95, "exact").low)
    assert "do not overlap" in found.note
    assert superiority_estimate(np.zeros(4), np.ones(4)).low == 0.0


def test_inputs_are_not_changed() -> None:
    one, two, labels = np.array([3.0, 1.0, 2.0]), np.array([1.5, NAN, 0.5]), np.array([1, 0, 1])
    kept = one.copy(), two.copy(), labels.copy()
    for function in (cohens_d, hedges_g, superiority_estimate, cliffs_delta, welchs_t, mann_whitney, permutation):
        function(one, two, labels, labels)
    paired(one, two, labels)
    wilcoxon(one - two, labels)
    for now, before in zip((one, two, labels), kept, strict=True):
        np.testing.assert_array_equal(now, before)
