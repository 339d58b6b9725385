"""What each reading asks next, on fronts written out; the numbers of a line have their neighbours beside them."""

from functools import partial

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import Streams
from nasbench_sim.simulate import simulate
from nasbench_sim.strategies.dmls import DMLS, PAES, PLS
from nasbench_sim.strategies.dominance import dominates
from tests.scripted import Line, Written, written

NAMES = ("error", "cost")
EXPLORATIONS = ("dominating", "non-dominated", "all", "one")


def convex(n=40):
    """All numbers are on the front."""
    x = np.linspace(0, 1, n)
    return np.stack([x**2, (1 - x) ** 2], axis=1)


def rough(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return np.round(convex(n) + 0.3 * rng.random((n, 2)), 2)


def task(points):
    return written(points, np.ones(len(points)), names=NAMES)


class Asked:
    """A search and what it asked, one answer at a time."""

    def __init__(self, points, **options):
        self.oracle, self.search = Written(points, np.ones(len(points)), names=NAMES), None
        self.search = DMLS(Line(len(points)), Streams(1, "dmls"), **options)
        self.numbers = []

    def step(self, times=1):
        for _ in range(times):
            proposal = self.search.ask(1)
            if proposal is None:
                return None
            self.numbers += proposal.codes[:, 0].tolist()
            self.search.tell(self.oracle.evaluate(proposal, 0).told())
        return self.numbers[-1]


@pytest.mark.parametrize("start", [2, 7, 10])
def test_starts_from_so_many_mutually_non_dominated(start):
    points = rough(300)
    asked = Asked(points, start=start)
    while asked.search._starting:
        assert len(asked.search.archive) < start
        asked.step()
    assert len(asked.search.archive) == start
    at_random = Line(len(points)).sample(Streams(1, "").start, 1)[0]
    assert asked.numbers[0] == at_random
    entered = asked.search.archive.points.tolist()
    assert not any(dominates(one, other) for one in entered for other in entered)


def test_gives_up_on_an_archive_that_does_not_grow():
    asked = Asked(np.zeros((500, 2)), start=2, dominance="weak")
    while asked.search._starting:
        asked.step()
    assert len(asked.search.archive) == 1
    assert 50 < len(asked.numbers) <= 101


def test_first_configurations_come_first_at_every_start():
    asked = Asked(convex(), first=((17,), (3,)))
    asked.step()
    assert asked.numbers == [17, 3]
    asked.search._begin()
    assert set(asked.search.archive.items) == set()
    asked.step()
    assert {(17, 0), (3, 0)} <= set(asked.search.archive.items)
    assert asked.numbers.count(17) == 1  # judged from memory


def test_moves_to_the_first_neighbour_that_dominates():
    falling = np.stack([np.arange(50.0)[::-1]] * 2, axis=1)
    asked = Asked(falling, start=1, first=((10,),), exploration="dominating")
    asked.search._starting = False
    asked.step(40)
    assert asked.search._answers[asked.search._current][0] == [49.0 - max(asked.numbers)] * 2
    assert {*range(10, max(asked.numbers) + 1)} <= set(asked.numbers)


@pytest.mark.parametrize(("exploration", "left"), [("dominating", 1), ("non-dominated", 0), ("all", 0)])
def test_how_far_a_neighbourhood_is_explored(exploration, left):
    """On a front no neighbour dominates, but every one enters the archive."""
    asked = Asked(convex(), start=1, first=((20,),), exploration=exploration)
    asked.step(2)
    assert asked.numbers[0] == 20
    assert set(asked.numbers[1:]) <= {19, 21}
    assert len(asked.numbers) == (3 if exploration == "all" else 2)
    assert len(asked.search._queue) == left


def test_a_half_explored_configuration_counts_as_visited():
    asked = Asked(convex(3), start=1, first=((1,),), exploration="non-dominated")
    asked.step(3)
    assert sorted(asked.numbers) == [0, 1, 2]  # the second neighbour is met from the first one, or at a restart
    assert (1, 0) in asked.search._visited


@pytest.mark.parametrize("exploration", EXPLORATIONS)
def test_finds_the_whole_front_and_ends_when_all_is_evaluated(exploration):
    points = rough()
    trace = simulate(task(points), partial(DMLS, exploration=exploration), evaluations=1000, name="DMLS")
    assert trace.about["evaluations"] == len(points)
    last = {tuple(p) for p in trace.objectives.tolist() if not any(dominates(q, p) for q in trace.objectives)}
    assert last == {tuple(p) for p in points.tolist() if not any(dominates(q, p) for q in points)}


@pytest.mark.parametrize("search", [DMLS, PLS, PAES])
def test_revisits_are_free_unless_they_are_charged(search):
    free = simulate(task(rough()), search, evaluations=500, record="all")
    charged = simulate(task(rough()), partial(search, revisits="charged"), evaluations=500, record="all")
    assert len(np.unique(free.codes)) == len(free.codes) <= 60
    assert len(charged.codes) == 500


def test_paes_stays_unless_the_neighbour_has_more_room():
    points = convex(40)
    asked = Asked(points, start=1, first=((5,), (20,), (35,)), exploration="one", capacity=10)
    asked.step(30)
    assert len(asked.search.archive) <= 10
    assert not asked.search._starting
    assert set(asked.search.archive.items) <= {(number, 0) for number in asked.numbers}


@pytest.mark.parametrize("capacity", [3, 10])
@pytest.mark.parametrize("pruning", ["crowding", "hypervolume"])
@pytest.mark.parametrize("exploration", EXPLORATIONS)
def test_bounded_archives_come_to_an_end(exploration, pruning, capacity):
    search = partial(DMLS, exploration=exploration, pruning=pruning, capacity=capacity)
    assert simulate(task(rough()), search, evaluations=500).about["evaluations"] == 60


def test_wrong_options_are_told():
    for options, message in (
        ({"exploration": "some"}, "no exploration 'some'"),
        ({"revisits": "never"}, "no revisits 'never'"),
        ({"dominance": "epsilon"}, "no dominance 'epsilon'"),
        ({"start": 0}, "archive of 0"),
        ({"first": ((99,),)}, "a first configuration"),
        ({"first": ((1, 2),)}, "a first configuration"),
    ):
        with pytest.raises(UserError, match=message):
            DMLS(Line(40), Streams(0, "dmls"), **options)
