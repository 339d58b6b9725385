"""How long random search takes to meet one of the best: published, by simulation, and by the engine's random search."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench_sim import RandomSearch, simulate_many
from nasbench_sim.oracle import Task
from reports.statistics.draws import chance, draws_needed, first_good, first_within
from tests.scripted import Written

TABLE = {1000: (69, 298, 458), 5000: (14, 59, 90), 10_000: (7, 29, 44)}  # Table 2.2 of the thesis


@pytest.mark.parametrize(("good", "published"), TABLE.items())
def test_the_published_table_to_the_digit(good, published):
    assert tuple(draws_needed(100_000, good, p) for p in (0.5, 0.95, 0.99)) == published


def test_with_replacement_needs_a_little_more():
    assert draws_needed(100_000, 1000, 0.95, replacement=True) == 299
    assert chance(600, 6, 100) > chance(600, 6, 100, replacement=True)
    assert chance(10**9, 10**7, 50) == pytest.approx(chance(10**9, 10**7, 50, replacement=True), abs=1e-6)


def test_ends_of_the_law():
    assert chance(10, 3, [0, 7, 8, 10, 99]).tolist() == pytest.approx([0.0, 1 - 1 / 120, 1.0, 1.0, 1.0])
    assert chance(10, 10, [0, 1]).tolist() == [0.0, 1.0]
    assert chance(10, 0, [5]).tolist() == [0.0]
    assert chance(5, 5, [0, 1, 2], replacement=True).tolist() == [0.0, 1.0, 1.0]
    assert draws_needed(5, 1, 0.0) == 1
    for wrong in (lambda: chance(5, 6, 1), lambda: chance(5, 1, -1), lambda: draws_needed(5, 0, 0.5)):
        with pytest.raises(ValueError, match=r"cannot hold|at least 0|no number"):
            wrong()


@pytest.mark.parametrize("replacement", [False, True])
def test_the_law_against_simulation(replacement):
    size, good, runs = 200, 6, 20_000
    rng = np.random.default_rng(1)
    ranks = rng.random((runs, size)).argsort(axis=1) if not replacement else rng.integers(size, size=(runs, 4 * size))
    first = (ranks < good).argmax(axis=1) + 1
    mean, deviation = first_good(size, good, replacement)
    assert first.mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(runs))
    assert first.std() == pytest.approx(deviation, rel=0.05)
    for n in (1, 5, 20, 80):
        p = float(chance(size, good, n, replacement))
        assert (first <= n).mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / runs) + 1e-9)


def test_random_search_keeps_the_law():
    errors = np.random.default_rng(2).permutation(120) / 120
    task = Task("law", Written(errors, np.ones(120)))
    traces = simulate_many(task, RandomSearch, range(800), evaluations=120)
    first = [int(first_within(trace.objectives[:, 0], [5.5 / 120])[0]) for trace in traces]
    drawn = np.array([trace.evaluation[at - 1] for trace, at in zip(traces, first, strict=True)])
    mean, deviation = first_good(120, 6)
    assert drawn.mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(800))


def test_first_within_reads_runs_as_they_came():
    assert first_within([0.5, np.nan, 0.2, 0.3, 0.1], [0.5, 0.2, 0.15, 0.05]).tolist() == [1, 3, 5, 0]
