"""The loop itself, on questions and figures that are written out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Source, Task
from nasbench_sim.simulate import simulate, simulate_many
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.strategy import Proposal
from nasbench_sim.strategies.weight_sharing import WeightSharing
from tests.scripted import Script, Written, numbers, written

TEN = written(np.arange(10) / 10, np.arange(1.0, 11.0))
each_number_of_workers = pytest.mark.parametrize("workers", [1, 2])


def play(task, *script, **options):
    """Trace and strategy of a script."""
    made = []

    def factory(space, streams):
        made.append(Script(list(script)))
        return made[-1]

    return simulate(task, factory, record="all", **options), made[0]


def test_time_is_set_up_then_proxies_then_trainings_and_decisions():
    task = written([0.3, 0.2, 0.1], [10.0, 20.0, 30.0], setup_seconds=100.0, proxy_seconds=2.0)
    script = (Proposal(numbers(0, 1, 2), source="proxy"), Proposal(numbers(2, 1)), Proposal(numbers(0)))
    trace, _ = play(task, *script, evaluations=10)
    assert trace.seconds.tolist() == [136.0, 156.0, 166.0]
    assert trace.about["setup_seconds"] == 100.0
    assert trace.about["answered"] == {"proxy": 3, "train": 3}
    assert trace.about["busy_seconds"] == trace.about["seconds"] == 166.0
    decided, _ = play(replace(task, decision_seconds=1.0), *script, evaluations=10)
    assert decided.seconds.tolist() == [138.0, 158.0, 169.0]


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_no_proxy_is_answered_before_the_super_net_is_trained(workers):
    task = written([0.3] * 5, [1.0] * 5, setup_seconds=100.0, proxy_seconds=2.0)
    one_by_one = [Proposal(numbers(i), source="proxy") for i in range(5)]
    trace, _ = play(task, *one_by_one, None, Proposal(numbers(0)), evaluations=1, workers=workers)
    rounds = -(-5 // workers)
    assert trace.seconds.tolist() == [100.0 + 2.0 * rounds + 1.0]
    assert trace.about["setup_seconds"] == 100.0
    assert trace.about["busy_seconds"] <= workers * trace.about["seconds"]


def test_the_set_up_is_charged_once():
    task = written([0.3] * 5, [1.0] * 5, setup_seconds=100.0, proxy_seconds=2.0)
    script = [Proposal(numbers(i), source="proxy") for i in range(3)]
    trace, _ = play(task, *script, Proposal(numbers(1)), evaluations=1)
    assert trace.seconds.tolist() == [107.0]


def test_many_workers_start_in_order_and_finish_in_time():
    trace, under = play(TEN, Proposal(numbers(9, 0, 1, 2)), evaluations=4, workers=2)
    assert trace.codes[:, 0].tolist() == [0, 1, 2, 9]
    assert trace.seconds.tolist() == [1.0, 3.0, 6.0, 10.0]
    assert trace.evaluation.tolist() == [1, 2, 3, 4]
    assert [o.pending for o in under.told] == [3, 2, 1, 0]


@each_number_of_workers
def test_the_budget_of_evaluations_counts_trainings_only(workers):
    task = written([0.3] * 9, [1.0] * 9)
    script = (Proposal(numbers(*range(9)), source="proxy"), None, Proposal(numbers(*range(9))))
    trace, _ = play(task, *script, evaluations=4, workers=workers)
    assert trace.about["answered"] == {"proxy": 9, "train": 4}
    assert trace.about["evaluations"] == 4


@each_number_of_workers
def test_nothing_is_asked_once_the_budget_is_spent(workers):
    script = [Proposal(numbers(0, 1)), None, *(Proposal(numbers(i), source="proxy") for i in range(5))]
    trace, under = play(TEN, *script, evaluations=2, workers=workers)
    assert trace.about["seconds"] == {1: 3.0, 2: 2.0}[workers]
    assert trace.about["answered"] == {"train": 2}
    assert len(under.script) in (5, 6)


@each_number_of_workers
def test_a_proposal_of_nothing_is_answered_with_nothing(workers):
    trace, under = play(TEN, Proposal(numbers()), Proposal(numbers(4)), evaluations=1, workers=workers)
    assert [len(o.codes) for o in under.told] == [0, 1]
    assert trace.codes.tolist() == [[4]]


@each_number_of_workers
def test_what_is_recalled_is_free_and_does_not_count(workers):
    script = (Proposal(numbers(3, 4, 3), recall=True), None, Proposal(numbers(4, 5), recall=True), None)
    trace, under = play(TEN, *script, Proposal(numbers(3)), evaluations=10, workers=workers)
    assert trace.about["evaluations"] == 4  # the last one is asked without recall and paid for again
    assert trace.about["busy_seconds"] == 4.0 + 5.0 + 6.0 + 4.0
    assert sum(len(o.codes) for o in under.told) == 6


@each_number_of_workers
def test_another_source_fidelity_or_repeat_is_another_question(workers):
    script = (Proposal(numbers(3), recall=True), Proposal(numbers(3), recall=True, repeat=1))
    trace, _ = play(TEN, *script, Proposal(numbers(3), recall=True, source="proxy"), evaluations=10, workers=workers)
    assert trace.about["answered"] == {"train": 2, "proxy": 1}


@each_number_of_workers
def test_the_longest_fidelity_is_the_same_question_by_its_number_or_by_none(workers):
    script = (Proposal(numbers(3), recall=True), None, Proposal(numbers(3), recall=True, fidelity=1.0))
    trace, _ = play(TEN, *script, evaluations=10, workers=workers)
    assert trace.about["evaluations"] == 1


def test_what_is_still_running_cannot_be_recalled():
    again = Proposal(numbers(9), recall=True)
    trace, _ = play(TEN, again, again, Proposal(numbers(0)), evaluations=10, workers=2)
    assert trace.seconds[trace.codes[:, 0] == 0] >= 10.0  # until then nothing is known and both workers wait or work


@each_number_of_workers
def test_a_strategy_that_finds_nothing_new_is_ended(workers):
    everything = partial(GreedySearch, revisits="remembered")
    trace = simulate(TEN, everything, evaluations=1000, workers=workers)
    assert trace.about["evaluations"] == 10


@each_number_of_workers
def test_random_search_ends_with_the_space(workers):
    trace = simulate(TEN, RandomSearch, evaluations=1000, workers=workers, record="all")
    assert sorted(trace.codes[:, 0].tolist()) == list(range(10))


def test_weight_sharing_trains_each_once_best_proxy_first():
    trace = simulate(TEN, partial(WeightSharing, proxies=50), evaluations=1000, record="all")
    assert trace.codes[:, 0].tolist() == list(range(10))
    assert trace.about["answered"] == {"proxy": 10, "train": 10}


def test_several_objectives_keep_the_archive():
    task = written(
        [[0.5, 1.0], [0.4, 2.0], [0.6, 0.5], [0.7, 0.7], [0.4, 2.0], [0.3, np.nan]], [1.0] * 6, names=("error", "size")
    )
    script = [Proposal(numbers(*range(6)))]
    trace = simulate(task, lambda *_: Script(list(script)), evaluations=6)
    assert trace.codes[:, 0].tolist() == [0, 1, 2]
    assert len(simulate(task, lambda *_: Script(list(script)), evaluations=6, record="all").codes) == 6


@pytest.mark.parametrize("budget", [{"seconds": 6.0}, {"evaluations": 3}, {"seconds": 1e9, "evaluations": 100}])
def test_a_proposal_longer_than_the_budget_is_cut(budget):
    trace, under = play(TEN, Proposal(numbers(*range(10))), **budget)
    count = min(len(trace.codes), 10)
    assert count == (10 if budget.get("evaluations") == 100 else 3)
    assert sum(len(o.codes) for o in under.told) == count


@pytest.mark.parametrize("workers", [1, 3])
def test_busy_time_never_exceeds_workers_times_elapsed_also_where_the_set_up_straddles_the_budget(workers):
    task = written([0.3] * 5, [1.0] * 5, setup_seconds=100.0)
    trace, _ = play(
        task, Proposal(numbers(0)), None, Proposal(numbers(1), source="proxy"), seconds=50.0, workers=workers
    )
    assert trace.about["seconds"] <= 50.0
    assert trace.about["busy_seconds"] <= workers * trace.about["seconds"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "the task line has no budget: give evaluations or seconds"),
        ({"evaluations": 0}, "a budget of 0 evaluations buys nothing"),
        ({"evaluations": -3}, "a budget of -3 evaluations buys nothing"),
        ({"seconds": 0.0}, "a budget of 0.0 seconds buys nothing"),
        ({"seconds": float("nan")}, "a budget of nan seconds buys nothing"),
        ({"evaluations": 5, "workers": 0}, "0 workers"),
        ({"evaluations": 5, "record": "some"}, "record is 'improvements' or 'all', not 'some'"),
    ],
)
@each_number_of_workers
def test_what_cannot_be_run_is_refused_in_words(options, message, workers):
    with pytest.raises(UserError, match=message):
        simulate(TEN, RandomSearch, **{"workers": workers, **options})


@each_number_of_workers
def test_a_duration_that_is_not_known_is_refused_in_words(workers):
    """A failure is charged; where its seconds are missing they cannot be, and no later time would be right."""
    unknown = written([0.3, np.nan, 0.2], [1.0, np.nan, 1.0])
    with pytest.raises(UserError, match="seconds"):
        play(unknown, Proposal(numbers(0, 1, 2)), evaluations=3, workers=workers)


@each_number_of_workers
def test_a_budget_that_no_evaluation_fits_leaves_a_trace_without_rows_whose_regret_is_undefined(workers):
    trace = simulate(TEN, RandomSearch, seconds=0.5, workers=workers)
    assert (trace.codes.shape, trace.objectives.shape, trace.held_out.shape) == ((0, 1), (0, 1), (0, 1))
    assert trace.about["evaluations"] == trace.about["seconds"] == 0
    assert np.isnan(trace.regret([0.0, 0.5, 1e9])).all()


def test_no_seeds_no_traces():
    assert simulate_many(TEN, RandomSearch, [], evaluations=5) == []


def test_a_name_names_the_stream_of_choices():
    one, same, other = (
        simulate(TEN, RandomSearch, seed=1, evaluations=10, record="all", name=name) for name in ("a", "a", "b")
    )
    assert one.codes.tolist() == same.codes.tolist() != other.codes.tolist()
    assert one.codes[0] == other.codes[0]  # the start is everybody's


def test_a_partial_is_called_as_what_it_fixes():
    trace = simulate(TEN, partial(partial(RandomSearch, draw=3)), evaluations=1)
    assert trace.about["strategy"] == "RandomSearch"


class Resuming(Written):
    """Trains for one or two epochs; two resume one, and ``seconds`` are those of two."""

    @property
    def sources(self):
        return {"train": Source((1.0, 2.0), "epochs", resumes=True)}

    def evaluate(self, request, run):
        answers = super().evaluate(request, run)
        part = (request.fidelity or 2.0) / 2.0
        return replace(answers, seconds=answers.seconds * part)


@each_number_of_workers
def test_a_longer_training_that_resumes_a_shorter_one_pays_the_difference(workers):
    task = Task("line", Resuming([0.3, 0.2, 0.1], [10.0, 20.0, 40.0]))
    short = Proposal(numbers(0, 1, 2), fidelity=1.0)
    trace, _ = play(task, short, None, Proposal(numbers(2)), None, Proposal(numbers(2)), evaluations=5, workers=workers)
    assert trace.about["busy_seconds"] == 5.0 + 10.0 + 20.0 + 20.0 + 0.0
    alone, _ = play(task, Proposal(numbers(2)), evaluations=1, workers=workers)
    assert alone.seconds.tolist() == [40.0]
