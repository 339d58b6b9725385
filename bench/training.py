"""Training: networks side by side against one at a time, and one of ours against one written straight in torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.measure import Contestant, Part, Row, alternate, duration, faster, rate

NETWORKS, CODE = 16, (3, 1, 3, 1, 2, 3)


def measure(repetitions: int) -> Part:
    """On CUDA where there is one; nothing where torch is missing."""
    try:
        import torch
    except ImportError:
        return Part("Training", [], ["torch is not installed (pip install 'nasbench-sim[real]')"])
    from nasbench_sim.real.device import device

    here = device("auto")
    together = 256 if here.kind == "cuda" else NETWORKS
    rows = [_side_by_side(here, together, repetitions), _straight(here, repetitions)]
    return Part("Training", rows, [f"on {here.name}; {torch.__version__}"])


def _side_by_side(here: Any, together: int, repetitions: int) -> Row:
    from nasbench_sim.real.data import load
    from nasbench_sim.real.feeding import feed
    from nasbench_sim.real.networks import Shape
    from nasbench_sim.real.recipes import RECIPES
    from nasbench_sim.real.side_by_side import train_side_by_side
    from nasbench_sim.spaces.nasbench201 import NASBench201

    space, splits = NASBench201(), feed(load("digits"), here)
    codes = space.sample(np.random.default_rng(0), together)
    recipe, shape = RECIPES["digits"].with_(epochs=1), Shape(1, 10, 8, 1)
    few = codes[:4]

    def all_at_once() -> Any:
        return train_side_by_side(space, codes, shape, splits, recipe, here, 0)

    def one_by_one() -> Any:
        return [train_side_by_side(space, few[[i]], shape, splits, recipe, here, 0) for i in range(len(few))]

    found = alternate(
        {"together": Contestant(all_at_once, together), "alone": Contestant(one_by_one, len(few))}, repetitions
    )
    return Row(
        f"NAS-Bench-201 networks of width 8 on digits, an epoch each, {together} side by side",
        rate(found["together"]), f"one at a time {rate(found['alone'])}", faster(found["together"], found["alone"]),
        "20 on CUDA",
    )  # fmt: skip


def _straight(here: Any, repetitions: int) -> Row:
    """Forward and backward of a mid-size network on 32 x 32 inputs."""
    import torch

    from nasbench_sim.real.networks import Shape, network
    from nasbench_sim.spaces.nasbench201 import NASBench201

    batch = 256 if here.kind == "cuda" else 16
    images = torch.randn(batch, 3, 32, 32, device=here.torch).contiguous(memory_format=here.layout)
    labels = torch.zeros(batch, dtype=torch.int64, device=here.torch)
    ours = network(NASBench201(), np.array(CODE, np.uint8), Shape())
    nets = {"ours": ours, "straight": straight(torch.nn)}
    steps = {}
    for name, net in nets.items():
        net.to(here.torch, memory_format=here.layout).train()

        def step(net: Any = net) -> None:
            net.zero_grad(set_to_none=True)
            with here.precision():
                loss = torch.nn.functional.cross_entropy(net(images), labels)
            loss.backward()
            here.wait()

        steps[name] = Contestant(step)
    found = alternate(steps, repetitions)
    return Row(
        f"forward and backward of a NAS-Bench-201 network, {batch} images of 32 x 32",
        duration(found["ours"]), f"straight torch {duration(found['straight'])}",
        faster(found["ours"], found["straight"]), "1/1.5",
    )  # fmt: skip


def straight(nn: Any) -> Any:
    """The network of ``CODE`` as one would write it by hand: edges 3x3, skip, 3x3, skip, 1x1, 3x3."""

    def block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> Any:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(outputs))

    class Cell(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.a, self.b, self.d = (block(channels, channels, 3) for _ in range(3))
            self.c = block(channels, channels, 1)

        def forward(self, x: Any) -> Any:
            one = self.a(x)
            two = x + self.b(one)
            return x + self.c(one) + self.d(two)

    class Reduction(nn.Module):
        def __init__(self, inputs: int) -> None:
            super().__init__()
            self.body = nn.Sequential(block(inputs, 2 * inputs, 3, 2), block(2 * inputs, 2 * inputs, 3))
            self.skip = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, 2 * inputs, 1, bias=False))

        def forward(self, x: Any) -> Any:
            return self.body(x) + self.skip(x)

    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)]
    body = [*(Cell(16) for _ in range(5)), Reduction(16), *(Cell(32) for _ in range(5)), Reduction(32),
            *(Cell(64) for _ in range(5))]  # fmt: skip
    head = [nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*stem, *body, *head)
