"""A run comes back from disk as it was or not at all, and regret means what the design says."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.simulate import simulate
from nasbench_sim.strategies.strategy import Proposal
from nasbench_sim.trace import Trace
from tests.scripted import Script, numbers, written


def example(rows: int = 3) -> Trace:
    rng = np.random.default_rng(rows)
    return Trace(
        np.arange(1, rows + 1),
        np.cumsum(rng.uniform(1, 100, rows)),
        rng.integers(0, 3, (rows, 4)).astype(np.uint8),
        rng.uniform(0, 1, (rows, 1)),
        rng.uniform(0, 1, (rows, 2)),
        {"task": "tâche", "seed": 3, "optimum": [0.05, 0.1], "optimum_objectives": [0.04], "nested": {"a": None}},
    )


@pytest.mark.parametrize("rows", [0, 1, 3, 1000])
def test_round_trip(rows, tmp_path):
    trace = example(rows)
    trace.save(tmp_path / "a.run")
    read = Trace.load(tmp_path / "a.run")
    for name in ("evaluation", "seconds", "codes", "objectives", "held_out"):
        one, other = getattr(trace, name), getattr(read, name)
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    assert dict(read.about) == dict(trace.about)
    read.save(tmp_path / "b.run")
    assert (tmp_path / "a.run").read_bytes() == (tmp_path / "b.run").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.run", "b.run"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float64])
def test_codes_keep_their_type_and_missing_figures_stay_missing(dtype, tmp_path):
    codes = np.array([[0, 1], [2, 3]], dtype)
    trace = Trace(np.array([1, 2]), np.array([1.0, 2.0]), codes, np.full((2, 1), np.nan), np.empty((2, 0)), {})
    trace.save(tmp_path / "a.run")
    read = Trace.load(tmp_path / "a.run")
    assert read.codes.dtype == dtype
    assert np.isnan(read.objectives).all()
    assert read.held_out.shape == (2, 0)


def assert_refused(path: Path) -> None:
    with pytest.raises(UserError) as raised:
        Trace.load(path)
    message = str(raised.value)
    assert str(path) in message
    assert "delete it and run again" in message
    assert "\n" not in message


@pytest.mark.parametrize("bit", [0x01, 0x20, 0xFF])
def test_a_byte_flipped_anywhere_is_found_and_the_file_named(bit, tmp_path):
    path = tmp_path / "a.run"
    example(1).save(path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= bit
        path.write_bytes(damaged)
        assert_refused(path)


def test_a_file_cut_short_or_grown_is_found_and_named(tmp_path):
    path = tmp_path / "a.run"
    example(1).save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert_refused(path)
    for more in (b"\0", b"\n", whole):
        path.write_bytes(whole + more)
        assert_refused(path)


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"[]\n{}\n", b"1\n2\n3", b"{}\n{}\n", b"null\n\n", b"\xff\n\n\n"])
def test_what_is_no_run_is_refused(content, tmp_path):
    (tmp_path / "a.run").write_bytes(content)
    assert_refused(tmp_path / "a.run")


def test_a_missing_file_or_a_folder_is_told_as_such(tmp_path):
    with pytest.raises(UserError, match=r"cannot read the run .*none.run: No such file"):
        Trace.load(tmp_path / "none.run")
    with pytest.raises(UserError, match="cannot read the run"):
        Trace.load(tmp_path)


@pytest.mark.parametrize("broken", ["write", "rename"])
def test_a_full_disk_leaves_the_old_run_and_no_part_of_the_new(broken, tmp_path, monkeypatch):
    path = tmp_path / "a.run"
    example(1).save(path)
    before = path.read_bytes()

    def write_some(self, content):
        with open(self, "wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    def no_rename(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((Path, "write_bytes", write_some) if broken == "write" else (os, "replace", no_rename)))
        with pytest.raises(OSError, match="No space left"):
            example(3).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.run"]


# Regret


def run(script, task, **budget) -> Trace:
    return simulate(task, lambda space, streams: Script(list(script)), **budget)


# validation, seconds, test of five numbers; the best test (0.1) is that of number 4
FIGURES = ([0.5, 0.3, 0.4, 0.2, 0.6], [10.0, 20.0, 5.0, 40.0, 1.0], [0.4, 0.35, 0.2, 0.3, 0.1])


def test_regret_is_undefined_before_the_first_has_finished():
    task = written(FIGURES[0], FIGURES[1], test=FIGURES[2])
    trace = run([Proposal(numbers(0, 1))], task, evaluations=2)
    assert np.isnan(trace.regret([-1.0, 0.0, 9.999])).all()
    assert not np.isnan(trace.regret(10.0))
    assert np.isnan(trace.validation_regret(9.999))
    assert trace.incumbent([0.0, 10.0]).tolist() == [-1, 0]


def test_regret_is_that_of_the_best_observed_validation_not_of_the_best_test():
    task = written(FIGURES[0], FIGURES[1], test=FIGURES[2])
    trace = run([Proposal(numbers(0, 1, 2, 3, 4))], task, evaluations=5, record="all")
    assert trace.seconds.tolist() == [10.0, 30.0, 35.0, 75.0, 76.0]
    # at 35 number 2 has the better test but not the better validation; at 76 number 4 likewise
    np.testing.assert_allclose(trace.regret([10, 29, 30, 35, 75, 76, 1e9]), [0.3, 0.3, 0.25, 0.25, 0.2, 0.2, 0.2])
    np.testing.assert_allclose(trace.validation_regret([10, 30, 35, 75]), [0.3, 0.1, 0.1, 0.0], atol=1e-15)
    improvements = run([Proposal(numbers(0, 1, 2, 3, 4))], task, evaluations=5)
    assert improvements.evaluation.tolist() == [1, 2, 4]
    np.testing.assert_array_equal(improvements.regret([10, 29, 30, 76]), trace.regret([10, 29, 30, 76]))


def test_the_first_of_equals_stays():
    task = written([0.5, 0.3, 0.3], [1.0] * 3, test=[0.1, 0.4, 0.2])
    trace = run([Proposal(numbers(0, 1, 2))], task, evaluations=3, record="all")
    np.testing.assert_allclose(trace.regret([2, 3]), [0.3, 0.3])


@pytest.mark.parametrize("workers", [1, 2])
def test_an_evaluation_that_straddles_the_budget_does_not_count(workers):
    task = written([0.5, 0.3, 0.2], [10.0, 20.0, 30.0])
    script = [Proposal(numbers(0, 1, 2))]
    ends = {1: (10.0, 30.0, 60.0), 2: (10.0, 20.0, 40.0)}[workers]
    for count, end in enumerate(ends, start=1):
        exactly = run(script, task, seconds=end, workers=workers)
        assert exactly.about["evaluations"] == count  # to finish right at the budget is in time
        assert exactly.about["seconds"] == end
        if count > 1:
            short = run(script, task, seconds=np.nextafter(end, 0), workers=workers)
            assert short.about["evaluations"] == count - 1
            assert short.seconds.max() == ends[count - 2]
            assert short.regret(end) == exactly.regret(ends[count - 2])


def test_failures_are_no_incumbents():
    task = written([np.nan, 0.5, np.nan, 0.4], [1.0] * 4, test=[0.0, 0.2, 0.0, 0.3])
    trace = run([Proposal(numbers(0, 1, 2, 3))], task, evaluations=4, record="all")
    assert trace.incumbent([1, 2, 3, 4]).tolist() == [-1, 1, 1, 3]
    assert np.isnan(trace.regret(1.0))
    np.testing.assert_allclose(trace.regret([2, 3, 4]), [0.2, 0.2, 0.3])
