"""Where torch is missing, the commands say in one line what to install, and nothing loads it before it is needed."""

from __future__ import annotations

import pytest

from nasbench_sim.real import __main__ as command
from nasbench_sim.real import needs
from suites import run
from tests.test_architecture import HEAVY, loaded

INSTALL = "error: training for real needs torch: pip install 'nasbench-sim[real]'\n"


@pytest.fixture(autouse=True)
def no_torch(monkeypatch):
    monkeypatch.setattr(needs, "find_spec", lambda name: None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["measure", "nasbench201", "-o", "x.h5"],
        ["record", "nasbench201", "-o", "x.h5"],
        ["supernet", "nasbench201", "-o", "x.json"],
        ["prestudy", "-o", "x.json"],
    ],
)
def test_commands(arguments, capsys):
    assert command.main(arguments) == 2
    assert capsys.readouterr().err == INSTALL


@pytest.mark.parametrize("suite", ["ls_pon", "ws_vs_rs", "medmnist", "ofa"])
def test_suites(suite, capsys, tmp_path):
    assert run.main([suite, "--real", "--budget", "3", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == INSTALL
    assert not (tmp_path / "out").exists()


def test_help_loads_nothing_heavy():
    code = "from nasbench_sim.real.__main__ import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert not loaded(code) & HEAVY
    assert not loaded("import nasbench_sim.real, nasbench_sim.real.needs, suites.live, suites.timings") & HEAVY
