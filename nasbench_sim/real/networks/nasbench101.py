"""Networks of NAS-Bench-101 (Ying et al. 2019, section 2.2 and supplement)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from nasbench_sim.real.networks.blocks import Head, conv_bn
from nasbench_sim.spaces.nasbench101_cells import CONV1X1, CONV3X3, EDGE, OUTPUT, checked, prune
from nasbench_sim.spaces.nasbench101_network import vertex_channels
from nasbench_sim.spaces.space import Codes

MOMENTUM = 0.003  # of batch normalisation; TensorFlow's 0.997
STEPS = 108 * 157  # of a training of the benchmark
USUAL = 0.1  # torch's own momentum, the most that a short training has


class SlowNorm(nn.BatchNorm2d):
    """Batch normalisation with the benchmark's momentum, for trainings as long as the benchmark's.

    Args:
        channels: read and written.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, momentum=MOMENTUM)

    def span(self, steps: int) -> None:
        """Let the moving average span the same share of a shorter training as it does of the benchmark's.

        Of 200 steps it would otherwise be half of what it began with, and the network be judged by that.
        """
        self.momentum = min(max(MOMENTUM, MOMENTUM * STEPS / steps), USUAL)


def conv_bn_relu(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """A convolution with the benchmark's own batch normalisation."""
    convolution, _ = conv_bn(inputs, outputs, kernel)
    return nn.Sequential(convolution, SlowNorm(outputs), nn.ReLU())


class Cell(nn.Module):
    """One cell.  A node adds its inputs (the cell's own by a 1 x 1 convolution, others cut to its channels).

    Args:
        pruned: ``[26]``, a cell without useless nodes.
        entering: channels of the cell's input.
        filters: channels of its output.
    """

    def __init__(self, pruned: Codes, entering: int, filters: int) -> None:
        super().__init__()
        self.channels = [int(count[0]) for count in vertex_channels(pruned[None].astype(np.int64), filters)]
        present = [node for node in range(1, OUTPUT) if pruned[20 + node]]
        self.feeds = {node: [x for x in present if x < node and pruned[EDGE[x, node]]] for node in [*present, OUTPUT]}
        projected = [node for node in [*present, OUTPUT] if pruned[EDGE[0, node]]]
        self.project = nn.ModuleDict({str(node): conv_bn_relu(entering, self.channels[node], 1) for node in projected})
        self.operations = nn.ModuleDict(
            {str(node): _operation(int(pruned[20 + node]), self.channels[node]) for node in present}
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, entering, h, w]`` to ``[n, filters, h, w]``."""
        made: dict[int, torch.Tensor] = {}
        for name, operation in self.operations.items():
            node = int(name)
            terms = [made[x][:, : self.channels[node]] for x in self.feeds[node]]
            if name in self.project:
                terms.append(self.project[name](images))
            made[node] = operation(sum(terms[1:], terms[0]))
        parts = [made[x] for x in self.feeds[OUTPUT]]
        output = torch.cat(parts, 1) if parts else None
        if str(OUTPUT) in self.project:
            residual = self.project[str(OUTPUT)](images)
            output = residual if output is None else output + residual
        return output


def _operation(operation: int, channels: int) -> nn.Module:
    if operation in (CONV3X3, CONV1X1):
        return conv_bn_relu(channels, channels, 3 if operation == CONV3X3 else 1)
    return nn.MaxPool2d(3, 1, 1)


def network(code: Codes, inputs: int, classes: int, width: int = 128, cells: int = 3, stacks: int = 3) -> nn.Module:
    """Stem, stacks of cells, maximum pooling and twice the filters before each stack but the first, classifier.

    Args:
        code: ``[26]``.
        inputs: channels of the images.
        classes: to tell apart.
        width: filters of the first stack.
        cells: per stack.
        stacks: how many.
    """
    (pruned,) = prune(checked(np.asarray(code)[None]))
    layers: list[nn.Module] = [conv_bn_relu(inputs, width, 3)]
    entering = width
    for stack in range(stacks):
        filters = width * 2**stack
        if stack:
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        for _ in range(cells):
            layers.append(Cell(pruned, entering, filters))
            entering = filters
    return nn.Sequential(*layers, Head(entering, classes))
