"""The suites that train: medmnist, ofa, fidelity, and ws_vs_rs with a trained super-net."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, the extra `real`")

from nasbench_sim import Request, UserError
from nasbench_sim.real.data import load
from nasbench_sim.real.device import device
from nasbench_sim.real.networks import Shape
from nasbench_sim.real.recipes import RECIPES
from nasbench_sim.real.recording import Recording, record
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.ofa import OFA
from nasbench_sim.spaces.part import Part
from nasbench_sim.tabular.oracle import TabularOracle
from nasbench_sim.trace import Trace
from suites import run
from suites.fidelity import Unseen
from suites.ofa_landscape import OFALandscape
from tests.real import small


def command(*arguments) -> int:
    return run.main([str(one) for one in (*arguments, "--workers", 1)])


def manifest(out):
    return json.loads((out / "suite.json").read_text())


def test_medmnist_retrains_the_best_of_each_milestone(tmp_path, capsys):
    data, out = small.write(tmp_path / "bars.npz"), tmp_path / "out"
    real = ("--real", "--data", data, "--epochs", 1, "--width", 2, "--cells", 2)
    options = (*real, "--budget", 4, "--seeds", 1, "--set", "final_epochs=2", "--set", "compared=pneumoniamnist")
    assert command("medmnist", "--out", out, *options) == 0
    assert capsys.readouterr().err == ""
    about = manifest(out)
    assert "optimiser adam" in about["tasks"][0]["provenance"]["recipe"]
    told = json.loads((out / "evidence/retrained.json").read_text())
    assert (told["epochs"], told["best"]) == (2, 3)
    assert {row["strategy"] for row in told["rows"]} == {"LS", "LS-PON"}
    assert sorted({row["evaluations"] for row in told["rows"]}) == [1, 2, 3, 4]
    assert [len(row["trainings"]) for row in told["rows"] if row["evaluations"] == 4] == [3, 3]
    page = (out / "report.html").read_text()
    for text in ("The best, trained for longer", "Google AutoML Vision", "chosen on test", "Simulated and real time"):
        assert text in page


def test_medmnist_without_training_says_how(capsys):
    assert command("medmnist", "--budget", 2) == 2
    assert "add --real --data FILE.npz" in capsys.readouterr().err


def test_ofa_runs_on_an_invented_landscape_and_says_so(tmp_path, capsys):
    out = tmp_path / "out"
    assert command("ofa", "--out", out, "--seeds", 2, "--budget", 30) == 0
    trace = Trace.load(out / manifest(out)["runs"][0][3])
    assert (trace.about["workers"], trace.about["record"], len(trace.seconds)) == (10, "all", 30)
    page = (out / "report.html").read_text()
    assert "INVENTED" in page
    assert "How a run went" in page
    assert (out / "figures/parameters-ofa.svg").exists()


def test_the_landscape_is_a_function_of_the_network_and_of_the_run():
    oracle, codes = OFALandscape(OFA()), OFA().sample(np.random.default_rng(0), 50)
    moved = codes.copy()
    moved[:, 5 + 3] = np.where(codes[:, 0] < 2, (codes[:, 5 + 3] + 1) % 3, codes[:, 5 + 3])  # an absent layer's kernel
    one, other, again = (oracle.evaluate(Request(c), run) for c, run in ((codes, 1), (codes, 2), (moved, 1)))
    assert (one.objectives != other.objectives).mean() > 0.9
    assert (one.held_out == other.held_out).all()
    assert (one.objectives == again.objectives).all()
    assert ((one.objectives > 0) & (one.objectives < 0.5)).all()
    assert one.seconds.mean() == pytest.approx(16_200, rel=0.1)


def test_fidelity_sets_a_recorded_table_beside_training(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = replace(load("digits"), train=_few(load("digits").train, 60))
    monkeypatch.setattr("nasbench_sim.real.data.digits", lambda: data)
    given = Recording(NASBench201(equivalence="function"), data, RECIPES["digits"].with_(epochs=1), Shape(1, 10, 2, 1),
                      device("cpu"), 60, 2, (), 30)  # fmt: skip
    record(given, tmp_path / "tables/tiny.h5")
    options = ("--tables", tmp_path / "tables", "--set", "table=tiny", "--set", "device=cpu")
    assert command("fidelity", *options, "--seeds", 2, "--budget", 3, "--out", tmp_path / "out") == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "table - training: 100 x test regret" in shown.out
    told = json.loads((tmp_path / "out/summary.json").read_text())["fidelity"]["tiny"]
    assert set(told["strategies"]) == {"RS", "LS", "REA"}
    for one in told["strategies"].values():
        assert one["agrees"] == (one["low"] <= 0 <= one["high"])
        assert one["clock_ratio_low"] <= one["clock_ratio"] <= one["clock_ratio_high"]
    assert [task["name"] for task in manifest(tmp_path / "out")["tasks"]] == ["table:tiny", "trained:tiny"]
    starts = {
        (task, seed): Trace.load(tmp_path / "out" / path).codes[0].tolist()
        for task, strategy, seed, path in manifest(tmp_path / "out")["runs"]
        if strategy == "RS"
    }
    assert starts["table:tiny", 0] == starts["trained:tiny", 0]
    page = (tmp_path / "out/report.html").read_text()
    for text in ("The simulation against the thing itself", "Kendall", "share their luck", "of training alone"):
        assert text in page


def test_fidelity_judges_a_table_by_the_trainings_that_a_search_did_not_see(tmp_path):
    data = small.data(tmp_path)
    given = Recording(NASBench201(equivalence="function"), data, small.QUICK, Shape(1, 2, 2, 1), device("cpu"), 12, 2,
                      (), 12)  # fmt: skip
    table, _ = record(given, tmp_path / "tiny.h5")
    inner = TabularOracle(Part.of(given.space, table.codes), table, "bars", noise="repeat")
    oracle, codes = Unseen(inner), table.codes
    tests, errors = (table.repeats("bars", which, 1.0) for which in ("test", "validation"))
    seen = set()
    for seed in range(20):
        drawn = inner.repeats_drawn(Request(codes), seed)[:, 0]
        answers = oracle.evaluate(Request(codes), seed)
        place = np.arange(len(codes))
        assert (answers.objectives[:, 0] == errors[place, drawn]).all()
        assert (answers.held_out[:, 0] == tests[place, 1 - drawn]).all()
        assert answers.held_out[:, 1] == pytest.approx(tests.mean(axis=1))
        seen |= set(drawn.tolist())
    assert seen == {0, 1}
    once, _ = record(replace(given, repeats=1), tmp_path / "once.h5")
    with pytest.raises(UserError, match="record with --repeats 2"):
        Unseen(TabularOracle(Part.of(given.space, once.codes), once, "bars", noise="repeat"))


def _few(split, n):
    return replace(split, images=split.images[:n], labels=split.labels[:n])


def test_fidelity_refuses_a_table_that_was_not_recorded(capsys, tmp_path):
    assert command("fidelity", "--set", "table=nasbench101", "--out", tmp_path / "out") == 2
    assert "does not say how it was recorded" in capsys.readouterr().err


def test_ws_vs_rs_trains_its_super_net(tmp_path, capsys):
    data, out = small.write(tmp_path / "bars.npz"), tmp_path / "out"
    options = ("--real", "--data", data, "--epochs", 1, "--width", 8, "--supernet-epochs", 2, "--seeds", 2)
    more = ("--budget", 2, "--tasks", "A4", "--strategies", "RS,RSws", "--set", "proxies=12")
    assert command("ws_vs_rs", "--out", out, *options, *more) == 0
    assert capsys.readouterr().err == ""
    about = manifest(out)
    assert [task["name"] for task in about["tasks"]] == ["nasbench101/A4/bars"]
    assert [one["cluster"] for one in about["strategies"]] == [None, 1]
    traces = {strategy: Trace.load(out / path) for _, strategy, _, path in about["runs"]}
    told = traces["RSws"].about
    assert told["answered"] == {"proxy": 12, "train": 2}
    assert told["setup_seconds"] == pytest.approx(told["supernet"]["seconds"])
    page = (out / "report.html").read_text()
    assert "super-net" in page
    assert ("have converged" in page) != ("DID NOT CONVERGE" in page)
