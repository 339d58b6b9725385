"""Grid search, staged search, Hyperband with a model, evaluation by folds, and the landscapes that they search."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from nasbench_sim import Task, simulate
from nasbench_sim.errors import UserError
from nasbench_sim.folds import RULES, FoldsOracle, Radiographs, read
from nasbench_sim.generated import GeneratedOracle
from nasbench_sim.landscapes import BEST_LOSS, SixHundred, TrainingMinutes
from nasbench_sim.oracle import Request
from nasbench_sim.spaces.convolutional import hyperband_grid
from nasbench_sim.strategies.grid_search import GridSearch
from nasbench_sim.strategies.hyperband_bo import HyperbandBO, WithTime
from nasbench_sim.strategies.kernels import Kernel
from nasbench_sim.strategies.staged_search import Stage, StagedSearch

SIX_HUNDRED = Task("six hundred", GeneratedOracle(SixHundred()))
MINUTES = Task("minutes", GeneratedOracle(TrainingMinutes()))
FOLDS = Task("folds", FoldsOracle(Radiographs()))
REGIMES = (Stage(("batch_size", "dropout"), 30), Stage(("learning_rate", "epsilon"), way="grid"))
RUNGS = (3.0, 9.0, 27.0)


# Grid search


def test_a_grid_is_walked_once_from_end_to_end():
    strategy = partial(GridSearch, points=3, order="listed", start=False)
    trace = simulate(SIX_HUNDRED, strategy, evaluations=10_000, record="all")
    assert len(trace.codes) == 3**4
    assert {tuple(column) for column in map(np.unique, trace.codes.T)} >= {(0, 2, 4)}
    assert trace.codes.tolist() == sorted(trace.codes.tolist())
    everything = simulate(SIX_HUNDRED, GridSearch, evaluations=10_000, record="all")
    assert len(np.unique(SIX_HUNDRED.oracle.space.key(everything.codes), axis=0)) == 600 == len(everything.codes)


def test_a_grid_that_is_none_is_refused():
    with pytest.raises(UserError, match="give fewer points"):
        simulate(FOLDS, GridSearch, evaluations=5)
    with pytest.raises(UserError, match="2 or more"):
        simulate(FOLDS, partial(GridSearch, points=1), evaluations=5)


# Staged search


def test_the_second_stage_freezes_the_best_of_the_first():
    trace = simulate(FOLDS, partial(StagedSearch, stages=REGIMES, restart=False), evaluations=1000, record="all")
    start, first, second = trace.codes[0], trace.codes[1:31], trace.codes[31:]
    assert (first[:, 2:] == start[2:]).all()
    assert len(second) in (31, 32)  # the frozen one need not be trained again
    best = trace.codes[:31][trace.objectives[:31, 0].argmin()]
    assert (second[:, :2] == best[:2]).all()
    assert len(np.unique(trace.codes, axis=0)) == len(trace.codes)


def test_a_stage_of_nothing_is_refused():
    with pytest.raises(UserError, match="no variable 'momentum'"):
        simulate(FOLDS, partial(StagedSearch, stages=(Stage(("momentum",)),)), evaluations=5)
    with pytest.raises(UserError, match="too large"):
        simulate(FOLDS, partial(StagedSearch, stages=(Stage(("batch_size", "dropout"), way="grid"),)), evaluations=5)


# Folds


def test_more_folds_less_noise_and_every_rule_its_bias():
    task = FOLDS.oracle
    code = task.space.code({"batch_size": 1600, "dropout": 0.2, "learning_rate": 1e-3, "epsilon": 1e-7})[None]
    truth = float(task.curves.curves(code).max())
    found = {}
    for rule in RULES:
        oracle = FoldsOracle(task.curves, rule)
        many = np.repeat(code, 300, axis=0)
        for k in (6, 10):
            answers = oracle.evaluate(Request(many, fidelity=k), np.arange(300, dtype=np.uint64))
            found[rule, k] = 1 - answers.objectives[:, 0]
            assert (answers.held_out[:, 0] == 1 - truth).all()
            assert (answers.seconds == answers.seconds[0]).all()
    for rule in RULES:
        assert found[rule, 10].std() < found[rule, 6].std()
    assert found["each fold's best", 6].mean() > found["best epoch", 6].mean() > truth  # optimism
    assert found["best epoch", 6].mean() > found["last epoch", 6].mean()
    assert found["best epoch", 6].mean() == pytest.approx(0.80, abs=0.02)  # as the study found there


def test_reading_by_hand():
    figures = np.array([[[0.5, 0.9, 0.6], [0.7, 0.5, 0.6]]])
    assert read(figures, "best epoch").tolist() == pytest.approx([0.7])
    assert read(figures, "each fold's best").tolist() == pytest.approx([0.8])
    assert read(figures, "last epoch").tolist() == pytest.approx([0.6])


def test_the_split_is_the_run_s_and_the_training_the_configuration_s():
    quiet = FoldsOracle(Radiographs(), "last epoch", training_spread=0.0, epoch_spread=0.0)
    codes = quiet.space.sample(np.random.default_rng(0), 5)
    answers = quiet.evaluate(Request(codes, fidelity=6), 7)
    shift = 1 - answers.objectives[:, 0] - quiet.curves.curves(codes)[:, -1]
    np.testing.assert_allclose(shift, shift[0], atol=1e-12)
    again = quiet.evaluate(Request(codes[::-1].copy(), fidelity=6), 7)
    assert np.array_equal(again.objectives[::-1], answers.objectives)


# Landscapes


def test_the_600_losses_are_spread_as_published():
    losses = np.sort(SIX_HUNDRED.oracle.figures[1]) / BEST_LOSS
    assert [(losses <= 1 + a).sum() for a in (0.01, 0.05, 0.10)] == [3, 6, 10]
    assert losses[29] == pytest.approx(1.18)
    assert len(losses) == 600
    middle = np.median(losses)
    assert losses[-1] - middle > middle - losses[0]  # the long tail is the bad one


def test_small_networks_lead_after_three_minutes_and_lose_by_27():
    space, curves = hyperband_grid(), MINUTES.oracle.landscape
    codes = space.enumerate()
    early, late = curves.validation(codes, 3.0), curves.validation(codes, 27.0)
    ahead, end = codes[np.argsort(early)[:100]], codes[np.argsort(late)[:100]]
    assert ahead[:, 2].mean() < end[:, 2].mean() - 0.5  # fewer filters
    best_early = np.argsort(early)[:100]
    assert (late[best_early] > early[best_early]).mean() > 0.25  # they overfit
    assert late.min() < early.min()


# Hyperband with a model


@pytest.mark.parametrize(
    "options", [{}, {"picks": "drawn", "time": "input", "predict": "first"}, {"configurations": 27}], ids=str
)
def test_brackets_are_hyperband_s_and_their_configurations_the_model_s(options):
    strategy = partial(HyperbandBO, fidelities=RUNGS, pool=300, **options)
    trace = simulate(MINUTES, strategy, seconds=700 * 60.0, record="all", workers=2)
    counts = {float(rung): int((trace.fidelity == rung).sum()) for rung in RUNGS[:2]}
    assert counts[3.0] > counts[9.0] > 0
    assert trace.about["busy_seconds"] <= 2 * 700 * 60.0
    first = trace.objectives[trace.fidelity == 3.0, 0]
    assert np.isfinite(first).all()


def test_picks_get_better_than_random_ones():
    remedied = partial(HyperbandBO, fidelities=RUNGS, configurations=27, pool=400)
    trace = simulate(MINUTES, remedied, seconds=1000 * 60.0, record="all")
    codes = trace.codes[trace.fidelity == 3.0]
    late = MINUTES.oracle.landscape.validation(codes, 27.0)
    assert np.median(late[27:]) < np.median(late[:27]) - 0.1


def test_a_kernel_of_times_that_does_not_fall_back_to_the_prior():
    kernel = WithTime(Kernel("squared exponential", np.ones(1)), 3 / 27)
    points = np.array([[0.5, 3 / 27], [0.5, 9 / 27], [0.5, 1.0]])
    found = kernel(points, points)
    np.testing.assert_allclose(np.diagonal(found), 1.0)
    assert found[0, 2] > 0.6
    assert found[0, 1] > found[0, 2]
    assert np.linalg.eigvalsh(found).min() > 0


def test_options_that_are_none_are_refused():
    with pytest.raises(UserError, match="picks of HyperbandBO"):
        simulate(MINUTES, partial(HyperbandBO, fidelities=RUNGS, picks="best"), evaluations=5)
    with pytest.raises(UserError, match="bracket of 0"):
        simulate(MINUTES, partial(HyperbandBO, fidelities=RUNGS, configurations=0), evaluations=5)
