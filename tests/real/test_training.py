"""One training: what it learns, that it can be repeated and resumed, and how it fails."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, the extra `real`")

from nasbench_sim.errors import UserError
from nasbench_sim.real.data import Data, Split
from nasbench_sim.real.device import Device, device
from nasbench_sim.real.feeding import augmented, batches, feed, steps
from nasbench_sim.real.networks import Shape, network
from nasbench_sim.real.recipes import RECIPES, Recipe, recipe
from nasbench_sim.real.training import DIVERGED, DONE, NO_MEMORY, averaged, train
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201

CPU = device("cpu")
CODE = np.array([3, 1, 3, 1, 0, 2], np.uint8)
QUICK = Recipe(epochs=3, batch_size=32)


def bars(n: int, seed: int) -> Split:
    """Bright rows or bright columns in noise: two classes that a small network tells apart."""
    rng = np.random.default_rng(seed)
    images, labels = rng.normal(100, 20, (n, 1, 6, 6)), rng.integers(0, 2, n)
    for image, label, at in zip(images, labels, rng.integers(0, 6, n), strict=True):
        image[0, at if label else slice(None), slice(None) if label else at] += 120
    return Split(images.clip(0, 255).astype(np.uint8), labels)


DATA = Data("bars", bars(128, 0), bars(64, 1), bars(64, 2), 2, "drawn")
SPLITS = feed(DATA, CPU)


def make():
    return network(NASBench201(), CODE, Shape(1, 2, 4, 1))


def figures(outcome):
    return outcome.status, outcome.epochs, outcome.validation, outcome.test, outcome.curve


def test_a_network_learns():
    outcome = train(make, SPLITS, QUICK.with_(epochs=8), CPU, seed=0, curve=True)
    assert (outcome.status, outcome.epochs) == (DONE, 8)
    assert outcome.test["error"] < 0.25
    assert outcome.test["auc"] > 0.8
    assert outcome.seconds > 0
    assert outcome.evaluation_seconds > 0
    assert len(outcome.curve) == 8
    assert outcome.curve[-1]["validation error"] == outcome.validation["error"]


def test_a_network_of_nasbench101_is_not_judged_by_the_statistics_that_it_began_with():
    """Its normalisation gathers them slowly, so that a short training would end where it began."""
    code = NASBench101("A2").sample(np.random.default_rng(0), 1)[0]
    outcome = train(lambda: network(NASBench101(), code, Shape(1, 2, 8, 1)), SPLITS, QUICK.with_(epochs=8), CPU, seed=0)
    assert outcome.validation["error"] < 0.25


@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop", "adam"])
def test_on_a_cpu_the_same_seed_gives_the_same_figures_and_another_others(optimiser):
    how = QUICK.with_(optimiser=optimiser, learning_rate=0.01, augment=True)
    before = torch.random.get_rng_state()
    one, again, other = (train(make, SPLITS, how, CPU, seed) for seed in (5, 5, 6))
    assert figures(one) == figures(again)
    assert one.validation != other.validation
    assert torch.equal(before, torch.random.get_rng_state())


class BrokenOffError(Exception):
    pass


@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop"])
def test_an_interrupted_training_goes_on_from_its_checkpoint(optimiser, tmp_path, monkeypatch):
    from nasbench_sim.real import training

    how = QUICK.with_(optimiser=optimiser, learning_rate=0.01)
    whole = train(make, SPLITS, how, CPU, seed=1, curve=True)
    file, run_epoch = tmp_path / "x.checkpoint", training._Training.run_epoch

    def stopped(self):
        if self.epoch == 2:
            raise BrokenOffError
        return run_epoch(self)

    with monkeypatch.context() as patch:
        patch.setattr(training._Training, "run_epoch", stopped)
        with pytest.raises(BrokenOffError):
            train(make, SPLITS, how, CPU, 1, curve=True, checkpoint=file, every_seconds=0)
    assert file.is_file()
    counted = []
    monkeypatch.setattr(training._Training, "run_epoch", lambda self: counted.append(1) or run_epoch(self))
    resumed = train(make, SPLITS, how, CPU, 1, curve=True, checkpoint=file, every_seconds=0)
    assert len(counted) == 1
    assert figures(resumed) == figures(whole)
    assert not list(tmp_path.glob(".*"))


def test_a_checkpoint_that_is_damaged_unsafe_or_of_another_training_is_passed_over(tmp_path):
    import pickle

    whole, file = figures(train(make, SPLITS, QUICK, CPU, seed=1)), tmp_path / "x.checkpoint"
    train(make, SPLITS, QUICK, CPU, seed=2, checkpoint=file, every_seconds=0)
    for content in (None, b"", b"no checkpoint", pickle.dumps({"epoch": 2})):
        if content is not None:
            file.write_bytes(content)
        assert figures(train(make, SPLITS, QUICK, CPU, seed=1, checkpoint=file, every_seconds=1e9)) == whole


def test_of_a_checkpoint_that_fits_in_part_nothing_is_kept(tmp_path):
    whole, file = figures(train(make, SPLITS, QUICK, CPU, seed=1)), tmp_path / "x.checkpoint"
    train(make, SPLITS, QUICK, CPU, seed=1, checkpoint=file, every_seconds=0)
    state = torch.load(file, weights_only=True)
    state["network"].popitem()
    torch.save(state, file)
    assert figures(train(make, SPLITS, QUICK, CPU, seed=1, checkpoint=file, every_seconds=1e9)) == whole


def test_a_moving_average_of_the_weights_is_what_is_evaluated(tmp_path):
    how = QUICK.with_(epochs=2, average=0.9)
    plain, smooth = (train(make, SPLITS, one, CPU, seed=1) for one in (QUICK.with_(epochs=2), how))
    assert plain.validation["loss"] != smooth.validation["loss"]
    file = tmp_path / "x.checkpoint"
    train(make, SPLITS, how, CPU, seed=1, checkpoint=file, every_seconds=0)
    assert figures(train(make, SPLITS, how, CPU, seed=1, checkpoint=file)) == figures(smooth)
    net = make()
    average = averaged(net, how)
    average.update_parameters(net)
    weight = next(iter(average.module.parameters())).clone()
    with torch.no_grad():
        next(iter(net.parameters())).add_(1.0)
    average.update_parameters(net)
    moved = next(iter(average.module.parameters())) - weight
    torch.testing.assert_close(moved, torch.full_like(moved, 1 - 2 / 11))  # (1 + 1) / (10 + 1) is less than 0.9
    assert "average" not in QUICK.described
    assert recipe("ofa").described["average"] == 0.99
    with pytest.raises(UserError, match="in \\[0, 1\\)"):
        Recipe(average=1.0)


def test_divergence_is_a_failed_training_with_its_seconds():
    def linear():
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 2))

    wild = QUICK.with_(learning_rate=9e5, epochs=30, schedule="constant", weight_decay=10.0)
    outcome = train(linear, SPLITS, wild, CPU, seed=0)
    assert outcome.status == DIVERGED
    assert outcome.epochs < 30
    assert outcome.validation == outcome.test == {}
    assert outcome.seconds > 0


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_no_memory_is_a_failed_training_and_other_errors_are_not_hidden(error):
    class Greedy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(36, 2)

        def forward(self, images):
            raise error

    outcome = train(Greedy, SPLITS, QUICK, CPU, seed=0)
    assert (outcome.status, outcome.epochs, outcome.test) == (NO_MEMORY, 0, {})
    assert outcome.seconds > 0
    with pytest.raises(RuntimeError, match="shape"):
        train(lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(5, 2)), SPLITS, QUICK, CPU, seed=0)


def test_batches_hold_every_image_once_in_an_order_of_their_own():
    orders = [torch.cat(list(batches(SPLITS.train, 50, seed, epoch))) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for order in orders:
        assert sorted(order.tolist()) == list(range(128))
    assert len({tuple(order.tolist()) for order in orders}) == 3
    assert [steps(128, size) for size in (50, 64, 127, 200)] == [3, 2, 1, 1]
    assert len(list(batches(SPLITS.train, 127, 0, 0))) == 1  # one image alone has no statistics


def test_augmentation_moves_and_flips_images_whole():
    images = torch.zeros(200, 2, 16, 12)
    images[:, 0, 8, 3], images[:, 1, 8, 3] = 1.0, 2.0
    found = augmented(images, 0, 0, 0)
    assert found.shape == images.shape
    assert torch.equal(found, augmented(images, 0, 0, 0))
    assert not torch.equal(found, augmented(images, 0, 0, 1))
    places = {tuple(place) for place in found[:, 0].nonzero()[:, 1:].tolist()}
    columns = {3 + shift for shift in (-1, 0, 1)} | {11 - 3 + shift for shift in (-1, 0, 1)}
    assert places == {(row, column) for row in range(6, 11) for column in columns}
    assert torch.equal(2 * found[:, 0], found[:, 1])
    assert int(found[:, 0].sum()) == 200


def test_recipes_and_devices_are_checked():
    assert recipe("nasbench101").epsilon == RECIPES["nasbench101"].epsilon == 1.0
    for make_wrong, message in (
        (lambda: recipe("mine"), "no recipe 'mine'"),
        (lambda: Recipe(epochs=0), "epochs of at least 1"),
        (lambda: Recipe(learning_rate=0.0), "learning rate"),
        (lambda: Recipe(optimiser="lion"), "one of sgd, rmsprop, adam"),
        (lambda: device("tpu"), "cpu, cuda or auto"),
    ):
        with pytest.raises(UserError, match=message):
            make_wrong()
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no CUDA device"):
            device("cuda")
        assert device("auto").kind == "cpu"


def test_mixed_precision_trains_on_a_cpu_too():
    """The path that CUDA takes: channels last in memory, 16 bits in forward passes."""

    class ChannelsLast(Device):
        @property
        def layout(self):
            return torch.channels_last

    outcome = train(make, feed(DATA, ChannelsLast("cpu", "x", True)), QUICK.with_(epochs=8),
                    ChannelsLast("cpu", "x", True), seed=0)  # fmt: skip
    assert outcome.status == DONE
    assert outcome.test["error"] < 0.3
