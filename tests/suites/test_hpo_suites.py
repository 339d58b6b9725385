"""The suites about hyper-parameters: a few seeds of each from the command to the page."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import stream
from nasbench_sim.spaces.grid import hpolib
from nasbench_sim.tabular.grids import described
from nasbench_sim.tabular.table import write_table
from reports.report import build
from suites import bo_vs_rs, failures, hyperband_bo, two_regimes
from suites.hpo_evidence import goals, published
from suites.run import main


def page(tmp_path, monkeypatch, *arguments):
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--workers", "1", "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    return text, json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["hpo"]


def test_goals_are_thresholds_of_the_losses():
    found = goals(np.linspace(1.0, 2.0, 1001))
    assert found["best"] == {"threshold": 1.0, "models": 1}
    assert found["within_5"]["models"] == 51
    assert found["top_10"]["models"] == 100


def test_published_figures_are_those_of_the_reference(root):
    import tomllib

    path = root.parent / "shared" / "reference" / "published.toml"
    if not path.is_file():
        pytest.skip("needs the published figures in ../shared/reference, which are not there")
    told = tomllib.loads(path.read_text(encoding="utf-8"))["hpo"]
    assert published()["draws"]["RS"] == told["rs_vs_bo"]["RS"]
    assert published()["draws"]["BO"] == told["rs_vs_bo"]["BO"]
    assert list(published()["random_search"]["top"].values()) == [
        told["random_search_draws"][f"top_{share}_percent"] for share in (1, 5, 10)
    ]


def test_draws_are_counted_beside_published_ones(tmp_path, monkeypatch):
    text, found = page(tmp_path, monkeypatch, "bo_vs_rs", "--seeds", "3")
    told = found["generated/six_hundred"]
    assert [told[goal]["models"] for goal in ("best", "within_1", "within_5", "within_10", "top_5")] == [
        1,
        3,
        6,
        10,
        30,
    ]
    assert "297 ± 171, 599" in text
    assert "CALIBRATED" in text
    assert "69 | 69" in text  # Table 2.2
    lines = build(tmp_path / "out").verdict.splitlines()
    assert len(lines) == 1 + 7
    assert lines[1].split()[:3] == ["six_hundred", "best", "model"]
    assert float(lines[1].split()[3]) == pytest.approx(told["best"]["factor"], abs=0.005)


def test_real_tables_are_drawn_from(tmp_path, monkeypatch):
    grid = hpolib()
    codes = grid.enumerate()
    losses = (grid.features(codes) ** 2).sum(axis=1) + 0.1
    write_table(
        tmp_path / "hpolib_naval_propulsion.h5",
        {
            "name": "hpolib_naval_propulsion", "title": "A sum", "description": "Synthetic.", "space": "hpolib",
            "kind": "measured", "metric": "mean squared error", "licence": "CC0-1.0", "source": "a test",
            "data_sets": ("naval_propulsion",), "unit_fidelity": "epochs", "fidelities": (100.0,), "resumes": True,
            "split": "none", "variables": described(grid.variables), "created_by": "a test",
        },
        {"codes": codes, "naval_propulsion/validation_mean": losses[:, None]},
        keys=grid.key(codes),
    )  # fmt: skip
    task = bo_vs_rs._task("hpolib/naval_propulsion@600", tmp_path)
    assert task.oracle.space.size == 600
    drawn = grid.sample(stream(0, "rows", "hpolib/naval_propulsion"), 600)
    assert task.oracle.optimum_objectives == pytest.approx((grid.features(drawn) ** 2).sum(axis=1).min() + 0.1)


def test_minutes_are_compared_with_intervals(tmp_path, monkeypatch):
    text, found = page(tmp_path, monkeypatch, "hyperband_bo", "--seeds", "2", "--budget", "600m")
    told = found["generated/training_minutes"]
    assert {"HB-HB+BO-best", "HB-HB+BO 2017-median", "HB-BO-best"} <= set(told)
    assert "Running median" in text


def test_the_winner_s_curse_is_told(tmp_path, monkeypatch):
    text, found = page(
        tmp_path, monkeypatch, "two_regimes", "--seeds", "3", "--tasks", "coupled@6", "--strategies", "staged,joint"
    )
    told = found["radiographs/coupled@6"]["staged"]
    assert told["reported"] - told["truth"] == pytest.approx(told["curse"])
    assert told["curse"] > 0
    assert "0.8082" in text


def test_policies_are_set_side_by_side(tmp_path, monkeypatch):
    text, found = page(tmp_path, monkeypatch, "failures", "--seeds", "2", "--budget", "40")
    told = found["generated/field_of_view"]
    assert told["untrainable"] == pytest.approx(0.155, abs=0.001)
    assert {"drop", "impute", "feasibility", "RS"} <= set(told)
    assert "cannot be trained" in text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bo_vs_rs.suite(kernel="cosine"), "--set kernel=cosine"),
        (lambda: hyperband_bo.suite(workers="0"), "--set workers=0"),
        (lambda: two_regimes.suite(rule="luck"), "--set rule=luck"),
        (lambda: failures.suite(memory="1"), "--set memory=1"),
    ],
)
def test_readings_that_are_none_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
