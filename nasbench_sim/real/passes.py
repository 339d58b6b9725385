"""Seconds of forward and backward passes, measured."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from nasbench_sim.real.device import Device

WARM_UP = 2  # passes before any is counted: kernels are chosen and memory is claimed in the first
LEAST_SECONDS = 0.05  # a measurement goes on for so long, so that short passes are not lost in the clock's own steps


def measure(net: nn.Module, images: torch.Tensor, labels: torch.Tensor, device: Device) -> tuple[float, float]:
    """Seconds forward and backward of a network on one batch, as training runs it; means over a moment.

    Args:
        net: on the device.
        images: ``[n, c, h, w]``, on the device in its layout.
        labels: ``[n]``.
        device: whose work is waited for before a clock is read.
    """
    net.train()
    for _ in range(WARM_UP):
        _pass(net, images, labels, device)
    forward = backward = 0.0
    count = 0
    while forward + backward < LEAST_SECONDS:
        one, other = _pass(net, images, labels, device)
        forward, backward, count = forward + one, backward + other, count + 1
    return forward / count, backward / count


def latency(net: nn.Module, image: torch.Tensor, device: Device, repeats: int = 25) -> float:
    """Seconds that a network takes to answer for one image, the least of the repeats.

    What else a machine does only ever adds to it; one thread of a processor is read by its own clock besides.

    Args:
        net: on the device.
        image: ``[1, c, h, w]``, on the device in its layout.
        device: whose work is waited for before a clock is read.
        repeats: of which the least is taken.
    """
    clock = time.process_time if device.kind == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    net.eval()
    with torch.inference_mode(), device.precision():
        for _ in range(WARM_UP):
            net(image)
        return min(_answers(net, image, device, clock) for _ in range(repeats))


def _answers(net: nn.Module, image: torch.Tensor, device: Device, clock: Callable[[], float]) -> float:
    """Mean seconds of an answer, over as many as the clock needs."""
    device.wait()
    began, count = clock(), 0
    while True:
        net(image)
        device.wait()
        count += 1
        spent = clock() - began
        if spent >= LEAST_SECONDS / 4:
            return spent / count


def _pass(net: nn.Module, images: torch.Tensor, labels: torch.Tensor, device: Device) -> tuple[float, float]:
    """Seconds forward (loss included) and backward."""
    net.zero_grad(set_to_none=True)
    device.wait()
    began = time.perf_counter()
    with device.precision():
        loss = nn.functional.cross_entropy(net(images), labels)
    device.wait()
    between = time.perf_counter()
    loss.backward()
    device.wait()
    return between - began, time.perf_counter() - between
