import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.strategies.archive import Archive
from nasbench_sim.strategies.dominance import RELATIONS, dominates
from nasbench_sim.strategies.hypervolume import hypervolume

CORNER = (1.0, 1.0, 1.0, 1.0)


def offers(m, n, seed):
    """Points on a coarse grid, so that ties and duplicates are common, and a degenerate objective."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 6, (n, m)) / 6
    if seed % 3 == 0:
        points[:, 0] = 0.5
    return points.tolist()


@pytest.mark.parametrize("dominance", RELATIONS)
@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_holds_what_comparing_everything_with_everything_leaves(m, dominance):
    for seed in range(12):
        archive, held = Archive(m, dominance=dominance), []
        for number, point in enumerate(offers(m, 40, seed)):
            enters = not any(dominates(other, point, dominance) for other, _ in held)
            if enters:
                held = [one for one in held if not dominates(point, one[0], dominance)] + [(point, number)]
            assert archive.insert(point, number) == enters
            assert sorted(archive.items) == sorted(item for _, item in held)
            assert sorted(archive.points.tolist()) == sorted(other for other, _ in held)
            assert [number in archive for number in range(40)] == [n in archive.items for n in range(40)]


@pytest.mark.parametrize("capacity", [None, 5])
@pytest.mark.parametrize("pruning", ["crowding", "hypervolume"])
@pytest.mark.parametrize("m", [2, 3, 4])
def test_no_point_is_dominated_or_there_twice_whatever_the_order(m, pruning, capacity):
    for seed in range(6):
        archive = Archive(m, capacity=capacity, pruning=pruning)
        for number, point in enumerate(offers(m, 60, seed)):
            archive.insert(point, number)
            points = archive.points.tolist()
            assert len(points) == len(set(map(tuple, points))) <= (capacity or 60)
            assert not any(dominates(one, other) for one in points for other in points)


@pytest.mark.parametrize("m", [2, 3])
def test_order_of_points_is_that_of_items(m):
    archive, points = Archive(m, dominance="strict"), offers(m, 60, 1)
    for number, point in enumerate(points):
        archive.insert(point, number)
    assert archive.points.tolist() == [points[item] for item in archive.items]


@pytest.mark.parametrize("m", [2, 3])
def test_hypervolume_of_a_bounded_archive_never_falls_up_to_a_reference(m):
    for seed in range(1, 6):
        archive, before = Archive(m, capacity=4, pruning="hypervolume", reference=CORNER[:m]), 0.0
        for number, point in enumerate(np.random.default_rng(seed).random((60, m)).tolist()):
            archive.insert(point, number)
            volume = hypervolume(archive.points, np.ones(m))
            assert volume >= before - 1e-12
            before = volume


@pytest.mark.parametrize("pruning", ["crowding", "hypervolume"])
def test_pruning_keeps_the_extremes_and_what_is_far_from_others(pruning):
    archive = Archive(2, capacity=4, pruning=pruning)
    for number, x in enumerate([0.0, 1.0, 0.5, 0.52, 0.9]):
        archive.insert([x, 1 - x], number)
    assert {0, 1} <= set(archive.items)
    assert len({2, 3} & set(archive.items)) == 1


def test_equal_points_of_different_items_are_held_under_pareto_alone():
    found = {}
    for dominance in RELATIONS:
        archive = Archive(2, dominance=dominance)
        found[dominance] = [archive.insert([1.0, 2.0], item) for item in ("a", "b", "a")]
        assert archive.insert([0.5, 1.0], "c")
        assert list(archive.items) == ["c"]
    assert found == {"weak": [True, False, False], "pareto": [True, True, False], "strict": [True, True, False]}


@pytest.mark.parametrize("m", [1, 2, 3])
def test_less_violation_comes_before_any_objective(m):
    archive = Archive(m)
    good, bad = [0.0] * m, [1.0] * m
    assert archive.insert(bad, "broken", violation=2.0)
    assert not archive.insert(good, "more broken", violation=3.0)
    assert archive.insert(good, "as broken", violation=2.0)
    assert list(archive.items) == ["as broken"]
    assert archive.insert(bad, "feasible")
    assert list(archive.items) == ["feasible"]
    assert archive.violation == 0
    assert not archive.insert(good, "broken again", violation=1e-9)
    assert not archive.insert(good, "unknown", violation=np.nan)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_what_failed_is_refused(m):
    archive = Archive(m)
    assert not archive.insert([np.nan] * m, 0)
    assert not archive.insert([*[0.0] * (m - 1), np.nan], 1)
    assert len(archive) == 0
    assert archive.points.shape == (0, m)


def test_wrong_options_are_told():
    with pytest.raises(UserError, match="no dominance 'epsilon'"):
        Archive(2, dominance="epsilon")
    with pytest.raises(UserError, match="not pruned by 'age'"):
        Archive(2, pruning="age")
    with pytest.raises(UserError, match="capacity 0"):
        Archive(2, capacity=0)
