"""From a space and a code to a network, as an ``nn.Module`` from images ``[n, c, h, w]`` to logits ``[n, classes]``.

With the published width and depth each has exactly the parameters that its space counts.  Any input size will do:
what halves the resolution rounds up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from nasbench_sim.errors import UserError
from nasbench_sim.real.networks import darts, mobile, nasbench101, nasbench201, ofa
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
from nasbench_sim.spaces.ofa import OFA
from nasbench_sim.spaces.part import Part
from nasbench_sim.spaces.space import Codes, Space

PUBLISHED = {
    "nasbench101": (128, 3),
    "nasbench201": (16, 5),
    "macronas": (32, None),
    "nasbench_macro": (32, None),
    "darts": (36, 20),
    "ofa": (16, None),
}
"""Per space the channels of its first layer and the number of cells, per stack or in all; None where codes set it."""

SMALL: Mapping[str, tuple[int, int | None]] = {
    "nasbench101": (8, 1),
    "nasbench201": (8, 1),
    "macronas": (8, None),
    "nasbench_macro": (8, None),
    "darts": (4, 3),
    "ofa": (8, None),
}
"""Width and cells of networks that a processor trains on 8 x 8 digits in a second or two."""

INNER = 5  # nodes of a NAS-Bench-101 cell that may feed its output


@dataclass(frozen=True)
class Shape:
    """How large the networks of a space are.

    Attributes:
        inputs: channels of the images.
        classes: to tell apart.
        width: channels of the first stage; None for the published width.  Of DARTS, even; of OFA, of the stem.
        cells: per stack (NAS-Bench-101), per stage (NAS-Bench-201) or in all (DARTS); None as published.
    """

    inputs: int = 3
    classes: int = 10
    width: int | None = None
    cells: int | None = None


def network(space: Space, code: Codes, shape: Shape = Shape()) -> nn.Module:
    """The network of ``code[d]``, with fresh weights from torch's generator.

    Raises:
        UserError: a space without networks, a code that is not of the space, or a size that cannot be built.
    """
    if space.name not in PUBLISHED:
        raise UserError(f"the space {space.name} has no networks to train: choose from {', '.join(PUBLISHED)}")
    if not space.valid(code[None]).all():
        raise UserError(f"{code.tolist()} is no configuration of {space.name}")
    check(space, shape)
    width, cells = size(space, shape)
    space = whole(space)
    inputs, classes = shape.inputs, shape.classes
    if isinstance(space, NASBench101):
        return nasbench101.network(code, inputs, classes, width, cells or 1)
    if isinstance(space, NASBench201):
        return nasbench201.network(code, inputs, classes, width, cells or 1)
    if isinstance(space, MacroNAS):
        return mobile.macronas_network(code, inputs, classes, width)
    if isinstance(space, NASBenchMacro):
        return mobile.nasbench_macro_network(code, inputs, classes, width)
    if isinstance(space, DARTS):
        return darts.network(code, inputs, classes, width, cells or 1)
    factor = width / ofa.STEM if shape.width is not None or not isinstance(space, OFA) else space.width
    return ofa.network(code, inputs, classes, factor)


def size(space: Space, shape: Shape) -> tuple[int, int | None]:
    """Width and number of cells: the shape's, else the space's own, else the published ones."""
    width, cells = PUBLISHED[space.name]
    space = whole(space)
    if isinstance(space, DARTS):
        width, cells = space.channels, space.layers
    return shape.width or width, None if cells is None else shape.cells or cells


def check(space: Space, shape: Shape) -> None:
    """Whether networks of that shape can be built.

    Raises:
        UserError: no classes or channels, a width that the space does not take, or cells where codes set them.
    """
    if shape.inputs < 1 or shape.classes < 1:
        raise UserError(f"images of {shape.inputs} channels in {shape.classes} classes cannot be told apart")
    if shape.width is not None and (shape.width < 2 or (space.name == "darts" and shape.width % 2)):
        raise UserError(f"width {shape.width}: it must be at least 2, and even for darts")
    if shape.width is not None and space.name == "nasbench101" and shape.width < INNER:
        raise UserError(f"width {shape.width}: a nasbench101 cell shares its filters out over up to {INNER} nodes")
    if shape.cells is not None:
        if PUBLISHED[space.name][1] is None:
            raise UserError(f"cells {shape.cells}: the codes of {space.name} say themselves how deep a network is")
        if shape.cells < 1:
            raise UserError(f"cells {shape.cells}: it must be at least 1")


def whole(space: Space) -> Space:
    """The space itself, of a part of one."""
    return space.whole if isinstance(space, Part) else space


def parameters(module: nn.Module) -> int:
    """Trainable parameters."""
    return sum(one.numel() for one in module.parameters() if one.requires_grad)


def multiply_adds(module: nn.Module, inputs: int, height: int, width: int) -> int:
    """Multiply-accumulates of the convolutions and of the linear layers, for one image of ``inputs`` channels.

    Args:
        module: on the device ``meta``, see ``skeleton``.
        inputs: channels of an image.
        height: of an image, pixels.
        width: likewise.
    """
    module.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.empty(1, inputs, height, width, device="meta"))
    return int(counter.get_total_flops()) // 2


def skeleton(space: Space, code: Codes, shape: Shape = Shape()) -> nn.Module:
    """As ``network``, on the device ``meta``: shapes without memory, to count and to check."""
    with torch.device("meta"), _Unset():
        return network(space, code, shape)


class _Unset(TorchFunctionMode):
    """Leaves weights as they are: torch takes long to set those that have no memory."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        arguments: tuple[Any, ...] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        options = options or {}
        if getattr(function, "__module__", "") == "torch.nn.init":
            return arguments[0] if arguments else options["tensor"]
        return function(*arguments, **options)
