"""Layers with the weights of all architectures, of which each uses the first channels or the middle of a kernel."""

from __future__ import annotations

import torch
from torch import nn


class SharedConvolution(nn.Module):
    """A convolution without bias; narrower ones take its first channels, smaller kernels its middle.

    Args:
        inputs: most channels read; 1 of a depthwise convolution.
        outputs: most channels written.
        kernel: largest, odd.
        stride: of all.
        depthwise: each channel by itself.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, depthwise: bool = False) -> None:
        super().__init__()
        self.stride, self.depthwise = stride, depthwise
        self.weight = nn.Parameter(torch.empty(outputs, 1 if depthwise else inputs, kernel, kernel))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # as torch's own convolutions begin

    def forward(self, images: torch.Tensor, outputs: int | None = None, kernel: int | None = None) -> torch.Tensor:
        """``[n, c, h, w]`` to ``[n, outputs, h', w']``; None stands for the most there are."""
        largest = self.weight.shape[-1]
        edge = (largest - (kernel or largest)) // 2
        read = images.shape[1]
        weight = self.weight[: read if self.depthwise else outputs, : 1 if self.depthwise else read]
        weight = weight[..., edge : largest - edge, edge : largest - edge]
        padding = weight.shape[-1] // 2
        groups = read if self.depthwise else 1
        return nn.functional.conv2d(images, weight, None, self.stride, padding, 1, groups)


class SharedNorm(nn.Module):
    """Batch normalisation of the first channels, as many as come.

    Args:
        channels: most.
        momentum: of the statistics that are gathered; 1 replaces them by those of the last batch.
    """

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]`` to the same."""
        n = images.shape[1]
        return nn.functional.batch_norm(
            images, self.mean[:n], self.variance[:n], self.weight[:n], self.bias[:n], self.training, self.momentum, 1e-5
        )


class SharedHead(nn.Module):
    """Global mean, then a linear layer."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]`` to logits ``[n, classes]``."""
        return self.linear(images.mean((2, 3)))
