"""Layers that several spaces share."""

from __future__ import annotations

import torch
from torch import nn


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution without bias that keeps the side (halves it with stride 2, rounding up), then normalisation."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


def relu_conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """ReLU first, as the cells of NAS-Bench-201 and DARTS have it."""
    return nn.Sequential(nn.ReLU(), *conv_bn(inputs, outputs, kernel, stride))


class InvertedResidual(nn.Module):
    """1 x 1 to ``hidden`` channels, depthwise, 1 x 1 back (Sandler et al. 2018); added to its input where shapes agree.

    Args:
        inputs: channels read.
        hidden: channels inside.
        outputs: channels written.
        kernel: of the depthwise convolution.
        stride: of it.
        activation: makes the two activations.
        squeezed: channels inside squeeze-and-excitation; 0 for none.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        activation: type[nn.Module] = nn.ReLU6,
        squeezed: int = 0,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *conv_bn(inputs, hidden, 1),
            activation(),
            *conv_bn(hidden, hidden, kernel, stride, groups=hidden),
            activation(),
            *([SqueezeAndExcitation(hidden, squeezed)] if squeezed else []),
            *conv_bn(hidden, outputs, 1),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, inputs, h, w]`` to ``[n, outputs, h', w']``."""
        found = self.body(images)
        return found + images if self.residual else found


class SqueezeAndExcitation(nn.Module):
    """Scales channels by what their means say (Hu et al. 2018), with hard sigmoids (Howard et al. 2019)."""

    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.scale = nn.Sequential(
            nn.Conv2d(channels, reduced, 1), nn.ReLU(), nn.Conv2d(reduced, channels, 1), nn.Hardsigmoid()
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]`` to the same."""
        return images * self.scale(images.mean((2, 3), keepdim=True))


class FactorizedReduction(nn.Module):
    """Two 1 x 1 convolutions of stride 2 on grids one pixel apart, side by side, then normalisation (DARTS)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(inputs, half, 1, 2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs - half, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]`` to ``[n, outputs, ceil(h / 2), ceil(w / 2)]``."""
        images = self.relu(images)
        # The grid one pixel further ends in zeros where the side is odd.
        shifted = nn.functional.pad(images[:, :, 1:, 1:], (0, 1, 0, 1))
        return self.norm(torch.cat([self.even(images), self.odd(shifted)], 1))


class Head(nn.Module):
    """Global mean, then a linear layer."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]`` to logits ``[n, classes]``."""
        return self.linear(images.mean((2, 3)))
