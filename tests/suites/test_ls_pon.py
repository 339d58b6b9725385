"""The suite of local search: its published figures, its tasks under noise, and what its runs keep."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim import simulate_many
from nasbench_sim.errors import UserError
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.trace import Trace
from suites import ls_pon, run
from suites.ls_evidence import SAMPLE, write_evidence
from suites.work import Order, load, load_task
from tests import synthetic

SPACE = NASBench201()
DATA_SETS = ("cifar10", "cifar100", "imagenet16_120")
TASKS = "nasbench201/cifar10,cifar10@repeat,cifar10@2"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic table of NAS-Bench-201 with its three data sets."""
    folder = tmp_path_factory.mktemp("tables")
    arrays = {"codes": synthetic.codes_of(SPACE)}
    for seed, data_set in enumerate(DATA_SETS):
        found = synthetic.figures(SPACE, seed)
        arrays |= {name.replace("cifar10", data_set): found[name] for name in found if name != "codes"}
    synthetic.write(folder / "nasbench201.h5", SPACE, arrays, data_sets=DATA_SETS)
    return folder


@pytest.fixture(scope="module")
def out(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of the suite with its report; not to be changed."""
    folder = tmp_path_factory.mktemp("suite") / "out"
    options = ["--tables", tables, "--tasks", TASKS, "--seeds", 4, "--budget", 60, "--workers", 1, "--out", folder]
    assert run.main(["ls_pon", *map(str, options)]) == 0
    return folder


def stored(out: Path, task: str, strategy: str) -> list[Trace]:
    return [Trace.load(path) for path in sorted(out.glob(f"runs/{task.replace('/', '-')}/{strategy}/*.run"))]


def test_the_published_figures_are_those_of_the_study(root: Path) -> None:
    file = root.parent / "shared" / "reference" / "published.toml"
    if not file.is_file():
        pytest.skip("needs the published figures in ../shared/reference, which are not there")
    told = tomllib.loads(file.read_text(encoding="utf-8"))["ls"]
    ours = ls_pon.published()
    tables = {"3.4": "weights", "3.5": "quality", "3.6": "evaluations", "3.7": "steps"}
    for number, name in tables.items():
        for strategy, row in ours[number].items():
            assert row == told[name][strategy], (number, strategy)
    for strategy, row in ours["3.3"].items():
        assert row == told["weights"][f"final_{strategy}"]
    assert ours["optimum"] == told["quality"]["optimal"][:-1]
    assert ours["speedup"] == told["evaluations"]["speedup_percent"]
    assert sorted(ours["weights"].values()) == sorted(told["weights_probability"].values())


def test_every_published_cell_has_its_counterpart_named() -> None:
    cells = ls_pon.suite().published
    count = {table: sum(cell["table"] == table for cell in cells) for table in {cell["table"] for cell in cells}}
    # Rows times columns, with the rows that are not printed for every column.
    assert count == {"3.2": 5, "3.3": 6, "3.4": 6 + 3, "3.5": 3 + 3 * 6 + 5, "3.6": 12 + 6, "3.7": 12}
    names = {entry.name for entry in ls_pon.suite().entries}
    assert {cell["strategy"] for cell in cells if "strategy" in cell} <= names
    keys = [(cell["table"], cell["row"], cell["column"]) for cell in cells]
    assert len(set(keys)) == len(keys)


def test_weights_of_operations_are_those_of_table_32() -> None:
    cells = [cell for cell in ls_pon.suite().published if cell["table"] == "3.2"]
    for cell in cells:
        assert cell["here"] == pytest.approx(cell["published"], abs=cell["rounding"])
    assert sum(cell["here"] for cell in cells) == pytest.approx(1)


@pytest.mark.parametrize("name", list(ls_pon.READINGS))
def test_every_reading_makes_another_suite_and_no_other_is_taken(name: str) -> None:
    for value in ls_pon.READINGS[name]:
        assert ls_pon.suite(**{name: value}).parameters[name] == value
    with pytest.raises(UserError, match=f"--set {name}=other: "):
        ls_pon.suite(**{name: "other"})


def test_noise_of_all_tasks_replaces_the_noisy_ones(tables: Path) -> None:
    assert ls_pon.suite(noise="3").tasks == ls_pon.TASKS
    found = ls_pon.suite(noise="3").make_task("nasbench201/cifar100", tables)
    assert found.oracle.provenance["noise"] == "3"
    quiet = ls_pon.suite()
    for name in quiet.tasks:
        if name.startswith("nasbench201"):
            noise = quiet.make_task(name, tables).oracle.provenance["noise"]
            assert noise == (name.partition("@")[2] or "mean")
    with pytest.raises(UserError, match="noise is one of mean, repeat"):
        ls_pon.suite(noise="loud").make_task("nasbench201/cifar10", tables)


def test_runs_on_nasbench301_have_the_budget_of_the_study() -> None:
    budgets = {name: load_task(Order("ls_pon"), name).evaluations for name in ("nasbench301", "macronas/cifar10")}
    assert budgets == {"nasbench301": 3000, "macronas/cifar10": 1500}
    assert load_task(Order("ls_pon", evaluations=60), "nasbench301").evaluations == 60
    timed = load_task(Order("ls_pon", seconds=1e6), "nasbench301")
    assert (timed.evaluations, timed.seconds) == (None, 1e6)


def test_nasbench301_can_be_answered_by_another_model_and_says_so(tmp_path: Path) -> None:
    for name, task in ls_pon.NASBENCH301.items():
        made = ls_pon.suite(nasbench301=name)
        assert task in made.tasks
        cells = [cell for cell in made.published if cell.get("task") == task]
        assert {cell["table"] for cell in cells} == {"3.5", "3.6", "3.7"}
        assert all(("another oracle" in cell.get("note", "")) == (name != "ensemble") for cell in cells)
    assert "nasbench301" not in ls_pon.suite(noise="repeat").tasks
    with pytest.raises(UserError, match="--set nasbench301=tea: "):
        ls_pon.suite(nasbench301="tea")
    with pytest.raises(UserError, match=r"no yahpo_nb301/new_model\.onnx in"):
        load_task(Order("ls_pon", (("nasbench301", "yahpo"),), str(tmp_path)), "nasbench301/yahpo")


def test_a_part_of_a_name_means_every_task_that_ends_with_it() -> None:
    suite, _ = load(Order("ls_pon", tasks=("cifar10",)))
    assert suite.tasks == ("nasbench201/cifar10", "macronas/cifar10")
    with pytest.raises(UserError, match="suite ls_pon has no task 'cifar1'; did you mean"):
        load(Order("ls_pon", tasks=("cifar10", "cifar1")))


def test_strategies_of_one_seed_start_alike(out: Path) -> None:
    starts = [[trace.codes[0].tolist() for trace in stored(out, "nasbench201/cifar10", name)]
              for name in ("RS", "LS", "LS-Weights", "LS-PON", "REA")]  # fmt: skip
    assert all(other == starts[0] for other in starts[1:])
    assert len({tuple(code) for code in starts[0]}) == 4


def test_runs_are_stored_as_improvements_with_their_steps(out: Path, tables: Path) -> None:
    order = Order("ls_pon", tables=str(tables), seeds=4, evaluations=60)
    suite, _ = load(order)
    task = load_task(order, "nasbench201/cifar10")
    for name in ("LS", "LS-PON"):
        entry = next(entry for entry in suite.entries if entry.name == name)
        plain = simulate_many(task, entry.factory, range(4), name=name)
        for kept, one in zip(stored(out, task.name, name), plain, strict=True):
            assert kept.evaluation.tolist() == one.evaluation.tolist()
            assert kept.objectives.tobytes() == one.objectives.tobytes()
            steps = np.array(kept.about["figures"]["steps"])
            assert 0 < steps.sum() < 60
            assert (np.arange(len(steps)) * steps).sum() < 60
    assert "figures" not in stored(out, task.name, "RS")[0].about


def test_the_page_holds_both_questions(out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert "Measured: " in page
    assert set(summary["local_search"]["nasbench201/cifar10"]) == {"LS-LS-PON", "LS-LS-Weights"}
    assert set(summary["noise"]["nasbench201/cifar10"]) == {
        "without noise", "one repeat", "mean of 2", "mean of 2, as many trainings",
    }  # fmt: skip
    assert summary["axis"] == "evaluations"


def test_neighbours_are_as_far_apart_as_they_are(tables: Path, tmp_path: Path) -> None:
    task = ls_pon.suite().make_task("nasbench201/cifar10", tables)
    write_evidence(task, tmp_path)
    found = json.loads((tmp_path / "local_search-nasbench201-cifar10.json").read_text())
    box = found["neighbours"]
    assert (box["configurations"], box["count"]) == (SAMPLE, 24)
    error = task.oracle.mean_error(108.0)  # type: ignore[attr-defined]
    rows = np.random.default_rng(1).choice(len(SPACE.enumerate()), 300, replace=False)
    far = []
    for code in SPACE.enumerate()[rows]:
        own, around = (task.oracle.locate(SPACE.key(c)) for c in (code[None], SPACE.neighbours(code)))  # type: ignore[attr-defined]
        far.append(np.abs(error[around] - error[own]).mean())
    assert box["mean"] == pytest.approx(np.mean(far), abs=5 * np.std(far) * np.sqrt(1 / 300 + 1 / SAMPLE))
    assert box["low"] <= box["first"] <= box["median"] <= box["third"] <= box["high"]
    assert found["optimum"] == pytest.approx(float(np.nanmin(error)))


def test_neighbours_of_a_space_that_has_no_table_are_asked_of_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suites.ls_evidence.SAMPLE", 20)
    task = ls_pon.suite().make_task("nasbench301", None)
    write_evidence(task, tmp_path)
    found = json.loads((tmp_path / "local_search-nasbench301.json").read_text())
    assert found["optimum"] == task.oracle.optimum_objectives[0]
    assert found["neighbours"]["count"] == 120
    assert 0 < found["neighbours"]["low"] < found["neighbours"]["median"] < found["neighbours"]["high"] < 0.02


def test_noisy_tasks_have_no_evidence_of_their_own(tables: Path, tmp_path: Path) -> None:
    write_evidence(ls_pon.suite().make_task("nasbench201/cifar10@repeat", tables), tmp_path)
    assert list(tmp_path.iterdir()) == []
