"""Laws of the growing factor and process, kernels and their learning, and the strategy with lies and failures."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from nasbench_sim import Task, simulate, simulate_many
from nasbench_sim.errors import UserError
from nasbench_sim.generated import GeneratedOracle
from nasbench_sim.landscapes import FieldOfViewSearch, SixHundred
from nasbench_sim.oracle import Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.convolutional import BASELINE
from nasbench_sim.spaces.grid import Grid, categorical, continuous, integer
from nasbench_sim.strategies.acquisition import acquisition
from nasbench_sim.strategies.bayesian_optimization import BayesianOptimization
from nasbench_sim.strategies.gaussian_process import GaussianProcess
from nasbench_sim.strategies.growing_cholesky import GrowingCholesky
from nasbench_sim.strategies.kernel_learning import Evidence, likely_ones, most_likely
from nasbench_sim.strategies.kernels import FORMS, Encoding, Kernel
from reports.statistics.draws import first_good

SIX_HUNDRED = Task("six hundred", GeneratedOracle(SixHundred()))


def covariance(n, seed=0, noise=1e-4, form="matern 5/2"):
    points = np.random.default_rng(seed).random((n, 4))
    return points, Kernel(form, np.full(4, 0.6))(points, points) + noise * np.eye(n)


# The factor


@pytest.mark.parametrize("blocks", [[1] * 90, [1, 27, 9, 3, 50], [90]], ids=["one by one", "mixed", "at once"])
@pytest.mark.parametrize("inverse", [False, True])
def test_a_factor_grown_by_blocks_is_the_full_factorisation(blocks, inverse):
    _, matrix = covariance(90)
    factor, n = GrowingCholesky(inverse), 0
    for k in blocks:
        below, beside = factor.add(matrix[n : n + k, :n], matrix[n : n + k, n : n + k])
        assert (below.shape, beside.shape) == ((k, n), (k, k))
        n += k
        whole = np.linalg.cholesky(matrix[:n, :n])
        np.testing.assert_allclose(factor.lower, whole, atol=1e-9)
        if inverse:
            np.testing.assert_allclose(factor.inverse @ whole, np.eye(n), atol=1e-7)
    assert factor.log_determinant == pytest.approx(np.linalg.slogdet(matrix)[1])
    right = np.arange(90.0)
    np.testing.assert_allclose(whole @ factor.solve(right), right, atol=1e-6)


def test_a_factor_forgets_and_refuses_a_point_that_is_there_twice():
    _, matrix = covariance(20)
    factor = GrowingCholesky()
    factor.add(np.empty((20, 0)), matrix)
    factor.shrink(5)
    factor.add(matrix[5:20, :5], matrix[5:20, 5:20])
    np.testing.assert_allclose(factor.lower, np.linalg.cholesky(matrix), atol=1e-9)
    with pytest.raises(ValueError, match="twice"):
        factor.add(matrix[3:4, :], matrix[3:4, 3:4])
    with pytest.raises(ValueError, match="asked for"):
        _ = factor.inverse


# The process


def textbook(points, values, candidates, kernel, noise):
    """Rasmussen and Williams, algorithm 2.1, with the empirical mean and the most likely variance."""
    inverse = np.linalg.inv(kernel(points, points) + noise * np.eye(len(points)))
    cross, residual = kernel(points, candidates), values - values.mean()
    variance = residual @ inverse @ residual / len(values)
    mean = values.mean() + cross.T @ inverse @ residual
    return mean, np.sqrt(variance * np.maximum(1 - np.einsum("nm,nk,km->m", cross, inverse, cross), 0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("m", "tolerance"), [(300, 1e-6), (5000, 2e-3)], ids=["double", "single"])
def test_a_process_grown_point_by_point_predicts_what_a_fit_anew_does(form, m, tolerance):
    rng = np.random.default_rng(1)
    candidates, kernel = rng.random((m, 3)), Kernel(form, np.array([0.4, 0.7, 1.0]))
    process, chosen = GaussianProcess(kernel, 1e-3, candidates), rng.choice(m, 40, replace=False)
    values = np.sin(5 * candidates[chosen, 0]) + candidates[chosen, 1]
    for at in range(0, 20):
        process.add(candidates[chosen[at]][None], values[at : at + 1], chosen[at : at + 1])
    process.add(candidates[chosen[20:]], values[20:])
    expected = textbook(candidates[chosen], values, candidates, kernel, 1e-3)
    for found, wanted in zip(process.predict(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=tolerance)
    np.testing.assert_allclose(process.predict_at(candidates[:50])[0], expected[0][:50], atol=1e-6)


def test_values_that_become_known_and_points_that_are_forgotten():
    rng = np.random.default_rng(2)
    candidates, kernel = rng.random((50, 2)), Kernel("matern 5/2", np.full(2, 0.5))
    values = candidates.sum(axis=1)
    process = GaussianProcess(kernel, 1e-3, candidates)
    process.add(candidates[:10], np.full(10, 9.0))
    process.revalue(values[:10])
    process.add(candidates[10:12], np.array([5.0, 5.0]))
    process.shrink(10)
    for found, wanted in zip(
        process.predict(), textbook(candidates[:10], values[:10], candidates, kernel, 1e-3), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


# Kernels and acquisition


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_of_the_evidence_is_that_of_finite_differences(form):
    rng = np.random.default_rng(3)
    points = rng.random((25, 4))
    evidence = Evidence(form, points, np.sin(4 * points[:, 0]), np.array([0, 1, 1, 2]), None)
    at = np.log([0.4, 0.8, 1.5, 0.01])
    _, gradient = evidence(at)
    for place in range(4):
        step = np.zeros(4)
        step[place] = 1e-5
        slope = (evidence(at + step)[0] - evidence(at - step)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-4)


def test_learning_tells_what_matters_and_a_sample_lies_around_it():
    rng = np.random.default_rng(4)
    points = rng.random((60, 2))
    evidence = Evidence("matern 5/2", points, np.sin(8 * points[:, 0]), np.array([0, 1]), 1e-4)
    best = most_likely(evidence, np.log([0.5, 0.5]))
    assert best[1] - best[0] > np.log(2)  # the second column matters less
    sample = likely_ones(evidence, best, np.random.default_rng(0), 30)
    assert all(evidence(best)[0] >= evidence(one)[0] - 1e-6 for one in sample)
    assert 0.02 < sample[:, 0].std() < 1.0
    assert (sample[:, 1] > sample[:, 0]).mean() > 0.9


def test_categories_are_equally_far_apart_or_have_scales_of_their_own():
    space = Grid("mixed", (categorical("c", ("x", "y", "z")), continuous("rate", 1e-4, 1.0, 5, log=True)))
    codes = space.enumerate()
    hamming = Encoding(space, "hamming", codes)
    points = hamming(codes)
    apart = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    expected = (codes[:, None, 0] != codes[None, :, 0]) + (
        (codes[:, None, 1] - codes[None, :, 1].astype(float)) / 4
    ) ** 2
    np.testing.assert_allclose(apart, expected, atol=1e-6)
    assert hamming.parameters == 2
    assert Encoding(space, "one-hot", codes).parameters == 4


def test_acquisitions_are_their_formulae():
    mean, deviation = np.array([0.1, 0.5, 0.3]), np.array([0.2, 0.1, 0.0])
    draws = np.random.default_rng(5).standard_normal(400_000)
    expected = [np.maximum(0.3 - (m + s * draws), 0).mean() for m, s in zip(mean, deviation, strict=True)]
    np.testing.assert_allclose(acquisition("EI", mean, deviation, 0.3, 0.0, 2.0), expected, atol=1e-3)
    chance = acquisition("PI", mean[:2], deviation[:2], 0.3, 0.1, 2.0)
    np.testing.assert_allclose(chance, norm.cdf((0.2 - mean[:2]) / deviation[:2]))
    np.testing.assert_allclose(acquisition("UCB", mean, deviation, 0.3, 0.0, 2.0), 2 * deviation - mean)


# The strategy


def test_it_beats_the_law_of_random_search_on_the_thesis_s_kind_of_table():
    strategy = partial(BayesianOptimization, initial=1, noise=1e-4)
    losses = SIX_HUNDRED.oracle.figures[1]
    drawn = []
    for trace in simulate_many(SIX_HUNDRED, strategy, range(5), evaluations=120):
        reached = trace.evaluation[trace.objectives[:, 0] <= 1.05 * losses.min()]
        drawn.append(reached[0] if reached.size else 120)
    mean, deviation = first_good(600, 6)  # 86 draws
    assert np.mean(drawn) < mean - 1.5 * deviation / np.sqrt(5)


@pytest.mark.parametrize(
    "options",
    [
        {"acquisition": "PI", "margin": 0.01},
        {"acquisition": "UCB", "kernel": "squared exponential"},
        {"hyperparameters": "marginalised", "samples": 3},
        {"hyperparameters": "fixed", "categories": "one-hot"},
        {"batch": 4, "lie": "min"},
        {"batch": 4, "lie": "believer"},
        {"pool": 50, "refresh": 5},
    ],
    ids=str,
)
def test_every_option_searches_each_configuration_once(options):
    trace = simulate(SIX_HUNDRED, partial(BayesianOptimization, **options), evaluations=60, record="all")
    keys = SIX_HUNDRED.oracle.space.key(trace.codes)
    assert len(np.unique(keys, axis=0)) == 60


def test_it_ends_with_the_space():
    space = Grid("small", (integer("x", 0, 4), categorical("c", ("a", "b"))))
    bo = BayesianOptimization(space, Streams(0, "bo"))
    count = 0
    while (proposal := bo.ask(1)) is not None:
        count += len(proposal.codes)
        bo.tell(answers(space, proposal.codes, proposal.codes.sum(axis=1).astype(float)))
    assert count == space.size


def answers(space, codes, values):
    n = len(codes)
    return Observations(
        codes, space.key(codes), "train", values[:, None], np.zeros((n, 0)), np.ones(n), np.isnan(values), np.ones(n)
    )


def test_a_batch_of_lies_is_spread_and_truth_replaces_them():
    space = SIX_HUNDRED.oracle.space
    bo = BayesianOptimization(space, Streams(1, "bo"), batch=6, hyperparameters="fixed")
    losses = SIX_HUNDRED.oracle.landscape.test
    for _ in range(3):
        proposal = bo.ask(1)
        bo.tell(answers(space, proposal.codes, losses(proposal.codes)))
    batch = bo.ask(1).codes
    assert len(np.unique(space.key(batch), axis=0)) == 6
    bo.tell(answers(space, batch, losses(batch)))
    bo.ask(1)
    mean, _ = bo.predict(batch)
    assert np.abs(mean - losses(batch)).max() < 0.15


# Failures


def course(policy, seeds=3, evaluations=60):
    task = Task("field of view", GeneratedOracle(FieldOfViewSearch()))
    first = [task.oracle.space.code(BASELINE).tolist()]
    strategy = partial(BayesianOptimization, initial=1, first=first, failures=policy, pool=1500)
    return task, simulate_many(task, strategy, range(seeds), evaluations=evaluations, record="all", name="BO")


@pytest.mark.parametrize("policy", ["impute", "drop", "feasibility"])
def test_every_policy_survives_untrainable_networks(policy):
    task, traces = course(policy, seeds=1, evaluations=40)
    for trace in traces:
        assert trace.codes[0].tolist() == task.oracle.space.code(BASELINE).tolist()
        failed = np.isnan(trace.objectives[:, 0])
        assert np.array_equal(failed, ~task.oracle.space.trainable(trace.codes))
        assert (np.diff(trace.seconds)[failed[1:]] == pytest.approx(60.0)) if failed.any() else True
        assert trace.objectives[0, 0] > np.nanmin(trace.objectives)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "cosine"}, "kernel of BayesianOptimization"),
        ({"lie": "white"}, "lie of BayesianOptimization"),
        ({"batch": 0}, "at least 1"),
        ({"categories": "none"}, "categories are taken by"),
        ({"first": [[9, 9, 9, 9]]}, "first configuration"),
    ],
)
def test_options_that_are_none_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        simulate(SIX_HUNDRED, partial(BayesianOptimization, **options), evaluations=10)
