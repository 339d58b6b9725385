"""Networks of NAS-Bench-201 (Dong and Yang 2020, section 2.1)."""

from __future__ import annotations

import torch
from torch import nn

from nasbench_sim.real.networks.blocks import Head, conv_bn, relu_conv_bn
from nasbench_sim.spaces.nasbench201 import CONV1, CONV3, EDGES, NONE, POOL
from nasbench_sim.spaces.space import Codes

STAGES = 3


class Cell(nn.Module):
    """Four nodes; each adds its edges."""

    def __init__(self, code: Codes, channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                str(edge): _operation(int(operation), channels)
                for edge, operation in enumerate(code)
                if operation != NONE
            }
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]`` to the same."""
        nodes: list[torch.Tensor | None] = [images, None, None, None]
        for edge, (source, target) in enumerate(EDGES):
            if str(edge) not in self.edges:
                continue
            value = nodes[source]
            # Convolutions of zeros still add what their normalisation shifts by.
            found = self.edges[str(edge)](torch.zeros_like(images) if value is None else value)
            before = nodes[target]
            nodes[target] = found if before is None else before + found
        return torch.zeros_like(images) if nodes[3] is None else nodes[3]


def _operation(operation: int, channels: int) -> nn.Module:
    if operation in (CONV1, CONV3):
        return relu_conv_bn(channels, channels, 1 if operation == CONV1 else 3)
    if operation == POOL:
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return nn.Identity()


class Reduction(nn.Module):
    """The residual block that halves the resolution and doubles the channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(relu_conv_bn(inputs, outputs, 3, 2), relu_conv_bn(outputs, outputs, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2, ceil_mode=True), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]`` to ``[n, c', ceil(h / 2), ceil(w / 2)]``."""
        return self.body(images) + self.shortcut(images)


def network(code: Codes, inputs: int, classes: int, width: int = 16, cells: int = 5) -> nn.Module:
    """Stem, three stages of cells with a residual block between them, normalisation, classifier.

    Args:
        code: ``[6]``.
        inputs: channels of the images.
        classes: to tell apart.
        width: channels of the first stage.
        cells: per stage.
    """
    layers: list[nn.Module] = [*conv_bn(inputs, width, 3)]
    for stage in range(STAGES):
        channels = width << stage
        if stage:
            layers.append(Reduction(channels // 2, channels))
        layers += [Cell(code, channels) for _ in range(cells)]
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(), Head(channels, classes))
