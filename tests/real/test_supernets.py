"""Super-nets hold every network of their space, learn, forget nothing between proxies, and say when they fail."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, the extra `real`")

from nasbench_sim import Request, Task, UserError, WeightSharing, simulate
from nasbench_sim.real import __main__ as command
from nasbench_sim.real.clocks import TableClock
from nasbench_sim.real.device import device
from nasbench_sim.real.feeding import feed
from nasbench_sim.real.networks import Shape, network, parameters
from nasbench_sim.real.recipes import Recipe
from nasbench_sim.real.supernets import VARIANTS, supernet
from nasbench_sim.real.supernets.oracle import SuperNetOracle
from nasbench_sim.real.supernets.training import CONVERGED, DID_NOT, spearman, train_supernet
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import SUBSPACES, NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.tabular import find, write_table
from tests import synthetic
from tests.real import small

CPU = device("cpu")
SMALL = Shape(1, 2, 4, 1)
SPACES = {"nasbench101": NASBench101("A4"), "nasbench201": NASBench201(), "macronas": MacroNAS()}


WIDE = Shape(1, 2, 8, 1)  # a cell of NAS-Bench-101 shares its filters out


def shape(space):
    return {"macronas": Shape(1, 2, 4), "nasbench101": WIDE}.get(space.name, SMALL)


def used(net, code, images) -> int:
    """Weights that the path of a code reads, by what has a gradient that is not all of it zero by slicing."""
    net.zero_grad(set_to_none=True)
    net(images, code).square().sum().backward()
    return sum(one.numel() for one in net.parameters() if one.grad is not None)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("variant", ["bns_ft", "single_k"])
def test_every_architecture_is_in_it(name, variant):
    space = SPACES[name]
    net = supernet(space, shape(space), variant)
    images = torch.rand(4, 1, 8, 8)
    for code in space.sample(np.random.default_rng(0), 6):
        assert net(images, code).shape == (4, 2)
    if variant == "single_k":
        assert parameters(net) < parameters(supernet(space, shape(space), "bns_ft"))


@pytest.mark.parametrize("subspace", SUBSPACES)
def test_all_seven_spaces_of_nasbench101_have_one(subspace):
    space = NASBench101(subspace)
    net = supernet(space, WIDE, "bns_ft")
    for code in space.sample(np.random.default_rng(1), 4):
        assert torch.isfinite(net(torch.rand(2, 1, 8, 8), code)).all()
    widest = int(subspace[1]) if subspace[0] == "A" else 1
    # A cell of A_i shares its filters out over i nodes, so no node of its super-net holds more than its part.
    assert max(net.most[0][1:6]) == -(-8 // widest)


def test_a_path_uses_the_weights_of_the_network_and_no_others():
    """NAS-Bench-201 and MacroNAS, where nothing is sliced: as many weights as the network by itself."""
    images = torch.rand(4, 1, 8, 8)
    for space in (SPACES["nasbench201"], SPACES["macronas"]):
        net = supernet(space, shape(space), "bns_ft")
        for code in space.sample(np.random.default_rng(2), 3):
            if space.name == "nasbench201":
                code = np.array([3, 2, 3, 1, 4, 2], np.uint8)  # every edge is read
            alone = network(space, code, shape(space))
            assert used(net, code, images) == parameters(alone)


def test_a_path_of_nasbench101_computes_what_the_network_computes_with_the_first_filters():
    space = NASBench101("A1")
    code = space.sample(np.random.default_rng(4), 1)[0]
    net, alone = supernet(space, WIDE, "bns_ft"), network(space, code, WIDE)
    steps = net.plan(code.tobytes())
    with torch.no_grad():
        alone[0][0].weight.copy_(net.stem.weight)
        cells = [one for one in alone if hasattr(one, "project")]
        for cell, shared in zip(cells, net.cells, strict=True):
            for node, operation, channels, _, from_input in steps:
                wide = channels[shared.stack]
                if from_input:
                    weight = cell.project[str(node)][0].weight
                    weight.copy_(shared.convolutions[f"{node} input"].weight[:wide, : weight.shape[1]])
                if operation in (1, 2):
                    kernel = 3 if operation == 1 else 1
                    weight = cell.operations[str(node)][0].weight
                    weight.copy_(shared.convolutions[f"{node} {kernel}"].weight[:wide, :wide])
        alone[-1].linear.load_state_dict(net.head.linear.state_dict())
    images = torch.rand(4, 1, 8, 8)
    torch.testing.assert_close(net(images, code), alone(images), atol=1e-5, rtol=1e-4)


def test_unknown_variants_and_spaces_are_told():
    with pytest.raises(UserError, match="choose from no_ft, bns_ft"):
        supernet(NASBench201(), SMALL, "both")
    with pytest.raises(UserError, match="darts has no super-net"):
        supernet(DARTS(), SMALL, "bns_ft")


QUICK = Recipe(epochs=8, batch_size=32, learning_rate=0.05)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars")
    small.write(folder / "bars.npz", 400)  # fewer would leave too few to tell a good super-net from chance
    return feed(small.data(folder), CPU)


def test_it_learns_and_proxies_leave_it_as_it_was(splits):
    space = SPACES["nasbench201"]
    found = train_supernet(space, SMALL, splits, QUICK, CPU, "bns_ft", 0)
    assert (found.status, found.median > found.chance) == (CONVERGED, True)
    before = [one.clone() for one in found.net.state_dict().values()]
    codes = space.sample(np.random.default_rng(0), 12)
    once = found.proxies(codes)
    assert ((once >= 0) & (once <= 1)).all()
    assert (found.proxies(codes[::-1])[::-1] == once).all()
    assert (found.proxies(codes, "no_ft") != once).any()
    assert all(torch.equal(one, other) for one, other in zip(before, found.net.state_dict().values(), strict=True))
    again = train_supernet(space, SMALL, splits, QUICK, CPU, "bns_ft", 0)
    assert (again.proxies(codes) == once).all()


@pytest.mark.parametrize("variant", VARIANTS[2:])
def test_every_variant_trains(splits, variant):
    found = train_supernet(SPACES["nasbench101"], WIDE, splits, QUICK.with_(epochs=1), CPU, variant, 0)
    assert found.seconds > 0
    assert found.status in (CONVERGED, DID_NOT)


def test_one_that_has_learned_nothing_is_found_out(splits):
    wild = QUICK.with_(learning_rate=1e5, momentum=0.0, weight_decay=0.0, epochs=2)
    found = train_supernet(SPACES["macronas"], Shape(1, 2, 2), splits, wild, CPU, "bns_ft", 0)
    assert found.status == DID_NOT


def test_an_interrupted_one_goes_on(splits, tmp_path, monkeypatch):
    from nasbench_sim.real.supernets import training

    space, how = SPACES["nasbench201"], QUICK.with_(epochs=3)
    codes = space.sample(np.random.default_rng(0), 5)
    whole = train_supernet(space, SMALL, splits, how, CPU, "bns_ft", 1).proxies(codes)
    count, drawn = [], training.batches

    def stopped(fed, size, seed, epoch):
        count.append(epoch)
        if len(count) == 3:
            raise KeyboardInterrupt
        return drawn(fed, size, seed, epoch)

    monkeypatch.setattr(training, "batches", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_supernet(space, SMALL, splits, how, CPU, "bns_ft", 1, tmp_path / "x.pt", every_seconds=0)
    found = train_supernet(space, SMALL, splits, how, CPU, "bns_ft", 1, tmp_path / "x.pt", every_seconds=0)
    assert count == [0, 1, 2, 2]
    assert (found.proxies(codes) == whole).all()


def test_weights_of_another_super_net_and_damaged_ones_are_passed_over(splits, tmp_path):
    """Those of another sub-space fit in part, so that a part could be taken over."""
    file, one, other = tmp_path / "x.pt", NASBench101("A1"), NASBench101("A2")
    fresh = train_supernet(other, WIDE, splits, QUICK.with_(epochs=1), CPU, "bns_ft", 0)
    codes = other.sample(np.random.default_rng(0), 5)
    train_supernet(one, WIDE, splits, QUICK.with_(epochs=1), CPU, "bns_ft", 0, file, {"space": "A1"})
    how = QUICK.with_(epochs=1)
    found = train_supernet(other, WIDE, splits, how, CPU, "bns_ft", 0, file, {"space": "A2"})
    assert (found.proxies(codes) == fresh.proxies(codes)).all()
    state = torch.load(file, weights_only=True)
    state["network"].popitem()
    torch.save(state, file)
    found = train_supernet(other, WIDE, splits, how, CPU, "bns_ft", 0, file, {"space": "A2"})
    assert (found.proxies(codes) == fresh.proxies(codes)).all()


def test_a_super_net_that_does_not_fit_into_memory_is_told_in_one_line(splits, monkeypatch):
    from nasbench_sim.real.supernets import training

    def full(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")

    monkeypatch.setattr(training, "supernet", full)
    with pytest.raises(UserError, match="does not fit into memory"):
        train_supernet(SPACES["nasbench201"], SMALL, splits, QUICK, CPU, "bns_ft", 0)
    with pytest.raises(UserError, match="without a moving average"):
        train_supernet(SPACES["nasbench201"], SMALL, splits, QUICK.with_(average=0.9), CPU, "bns_ft", 0)


def test_a_timing_table_charges_super_nets_at_their_own_width_and_proxies_by_their_passes(tmp_path):
    space = NASBench101("A4")
    codes = NASBench101().enumerate()
    seconds = np.stack([np.full(len(codes), 8.0), np.full(len(codes), 1.0)], axis=1)
    about = {
        "content": "timing", "name": "t", "title": "t", "description": "t", "space": space.name, "kind": "measured",
        "licence": "CC0-1.0", "source": "t", "created_by": "t", "device": "d", "batch_size": 16, "widths": (128, 8),
    }  # fmt: skip
    arrays = {"codes": codes, "forward_seconds": seconds, "backward_seconds": 2 * seconds}
    table = write_table(tmp_path / "t.h5", about, arrays, keys=NASBench101().key(codes))
    real = small.oracle(tmp_path, space, width=8)
    images = len(real.data.train), len(real.data.validation)
    clock = TableClock(table, NASBench101(), None, images)
    assert clock.at(8).text.endswith("width 8")
    assert clock.at(7) is clock
    oracle = SuperNetOracle(small.oracle(tmp_path, space, width=8, clock=clock), QUICK.with_(epochs=2), "sk_pr")
    request = Request(space.sample(np.random.default_rng(0), 3), source="proxy")
    answers = oracle.evaluate(request, 0)
    assert images == (48, 16)
    assert answers.seconds.tolist() == [1.0 + 1.0] * 3  # a batch for statistics, and one of validation
    assert oracle.sources["proxy"].setup_seconds == pytest.approx(
        2 * 3 * 3.0 + 1.0
    )  # 2 epochs of 3 batches, validation


def test_proxies_and_trainings_answer_one_search(tmp_path):
    real = small.oracle(tmp_path)
    oracle = SuperNetOracle(real, QUICK.with_(epochs=2), supernets=2)
    assert oracle.sources["proxy"].setup_seconds == 0
    request = Request(oracle.space.sample(np.random.default_rng(0), 5), source="proxy")
    answers = oracle.evaluate(request, np.arange(5, dtype=np.uint64))
    assert answers.objectives.shape == (5, 1)
    assert not answers.failed.any()
    assert oracle.sources["proxy"].setup_seconds == pytest.approx(np.mean([one["seconds"] for one in oracle.status]))
    other = SuperNetOracle(small.oracle(tmp_path), QUICK.with_(epochs=2), supernets=2)
    again = other.evaluate(request, np.arange(5, dtype=np.uint64))
    assert (again.objectives == answers.objectives).all()
    assert (again.seconds == answers.seconds).all()

    def sharing(space, random):
        return WeightSharing(space, random, inner=lambda s, r: RandomSearch(s, r, draw=6), proxies=6)

    trace = simulate(Task("t", oracle), sharing, seed=0, evaluations=3, name="ws")
    assert trace.about["answered"] == {"proxy": 6, "train": 3}
    assert trace.about["setup_seconds"] == oracle.sources["proxy"].setup_seconds
    assert real.trained == 3


def test_the_command_correlates_proxies_with_a_table(tmp_path, capsys):
    space = NASBench201()
    table = synthetic.write(tmp_path / "t.h5", space, synthetic.figures(space))
    data, out = small.write(tmp_path / "bars.npz"), tmp_path / "nets.json"
    options = ["supernet", "nasbench201", "--data", str(data), "-o", str(out), "--device", "cpu", "--width", "4"]
    assert command.main([*options, "--epochs", "6", "--cells", "20", "--against", str(table.path)]) == 0
    shown = capsys.readouterr().out
    told = json.loads(out.read_text())
    assert told["cells"] == 20
    assert told["against"][:2] == ["t", "measured"]
    net = told["supernets"][0]
    assert f"super-net 0: {net['status']}" in shown
    if net["status"] == CONVERGED:
        assert set(net["spearman"]) == {"no_ft", "bns_ft"}
    for wrong, message in ((["--variant", "both"], "unknown variant"), (["--against", str(data)], "not an HDF5 file")):
        assert command.main([*options, *wrong]) == 2
        assert message in capsys.readouterr().err
    for space, message in (("darts", "no super-net"), ("ofa", "no super-net")):
        assert command.main(["supernet", space, *options[2:]]) == 2
        assert message in capsys.readouterr().err
    before = json.loads(out.read_text())["supernets"]
    again = small.write(tmp_path / "more.npz", 120)
    assert command.main([*options[:3], str(again), *options[4:], "--epochs", "6", "--cells", "20"]) == 0
    assert json.loads(out.read_text())["supernets"][0]["seconds"] != before[0]["seconds"]  # trained, not found
    other = synthetic.write(tmp_path / "o.h5", NASBench101("A4"), synthetic.figures(NASBench101("A4")))
    assert command.main([*options, "--against", str(other.path)]) == 2
    assert "not of nasbench201" in capsys.readouterr().err
    timed = str(find("timings/k80"))
    assert command.main([*options, "--against", timed]) == 2
    assert "holds seconds and no errors" in capsys.readouterr().err
    digits = str(find("nasbench201_digits"))
    assert command.main([*options, "--against", digits]) == 2
    assert "recorded on other data (digits) than --data bars" in capsys.readouterr().err


def test_rank_correlation_is_with_accuracy_and_leaves_failures_out():
    assert spearman([0.1, 0.5, 0.9, 0.3], [0.9, 0.5, 0.1, np.nan]) == pytest.approx(1.0)
