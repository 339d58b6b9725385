"""The figures of the weight-sharing study (``suites/ws_vs_rs.toml``) against the embedded table, clock and super-nets.

Tolerances are two standard errors of the difference between a published mean and ours, both taken as samples.
"""

from functools import cache, partial

import numpy as np
import pytest
from scipy.stats import spearmanr

from nasbench_sim import GreedySearch, RandomSearch, WeightSharing, simulate_many
from nasbench_sim.randomness import stream
from nasbench_sim.spaces.nasbench101 import SUBSPACES, NASBench101
from suites.catalogue import SUPERNETS, published, spearman, task

GREEDY = partial(GreedySearch, order="listed", revisits="charged")


@cache
def regrets(space: str) -> dict[str, np.ndarray]:
    """Regret x 100 at the one-shot of RSws: 100 baseline runs of each kind, 25 with weight sharing."""
    this = task(f"nasbench101/{space}")
    picked = simulate_many(this, WeightSharing, range(25), evaluations=1, name="RSws")
    at = np.mean([trace.seconds[0] for trace in picked])
    runs = {
        "RSws": picked,
        "RS": simulate_many(this, RandomSearch, range(100), evaluations=60, name="RS"),
        "GS": simulate_many(this, GREEDY, range(100), evaluations=60, name="GS"),
    }
    found = {}
    for name, traces in runs.items():
        values = np.array([100 * trace.regret(np.inf if name == "RSws" else at) for trace in traces], float)
        found[name] = values[~np.isnan(values)]
    return found


def standard_error(sample: np.ndarray) -> float:
    return float(sample.std(ddof=1) / np.sqrt(len(sample)))


def by_supernet(sample: np.ndarray) -> float:
    """Of the mean of 25 runs nested in five super-nets."""
    return standard_error(np.array([sample[number::SUPERNETS].mean() for number in range(SUPERNETS)]))


@pytest.mark.parametrize("space", SUBSPACES)
def test_the_clock_alone_gives_the_implied_difference_of_greedy_and_random_search(space):
    here = regrets(space)
    difference = here["GS"].mean() - here["RS"].mean()
    ours = np.hypot(standard_error(here["GS"]), standard_error(here["RS"]))
    # The source's own error: 100 runs, whose spread is in the pooled one of its Table 4.5 (up to 3 points: its table
    # holds cells that fail, ours does not); each implied figure is rounded twice.
    _, deviation, _, _ = published()["regret_difference"][space][2]
    tolerance = 2 * np.hypot(ours, deviation / np.sqrt(100)) + 0.01
    assert difference == pytest.approx(published()["implied"]["GS_minus_RS"][space], abs=tolerance)


@pytest.mark.parametrize("space", SUBSPACES)
def test_weight_sharing_is_as_good_or_bad_as_it_was_calibrated_to_be(space):
    here = regrets(space)
    mean, deviation, _, _ = published()["regret_difference"][space][0]
    ours = np.hypot(standard_error(here["RS"]), by_supernet(here["RSws"]))
    theirs = deviation * np.sqrt(1 / 100 + 1 / 25)
    assert here["RS"].mean() - here["RSws"].mean() == pytest.approx(mean, abs=2 * np.hypot(ours, theirs))


@pytest.mark.parametrize("space", SUBSPACES)
@pytest.mark.parametrize("variant", ["no_ft", "bns_ft", "pro_rata"])
def test_supernets_correlate_with_the_truth_as_published(space, variant):
    oracle = task(f"nasbench101/{space}", variant=variant).oracle
    codes, keys, score = oracle.cells
    found = []
    for number in range(SUPERNETS):
        cells = stream(0, "test", space, variant, str(number)).choice(len(codes), 1000, replace=False)
        proxy = oracle.draw(number).accuracy(codes[cells], keys[cells], score[cells])
        found.append(spearmanr(score[cells], proxy).statistic)
    mean, deviation = spearman(space, variant)
    sampling = 1 / np.sqrt(1000)  # of a correlation over a thousand cells
    assert np.mean(found) == pytest.approx(mean, abs=2 * np.hypot(deviation, sampling) * np.sqrt(2 / SUPERNETS) + 0.01)


def test_sizes_of_the_spaces_are_as_described():
    size = {space: NASBench101(space).size for space in SUBSPACES}
    assert size["full"] == 423_624
    assert size["A2"] == pytest.approx(200_000, rel=0.02)
    assert size["A2"] / size["A3"] == pytest.approx(2, rel=0.15)
    assert 1 - size["nres"] / size["full"] == pytest.approx(0.2, abs=0.03)
    correlations = [published()["spearman"][space][1][0] for space in SUBSPACES]
    found = spearmanr(correlations, [size[space] for space in SUBSPACES])
    assert found.statistic == pytest.approx(-0.71, abs=0.005)
    assert found.pvalue == pytest.approx(0.07, abs=0.005)


def test_ten_thousand_proxies_visit_nearly_all_of_the_smallest_space():
    assert NASBench101("A4").size == pytest.approx(10_000, rel=0.05)
