"""Laws of runs with several objectives, for every strategy that is made for them."""

from __future__ import annotations

import filecmp
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim.simulate import simulate, simulate_many
from nasbench_sim.strategies.archive import Archive
from reports.statistics.indicators import archive_at, hypervolume_over_time
from suites.catalogue import STRATEGIES, task
from suites.store import identity
from suites.work import Order, Unit, load, load_task, perform

SEVERAL = ("DMLS", "PLS", "PAES", "NSGA2", "SPEA2", "MOEAD", "ScalarisedLocalSearch", "RandomSearch")
TASKS = {
    "two": "nasbench201/cifar10/pixel3",
    "three": "nasbench201/cifar100/parameters+raspi4",
    "limited": "nasbench201/cifar10/fpga",
}


@pytest.fixture(scope="module", params=TASKS)
def named(request):
    limits = {"parameters": 300_000.0} if request.param == "limited" else {}
    return task(TASKS[request.param], limits=limits)


@pytest.mark.parametrize("strategy", SEVERAL)
def test_hypervolume_never_falls_and_ends_below_the_true_fronts(named, strategy):
    trace = simulate(named, STRATEGIES[strategy], seed=1, evaluations=250, name=strategy)
    reached = hypervolume_over_time(trace.objectives, trace.about["reference"])
    assert len(reached)
    assert (np.diff(reached) >= 0).all()
    assert reached[-1] <= trace.about["front_hypervolume"] + 1e-12
    assert trace.feasible.all()
    assert trace.about["front_hypervolume"] == named.oracle.front.hypervolume


@pytest.mark.parametrize("strategy", SEVERAL)
def test_no_archive_holds_a_dominated_point_or_one_twice(named, strategy):
    """Neither the run's, which every row of the trace has entered, nor the strategy's own."""
    made = []

    def watched(space, streams):
        made.append(STRATEGIES[strategy](space, streams))
        return made[-1]

    trace = simulate(named, watched, seed=2, evaluations=250, name=strategy)
    for count in (1, len(trace.seconds) // 2, len(trace.seconds)):
        held = archive_at(trace.objectives, count)
        no_worse = (held[:, None] <= held).all(axis=2)
        assert no_worse.sum() == len(held)
    assert archive_at(trace.objectives, count).tolist() == archive_at(trace.objectives[:count], count).tolist()
    assert not len(trace.seconds) or (np.arange(1, len(trace.seconds) + 1) <= trace.evaluation).all()
    own = getattr(made[0], "archive", None)
    if isinstance(own, Archive):
        points = own.points
        better = (points[:, None] <= points).all(axis=2) & (points[:, None] < points).any(axis=2)
        assert not better.any()
        assert len(set(own.items)) == len(own.items)


def test_adding_a_method_changes_no_other_methods_figures(tmp_path: Path):
    """Neither runs nor scale: a suite of one method and of three leave the same files of that method."""
    few = Order("latency", tasks=("fpga",), strategies=("NSGA-II",), seeds=2, evaluations=150)
    more = Order("latency", tasks=("fpga",), seeds=2, evaluations=150)
    found = {}
    for name, order in (("few", few), ("more", more)):
        suite, source = load(order)
        (one,) = suite.tasks
        assert len(suite.entries) == (1 if name == "few" else 3)
        for entry in suite.entries:
            seeds = tuple(range(entry.seeds))
            ids = tuple(identity(suite, source, load_task(order, one), entry, seed) for seed in seeds)
            perform(order, Unit(one, entry.name, seeds, ids), tmp_path / name)
        (tmp_path / name).mkdir(exist_ok=True)
        perform(order, Unit(one, identities=("mark",)), tmp_path / name)
        found[name] = sorted((tmp_path / name / "runs").rglob("NSGA-II/*.run"))
    assert [path.name for path in found["few"]] == [path.name for path in found["more"]]
    assert all(filecmp.cmp(a, b, shallow=False) for a, b in zip(found["few"], found["more"], strict=True))
    evidence = "evidence/front-nasbench201-cifar10-fpga.json"
    assert filecmp.cmp(tmp_path / "few" / evidence, tmp_path / "more" / evidence, shallow=False)


@pytest.mark.parametrize("dominance", ["pareto", "weak", "strict"])
def test_any_dominance_finds_more_than_random_search(dominance):
    named = task("nasbench201/cifar10/pixel3")
    factory = partial(STRATEGIES["DMLS"], dominance=dominance)
    ends = []
    for strategy in (factory, STRATEGIES["RandomSearch"]):
        traces = simulate_many(named, strategy, range(5), evaluations=300, name="DMLS")
        ends.append(np.mean([hypervolume_over_time(t.objectives, t.about["reference"])[-1] for t in traces]))
    assert ends[0] > ends[1]
