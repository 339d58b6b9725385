"""The gate on a task of several objectives: regret is what a run's hypervolume lacks of the true front's."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.simulate import simulate
from nasbench_sim.strategies.dmls import DMLS
from nasbench_sim.strategies.hypervolume import hypervolume
from suites.catalogue import task
from suites.gate.declaration import Gate
from suites.gate.injected import Wasteful
from suites.gate.own import OwnGate
from suites.gate.runs import read_off
from suites.gate.verdicts import Kind
from suites.regress import main
from tests.scripted import written

NAME = "nasbench201/cifar10/fpga"
GATE = Gate(budgets=(60, 120), looks=(20, 40))


def gated(factory) -> OwnGate:
    return OwnGate(factory, NAME, evaluations=120, gate=GATE, name="DMLS")


def test_a_worse_method_is_found_and_the_same_one_is_unchanged(tmp_path: Path) -> None:
    gated(DMLS).update(tmp_path / "baseline.txt")
    same, failed = gated(DMLS).judge(tmp_path / "baseline.txt")
    assert same.kind is Kind.UNCHANGED
    assert not failed
    worse, failed = gated(partial(Wasteful, inner=DMLS, wasted=80)).judge(tmp_path / "baseline.txt")
    assert worse.kind is Kind.REGRESSED
    assert "regressed after" in failed
    kept = "hypervolume" in (tmp_path / "baseline.txt").read_text()  # reference point and front are compared as well
    assert kept


def test_regret_is_read_off_the_archive() -> None:
    oracle = task(NAME).oracle
    trace = simulate(task(NAME), DMLS, seed=3, evaluations=120)
    values = read_off(trace, GATE)
    for budget, value in zip(GATE.budgets, values, strict=True):
        reached = hypervolume(trace.objectives[trace.evaluation <= budget], np.ones(2))
        assert np.exp(value) == pytest.approx(oracle.front.hypervolume - reached)
    early = Gate(budgets=(int(trace.evaluation[0]),), looks=(20,))
    assert np.isfinite(read_off(trace, early)).all()
    none = limited_to_nothing()
    assert np.isnan(read_off(none, early)).all()


def limited_to_nothing():
    """A run in which nothing kept within the limits."""
    tight = task(NAME, limits={"parameters": 80_000.0})
    for seed in range(20):
        trace = simulate(tight, DMLS, seed=seed, evaluations=1)
        if not len(trace.seconds):
            return trace
    pytest.fail("every start keeps within the limits")


def test_a_task_without_a_front_has_no_regret(tmp_path: Path) -> None:
    two = written(np.random.default_rng(0).random((50, 2)), np.ones(50), names=("error", "cost"))
    own = OwnGate(DMLS, two, evaluations=20, gate=GATE.__class__(looks=(20,)))
    with pytest.raises(UserError, match="true front of line is not known"):
        own.update(tmp_path / "baseline.txt")


def test_the_command_judges_a_suite_of_several_objectives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "small.py"
    suite.write_text(
        '"""Small."""\n'
        "from dataclasses import fields\n"
        "from suites import latency\n"
        "from suites.gate.declaration import Gate, GatedSuite\n\n\n"
        "def suite():\n"
        "    whole = latency.suite()\n"
        "    given = {f.name: getattr(whole, f.name) for f in fields(whole)}\n"
        "    given |= {'tasks': whole.tasks[-1:], 'entries': whole.entries[-1:], 'comparisons': ()}\n"
        "    return GatedSuite(**given | {'evaluations': 60}, gate=Gate(looks=(20,)))\n"
    )
    baseline = str(tmp_path / "baseline.txt")
    assert main([str(suite), "--baseline", baseline, "--update-baseline", "--workers", "1"]) == 0
    assert main([str(suite), "--baseline", baseline, "--workers", "1"]) == 0
    assert "unchanged" in capsys.readouterr().out
