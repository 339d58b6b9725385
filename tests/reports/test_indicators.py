"""Indicators against an independent computation, by enumeration, on random fronts with ties, duplicates and gaps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest

from reports.statistics import fronts
from reports.statistics.indicators import (
    INDICATORS,
    archive_at,
    hypervolume_over_time,
    lifetimes,
    over_time,
    rows_by,
)

Points = list[tuple[float, ...]]


def clouds(m: int) -> Iterator[np.ndarray]:
    """Random points, few enough to be enumerated."""
    rng = np.random.default_rng(m)
    for n in (1, 2, 5, 9):
        x = rng.random((n, m))
        flat = x.copy()
        flat[:, 0] = 0.5
        simplex = x / x.sum(axis=1, keepdims=True)
        yield from (x, np.round(4 * x) / 4, flat, np.repeat(x, 2, axis=0)[:9], simplex, 1.3 * x, np.full((n, m), 0.25))


def dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


def archive(points: Points) -> Points:
    return [p for n, p in enumerate(points) if p not in points[:n] and not any(dominates(q, p) for q in points)]


def volume(points: Points, corner: float = 1.0) -> float:
    """Union of boxes by inclusion and exclusion."""
    inside = [p for p in points if all(value < corner for value in p)]
    total = 0.0
    for size in range(1, len(inside) + 1):
        for chosen in combinations(inside, size):
            total -= (-1) ** size * float(np.prod([corner - max(column) for column in zip(*chosen, strict=True)]))
    return total


def nearest(one: tuple[float, ...], points: Points, kind: str) -> float:
    apart = [[a - b for a, b in zip(p, one, strict=True)] for p in points]
    if kind == "plus":
        apart = [[max(d, 0.0) for d in ds] for ds in apart]
    return min(max(ds) if kind == "epsilon" else sum(d * d for d in ds) ** 0.5 for ds in apart)


def expected(points: Points, true: Points) -> dict[str, float]:
    """All indicators of one archive, straight from their definitions."""
    found = {"hypervolume": volume(points)}
    found["share"] = sum(any(max(map(abs, np.subtract(p, t))) <= 1e-9 for p in points) for t in true) / len(true)
    for name, kind in (("igd", ""), ("igd_plus", "plus")):
        found[name] = sum(nearest(t, points, kind) for t in true) / len(true) if points else np.inf
    found["gd"] = sum(nearest(p, true, "") for p in points) / len(points) if points else np.nan
    found["epsilon"] = max(nearest(t, points, "epsilon") for t in true) if points else np.inf
    city = [min(sum(map(abs, np.subtract(p, q))) for q in points if q is not p) for p in points if len(points) > 1]
    found["spacing"] = float(np.std(city, ddof=1)) if city else np.nan
    return found


@pytest.mark.parametrize("m", [2, 3, 4])
def test_every_indicator_at_every_time_is_that_of_its_definition(m: int) -> None:
    rng = np.random.default_rng(10 + m)
    for x in clouds(m):
        rows: Points = list(map(tuple, x.tolist()))
        true = archive([*archive(rows), *map(tuple, (0.3 * rng.random((2, m))).tolist())])
        found = over_time(x, np.arange(len(x) + 1), true, np.ones(m))
        assert set(found) == set(INDICATORS)
        for count in range(len(x) + 1):
            held = archive(rows[:count])
            assert sorted(map(tuple, archive_at(x, count).tolist())) == sorted(held)
            for name, value in expected(held, true).items():
                assert found[name][count] == pytest.approx(value, abs=1e-12, nan_ok=True), (name, count)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_indicators_of_a_single_front_are_those_of_their_definitions(m: int) -> None:
    for x in clouds(m):
        held = archive(list(map(tuple, x.tolist())))
        true = archive([*held, tuple([0.1] * m)])
        want = expected(held, true)
        assert sorted(map(tuple, fronts.nondominated(x).tolist())) == sorted(held)
        here = {
            "hypervolume": fronts.hypervolume(held, np.ones(m)),
            "share": fronts.share_of_front(held, true),
            "igd": fronts.inverted_generational_distance(held, true),
            "igd_plus": fronts.igd_plus(held, true),
            "gd": fronts.generational_distance(held, true),
            "epsilon": fronts.epsilon(held, true),
            "spacing": fronts.spacing(held),
        }
        for name, value in want.items():
            assert here[name] == pytest.approx(value, abs=1e-12, nan_ok=True), name


@pytest.mark.parametrize("m", [2, 3])
def test_attained_surfaces_are_what_a_share_of_the_runs_dominates(m: int) -> None:
    rng = np.random.default_rng(m)
    runs = [np.round(5 * rng.random((4, m))) / 5 for _ in range(4)]
    surfaces = fronts.attainment(runs, shares=(0.25, 0.5, 0.75))
    for share, surface in surfaces.items():
        for point in np.round(5 * rng.random((60, m))) / 5:
            reached = np.mean([(run <= point).all(axis=1).any() for run in runs])
            assert (surface <= point).all(axis=1).any() == (reached >= share)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_hypervolume_never_falls(m: int) -> None:
    x = np.random.default_rng(m).random((400, m))
    found = hypervolume_over_time(x, np.full(m, 0.9))
    assert (np.diff(found) >= 0).all()
    assert found[-1] == pytest.approx(fronts.hypervolume(x, np.full(m, 0.9)), abs=1e-9)


def test_a_row_lives_until_it_is_dominated() -> None:
    rows = [[3.0, 3], [1, 5], [3, 3], [2, 2], [4, 4], [1, 5], [0, 0]]
    assert lifetimes(rows).tolist() == [3, 6, 2, 6, 4, 5, 7]
    assert archive_at(rows, 4).tolist() == [[1, 5], [2, 2]]
    assert lifetimes(np.empty((0, 2))).tolist() == []
    assert hypervolume_over_time(np.empty((0, 2)), [1, 1]).tolist() == []


def test_rows_are_counted_by_time() -> None:
    assert rows_by([1, 4, 4, 9], [0, 1, 4, 8, 100]).tolist() == [0, 1, 3, 3, 4]


def test_what_is_no_point_or_no_indicator_is_refused() -> None:
    with pytest.raises(ValueError, match="undefined"):
        hypervolume_over_time([[np.nan, 1.0]], [1, 1])
    with pytest.raises(ValueError, match="no indicator 'volume'"):
        over_time([[0.1, 0.1]], [1], [[0.0, 0.0]], [1, 1], ("volume",))
    with pytest.raises(ValueError, match="shape"):
        lifetimes([1.0, 2.0])
