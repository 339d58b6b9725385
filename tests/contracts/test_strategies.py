"""What every strategy promises.  A new one joins by its name in the catalogue.

All of them search a synthetic A4 with super-nets beside it, so that those that need a proxy find one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from dataclasses import fields, replace
from functools import partial
from importlib import import_module
from inspect import signature
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim.constrained import constrained
from nasbench_sim.oracle import Observations, Request, Task
from nasbench_sim.randomness import Streams
from nasbench_sim.simulate import simulate, simulate_many
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.tabular import Table
from nasbench_sim.tabular.oracle import TabularOracle
from suites import ws_vs_rs
from suites.catalogue import STRATEGIES
from tests import synthetic

engine = import_module("nasbench_sim.simulate")  # the package's attribute of that name is the function
READINGS = [("listed", "charged"), ("random", "remembered"), ("random", "charged")]
PROXIES = 500


def quick(strategy):
    """With fewer proxies and candidates than it would take by itself, and the fidelities of the synthetic table."""
    options = {"proxies": PROXIES, "fidelities": (4, 108), "pool": 150}
    chosen = {name: options[name] for name in signature(strategy).parameters if name in options}
    return partial(strategy, **chosen) if chosen else strategy


ALL = {name: quick(strategy) for name, strategy in STRATEGIES.items()} | {
    f"{entry.name}-{order}-{revisits}": quick(entry.factory)
    for order, revisits in READINGS
    for entry in ws_vs_rs.suite(order=order, revisits=revisits).entries
    if entry.name == "GS" or (entry.name == "GSws" and (order, revisits) == READINGS[-1])
}

every_strategy = pytest.mark.parametrize("strategy", ALL.values(), ids=ALL)
BUDGETS = {
    "evaluations": {"evaluations": 300},
    "one evaluation": {"evaluations": 1},
    "seconds": {"seconds": 150_000.0},
    "both": {"evaluations": 300, "seconds": 60_000.0},
}


def oracle(table: Table, noise: str = "repeat"):
    return synthetic.with_supernets(TabularOracle(NASBench101("A4"), table, "cifar10", noise=noise))


@pytest.fixture(scope="module")
def task(a4_table):
    return Task("synthetic/A4", oracle(a4_table))


class Altered:
    """The oracle, with its objectives changed: ``change`` takes objectives and keys."""

    def __init__(self, oracle, change):
        self.oracle, self.change = oracle, change

    def __getattr__(self, name):
        return getattr(self.oracle, name)

    def evaluate(self, request, run):
        answers = self.oracle.evaluate(request, run)
        objectives = self.change(answers.objectives, answers.keys)
        return replace(answers, objectives=objectives, failed=np.isnan(objectives[:, 0]))


def all_equal(objectives, keys):
    return np.full_like(objectives, 0.25)


def half_fail(objectives, keys):
    return np.where(keys[:, :1] % 2 == 0, objectives, np.nan)


def all_fail(objectives, keys):
    return np.full_like(objectives, np.nan)


def saved(trace, path: Path) -> bytes:
    trace.save(path / "trace.run")
    return (path / "trace.run").read_bytes()


def digests(table: str) -> dict[str, str]:
    """Digest of a run of every strategy, with one and with three workers."""
    task = Task("synthetic/A4", oracle(Table.open(table)))
    found = {}
    for name, strategy in ALL.items():
        digest = hashlib.sha256()
        for workers in (1, 3):
            trace = simulate(task, strategy, seed=5, evaluations=100, workers=workers, record="all", name=name)
            columns = (trace.evaluation, trace.seconds, trace.codes, trace.objectives, trace.held_out)
            digest.update(b"".join(column.tobytes() for column in columns) + json.dumps({**trace.about}).encode())
        found[name] = digest.hexdigest()
    return found


class Watched:
    """A strategy under watch: what it asks is noted, what it is told cannot be written to."""

    def __init__(self, strategy):
        self.strategy, self.asked, self.told, self.ended = strategy, [], [], 0

    def ask(self, free):
        assert free >= 1
        proposal = self.strategy.ask(free)
        self.asked.append(proposal)
        return proposal

    def tell(self, observations):
        arrays = [value for value in (getattr(observations, f.name) for f in fields(observations)) if is_array(value)]
        for array in arrays:
            array.setflags(write=False)
        before = [array.copy() for array in arrays]
        self.told.append(observations)
        self.strategy.tell(observations)
        for array, copy in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, copy)


def is_array(value) -> bool:
    return isinstance(value, np.ndarray)


def watched(task: Task, strategy, **options):
    """Traces and watched strategies of one simulation."""
    seen: list[Watched] = []

    def factory(space, streams):
        seen.append(Watched(strategy(space, streams)))
        return seen[-1]

    return simulate_many(task, factory, [3], name="watched", **options)[0], seen[0]


# Reproducible


@every_strategy
def test_same_seed_same_trace(task, strategy, tmp_path):
    runs = {saved(simulate(task, strategy, seed=3, evaluations=200), tmp_path) for _ in range(2)}
    assert len(runs) == 1


@every_strategy
def test_different_seeds_differ(task, strategy):
    one, other = simulate_many(task, strategy, [3, 4], evaluations=200, record="all")
    assert not np.array_equal(one.codes, other.codes)


@pytest.fixture(scope="module")
def elsewhere(a4_table, root):
    """The digests as another process finds them, where hashes of strings differ."""
    code = (
        "import json, sys; from tests.contracts.test_strategies import digests; print(json.dumps(digests(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(a4_table.path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "4321"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_another_process_finds_the_same_traces(elsewhere, a4_table):
    assert digests(str(a4_table.path)) == elsewhere


@every_strategy
def test_many_seeds_in_lockstep_are_those_one_by_one(task, strategy, tmp_path):
    seeds = [0, 7, 3, 12, 2**31]
    together = simulate_many(task, strategy, seeds, evaluations=250)
    alone = [simulate(task, strategy, seed, evaluations=250) for seed in reversed(seeds)]
    for trace, single in zip(together, reversed(alone), strict=True):
        assert saved(trace, tmp_path) == saved(single, tmp_path)


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@every_strategy
def test_one_event_at_a_time_gives_the_same_bytes_as_lockstep(task, strategy, budget, tmp_path, monkeypatch):
    task = replace(task, decision_seconds=0.1)
    lockstep = simulate(task, strategy, seed=1, record="all", **budget)
    monkeypatch.setattr(engine, "_in_lockstep", lambda task, runs: [engine._event_by_event(task, run) for run in runs])
    events = simulate(task, strategy, seed=1, record="all", **budget)
    assert events.about == lockstep.about
    assert saved(events, tmp_path) == saved(lockstep, tmp_path)


@every_strategy
def test_global_generators_are_neither_read_nor_moved(task, strategy, tmp_path):
    runs = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (the global generator is what this is about)
        before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
        runs.append(saved(simulate(task, strategy, seed=3, evaluations=100), tmp_path))
        assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    assert runs[0] == runs[1]


@every_strategy
def test_strategies_of_one_seed_meet_the_same_start(task, strategy):
    _, under = watched(task, strategy, evaluations=5)
    start = NASBench101("A4").sample(Streams(3, "").start, 1)
    assert under.asked[0].codes.tolist() == start.tolist()


# Within bounds


@pytest.mark.parametrize("workers", [1, 3])
@every_strategy
def test_asks_for_configurations_of_the_space_only(task, strategy, workers):
    trace, under = watched(task, strategy, evaluations=300, workers=workers, record="all")
    space = NASBench101("A4")
    assert space.valid(trace.codes).all()
    for proposal in filter(None, under.asked):
        assert proposal.source in task.oracle.sources
        assert (proposal.codes is None) != (proposal.neighbours_of is None)
        codes = proposal.codes if proposal.codes is not None else proposal.neighbours_of[None]
        assert codes.dtype == space.dtype
        assert space.valid(codes).all()
        if proposal.keys is not None:
            assert np.array_equal(proposal.keys, space.key(proposal.codes))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@every_strategy
def test_ends_within_any_budget(task, strategy, workers, budget):
    trace = simulate(task, strategy, seed=2, workers=workers, record="all", **budget)
    about = trace.about
    assert 0 < about["evaluations"] <= budget.get("evaluations", np.inf)
    assert trace.seconds.max() <= about["seconds"] <= budget.get("seconds", np.inf)
    assert about["busy_seconds"] <= workers * about["seconds"] * (1 + 1e-12)
    assert trace.evaluation.tolist() == list(range(1, about["evaluations"] + 1))
    if "seconds" not in budget:
        assert about["evaluations"] == budget["evaluations"]  # so None was never said with work left
    else:
        assert budget["seconds"] - about["seconds"] < 4000 or about["evaluations"] == budget.get("evaluations")


@every_strategy
def test_none_is_said_to_wait_or_at_the_end(task, strategy):
    """With nothing pending it is for good."""
    under = strategy(task.oracle.space, Streams(0, "none"))
    for _ in range(40):
        proposal = under.ask(1)
        if proposal is None:
            assert under.ask(1) is None
            break
        answers = answer(task, proposal)
        if len(answers.codes) > 1:
            under.tell(answers.told(slice(0, 1), len(answers.codes) - 1))
            waits = under.ask(1)  # the rest is pending: more work or None, but no error
            assert waits is None or waits.source in task.oracle.sources
            if waits is not None:
                break
            under.tell(answers.told(slice(1, None)))
        else:
            under.tell(answers.told())


@pytest.mark.parametrize("workers", [1, 3, 50])
@pytest.mark.parametrize("inner", [name for name in ALL if name.startswith(("WeightSharing", "GSws"))])
def test_proxies_never_exceed_their_number(task, inner, workers):
    trace = simulate(task, partial(ALL[inner], proxies=200), evaluations=20, workers=workers)
    assert trace.about["answered"]["proxy"] <= 200
    assert trace.about["setup_seconds"] == synthetic.SETUP_SECONDS


# Hard answers


@pytest.mark.parametrize("workers", [1, 3])
@every_strategy
def test_ties_everywhere_are_survived(task, strategy, workers):
    flat = replace(task, oracle=Altered(task.oracle, all_equal))
    trace = simulate(flat, strategy, evaluations=200, workers=workers)
    levels = [1.0] if trace.fidelity is None else trace.fidelity.tolist()
    assert levels == sorted(set(levels))  # one incumbent of each fidelity, and the first answer is one
    assert trace.evaluation[0] == 1
    assert len(trace.evaluation) == len(levels)
    assert trace.about["evaluations"] == 200


@pytest.mark.parametrize("change", [half_fail, all_fail])
@pytest.mark.parametrize("workers", [1, 3])
@every_strategy
def test_failures_are_told_charged_and_survived(task, strategy, workers, change):
    failing = replace(task, oracle=Altered(task.oracle, change))
    trace, under = watched(failing, strategy, evaluations=200, workers=workers, record="all")
    assert any(observations.failed.any() for observations in under.told)
    assert trace.about["evaluations"] == 200
    assert (np.diff(trace.seconds) > 0).all()
    best = simulate(failing, strategy, seed=3, evaluations=200, workers=workers, name="watched")
    assert not np.isnan(best.objectives).any()
    assert (len(best.codes) == 0) == np.isnan(trace.objectives).all()


# Several objectives, and limits


@pytest.fixture(scope="module")
def tasks_of_several(a4_table):
    """Two objectives; a limit that half of the cells break; both."""
    two = TabularOracle(NASBench101("A4"), a4_table, "cifar10", objectives=("error", "parameters"))
    half = float(np.median(two.mean_objectives()[two.rows, 1]))
    one = oracle(a4_table, "mean")
    return {
        "two objectives": Task("two", synthetic.with_supernets(two)),
        "a limit": Task("limited", constrained(one, {"parameters": half})),
        "both": Task("both", constrained(synthetic.with_supernets(two), {"parameters": half})),
    }


@pytest.mark.parametrize(("which", "workers"), [("two objectives", 3), ("a limit", 1), ("both", 3)])
@every_strategy
def test_several_objectives_and_limits_are_handled(tasks_of_several, strategy, which, workers):
    several = tasks_of_several[which]
    trace, under = watched(several, strategy, evaluations=120, workers=workers)
    assert trace.about["evaluations"] == 120
    assert under.told[0].objectives.shape[1] == len(several.oracle.objectives)
    assert trace.feasible.all()
    assert len(trace.codes)
    if which != "two objectives":
        assert any((told.violation > 0).any() for told in under.told)
        limit = next(iter(several.oracle.limits.values()))
        assert (several.oracle.space.parameters(trace.codes) <= limit).all()
    if len(several.oracle.objectives) > 1:
        no_worse = (trace.objectives[:, None] <= trace.objectives).all(axis=2)
        assert not np.triu(no_worse, 1).any()  # nothing enters that an earlier one dominates or equals


@every_strategy
def test_a_limit_that_nothing_keeps_is_survived(tasks_of_several, strategy):
    nothing = replace(tasks_of_several["two objectives"], oracle=Impossible(tasks_of_several["two objectives"].oracle))
    trace, under = watched(nothing, strategy, evaluations=120)
    assert trace.about["evaluations"] == 120
    assert not len(trace.codes)
    assert under.told


class Impossible(Altered):
    """What every configuration breaks, the smaller ones less."""

    def __init__(self, oracle):
        super().__init__(oracle, lambda objectives, keys: objectives)

    def evaluate(self, request, run):
        answers = super().evaluate(request, run)
        return replace(answers, constraints=answers.objectives[:, -1:] / 1e6 + 1.0)


# What is told


@pytest.mark.parametrize("workers", [1, 3])
@every_strategy
def test_sees_no_held_out_figure_and_changes_nothing_it_is_told(task, strategy, workers):
    _, under = watched(task, strategy, evaluations=150, workers=workers)
    assert under.told
    for observations in under.told:
        assert observations.held_out is None
        assert observations.rows is None
        assert observations.objectives.shape == (len(observations.codes), 1)


def answer(task: Task, proposal) -> Observations:
    codes = proposal.codes
    if codes is None:
        codes = task.oracle.space.neighbours(proposal.neighbours_of)
        if proposal.itself:
            codes = np.concatenate([proposal.neighbours_of[None], codes])
        if proposal.shuffle is not None:
            codes = codes[proposal.shuffle.permutation(len(codes))]
    request = Request(codes[: proposal.limit], proposal.source, proposal.fidelity, proposal.repeat)
    return task.oracle.evaluate(request, 3)


def questions(task: Task, strategy, splits) -> list[tuple[str, list[list[int]]]]:
    """What a strategy asks when its answers come in so many parts."""
    under, asked = strategy(task.oracle.space, Streams(3, "parts")), []
    for _ in range(12):
        proposal = under.ask(1)
        if proposal is None:
            break
        answers = answer(task, proposal)
        asked.append((proposal.source, answers.codes.tolist()))
        n = len(answers.codes)
        cuts = sorted({0, n, *(cut for cut in splits(n) if cut < n)})
        for first, last in pairwise(cuts):
            under.tell(answers.told(slice(first, last), n - last))
    return asked


@every_strategy
def test_told_in_parts_or_at_once_asks_the_same_next(task, strategy):
    at_once = questions(task, strategy, lambda n: [])
    assert at_once == questions(task, strategy, lambda n: [1, n // 2])
    assert at_once == questions(task, strategy, lambda n: range(min(n, 300)))


@every_strategy
def test_told_in_any_order_goes_on(task, strategy):
    under, rng = strategy(task.oracle.space, Streams(3, "order")), np.random.default_rng(0)
    for _ in range(12):
        proposal = under.ask(1)
        if proposal is None:
            break
        answers = answer(task, proposal)
        order = rng.permutation(len(answers.codes))
        for place, row in enumerate(order.tolist()):
            under.tell(answers.told(np.array([row]), len(order) - place - 1))
