"""Trainings of several lengths: which is the incumbent, what the trace says, and what the clock charges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from nasbench_sim.oracle import Source, Task
from nasbench_sim.simulate import simulate
from nasbench_sim.strategies.strategy import Proposal
from nasbench_sim.trace import Trace
from tests.scripted import Script, Written, numbers

each_number_of_workers = pytest.mark.parametrize("workers", [1, 2])


@dataclass(frozen=True)
class Laddered(Written):
    """Errors at two fidelities, 1 and 9: ``errors`` are those of 9."""

    early: Any = None
    resumes: bool = False

    @property
    def sources(self):
        return {"train": Source((1.0, 9.0), "epochs", resumes=self.resumes)}

    def evaluate(self, request, run):
        answers = super().evaluate(request, run)
        if request.fidelity in (None, 9.0):
            return replace(answers, fidelity=np.full(len(answers.codes), 9.0))
        early = np.asarray(self.early, float).reshape(len(self._errors), -1)[answers.rows]
        return replace(answers, objectives=early, failed=np.isnan(early[:, 0]), seconds=answers.seconds / 9)


def laddered(errors, early, **options) -> Task:
    return Task("ladder", Laddered(errors, np.full(len(errors), 9.0), early=early, **options))


TASK = laddered([0.5, 0.4, 0.3, 0.2], [0.1, 0.05, 0.2, 0.01])


def play(task, *script, record="improvements", **options):
    return simulate(task, lambda space, streams: Script(list(script)), record=record, evaluations=99, **options)


def short(*values):
    return Proposal(numbers(*values), fidelity=1.0)


def long(*values):
    return Proposal(numbers(*values), fidelity=9.0)


@each_number_of_workers
@pytest.mark.parametrize("record", ["improvements", "all"])
def test_a_longer_training_is_the_incumbent_however_good_a_short_one_looks(workers, record):
    trace = play(TASK, short(0, 1), None, long(0), None, short(3), None, long(1), record=record, workers=workers)
    assert trace.codes[trace.improved(), 0].tolist() == [0, 1, 0, 1]
    assert trace.codes[trace.incumbent(np.inf), 0] == 1
    assert trace.fidelity.tolist() == ([1.0, 1.0, 9.0, 9.0] if record == "improvements" else [1.0, 1.0, 9.0, 1.0, 9.0])
    assert trace.regret(np.inf) == pytest.approx(0.4 - 0.2)
    assert trace.improvements().codes.tolist() == numbers(0, 1, 0, 1).tolist()
    assert trace.improvements().fidelity.tolist() == [1.0, 1.0, 9.0, 9.0]


@each_number_of_workers
def test_each_answer_counts_one_whatever_its_fidelity(workers):
    trace = play(TASK, short(0, 1, 2), None, long(0), record="all", workers=workers)
    assert trace.evaluation.tolist() == [1, 2, 3, 4]
    assert trace.about["evaluations"] == 4


@each_number_of_workers
def test_a_long_training_that_failed_leaves_the_short_ones_their_say(workers):
    task = laddered([np.nan, 0.4], [0.1, 0.2])
    for record in ("improvements", "all"):
        trace = play(task, short(0, 1), None, long(0), None, short(1), record=record, workers=workers)
        assert trace.codes[trace.incumbent(np.inf), 0] == 0
        assert trace.fidelity[trace.incumbent(np.inf)] == 1.0


@each_number_of_workers
def test_the_longest_alone_leaves_no_mark_by_its_number_or_by_none(workers):
    for proposal in (long(0, 1), Proposal(numbers(0, 1))):
        assert play(TASK, proposal, workers=workers).fidelity is None


def test_what_was_only_trained_for_short_says_so(tmp_path):
    trace = play(TASK, short(0, 1))
    trace.save(tmp_path / "short.run")
    assert Trace.load(tmp_path / "short.run").fidelity.tolist() == [1.0, 1.0]
    plain = play(TASK, long(0, 1))
    plain.save(tmp_path / "long.run")
    assert Trace.load(tmp_path / "long.run").fidelity is None
    assert b"fidelity" not in (tmp_path / "long.run").read_bytes()


@each_number_of_workers
def test_an_archive_holds_trainings_of_one_length(workers):
    errors = [[0.5, 1.0], [0.4, 2.0], [0.6, 0.5]]
    task = laddered(errors, [[0.1, 0.1], [0.05, 2.0], [0.2, 0.5]], names=("error", "parameters"))
    trace = play(task, short(0, 1), None, long(0), None, short(2), None, long(2, 1), workers=workers)
    found = list(zip(trace.codes[:, 0].tolist(), trace.fidelity.tolist(), strict=True))
    assert found == [(0, 1.0), (1, 1.0), (0, 9.0), (2, 9.0), (1, 9.0)]


@pytest.mark.parametrize(("resumes", "seconds"), [(True, 9.0), (False, 10.0)])
@each_number_of_workers
def test_the_clock_charges_the_rest_where_trainings_resume_and_all_where_they_do_not(resumes, seconds, workers):
    trace = play(replace(TASK, oracle=replace(TASK.oracle, resumes=resumes)), short(0), None, long(0), workers=workers)
    assert trace.about["seconds"] == pytest.approx(seconds)


class Unnumbered(Laddered):
    """The same without row numbers, as a model's answers on a space that nobody can list."""

    size = None

    def evaluate(self, request, run):
        return replace(super().evaluate(request, run), rows=None)


@each_number_of_workers
def test_without_row_numbers_the_clock_goes_by_keys(workers):
    oracle = Unnumbered(**vars(replace(TASK.oracle, resumes=True)))
    script = (short(0, 1), None, long(1), None, long(0), None, short(0))
    found, expected = (
        play(replace(TASK, oracle=one), *script, workers=workers)
        for one in (oracle, replace(TASK.oracle, resumes=True))
    )
    assert found.about["seconds"] == expected.about["seconds"]
    assert found.seconds.tolist() == expected.seconds.tolist()
