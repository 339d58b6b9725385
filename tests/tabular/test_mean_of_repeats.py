"""Answers that are the mean of several repeats, and judging by the mean validation error."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Request
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.tabular import Table
from nasbench_sim.tabular.oracle import TabularOracle
from tests import synthetic

SPACE = NASBench201()
ROWS = np.arange(0, 15_625, 401)
CODES = SPACE.enumerate()[ROWS]


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory: pytest.TempPathFactory) -> Table:
    arrays = synthetic.surrogate_figures(SPACE)
    return synthetic.write(tmp_path_factory.mktemp("surrogate") / "s.h5", SPACE, arrays, kind="surrogate")


def answers(table: Table, noise: str, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors ``[runs, n]`` and seconds ``[n]`` of the cells."""
    oracle = TabularOracle(SPACE, table, "cifar10", noise=noise)
    found = [oracle.evaluate(Request(CODES), run) for run in range(runs)]
    return np.array([one.objectives[:, 0] for one in found]), found[0].seconds


def test_the_mean_of_two_measured_repeats_is_that_of_two_different_ones(nb201_table: Table) -> None:
    repeats = nb201_table.repeats("cifar10", "validation", 108.0)
    found, seconds = answers(nb201_table, "2", 60)
    oracle = TabularOracle(SPACE, nb201_table, "cifar10")
    rows = oracle.locate(SPACE.key(CODES))
    for place, row in enumerate(rows):
        there = repeats[row][~np.isnan(repeats[row])]
        possible = [np.mean(pair) for pair in combinations(there, 2)] if len(there) > 1 else there
        assert np.isclose(found[:, place, None], possible, rtol=0, atol=1e-12).any(axis=1).all()
        if len(there) == 3:
            assert len(np.unique(found[:, place].round(12))) == 3  # each pair comes up among sixty runs
    trained = np.minimum(2, (~np.isnan(repeats[rows])).sum(axis=1))
    assert seconds == pytest.approx(trained * oracle.seconds(108.0)[rows])


@pytest.mark.parametrize("noise", ["repeat", "2", "3"])
def test_answers_are_the_means_of_the_repeats_that_are_said_to_be_drawn(nb201_table: Table, noise: str) -> None:
    oracle = TabularOracle(SPACE, nb201_table, "cifar10", noise=noise)
    repeats = nb201_table.repeats("cifar10", "validation", 108.0)[oracle.locate(SPACE.key(CODES))]
    for run in range(5):
        drawn = oracle.repeats_drawn(Request(CODES, repeat=run), run)
        assert drawn.shape == (len(CODES), 1 if noise == "repeat" else int(noise))
        values = np.where(drawn >= 0, np.take_along_axis(repeats, np.maximum(drawn, 0), axis=1), np.nan)
        assert not np.isnan(values[drawn >= 0]).any()
        assert all(len({*row[row >= 0]}) == (row >= 0).sum() for row in drawn)
        answered = oracle.evaluate(Request(CODES, repeat=run), run).objectives[:, 0]
        assert np.nanmean(values, axis=1) == pytest.approx(answered, abs=1e-12)


def test_answers_that_are_not_made_of_repeats_say_so(nb201_table: Table, surrogate: Table) -> None:
    for table, noise in ((nb201_table, "mean"), (surrogate, "repeat")):
        with pytest.raises(UserError, match="not drawn from its repeats"):
            TabularOracle(SPACE, table, "cifar10", noise=noise).repeats_drawn(Request(CODES), 0)


def test_the_mean_of_as_many_as_there_are_is_the_mean(nb201_table: Table) -> None:
    found, _ = answers(nb201_table, "7", 2)
    exact, _ = answers(nb201_table, "mean", 1)
    assert found == pytest.approx(np.repeat(exact, 2, axis=0), abs=1e-12)


@pytest.mark.parametrize("k", [2, 5])
def test_averaging_divides_a_surrogates_variance(surrogate: Table, k: int) -> None:
    found, seconds = answers(surrogate, str(k), 400)
    oracle = TabularOracle(SPACE, surrogate, "cifar10")
    rows = oracle.locate(SPACE.key(CODES))
    spread = surrogate.spread("cifar10", "validation", 108.0)[rows]
    wide = spread > 1e-3
    ratio = found.var(axis=0)[wide] / (spread[wide] ** 2 / k)
    assert ratio.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 400 / wide.sum()))
    z = (found.mean(axis=0) - oracle.mean_error(108.0)[rows])[wide] / (spread[wide] / np.sqrt(400 * k))
    assert np.abs(z).max() < 4.5
    assert seconds == pytest.approx(k * oracle.seconds(108.0)[rows])


def test_an_answer_does_not_depend_on_what_else_is_asked(nb201_table: Table, surrogate: Table) -> None:
    for table in (nb201_table, surrogate):
        oracle = TabularOracle(SPACE, table, "cifar10", noise="2")
        whole = oracle.evaluate(Request(CODES), 7).objectives
        alone = [oracle.evaluate(Request(CODES[place : place + 1]), 7).objectives[0] for place in (3, 0)]
        assert np.array_equal(whole[[3, 0]], alone)
        again = oracle.evaluate(Request(CODES, repeat=1), 7).objectives
        assert not np.array_equal(whole, again)


@pytest.mark.parametrize("noise", ["1", "0", "-2", "2.0", "100", "²", "two", "", "99999999999999999999"])
def test_other_numbers_are_refused_in_one_line(nb201_table: Table, noise: str) -> None:
    with pytest.raises(UserError, match=r"^noise is one of mean, repeat, not '.*'; or a number from 2 to 99: [^\n]*$"):
        TabularOracle(SPACE, nb201_table, "cifar10", noise=noise)


def test_judged_by_validation_the_held_out_figure_is_its_mean(nb201_table: Table) -> None:
    oracle = TabularOracle(SPACE, nb201_table, "cifar10", noise="repeat", held_out="validation")
    found = oracle.evaluate(Request(CODES), 3)
    assert oracle.held_out == ("mean validation error",)
    assert found.held_out is not None
    assert found.told().held_out is None
    rows = oracle.locate(SPACE.key(CODES))
    assert np.array_equal(found.held_out[:, 0], oracle.mean_error(108.0)[rows])
    assert not np.array_equal(found.held_out, found.objectives)
    assert oracle.optimum[0] == oracle.optimum_objectives[0]


def test_judged_by_something_else_is_refused(nb201_table: Table) -> None:
    with pytest.raises(UserError, match="held_out is one of test, validation, not 'train'"):
        TabularOracle(SPACE, nb201_table, "cifar10", held_out="train")
