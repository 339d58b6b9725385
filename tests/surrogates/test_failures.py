"""Trainings that fail are found, kept out of the regressions, and predicted as a chance."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lightgbm")

from nasbench_sim.spaces.nasbench201 import NASBench201
from surrogates import failures
from surrogates.inputs import Inputs
from surrogates.members import Lessons

SPACE = NASBench201()
SETTINGS = {"threads": 1}
CODES = SPACE.sample(np.random.default_rng(0), 1500)
RISKY = (CODES == 3).sum(1) >= 3  # where a quarter of the trainings fail


def lessons(failing):
    """A smooth function of the operations, with a little noise; ``failing`` rows end at an error of 0.9."""
    rng = np.random.default_rng(1)
    log = np.log(0.06) + 0.05 * CODES.sum(1) + 0.01 * rng.standard_normal(len(CODES))
    return Lessons(Inputs(SPACE, CODES), np.where(failing, np.log(0.9), log), np.zeros((len(CODES), 0)))


def lost_at_random(share, among):
    return among & (np.random.default_rng(2).random(len(CODES)) < share)


@pytest.mark.parametrize("trees", ["lgb", "xgb"])
def test_they_are_found_and_no_others(trees):
    pytest.importorskip({"lgb": "lightgbm", "xgb": "xgboost"}[trees])
    lost = lost_at_random(0.01, np.ones(len(CODES), bool))  # here and there, among configurations that train
    assert 8 < lost.sum() < 25
    found = failures.failed(trees, lessons(lost), 0, SETTINGS)
    assert not (found & ~lost).any()
    assert found.sum() > 0.8 * lost.sum()


def test_where_nothing_fails_nothing_is_found():
    nothing = np.zeros(len(CODES), bool)
    assert not failures.failed("lgb", lessons(nothing), 0, SETTINGS).any()
    few = nothing.copy()
    few[:: len(CODES) // 3] = True  # too few to learn a chance from
    assert not failures.failed("lgb", lessons(few), 0, SETTINGS).any()
    assert failures.fit("lgb", lessons(nothing), nothing, 0, SETTINGS) is None


@pytest.mark.parametrize("trees", ["lgb", "xgb"])
def test_the_chance_moves_predictions_where_trainings_fail(trees, tmp_path):
    pytest.importorskip({"lgb": "lightgbm", "xgb": "xgboost"}[trees])
    lost = lost_at_random(0.25, RISKY)
    given = lessons(lost)
    made = failures.fit(trees, given, lost, 0, SETTINGS)
    log = np.full(len(CODES), np.log(0.08))
    share = (made.moved(log, given.inputs) - log) / (np.log(0.9) - log)
    assert share[RISKY].mean() == pytest.approx(lost[RISKY].mean(), rel=0.5)  # shrunk, as few have failed
    assert share[~RISKY].mean() < 0.1 * share[RISKY].mean()
    assert made.level == pytest.approx(np.log(0.9))
    held = made.moved_out_of_fold(log, given.inputs)
    assert (held >= log).all()
    assert (held != made.moved(log, given.inputs)).any()
    again = failures.load(tmp_path, made.save(tmp_path, "error"))
    np.testing.assert_array_equal(again.moved(log, given.inputs), made.moved(log, given.inputs))
