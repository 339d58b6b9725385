"""Networks of the DARTS space, without auxiliary head and without dropped paths (Liu, Simonyan and Yang 2019)."""

from __future__ import annotations

import torch
from torch import nn

from nasbench_sim.real.networks.blocks import FactorizedReduction, Head, conv_bn, relu_conv_bn
from nasbench_sim.spaces.darts import OPERATIONS
from nasbench_sim.spaces.darts_cells import NODES
from nasbench_sim.spaces.space import Codes


class Cell(nn.Module):
    """Four nodes of two edges each; the output is made of all four.

    Args:
        edges: ``[4, 2, 2]`` of (input, operation).
        elder: channels of the last output but one.
        last: channels of the last output.
        channels: of a node.
        reduces: edges from the cell's inputs have stride 2.
        reduced_before: the last cell had.
    """

    def __init__(
        self, edges: Codes, elder: int, last: int, channels: int, *, reduces: bool, reduced_before: bool
    ) -> None:
        super().__init__()
        self.elder = FactorizedReduction(elder, channels) if reduced_before else relu_conv_bn(elder, channels, 1)
        self.last = relu_conv_bn(last, channels, 1)
        self.sources = [[int(source) for source, _ in node] for node in edges.tolist()]
        self.operations = nn.ModuleList(
            _operation(OPERATIONS[operation], channels, 2 if reduces and source < 2 else 1)
            for node in edges.tolist()
            for source, operation in node
        )

    def forward(self, elder: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """The last two outputs to ``[n, 4 * channels, h, w]``."""
        states = [self.elder(elder), self.last(last)]
        for node, (one, two) in enumerate(self.sources):
            first, second = self.operations[2 * node], self.operations[2 * node + 1]
            states.append(first(states[one]) + second(states[two]))
        return torch.cat(states[2:], 1)


class Network(nn.Module):
    """The cells in a row, each fed by the two before it."""

    def __init__(self, code: Codes, inputs: int, classes: int, width: int, layers: int) -> None:
        super().__init__()
        normal, reduction = code.reshape(2, NODES, 2, 2)
        elder = last = 3 * width
        self.stem = nn.Sequential(*conv_bn(inputs, last, 3))
        self.cells = nn.ModuleList()
        channels, reduced_before = width, False
        for layer in range(layers):
            reduces = layer in (layers // 3, 2 * layers // 3)
            channels *= 1 + reduces
            edges = reduction if reduces else normal
            self.cells.append(Cell(edges, elder, last, channels, reduces=reduces, reduced_before=reduced_before))
            elder, last, reduced_before = last, NODES * channels, reduces
        self.head = Head(last, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, inputs, h, w]`` to logits ``[n, classes]``."""
        elder = last = self.stem(images)
        for cell in self.cells:
            elder, last = last, cell(elder, last)
        return self.head(last)


def network(code: Codes, inputs: int, classes: int, width: int = 36, cells: int = 20) -> nn.Module:
    """A network of ``code[32]``.

    Args:
        code: see ``spaces.darts``.
        inputs: channels of the images.
        classes: to tell apart.
        width: channels of the first cells, even: 36 in DARTS, 32 in NAS-Bench-301.
        cells: 20 in DARTS, 8 in NAS-Bench-301.
    """
    return Network(code, inputs, classes, width, cells)


def _operation(name: str, channels: int, stride: int) -> nn.Module:
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduction(channels, channels)
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, 1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, 1, count_include_pad=False)
    kernel = int(name[-1])
    if name.startswith("dil_conv"):
        return nn.Sequential(*_depthwise(channels, kernel, stride, dilation=2))
    return nn.Sequential(*_depthwise(channels, kernel, stride), *_depthwise(channels, kernel, 1))


def _depthwise(channels: int, kernel: int, stride: int, dilation: int = 1) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, channels, bias=False)
    return [nn.ReLU(), depthwise, *conv_bn(channels, channels, 1)]
