"""The clock charges everything, and more workers help as they must."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from nasbench_sim.oracle import Task
from nasbench_sim.simulate import simulate, simulate_many
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.weight_sharing import WeightSharing
from tests import synthetic

STRATEGIES = {
    "random": RandomSearch,
    "greedy": partial(GreedySearch, revisits="charged"),
    "greedy, remembered": partial(GreedySearch, revisits="remembered"),
    "weight sharing": partial(WeightSharing, proxies=400),
    "weight sharing, greedy": partial(WeightSharing, inner=GreedySearch, proxies=400),
}
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


@pytest.fixture(scope="module")
def task(a4):
    return Task("law", synthetic.with_supernets(a4))


@pytest.fixture(scope="module")
def seconds_of(a4_table):
    """Training seconds of a configuration, from the table itself."""
    column, key = a4_table.array("cifar10/train_seconds")[:, 1], NASBench101("A4").key
    known = {tuple(k): float(value) for k, value in zip(key(a4_table.codes).tolist(), column, strict=True)}
    return lambda codes: np.array([known[tuple(k)] for k in key(codes).tolist()])


@every_strategy
def test_a_run_takes_set_up_proxies_and_trainings_and_nothing_else(task, strategy, seconds_of):
    trace = simulate(task, strategy, seed=4, evaluations=120, record="all")
    about = trace.about
    proxies = about["answered"].get("proxy", 0)
    set_up = synthetic.SETUP_SECONDS if "proxy" in about["answered"] else 0.0
    trainings = seconds_of(trace.codes)
    assert len(trainings) == about["evaluations"] == 120
    expected = set_up + proxies * synthetic.PROXY_SECONDS + np.cumsum(trainings)
    np.testing.assert_allclose(trace.seconds, expected, rtol=1e-12)
    assert about["seconds"] == trace.seconds[-1]
    assert about["busy_seconds"] == pytest.approx(expected[-1], rel=1e-12)
    assert about["setup_seconds"] == set_up


@every_strategy
def test_decisions_are_charged_as_declared(task, strategy):
    free = simulate(task, strategy, seed=4, evaluations=120, record="all")
    paid = simulate(replace(task, decision_seconds=60.0), strategy, seed=4, evaluations=120, record="all")
    assert free.codes.tolist() == paid.codes.tolist()
    questions = (paid.seconds - free.seconds) / 60.0
    np.testing.assert_allclose(questions, np.round(questions), atol=1e-6)
    assert (questions >= 1).all()
    assert (np.diff(questions) > -1e-6).all()


@pytest.mark.parametrize("workers", [2, 4])
@every_strategy
def test_busy_time_is_all_work_and_fits_into_workers_times_elapsed(task, strategy, workers, seconds_of):
    trace = simulate(task, strategy, seed=4, evaluations=120, record="all", workers=workers)
    about = trace.about
    proxies = about["answered"].get("proxy", 0)
    work = about["setup_seconds"] + proxies * synthetic.PROXY_SECONDS
    work += sum(seconds_of(trace.codes))
    assert about["busy_seconds"] == pytest.approx(work, rel=1e-12)
    assert about["busy_seconds"] <= workers * about["seconds"] * (1 + 1e-12)
    assert (np.diff(trace.seconds) >= 0).all()
    if about["setup_seconds"]:
        # the super-net, then the proxies on all workers, then the first training
        started = (trace.seconds - seconds_of(trace.codes)).min()
        assert started >= about["setup_seconds"] + proxies * synthetic.PROXY_SECONDS / workers


def test_more_workers_are_never_later_for_random_search(task):
    ends = []
    for workers in (1, 2, 3, 5, 8, 200):
        traces = simulate_many(task, RandomSearch, range(10), evaluations=150, workers=workers, record="all")
        ends.append([trace.seconds for trace in traces])
    for slower, faster in pairwise(ends):
        assert (np.array(faster) <= np.array(slower)).all()  # evaluation by evaluation
    assert np.array(ends[-1]).max() < 3001.0  # as many workers as evaluations: the longest training


def test_more_workers_never_leave_random_search_with_a_worse_incumbent(task):
    hours = np.arange(1, 40) * 3600.0
    found = []
    for workers in (1, 2, 4):
        traces = simulate_many(task, RandomSearch, range(10), seconds=hours[-1], workers=workers)
        regrets = np.array([trace.validation_regret(hours) for trace in traces])
        found.append(np.where(np.isnan(regrets), np.inf, regrets))
    assert (found[1] <= found[0]).all()
    assert (found[2] <= found[1]).all()


@pytest.mark.parametrize("workers", [1, 3])
@every_strategy
def test_a_longer_budget_continues_a_shorter_one(task, strategy, workers):
    short, long = (
        simulate(task, strategy, seed=2, seconds=seconds, workers=workers, record="all")
        for seconds in (40_000.0, 80_000.0)
    )
    kept = long.seconds <= 40_000.0
    assert short.codes.tolist() == long.codes[kept].tolist()
    assert short.seconds.tolist() == long.seconds[kept].tolist()
