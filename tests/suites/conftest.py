"""A tiny suite in a file of its own, with a table of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from nasbench_sim.spaces.nasbench201 import NASBench201
from tests import synthetic

SUITE = '''"""Is greedy search better than random search on a tiny table?"""

import os
import time
from functools import partial

from nasbench_sim.oracle import Task
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.tabular import Table, find
from nasbench_sim.tabular.oracle import TabularOracle
from suites.suite import Comparison, Entry, Suite


class Slow(RandomSearch):
    """Random search that waits for a while in real time, where the environment says so."""

    def ask(self, free):
        time.sleep(float(os.environ.get("TINY_SECONDS", "0")))
        return super().ask(free)


def task(name, tables, noise):
    table = Table.open(find("tiny", tables))
    return Task(name, TabularOracle(NASBench201(), table, "cifar10", noise=noise))


def suite(noise="mean"):
    return Suite(
        name="tiny",
        question="Is greedy search better than random search?",
        tasks=("tiny/one", "tiny/two", "tiny/three"),
        entries=(
            Entry("RS", "random search", partial(Slow, draw=50), 4),
            Entry("GS", "greedy search", GreedySearch, 3),
        ),
        comparisons=(Comparison("RS", "GS"),),
        make_task=partial(task, noise=noise),
        evaluations=60,
        parameters={"noise": noise},
    )
'''
RUNS = 3 * (4 + 3)


@pytest.fixture(scope="session")
def tiny_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the table of the tiny suite; not to be written to."""
    folder = tmp_path_factory.mktemp("tables")
    space = NASBench201()
    synthetic.write(folder / "tiny.h5", space, synthetic.figures(space))
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite file; not to be written to."""
    path = tmp_path_factory.mktemp("suite") / "tiny.py"
    path.write_text(SUITE)
    return path


@pytest.fixture
def own_tables(tiny_tables: Path, tmp_path: Path) -> Path:
    """A copy of the tables that a test may spoil."""
    return Path(shutil.copytree(tiny_tables, tmp_path / "tables"))


@pytest.fixture
def start(root: Path, tiny: Path, tiny_tables: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command line on the tiny suite in a process group of its own, as a terminal would.

    Whatever of it is left at the end of a test is killed.
    """
    started: list[subprocess.Popen[str]] = []

    def popen(*arguments: object, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "suites.run", str(tiny), "--tables", str(tiny_tables), *map(str, arguments)]
        process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # What a shell starts in the background ignores Ctrl-C, and so would whatever it starts.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def stored(out: Path) -> dict[str, bytes]:
    """Runs of an output folder: path to bytes."""
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.glob("runs/*/*/*.run"))}


def parts(out: Path) -> list[Path]:
    """What unfinished writing left behind."""
    return [path for path in out.rglob("*") if path.name.endswith(".part") or path.name.startswith(".")]
