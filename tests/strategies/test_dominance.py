"""Sorting, crowding and contributions, against definitions written out and against moocore."""

import moocore
import numpy as np
import pytest

from nasbench_sim.strategies.dominance import crowding, dominance, dominates, ranks
from nasbench_sim.strategies.hypervolume import contributions, hypervolume


def clouds(m, n=25):
    """Random points with ties and duplicates, and a degenerate one."""
    for seed in range(8):
        points = np.random.default_rng(seed).integers(0, 9, (n, m)) / 8
        if seed == 7:
            points[:, -1] = 0.25
        yield points


def test_relations_differ_in_equal_objectives():
    assert [dominates((1, 2), (1, 3), relation) for relation in ("weak", "pareto", "strict")] == [True, True, False]
    assert [dominates((1, 2), (1, 2), relation) for relation in ("weak", "pareto", "strict")] == [True, False, False]
    assert [dominates((0, 1), (1, 2), relation) for relation in ("weak", "pareto", "strict")] == [True, True, True]
    assert not any(dominates((0, 3), (1, 2), relation) for relation in ("weak", "pareto", "strict"))
    assert not dominates((np.nan, 0), (1, 1))


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_fronts_are_peeled_one_by_one(m):
    for points in clouds(m):
        rank, left = ranks(points), np.arange(len(points))
        level = 0
        while left.size:
            front = [i for i in left if not any(dominates(points[j], points[i]) for j in left)]
            assert np.flatnonzero(rank == level).tolist() == front
            left = np.setdiff1d(left, front)
            level += 1
        assert set(np.flatnonzero(rank == 0)) == set(np.flatnonzero(moocore.is_nondominated(points, keep_weakly=True)))


def test_constraints_come_first_in_sorting():
    points = np.array([[0.0, 0.0], [9.0, 9.0], [1.0, 1.0], [8.0, 8.0], [np.nan, np.nan]])
    violation = np.array([2.0, 0.0, 1.0, 1.0, 0.0])
    assert ranks(points, violation).tolist() == [4, 0, 2, 3, 1]
    assert dominance(points, violation)[1].tolist() == [True, False, True, True, True]


def test_crowding_is_the_perimeter_in_units_of_the_ranges():
    points = np.array([[0.0, 10.0], [1.0, 6.0], [3.0, 5.0], [4.0, 0.0]])
    np.testing.assert_allclose(crowding(points), [np.inf, 3 / 4 + 5 / 10, 3 / 4 + 6 / 10, np.inf])
    assert crowding(points[:, [0, 0]] * 0).tolist() == [np.inf, 0, 0, np.inf]
    assert crowding(np.empty((0, 2))).tolist() == []
    assert crowding(np.full((3, 2), np.inf)).tolist() == [np.inf, 0, np.inf]


@pytest.mark.parametrize("m", [2, 3, 4])
def test_hypervolume_is_that_of_moocore(m):
    for points in clouds(m):
        assert hypervolume(points, np.ones(m)) == pytest.approx(moocore.hypervolume(points, ref=np.ones(m)), abs=1e-12)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_contribution_is_what_is_lost_without_the_point(m):
    for points in clouds(m):
        front = points[moocore.is_nondominated(points)]
        whole, corner = moocore.hypervolume(front, ref=np.ones(m)), np.ones(m)
        lost = [whole - hypervolume(np.delete(front, place, axis=0), corner) for place in range(len(front))]
        np.testing.assert_allclose(contributions(front, corner), lost, atol=1e-12)
        extremes = (front == front.min(axis=0)).any(axis=1)
        assert np.isinf(contributions(front)[extremes]).all()
        assert np.isfinite(contributions(front)[~extremes]).all()
