"""An oracle that trains keeps the contract of all oracles, and trains nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `real`")

from nasbench_sim import RandomSearch, Request, Task, UserError, simulate
from nasbench_sim.real import oracle as real_oracle
from nasbench_sim.real.canonical import canonical
from nasbench_sim.real.ledger import Ledger
from nasbench_sim.real.training import NO_MEMORY, Outcome
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.tabular import Table, write_table
from tests.real import small

COLUMNS = ("codes", "keys", "objectives", "constraints", "failed", "fidelity", "held_out", "rows")


def asked(oracle, n=5, seed=0, **options):
    return Request(oracle.space.sample(np.random.default_rng(seed), n), **options)


def same(one, other, rows=slice(None), columns=COLUMNS) -> None:
    for column in columns:
        np.testing.assert_array_equal(getattr(one, column)[rows], getattr(other, column))


def test_shapes_types_and_names(tmp_path):
    oracle = small.oracle(tmp_path, objectives=("error", "parameters", "auc", "loss"))
    answers = oracle.evaluate(asked(oracle), 0)
    assert answers.objectives.shape == (5, 4)
    assert answers.objectives.dtype == answers.seconds.dtype == answers.held_out.dtype == np.float64
    assert answers.held_out.shape == (5, 1)
    assert ((answers.objectives[:, 0] >= 0) & (answers.objectives[:, 0] <= 1)).all()
    assert answers.objectives[:, 1].tolist() == [
        one[0]["parameters"] for one in oracle.trainings(answers.codes, answers.keys, 1, 0)
    ]
    assert (answers.seconds > 0).all()
    assert not answers.failed.any()
    assert (answers.rows >= 0).all()
    assert (answers.keys == oracle.space.key(answers.codes)).all()
    assert np.isnan(oracle.optimum).all()
    json.dumps(dict(oracle.provenance))
    empty = oracle.evaluate(Request(answers.codes[:0]), 0)
    assert empty.objectives.shape == (0, 4)


def test_further_objectives_are_of_the_networks_as_they_are_built(tmp_path):
    oracle = small.oracle(tmp_path, objectives=("error", "mmacs", "latency"), width=4)
    answers = oracle.evaluate(asked(oracle), 0)
    (mmacs, latency) = answers.objectives[:, 1:].T
    convolutions = oracle.space.macs(answers.codes)  # of the published size, which has the same order
    assert np.argsort(mmacs).tolist() == np.argsort(convolutions, kind="stable").tolist()
    assert (mmacs < convolutions / 1e6).all()
    assert (latency > 0).all()
    again = small.oracle(tmp_path, objectives=("error", "mmacs", "latency"), width=4)
    same(again.evaluate(asked(again), 1), answers, columns=("objectives",))  # measured once, whoever asks
    elsewhere = small.oracle(tmp_path, objectives=("error", "latency"), width=4)
    elsewhere.device = replace(elsewhere.device, name="another")
    assert (elsewhere.cost("latency", answers.codes) != latency).any()  # which has a latency of its own
    trained = again.cost("parameters", answers.codes)
    assert trained.tolist() == [one[0]["parameters"] for one in oracle.trainings(answers.codes, answers.keys, 1, 0)]


def test_the_same_question_has_the_same_answer_in_any_order_company_and_folder(tmp_path):
    one, other = small.oracle(tmp_path), small.oracle(tmp_path, trainings="others")
    request = asked(one)
    whole = one.evaluate(request, 7)
    order = np.array([3, 1, 1, 0, 4, 2])
    same(whole, other.evaluate(replace(request, codes=request.codes[order]), 9), order)
    again = one.evaluate(request, 8)
    same(whole, again, columns=(*COLUMNS, "seconds"))  # kept, so that even seconds are


def test_equivalent_codes_are_one_training(tmp_path):
    for space, codes in (
        (MacroNAS(), np.array([[1, 0, 2, 0] + [0] * 10, [0, 1, 0, 2] + [0] * 10], np.uint8)),
        (NASBench201(equivalence="function"), np.array([[1, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0]], np.uint8)),
    ):
        oracle = small.oracle(tmp_path, space, width=8, cells=None if space.name == "macronas" else 1)
        answers = oracle.evaluate(Request(codes), 0)
        assert oracle.trained == 1
        assert answers.objectives[0] == answers.objectives[1]


def test_canonical_codes_stand_for_all_their_equals():
    rng = np.random.default_rng(0)
    for space in (NASBench101(), NASBench201(equivalence="published"), MacroNAS(), DARTS()):
        codes = space.sample(rng, 20)
        found = canonical(space, codes)
        assert found.dtype == codes.dtype
        assert (space.key(found) == space.key(codes)).all()
        assert (canonical(space, found) == found).all()
    darts = DARTS().sample(rng, 10)
    swapped = darts.reshape(-1, 2, 4, 2, 2)[:, :, :, ::-1].reshape(-1, 32)
    assert (canonical(DARTS(), swapped) == canonical(DARTS(), darts)).all()


def test_nothing_is_trained_twice(tmp_path, monkeypatch):
    request = asked(small.oracle(tmp_path))
    first = small.oracle(tmp_path).evaluate(request, 0)
    monkeypatch.setattr(real_oracle, "train", lambda *_, **__: pytest.fail("trained again"))
    same(first, small.oracle(tmp_path).evaluate(request, 3), columns=(*COLUMNS, "seconds"))
    other = small.oracle(tmp_path, width=4)  # another network is another training
    with pytest.raises(pytest.fail.Exception):
        other.evaluate(request, 0)


def test_repeats_are_means_and_every_run_may_have_its_own(tmp_path):
    request = asked(small.oracle(tmp_path), 3)
    mean = small.oracle(tmp_path, repeats=2)
    answers = mean.evaluate(request, 0)
    found = mean.trainings(answers.codes, answers.keys, 1, 0)
    assert [len(row) for row in found] == [2, 2, 2]
    expected = [np.mean([one["validation"]["error"] for one in row]) for row in found]
    assert answers.objectives[:, 0].tolist() == expected
    assert mean.trained == 6
    assert answers.seconds == pytest.approx([sum(x["seconds"] + x["evaluation_seconds"] for x in r) for r in found])
    noisy = small.oracle(tmp_path, noise="repeat")
    losses = [
        noisy.trainings(request.codes, noisy.space.key(request.codes), 1, run, repeat)[0][0]["validation"]["loss"]
        for run, repeat in ((1, 0), (1, 0), (2, 0), (1, 1))
    ]
    assert losses[0] == losses[1]
    assert len(set(losses)) == 3


def test_fidelities_are_epochs_from_scratch(tmp_path):
    oracle = small.oracle(tmp_path, recipe=small.QUICK.with_(epochs=2), fidelities=(1, 2))
    request = asked(oracle, 2)
    assert oracle.sources["train"].fidelities == (1.0, 2.0)
    assert not oracle.sources["train"].resumes
    assert oracle.evaluate(replace(request, fidelity=1.0), 0).fidelity.tolist() == [1, 1]
    assert oracle.evaluate(request, 0).fidelity.tolist() == [2, 2]
    assert oracle.trained == 4
    with pytest.raises(UserError, match="7 epochs are not among"):
        oracle.evaluate(replace(request, fidelity=7.0), 0)
    with pytest.raises(UserError, match="only 'train'"):
        oracle.evaluate(replace(request, source="proxy"), 0)


def test_a_failed_training_is_a_failed_evaluation_with_its_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(real_oracle, "train", lambda *_, **__: Outcome(NO_MEMORY, 0, 2.5, 0.0))
    oracle = small.oracle(tmp_path)
    answers = oracle.evaluate(asked(oracle, 2), 0)
    assert answers.failed.all()
    assert np.isnan(answers.objectives).all()
    assert answers.seconds.tolist() == [2.5, 2.5]
    assert {one["status"] for one in Ledger(tmp_path / "trainings")} == {NO_MEMORY}


def timing(folder: Path, codes) -> Table:
    space = NASBench201()
    seconds = np.arange(1.0, len(codes) + 1)[:, None]
    about = {
        "content": "timing", "name": "t", "title": "t", "description": "t", "space": space.name, "kind": "measured",
        "licence": "CC0-1.0", "source": "t", "created_by": "t", "device": "a device", "batch_size": 16, "widths": (2,),
    }  # fmt: skip
    arrays = {"codes": codes, "forward_seconds": seconds, "backward_seconds": 2 * seconds}
    return write_table(folder / "t.h5", about, arrays, keys=space.key(codes))


def test_a_timing_table_is_the_simulated_clock_and_the_wall_is_kept(tmp_path):
    from nasbench_sim.real.clocks import TableClock

    space = NASBench201()
    table = timing(tmp_path, space.enumerate())
    plain = small.oracle(tmp_path)
    images = len(plain.data.train), len(plain.data.validation)
    oracle = small.oracle(tmp_path, clock=TableClock(table, space, None, images))
    request = asked(oracle, 3)
    answers = oracle.evaluate(request, 0)
    forward = answers.rows + 1.0
    assert images == (48, 16)
    assert answers.seconds.tolist() == (3 * 3 * forward + 1 * forward).tolist()
    assert oracle.wall_seconds(request, 0).tolist() == plain.evaluate(request, 0).seconds.tolist()
    assert "a device" in oracle.provenance["clock"]
    with pytest.raises(UserError, match="another space"):
        TableClock(table, NASBench101(), None, images).seconds(NASBench101().key(NASBench101().enumerate()[:1]), 1)


def test_a_search_runs_on_it(tmp_path):
    oracle = small.oracle(tmp_path)
    trace = simulate(Task("real", oracle), RandomSearch, seed=1, evaluations=4)
    assert trace.about["evaluations"] == 4
    assert trace.about["seconds"] == pytest.approx(
        sum(one["seconds"] + one["evaluation_seconds"] for one in oracle.ledger)
    )


def test_what_makes_no_sense_is_told_in_one_line(tmp_path):
    for options, message in (
        ({"noise": "loud"}, "noise of real trainings"),
        ({"repeats": 0}, "at least 1"),
        ({"objectives": ("parameters",)}, "first objective"),
        ({"objectives": ("error", "beauty")}, "no objective 'beauty'"),
        ({"width": 1}, "width 1"),
    ):
        with pytest.raises(UserError, match=message):
            small.oracle(tmp_path, **options)


# The folder of trainings


def test_a_damaged_training_is_done_again(tmp_path, capsys):
    oracle = small.oracle(tmp_path)
    request = asked(oracle, 2)
    first = oracle.evaluate(request, 0)
    one, other = sorted((tmp_path / "trainings").glob("??/*.json"))
    whole = one.read_text()
    for damaged in (whole[:50], "{}", "[]", "null", whole.replace('"error": 0', '"error": 1'), '{"format"' * 9):
        one.write_text(damaged)
        again = small.oracle(tmp_path)
        same(first, again.evaluate(request, 0))
        assert again.trained == 1
        assert "is damaged, or of an earlier version; it is made again" in capsys.readouterr().err
    assert other.exists()
    one.unlink()
    one.mkdir()
    with pytest.raises(UserError, match=one.name):
        small.oracle(tmp_path).evaluate(request, 0)


SLOW = """
import sys, time
from pathlib import Path
import numpy as np
from nasbench_sim.oracle import Request
from nasbench_sim.real import oracle as real_oracle
from tests.real import small
whole = real_oracle.train
def slow(*arguments, **options):
    print("began", flush=True)
    time.sleep(float(sys.argv[2]))
    return whole(*arguments, **options)
real_oracle.train = slow
oracle = small.oracle(Path(sys.argv[1]))
oracle.evaluate(Request(oracle.space.sample(np.random.default_rng(0), 4)), 0)
print("trained", oracle.trained, flush=True)
"""


def start(root, folder, seconds):
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(folder), str(seconds)], cwd=root, text=True, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip


def test_kill_9_loses_the_training_in_flight_at_most_and_two_processes_share_the_work(tmp_path, root):
    small.data(tmp_path)
    process = start(root, tmp_path, 0.5)
    trainings = tmp_path / "trainings"
    end = time.monotonic() + 1200
    while len(list(trainings.glob("??/*.json"))) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    process.kill()
    began = process.communicate()[0].count("began")
    kept = {path: path.read_bytes() for path in trainings.glob("??/*.json")}
    assert began - len(kept) <= 1
    both = [start(root, tmp_path, 0.2) for _ in range(2)]
    told = [other.communicate(timeout=1200)[0] for other in both]
    assert all(other.returncode == 0 for other in both)
    assert sum(int(text.split()[-1]) for text in told) == 4 - len(kept)
    assert {path: path.read_bytes() for path in kept} == kept
    assert len(list(trainings.glob("??/*.json"))) == 4
    assert not list(trainings.glob("??/*.lock"))
    assert not list(trainings.glob("??/.*"))
