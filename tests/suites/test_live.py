"""A suite with --real: every figure comes from a training, is kept, and the page says so."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `real`")

import reports
from nasbench_sim import Task, UserError, simulate
from nasbench_sim.real import oracle as real_oracle
from nasbench_sim.real.device import Device
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.trace import Trace
from suites import run
from suites.live import Live, Watched, short_name, workers_of
from tests.real import small

SUITE = """
from functools import partial
from nasbench_sim import RandomSearch
from nasbench_sim.strategies.local_search import LocalSearch
from suites.catalogue import task
from suites.suite import Comparison, Entry, Suite

def suite():
    return Suite("tiny_live", "Does it run?", ("nasbench201/cifar10", "nasbench201/cifar100@repeat"),
        (Entry("RS", "random", partial(RandomSearch, draw=4), 2), Entry("LS", "local", LocalSearch, 2)),
        (Comparison("RS", "LS"),), lambda name, tables: task(name, tables=tables), evaluations=4)
"""


@pytest.fixture
def command(tmp_path):
    (tmp_path / "tiny_live.py").write_text(SUITE)
    small.write(tmp_path / "bars.npz")

    def main(*more):
        options = ("--real", "--data", tmp_path / "bars.npz", "--width", 4, "--epochs", 1, "--workers", 1)
        return run.main([str(one) for one in (tmp_path / "tiny_live.py", "--out", tmp_path / "out", *options, *more)])

    return main


def test_any_suite_runs_for_real_and_goes_on_without_training_again(command, tmp_path, capsys, monkeypatch):
    assert command() == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    manifest = json.loads((tmp_path / "out/suite.json").read_text())
    assert [task["name"] for task in manifest["tasks"]] == ["nasbench201/bars"]
    assert manifest["tasks"][0]["provenance"]["kind"] == "trained"
    files = sorted((tmp_path / "trainings").glob("??/*.json"))
    assert f"{len(files)} trainings done, 0 were there" in shown.out
    assert 4 <= len(files) <= 16
    traces = [Trace.load(tmp_path / "out" / path) for *_, path in manifest["runs"]]
    for trace in traces:
        assert trace.about["trainings"] == 4
        assert trace.about["wall_seconds"] == pytest.approx(trace.about["seconds"])
    page = (tmp_path / "out/report.html").read_text()
    for text in ("every network was trained for this page", "Simulated and real time", "On the wall"):
        assert text in page

    monkeypatch.setattr(real_oracle, "train", lambda *_, **__: pytest.fail("trained again"))
    assert command("--fresh") == 0
    assert "0 trainings done" in capsys.readouterr().out
    assert sorted((tmp_path / "trainings").glob("??/*.json")) == files
    assert [Trace.load(tmp_path / "out" / path).about for *_, path in manifest["runs"]] == [one.about for one in traces]


def test_data_are_called_by_the_name_of_their_file_whatever_their_folder_is_called():
    names = ("cifar10:some/where", "odd:place/a.npz", "a:b.npz", "x/pets", "digits")
    assert [short_name(data) for data in names] == ["cifar10", "a", "a:b", "pets", "digits"]


def test_what_the_budget_does_not_reach_is_not_trained(tmp_path):
    """Greedy search asks for whole neighbourhoods, and meets configurations again free of charge."""
    real = small.oracle(tmp_path)
    watched = Watched(real, milestones=(2, 9), budget=9)
    trace = simulate(Task("t", watched), GreedySearch, seed=0, evaluations=9)
    about = watched.about(0)
    assert trace.about["evaluations"] == about["trainings"] == real.trained == 9
    assert about["wall_seconds"] == pytest.approx(trace.about["seconds"])
    assert [len(about["best"][str(milestone)]) for milestone in (2, 9)] == [2, 9]
    free = simulate(Task("t", small.oracle(tmp_path)), GreedySearch, seed=0, evaluations=9)
    assert (free.codes == trace.codes).all()
    assert (free.objectives == trace.objectives).all()
    several = simulate(Task("t", Watched(small.oracle(tmp_path), budget=9)), GreedySearch, 0, evaluations=9, workers=3)
    assert several.about["evaluations"] == 9


def test_a_gpu_is_shared_only_where_that_is_asked_for(monkeypatch, capsys):
    from nasbench_sim.real import device

    assert workers_of(Live(device="cpu"), None) == os.cpu_count()
    assert workers_of(Live(device="cpu"), 3) == 3
    monkeypatch.setattr(device, "device", lambda _: Device("cuda", "x", True))
    assert workers_of(Live(), None) == 1
    assert capsys.readouterr().out == ""
    assert workers_of(Live(), 2) == 2
    assert "share one device" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--budget", "3h"), "--real takes a budget in evaluations"),
        (("--data", "nothing"), "no data set 'nothing'"),
        (("--data", ""), "no data set ''"),
        (("--width", "9" * 30), "--width"),
        (("--cells", "100000"), "at most 1,000"),
        (("--recipe", "mine"), "no recipe 'mine'"),
        (("--epochs", "0"), "--epochs 0"),
        (("--learning-rate", "fast"), "--learning-rate fast"),
        (("--cells", "0"), "--cells 0"),
        (("--timing", "k80"), "another space"),
    ],
)
def test_a_mistake_is_one_line(command, capsys, options, message):
    assert command(*options) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1


def test_options_of_training_need_it(capsys):
    assert run.main(["smoke", "--epochs", "3"]) == 2
    assert "add --real" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("suite", "task", "unit"),
    [("dmls", "macronas/bars/mmacs", "million MACs"), ("latency", "nasbench201/bars/latency", "ms")],
)
def test_several_objectives_are_held_against_the_front_of_all_runs(suite, task, unit, tmp_path, capsys):
    out = tmp_path / "out"
    small.write(tmp_path / "bars.npz")
    training = ("--real", "--data", tmp_path / "bars.npz", "--epochs", 1, "--width", 4, "--workers", 1)
    options = (suite, "--out", out, "--seeds", 2, "--budget", 5, *training)
    assert run.main([str(one) for one in options]) == 0
    assert capsys.readouterr().err == ""
    manifest = json.loads((out / "suite.json").read_text())
    assert [one["name"] for one in manifest["tasks"]] == [task]
    front = json.loads((out / f"evidence/front-{task.replace('/', '-')}.json").read_text())
    assert front["units"] == ["", unit]
    traces = [Trace.load(out / path) for *_, path in manifest["runs"]]
    points = np.concatenate([one.objectives for one in traces])
    for point in front["front"]:
        assert (points == point).all(axis=1).any()
        assert not ((points <= point).all(axis=1) & (points < point).any(axis=1)).any()
    summary = json.loads((out / "summary.json").read_text())
    for one in summary["fronts"][task].values():
        assert 0 < one["hypervolume"] <= front["hypervolume"] + 1e-12
    page = (out / "report.html").read_text()
    for text in ("TRAINED HERE", "nobody knows its front", "hypervolume regret"):
        assert text in page
    path = out / f"evidence/front-{task.replace('/', '-')}.json"
    path.write_text(json.dumps({**front, "fingerprint": "of others"}))
    with pytest.raises(UserError, match="the front of earlier runs"):
        reports.build(out)
    path.unlink()
    with pytest.raises(UserError, match=f"lacks the front of {task}"):
        reports.build(out)


@pytest.mark.parametrize("options", [("--budget", 1), ("--budget", 3, "--learning-rate", 999999)])
def test_a_front_of_one_point_has_a_page(options, tmp_path, capsys, recwarn):
    small.write(tmp_path / "bars.npz")
    training = ("--real", "--data", tmp_path / "bars.npz", "--epochs", 1, "--width", 4, "--workers", 1)
    given = ("latency", "--out", tmp_path / "out", "--seeds", 2, *options, *training)
    assert run.main([str(one) for one in given]) == 0
    assert capsys.readouterr().err == ""
    assert not [one for one in recwarn if "nasbench" in str(one.filename) or "main" in str(one.filename)]
    assert "TRAINED HERE" in (tmp_path / "out/report.html").read_text()


def test_super_nets_and_unknown_objectives_are_no_part_of_several_objectives(tmp_path, capsys):
    suite = SUITE.replace(
        '("nasbench201/cifar10", "nasbench201/cifar100@repeat")',
        '("nasbench201/cifar10/pixel3", "nasbench201/cifar10/train_seconds")',
    ).replace("evaluations=4", 'evaluations=2, metric="hypervolume"')
    sharing = suite.replace("LocalSearch, 2", "WeightSharing, 2").replace(
        "strategies.local_search import LocalSearch", "strategies.weight_sharing import WeightSharing"
    )
    small.write(tmp_path / "bars.npz")
    options = ("--real", "--data", tmp_path / "bars.npz", "--width", 4, "--epochs", 1, "--workers", 1, "--seeds", 1)
    for text, expected in ((sharing, 2), (suite, 0)):
        (tmp_path / "tiny_live.py").write_text(text)
        given = (tmp_path / "tiny_live.py", "--out", tmp_path / "out", *options)
        assert run.main([str(one) for one in given]) == expected
    shown = capsys.readouterr()
    assert "proxy is of the error alone" in shown.err
    assert "left out, since nothing here can train them: nasbench201/cifar10/train_seconds" in shown.out


def test_tasks_without_networks_are_left_out(tmp_path, capsys):
    suite = SUITE.replace('"nasbench201/cifar100@repeat"', '"nasbench301", "hpolib/protein_structure"')
    (tmp_path / "tiny_live.py").write_text(suite)
    small.write(tmp_path / "bars.npz")
    options = ("--real", "--data", tmp_path / "bars.npz", "--width", 4, "--epochs", 1, "--workers", 1)
    whole = (tmp_path / "tiny_live.py", "--out", tmp_path / "out", "--strategies", "RS", "--seeds", 1, *options)
    assert run.main([str(one) for one in whole]) == 0
    manifest = json.loads((tmp_path / "out/suite.json").read_text())
    assert [one["name"] for one in manifest["tasks"]] == ["nasbench201/bars", "darts/bars"]
    assert "nothing here can train them: hpolib/protein_structure" in (tmp_path / "out/report.html").read_text()
    assert "left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("bo_vs_rs",), "which nothing here can train: run it without --real"),
        (("latency", "--set", "limit=parameters=500000"), "--set limit=... is about what tables answer"),
        (("ws_vs_rs", "--set", "speed=2"), "--set speed=... is about what tables answer"),
        (("ls_pon", "--set", "noise=repeat"), "--set noise=... is about what tables answer"),
    ],
)
def test_what_only_tables_answer_is_refused(options, message, tmp_path, capsys):
    assert run.main([*options, "--real", "--budget", "3", "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


def test_without_torch_the_command_says_what_to_install(command, capsys, monkeypatch):
    from nasbench_sim.real import needs

    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    assert command() == 2
    assert "pip install 'nasbench-sim[real]'" in capsys.readouterr().err
