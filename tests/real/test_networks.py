"""Networks are what their spaces say they are: parameters and multiply-adds to the last one, any input, any classes."""

from __future__ import annotations

import csv
import gzip
import json
import os

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, the extra `real`")

from nasbench_sim.errors import UserError
from nasbench_sim.real.networks import PUBLISHED, Shape, multiply_adds, network, parameters, skeleton
from nasbench_sim.real.networks.nasbench101 import SlowNorm
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.grid import Grid
from nasbench_sim.spaces.macronas import MacroNAS, from_strings
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench101_cells import OPERATIONS
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
from nasbench_sim.spaces.ofa import OFA
from nasbench_sim.spaces.variables import Variable

SPACES = {
    "nasbench101": (NASBench101(), Shape(), 32),
    "nasbench201": (NASBench201(), Shape(), 32),
    "nasbench201 cifar100": (NASBench201(dataset="cifar100"), Shape(classes=100), 32),
    "nasbench201 imagenet16_120": (NASBench201(dataset="imagenet16_120"), Shape(classes=120), 16),
    "macronas": (MacroNAS(), Shape(), 32),
    "macronas cifar100": (MacroNAS(dataset="cifar100"), Shape(classes=100), 32),
    "nasbench_macro": (NASBenchMacro(), Shape(), 32),
    "darts": (DARTS(), Shape(), 32),
    "darts of NAS-Bench-301": (DARTS(channels=32, layers=8), Shape(), 32),
    "ofa": (OFA(), Shape(classes=1000), 224),
    "ofa 1.2": (OFA(width=1.2), Shape(classes=1000), 224),
}
every_space = pytest.mark.parametrize("name", SPACES)


def sampled(space, n=3):
    return space.sample(np.random.default_rng(5), n)


@every_space
def test_parameters_and_multiply_adds_are_the_exact_counts_of_the_space(name):
    space, shape, side = SPACES[name]
    codes = sampled(space)
    bias = shape.classes if space.name == "nasbench201" else 0  # which its files count
    for code, expected, macs in zip(codes, space.parameters(codes), space.macs(codes), strict=True):
        net = skeleton(space, code, shape)
        assert parameters(net) == expected
        assert multiply_adds(net, 3, side, side) + bias == macs


@pytest.mark.parametrize("width", [16, 128])
def test_the_widths_of_nasbench101_are_those_that_are_published(width):
    space = NASBench101()
    codes = sampled(space, 4)
    found = [parameters(skeleton(space, code, Shape(width=width))) for code in codes]
    assert found == space.parameters(codes, width).tolist()


def test_parameters_of_nasbench101_are_those_of_the_published_cells(data):
    """A sample; every row with NASBENCH_SIM_FULL=1."""
    with gzip.open(data("nasbench101_cells.csv.gz"), "rt") as file:
        rows = list(csv.DictReader(file))
    if os.environ.get("NASBENCH_SIM_FULL") != "1":
        rows = rows[:: len(rows) // 12]
    space = NASBench101()
    names = {"3": OPERATIONS[0], "1": OPERATIONS[1], "p": OPERATIONS[2]}
    for row in rows:
        matrix = np.array([[int(bit) for bit in line] for line in row["adjacency"].split("/")])
        code = space.code(matrix, [names[letter] for letter in row["ops"]])
        assert parameters(skeleton(space, code)) == int(row["params"])


def counted_by_the_benchmark(code) -> int:
    """Operations as MacroNAS's own counter has them, from the layers of the network themselves."""
    net, normalised = skeleton(MacroNAS(), code), 0

    def count(_, __, output):
        nonlocal normalised
        normalised += output.numel()

    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(count)
    total = multiply_adds(net, 3, 32, 32)
    return total + 2 * normalised + (4 * 4 + 1) * 1280 + 1280 * 10


def test_normalised_mmacs_of_macronas_are_those_of_the_front(data):
    front = json.loads(data("macronas_pareto_cifar10.json").read_text())["14"]
    codes = from_strings(front["genotypes"])
    least, most = (round(counted_by_the_benchmark(np.full(14, one, np.uint8)) / 1e6, 2) for one in (0, 2))
    for place in range(0, len(codes), 9):
        found = (round(counted_by_the_benchmark(codes[place]) / 1e6, 2) - least) / (most - least)
        assert 1 - found == pytest.approx(front["fitness"][place][1], abs=1e-6)


@every_space
def test_any_input_and_any_number_of_classes(name):
    space, _, _ = SPACES[name]
    shape = Shape(inputs=2, classes=7, width=8, cells=1 if PUBLISHED[space.name][1] else None)
    (code,) = sampled(space, 1)
    for height, width in ((1, 1), (7, 10), (28, 28)):
        net = skeleton(space, code, shape)
        assert net(torch.zeros(2, 2, height, width, device="meta")).shape == (2, 7)


def test_every_operation_of_darts_and_every_cell_of_nasbench201_without_a_path_can_be_trained():
    for operation in range(7):
        code = np.array([0, operation, 1, operation] * 8, np.uint8)
        code[2::4] = 1
        net = network(DARTS(), code, Shape(1, 3, 4, 3))
        net(torch.rand(2, 1, 9, 9)).sum().backward()
    for code in ([0] * 6, [3, 0, 0, 0, 0, 3], [0, 0, 3, 0, 0, 3]):
        net = network(NASBench201(), np.array(code, np.uint8), Shape(1, 3, 4, 1))
        net(torch.rand(2, 1, 9, 9)).sum().backward()


def test_statistics_of_nasbench101_span_the_same_share_of_a_shorter_training():
    norm = SlowNorm(2)
    assert norm.momentum == 0.003
    for steps, momentum in ((16_956, 0.003), (50_000, 0.003), (1_696, 0.03), (20, 0.1)):
        norm.span(steps)
        assert norm.momentum == pytest.approx(momentum, rel=1e-3)


def test_equivalent_codes_are_the_same_network():
    """A moved identity, a cell with a useless node: the same parameters in the same order."""
    one, other = np.zeros((2, 14), np.uint8)
    one[0], other[2] = 2, 2
    shapes = [
        [tuple(p.shape) for p in skeleton(MacroNAS(), code, Shape(width=8)).parameters()] for code in (one, other)
    ]
    assert shapes[0] == shapes[1]


def test_what_cannot_be_built_is_told_in_one_line():
    grid = Grid("mine", (Variable("x", (1, 2)),))
    with pytest.raises(UserError, match="no networks to train"):
        network(grid, np.zeros(1, np.uint8))
    with pytest.raises(UserError, match="no configuration of nasbench201"):
        network(NASBench201(), np.full(6, 9, np.uint8))
    with pytest.raises(UserError, match="even for darts"):
        network(DARTS(), sampled(DARTS(), 1)[0], Shape(width=7))
    with pytest.raises(UserError, match="over up to 5 nodes"):
        network(NASBench101(), sampled(NASBench101(), 1)[0], Shape(width=4))
    with pytest.raises(UserError, match="themselves how deep"):
        network(MacroNAS(), np.zeros(14, np.uint8), Shape(cells=2))
