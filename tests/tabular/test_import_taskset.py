"""TaskSet's learning curves as a table: curves, divergence, and files that are none."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench_sim import RandomSearch, simulate
from nasbench_sim.errors import UserError
from nasbench_sim.tabular.__main__ import main
from nasbench_sim.tabular.importers.taskset import import_taskset
from suites.catalogue import TASKSET_DATA_SETS, task

NAMES = ("learning_rate", "beta1", "beta2", "epsilon", "l1", "l2", "linear_decay", "exponential_decay")


def file(folder, *, n=20, points=51, seed=0, **changes):
    rng = np.random.default_rng(seed)
    curve = np.sort(rng.random((n, points)), axis=1)[:, ::-1].astype(np.float32) + 0.2
    valid = curve.copy()
    valid[3, 10:] = np.nan
    arrays = {
        "hyperparameters": np.array(NAMES),
        "configs": rng.uniform(1e-6, 1.0, (n, 8)),
        "train_loss": curve,
        "valid_loss": valid,
        "test_loss": curve + 0.1,
        **changes,
    }
    path = folder / "taskset_small.npz"
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})
    return path, arrays


def test_curves_are_kept_and_divergence_is_a_failure(tmp_path):
    path, arrays = file(tmp_path)
    table = import_taskset(path, tmp_path)
    assert (len(table), len(table.fidelities), table.resumes) == (20, 51, True)
    np.testing.assert_array_equal(table.array("small/validation")[:, :, 0], arrays["valid_loss"])
    np.testing.assert_array_equal(table.array("small/test")[:, :, 0], arrays["test_loss"])
    found = task("table:taskset_small", tables=tmp_path)
    space = found.oracle.space
    assert space.size == 20
    values = space.values(table.codes)
    assert [one["learning_rate"] for one in values] == pytest.approx(arrays["configs"][:, 0].tolist())
    trace = simulate(found, RandomSearch, evaluations=20, record="all")
    assert np.isnan(trace.objectives).sum() == 1
    assert trace.about["seconds"] == pytest.approx(20.0)  # one each, the failed one as well


def test_the_command_imports_the_published_files(data, tmp_path, capsys):
    for name in TASKSET_DATA_SETS:
        assert main(["import", "taskset", str(data(f"taskset_{name}.npz")), "-o", str(tmp_path)]) == 0
    assert "1,000 rows" in capsys.readouterr().out
    failed = {}
    for name in TASKSET_DATA_SETS:
        oracle = task(f"taskset/{name}", tables=tmp_path).oracle
        failed[name] = int(np.isnan(oracle.mean_error(51)).sum())
    assert list(failed.values()) == [99, 1, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"valid_loss": np.full((20, 51), -1.0, np.float32)}, "below 0"),
        ({"test_loss": np.ones((20, 50), np.float32)}, "other shapes"),
        ({"configs": np.full((20, 8), 0.5)}, "twice"),
        ({"configs": np.full((20, 8), np.nan)}, "are none"),
        ({"test_loss": None}, "is it the right file"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, changes, message):
    path, _ = file(tmp_path, **changes)
    with pytest.raises(UserError, match=message) as refusal:
        import_taskset(path, tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_name_that_tells_no_task_is_refused(tmp_path):
    with pytest.raises(UserError, match="must be taskset_"):
        import_taskset(tmp_path / "curves.npz", tmp_path)
    with pytest.raises(UserError, match="no such file"):
        import_taskset(tmp_path / "taskset_none.npz", tmp_path)
