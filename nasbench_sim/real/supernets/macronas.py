"""The super-net of MacroNAS: every cell holds both blocks."""

from __future__ import annotations

import torch
from torch import nn

from nasbench_sim.real.networks import Shape
from nasbench_sim.real.networks.mobile import HEAD
from nasbench_sim.real.supernets.layers import SharedConvolution, SharedHead, SharedNorm
from nasbench_sim.spaces.macronas import BLOCKS, CELLS, REDUCTIONS
from nasbench_sim.spaces.space import Codes

MOMENTUM = 0.1


class SuperNet(nn.Module):
    """All networks of the space.

    Args:
        shape: of its networks.
        single_kernel: the smaller block is part of the larger one: its first channels, the middle of its kernel.
    """

    def __init__(self, shape: Shape, single_kernel: bool) -> None:
        super().__init__()
        channels = shape.width or 32
        features = HEAD * channels
        self.stem, self.stem_norm = SharedConvolution(shape.inputs, channels, 3), SharedNorm(channels, MOMENTUM)
        self.reductions, cells = nn.ModuleDict(), []
        for cell in range(CELLS):
            if cell in REDUCTIONS:
                self.reductions[str(cell)] = _Block(channels, 2 * channels, ((3, 3),), 2, False)
                channels *= 2
            cells.append(_Block(channels, channels, BLOCKS, 1, single_kernel))
        self.cells = nn.ModuleList(cells)
        self.mix, self.mix_norm = SharedConvolution(channels, features, 1), SharedNorm(features, MOMENTUM)
        self.head = SharedHead(features, shape.classes)

    def forward(self, images: torch.Tensor, code: Codes) -> torch.Tensor:
        """``[n, c, h, w]`` to logits ``[n, classes]`` of the network of ``code[14]``."""
        found = nn.functional.relu6(self.stem_norm(self.stem(images)))
        for cell, (block, operation) in enumerate(zip(self.cells, code.tolist(), strict=True)):
            if cell in REDUCTIONS:
                found = self.reductions[str(cell)](found, 0)
            if operation:
                found = found + block(found, operation - 1)
        return self.head(nn.functional.relu6(self.mix_norm(self.mix(found))))


class _Block(nn.Module):
    """Inverted residual blocks of which one is used at a time."""

    def __init__(
        self, inputs: int, outputs: int, blocks: tuple[tuple[int, int], ...], stride: int, single: bool
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.blocks, self.single = inputs, outputs, blocks, single
        held = blocks[-1:] if single else blocks
        self.expand = nn.ModuleList(SharedConvolution(inputs, e * inputs, 1) for e, _ in held)
        self.depthwise = nn.ModuleList(SharedConvolution(1, e * inputs, k, stride, True) for e, k in held)
        self.project = nn.ModuleList(SharedConvolution(e * inputs, outputs, 1) for e, _ in held)
        self.norms = nn.ModuleList(
            nn.ModuleList(SharedNorm(channels, MOMENTUM) for channels in (e * inputs, e * inputs, outputs))
            for e, _ in blocks
        )

    def forward(self, images: torch.Tensor, which: int) -> torch.Tensor:
        expansion, kernel = self.blocks[which]
        weights, norms = 0 if self.single else which, self.norms[which]
        found = nn.functional.relu6(norms[0](self.expand[weights](images, expansion * self.inputs)))
        found = nn.functional.relu6(norms[1](self.depthwise[weights](found, None, kernel)))
        return norms[2](self.project[weights](found, self.outputs))
