"""Stopped anywhere, in any way, a suite goes on where it was: nothing finished is lost, nothing is left half done."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from suites import run, store
from tests.suites.conftest import RUNS, parts, stored

SLOW = {"TINY_SECONDS": "0.05"}


def wait_for(condition, seconds=60.0):
    """Until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def alive(group: int) -> list[int]:
    """Processes of a process group that still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            found.append(int(entry.name))
    return found


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="module")
def undisturbed(tiny, tiny_tables, tmp_path_factory):
    """What the suite stores when nobody disturbs it."""
    out = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_report", lambda *_: None)
        assert run.main([str(tiny), "--tables", str(tiny_tables), "--out", str(out), "--workers", "1"]) == 0
    return stored(out)


@pytest.fixture
def again(tiny, tiny_tables, undisturbed, monkeypatch, capsys):
    """The same command goes on, makes only what is missing, and ends with the same bytes."""

    def main(out, kept: int) -> None:
        monkeypatch.setattr(run, "_report", lambda *_: None)
        capsys.readouterr()
        assert run.main([str(tiny), "--tables", str(tiny_tables), "--out", str(out), "--workers", "1"]) == 0
        shown = capsys.readouterr()
        assert shown.err == ""
        assert f"{kept} stored already, {RUNS - kept} to do" in shown.out
        assert stored(out) == undisturbed
        assert not parts(out)

    return main


@pytest.mark.parametrize(("workers", "how"), [(1, "to the command"), (2, "to all its processes")])
def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(start, again, undisturbed, tmp_path, workers, how):
    out = tmp_path / "out"
    process = start("--out", out, "--workers", workers, **SLOW)
    wait_for(lambda: stored(out))
    if how == "to the command":
        process.send_signal(signal.SIGINT)
    else:
        os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "interrupted: finished runs are kept" in errors
    kept = stored(out)
    assert 0 < len(kept) < RUNS
    assert kept.items() < undisturbed.items()
    assert not parts(out)
    wait_for(lambda: not alive(process.pid))
    again(out, len(kept))


@pytest.mark.parametrize("seconds", [0.0, 0.4, 0.8])
def test_ctrl_c_at_any_moment_of_the_workers_lives_is_told_in_one_line_and_ends_all(start, tmp_path, seconds):
    """A terminal sends it to the workers as well, whether they are starting, working or waiting."""
    process = start("--out", tmp_path / "out", "--workers", 2, **SLOW)
    wait_for(lambda: len([pid for pid in alive(process.pid) if b"spawn_main" in command_of(pid)]) == 2)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip().count("\n") == 0
    assert errors.strip().startswith("interrupted: ")
    wait_for(lambda: not alive(process.pid))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_loses_nothing_that_was_finished(start, again, undisturbed, tmp_path, workers):
    out = tmp_path / "out"
    process = start("--out", out, "--workers", workers, **SLOW)
    wait_for(lambda: stored(out))
    process.kill()
    process.wait()
    wait_for(lambda: not alive(process.pid), seconds=10)  # workers notice that they are alone
    kept = stored(out)
    assert 0 < len(kept) < RUNS
    assert kept.items() < undisturbed.items()
    again(out, len(kept))


def test_a_worker_that_is_killed_is_told_in_one_line(start, undisturbed, tmp_path):
    """As a kernel short of memory does it."""
    out = tmp_path / "out"
    process = start("--out", out, "--workers", 2, **SLOW)
    wait_for(lambda: stored(out))
    workers = [pid for pid in alive(process.pid) if pid != process.pid and b"spawn_main" in command_of(pid)]
    os.kill(workers[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in errors
    assert errors.startswith("error: ")
    assert stored(out).items() <= undisturbed.items()


@pytest.mark.parametrize("stage", ["prepare", "identity", "write_manifest"])
def test_ctrl_c_before_the_first_run_is_no_accident_either(stage, tiny, tiny_tables, tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, stage, interrupt)
    given = [str(tiny), "--tables", str(tiny_tables), "--out", str(tmp_path / "out"), "--workers", "1"]
    try:
        assert run.main(given) == 130
    except KeyboardInterrupt:
        pytest.fail("it left with a traceback")
    assert "interrupted" in capsys.readouterr().err


# A full disk


@pytest.fixture
def small_disk(tmp_path):
    """A file system that can be made to hold so many bytes, and no more."""
    mount = shutil.which("mount")
    folder = tmp_path / "disk"
    folder.mkdir()

    def resize(size: str) -> Path:
        mounted = os.path.ismount(folder)
        options = f"remount,size={size}" if mounted else f"size={size}"
        if (
            mount is None
            or subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False).returncode
        ):
            pytest.skip("needs the right to mount a small file system")
        return folder

    yield resize
    if os.path.ismount(folder):
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_told_and_what_fitted_is_kept(start, again, undisturbed, small_disk, workers):
    out = small_disk("48k") / "out"
    process = start("--out", out, "--workers", workers)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("error: cannot store ")
    assert "the disk is full; finished runs are kept" in errors
    assert errors.count("\n") == 1
    kept = stored(out)
    assert 0 < len(kept) < RUNS
    assert kept.items() < undisturbed.items()
    assert not parts(out)
    small_disk("16m")
    again(out, len(kept))


def test_a_disk_without_room_for_the_list_of_runs(start, small_disk):
    folder = small_disk("4k")
    (folder / "filler").write_bytes(b"x" * 4096)
    process = start("--out", folder / "out", "--workers", 1)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert "Traceback" not in errors


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_any_failure_to_write_is_told_in_one_line(tiny, tiny_tables, tmp_path, monkeypatch, capsys, number):
    """Also where no file system can be mounted; at every rename, in turn."""
    monkeypatch.setattr(run, "_report", lambda *_: None)
    given = [str(tiny), "--tables", str(tiny_tables), "--out", str(tmp_path / "out"), "--workers", "1"]
    replace, calls = os.replace, []

    def fail_at(count):
        def rename(*arguments):
            calls.append(arguments)
            if len(calls) == count:
                raise OSError(number, os.strerror(number))
            replace(*arguments)

        return rename

    for count in (1, 2, 7):
        calls.clear()
        monkeypatch.setattr(os, "replace", fail_at(count))
        assert run.main([*given, "--fresh"]) == 2
        monkeypatch.setattr(os, "replace", replace)
        errors = capsys.readouterr().err
        assert errors.startswith("error: ")
        assert errors.count("\n") == 1
        assert not parts(tmp_path / "out")
    assert run.main(given) == 0
