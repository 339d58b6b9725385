"""Power and numbers of seeds, against R and against the published study's own figures."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

from reports.statistics import (
    RANK_EFFICIENCY,
    detectable_effect,
    detectable_paired_effect,
    power_of_paired_test,
    power_of_test,
    required_pairs,
    required_seeds,
    required_seeds_for_superiority,
    simulated_power,
)


def test_the_planning_figures_are_those_that_are_known() -> None:
    assert required_seeds(0.5, 100).seeds == 47
    assert required_seeds(0.6, 100).seeds == 29
    assert required_seeds(-0.6, 100).seeds == 29
    # Cohen (1988) and R's power.t.test: 394, 64 and 26 each for small, medium and large effects.
    assert [required_seeds(d).seeds for d in (0.2, 0.5, 0.8)] == [394, 64, 26]
    # R: power.t.test(delta = 0.5, power = 0.8, type = "paired") needs 33.4 pairs; its delta is in sds of differences,
    # which is d where the seeds correlate by 0.5.
    assert required_pairs(0.5, 0.5).seeds == 34


def test_power_is_statsmodels() -> None:
    for effect, one, two in ((0.3, 50, 20), (1.0, 10, 10), (-0.7, 100, 25)):
        theirs = TTestIndPower().power(effect, one, 0.05, two / one)
        assert power_of_test(effect, one, two) == pytest.approx(theirs, abs=1e-9)
    theirs = TTestPower().power(0.4 / np.sqrt(2 * 0.3), 25, 0.05)
    assert power_of_paired_test(0.4, 25, 0.7) == pytest.approx(theirs, abs=1e-9)
    assert power_of_test(50, 100, 100) == 1.0


def test_what_cannot_be_reached_says_so() -> None:
    found = required_seeds(0.2, 100)
    assert found.seeds is None
    assert found.power == pytest.approx(0.516, abs=0.001)  # Phi(0.2 x 10 - 1.96), however many of the method
    assert "100 seeds of the reference are too few" in found.note
    assert "394 of each" in found.note
    assert required_seeds(0.0).seeds is None
    assert "no number" in required_seeds(0.0).note
    assert required_seeds_for_superiority(0.5).note
    for few in ((1, 1), (0, 5), (5, 0)):
        assert detectable_effect(*few) == np.inf
    assert np.isnan(power_of_test(1.0, 1, 1))
    assert detectable_paired_effect(1, 0.5) == np.inf


def test_a_found_number_is_the_smallest() -> None:
    for effect, given in ((0.4, None), (0.7, 40), (0.9, 20)):
        seeds = required_seeds(effect, given).seeds
        assert seeds is not None
        assert power_of_test(effect, given or seeds, seeds) >= 0.8
        assert power_of_test(effect, given or seeds - 1, seeds - 1) < 0.8
    effect = detectable_paired_effect(25, 0.6)
    assert power_of_paired_test(effect, 25, 0.6) == pytest.approx(0.8)


def test_pairing_helps_as_far_as_seeds_correlate() -> None:
    needed = [required_pairs(0.5, r).seeds or 0 for r in (0.0, 0.5, 0.9)]
    assert needed[0] > needed[1] > needed[2]
    assert needed[0] == pytest.approx(64, abs=2)
    assert power_of_paired_test(0.1, 5, 1.0) == 1.0


def test_rank_tests_need_a_twentieth_more() -> None:
    plain, ranked = required_seeds(0.5).seeds, required_seeds(0.5, efficiency=RANK_EFFICIENCY).seeds
    assert (plain, ranked) == (64, 67)
    # Noether: superiority 0.64 is d = 0.5 for normal values.
    assert required_seeds_for_superiority(0.638).seeds == pytest.approx(67, abs=3)


def test_simulated_power_agrees_with_theory_where_that_holds() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.normal(0.6, 1, 4000), rng.normal(0, 1, 4000)
    one, two = (one - one.mean()) / one.std() + 0.6, (two - two.mean()) / two.std()
    found = simulated_power(one, two, 100, 29)
    assert found.low < power_of_test(0.6, 100, 29) < found.high
    ranked = simulated_power(one, two, 100, 29, test="rank")
    assert ranked.value == pytest.approx(power_of_test(0.6, 100, 29, efficiency=RANK_EFFICIENCY), abs=0.05)
    assert found.method == "simulation"


def test_simulated_power_respects_clusters() -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(5), 5)
    one, two = rng.normal(0, 1, 100), 0.3 * rng.normal(size=25) + rng.normal(size=5)[labels]
    free, held = (
        simulated_power(one, two, 100, 25, repetitions=300),
        simulated_power(one, two, 100, 25, clusters_method=labels, repetitions=300),
    )
    assert held.value < free.value
    assert (free.clusters, held.clusters) == (None, 5)


@pytest.mark.parametrize(("one", "two", "n"), [([], [0.1], 5), ([0.1, 0.2], [np.nan], 5), ([0.1, 0.2], [0.1, 0.3], 1)])
def test_simulated_power_of_nothing_is_stated(one: list[float], two: list[float], n: int) -> None:
    assert simulated_power(one, two, 5, n).note
    assert simulated_power([0.1] * 4, [0.2] * 4, 5, 5).value == 0.0  # without spread nothing is found
