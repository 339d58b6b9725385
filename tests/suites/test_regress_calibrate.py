"""The gate's own figures: that calibration measures what it says, on a suite that takes a second."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from nasbench_sim.simulate import simulate_many
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from suites.gate import characteristics
from suites.gate.characteristics import Pools, Share, mann_whitney, mean_ten_percent, median_ratio, run_rules, run_trial
from suites.gate.compare import Cell
from suites.gate.declaration import Gate
from suites.gate.injected import injections
from suites.gate.verdicts import Kind
from suites.regress import PASS, REGRESSED, UNUSABLE, main
from tests.scripted import written
from tests.suites import gated


@pytest.fixture(scope="module")
def pools() -> Pools:
    """Three cells of normal log-regrets and no injection."""
    values = np.random.default_rng(0).normal(-5, 0.5, (3, 1000))
    return Pools([Cell("task", name, "10") for name in "abc"], values, {}, cluster=5)


def test_promises_are_kept_on_normal_log_regrets(pools):
    gate, builds = Gate(), 400
    none = run_trial(pools, gate, builds, 0.0)
    assert none.ends(Kind.REGRESSED).low <= 0.05
    assert none.ends(Kind.NOT_WORSE).value >= 0.9
    assert none.seeds() <= gate.seeds / 2
    for shift, least in ((0.5, 0.75), (0.8, 0.95)):
        harmed = run_trial(pools, gate, builds, shift, none)
        assert harmed.found().value >= least
        assert harmed.found(Kind.NOT_WORSE).low <= 0.05
        assert harmed.seeds() <= gate.seeds / 2
        others = [v for i, row in enumerate(harmed.verdicts) for cell, v in enumerate(row) if cell != harmed.harmed[i]]
        expected = [v for i, row in enumerate(none.verdicts) for cell, v in enumerate(row) if cell != harmed.harmed[i]]
        assert others == expected


def test_one_cell_in_turn_is_harmed_and_no_seed_is_on_both_sides(pools):
    gate = Gate()
    baselines, candidates = characteristics._draws(pools, gate.seeds, 20)
    assert baselines.shape == candidates.shape == (20, gate.seeds)
    for one, two in zip(baselines, candidates, strict=True):
        assert len({*one, *two}) == 2 * gate.seeds
        # seeds that share a super-net stand beside each other
        assert (one % 5 == two % 5).all()
        assert (one % 5 == np.arange(gate.seeds) % 5).all()
    assert run_trial(pools, gate, 7, 0.5).harmed.tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_uncorrected_rules_raise_more_false_alarms(pools):
    alarms = run_rules(pools, Gate(), 400, 0.0, 240)
    assert alarms["Mann-Whitney p < 0.05 per cell"].value == pytest.approx(1 - 0.975**3, abs=0.04)
    assert alarms["median ratio 1.1 and p < 0.002"].value < 0.02


def test_other_rules_say_what_their_names_say():
    equal = np.log(np.tile(np.linspace(0.01, 0.02, 50), (1, 1)))
    for factor, alarm in ((1.0, False), (1.05, False), (1.2, True)):
        assert mean_ten_percent(equal, equal + np.log(factor)).tolist() == [alarm]
    assert median_ratio(equal, equal + np.log(1.5)).tolist() == [True]
    assert median_ratio(equal, equal + np.log(1.09)).tolist() == [False]
    assert mann_whitney(equal, equal + np.log(1.5)).tolist() == [True]
    assert mann_whitney(equal, equal - np.log(1.5)).tolist() == [False]


@pytest.mark.parametrize(("count", "builds"), [(0, 300), (7, 300), (300, 300)])
def test_shares_have_the_exact_interval(count, builds):
    interval = binomtest(count, builds).proportion_ci(0.95, "exact")
    share = Share(count, builds)
    assert (share.low, share.high) == pytest.approx((interval.low, interval.high))


def test_injections_do_what_they_say():
    errors = np.random.default_rng(1).random(400)
    task = written(errors, np.ones(400), test=errors).within(evaluations=20)
    worse = injections(20)

    def run(injection, strategy):
        return simulate_many(task, worse[injection](strategy), range(5), name="x", record="all")

    plain = simulate_many(task, RandomSearch, range(5), name="x", record="all")
    for wasted, whole in zip(run("50% of the evaluations wasted", RandomSearch), plain, strict=True):
        assert (wasted.codes[:10] == wasted.codes[0]).all()
        assert len(np.unique(wasted.codes)) in (10, 11)
        assert len(np.unique(whole.codes)) == 20
    # Noise changes what a strategy does, not what it is worth: the trace holds the true figures.
    for noisy in run("noise of 0.005 on every answer", GreedySearch):
        assert (noisy.objectives[:, 0] == errors[noisy.codes[:, 0]]).all()


def test_calibrate_prints_the_characteristics(tmp_path, capsys):
    suite = gated.write(tmp_path, evaluations=80, draw=80, looks=(60, 100, 140, 190, 240), tasks=("line/one",))
    status = main(["calibrate", str(suite), "--repetitions", "100", "--pool", "500", "--workers", "1"])
    out = capsys.readouterr().out
    assert status == (REGRESSED if "MISSED" in out else PASS)
    for words in ("A against A: false alarms", "0.5 sd in one cell: found", "0.8 sd in one cell: found", "this gate"):
        assert words in out
    wasted = next(line for line in out.splitlines() if line.startswith("75% of the evaluations wasted: RS"))
    assert "+-" in wasted


def test_a_pool_too_small_for_two_builds_is_refused(tmp_path, capsys):
    assert main(["calibrate", str(gated.write(tmp_path)), "--pool", "100"]) == UNUSABLE
    assert "--pool 100" in capsys.readouterr().err
