"""Indicators of several objectives, by hand, and of the one published front that is at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reports.statistics.fronts import (
    attainment,
    epsilon,
    generational_distance,
    hypervolume,
    igd_plus,
    inverted_generational_distance,
    nondominated,
    reference_point,
    share_of_front,
    spacing,
)

STAIRS = [[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]


def test_indicators_by_hand() -> None:
    assert hypervolume(STAIRS, [4, 4]) == pytest.approx(3 + 2 + 1)
    assert hypervolume([[1, 3], [5, 0]], [4, 4]) == pytest.approx(3)  # the second does not dominate the reference
    assert inverted_generational_distance([[2, 2]], STAIRS) == pytest.approx(2 * np.sqrt(2) / 3)
    assert igd_plus([[2, 2]], STAIRS) == pytest.approx((1 + 0 + 1) / 3)
    assert generational_distance([[2, 3], [3, 1]], STAIRS) == pytest.approx((1 + 0) / 2)
    assert epsilon([[2, 2]], STAIRS) == pytest.approx(1)
    assert spacing(STAIRS) == pytest.approx(0)
    assert spacing([[0, 0], [1, 0], [4, 0]]) == pytest.approx(np.std([1, 1, 3], ddof=1))
    assert share_of_front([[1, 3], [2, 2.5]], STAIRS) == pytest.approx(1 / 3)
    assert nondominated([[2, 2], [1, 3], [2, 3], [2, 2]]).tolist() == [[2, 2], [1, 3]]


def test_the_front_itself_is_perfect() -> None:
    assert inverted_generational_distance(STAIRS, STAIRS) == 0
    assert igd_plus(STAIRS, STAIRS) == 0
    assert generational_distance(STAIRS, STAIRS) == 0
    assert epsilon(STAIRS, STAIRS) == 0
    assert share_of_front(STAIRS, STAIRS) == 1


def test_no_points_are_a_stated_result_and_nan_is_refused() -> None:
    none = np.empty((0, 2))
    assert hypervolume(none, [4, 4]) == 0
    assert inverted_generational_distance(none, STAIRS) == igd_plus(none, STAIRS) == epsilon(none, STAIRS) == np.inf
    assert np.isnan(generational_distance(none, STAIRS))
    assert np.isnan(spacing([[1, 2]]))
    assert share_of_front(none, STAIRS) == 0
    assert len(nondominated(none)) == 0
    with pytest.raises(ValueError, match="undefined"):
        hypervolume([[np.nan, 1.0]], [4, 4])


def test_attainment_is_what_a_share_of_the_runs_dominates() -> None:
    found = attainment([[[1, 3]], [[3, 1]], [[2, 2]]], shares=(1 / 3, 1.0))
    assert sorted(found[1 / 3].tolist()) == [[1, 3], [2, 2], [3, 1]]
    assert found[1.0].tolist() == [[3, 3]]


def test_the_reference_point_is_pinned_by_benchmark() -> None:
    assert reference_point("macronas/cifar10").tolist() == [1, 1]
    with pytest.raises(KeyError):
        reference_point("elsewhere")


@pytest.mark.parametrize(("name", "volume"), [("cifar10", 90.43), ("cifar100", 68.01)])
def test_the_hypervolume_of_the_macronas_front_is_known(name: str, volume: float, data: Callable[[str], Path]) -> None:
    fitness = json.loads(data(f"macronas_pareto_{name}.json").read_text())["14"]["fitness"]
    front = 1 - np.array(fitness)
    assert 100 * hypervolume(front, reference_point(f"macronas/{name}")) == pytest.approx(volume, abs=0.005)
    assert len(nondominated(front)) == len(front)
