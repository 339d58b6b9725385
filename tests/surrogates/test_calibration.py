"""Intervals hold what they say: on simulated ensembles whose errors and noise are known."""

from __future__ import annotations

import numpy as np
import pytest

from surrogates.calibration import LEAST_SHARE, MOST_RELATIVE, NINETY, TRUST, Calibration, calibrate

MEMBERS, LEARNED, FRESH = 10, 6000, 2000


def world(seed, runs, *, failing=0.0, n=LEARNED):
    """An ensemble over n rows: true logarithms, answers ``[m, n]`` of members, training runs ``[n, runs]``.

    What all members are off by alike, what each is off by alone, and the noise of training all grow with the level.
    """
    rng = np.random.default_rng(seed)
    true = rng.uniform(-3, -1, n)
    level = 1 + (true + 3) / 2
    shared = 0.02 * level * rng.standard_normal(n)
    own = 0.015 * level * rng.standard_normal((MEMBERS, n)) * rng.choice([0.5, 1.3], n)
    measured = true[:, None] + 0.02 * level[:, None] * rng.standard_normal((n, runs))
    measured[rng.random(n) < failing] += 1.5
    return true, true + shared + own, measured


def fitted(runs, *, failing=0.0, stated=False, missing=0.0):
    """A calibration from rows each predicted by one member, as an ensemble over folds does."""
    true, members, measured = world(0, runs, failing=failing)
    measured[np.random.default_rng(5).random(measured.shape) < missing] = np.nan
    measured[:, 0] = np.where(np.isnan(measured).all(1), true, measured[:, 0])
    out_of_fold = members[np.arange(LEARNED) % MEMBERS, np.arange(LEARNED)]
    _, fresh, _ = world(1, 1, n=FRESH)
    variance = fresh.var(0, ddof=1)
    noise = 0.02 * (1 + (true + 3) / 2) if stated else None
    return calibrate(out_of_fold, measured, fresh.mean(0), variance, variance * (1 - 1 / MEMBERS), noise)


CASES = {
    "one run": {"runs": 1},
    "three runs": {"runs": 3},
    "three runs, some missing": {"runs": 3, "missing": 0.3},
    "noise as stated": {"runs": 1, "stated": True},
    "some trainings fail": {"runs": 3, "failing": 0.005},
}


@pytest.mark.parametrize("case", CASES)
def test_nine_tenths_of_single_runs_lie_within_the_intervals_of_the_ensemble(case):
    calibration = fitted(**CASES[case])
    _, members, runs = world(2, CASES[case]["runs"], failing=CASES[case].get("failing", 0.0), n=20_000)
    predicted, spread = members.mean(0), members.std(0, ddof=1)
    inside = np.abs(runs - predicted[:, None]) <= NINETY * calibration.run_sd(predicted, spread)[:, None]
    assert 0.88 < inside.mean() < 0.92
    for low in (-3.0, -2.0):  # at either end of the scale too
        part = (predicted >= low) & (predicted < low + 1)
        assert 0.87 < inside[part].mean() < 0.93


@pytest.mark.parametrize("failing", [0.0, 0.005])
def test_noise_is_told_apart_from_ignorance_where_there_are_repeats(failing):
    """Five failures in a thousand would make it ten times as large if squares were averaged."""
    calibration = fitted(3, failing=failing)
    at = np.array([-2.8, -2.0, -1.2])
    np.testing.assert_allclose(calibration.noise_sd(at), 0.02 * (1 + (at + 3) / 2), rtol=0.1)
    typical = np.interp(at, calibration.level, calibration.spread)
    ignorance = np.sqrt(0.02**2 + 0.015**2 * (0.5**2 + 1.3**2) / 2 / MEMBERS) * (1 + (at + 3) / 2)
    np.testing.assert_allclose(calibration.model_sd(at, typical), ignorance, rtol=0.25)
    assert calibration.repeats == 2 * LEARNED


def test_without_repeats_all_is_ignorance():
    calibration = fitted(1)
    at, spread = np.array([-2.0]), np.array([0.02])
    assert calibration.noise is None
    assert calibration.noise_sd(at).tolist() == [0.0]
    assert calibration.run_sd(at, spread) == calibration.model_sd(at, spread)


def test_disagreement_widens_up_to_a_limit():
    calibration = Calibration(np.array([-2.0]), np.array([0.1]), np.array([0.06]), np.array([0.02]))
    at = np.full(4, -2.0)
    found = calibration.model_sd(at, 0.02 * np.array([0.0, 1.0, MOST_RELATIVE, 100.0]))
    assert found[0] == pytest.approx(0.08 * np.sqrt(1 - TRUST))
    assert found[1] == pytest.approx(0.08)
    assert found[2] == found[3] == pytest.approx(0.08 * np.sqrt(1 - TRUST + TRUST * MOST_RELATIVE**2))
    assert calibration.run_sd(at[:1], np.array([0.02])) == pytest.approx(0.1)


def test_a_model_that_seems_perfect_still_owns_to_a_little():
    calibration = Calibration(np.array([-2.0]), np.array([0.05]), np.array([0.06]), np.array([0.02]))
    assert calibration.model_sd(np.array([-2.0]), np.array([0.02])) == pytest.approx(0.05 * np.sqrt(LEAST_SHARE))


def test_few_rows_make_few_levels():
    rng = np.random.default_rng(0)
    found = calibrate(rng.random(70), rng.random((70, 1)), rng.random(5), rng.random(5), rng.random(5))
    assert found.level.shape == (2,)
    assert calibrate(rng.random(9), rng.random((9, 2)), np.zeros(0), np.zeros(0), np.zeros(0)).level.shape == (1,)


@pytest.mark.parametrize("case", CASES)
def test_it_comes_back_from_plain_values(case):
    calibration = fitted(**CASES[case])
    again = Calibration.of_plain(calibration.as_plain())
    at, spread = np.linspace(-4, 0, 50), np.linspace(0, 0.2, 50)
    assert again.run_sd(at, spread).tolist() == calibration.run_sd(at, spread).tolist()
    assert again.noise_sd(at).tolist() == calibration.noise_sd(at).tolist()


def test_plain_values_that_are_none_are_refused():
    good = fitted(3).as_plain()
    for change in ({"level": good["level"][::-1]}, {"total": [1.0]}, {"spread": [-1.0] * 10}, {"level": []}):
        with pytest.raises(ValueError, match="calibration"):
            Calibration.of_plain({**good, **change})
