"""NSGA-II, SPEA2 and MOEA/D: who breeds, who survives, and that they come near a front that is known."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.randomness import Streams
from nasbench_sim.simulate import simulate, simulate_many
from nasbench_sim.spaces.grid import Grid, integer
from nasbench_sim.strategies.dominance import dominance
from nasbench_sim.strategies.hypervolume import hypervolume
from nasbench_sim.strategies.moead import MOEAD, weights
from nasbench_sim.strategies.nsga2 import NSGA2
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.spea2 import SPEA2, distances, truncated
from nasbench_sim.strategies.variation import mutation, tournaments, two_point_crossover
from suites import catalogue
from tests.scripted import Line, Written

SEARCHES = {"NSGA2": NSGA2, "SPEA2": SPEA2, "MOEAD": MOEAD}
every_search = pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
SPACE = Grid("bowls", tuple(integer(f"x{n}", 0, 5) for n in range(4)))


@dataclass(frozen=True)
class Gridded:
    """An oracle over the grid; at least ``limit`` steps in all, where there is one."""

    points: np.ndarray
    limit: float | None = None
    space = SPACE

    def __getattr__(self, name):
        names = tuple(f"f{number}" for number in range(self.points.shape[1]))
        return getattr(Written(self.points, np.ones(len(self.points)), names=names), name)

    def evaluate(self, request, run):
        rows = np.ravel_multi_index(request.codes.T.astype(int), (6, 6, 6, 6))
        answers = self.__getattr__("evaluate")(replace(request, codes=rows[:, None]), run)
        steps = request.codes.sum(axis=1, keepdims=True).astype(float)
        constraints = steps[:, :0] if self.limit is None else self.limit - steps
        return replace(answers, codes=request.codes, keys=SPACE.key(request.codes), constraints=constraints)


@pytest.fixture(scope="module")
def points():
    """Distances to two corners, and a little roughness."""
    x = np.indices((6, 6, 6, 6)).reshape(4, -1).T
    rough = (x @ [3, 5, 7, 11] % 13)[:, None] / 26
    return np.stack([(x**2).sum(1), ((5 - x) ** 2).sum(1)], axis=1) / 100 + rough * [1, 0]


@pytest.fixture(scope="module")
def macronas():
    return catalogue.task("macronas/cifar10/mmacs")


@every_search
def test_finds_more_than_random_search(search, macronas):
    def found(factory):
        runs = simulate_many(macronas, factory, range(3), evaluations=1000, name="it")
        return np.array([hypervolume(run.objectives, np.ones(2)) for run in runs])

    assert found(search).min() > found(RandomSearch).max()


@every_search
def test_never_evaluates_anything_twice_and_ends_with_the_space(search, points):
    trace = simulate(Task("bowls", Gridded(points)), search, evaluations=5000, record="all", name="it")
    assert trace.about["evaluations"] == len(points) == len(np.unique(trace.codes, axis=0))


@every_search
def test_a_population_holds_nobody_twice(search, points):
    oracle, under = Gridded(points), search(SPACE, Streams(0, "it"), population=30, revisits="charged")
    for _ in range(12):
        proposal = under.ask(1)
        assert len(np.unique(SPACE.key(proposal.codes), axis=0)) == len(proposal.codes)
        children = set(map(tuple, proposal.codes.tolist()))
        assert not children & set(map(tuple, under.codes.tolist()))
        under.tell(oracle.evaluate(proposal, 0).told())
        if search is not MOEAD:
            assert len(set(under.keys)) == len(under.keys) <= 30
    assert len(under.keys) == 30


@every_search
def test_limits_are_kept_before_anything_else(search, points):
    task = Task("bowls", Gridded(points, limit=17.0))
    trace = simulate(task, partial(search, population=20), evaluations=400, record="all", name="it")
    feasible = trace.codes.sum(axis=1) >= 17
    there = int((np.indices((6, 6, 6, 6)).sum(axis=0) >= 17).sum())  # 35 of 1,296: by chance 11 would be found
    assert feasible.sum() > 0.8 * there
    assert (trace.feasible == feasible).all()
    kept = simulate(task, partial(search, population=20), evaluations=400, name="it")
    assert (kept.codes.sum(axis=1) >= 17).all()
    assert len(kept.codes)


@every_search
def test_the_first_population_holds_what_was_given(search, points):
    under = search(SPACE, Streams(0, "it"), population=10, first=((0, 0, 0, 0), (5, 5, 5, 5)))
    asked = [under.ask(1)]
    assert asked[0].codes[:2].tolist() == [[0, 0, 0, 0], [5, 5, 5, 5]]
    under.tell(Gridded(points).evaluate(asked[0], 0).told())
    asked.append(under.ask(1))
    assert sum(len(proposal.codes) for proposal in asked) == 10


def test_nsga2_keeps_the_best_fronts_and_the_least_crowded_of_the_last():
    under = NSGA2(SPACE, Streams(0, "it"), population=4)
    points = np.array([[0, 4], [1, 3], [1.1, 2.9], [3, 1], [4, 0], [5, 5], [np.inf, np.inf]])
    kept = under._compete(points, np.zeros(7), np.arange(7))
    assert set(kept.tolist()) == {0, 4, 3, 2} or set(kept.tolist()) == {0, 4, 3, 1}
    assert under._compete(points, np.array([1.0] * 5 + [0, 0]), np.arange(7)).tolist()[:2] == [5, 6]


def test_spea2_removes_the_most_crowded_again_and_again():
    x = np.array([0.0, 0.1, 0.2, 0.5, 0.55, 1.0])
    points = np.stack([x, 1 - x], axis=1)
    assert x[truncated(np.arange(6), distances(points), 5)].tolist() == [0.0, 0.1, 0.2, 0.55, 1.0]
    assert x[truncated(np.arange(6), distances(points), 3)].tolist() == [0.0, 0.55, 1.0]


def test_spea2_prefers_what_the_weaker_dominate():
    points = np.array([[0, 0], [1, 1], [2, 2], [0.5, 3]], float)
    under = SPEA2(SPACE, Streams(0, "it"), population=3)
    kept = under._compete(points, np.zeros(4), np.arange(4))
    strength = dominance(points).sum(axis=1)
    assert strength.tolist() == [3, 1, 0, 0]
    assert kept.tolist() == [0, 3, 1] or kept.tolist() == [0, 1, 3]
    assert np.isfinite(distances(np.array([[0, 1], [np.inf, np.inf], [1, 0]]))).all()


@pytest.mark.parametrize(("m", "most", "n"), [(1, 9, 9), (2, 100, 100), (3, 100, 91), (4, 100, 84)])
def test_weights_are_a_lattice_on_the_simplex(m, most, n):
    spread = weights(m, most)
    assert spread.shape == (n, m)
    np.testing.assert_allclose(spread.sum(axis=1), 1, atol=1e-5)
    assert m == 1 or len(np.unique(spread, axis=0)) == n


def test_moead_replaces_at_most_so_many_and_only_by_what_is_better(points):
    oracle = Gridded(points)
    under = MOEAD(SPACE, Streams(0, "it"), population=20, near=1.0, neighbours=5, replaces=1)
    for _ in range(2):
        under.tell(oracle.evaluate(under.ask(1), 0).told())
    for _ in range(5):
        before = [tuple(key) for key in under.keys]
        proposal = under.ask(1)
        under.tell(oracle.evaluate(proposal, 0).told())
        changed = sum(one != other for one, other in zip(before, under.keys, strict=True))
        assert changed <= len(proposal.codes)


# Variation


def test_crossover_takes_one_piece_of_the_other_parent():
    rng = np.random.default_rng(0)
    children = two_point_crossover(rng, np.zeros((2000, 9), np.uint8), np.ones((2000, 9), np.uint8))
    borders = np.abs(np.diff(np.pad(children.astype(int), ((0, 0), (1, 1))), axis=1)).sum(axis=1)
    assert set(borders.tolist()) == {0, 2}
    np.testing.assert_allclose(children.mean(axis=0), children.mean(axis=0)[::-1], atol=0.05)
    assert not two_point_crossover(rng, np.zeros((50, 9)), np.ones((50, 9)), probability=0.0).any()


def test_mutation_takes_another_value_with_the_given_probability():
    rng, widths = np.random.default_rng(0), np.array([2, 3, 5, 1])
    codes = np.tile(np.array([1, 2, 0, 0], np.uint8), (4000, 1))
    mutated = mutation(rng, codes, widths, 0.25)
    assert mutated.dtype == codes.dtype
    np.testing.assert_allclose((mutated != codes).mean(axis=0), [0.25, 0.25, 0.25, 0], atol=0.03)
    assert (mutated < widths).all()
    shares = np.bincount(mutated[mutated[:, 2] > 0, 2])[1:] / (mutated[:, 2] > 0).sum()
    np.testing.assert_allclose(shares, 0.25, atol=0.05)
    assert (mutation(rng, codes, widths, 1.0)[:, :3] != codes[:, :3]).all()


def test_tournaments_are_won_as_often_as_theory_says():
    order = np.arange(4.0)
    winners = tournaments(np.random.default_rng(0), order, (2, 4000), 2)
    assert winners.shape == (2, 4000)
    np.testing.assert_allclose(np.bincount(winners.ravel()) / 8000, np.array([7, 5, 3, 1]) / 16, atol=0.03)


def test_wrong_options_are_told():
    for search, options, message in (
        (NSGA2, {"population": 1}, "population of 1"),
        (NSGA2, {"crossover": 2.0}, "probability of crossover is 2"),
        (NSGA2, {"mutation": -1.0}, "probability of mutation is -1"),
        (NSGA2, {"revisits": "skipped"}, "revisits 'skipped'"),
        (NSGA2, {"tournament": 0}, "tournament of 0"),
        (SPEA2, {"tournament": 0}, "tournament of 0"),
        (MOEAD, {"neighbours": 0}, "neighbours 0"),
        (MOEAD, {"near": 1.5}, "near 1.5"),
        (SPEA2, {"first": ((7, 0, 0, 0),)}, "a first configuration"),
    ):
        with pytest.raises(UserError, match=message):
            search(SPACE, Streams(0, "it"), **options)
    assert NSGA2(Line(5), Streams(0, "it")).population == 5
