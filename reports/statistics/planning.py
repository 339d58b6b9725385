"""Before runs are made: what so many seeds can see, and how many are needed.

All effects are Cohen's d.  A rank test on normal values is as good as a t-test with 3 / pi = 0.955 as many, and never
worse than with 0.864 (Hodges and Lehmann 1956), hence the argument ``efficiency``.  Runs in clusters of size c whose
correlation is r count as n / (1 + (c - 1) r): hand these effective numbers over, which need not be whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import nctdtr, ndtri, stdtrit

from reports.statistics.estimates import Estimate, Floats, mean, share

RANK_EFFICIENCY = 3 / np.pi
MOST = 10_000_000  # seeds beyond which none are looked for


@dataclass(frozen=True)
class Plan:
    """How many seeds are needed.

    Attributes:
        seeds: smallest number that reaches the power; None where none does.
        power: reached with them; with any number, where none does.
        note: why there is no number, and what would help.
    """

    seeds: int | None
    power: float
    note: str = ""


def power_of_test(
    effect: float, n_reference: float, n_method: float, alpha: float = 0.05, efficiency: float = 1.0
) -> float:
    """Power of a two-sided unpaired t-test (or rank test) against Cohen's d ``effect``, by the noncentral t.

    NaN where there are too few values for a test.
    """
    one, two = efficiency * n_reference, efficiency * n_method
    freedom = one + two - 2
    if not freedom > 0 or min(one, two) <= 0:
        return float("nan")
    return _power(effect * np.sqrt(one * two / (one + two)), freedom, alpha)


def power_of_paired_test(
    effect: float, pairs: float, correlation: float, alpha: float = 0.05, efficiency: float = 1.0
) -> float:
    """Power of a two-sided paired t-test (or signed-rank test) against d, given the correlation between seeds.

    The differences have the standard deviation sqrt(2 (1 - r)) of a run's; 1 where the correlation is.
    """
    if not efficiency * pairs > 1:
        return float("nan")
    if correlation >= 1:
        return 1.0 if effect else alpha
    return _power(effect * np.sqrt(efficiency * pairs / (2 * (1 - correlation))), efficiency * pairs - 1, alpha)


def detectable_effect(
    n_reference: float, n_method: float, power: float = 0.8, alpha: float = 0.05, efficiency: float = 1.0
) -> float:
    """Smallest Cohen's d that a two-sided unpaired test finds with that power; infinite where there is no test.

    Args:
        n_reference: values of one sample; need not be whole, for effective sizes.
        n_method: of the other.
        power: to reach.
        alpha: level of the test.
        efficiency: of the test against the t-test.
    """
    return _smallest(lambda effect: power_of_test(effect, n_reference, n_method, alpha, efficiency), power)


def detectable_paired_effect(
    pairs: float, correlation: float, power: float = 0.8, alpha: float = 0.05, efficiency: float = 1.0
) -> float:
    """Smallest Cohen's d that a two-sided paired test finds with that power; infinite where there is no test."""
    return _smallest(lambda effect: power_of_paired_test(effect, pairs, correlation, alpha, efficiency), power)


def required_seeds(
    effect: float,
    n_reference: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    efficiency: float = 1.0,
) -> Plan:
    """Seeds of the method that a two-sided unpaired test needs to find d.

    Args:
        effect: to find; its sign does not matter.
        n_reference: seeds of the reference, if these are given; None: as many as of the method.
        power: to reach.
        alpha: level of the test.
        efficiency: of the test against the t-test.
    """
    if n_reference is None:
        return _plan(lambda n: power_of_test(effect, n, n, alpha, efficiency), power)
    found = _plan(lambda n: power_of_test(effect, n_reference, n, alpha, efficiency), power)
    if found.seeds is None and effect:
        both = required_seeds(effect, None, power, alpha, efficiency).seeds
        help_ = f": {both} of each would do" if both is not None else ""
        note = f"{n_reference:g} seeds of the reference are too few, whatever the number of the method’s{help_}"
        return Plan(None, found.power, note)
    return found


def required_pairs(
    effect: float, correlation: float, power: float = 0.8, alpha: float = 0.05, efficiency: float = 1.0
) -> Plan:
    """Common seeds that a two-sided paired test needs to find d, given the correlation between seeds."""
    return _plan(lambda n: power_of_paired_test(effect, n, correlation, alpha, efficiency), power)


def required_seeds_for_superiority(
    superiority: float, power: float = 0.8, alpha: float = 0.05, share_method: float = 0.5
) -> Plan:
    """Seeds of the method that Mann and Whitney's test needs, told what superiority is to be found (Noether 1987).

    Needs no distribution of a certain form: N = (z + z')^2 / (12 c (1 - c) (p - 1/2)^2) seeds in all.

    Args:
        superiority: probability that the method's run is the better one.
        power: to reach.
        alpha: level of the test.
        share_method: c, share of all seeds that are the method's.
    """
    z = ndtri(1 - alpha / 2) + ndtri(power)
    if superiority == 0.5:
        return Plan(None, alpha, "there is no effect to find")
    total = z**2 / (12 * share_method * (1 - share_method) * (superiority - 0.5) ** 2)
    return Plan(int(np.ceil(share_method * total)), power)


def simulated_power(
    reference: npt.ArrayLike,
    method: npt.ArrayLike,
    n_reference: int,
    n_method: int,
    clusters_method: npt.ArrayLike | None = None,
    test: str = "welch",
    alpha: float = 0.05,
    repetitions: int = 1_000,
    seed: int = 0,
) -> Estimate:
    """Share of repeated studies that would find a difference, were these runs the whole truth.

    Each study draws its runs with replacement from the stored ones (whole clusters where there are labels, as many as
    give about ``n_method``), and makes the test.  What it says rests on the observed difference being the true one,
    so it plans the next study and proves nothing about this one.

    Args:
        reference: ``float64[n]``; NaN is left out.
        method: ``float64[m]``, likewise.
        n_reference: runs of the reference in a study.
        n_method: of the method.
        clusters_method: ``int64[m]``, or None: independent.
        test: "welch" (respects clusters) or "rank" (Mann and Whitney's, takes all runs as independent).
        alpha: level of the test.
        repetitions: studies.
        seed: of what is drawn.

    Returns:
        Share of studies, with Wilson's interval for the number of repetitions; a study without spread finds nothing.
    """
    one = np.asarray(reference, np.float64)
    two = np.asarray(method, np.float64)
    labels = None if clusters_method is None else np.asarray(clusters_method)[~np.isnan(two)]
    one, two = one[~np.isnan(one)], two[~np.isnan(two)]
    if not len(one) or not len(two) or min(n_reference, n_method) < 2:
        return Estimate(*(np.nan,) * 3, 0.95, 0, None, "simulation", "there is nothing to draw, or too little drawn")
    rng = np.random.default_rng(seed)
    first = one[rng.integers(len(one), size=(repetitions, n_reference))]
    if labels is not None:
        found = [_clustered_study(first[i], two, labels, n_method, alpha, rng) for i in range(repetitions)]
    else:
        second = two[rng.integers(len(two), size=(repetitions, n_method))]
        found = list(_p_values(first, second, test) < alpha)
    told = share(np.array(found, np.float64))
    clusters = None if labels is None else len(np.unique(labels))
    return Estimate(told.value, told.low, told.high, 0.95, repetitions, clusters, "simulation")


def _p_values(first: Floats, second: Floats, test: str) -> Floats:
    if test == "rank":
        return np.asarray(stats.mannwhitneyu(first, second, axis=1, method="asymptotic").pvalue)
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (x.var(axis=1, ddof=1) / x.shape[1] for x in (first, second))
        t = (first.mean(axis=1) - second.mean(axis=1)) / np.sqrt(a + b)
        freedom = (a + b) ** 2 / (a**2 / (first.shape[1] - 1) + b**2 / (second.shape[1] - 1))
        return np.asarray(2 * stats.t.sf(np.abs(t), freedom))  # NaN without spread: not below alpha


def _clustered_study(
    first: Floats, values: Floats, labels: npt.NDArray[np.int64], n: int, alpha: float, rng: np.random.Generator
) -> bool:
    names = np.unique(labels)
    drawn = rng.choice(names, max(2, round(n * len(names) / len(values))))
    members = [values[labels == name] for name in drawn]
    one = mean(first)
    two = mean(np.concatenate(members), np.repeat(np.arange(len(drawn)), [len(x) for x in members]))
    error = np.sqrt(one.variance + two.variance)
    if not error > 0:
        return False
    freedom = error**4 / (one.variance**2 / one.freedom + two.variance**2 / two.freedom)
    return bool(abs(one.mean - two.mean) / error > stdtrit(freedom, 1 - alpha / 2))


def _power(shift: float, freedom: float, alpha: float) -> float:
    critical = stdtrit(freedom, 1 - alpha / 2)
    far = nctdtr(freedom, abs(shift), -critical)  # of the wrong sign; NaN where too small to be computed
    return float(1 - nctdtr(freedom, abs(shift), critical) + (0.0 if np.isnan(far) else far))


def _smallest(power_at: Callable[[float], float], power: float) -> float:
    low, high = 0.0, 0.125
    if np.isnan(power_at(high)):
        return float("inf")
    while not power_at(high) >= power:
        low, high = high, 2 * high
        if high > 1e9:
            return float("inf")
    for _ in range(60):  # bisection: power grows with the effect
        middle = (low + high) / 2
        low, high = (low, middle) if power_at(middle) >= power else (middle, high)
    return high


def _plan(power_at: Callable[[float], float], power: float) -> Plan:
    """Smallest whole number that reaches the power."""
    most = power_at(MOST)
    if not most >= power:
        return Plan(None, float(most), "no number of seeds is enough")
    low, high = 1, 2
    while not power_at(high) >= power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= power else (middle, high)
    return Plan(high, float(power_at(high)))
