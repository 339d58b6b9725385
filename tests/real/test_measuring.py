"""Measured passes, the model for what was not measured, and the table that suites take."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, the extra `real`")

import suites
from nasbench_sim import UserError
from nasbench_sim.real import measuring
from nasbench_sim.real.device import device
from nasbench_sim.real.measuring import measure_space, published_widths
from nasbench_sim.real.passes import measure
from nasbench_sim.real.timing_model import fit, work
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import LIVE, NASBench201
from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
from nasbench_sim.tabular import Table, find
from suites.timings import with_timing

CPU = device("cpu")


def test_a_pass_takes_time_forward_and_backward():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 3))
    forward, backward = measure(net, torch.rand(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64), CPU)
    assert forward > 0
    assert backward > 0


def test_the_device_is_waited_for_before_each_reading_of_the_clock():
    waits = []

    class Slow(type(CPU)):
        def wait(self):
            waits.append(1)

    measure(torch.nn.Flatten(), torch.rand(4, 3, requires_grad=True), torch.zeros(4, dtype=torch.int64),
            Slow("cpu", "x", False))  # fmt: skip
    assert len(waits) % 3 == 0
    assert len(waits) >= 3 * 3


@pytest.mark.parametrize("space", [NASBench101("A4"), NASBench201(), MacroNAS(), NASBenchMacro()])
def test_seconds_that_add_up_are_found_by_the_model(space):
    """Of a roofline's seconds, or of prices per operation, with 1% noise."""
    rng = np.random.default_rng(0)
    codes = space.sample(rng, 120)
    amounts = work(space, codes, 16)
    scale = amounts.max(axis=0)
    truth = amounts / scale @ rng.uniform(0.2, 1.0, amounts.shape[1])
    found = fit(amounts[:100], truth[:100] * rng.normal(1, 0.01, 100))
    assert np.abs(found(amounts[100:]) / truth[100:] - 1).max() < 0.05
    assert found.error < 0.02
    assert (found.prices >= 0).all()


def test_work_tells_convolutions_of_both_sizes_apart():
    space = NASBench101()
    rng = np.random.default_rng(1)
    codes = space.sample(rng, 50)
    amounts = work(space, codes, 128)
    assert amounts.shape[0] == 50
    assert (amounts >= 0).all()
    with pytest.raises(UserError, match="cannot be listed"):
        work(DARTS(), DARTS().sample(rng, 1), 16)


def test_cells_without_a_path_do_not_spoil_the_seconds_of_all_others():
    """Their backward pass stops at the classifier, a hundredth of what others take."""
    space, rng = NASBench201(), np.random.default_rng(0)
    codes = np.concatenate([space.sample(rng, 200), [[2, 0, 0, 0, 0, 0], [0, 0, 3, 0, 0, 3], [3, 3, 3, 0, 0, 0]]])
    _, _, convolutions, _, paths = space.features(codes)[:, LIVE].T
    assert (paths == 0).sum() > 3
    seconds = np.where(paths > 0, 1.0 + 0.2 * convolutions, 0.01)
    found = fit(work(space, codes, 16), seconds)
    assert np.abs(found(work(space, codes, 16)) / seconds - 1).max() < 0.01
    assert found.worst < 0.01


@pytest.fixture
def quick(monkeypatch):
    """In place of a device: seconds that follow from the number of weights."""
    called = []

    def measured(net, images, labels, device):
        called.append(images.shape)
        weights = sum(one.numel() for one in net.parameters())
        return 1e-3 + 1e-8 * weights, 2e-3 + 3e-8 * weights

    monkeypatch.setattr(measuring, "measure", measured)
    return called


def test_a_fitted_table_holds_the_space_and_says_how_good_it_is(tmp_path, quick):
    path, space = tmp_path / "mine.h5", NASBench201()
    table = measure_space(space, CPU, path, widths=(4,), cells=1, batch=2, side=8, sample=25)
    assert quick == [(2, 3, 8, 8)] * 75  # three rounds
    assert len(table) == 15625
    assert (table.kind, table.content) == ("fitted", "timing")
    assert table.attributes["measured"] == 25
    assert table.attributes["held_out_error"] < 0.02
    assert "25 configurations measured" in table.attributes["description"]
    before = table.fingerprint
    again = measure_space(space, CPU, path, widths=(4,), cells=1, batch=2, side=8, sample=25)
    assert len(quick) == 75  # measured once
    with pytest.raises(UserError, match="was measured with batch_size 2 and not 3"):
        measure_space(space, CPU, path, widths=(4,), cells=1, batch=3, side=8, sample=25)
    once = measure_space(space, CPU, tmp_path / "once.h5", widths=(4,), cells=1, batch=2, side=8, sample=25, repeats=1)
    assert "spread" not in once.attributes
    assert "the spread is not known" in once.attributes["description"]
    assert again.fingerprint == before


def test_a_disturbance_spoils_one_repeat_of_a_network_and_not_all(tmp_path, monkeypatch):
    calls = []

    def measured(*_):
        calls.append(1)
        return (9.0, 9.0) if 20 < len(calls) <= 40 else (1.0, 2.0)  # all of the second round

    monkeypatch.setattr(measuring, "measure", measured)
    table = measure_space(NASBench201(), CPU, tmp_path / "m.h5", widths=(2,), cells=1, batch=1, side=2, sample=20)
    assert np.median(table.array("forward_seconds")) == pytest.approx(1.0, rel=1e-3)
    assert table.attributes["spread"] == pytest.approx(5.0)


def test_suites_take_it_as_their_clock(tmp_path, quick, nb201_table):
    from nasbench_sim import Request, Task
    from nasbench_sim.tabular.oracle import TabularOracle

    path = tmp_path / "mine.h5"
    table = measure_space(NASBench201(), CPU, path, widths=(4,), cells=1, batch=256, side=2, sample=20)
    task = Task("nasbench201/cifar10", TabularOracle(NASBench201(), nb201_table, "cifar10"))
    timed = with_timing(task, str(path), None)
    codes = NASBench201().sample(np.random.default_rng(0), 5)
    rows = table.index(NASBench201()).rows(NASBench201().key(codes))
    forward, backward = (table.array(f"{which}_seconds")[rows, 0] for which in ("forward", "backward"))
    answers, before = (one.oracle.evaluate(Request(codes), 0) for one in (timed, task))
    assert answers.seconds == pytest.approx(108 * 98 * (forward + backward) + 98 * forward)
    assert (answers.objectives == before.objectives).all()
    assert (answers.seconds != before.seconds).all()
    assert timed.oracle.provenance["clock fingerprint"] != task.oracle.provenance["clock fingerprint"]


def test_the_embedded_clock_by_name_is_the_embedded_clock(nasbench101):
    task = suites.task("nasbench101/A4")
    timed = with_timing(task, "k80", None)
    assert timed.oracle.setup_seconds == pytest.approx(task.oracle.setup_seconds)
    assert np.array_equal(timed.oracle.trained.seconds(108.0), task.oracle.trained.seconds(108.0), equal_nan=True)
    with pytest.raises(UserError, match="another space"):
        with_timing(suites.task("nasbench201/cifar10"), "k80", None)
    with pytest.raises(UserError, match="no timing table"):
        with_timing(task, str(find("nasbench201")), None)


def test_all_of_a_space_needs_no_model(tmp_path, quick, monkeypatch):
    codes = NASBenchMacro().enumerate()[:30]
    monkeypatch.setattr(NASBenchMacro, "enumerate", lambda self: codes)
    table = measure_space(NASBenchMacro(), CPU, tmp_path / "m.h5", widths=(2,), batch=1, side=2, sample=None)
    assert table.kind == "measured"
    assert len(quick) == 3 * 30
    assert published_widths(NASBench101()) == (128, 16)
    assert Table.open(tmp_path / "m.h5").attributes["device"] == CPU.name
