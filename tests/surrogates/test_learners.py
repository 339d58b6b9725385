"""Boosted trees and the Gaussian process: they learn, they repeat themselves, they come back from disk."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lightgbm")

from surrogates import boosting, kernel


@pytest.fixture(scope="module")
def problem():
    """A smooth function of two of ten features, with noise of a tenth of its spread."""
    rng = np.random.default_rng(0)
    features = rng.random((900, 10)).astype(np.float32)
    clean = np.sin(3 * features[:, 2]) + features[:, 5] ** 2
    return features, clean, clean + 0.03 * rng.standard_normal(len(clean))


@pytest.fixture(scope="module")
def trees(problem):
    features, _, target = problem
    return boosting.fit(features[:600], target[:600], rounds=150, seed=3, feature_fraction=0.5)


@pytest.fixture(scope="module")
def process(problem, trees):
    features, _, target = problem
    scaling, noise = kernel.learn_scaling(
        features[:600], target[:600], boosting.importance(trees), steps=15, subset=200, seed=3
    )
    return kernel.fit(features[:600], target[:600], scaling, noise)


def explained(clean, predicted):
    return 1 - np.mean((clean - predicted) ** 2) / np.var(clean)


def test_trees_generalise_and_know_what_matters(problem, trees):
    features, clean, _ = problem
    assert explained(clean[600:], boosting.predict(trees, features[600:])) > 0.9
    share = boosting.importance(trees)
    assert share.sum() == pytest.approx(1)
    assert set(np.argsort(share)[-2:]) == {2, 5}


def test_the_process_is_better_on_a_smooth_function(problem, trees, process):
    features, clean, _ = problem
    of_process = explained(clean[600:], process.predict(features[600:]))
    assert of_process > 0.98
    assert of_process > explained(clean[600:], boosting.predict(trees, features[600:]))


def test_length_scales_of_features_that_matter_are_shortest(process):
    weight = dict(zip(process.scaling.columns.tolist(), process.scaling.weight.tolist(), strict=True))
    assert min(weight[2], weight[5]) > max(value for column, value in weight.items() if column not in (2, 5))


def test_the_gradient_is_that_of_the_marginal_likelihood(problem):
    features, _, target = problem
    points, given = features[:80, :3], target[:80]
    logs = np.log([0.8, 0.5, 1.2, 0.1])

    def likelihood(logs):
        weighted = points.astype(np.float64) * np.exp(logs[:-1])
        distance = np.sqrt(3 * ((weighted[:, None] - weighted) ** 2).sum(2))
        covariance = (1 + distance) * np.exp(-distance) + np.exp(logs[-1]) * np.eye(len(given))
        centred = given - given.mean()
        signal = centred @ np.linalg.solve(covariance, centred) / len(given)
        return -0.5 * np.log(signal) - 0.5 * np.linalg.slogdet(covariance)[1] / len(given)

    step = 1e-5
    numeric = [(likelihood(logs + step * unit) - likelihood(logs - step * unit)) / (2 * step) for unit in np.eye(4)]
    np.testing.assert_allclose(kernel._likelihood_gradient(points, given, logs), numeric, atol=2e-4)


def test_the_same_seed_gives_the_same_model(problem, trees):
    features, _, target = problem
    again = boosting.fit(features[:600], target[:600], rounds=150, seed=3, feature_fraction=0.5)
    assert again.model_to_string() == trees.model_to_string()
    other = boosting.fit(features[:600], target[:600], rounds=150, seed=4, feature_fraction=0.5)
    assert other.model_to_string() != trees.model_to_string()


def test_models_come_back_from_disk(problem, trees, process, tmp_path):
    features, _, _ = problem
    boosting.save(trees, tmp_path / "trees.txt")
    process.save(tmp_path / "process.npz")
    np.testing.assert_array_equal(
        boosting.predict(boosting.load(tmp_path / "trees.txt"), features), boosting.predict(trees, features)
    )
    np.testing.assert_array_equal(kernel.load(tmp_path / "process.npz").predict(features), process.predict(features))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["process.npz", "trees.txt"]


def test_inputs_are_left_as_they_are(problem, process):
    features, _, target = problem
    before, wanted = features.copy(), target.copy()
    process.predict(features)
    kernel.fit(features, target, process.scaling, process.noise)
    np.testing.assert_array_equal(features, before)
    np.testing.assert_array_equal(target, wanted)
