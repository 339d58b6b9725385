"""Adjusted p-values, ranks and figures over several benchmarks, against published examples and other libraries."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports.statistics import (
    benjamini_hochberg,
    friedman,
    holm,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    ranks_over_time,
    superiority,
)

# Demsar (JMLR 2006), table 6: area under the curve of four variants of C4.5 on 14 data sets.  In the last but one it
# ranks the two 0.975 second and third, so they differ before rounding.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.9749], [0.957, 0.978, 0.946, 0.970],
    ]
)  # fmt: skip


def test_adjusted_p_values_are_those_of_statsmodels() -> None:
    p = np.random.default_rng(1).beta(0.4, 2, 30)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])
    # By hand: 4 x 0.01, 3 x 0.02, 2 x 0.03, then 0.06 again since it may not fall.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_a_comparison_that_could_not_be_made_counts_and_never_passes() -> None:
    assert holm([0.01, np.nan]).tolist() == pytest.approx([0.02, np.nan], nan_ok=True)
    assert benjamini_hochberg([0.01, np.nan]).tolist() == pytest.approx([0.02, np.nan], nan_ok=True)
    assert not len(holm([]))
    assert not len(benjamini_hochberg([]))


def test_friedman_and_nemenyi_are_demsars_example() -> None:
    found = friedman(-DEMSAR)  # here the smallest is best
    assert found.mean_ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    # Demsar's 9.28 does not correct for ties; scipy's does.
    n, k = DEMSAR.shape
    uncorrected = 12 * n / (k * (k + 1)) * ((found.mean_ranks**2).sum() - k * (k + 1) ** 2 / 4)
    assert uncorrected == pytest.approx(9.28, abs=0.005)
    theirs = stats.friedmanchisquare(*DEMSAR.T)
    assert (found.friedman.statistic, found.friedman.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    # Nothing at 0.05 with all pairs, as in the paper: the largest difference is 1.18.
    assert found.cliques == ((3, 1, 2, 0),)
    assert found.nemenyi[0, 3] > 0.05


@pytest.mark.parametrize(
    ("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (10, 3.164)]
)
def test_critical_values_are_demsars_table(k: int, q: float) -> None:
    assert stats.studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2) == pytest.approx(q, abs=1e-3)


def test_strategies_far_apart_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    found = friedman(np.array([1.0, 2.0, 2.1, 3.0]) + 0.2 * rng.random((20, 4)))
    assert found.friedman.p_value < 1e-6
    assert found.iman_davenport.p_value < found.friedman.p_value
    assert found.nemenyi[0, 3] < 0.001
    assert {frozenset(clique) for clique in found.cliques} >= {frozenset({1, 2})}


def test_benchmarks_of_one_cluster_are_only_described() -> None:
    found = friedman(-DEMSAR, np.zeros(14))
    assert np.isnan(found.friedman.p_value)
    assert np.isnan(found.critical_difference)
    assert "one cluster" in found.note


def test_clusters_of_benchmarks_move_together() -> None:
    rng = np.random.default_rng(3)
    few = rng.random((5, 3))
    copied, labels = np.repeat(few, 4, axis=0), np.repeat(np.arange(5), 4)
    together, apart = friedman(copied, labels), friedman(copied)
    assert together.friedman.clusters == 5
    # Copies add nothing: the exact test of the five benchmarks alone, by all 6^5 exchanges.
    ranks = stats.rankdata(few, axis=1)
    exchanged = np.zeros((1, 3))
    for row in ranks:
        orders = np.array([row[list(order)] for order in permutations(range(3))])
        exchanged = (exchanged[:, None] + orders[None]).reshape(-1, 3)
    spread = ((exchanged - 10) ** 2).sum(axis=1)
    exact = np.mean(spread >= ((ranks.sum(axis=0) - 10) ** 2).sum() - 1e-9)
    assert together.friedman.p_value == pytest.approx(exact, abs=0.02)
    assert apart.friedman.p_value < together.friedman.p_value


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (np.zeros((5, 3)), "tie"),
        (np.random.default_rng(4).random((5, 2)), "need three"),
        (np.random.default_rng(4).random((1, 3)), "need two"),
        (np.full((4, 3), np.nan), "4 of 4 benchmarks have an undefined figure"),
    ],
)
def test_ranks_that_cannot_be_tested_say_why(table: np.ndarray, words: str) -> None:
    found = friedman(table)
    assert words in found.note
    assert np.isnan(found.friedman.p_value)


def test_ranks_over_time_put_who_has_nothing_behind() -> None:
    nan = np.nan
    a = [[nan, 0.5, 0.1], [nan, 0.4, 0.1]]
    b = [[0.6, 0.3, 0.2], [0.6, 0.5, 0.2]]
    first, second = ranks_over_time([np.array([a, b])])
    assert first.centre.tolist() == [2, 1.5, 1]
    assert second.centre.tolist() == [1, 1.5, 2]
    twice, _ = ranks_over_time([np.array([a, b]), np.array([b, a])])
    assert twice.centre.tolist() == [1.5, 1.5, 1.5]


def test_the_interquartile_mean_is_scipys_trimmed_mean() -> None:
    rng = np.random.default_rng(5)
    tasks = [rng.lognormal(size=12), rng.lognormal(size=8)]
    found = interquartile_mean(tasks)
    assert found.value == pytest.approx(stats.trim_mean(np.concatenate(tasks), 0.25))
    assert found.low < found.value < found.high
    # Values at the quartiles count in part: 1.25 of five are left out on each side.
    assert interquartile_mean([[0.0, 1.0, 2.0, 3.0, 100.0]]).value == pytest.approx((0.75 * 1 + 2 + 0.75 * 3) / 2.5)
    assert "bootstrap over the seeds" in found.method


def test_the_bootstrap_draws_seeds_and_not_benchmarks() -> None:
    # Two benchmarks far apart, no spread within: resampling benchmarks would give a wide interval.
    rng = np.random.default_rng(6)
    tasks = [0.1 + 1e-6 * rng.random(20), 0.9 + 1e-6 * rng.random(20)]
    found = performance_profile(tasks, [0.5])
    assert (found.share[0], found.low[0], found.high[0]) == (0.5, 0.5, 0.5)


def test_bootstrap_intervals_have_the_width_that_theory_gives() -> None:
    rng = np.random.default_rng(7)
    values = rng.random(400)
    found = performance_profile([values], [0.3], repetitions=20_000)
    p = (values <= 0.3).mean()
    assert found.high[0] - found.low[0] == pytest.approx(2 * 1.97 * np.sqrt(p * (1 - p) / 400), rel=0.05)
    one, two = rng.normal(size=60), rng.normal(size=60)
    superior = probability_of_improvement([one], [two], repetitions=20_000)
    assert superior.value == pytest.approx(superiority(one, two))
    assert superior.high - superior.low == pytest.approx(2 * 1.98 * np.sqrt(1 / 12 * 2 / 60), rel=0.1)


def test_an_average_over_benchmarks_weighs_them_alike() -> None:
    found = probability_of_improvement([[3.0, 4.0], [0.0] * 50], [[1.0, 2.0], [1.0] * 50])
    assert found.value == 0.5
    assert "no width" in found.note


def test_clusters_widen_what_is_pooled() -> None:
    rng = np.random.default_rng(8)
    labels = np.repeat(np.arange(5), 5)
    tasks = [rng.normal(size=25) + 2 * rng.normal(size=5)[labels] for _ in range(2)]
    free, held = interquartile_mean(tasks), interquartile_mean(tasks, [labels, labels])
    assert held.high - held.low > 1.5 * (free.high - free.low)
    assert (free.clusters, held.clusters) == (None, 5)


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([[0.1] * 5], "equal"),
        ([[0.1]], "one run"),
        ([[np.nan, np.nan]], "no defined"),
        ([[0.2], [0.1, 0.3]], "one run"),
    ],
)
def test_degenerate_pools_are_stated_results(tasks: list[list[float]], words: str) -> None:
    found = interquartile_mean(tasks)
    assert np.isnan(found.low)
    assert words in found.note or "all values are equal" in found.note
