"""The command line: what it refuses and in which words, and that the same order gives the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench_sim.trace import Trace
from suites import run
from suites.catalogue import TASKS
from suites.store import engine_source
from tests.suites.conftest import RUNS, SUITE, parts, stored


@pytest.fixture
def quiet(monkeypatch):
    """Without the report, which is tested in its own room."""
    monkeypatch.setattr(run, "_report", lambda *_: None)


@pytest.fixture
def order(tiny, tiny_tables, tmp_path, quiet):
    """Run the tiny suite in this process; returns the output folder."""

    def main(*arguments, suite=tiny, tables=tiny_tables, out="out", status=0):
        given = [str(suite), "--tables", str(tables), "--out", str(tmp_path / out), "--workers", "1"]
        assert run.main([*given, *map(str, arguments)]) == status
        return tmp_path / out

    return main


@pytest.fixture
def refused(capsys):
    """Run the command line, which must refuse in one line; returns the line."""

    def main(*arguments):
        assert run.main([str(argument) for argument in arguments]) == 2
        shown = capsys.readouterr()
        assert shown.err.startswith("error: ")
        assert shown.err.count("\n") == 1
        assert "Traceback" not in shown.err + shown.out
        return shown.err

    return main


# What there is


def test_without_a_suite_it_lists_them(capsys):
    assert run.main([]) == 0
    listing = capsys.readouterr().out
    assert "python -m suites.run NAME" in listing
    (line,) = [line for line in listing.splitlines() if line.split()[:1] == ["ws_vs_rs"]]
    assert line.endswith("?")  # the question it asks
    for name in ("run", "suite", "work", "store", "catalogue", "ws_evidence"):
        assert not any(line.split()[:1] == [name] for line in listing.splitlines())


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as end:
        run.main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    for option in (
        "--tasks",
        "--strategies",
        "--seeds",
        "--budget",
        "--workers",
        "--out",
        "--tables",
        "--set",
        "--fresh",
    ):
        assert option in shown


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ws_vs_r"], "unknown suite 'ws_vs_r'; did you mean ws_vs_rs"),
        (["xyz"], "unknown suite 'xyz'; choose from "),
        (["catalogue"], "unknown suite 'catalogue'"),
        (["../suites/ws_vs_rs"], "unknown suite"),
        (["nowhere.py"], "there is no suite file nowhere.py"),
        (["ws_vs_rs", "--tasks", "A9"], "has no task 'A9'"),
        (["ws_vs_rs", "--tasks", "nasbench101/A11"], "has no task 'nasbench101/A11'; did you mean nasbench101/A1"),
        (["ws_vs_rs", "--strategies", "RSW"], "has no strategy 'RSW'; did you mean RS or RSws"),
        (["ws_vs_rs", "--strategies", "RS,random"], "has no strategy 'random'"),
        (["ws_vs_rs", "--set", "ordr=listed"], "has no parameter 'ordr'; did you mean order?"),
        (["ws_vs_rs", "--set", "order=lsted"], "--set order=lsted: did you mean listed?"),
        (["ws_vs_rs", "--set", "order"], "--set takes NAME=VALUE, not 'order'"),
        (["ws_vs_rs", "--set", "noise="], "--set noise=: choose from mean, repeat"),
        (["ws_vs_rs", "--seeds", "0"], "--seeds 0: it must be a whole number of at least 1"),
        (["ws_vs_rs", "--seeds", "-3"], "--seeds -3: it must be"),
        (["ws_vs_rs", "--seeds", "many"], "--seeds many: it must be"),
        (["ws_vs_rs", "--seeds", "2.5"], "--seeds 2.5: it must be"),
        (["ws_vs_rs", "--workers", "0"], "--workers 0: it must be"),
        (["ws_vs_rs", "--workers", "two"], "--workers two: it must be"),
        (["ws_vs_rs", "--budget", "0"], "--budget 0: it must be"),
        (["ws_vs_rs", "--budget", "-5"], "--budget -5: it must be"),
        (["ws_vs_rs", "--budget", "1e4"], "--budget 1e4: it must be"),
        (["ws_vs_rs", "--budget", ""], "--budget"),
        (["ws_vs_rs", "--budget", "s"], "--budget s: it must be evaluations"),
        (["ws_vs_rs", "--budget=-1h"], "--budget -1h: it must be evaluations"),
        (["ws_vs_rs", "--budget", "0s"], "--budget 0s: it must be evaluations"),
        (["ws_vs_rs", "--budget", "nans"], "--budget nans: it must be evaluations"),
        (["ws_vs_rs", "--budget", "infh"], "--budget infh: it must be evaluations"),
        (["ws_vs_rs", "--budget", "5 days"], "--budget 5 days: it must be"),
        (["ws_vs_rs", "--tables", "no/such/folder"], "--tables no/such/folder: there is no such folder"),
    ],
)
def test_mistakes_are_told_in_one_line_with_the_remedy(refused, arguments, message, tmp_path):
    assert message in refused(*arguments, *([] if "--out" in arguments else ["--out", tmp_path / "out"]))
    assert not (tmp_path / "out" / "suite.json").exists()


def test_negative_numbers_reach_the_message_also_as_separate_words(refused, tmp_path):
    assert "--seeds" in refused("ws_vs_rs", "--seeds=-1", "--out", tmp_path / "out")


def test_unknown_options_leave_with_status_2(capsys):
    with pytest.raises(SystemExit) as end:
        run.main(["ws_vs_rs", "--sedes", "3"])
    assert end.value.code == 2
    assert "error: unrecognized arguments: --sedes 3" in capsys.readouterr().err


def test_a_budget_of_seconds_that_no_evaluation_fits(refused, tiny, tiny_tables, tmp_path):
    given = (tiny, "--tables", tiny_tables, "--out", tmp_path / "out", "--workers", "1")
    assert "fits into 1 simulated seconds" in refused(*given, "--budget", "1s")


def test_the_same_from_worker_processes(start, tmp_path):
    process = start("--out", tmp_path / "out", "--workers", 2, "--budget", "1s", "--tasks", "one")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("error: no evaluation of tiny/")
    assert errors.count("\n") == 1


def test_no_table(refused, tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    message = refused(tiny, "--tables", tmp_path / "empty", "--out", tmp_path / "out")
    assert "no table 'tiny' in" in message
    assert "empty" in message


@pytest.mark.parametrize("damage", ["flipped", "cut", "text", "empty"])
def test_a_damaged_table_is_named(refused, tiny, own_tables, tmp_path, damage):
    path = own_tables / "tiny.h5"
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    content = {"flipped": whole, "cut": whole[: len(whole) // 3], "text": b"no table\n", "empty": b""}[damage]
    path.write_bytes(content)
    message = refused(tiny, "--tables", own_tables, "--out", tmp_path / "out", "--workers", "1")
    assert str(path) in message


# Output folders


@pytest.mark.parametrize("place", [".", "runs", "suite.json"])
def test_a_thing_in_the_place_of_what_must_be_written_is_named(refused, tiny, tiny_tables, tmp_path, place):
    if place == "suite.json":
        (tmp_path / "out" / place).mkdir(parents=True)
    elif place == ".":
        (tmp_path / "out").write_text("a file")
    else:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / place).write_text("a file")
    assert str(tmp_path / "out") in refused(tiny, "--tables", tiny_tables, "--out", tmp_path / "out", "--workers", "1")


def test_a_folder_that_cannot_be_written(refused, tiny, tiny_tables):
    message = refused(tiny, "--tables", tiny_tables, "--out", "/proc/nasbench-sim", "--workers", "1")
    assert "cannot write to the output folder /proc/nasbench-sim" in message
    assert "choose another --out" in message


def test_a_folder_of_another_suite_is_left_alone(refused, tiny, tiny_tables, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "suite.json").write_text(json.dumps({"format": "nasbench-sim suite 1", "suite": "other"}))
    message = refused(tiny, "--tables", tiny_tables, "--out", out, "--workers", "1")
    assert "holds runs of the suite 'other', not 'tiny': choose another --out" in message
    assert json.loads((out / "suite.json").read_text())["suite"] == "other"
    assert not stored(out)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b"\xff\xfe", b'{"suite"'])
def test_a_damaged_manifest_is_named(refused, tiny, tiny_tables, tmp_path, content):
    out = tmp_path / "out"
    out.mkdir()
    (out / "suite.json").write_bytes(content)
    message = refused(tiny, "--tables", tiny_tables, "--out", out, "--workers", "1")
    assert f"{out / 'suite.json'} is damaged: delete it" in message


# Suite files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def suite(:\n", "cannot be loaded"),
        ("import no_such_module\n", "No module named 'no_such_module'"),
        ("x = 1\n", "defines no function suite()"),
        ("suite = 3\n", "defines no function suite()"),
        ("def suite():\n    return None\n", "returned a NoneType, not a Suite"),
        ("1 / 0\n", "cannot be loaded"),
        ("undefined\n", "cannot be loaded"),
        ("def suite():\n    return undefined\n", "undefined"),
        ("def suite(needed):\n    return None\n", "needed"),
    ],
)
def test_a_broken_suite_file_is_named_with_what_is_wrong(refused, tmp_path, text, message):
    path = tmp_path / "broken.py"
    path.write_text(text)
    told = refused(path, "--out", tmp_path / "out")
    assert message in told
    assert str(path) in told


def test_a_suite_without_parameters_says_so(refused, tmp_path):
    path = tmp_path / "plain.py"
    path.write_text("def suite():\n    return None\n")
    assert "has no parameter 'noise'; none" in refused(path, "--set", "noise=mean")


def test_a_suite_of_ones_own_by_path(order, capsys):
    out = order()
    shown = capsys.readouterr().out
    assert "tiny: Is greedy search better than random search?" in shown
    assert f"{RUNS} runs, 0 stored already, {RUNS} to do" in shown
    assert len(stored(out)) == RUNS
    assert not parts(out)
    manifest = json.loads((out / "suite.json").read_text())
    assert manifest["suite"] == "tiny"
    assert manifest["budget"] == {"evaluations": 60, "seconds": None}
    assert [task["name"] for task in manifest["tasks"]] == ["tiny/one", "tiny/two", "tiny/three"]
    assert all(task["provenance"]["fingerprint"] for task in manifest["tasks"])
    assert sorted(path for *_, path in manifest["runs"]) == sorted(stored(out))
    for task, strategy, seed, path in manifest["runs"]:
        about = Trace.load(out / path).about
        assert (about["task"], about["strategy"], about["seed"]) == (task, strategy, seed)
        assert about["evaluations"] == 60
        assert about["engine"] == engine_source()  # by which reports refuse folders of mixed engines


def test_one_command_makes_runs_and_report_whatever_the_number_of_workers(start, order, tmp_path):
    alone = stored(order())
    process = start("--out", tmp_path / "many", "--workers", 2)
    shown, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert (tmp_path / "many" / "report.html").is_file()
    assert "report: " in shown
    assert "done in" in shown
    assert stored(tmp_path / "many") == alone


# The same order, the same bytes


def test_what_is_stored_is_not_made_again(order, capsys):
    before = stored(order())
    times = {path: (order().joinpath(path)).stat().st_mtime_ns for path in before}
    capsys.readouterr()
    out = order()
    assert f"{RUNS} runs, {RUNS} stored already, 0 to do" in capsys.readouterr().out
    assert stored(out) == before
    assert {path: out.joinpath(path).stat().st_mtime_ns for path in before} == times


def test_the_projects_own_suite_can_be_started_again(nasbench101, tmp_path, quiet, capsys):
    given = ["ws_vs_rs", "--tasks", "A4", "--strategies", "RS", "--seeds", "2", "--budget", "50", "--workers", "1"]
    for _ in range(2):
        assert run.main([*given, "--out", str(tmp_path / "out")]) == 0
    assert "2 runs, 2 stored already, 0 to do" in capsys.readouterr().out


def test_fresh_makes_everything_again(order, capsys):
    out = order()
    before, times = stored(out), {path: path.stat().st_mtime_ns for path in out.glob("runs/*/*/*.run")}
    capsys.readouterr()
    order("--fresh")
    assert f"0 stored already, {RUNS} to do" in capsys.readouterr().out
    assert stored(out) == before
    assert all(path.stat().st_mtime_ns > times[path] for path in times)


def test_parts_made_one_by_one_are_the_whole(order):
    whole = stored(order(out="whole"))
    for task in ("one", "two", "tiny/three"):
        for strategy in ("RS", "GS"):
            out = order("--tasks", task, "--strategies", strategy, out="parts")
    assert stored(out) == whole
    some = stored(order("--seeds", "2", out="some"))
    assert len(some) == 12
    assert some.items() <= whole.items()


def test_a_run_that_cannot_be_replaced_is_an_error(order, capsys):
    out = order()
    path = out / sorted(stored(out))[5]
    path.unlink()
    path.mkdir()
    capsys.readouterr()
    order(status=2)
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: cannot store {path}")


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_run_is_named_and_made_again(order, capsys, damage):
    out = order()
    before = stored(out)
    name = sorted(before)[5]
    path = out / name
    content = bytearray(before[name])
    content[-3] ^= 4
    path.write_bytes({"flipped": content, "cut": content[:100], "empty": b""}[damage])
    capsys.readouterr()
    order()
    shown = capsys.readouterr()
    assert f"{path} is damaged" in shown.err
    assert f"{RUNS - 1} stored already, 1 to do" in shown.out
    assert stored(out) == before


def test_a_run_that_no_evaluation_fitted_is_made_again_like_any_other(order):
    """With this budget some seeds' first training is cut off; that is a result, whoever else runs beside it."""
    out = order("--budget", "1500s")
    before = stored(out)
    empty = [path for path in before if not Trace.load(out / path).about["evaluations"]]
    assert 0 < len(empty) < RUNS
    for path in empty[:1]:
        (out / path).unlink()
    order("--budget", "1500s")
    assert stored(out) == before


def test_a_run_of_another_seed_under_the_name_is_not_taken_for_it(order):
    out = order()
    before = stored(out)
    one, other = sorted(path for path in before if "/RS/" in path)[:2]
    (out / one).write_bytes(before[other])
    order()
    assert stored(out) == before


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["--set", "noise=repeat"], "parameters"),
        (["--budget", "50"], "budget"),
        (["--budget", "40h"], "budget"),
    ],
)
def test_another_order_is_another_run_and_leaves_the_first_alone(order, arguments, changed):
    out = order("--seeds", "1")
    before = stored(out)
    order("--seeds", "1", *arguments)
    after = stored(out)
    assert before.items() < after.items(), changed
    assert len(after) == 2 * len(before)


def test_another_table_is_another_run(order, tiny_tables, own_tables):
    from nasbench_sim.spaces.nasbench201 import NASBench201
    from tests import synthetic

    out = order("--seeds", "1")
    before = stored(out)
    synthetic.write(own_tables / "tiny.h5", NASBench201(), synthetic.figures(NASBench201(), seed=9))
    order("--seeds", "1", tables=own_tables)
    assert len(stored(out)) == 2 * len(before)
    assert before.items() < stored(out).items()


def test_another_strategy_behind_the_name_is_another_run(order, tmp_path):
    out = order("--seeds", "1")
    before = stored(out)
    changed = tmp_path / "changed.py"
    changed.write_text(SUITE.replace("partial(Slow, draw=50)", "partial(Slow, draw=51)"))
    order("--seeds", "1", suite=changed)
    assert len(stored(out)) == 2 * len(before)


def test_another_timing_table_is_another_run(nasbench101, monkeypatch):
    """Seconds are part of what a run is."""
    from suites.catalogue import _nasbench101, task
    from suites.store import identity
    from suites.ws_vs_rs import suite

    this = suite()
    one = identity(this, "", task("nasbench101/A4"), this.entries[0], 0)
    table, timing, index = _nasbench101(None)
    slower = timing.__class__(
        timing.forward_seconds * 2, timing.backward_seconds * 2, timing.widths, timing.device, timing.kind
    )
    monkeypatch.setattr("suites.catalogue._nasbench101", lambda folder: (table, slower, index))
    assert identity(this, "", task("nasbench101/A4"), this.entries[0], 0) != one


def test_other_calibrated_correlations_are_another_run(nasbench101, monkeypatch):
    from suites.catalogue import spearman, task
    from suites.store import identity
    from suites.ws_vs_rs import suite

    this = suite()
    one = identity(this, "", task("nasbench101/A4"), this.entries[-1], 0)
    mean, deviation = spearman("A4", "bns_ft")
    monkeypatch.setattr("suites.catalogue.spearman", lambda *_: (mean - 0.2, deviation))
    assert identity(this, "", task("nasbench101/A4"), this.entries[-1], 0) != one


def test_every_task_has_a_name_that_makes_it(nasbench101, monkeypatch):
    from nasbench_sim.errors import UserError
    from suites.catalogue import task

    for name in ("nasbench101/A4", "nasbench101/full"):
        assert name in TASKS
        assert task(name).name == name
    with pytest.raises(UserError, match="unknown task 'nasbench101/A5'; did you mean nasbench101/A"):
        task("nasbench101/A5")
    with pytest.raises(UserError, match="unknown variant 'bns'; did you mean bns_ft"):
        task("nasbench101/A4", variant="bns")
    with pytest.raises(UserError, match="noise is one of mean, repeat"):
        task("nasbench101/A4", noise="none")


def test_the_command_starts_from_anywhere(tmp_path, root):
    done = subprocess.run(
        [sys.executable, "-m", "suites.run"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
