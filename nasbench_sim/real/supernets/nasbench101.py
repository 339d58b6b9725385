"""The super-net of NAS-Bench-101 or of one of its seven sub-spaces.

A node holds as many filters as any cell of the space asks of it there; a cell takes the first ones (section 4.3.1 of
the weight-sharing study, after Yu et al. 2020).  Operations of a node have weights of their own, or, with a single
kernel, the 1 x 1 convolution is the middle of the 3 x 3 one (Stamoulis et al. 2019).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from nasbench_sim.real.networks import Shape
from nasbench_sim.real.networks.nasbench101 import MOMENTUM
from nasbench_sim.real.supernets.layers import SharedConvolution, SharedHead, SharedNorm
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench101_cells import CONV1X1, CONV3X3, EDGE, OUTPUT
from nasbench_sim.spaces.nasbench101_network import vertex_channels
from nasbench_sim.spaces.space import Codes

STACKS, CELLS = 3, 3
WIDTH = 16  # filters of the study's super-nets


class Step(NamedTuple):
    """A node of a cell: its operation (0 of the output), channels per stack, earlier nodes, and whether the input."""

    node: int
    operation: int
    channels: tuple[int, ...]
    feeds: tuple[int, ...]
    from_input: bool


class SuperNet(nn.Module):
    """All networks of a space.

    Args:
        space: whole or a sub-space.
        shape: of its networks; the study has 16 filters.
        single_kernel: see the module.
    """

    def __init__(self, space: NASBench101, shape: Shape, single_kernel: bool) -> None:
        super().__init__()
        width, cells = shape.width or WIDTH, shape.cells or CELLS
        self.width, self.single = width, single_kernel
        self.filters = tuple(width << stack for stack in range(STACKS))
        every = space.enumerate().astype(np.int64)
        self.most = [
            [int(column.max(initial=0)) for column in vertex_channels(every, filters)] for filters in self.filters
        ]
        self.plan = lru_cache(maxsize=65536)(self._plan)
        self.stem, self.stem_norm = SharedConvolution(shape.inputs, width, 3), SharedNorm(width, MOMENTUM)
        entering, made = width, []
        for stack, filters in enumerate(self.filters):
            for _ in range(cells):
                made.append(_Cell(stack, entering, filters, self.most[stack], single_kernel))
                entering = filters
        self.cells = nn.ModuleList(made)
        self.head = SharedHead(entering, shape.classes)

    def forward(self, images: torch.Tensor, code: Codes) -> torch.Tensor:
        """``[n, c, h, w]`` to logits ``[n, classes]`` of the network of one canonical code."""
        steps = self.plan(code.tobytes())
        found = torch.relu(self.stem_norm(self.stem(images)))
        stack = 0
        for cell in self.cells:
            if cell.stack > stack:
                found, stack = nn.functional.max_pool2d(found, 2, 2, ceil_mode=True), cell.stack
            found = cell(found, steps)
        return self.head(found)

    def _plan(self, content: bytes) -> tuple[Step, ...]:
        code = np.frombuffer(content, np.uint8)
        channels = [
            [int(c[0]) for c in vertex_channels(code[None].astype(np.int64), filters)] for filters in self.filters
        ]
        steps = []
        for node in range(1, OUTPUT + 1):
            if node < OUTPUT and not code[20 + node]:
                continue
            feeds = tuple(x for x in range(1, min(node, OUTPUT)) if code[EDGE[x, node]])
            operation = int(code[20 + node]) if node < OUTPUT else 0
            wide = tuple(stack[node] for stack in channels)
            steps.append(Step(node, operation, wide, feeds, bool(code[EDGE[0, node]])))
        return tuple(steps)


class _Cell(nn.Module):
    def __init__(self, stack: int, entering: int, filters: int, most: list[int], single: bool) -> None:
        super().__init__()
        self.stack, self.single = stack, single
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for node in range(1, OUTPUT + 1):
            wide = filters if node == OUTPUT else most[node]
            if not wide:
                continue  # no cell of the space has this node
            kernels = {"input": (entering, 1)}
            if node < OUTPUT:
                kernels |= {"3": (wide, 3)} if single else {"3": (wide, 3), "1": (wide, 1)}
            for name, (inputs, kernel) in kernels.items():
                self.convolutions[f"{node} {name}"] = SharedConvolution(inputs, wide, kernel)
            for name in ("input", "3", "1") if node < OUTPUT else ("input",):
                self.norms[f"{node} {name}"] = SharedNorm(wide, MOMENTUM)

    def forward(self, images: torch.Tensor, steps: tuple[Step, ...]) -> torch.Tensor:
        made: dict[int, torch.Tensor] = {}
        for node, operation, channels, feeds, from_input in steps:
            wide = channels[self.stack]
            projected = self._layer(images, node, "input", "input", wide, 1) if from_input else None
            if node == OUTPUT:
                parts = [made[x] for x in feeds]
                if not parts:
                    assert projected is not None
                    return projected
                joined = torch.cat(parts, 1)
                return joined if projected is None else joined + projected
            terms = [made[x][:, :wide] for x in feeds] + ([] if projected is None else [projected])
            total = sum(terms[1:], terms[0])
            if operation == CONV3X3:
                made[node] = self._layer(total, node, "3", "3", wide, 3)
            elif operation == CONV1X1:
                made[node] = self._layer(total, node, "3" if self.single else "1", "1", wide, 1)
            else:
                made[node] = nn.functional.max_pool2d(total, 3, 1, 1)
        raise AssertionError("the output is the last step")

    def _layer(self, images: torch.Tensor, node: int, weights: str, norm: str, wide: int, kernel: int) -> torch.Tensor:
        found = self.convolutions[f"{node} {weights}"](images, wide, kernel)
        return torch.relu(self.norms[f"{node} {norm}"](found))
