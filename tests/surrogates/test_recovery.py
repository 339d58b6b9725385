"""From the best of three to the mean, checked on simulated repeats."""

from __future__ import annotations

import numpy as np
import pytest

from surrogates.recovery import (
    BEST_OF_THREE,
    BEST_OF_THREE_VARIANCE,
    Spread,
    distinct_groups,
    estimate_spread,
    expected_triple_failures,
    mean_from_best_of_three,
    widened,
    width_for_least,
)


def test_moments_of_the_largest_of_three():
    largest = np.random.default_rng(0).standard_normal((400_000, 3)).max(1)
    assert largest.mean() == pytest.approx(BEST_OF_THREE, abs=5e-3)
    assert largest.var() == pytest.approx(BEST_OF_THREE_VARIANCE, abs=5e-3)


def test_the_mean_is_recovered_from_the_best_of_three():
    spread = Spread(0.044, 0.018)
    mean = np.log(np.linspace(0.05, 0.4, 60))
    rng = np.random.default_rng(1)
    repeats = mean + spread(mean) * rng.standard_normal((20_000, 3, 1))
    best = repeats.min(1).mean(0)
    assert (mean - best).max() > 0.03  # the best is lower than the mean by more than what is left below
    np.testing.assert_allclose(mean_from_best_of_three(best, spread), mean, atol=2e-3)


def test_the_spread_is_estimated_at_both_levels():
    rng = np.random.default_rng(2)
    low = np.exp(np.log(0.08) + 0.044 * rng.standard_normal((400, 3)))
    high = np.exp(np.log(0.2) + 0.018 * rng.standard_normal((400, 2)))
    spread = estimate_spread([*low, *high])
    assert spread.low == pytest.approx(0.044, rel=0.06)
    assert spread.high == pytest.approx(0.018, rel=0.1)
    assert spread.degrees_of_freedom == (800, 400)
    assert spread.high < spread(np.log(np.array([0.14])))[0] < spread.low


def test_a_repeat_drawn_twice_counts_once():
    rows = np.array([4, 7, 4, 4, 9, 9])
    figures = np.array([0.10, 0.2, 0.11, 0.10, 0.3, 0.3])
    groups = distinct_groups(rows, figures)
    assert [group.tolist() for group in groups] == [[0.10, 0.11]]


def test_widening_gives_the_distribution_of_values_with_noise():
    rng = np.random.default_rng(3)
    values = rng.normal(-2.4, 0.2, 50_000)
    noisy = values + 0.1 * rng.standard_normal(len(values))
    wide = widened(values, 0.1)
    np.testing.assert_allclose(
        np.quantile(wide, [0.01, 0.1, 0.5, 0.9]), np.quantile(noisy, [0.01, 0.1, 0.5, 0.9]), atol=5e-3
    )
    assert (np.argsort(wide) == np.argsort(values)).all()  # strictly increasing


def test_the_width_brings_the_least_value_to_where_it_is_wanted():
    values = np.random.default_rng(4).normal(-2.4, 0.2, 20_000)
    wanted = values.min() - 0.12
    assert widened(values, width_for_least(values, wanted)).min() == pytest.approx(wanted, abs=1e-3)
    assert width_for_least(values, values.min() + 0.01) == 0
    with pytest.raises(ValueError, match="no width"):
        width_for_least(values, values.min() - 3)


def test_triple_failures_follow_from_single_ones():
    rng = np.random.default_rng(5)
    chance = rng.beta(0.02, 2, 200_000)
    first, second = rng.random((2, len(chance))) < chance
    assert expected_triple_failures(first, second) == pytest.approx((chance**3).sum(), rel=0.1)
    assert expected_triple_failures(first, np.zeros_like(second)) == 0
