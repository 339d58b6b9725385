"""The page of a pre-study says what the trainings say, and what is no pre-study is refused in a line."""

from __future__ import annotations

import json

import pytest

from reports import prestudy


def told(**changes):
    group = {
        "space": "darts",
        "rate": 0.001,
        "curves": [[0.5, 0.4, 0.3], [0.6, None, None], [0.5, 0.45, 0.2]],
        "failed": 1,
        "final": 0.25,
        "fluctuation": 0.125,
        "ranking": [None, 0.5, 1.0],
        "seconds": 12.0,
    }
    recipe = {"epochs": 3, "learning_rate": 0.1, "optimiser": "adam"}
    return {
        "data": "digits",
        "fingerprint": "abc",
        "recipe": recipe,
        "device": "a processor",
        "groups": [group],
    } | changes


def test_the_page_tells_accuracy_fluctuation_and_the_first_epoch_that_ranks(tmp_path, capsys):
    curves = tmp_path / "curves.json"
    curves.write_text(json.dumps(told()))
    assert prestudy.main([str(curves)]) == 0
    page = (tmp_path / "curves" / "prestudy.html").read_text(encoding="utf-8")
    assert "rate 0.001: accuracy 75.0% at the end, fluctuation 0.12" in page
    assert "First epoch with a rank correlation of 0.8: rate 0.001: 3." in page
    assert "optimiser adam" in page
    assert "learning_rate 0.1" not in page  # the rates are the groups' own
    assert (tmp_path / "curves" / "figures" / "curves-darts.pdf").is_file()
    assert "prestudy.html" in capsys.readouterr().out


def test_a_sub_space_and_near_rates_have_rows_and_figures_of_their_own(tmp_path):
    groups = [{**told()["groups"][0], "space": "nasbench101/A1", "rate": rate} for rate in (0.01, 0.0100001)]
    curves = tmp_path / "curves"
    curves.write_text(json.dumps(told(groups=groups)))
    assert prestudy.main([str(curves)]) == 0
    page = (tmp_path / "curves-page" / "prestudy.html").read_text(encoding="utf-8")
    assert "rate 0.01: accuracy" in page
    assert "rate 0.0100001: accuracy" in page
    assert (tmp_path / "curves-page" / "figures" / "curves-nasbench101-A1.svg").is_file()


ODD = [
    *("", "{}", "[]", "null", "[" * 100_000),
    json.dumps(told(groups=[{}])),
    json.dumps(told(groups=[])),
    json.dumps(told(recipe=[])),
    json.dumps(told(recipe=None)),
    json.dumps(told(groups=[told()["groups"][0] | {"curves": [[0.5], [0.1, 0.2]]}])),
    json.dumps(told(groups=[told()["groups"][0] | {"curves": []}])),
    json.dumps(told(groups=[told()["groups"][0] | {"ranking": None}])),
    json.dumps(told(groups=[told()["groups"][0] | {"final": "high"}])),
]


@pytest.mark.parametrize("content", ODD, ids=range(len(ODD)))
def test_what_is_no_prestudy_is_refused(tmp_path, capsys, content):
    curves = tmp_path / "curves.json"
    curves.write_text(content)
    assert prestudy.main([str(curves)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "is no pre-study" in error


def test_a_missing_file_is_named(tmp_path, capsys):
    assert prestudy.main([str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
