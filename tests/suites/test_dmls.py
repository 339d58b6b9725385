"""The suites dmls and latency: what they declare, what they refuse, and the measured readings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.tabular import Table, find
from suites import dmls, dmls_readings
from suites.catalogue import task
from suites.front_evidence import write_front
from suites.work import Order, load, load_task


def test_the_protocol_is_the_studys() -> None:
    suite = dmls.suite()
    assert suite.tasks == ("macronas/cifar10/mmacs", "macronas/cifar100/mmacs")
    assert [entry.name for entry in suite.entries] == ["LS", "NSGA-II", "DMLS"]
    assert {entry.seeds for entry in suite.entries} == {30}
    assert suite.evaluations == 6000
    assert suite.metric == "hypervolume"
    assert all(entry.factory.keywords["first"] == ((0,) * 14,) for entry in suite.entries)
    cells = [(one["table"], one["row"], one["task"], one["within"]) for one in suite.published]
    assert len(set(cells)) == len(cells) == 2 * 2 * 3 * 4


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (("exploration", "all"), "--set exploration=all"),
        (("revisits", "skipped"), "--set revisits=skipped"),
        (("start", "many"), "whole number from 1 to 100"),
    ],
)
def test_a_reading_that_is_none_is_refused(setting: tuple[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(Order("dmls", parameters=(setting,)))


def test_both_readings_are_a_setting() -> None:
    for exploration in ("dominating", "non-dominated"):
        suite, _ = load(Order("dmls", parameters=(("exploration", exploration), ("start", "3"))))
        factory = suite.entries[-1].factory
        assert (factory.keywords["exploration"], factory.keywords["start"]) == (exploration, 3)
        assert suite.parameters["exploration"] == exploration


def test_latency_has_a_gpu_a_cpu_a_phone_and_an_fpga_and_takes_a_limit() -> None:
    suite, _ = load(Order("latency"))
    assert len(suite.tasks) == 4
    free = load_task(Order("latency"), suite.tasks[0])
    limited = load_task(Order("latency", parameters=(("limit", "parameters=400000"),)), suite.tasks[0])
    assert limited.oracle.front.hypervolume < free.oracle.front.hypervolume
    assert "parameters at most 400000" in limited.oracle.provenance["constraints"]
    for setting, message in (
        (("limit", "parameters"), "takes a name and the most"),
        (("data_set", "svhn"), "--set data_set=svhn"),
        (("exploration", "one"), "--set exploration=one"),
    ):
        with pytest.raises(UserError, match=message):
            load(Order("latency", parameters=(setting,)))
    with pytest.raises(UserError, match="no figure 'weight' to limit"):
        load_task(Order("latency", parameters=(("limit", "weight=3"),)), suite.tasks[0])


def test_evidence_holds_the_front(tmp_path: Path) -> None:
    this = task("macronas/cifar10/mmacs")
    write_front(this, tmp_path)
    write_front(task("macronas/cifar10"), tmp_path)
    (file,) = tmp_path.iterdir()
    told = json.loads(file.read_text())
    assert file.name == "front-macronas-cifar10-mmacs.json"
    assert told["front"] == this.oracle.front.points.tolist()
    assert told["reference"] == [1, 1]
    assert told["units"] == ["", "million MACs"]
    assert told["stored"]
    assert this.oracle.space.valid(np.array(told["codes"], np.uint8)).all()


def test_what_is_stored_of_the_readings_is_about_the_embedded_table() -> None:
    stored = dmls_readings.load(dmls_readings.STORED)
    assert stored["fingerprint"] == Table.open(find("macronas")).fingerprint
    assert stored["runs"] == 30
    table = dmls_readings.page_table()
    assert all(len(row["cells"]) == len(table["columns"]) for row in table["rows"])
    assert sum(row["chosen"] for row in table["rows"]) >= 1
    default = {name: dict(readings[0]) for name, readings in dmls_readings.READINGS.items()}
    suite = dmls.suite()
    for entry in suite.entries:
        assert default[entry.name].items() <= {**entry.factory.keywords}.items()


def test_readings_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmls_readings, "EVALUATIONS", 200)
    monkeypatch.setattr(dmls_readings, "SIZES_EVALUATIONS", 60)
    monkeypatch.setattr(dmls_readings, "SIZES_AT", (10, 30, 60))
    monkeypatch.setattr(dmls_readings, "SIZES", (2, 5))
    monkeypatch.setattr(dmls_readings, "READINGS", {"DMLS": dmls_readings.READINGS["DMLS"][:2]})
    file = tmp_path / "readings.json"
    assert dmls_readings.main(["--runs", "2", "-o", str(file)]) == 0
    written = file.read_bytes()
    assert dmls_readings.main(["--runs", "2", "-o", str(file)]) == 0
    assert file.read_bytes() == written
    assert dmls_readings.main(["--runs", "3", "-o", str(file)]) == 2
    sizes = dmls_readings.start_sizes(file)
    assert set(sizes["curves"]["macronas/cifar10/mmacs"]) == {"2", "5"}
    assert all(len(curve) == 3 for curve in sizes["half_widths"]["macronas/cifar100/mmacs"].values())
    file.write_text("{}")
    assert dmls_readings.main(["--runs", "2", "-o", str(file)]) == 2
    assert dmls_readings.page_table(tmp_path / "none.json") == {} == dmls_readings.start_sizes(tmp_path / "none.json")
