"""Trees in flat arrays give what the library gives, and one row what many rows give."""

from __future__ import annotations

import numpy as np
import pytest

from surrogates.flat_trees import FlatTrees, Tree, rounded


def tree(feature, threshold, left, right, value):
    integers = (np.array(part, np.int64) for part in (feature, left, right))
    tested, lower, upper = integers
    return Tree(tested, np.array(threshold, np.float32), lower, upper, np.array(value, np.float32))


STUMP = tree([1, 0, 0], [0.5, 0, 0], [1, -1, -1], [2, -1, -1], [0, -1.0, 0.25])
LEAF = tree([0], [0], [-1], [-1], [0.125])


def test_less_than_the_threshold_goes_to_the_left():
    flat = FlatTrees([[STUMP, LEAF], [LEAF]], 2)
    features = np.array([[9, 0.4999], [0, 0.5], [0, 7]], np.float32)
    np.testing.assert_array_equal(flat.sums(features), [[-0.875, 0.375, 0.375], [0.125] * 3])


def test_sums_of_leaves_are_exact_in_any_order():
    rng = np.random.default_rng(0)
    member = [tree([0], [0], [-1], [-1], [value]) for value in rng.normal(0, 0.1, 200)]
    values = np.concatenate(rounded(member))
    np.testing.assert_allclose(values, [one.value[0] for one in member], atol=2e-6)
    sums = {float(np.cumsum(values[rng.permutation(200)], dtype=np.float32)[-1]) for _ in range(50)}
    assert sums == {float(FlatTrees([member], 1).sums(np.zeros((1, 1), np.float32))[0, 0])}


@pytest.mark.parametrize(
    ("left", "right"),
    [([1, -1, -1], [1, -1, -1]), ([1, 0, -1], [2, 0, -1]), ([5, -1, -1], [2, -1, -1]), ([-1, -1, -1], [-1, -1, -1])],
)
def test_nodes_that_make_no_tree_are_refused(left, right):
    with pytest.raises(ValueError, match="no tree"):
        tree([0, 0, 0], [0, 0, 0], left, right, [0, 0, 0])


def test_a_feature_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="not there"):
        FlatTrees([[STUMP]], 1)


@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic"])
def test_members_answer_as_the_library_and_alike_in_any_company(objective):
    pytest.importorskip("xgboost", reason="needs xgboost")
    from nasbench_sim.spaces.nasbench201 import NASBench201
    from surrogates.inputs import Inputs
    from surrogates.members import Lessons
    from surrogates.xgboost_trees import XGBoost

    space, rng = NASBench201(), np.random.default_rng(1)
    inputs = Inputs(space, space.sample(rng, 400))
    target = (inputs.features.sum(1) > np.median(inputs.features.sum(1))) + 0.0
    lessons = Lessons(inputs, target, np.zeros((400, 0)))
    learner = XGBoost(members=2, rounds=12, options={"objective": objective}, threads=1)
    rows = np.arange(400)
    members = [learner.fit(lessons, rows, rows[:0], seed) for seed in range(2)]
    ask = learner.together(members)
    answers = ask(inputs)
    library = [one.trees.inplace_predict(inputs.features, predict_type="margin") for one in members]
    np.testing.assert_allclose(answers, library, atol=1e-5)
    for count in (1, 3, 8, 9, 50):
        some = np.concatenate([ask(Inputs(space, inputs.codes[at : at + count])) for at in range(0, 200, count)], 1)
        np.testing.assert_array_equal(some[:, :200], answers[:, :200])
    np.testing.assert_array_equal(members[1].predict(inputs), answers[1])
