"""True fronts: computed from the table, stored beside it, on a scale that no search has a say in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.macronas import from_strings
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.strategies.hypervolume import hypervolume
from nasbench_sim.tabular import Table, find
from nasbench_sim.tabular.fronts import front_within, fronts_file, nondominated, true_front, write_fronts
from nasbench_sim.tabular.oracle import TabularOracle
from suites.catalogue import DEVICES, NASBENCH201_DATA_SETS, SEVERAL, TASKS, tabular_oracle, task


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the embedded tables without their fronts."""
    folder = tmp_path_factory.mktemp("tables")
    for name in ("macronas", "nasbench201"):
        shutil.copy(find(name), folder)
    return folder


@pytest.mark.parametrize("m", [2, 3, 4])
def test_nondominated_points_are_those_that_nothing_dominates(m: int) -> None:
    rng = np.random.default_rng(m)
    for points in (rng.random((200, m)), np.round(5 * rng.random((200, m))), np.zeros((9, m)), np.empty((0, m))):
        no_worse = (points[:, None] <= points).all(axis=2)
        better = (points[:, None] < points).any(axis=2)
        left = np.unique(points[~(no_worse & better).any(axis=0)], axis=0)
        assert points[nondominated(points)].tolist() == left.tolist()


@pytest.mark.parametrize(
    ("name", "objectives"),
    [
        ("macronas/cifar10", ("error", "mmacs")),
        ("macronas/cifar100", ("error", "mmacs")),
        ("nasbench201/cifar100", ("error", "latency_pixel3")),
    ],
)
def test_what_is_stored_is_what_the_table_gives(name: str, objectives: tuple[str, ...], elsewhere: Path) -> None:
    stored = true_front(tabular_oracle(name, objectives=objectives))
    computed = true_front(tabular_oracle(name, objectives=objectives, tables=elsewhere))
    assert stored.stored
    assert not computed.stored
    assert stored.points.tolist() == computed.points.tolist()
    assert stored.codes.tolist() == computed.codes.tolist()
    assert stored.ranges == computed.ranges
    assert stored.hypervolume == computed.hypervolume == hypervolume(stored.points, stored.reference)
    assert (stored.points[:, 1:] >= 0).all()
    assert (stored.points[:, 1:] <= 1).all()


def test_the_embedded_files_are_those_that_the_command_writes(elsewhere: Path) -> None:
    table = Table.open(elsewhere / "macronas.h5")
    written = write_fronts(table)
    assert written == fronts_file(table)
    assert written.read_text() == fronts_file(Table.open(find("macronas"))).read_text()
    written.unlink()
    stored = json.loads(fronts_file(Table.open(find("nasbench201"))).read_text())
    assert set(stored["fronts"]) == {f"{d}/latency_{device}" for d in NASBENCH201_DATA_SETS for device in DEVICES}


@pytest.mark.parametrize(("name", "volume", "size"), [("cifar10", 90.43, 47), ("cifar100", 68.01, 51)])
def test_the_benchmarks_own_fronts_under_the_pinned_scale(
    name: str, volume: float, size: int, data: Callable[[str], Path]
) -> None:
    """The published hypervolumes; the emulation's front is near, and says which it is."""
    published = json.loads(data(f"macronas_pareto_{name}.json").read_text())["14"]
    emulated = task(f"macronas/{name}/mmacs").oracle
    least, most = emulated.front.ranges["mmacs"]
    mmacs = (emulated.space.mmacs(from_strings(published["genotypes"])) - least) / (most - least)
    points = np.stack([1 - np.array(published["fitness"])[:, 0], mmacs], axis=1)
    assert len(points) == size
    assert round(100 * hypervolume(points, np.ones(2)), 2) == volume
    assert 100 * emulated.front.hypervolume == pytest.approx(volume, abs=0.03)
    assert emulated.provenance["kind"] == "calibrated"


def test_a_file_of_another_table_does_not_count_and_a_damaged_one_is_told(elsewhere: Path, tmp_path: Path) -> None:
    shutil.copy(elsewhere / "macronas.h5", tmp_path)
    beside = tmp_path / "macronas.fronts.json"
    whole = json.loads(fronts_file(Table.open(find("macronas"))).read_text())
    beside.write_text(json.dumps({**whole, "fingerprint": "another"}))
    oracle = tabular_oracle("macronas/cifar10", objectives=("error", "mmacs"), tables=tmp_path)
    assert not true_front(oracle).stored
    for text in ("{", "[]", json.dumps({**whole, "fronts": {"cifar10/mmacs": {"rows": [10**9]}}})):
        beside.write_text(text)
        with pytest.raises(UserError, match=r"macronas\.fronts\.json is damaged: delete it"):
            true_front(oracle)


def test_limits_leave_a_front_of_what_keeps_them_on_the_same_scale() -> None:
    free, limited = (
        task("nasbench201/cifar10/fpga", limits=limits).oracle for limits in ({}, {"parameters": 400_000.0})
    )
    assert limited.front.ranges == free.front.ranges
    assert limited.front.hypervolume < free.front.hypervolume
    assert (limited.space.parameters(limited.front.codes) <= 400_000).all()
    cells = limited.space.sample(np.random.default_rng(0), 2000)
    cells = cells[limited.space.parameters(cells) <= 400_000]
    from nasbench_sim.oracle import Request

    answers = limited.evaluate(Request(cells), 0)
    assert (answers.violation == 0).all()
    points = np.concatenate([limited.front.points, answers.objectives])
    assert hypervolume(points, np.ones(2)) == pytest.approx(limited.front.hypervolume, abs=1e-12)


def test_three_objectives_and_whatever_else_a_table_has() -> None:
    found = task("nasbench201/cifar10/parameters+pixel3").oracle
    assert found.objectives == ("error", "parameters", "latency_pixel3")
    assert not found.front.stored
    assert found.front.units == ("", "", "ms")
    assert len(found.front.points) > 20
    assert set(SEVERAL).isdisjoint(TASKS)
    assert sum(name.startswith("nasbench201/") for name in SEVERAL) == 3 * 27


def test_an_objective_without_a_scale_is_told() -> None:
    table = Table.open(find("nasbench201"))
    oracle = TabularOracle(NASBench201(), table, "cifar10", objectives=("error", "latency_fpga"))
    whole = true_front(oracle)
    assert front_within(oracle, whole, oracle.rows).points.tolist() == whole.points.tolist()
    with pytest.raises(UserError, match="has no objective 'latency_pixel9'"):
        task("nasbench201/cifar10/latency_pixel9")
