"""Sub-networks of the once-for-all MobileNetV3 super-net, each by itself (Cai et al. 2020; Howard et al. 2019)."""

from __future__ import annotations

import torch
from torch import nn

from nasbench_sim.real.networks.blocks import InvertedResidual, conv_bn
from nasbench_sim.spaces.ofa import DEPTHS, EXPANSIONS, KERNELS, LAYERS, STAGES, divisible
from nasbench_sim.spaces.space import Codes

WIDTHS, STRIDES, SQUEEZED = (24, 40, 80, 112, 160), (2, 2, 2, 1, 2), (False, True, False, True, True)
STEM, FINAL, MIXED = 16, 960, 1280


class Mixing(nn.Module):
    """Global mean, a layer that mixes its channels, and the classifier."""

    def __init__(self, channels: int, mixed: int, classes: int) -> None:
        super().__init__()
        self.mix = nn.Linear(channels, mixed, bias=False)
        self.activation = nn.Hardswish()
        self.linear = nn.Linear(mixed, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]`` to logits ``[n, classes]``."""
        return self.linear(self.activation(self.mix(images.mean((2, 3)))))


def network(code: Codes, inputs: int, classes: int, width: float = 1.0) -> nn.Module:
    """A network of ``code[45]``; ``width``: factor on all channels, as in ``spaces.ofa.OFA``."""
    channels = divisible(STEM * width)
    layers: list[nn.Module] = [
        *conv_bn(inputs, channels, 3, 2),
        nn.Hardswish(),
        Separable(channels),
    ]
    kernels, expansions = code[STAGES:].reshape(2, STAGES, LAYERS)
    for stage in range(STAGES):
        outputs = divisible(WIDTHS[stage] * width)
        activation = nn.ReLU if stage < 2 else nn.Hardswish
        for layer in range(DEPTHS[code[stage]]):
            hidden = divisible(channels * EXPANSIONS[expansions[stage, layer]])
            squeezed = divisible(hidden // 4) if SQUEEZED[stage] else 0
            stride = 1 if layer else STRIDES[stage]
            kernel = KERNELS[kernels[stage, layer]]
            layers.append(InvertedResidual(channels, hidden, outputs, kernel, stride, activation, squeezed))
            channels = outputs
    final = divisible(FINAL * width)
    layers += [*conv_bn(channels, final, 1), nn.Hardswish(), Mixing(final, divisible(MIXED * width), classes)]
    return nn.Sequential(*layers)


class Separable(nn.Module):
    """The first block: depthwise and 1 x 1 convolution, without expansion, added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *conv_bn(channels, channels, 3, groups=channels), nn.ReLU(), *conv_bn(channels, channels, 1)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]`` to the same."""
        return self.body(images) + images
