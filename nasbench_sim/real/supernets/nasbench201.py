"""The super-net of NAS-Bench-201: every edge holds every operation."""

from __future__ import annotations

import torch
from torch import nn

from nasbench_sim.real.networks import Shape
from nasbench_sim.real.networks.nasbench201 import STAGES
from nasbench_sim.real.supernets.layers import SharedConvolution, SharedHead, SharedNorm
from nasbench_sim.spaces.nasbench201 import CONV1, CONV3, EDGES, NONE, POOL
from nasbench_sim.spaces.space import Codes

MOMENTUM = 0.1


class SuperNet(nn.Module):
    """All networks of the space.

    Args:
        shape: of its networks.
        single_kernel: a 1 x 1 convolution is the middle of the 3 x 3 one of its edge.
    """

    def __init__(self, shape: Shape, single_kernel: bool) -> None:
        super().__init__()
        width, cells = shape.width or 16, shape.cells or 5
        self.stem, self.stem_norm = SharedConvolution(shape.inputs, width, 3), SharedNorm(width, MOMENTUM)
        layers: list[nn.Module] = []
        for stage in range(STAGES):
            channels = width << stage
            if stage:
                layers.append(_Reduction(channels // 2, channels))
            layers += [_Cell(channels, single_kernel) for _ in range(cells)]
        self.layers = nn.ModuleList(layers)
        self.norm, self.head = SharedNorm(channels, MOMENTUM), SharedHead(channels, shape.classes)

    def forward(self, images: torch.Tensor, code: Codes) -> torch.Tensor:
        """``[n, c, h, w]`` to logits ``[n, classes]`` of the network of ``code[6]``."""
        found = self.stem_norm(self.stem(images))
        operations = tuple(code.tolist())
        for layer in self.layers:
            found = layer(found, operations)
        return self.head(torch.relu(self.norm(found)))


class _Cell(nn.Module):
    def __init__(self, channels: int, single: bool) -> None:
        super().__init__()
        kernels = (3,) if single else (1, 3)
        self.convolutions = nn.ModuleDict(
            {f"{edge} {k}": SharedConvolution(channels, channels, k) for edge in range(len(EDGES)) for k in kernels}
        )
        self.norms = nn.ModuleDict(
            {f"{edge} {k}": SharedNorm(channels, MOMENTUM) for edge in range(len(EDGES)) for k in (1, 3)}
        )
        self.largest_only = single

    def forward(self, images: torch.Tensor, operations: tuple[int, ...]) -> torch.Tensor:
        nodes: list[torch.Tensor | None] = [images, None, None, None]
        for edge, (source, target) in enumerate(EDGES):
            operation, value = operations[edge], nodes[source]
            if operation == NONE:
                continue
            value = torch.zeros_like(images) if value is None else value
            if operation == POOL:
                value = nn.functional.avg_pool2d(value, 3, 1, 1, count_include_pad=False)
            elif operation in (CONV1, CONV3):
                kernel = 1 if operation == CONV1 else 3
                weights = self.convolutions[f"{edge} {3 if self.largest_only else kernel}"]
                value = self.norms[f"{edge} {kernel}"](weights(torch.relu(value), None, kernel))
            before = nodes[target]
            nodes[target] = value if before is None else before + value
        return torch.zeros_like(images) if nodes[3] is None else nodes[3]


class _Reduction(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.first_norm = SharedConvolution(inputs, outputs, 3, 2), SharedNorm(outputs, MOMENTUM)
        self.second, self.second_norm = SharedConvolution(outputs, outputs, 3), SharedNorm(outputs, MOMENTUM)
        self.shortcut = SharedConvolution(inputs, outputs, 1)

    def forward(self, images: torch.Tensor, _: tuple[int, ...]) -> torch.Tensor:
        found = self.first_norm(self.first(torch.relu(images)))
        found = self.second_norm(self.second(torch.relu(found)))
        return found + self.shortcut(nn.functional.avg_pool2d(images, 2, 2, ceil_mode=True))
