"""One cell's verdict: what it says of known harms, what its bounds cover, and what it says where little is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from nasbench_sim.errors import UserError
from suites.gate.declaration import Gate, GatedSuite, gate_of
from suites.gate.verdicts import Kind, Verdict, build, judge, log_regret, sequentially

GATE = Gate()
LAST = len(GATE.looks) - 1


def spread(harm: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Baseline of mean 0 and sd 1 exactly, and an independent candidate that is worse by exactly ``harm``."""
    one, two = rng.standard_normal((2, GATE.seeds))
    one, two = ((x - x.mean()) / x.std(ddof=1) for x in (one, two))
    return one, two + harm


@pytest.mark.parametrize(
    ("harm", "kind"),
    [(-0.5, Kind.NOT_WORSE), (0.0, Kind.NOT_WORSE), (0.5, Kind.REGRESSED), (0.8, Kind.REGRESSED)],
)
def test_harm_is_seen_at_the_last_look(harm, kind):
    verdict = judge(*spread(harm, np.random.default_rng(1)), LAST, 9, GATE)
    assert verdict.kind is kind
    assert verdict.harm == pytest.approx(harm)
    assert verdict.low < harm < verdict.high
    assert verdict.ratio == pytest.approx(np.exp(harm))


def test_a_harm_that_is_certain_but_small_is_not_worse():
    """Common random numbers make tiny harms significant; the estimate must also exceed half the margin."""
    baseline, _ = spread(0, np.random.default_rng(2))
    noise = 0.01 * np.random.default_rng(3).standard_normal(GATE.seeds)
    for harm, kind in ((0.1, Kind.NOT_WORSE), (0.24, Kind.NOT_WORSE), (0.26, Kind.REGRESSED)):
        verdict = judge(baseline, baseline + harm + noise, LAST, 9, GATE)
        assert verdict.low > 0
        assert verdict.kind is kind


def test_pairs_are_worth_what_their_seeds_share():
    baseline, other = spread(0, np.random.default_rng(4))
    alone = judge(baseline, other + 0.3, LAST, 9, GATE)
    paired = judge(baseline, 0.95 * baseline + 0.05 * other + 0.3, LAST, 9, GATE)
    assert paired.high - paired.low < (alone.high - alone.low) / 5


def test_more_cells_ask_for_more():
    baseline, candidate = spread(0.3, np.random.default_rng(5))
    few, many = (judge(baseline, candidate, LAST, cells, GATE) for cells in (1, 50))
    assert many.low < few.low
    assert many.high == few.high


def test_an_undefined_run_is_never_a_pass():
    baseline, candidate = spread(-3, np.random.default_rng(6))
    candidate[17] = np.nan
    verdict = judge(baseline, candidate, LAST, 1, GATE)
    assert verdict.kind is Kind.REGRESSED
    assert "1 of 240 runs" in verdict.note


def test_equal_regrets_of_few_runs_are_not_yet_enough():
    """None of 60 runs changed: up to one in eleven may, and what those would lose is not known."""
    baseline, _ = spread(0, np.random.default_rng(7))
    first, last = judge(baseline, baseline[:60], 0, 9, GATE), judge(baseline, baseline, LAST, 9, GATE)
    assert first.harm == last.harm == 0
    assert first.low == last.low == -np.inf
    assert first.high > 4 * last.high > 0
    assert last.kind is Kind.NOT_WORSE
    assert "0 of 240 runs differ" in last.note


def test_a_rare_disaster_is_not_waved_through():
    baseline, _ = spread(0, np.random.default_rng(8))
    candidate = baseline.copy()
    candidate[:5] += 30
    assert judge(baseline, candidate, LAST, 9, GATE).kind is Kind.INCONCLUSIVE


def test_a_constant_difference_is_seen():
    """Complete separation without any spread of the differences."""
    baseline, _ = spread(0, np.random.default_rng(9))
    assert judge(baseline, baseline[:60] + 0.7, 0, 9, GATE).kind is Kind.REGRESSED
    assert judge(baseline, baseline[:60] - 0.7, 0, 9, GATE).kind is Kind.NOT_WORSE


def test_another_machine_s_last_digit_is_no_difference():
    baseline, _ = spread(0, np.random.default_rng(10))
    verdict = judge(baseline, baseline * (1 + 1e-15), LAST, 9, GATE)
    assert "0 of 240 runs differ" in verdict.note


def test_regret_has_a_floor_and_nan_stays():
    values = log_regret([0.0, 1e-9, 1e-4, np.e, np.nan], 1e-4)
    assert values[:4] == pytest.approx([np.log(1e-4)] * 3 + [1.0])
    assert np.isnan(values[4])


def test_a_cell_leaves_at_the_first_look_that_decides_it():
    baseline, candidate = spread(0, np.random.default_rng(11))
    assert sequentially(baseline, candidate + 3, 9, GATE).seeds == GATE.looks[0]
    verdict = sequentially(baseline, candidate, 9, GATE)
    assert verdict.seeds in GATE.looks
    assert sequentially(baseline, candidate + 0.28, 9, Gate(alpha=1e-6)).kind is Kind.INCONCLUSIVE


@pytest.mark.parametrize(
    ("kinds", "whole"),
    [
        ("unchanged unchanged", "unchanged"),
        ("unchanged, not worse", "not worse"),
        ("not worse, inconclusive", "inconclusive"),
        ("inconclusive, regressed, not worse", "regressed"),
    ],
)
def test_a_build_is_its_worst_cell(kinds, whole):
    cells = [Kind(word) for word in (kinds.split(", ") if "," in kinds else kinds.split())]
    assert build([Verdict(kind, 1, 0, 0, 0, 1) for kind in cells]) == whole


FLOOR = np.log(GATE.floor)
SHAPES = {
    "normal": lambda rng, n: rng.normal(-5, 0.4, n),
    "lognormal": lambda rng, n: np.exp(rng.normal(0, 0.8, n)) - 6,
    "zero-inflated": lambda rng, n: np.where(rng.random(n) < 0.6, FLOOR, rng.normal(-5, 0.4, n)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", ["low", "high"])
def test_bounds_hold_over_all_looks_together(shape, side):
    """Log-regrets of these shapes; a harm outside at any look is a miss, and misses keep to their level."""
    rng, trials, harm = np.random.default_rng(12), 1000, 0.4
    misses = 0
    for _ in range(trials):
        values = SHAPES[shape](rng, 2 * GATE.seeds)
        baseline, candidate = values[: GATE.seeds], values[GATE.seeds :] + harm
        truth = harm / baseline.std(ddof=1)
        verdicts = [judge(baseline, candidate[:n], look, 1, GATE) for look, n in enumerate(GATE.looks)]
        misses += any(v.low > truth if side == "low" else v.high < truth for v in verdicts)
    low, high = binom.ppf([0.001, 0.999], trials, GATE.alpha)
    assert low <= misses <= high


@pytest.mark.parametrize(
    "declared",
    [
        {"looks": ()},
        {"looks": (60, 60)},
        {"looks": (5, 60)},
        {"budgets": (0, 5)},
        {"margin": 0},
        {"floor": 0},
        {"alpha": 0.7},
    ],
)
def test_what_cannot_be_meant_is_refused(declared):
    with pytest.raises(UserError, match="gate's"):
        Gate(**declared)


def test_a_budget_beyond_the_runs_is_refused():
    suite = GatedSuite("s", "?", (), (), (), lambda name, tables: None, evaluations=10, gate=Gate(budgets=(20,)))
    with pytest.raises(UserError, match="20 evaluations but ends them before"):
        gate_of(suite)
