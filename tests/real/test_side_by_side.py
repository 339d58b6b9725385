"""Networks side by side are trained as if each were alone, and a recording is a table like any other."""

from __future__ import annotations

import shutil
import threading
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, the extra `real`")

import suites
from nasbench_sim import RandomSearch, UserError, simulate
from nasbench_sim.real import __main__ as command
from nasbench_sim.real import recording as real_recording
from nasbench_sim.real.device import Device, device
from nasbench_sim.real.feeding import feed
from nasbench_sim.real.networks import Shape, network
from nasbench_sim.real.recording import Recording, record
from nasbench_sim.real.side_by_side import train_side_by_side
from nasbench_sim.real.together import Together
from nasbench_sim.real.training import DONE, NO_MEMORY, Outcome, seeded, train
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.part import Part
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.tabular import Table
from tests.real import small

CPU = device("cpu")
SHAPE = Shape(1, 2, 4, 1)
SPACE = NASBench201()
CODES = np.array([[3, 1, 3, 1, 4, 2], [0, 0, 0, 0, 0, 0], [0, 3, 2, 0, 3, 3], [4, 4, 1, 2, 0, 1], [3, 3, 3, 0, 0, 0]],
                 np.uint8)  # fmt: skip


def nets(shape=SHAPE):
    return [seeded(lambda code=code: network(SPACE, code, shape), 3) for code in CODES]


@pytest.mark.parametrize(("side", "cells"), [(6, 1), (7, 2)])
def test_side_by_side_networks_compute_what_each_computes_alone(side, cells):
    shape = replace(SHAPE, cells=cells)
    images = torch.rand(8, 1, side, side)
    for training in (True, False):
        together = Together(CODES, nets(shape), 4, cells).train(training)
        found = together(images)
        for place, net in enumerate(nets(shape)):
            torch.testing.assert_close(found[place], net.train(training)(images), atol=1e-5, rtol=1e-4)


def test_side_by_side_trainings_come_to_what_each_comes_to_alone(tmp_path):
    splits = feed(small.data(tmp_path), CPU)
    recipe = small.QUICK.with_(epochs=2, learning_rate=0.02)
    both = train_side_by_side(SPACE, CODES, SHAPE, splits, recipe, CPU, seed=3, checks=(1,))
    for code, outcome in zip(CODES, both, strict=True):
        alone = train(lambda code=code: network(SPACE, code, SHAPE), splits, recipe, CPU, 3, checks=(1,))
        assert (outcome.status, outcome.epochs) == (alone.status, alone.epochs) == (DONE, 2)
        for one, other in ((outcome.validation, alone.validation), (outcome.test, alone.test),
                           (outcome.checks[1][0], alone.checks[1][0])):  # fmt: skip
            assert one["loss"] == pytest.approx(other["loss"], rel=1e-3, abs=1e-4)
        assert outcome.seconds > 0
    again = train_side_by_side(SPACE, CODES, SHAPE, splits, recipe, CPU, seed=3, checks=(1,))
    assert [one.test for one in again] == [one.test for one in both]


def test_one_that_diverges_leaves_the_others_alone(tmp_path):
    splits = feed(small.data(tmp_path), CPU)
    from nasbench_sim.real import side_by_side

    made = side_by_side.network

    def broken(space, code, shape):
        net = made(space, code, shape)
        if code.tolist() == CODES[2].tolist():
            net[0].weight.data.fill_(float("nan"))
        return net

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(side_by_side, "network", broken)
        found = train_side_by_side(SPACE, CODES, SHAPE, splits, small.QUICK, CPU, 0)
    assert [one.status for one in found] == [DONE, DONE, "diverged", DONE, DONE]
    assert found[2].validation == {}
    whole = train_side_by_side(SPACE, CODES, SHAPE, splits, small.QUICK, CPU, 0)
    assert found[0].test == whole[0].test


def test_what_does_not_fit_together_is_trained_in_halves(tmp_path, monkeypatch):
    from nasbench_sim.real import side_by_side

    splits, sizes, stacked = feed(small.data(tmp_path), CPU), [], side_by_side._stacked

    def little(space, codes, *rest):
        sizes.append(len(codes))
        if len(codes) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return stacked(space, codes, *rest)

    whole = train_side_by_side(SPACE, CODES, SHAPE, splits, small.QUICK, CPU, 0)
    monkeypatch.setattr(side_by_side, "_stacked", little)
    found = train_side_by_side(SPACE, CODES, SHAPE, splits, small.QUICK, CPU, 0)
    assert sizes == [5, 2, 3]
    assert [one.test["loss"] for one in found] == pytest.approx([one.test["loss"] for one in whole], rel=1e-3)


class OnACPU(Device):
    """Takes the paths of CUDA without one."""

    @property
    def torch(self):
        return torch.device("cpu")

    def precision(self):
        return nullcontext()

    def scaler(self):
        return torch.amp.GradScaler("cpu", enabled=False)

    def wait(self):
        pass


def test_streams_of_their_own_come_to_the_same(tmp_path, monkeypatch):
    """The path that other spaces take on CUDA, with streams that do nothing."""
    fake = OnACPU("cuda", "x", False)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "Stream", object)
    space, shape = MacroNAS(), Shape(1, 2, 2)
    codes = space.sample(np.random.default_rng(0), 3)
    before = torch.random.get_rng_state()
    found = train_side_by_side(space, codes, shape, feed(small.data(tmp_path), fake), small.QUICK, fake, 1)
    assert torch.equal(before, torch.random.get_rng_state())
    splits = feed(small.data(tmp_path), CPU)
    for code, outcome in zip(codes, found, strict=True):
        alone = train(lambda code=code: network(space, code, shape), splits, small.QUICK, CPU, 1)
        assert outcome.test["loss"] == pytest.approx(alone.test["loss"], rel=1e-3)
        assert outcome.seconds > 0


def test_what_finds_no_memory_beside_others_is_trained_alone(tmp_path, monkeypatch):
    from nasbench_sim.real import side_by_side

    fake = OnACPU("cuda", "x", False)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "Stream", object)
    splits, calls, room = feed(small.data(tmp_path), fake), [], threading.Semaphore(2)

    def crowded(*arguments, **options):
        calls.append(threading.current_thread() is threading.main_thread())
        if not room.acquire(blocking=False):
            return Outcome(NO_MEMORY, 0, 0.1, 0.0)
        try:
            gate.wait(60) if not calls[-1] else None
            return train(*arguments, **options)
        finally:
            room.release()

    gate = threading.Event()
    threading.Timer(0.5, gate.set).start()
    monkeypatch.setattr(side_by_side, "train", crowded)
    codes = MacroNAS().sample(np.random.default_rng(0), 5)
    found = train_side_by_side(MacroNAS(), codes, Shape(1, 2, 2), splits, small.QUICK, fake, 1)
    assert [one.status for one in found] == [DONE] * 5
    assert calls.count(True) == 3


def recording(folder, **changes):
    space = NASBench201(equivalence="function")
    given = Recording(space, small.data(folder), small.QUICK.with_(epochs=2), SHAPE, CPU, 6, 2, (1,), 4)
    return replace(given, **changes)


def test_a_recording_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    path = tmp_path / "bars.h5"
    whole, left = record(recording(tmp_path), tmp_path / "whole.h5")
    assert left == 0
    done = []
    trained = real_recording._trained

    def stopped(*arguments):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        return trained(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(real_recording, "_trained", stopped)
        with pytest.raises(KeyboardInterrupt):
            record(recording(tmp_path), path)
    part, left = record(recording(tmp_path), path, seconds=1e-9)
    assert (len(part), left) == (4, 2)  # two groups of one repeat, or one of two: the first four are whole
    first_four = set(map(bytes, part.codes))
    monkeypatch.setattr(real_recording, "_trained", lambda *a: done.append(1) or trained(*a))
    table, left = record(recording(tmp_path), path)
    assert (len(table), left, len(done)) == (6, 0, 4)
    for figure in ("validation", "test"):
        for epochs in (1.0, 2.0):
            one, other = (which.repeats("bars", figure, epochs) for which in (table, whole))
            np.testing.assert_allclose(one, other)
    assert (table.codes == whole.codes).all()
    assert first_four < set(map(bytes, table.codes))
    monkeypatch.setattr(real_recording, "_trained", lambda *_: pytest.fail("trained again"))
    record(recording(tmp_path), path)
    fewer, left = record(recording(tmp_path, cells=4), path)  # are there already, and the others are kept
    assert (len(fewer), left) == (6, 0)
    assert fewer.fingerprint == table.fingerprint
    with pytest.raises(UserError, match="holds 2 trainings of each configuration: give --repeats 2 or more"):
        record(recording(tmp_path, repeats=1), path)


def test_a_recording_goes_on_from_its_table_alone(tmp_path, monkeypatch):
    path = tmp_path / "bars.h5"
    part, _ = record(recording(tmp_path, cells=4), path)
    known = set(map(bytes, part.codes))
    figures = {epochs: part.repeats("bars", "validation", epochs) for epochs in (1.0, 2.0)}
    shutil.rmtree(tmp_path / "bars.recorded")
    trained, asked = real_recording._trained, []
    monkeypatch.setattr(
        real_recording, "_trained", lambda given, codes, *rest: asked.append(codes) or trained(given, codes, *rest)
    )
    there = replace(recording(tmp_path), device=replace(recording(tmp_path).device, name="another processor"))
    table, left = record(there, path)
    assert (len(table), left) == (6, 0)
    assert asked
    assert not any(known.issuperset(map(bytes, codes)) for codes in asked)
    rows = [place for place, code in enumerate(map(bytes, table.codes)) if code in known]
    for epochs, before in figures.items():
        np.testing.assert_array_equal(table.repeats("bars", "validation", epochs)[rows], before)
    assert table.attributes["device"] == f"{part.attributes['device']} and another processor"


def test_other_groups_find_what_was_trained_before_there_was_a_table(tmp_path, monkeypatch):
    path, done, trained = tmp_path / "bars.h5", [], real_recording._trained

    def stopped(given, codes, *rest):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.extend(map(bytes, codes))
        return trained(given, codes, *rest)

    monkeypatch.setattr(real_recording, "_trained", stopped)
    with pytest.raises(KeyboardInterrupt):
        record(recording(tmp_path), path)
    monkeypatch.setattr(
        real_recording, "_trained", lambda given, codes, *r: done.extend(map(bytes, codes)) or trained(given, codes, *r)
    )
    with pytest.raises(UserError, match=r"have seconds of the wall-clock and not of one thread .*--processes"):
        record(recording(tmp_path, processor_time=True), path)
    table, left = record(recording(tmp_path, together=5), path)
    assert (len(table), left) == (6, 0)
    assert len(done) == 12
    assert all(done.count(code) == 2 for code in set(done))
    assert "1 or 4 or 5 at once" in str(table.attributes["description"])
    with pytest.raises(UserError, match=r"whose seconds_of is .*--processes"):
        record(recording(tmp_path, processor_time=True), path)


def test_what_stops_a_process_is_told_in_its_words(tmp_path):
    (tmp_path / "bars.recorded").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot store trainings in .*bars.recorded: "):
        record(recording(tmp_path), tmp_path / "bars.h5", processes=2)


def test_a_table_of_nothing_but_failures_says_so(tmp_path, recwarn, monkeypatch):
    one = {"status": "diverged", "epochs": 1, "seconds": 1.0, "figures": {}, "parameters": 5}
    monkeypatch.setattr(
        real_recording,
        "_trained",
        lambda given, codes, _, repeat, about, *rest: {"about": about, "device": "x", "trainings": [one] * len(codes)},
    )
    record(recording(tmp_path), tmp_path / "bars.h5")
    card = (tmp_path / "bars.md").read_text(encoding="utf-8")
    assert "all failed" in card
    assert "nan" not in card
    assert not recwarn.list


def test_more_cells_of_a_space_that_cannot_be_listed_begin_with_the_same_ones(tmp_path):
    given = recording(tmp_path, space=DARTS(), shape=Shape(1, 2, 2, 2), together=1, repeats=1)
    few, more = (replace(given, cells=cells).codes() for cells in (3, 5))
    assert (more[:3] == few).all()
    assert len(np.unique(DARTS().key(more), axis=0)) == 5


@pytest.mark.parametrize("name", ["two words", "codes", "_faces", "-o"])
def test_data_whose_name_no_table_can_hold_are_refused_before_anything_is_trained(name, tmp_path, capsys):
    data = small.write(tmp_path / f"{name}.npz")
    options = ["--data", str(data), "-o", str(tmp_path / "x.h5"), "--device", "cpu", "--width", "2", "--cells", "2"]
    assert command.main(["record", "nasbench201", *options]) == 2
    assert "rename them" in capsys.readouterr().err
    assert not (tmp_path / "x.recorded").exists()


def test_a_sub_space_is_another_recording(tmp_path):
    path, given = tmp_path / "a.h5", recording(tmp_path, shape=Shape(1, 2, 5, 1), cells=1, repeats=1, together=1)
    record(replace(given, space=NASBench101("A1")), path)
    with pytest.raises(UserError, match="whose subspace is A1 and not A2"):
        record(replace(given, space=NASBench101("A2")), path)


def test_a_recorded_table_is_a_task(tmp_path):
    table, _ = record(recording(tmp_path, cells=30, repeats=1, together=30), tmp_path / "bars.h5")
    assert table.kind == "measured"
    assert table.resumes
    assert "30 configurations (drawn uniformly)" in table.attributes["description"]
    table.verify()
    card = (tmp_path / "bars.md").read_text(encoding="utf-8")
    assert table.fingerprint in card
    assert "measured" in card
    assert "| 2 |" in card
    task = suites.task("table:bars", tables=tmp_path)
    assert isinstance(task.oracle.space, Part)
    assert task.oracle.space.size == 30
    for strategy in (RandomSearch, LocalSearch):
        trace = simulate(task, strategy, seed=0, evaluations=20)
        assert trace.about["evaluations"] == 20
        assert (trace.regret(1e9) >= 0).all()


def test_a_part_of_a_space_keeps_its_neighbours_and_keys():
    whole = NASBench201(equivalence="function")
    codes = whole.enumerate()[::3]
    part = Part.of(whole, codes)
    assert part.size == len(codes)
    assert part.valid(whole.enumerate()).sum() == len(codes)
    some = part.sample(np.random.default_rng(0), 50)
    found, all_of_them = part.neighbourhoods(some), whole.neighbourhoods(some)
    assert 0 < len(found.codes) < len(all_of_them.codes)
    for place in range(50):
        listed = part.valid(all_of_them.codes)
        here = slice(all_of_them.offsets[place], all_of_them.offsets[place + 1])
        expected = all_of_them.codes[here][listed[here]]
        assert (found.codes[found.offsets[place] : found.offsets[place + 1]] == expected).all()
    assert (found.keys == whole.key(found.codes)).all()
    assert len(part.neighbourhoods(some[:0]).codes) == 0
    for rows, message in (((), "needs configurations"), (((9,) * 6,), "needs configurations"),
                          (((1, 0, 0, 0, 1, 0), (0, 0, 0, 1, 0, 0)), "two equivalent")):  # fmt: skip
        with pytest.raises(UserError, match=message):
            Part(whole, rows)


def test_the_command_records_and_says_what_is_wrong(tmp_path, capsys):
    data, out = small.write(tmp_path / "bars.npz"), tmp_path / "mine.h5"
    options = ["--data", str(data), "-o", str(out), "--device", "cpu", "--epochs", "1", "--width", "2",
               "--processes", "1"]  # fmt: skip
    assert command.main(["record", "nasbench201", *options, "--cells", "5", "--repeats", "1"]) == 0
    assert "5 configurations" in capsys.readouterr().out
    assert len(Table.open(out)) == 5
    other = [*options[:2], "-o", str(tmp_path / "other.h5"), *options[4:], "--cells", "2", "--repeats", "1"]
    assert command.main(["record", "macronas", *other, "--together", "2"]) == 0
    assert len(Table.open(tmp_path / "other.h5")) == 2
    measured = ["-o", str(tmp_path / "timed.h5"), "--device", "cpu"]
    foreign, folder = tmp_path / "notes.json", tmp_path / "folder.json"
    foreign.write_text('{"groups": {"admins": ["me"]}}')
    (tmp_path / "notes.md").write_text("# Mine")
    folder.mkdir()
    for wrong, message in (
        (["record", "imagenet", *options], "no networks to train"),
        (["record", "macronas", *options, "--cells", "2"], "another recording, whose space is nasbench201"),
        (["record", "nasbench201", *options, "--recipe", "darts"], "whose recipe is"),
        (["record", "darts", *options], "give --cells N"),
        (["record", "nasbench201", *options, "--cells", "6000"], "5044 configurations"),
        (["record", "nasbench201", *options, "--hours", "0"], "--hours 0"),
        (["record", "nasbench201", *options, "--repeats", "none"], "--repeats none"),
        (["record", "nasbench201", *options, "--together", "0"], "--together 0"),
        (["measure", "ofa", *measured], "cannot be listed"),
        (["measure", "nasbench201", "-o", str(out), "--device", "cpu"], "no timing table of nasbench201"),
        (["record", "nasbench201", *options, "--at", "9"], "--at 9"),
        (["record", "nasbench201", *options, "--width", "9" * 30], "at most 4,096"),
        (["record", "nasbench201", *options, "--processes", "9" * 5000], "at most 4,096"),
        (["record", "nasbench201", "-o", "mine"], "ends in .h5"),
        (["record", "nasbench201", "-o", "."], "ends in .h5"),
        (["record", "nasbench201", "-o", "my table.h5"], "a table is found by its name"),
        (["measure", "macronas", *measured, "--batch", "1", "--side", "8", "--widths", "4"], "larger --batch"),
        (["measure", "nasbench201", "-o", "/"], "ends in .h5"),
        (["supernet", "nasbench201", "-o", ""], "ends in .json"),
        (["prestudy", "-o", str(out)], "ends in .json"),
        (["prestudy", "-o", str(foreign)], "did not write"),
        (["record", "nasbench201", *options[:2], "-o", str(tmp_path / "notes.h5"), *options[4:]], "no such card"),
        (["prestudy", "-o", str(folder)], "no file"),
        (["prestudy", "-o", str(out.with_name("c.json")), "--networks", "100000000000"], "at most 100,000"),
        (["measure", "nasbench201", *measured, "--sample", "3"], "at least 20"),
    ):
        assert command.main(wrong) == 2
        errors = capsys.readouterr().err
        assert message in errors
        assert errors.count("\n") == 1


def test_other_spaces_are_recorded_one_after_the_other(tmp_path):
    given = replace(recording(tmp_path), space=MacroNAS(), shape=Shape(1, 2, 2), cells=2, repeats=1, together=2)
    table, _ = record(given, tmp_path / "m.h5")
    assert table.fidelities.tolist() == [1.0, 2.0]
    assert not np.isnan(table.repeats("bars", "validation", 1.0)).any()


def test_processes_share_a_recording(tmp_path):
    one, _ = record(recording(tmp_path, together=1), tmp_path / "one.h5")
    counted = []
    two, left = record(recording(tmp_path, together=1), tmp_path / "two.h5", processes=2, advance=counted.append)
    assert (left, sum(counted)) == (0, 12)
    assert (one.codes == two.codes).all()
    for epochs in (1.0, 2.0):
        np.testing.assert_array_equal(one.repeats("bars", "test", epochs), two.repeats("bars", "test", epochs))
