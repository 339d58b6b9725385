"""Two output folders side by side, and folders that cannot be read."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reports
from nasbench_sim.errors import UserError
from nasbench_sim.trace import Trace
from reports.compare import COLUMNS, compare
from reports.results import read
from reports.side_by_side import only_in, side_by_side, what_differs
from reports.statistics import paired


@pytest.fixture
def copy(generic: Any) -> Any:
    """A second folder of the same runs, to be changed at will."""
    other = generic.path.with_name("other")
    shutil.copytree(generic.path, other)

    class Copy:
        path = other
        manifest = json.loads((other / "suite.json").read_text())

        def write(self) -> None:
            (other / "suite.json").write_text(json.dumps(self.manifest))

        def change(self, worse: float, task: str = "", strategy: str = "") -> None:
            """Add a figure to what the runs found, a little different for every seed."""
            for name, who, seed, path in self.manifest["runs"]:
                if task in name and strategy in who:
                    old = Trace.load(other / path)
                    shift = worse * (1 + 0.1 * (seed % 3))
                    replace(old, objectives=old.objectives + shift, held_out=old.held_out + shift).save(other / path)

    return Copy()


def rows(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (path / "compare.csv").open(newline="", encoding="utf-8") as stream:
        return {(row["task"], row["strategy"]): row for row in csv.DictReader(stream)}


def test_a_folder_beside_itself_is_identical(generic: Any, copy: Any, tmp_path: Path) -> None:
    made = compare(generic.path, copy.path, tmp_path / "out")
    found = rows(tmp_path / "out")
    assert {row["verdict"] for row in found.values()} == {"identical"}
    assert "4 identical" in made.verdict
    assert tuple(next(iter(found.values()))) == COLUMNS
    assert made.verdict.isascii()


def test_differences_are_paired_by_seed(generic: Any, copy: Any, tmp_path: Path) -> None:
    copy.change(0.004, "one", "A")
    copy.change(-0.002, "one", "B")
    compare(generic.path, copy.path, tmp_path / "out")
    found = rows(tmp_path / "out")
    worse, better = found["toy/one", "A"], found["toy/one", "B"]
    assert (worse["verdict"], better["verdict"], found["toy/two", "A"]["verdict"]) == ("worse", "better", "identical")
    shifts = 0.004 * (1 + 0.1 * (np.arange(8) % 3))
    expected = paired(np.zeros(8), shifts).difference
    assert float(worse["difference"]) == pytest.approx(-shifts.mean())
    assert float(worse["interval_low"]) == pytest.approx(expected.low)
    assert worse["common_seeds"] == "8"
    # Holm is over the two cells that are not identical.
    assert float(worse["p_holm"]) <= 2 * float(worse["p_value"])
    assert (tmp_path / "out" / "figures" / "compare.pdf").is_file()


def test_order_of_rows_does_not_matter_but_seeds_do(generic: Any, copy: Any) -> None:
    copy.change(0.004, "one", "A")
    before = side_by_side(read(generic.path), read(copy.path))
    copy.manifest["runs"].reverse()
    copy.write()
    assert [one.difference for one in side_by_side(read(generic.path), read(copy.path))] == [
        one.difference for one in before
    ]


def test_fewer_seeds_are_paired_as_far_as_they_go(generic: Any, copy: Any) -> None:
    copy.change(0.004)
    copy.manifest["runs"] = [run for run in copy.manifest["runs"] if run[2] < 5]
    for strategy in copy.manifest["strategies"]:
        strategy["seeds"] = 5
    copy.write()
    one = side_by_side(read(generic.path), read(copy.path))[0]
    assert (one.common, one.only_a, one.only_b) == (5, 3, 0)
    assert one.difference.n == 5
    assert not one.identical


def test_a_single_common_seed_is_compared_unpaired(generic: Any, copy: Any, tmp_path: Path) -> None:
    copy.change(0.004)
    copy.manifest["runs"] = [run for run in copy.manifest["runs"] if run[2] < 1]
    for strategy in copy.manifest["strategies"]:
        strategy["seeds"] = 1
    copy.write()
    one = side_by_side(read(generic.path), read(copy.path))[0]
    assert one.paired is None
    assert (one.verdict, one.difference.method) == ("undecided", "Welch, unpaired")
    assert "has one value" in one.difference.note
    compare(generic.path, copy.path, tmp_path / "out")


def test_what_else_differs_is_told(generic: Any, copy: Any, tmp_path: Path) -> None:
    copy.manifest["tasks"][0]["provenance"]["fingerprint"] = "0" * 64
    copy.manifest["engine"] = "1" * 64
    copy.manifest["strategies"].append({"name": "C", "title": "c", "seeds": 1, "cluster": None})
    for task in ("toy/one", "toy/two"):
        old = Trace.load(copy.path / next(run[3] for run in copy.manifest["runs"] if run[0] == task))
        path = copy.path / "runs" / f"{task.replace('/', '-')}-c.run"
        replace(old, about={**old.about, "strategy": "C", "seed": 0}).save(path)
        copy.manifest["runs"].append([task, "C", 0, path.relative_to(copy.path).as_posix()])
    copy.write()
    a, b = read(generic.path), read(copy.path)
    assert {name for name, _, _ in what_differs(a, b)} == {"engine", "one: fingerprint"}
    assert only_in(b, a) == ["toy/one C", "toy/two C"]
    page = compare(generic.path, copy.path, tmp_path / "out").page.read_text("utf-8")
    assert "Not alone the strategies differ, but also one: fingerprint" in page
    assert "only in B: toy/one C" in page


def test_nothing_in_common_and_other_metrics_are_refused(generic: Any, copy: Any) -> None:
    for task in copy.manifest["tasks"]:
        task["name"] = task["name"].replace("toy", "elsewhere")
    for run in copy.manifest["runs"]:
        run[0] = run[0].replace("toy", "elsewhere")
        old = Trace.load(copy.path / run[3])
        replace(old, about={**old.about, "task": run[0]}).save(copy.path / run[3])
    copy.write()
    with pytest.raises(UserError, match="nothing to compare"):
        side_by_side(read(generic.path), read(copy.path))


def test_other_metrics_are_refused(generic: Any, copy: Any) -> None:
    for task, _, _, path in copy.manifest["runs"]:
        if task == "toy/one":
            old = Trace.load(copy.path / path)
            replace(old, held_out=np.empty((len(old.seconds), 0)), about={**old.about, "optimum": []}).save(
                copy.path / path
            )
    with pytest.raises(UserError, match=r"judged by test regret .* and by validation regret"):
        side_by_side(read(generic.path), read(copy.path))


def test_the_command(generic: Any, copy: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "reports.compare", str(generic.path)]
    done = subprocess.run(
        [*command, str(copy.path), "--out", str(tmp_path / "o")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "page: " in done.stdout
    done = subprocess.run([*command, str(tmp_path / "nowhere")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: ")


def refused(folder: Any) -> str:
    with pytest.raises(UserError) as told:
        reports.build(folder.path)
    assert "\n" not in str(told.value)
    assert "again" in str(told.value)
    return str(told.value)


def test_seeds_that_the_manifest_lacks_are_missing(generic: Any) -> None:
    generic.manifest["runs"] = [run for run in generic.manifest["runs"] if run[2] != 3]
    generic.write()
    assert "lacks 4 of 28 runs (the first: toy/one, A, seed 3)" in refused(generic)


def test_a_run_listed_twice_is_refused(generic: Any) -> None:
    generic.manifest["runs"].append(generic.manifest["runs"][0])
    generic.write()
    assert "lists a run twice (toy/one, A, seed 0)" in refused(generic)


@pytest.mark.parametrize("part", ["runs", "tasks", "strategies"])
def test_an_empty_folder_is_refused(generic: Any, part: str) -> None:
    generic.manifest[part] = []
    generic.manifest["comparisons"] = []
    generic.write()
    assert "lists no runs" in refused(generic)


@pytest.mark.parametrize("about", [{"identity": "f" * 64}, {"suite": "another"}])
def test_a_run_of_another_identity_or_suite_is_refused(generic: Any, about: dict[str, str]) -> None:
    path = generic.path / generic.manifest["runs"][5][3]
    old = Trace.load(path)
    replace(old, about={**old.about, **about}).save(path)
    assert "1 of 28 stored runs are damaged" in refused(generic)


def test_runs_of_mixed_versions_are_refused(generic: Any) -> None:
    path = generic.path / generic.manifest["runs"][5][3]
    old = Trace.load(path)
    replace(old, about={**old.about, "engine": "0" * 64}).save(path)
    assert "mixes runs of different versions" in refused(generic)
