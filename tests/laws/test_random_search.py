"""Random search has an exact expectation, worked out over the whole table; nothing beats it where nothing is learnt."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.stats import binomtest, hypergeom, ttest_ind

from nasbench_sim.oracle import Task
from nasbench_sim.proxy import Bias
from nasbench_sim.simulate import simulate_many
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.weight_sharing import WeightSharing
from nasbench_sim.tabular.oracle import TabularOracle
from tests import synthetic

SEEDS = 600


def best_of(n: int, total: int) -> np.ndarray:
    """Probability, ``float64[total]``, that the best of n distinct draws has each rank, the best rank first."""
    # none of the n draws has a rank below r: all of them come from the total - r others
    none_better = hypergeom(total, np.arange(total + 1), n).pmf(0)
    return -np.diff(none_better)


def incumbents(traces, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Observed validation and held-out figure of each run's incumbent after n evaluations."""
    rows = [np.searchsorted(trace.evaluation, n, side="right") - 1 for trace in traces]
    validation = [trace.objectives[row, 0] for trace, row in zip(traces, rows, strict=True)]
    return np.array(validation), np.array([trace.held_out[row, 0] for trace, row in zip(traces, rows, strict=True)])


def expectation(validation, test, n: int) -> list[tuple[float, float]]:
    """Mean and standard deviation of validation and test of the best of n."""
    order, chance = np.argsort(validation), best_of(n, len(validation))
    moments = []
    for figures in (validation[order], test[order]):
        mean = chance @ figures
        moments.append((float(mean), float(np.sqrt(chance @ (figures - mean) ** 2))))
    return moments


@pytest.fixture(scope="module")
def random_runs(nb201):
    strategy = partial(RandomSearch, draw=400)  # draws little at a time, only to be quick
    return simulate_many(Task("law", nb201), strategy, range(SEEDS), evaluations=1000)


def test_best_of_n_has_the_chances_that_it_should():
    assert best_of(1, 5) == pytest.approx([0.2] * 5)
    assert best_of(5, 5) == pytest.approx([1, 0, 0, 0, 0])
    assert best_of(2, 3) == pytest.approx([2 / 3, 1 / 3, 0])


@pytest.mark.parametrize("n", [1, 2, 10, 100, 1000])
def test_its_mean_incumbent_is_the_exact_best_of_n(nb201, random_runs, n):
    validation, test = nb201.mean_error(108)[nb201.rows], nb201.test_error[nb201.rows]
    assert len(np.unique(validation)) == len(validation)
    found = incumbents(random_runs, n)
    for (mean, deviation), figures in zip(expectation(validation, test, n), found, strict=True):
        assert abs(figures.mean() - mean) < 4 * deviation / np.sqrt(SEEDS)
        assert figures.std() == pytest.approx(deviation, rel=0.25)


def test_its_configurations_are_drawn_without_repetition(nb201):
    (trace,) = simulate_many(Task("law", nb201), partial(RandomSearch, draw=300), [0], evaluations=15_625, record="all")
    assert len(np.unique(trace.codes, axis=0)) == 15_625
    assert trace.validation_regret(trace.seconds[-1]) == 0.0


# Nothing to learn


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory):
    """A table whose figures are dealt out to the cells anew, and super-nets that know nothing of it."""
    space = NASBench101("A4")
    arrays = synthetic.figures(space)
    order = np.random.default_rng(17).permutation(space.size)
    arrays["cifar10/validation"] = arrays["cifar10/validation"][order]
    arrays["cifar10/test_mean"] = arrays["cifar10/test_mean"][order]
    table = synthetic.write(tmp_path_factory.mktemp("shuffled") / "shuffled.h5", space, arrays)
    trained = TabularOracle(space, table, "cifar10")
    return trained, synthetic.with_supernets(trained, (0.0, 0.0), supernets=2**31, bias=Bias(1.0, "drawn", 0.3))


STRATEGIES = {
    "greedy, charged": partial(GreedySearch, revisits="charged"),
    "greedy, remembered": partial(GreedySearch, revisits="remembered"),
    "greedy, random order": partial(GreedySearch, order="random", revisits="remembered"),
    "weight sharing": partial(WeightSharing, proxies=300),
    "weight sharing, greedy": partial(WeightSharing, inner=GreedySearch, proxies=300),
}


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_on_a_shuffled_table_nothing_beats_random_search(shuffled, strategy):
    trained, oracle = shuffled
    n, seeds = 100, 100
    traces = simulate_many(Task("law", oracle), strategy, range(seeds), evaluations=n)
    moments = expectation(trained.mean_error(108)[trained.rows], trained.test_error[trained.rows], n)
    for (mean, deviation), figures in zip(moments, incumbents(traces, n), strict=True):
        assert (figures.mean() - mean) / (deviation / np.sqrt(seeds)) > -3.1  # one in a thousand


def test_on_a_smooth_table_greedy_search_beats_random_search(nb201):
    """Else the law above would hold for strategies that do not work."""
    n = 200
    traces = simulate_many(Task("law", nb201), GreedySearch, range(60), evaluations=n)
    mean, deviation = expectation(nb201.mean_error(108)[nb201.rows], nb201.test_error[nb201.rows], n)[0]
    assert (incumbents(traces, n)[0].mean() - mean) / (deviation / np.sqrt(60)) < -3.1


# A against A


def test_a_against_a_raises_a_false_alarm_at_the_stated_rate(nb201):
    """The same strategy under two names, 20 runs each, 200 times."""
    task, size, times = Task("law", nb201), 20, 200
    strategy = partial(RandomSearch, draw=30)
    one = simulate_many(task, strategy, range(size * times), evaluations=30, name="A")
    seeds = range(size * times, 2 * size * times)  # seeds of their own: the same ones would share their start
    other = simulate_many(task, strategy, seeds, evaluations=30, name="also A")
    regrets = [incumbents(traces, 30)[1].reshape(times, size) for traces in (one, other)]
    alarms = int((ttest_ind(*regrets, axis=1).pvalue < 0.05).sum())
    assert binomtest(alarms, times, 0.05).pvalue > 1e-3


def test_the_name_changes_the_choices_and_not_their_distribution(nb201):
    space = NASBench201()
    assert nb201.space == space
    runs = [
        simulate_many(Task("law", nb201), partial(RandomSearch, draw=30), range(200), evaluations=30, name=name)
        for name in ("A", "B")
    ]
    one, other = (incumbents(traces, 30)[0] for traces in runs)
    assert (one != other).mean() > 0.8
    assert ttest_ind(one, other).pvalue > 1e-3
