"""The fixture ``quality_gate``, in test sessions of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

import suites.gate.own  # noqa: F401  # each session would import it again

pytest_plugins = ["pytester"]

STRATEGY = """
from functools import partial

import numpy as np
from nasbench_sim import RandomSearch
from suites.gate.injected import Wasteful
from tests.scripted import written

errors = 0.05 + 0.9 * np.random.default_rng(0).random(3000) ** 0.5
task = written(errors, np.ones(3000), test=errors)
"""
TEST = """
def test_it_is_as_good_as_it_was(quality_gate):
    quality_gate({strategy}, task=task, baseline="mine.txt", evaluations=40, name="mine", looks=(30, 60, 90){more})
"""
MINE, WORSE = "partial(RandomSearch, draw=40)", "partial(Wasteful, inner=RandomSearch, wasted=30)"


@pytest.fixture
def session(pytester: pytest.Pytester, root, monkeypatch):
    """Run a test file that gates a strategy."""
    monkeypatch.syspath_prepend(root)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # other plugins take seconds a session to import

    def run(strategy: str, *options: str, more: str = "") -> pytest.RunResult:
        pytester.makepyfile(test_mine=STRATEGY + TEST.format(strategy=strategy, more=more))
        return pytester.runpytest_inprocess("-p", "suites.pytest_plugin", "-rs", *options)

    return run


def test_a_strategy_is_gated_from_a_test(session, pytester):
    missing = session(MINE)
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["*there is no baseline*write it with pytest --update-quality-gate and review it*"])

    session(MINE, "--update-quality-gate").assert_outcomes(skipped=1)
    assert (pytester.path / "mine.txt").read_text().startswith("nasbench-sim gate baseline 1\nsuite\tmine on line\n")
    session(MINE).assert_outcomes(passed=1)

    worse = session(WORSE)
    worse.assert_outcomes(failed=1)
    worse.stdout.fnmatch_lines(
        ["mine on line at 40: regressed after * seeds, harm *", "*the source of mine has changed*"]
    )
    worse.stdout.no_fnmatch_line("*Traceback*")


def test_a_change_of_budget_is_refused(session):
    session(MINE, "--update-quality-gate").assert_outcomes(skipped=1)
    changed = session(MINE, more=", margin=0.3")
    changed.assert_outcomes(failed=1)
    changed.stdout.fnmatch_lines(["*the gate's margin was 0.5 and is 0.3 now*pytest --update-quality-gate"])


def test_the_plugin_imports_pytest_alone(root):
    code = (
        "import sys, suites.pytest_plugin\n"
        "assert not {'numpy', 'scipy', 'h5py', 'nasbench_sim', 'suites.gate'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
