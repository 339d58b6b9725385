"""Curves of random networks, and what they say about learning rates and proxy epochs."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `real`")

from nasbench_sim.real import __main__ as command
from nasbench_sim.real import prestudy as real_prestudy
from nasbench_sim.real.prestudy import fluctuation, ranking
from tests.real import small


def test_rises_are_held_against_falls():
    assert fluctuation(np.array([[0.9, 0.5, 0.1]])) == 0
    assert fluctuation(np.array([[0.9, 0.5, 0.7, 0.1]])) == pytest.approx(0.2 / 0.8)
    assert fluctuation(np.array([[0.1, 0.2]])) is None
    assert fluctuation(np.empty((0, 3))) is None


def test_an_epochs_ranking_is_its_rank_correlation_with_the_last():
    curves = np.array([[0.9, 0.3, 0.1], [0.9, 0.2, 0.2], [0.9, 0.1, 0.3]])
    assert ranking(curves) == [None, pytest.approx(-1), pytest.approx(1)]
    assert ranking(curves[:2]) == [None] * 3


def test_the_command_writes_curves_and_trains_nothing_twice(tmp_path, capsys, monkeypatch):
    data, out = small.write(tmp_path / "bars.npz"), tmp_path / "curves.json"
    options = ["prestudy", "--data", str(data), "-o", str(out), "--device", "cpu", "--epochs", "2", "--networks", "3",
               "--spaces", "nasbench201", "--rates", "0.01,1e-5"]  # fmt: skip
    assert command.main(options) == 0
    assert "rank correlation with the end" in capsys.readouterr().out
    told = json.loads(out.read_text())
    assert [(one["space"], one["rate"]) for one in told["groups"]] == [("nasbench201", 0.01), ("nasbench201", 1e-5)]
    assert np.array(told["groups"][0]["curves"]).shape == (3, 2)
    monkeypatch.setattr(real_prestudy, "train", lambda *_, **__: pytest.fail("trained again"))
    assert command.main(options) == 0
    assert json.loads(out.read_text()) == told
    assert command.main([*options, "--rates", "fast"]) == 2
    assert "--rates fast" in capsys.readouterr().err
