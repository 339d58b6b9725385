"""Networks of MacroNAS (Den Ottelander et al. 2021) and NAS-Bench-Macro (Su et al. 2021).

Both are chains of inverted residual blocks; see the spaces of these names.
"""

from __future__ import annotations

from torch import nn

from nasbench_sim.real.networks.blocks import Head, InvertedResidual, conv_bn
from nasbench_sim.spaces import macronas, nasbench_macro
from nasbench_sim.spaces.space import Codes

HEAD = 40  # channels before the mean, in units of those of the stem


def macronas_network(code: Codes, inputs: int, classes: int, width: int = 32) -> nn.Module:
    """A MacroNAS network of ``code[14]``; ``width``: channels of the stem."""
    channels, layers = width, _stem(inputs, width)
    for cell, operation in enumerate(code.tolist()):
        if cell in macronas.REDUCTIONS:
            layers.append(InvertedResidual(channels, 3 * channels, 2 * channels, 3, 2))
            channels *= 2
        if operation:
            expansion, kernel = macronas.BLOCKS[operation - 1]
            layers.append(InvertedResidual(channels, expansion * channels, channels, kernel))
    return nn.Sequential(*layers, *_head(channels, HEAD * width, classes))


def nasbench_macro_network(code: Codes, inputs: int, classes: int, width: int = 32) -> nn.Module:
    """A NAS-Bench-Macro network of ``code[8]``; ``width``: channels of the stem."""
    channels, layers = width, _stem(inputs, width)
    for cell, operation in enumerate(code.tolist()):
        stride = 2 if cell in nasbench_macro.REDUCING else 1
        after = channels * stride
        if operation:
            expansion, kernel = nasbench_macro.BLOCKS[operation - 1]
            layers.append(InvertedResidual(channels, expansion * channels, after, kernel, stride))
        elif stride == 2:
            layers += conv_bn(channels, after, 1, 2)
        channels = after
    return nn.Sequential(*layers, *_head(channels, HEAD * width, classes))


def _stem(inputs: int, width: int) -> list[nn.Module]:
    return [*conv_bn(inputs, width, 3), nn.ReLU6()]


def _head(channels: int, features: int, classes: int) -> list[nn.Module]:
    return [*conv_bn(channels, features, 1), nn.ReLU6(), Head(features, classes)]
