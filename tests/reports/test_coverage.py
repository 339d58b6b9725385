"""What intervals cover for normal, lognormal and zero-inflated regrets: the nominal 95%, or what docstrings admit.

The figures expected here come from 6,000 to 10,000 repetitions; each test repeats it a few hundred times with a fixed
seed, so that it must agree within three standard errors of both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit, ndtr

from reports.statistics import (
    Estimate,
    cohens_d,
    curve,
    d_z,
    expected_running_time,
    hedges_g,
    interquartile_mean,
    kaplan_meier,
    log_rank,
    paired,
    performance_profile,
    probability_of_improvement,
    share,
    superiority,
    superiority_estimate,
    two_samples,
    welchs_t,
)

Draw = Callable[..., np.ndarray]
GROUPS = np.repeat(np.arange(5), 5)


def normal(rng: np.random.Generator, size: int | tuple[int, int], shift: float = 0.0) -> np.ndarray:
    return rng.normal(shift, 1, size)


def lognormal(rng: np.random.Generator, size: int | tuple[int, int], shift: float = 0.0) -> np.ndarray:
    return np.exp(rng.normal(shift, 1, size))


def inflated(rng: np.random.Generator, size: int | tuple[int, int], shift: float = 0.0) -> np.ndarray:
    return np.where(rng.random(size) < 0.3, 0.0, np.exp(shift) * rng.exponential(size=size))


DRAWS = {"normal": normal, "lognormal": lognormal, "zero-inflated": inflated}
MEANS = {"normal": 0.0, "lognormal": np.exp(0.5), "zero-inflated": 0.7}


def nested(rng: np.random.Generator, between: float = 1.0) -> np.ndarray:
    """Five clusters of five, of variance 1."""
    return (rng.normal(size=25) + between * rng.normal(size=5)[GROUPS]) / np.sqrt(1 + between**2)


def coverage(estimate: Callable[[], Estimate], truth: float, repetitions: int) -> float:
    found = [estimate() for _ in range(repetitions)]
    assert not any(np.isnan(one.low) for one in found)
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def agrees(found: float, expected: float, repetitions: int) -> None:
    error = np.sqrt(expected * (1 - expected) / repetitions)
    assert abs(found - expected) < 3 * error + 0.005, (found, expected)


@pytest.mark.parametrize(
    ("name", "statistic", "expected"),
    [
        ("normal", "mean", 0.95), ("lognormal", "mean", 0.87), ("zero-inflated", "mean", 0.917),
        ("normal", "median", 0.958), ("lognormal", "median", 0.958), ("zero-inflated", "median", 0.958),
        ("normal", "interquartile mean", 0.949), ("lognormal", "interquartile mean", 0.938),
        ("zero-inflated", "interquartile mean", 0.937),
    ],
)  # fmt: skip
def test_bands_of_curves(name: str, statistic: str, expected: float) -> None:
    rng, draw = np.random.default_rng(1), DRAWS[name]
    whole = np.sort(draw(rng, 1_000_000))
    truth = {"mean": MEANS[name], "median": whole[500_000], "interquartile mean": whole[250_000:750_000].mean()}[
        statistic
    ]
    found = curve(draw(rng, (25, 4000)), statistic=statistic)
    agrees(float(np.mean((found.low <= truth) & (truth <= found.high))), expected, 4000)


@pytest.mark.parametrize(("statistic", "expected"), [("mean", 0.949), ("median", 0.95), ("interquartile mean", 0.942)])
def test_bands_of_curves_of_nested_runs(statistic: str, expected: float) -> None:
    rng = np.random.default_rng(2)
    found = curve(np.stack([nested(rng, 0.5) for _ in range(1500)], axis=1), GROUPS, statistic=statistic)
    there = ~np.isnan(found.low)
    agrees(float(np.mean((found.low <= 0)[there] & (found.high >= 0)[there])), expected, int(there.sum()))


@pytest.mark.parametrize(
    ("name", "n", "m", "expected"),
    [
        ("normal", 100, 25, 0.949), ("lognormal", 100, 25, 0.928), ("zero-inflated", 100, 25, 0.933),
        ("normal", 25, 25, 0.952), ("lognormal", 25, 25, 0.96), ("zero-inflated", 25, 25, 0.957),
    ],
)  # fmt: skip
def test_differences_of_means(name: str, n: int, m: int, expected: float) -> None:
    rng, draw = np.random.default_rng(3), DRAWS[name]
    hits = []
    for _ in range(1200):
        found = two_samples(draw(rng, n), draw(rng, m))
        hits.append(found.interval_low <= 0 <= found.interval_high)
    agrees(float(np.mean(hits)), expected, 1200)


@pytest.mark.parametrize(
    ("name", "n", "m", "expected"),
    [
        ("normal", 50, 25, 0.951), ("lognormal", 50, 25, 0.976), ("zero-inflated", 50, 25, 0.975),
        ("normal", 25, 100, 0.947), ("lognormal", 25, 100, 0.901), ("zero-inflated", 25, 100, 0.905),
    ],
)  # fmt: skip
@pytest.mark.parametrize("estimate", [cohens_d, hedges_g])
def test_effect_sizes(estimate: Callable[..., Estimate], name: str, n: int, m: int, expected: float) -> None:
    rng, draw = np.random.default_rng(4), DRAWS[name]
    shift = 0.35 if name == "zero-inflated" else 0.5
    one, two = draw(rng, 2_000_000, shift), draw(rng, 2_000_000)
    pooled = np.sqrt(((n - 1) * one.var() + (m - 1) * two.var()) / (n + m - 2))
    truth = float((one.mean() - two.mean()) / pooled)
    agrees(coverage(lambda: estimate(draw(rng, n, shift), draw(rng, m)), truth, 800), expected, 800)


@pytest.mark.parametrize(("shift", "n", "m"), [(0.0, 100, 25), (0.5, 25, 25), (1.5, 100, 25)])
@pytest.mark.parametrize("name", DRAWS)
def test_superiority(name: str, shift: float, n: int, m: int) -> None:
    rng, draw = np.random.default_rng(5), DRAWS[name]
    truth = superiority(draw(rng, 400_000, shift), draw(rng, 400_000))
    found = coverage(lambda: superiority_estimate(draw(rng, n, shift), draw(rng, m)), truth, 1000)
    agrees(found, 0.96, 1000)


@pytest.mark.parametrize("between", [0.0, 1.0])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_nested_runs(shift: float, between: float) -> None:
    rng = np.random.default_rng(6)

    def pairs() -> tuple[np.ndarray, np.ndarray, None, np.ndarray]:
        return rng.normal(shift, 1, 100), nested(rng, between), None, GROUPS

    truth = float(ndtr(shift / np.sqrt(2)))
    agrees(coverage(lambda: superiority_estimate(*pairs()), truth, 800), 0.949, 800)
    agrees(coverage(lambda: cohens_d(*pairs()), shift, 800), 0.943, 800)
    if shift == 0:
        rejected = np.mean([welchs_t(*pairs()).p_value < 0.05 for _ in range(800)])
        agrees(1 - float(rejected), 0.943, 800)


@pytest.mark.parametrize(("name", "expected"), [("normal", 0.948), ("lognormal", 0.962), ("zero-inflated", 0.947)])
def test_pairs(name: str, expected: float) -> None:
    rng = np.random.default_rng(7)

    def two() -> list[np.ndarray]:
        """Runs whose normal scores share half of their variance."""
        common = rng.normal(size=25)
        scores = [(common + rng.normal(size=25)) / np.sqrt(2) for _ in range(2)]
        if name == "normal":
            return scores
        if name == "lognormal":
            return [np.exp(x) for x in scores]
        shares = [np.clip((ndtr(x) - 0.3) / 0.7, 0, 1) for x in scores]
        return [-np.log1p(-x) for x in shares]

    found = [paired(*two()) for _ in range(400)]
    agrees(float(np.mean([one.difference.low <= 0 <= one.difference.high for one in found])), expected, 400)
    agrees(float(np.mean([one.wins.low <= 0.5 <= one.wins.high for one in found])), 0.962, 400)


@pytest.mark.parametrize(("name", "expected"), [("normal", 0.967), ("lognormal", 0.945), ("zero-inflated", 0.998)])
def test_effect_sizes_of_pairs(name: str, expected: float) -> None:
    rng, draw = np.random.default_rng(8), DRAWS[name]
    shift = 0.5 if name == "normal" else 0.0
    whole = draw(rng, 1_000_000, shift)
    agrees(coverage(lambda: d_z(draw(rng, 25, shift)), float(whole.mean() / whole.std()), 1000), expected, 1000)


@pytest.mark.parametrize("name", DRAWS)
def test_bootstrap_over_the_seeds_of_two_benchmarks(name: str) -> None:
    rng, draw = np.random.default_rng(9), DRAWS[name]
    whole = np.sort(draw(rng, 1_000_000))
    middle, superior = whole[250_000:750_000].mean(), superiority(draw(rng, 400_000, 0.5), whole)
    few = {"repetitions": 400}

    def seed() -> int:
        return int(rng.integers(1 << 30))

    def pooled() -> Estimate:
        return interquartile_mean([draw(rng, 25), draw(rng, 25)], seed=seed(), **few)

    def improved() -> Estimate:
        ones, twos = ([draw(rng, 25, shift) for _ in range(2)] for shift in (0.5, 0.0))
        return probability_of_improvement(ones, twos, seed=seed(), **few)

    agrees(coverage(pooled, middle, 250), 0.953, 250)
    agrees(coverage(improved, superior, 250), 0.96, 250)
    hits = []
    for _ in range(250):
        found = performance_profile([draw(rng, 25), draw(rng, 25)], whole[[400_000, 600_000]], seed=seed(), **few)
        hits.append((found.low <= [0.4, 0.6]) & (found.high >= [0.4, 0.6]))
    agrees(float(np.mean(hits)), 0.958, 250)


def test_bootstrap_over_nested_seeds() -> None:
    rng = np.random.default_rng(10)

    def pooled() -> Estimate:
        tasks = [nested(rng), nested(rng)]
        return interquartile_mean(tasks, [GROUPS, GROUPS], repetitions=400, seed=int(rng.integers(1 << 30)))

    agrees(coverage(pooled, 0.0, 400), 0.945, 400)


def test_shares() -> None:
    rng = np.random.default_rng(11)
    for truth, expected in ((0.1, 0.967), (0.5, 0.957), (0.7, 0.925)):
        agrees(coverage(lambda truth=truth: share(rng.random(25) < truth), truth, 1500), expected, 1500)
    truth = float(expit(rng.normal(size=1_000_000)).mean())
    agrees(
        coverage(lambda: share(rng.random(25) < expit(rng.normal(size=5))[GROUPS], GROUPS), truth, 1500), 0.955, 1500
    )


@pytest.mark.parametrize(("rate", "expected"), [(0.5, 0.954), (1.0, 0.942)])
def test_expected_running_times(rate: float, expected: float) -> None:
    rng = np.random.default_rng(12)

    def runs(n: int) -> tuple[np.ndarray, np.ndarray]:
        times = np.minimum(np.exp(0.8 * rng.normal(size=n)), 5)
        return np.where(rng.random(n) < rate, times, np.inf), np.full(n, 5.0)

    times, spent = runs(1_000_000)
    truth = np.minimum(times, spent).sum() / np.isfinite(times).sum()
    agrees(coverage(lambda: expected_running_time(*runs(50)), float(truth), 1000), expected, 1000)


@pytest.mark.parametrize("clustered", [False, True])
def test_shares_that_have_reached_a_target(clustered: bool) -> None:
    rng, hits = np.random.default_rng(13), []
    for _ in range(800):
        times = -np.log(ndtr(nested(rng) if clustered else rng.normal(size=25)))
        ended = rng.exponential(2.0, 25)
        found = kaplan_meier(np.where(times <= ended, times, np.inf), ended, GROUPS if clustered else None)
        place = int(np.searchsorted(found.times, np.log(2), side="right")) - 1
        if place >= 0 and np.isfinite(found.low[place]):
            hits.append(found.low[place] <= 0.5 <= found.high[place])
    agrees(float(np.mean(hits)), 0.953, len(hits))


def test_the_log_rank_test_with_five_clusters_rejects_somewhat_too_often() -> None:
    rng, rejected = np.random.default_rng(14), []
    for _ in range(500):
        samples = []
        for scores in (rng.normal(size=100), nested(rng)):
            times, ended = -np.log(ndtr(scores)), rng.exponential(2.0, len(scores))
            samples += [np.where(times <= ended, times, np.inf), ended]
        rejected.append(log_rank(*samples, None, GROUPS).p_value < 0.05)
    agrees(1 - float(np.mean(rejected)), 0.93, 500)
