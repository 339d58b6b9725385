"""Super-nets: one set of weights for all architectures of a space, trained on one architecture at a time.

Guo et al. 2020, "Single Path One-Shot Neural Architecture Search with Uniform Sampling"; the variants are those of the
weight-sharing study (section 4.2.2 and Table 4.3).
"""

from __future__ import annotations

from torch import nn

from nasbench_sim.errors import UserError
from nasbench_sim.real.networks import PUBLISHED, Shape, check
from nasbench_sim.real.supernets import macronas, nasbench101, nasbench201
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.space import Space

VARIANTS = ("no_ft", "bns_ft", "single_k", "pro_rata", "avg_3", "sk_pr")
"""Statistics as gathered; re-estimated (as in all that follow); single kernel; sampled in proportion to parameters;
gradients of three; single kernel and in proportion."""
SPACES = ("nasbench101", "nasbench201", "macronas")


def width(space: Space, shape: Shape) -> int:
    """Channels of a super-net's first stage: the shape's, or as published, of NAS-Bench-101 as the study has it."""
    return shape.width or (nasbench101.WIDTH if space.name == "nasbench101" else PUBLISHED[space.name][0])


def check_supernet(space: Space, shape: Shape, variant: str) -> None:
    """Whether there is such a super-net.

    Raises:
        UserError: a space without super-net, an unknown variant, or a size that cannot be built.
    """
    if space.name not in SPACES:
        raise UserError(f"{space.name} has no super-net: choose from {', '.join(SPACES)}")
    if variant not in VARIANTS:
        raise UserError(f"unknown variant {variant!r} of super-nets: choose from {', '.join(VARIANTS)}")
    check(space, shape)


def supernet(space: Space, shape: Shape, variant: str) -> nn.Module:
    """The super-net of a space, with fresh weights; called with images and a code.

    Raises:
        UserError: see ``check_supernet``.
    """
    check_supernet(space, shape, variant)
    single = variant in ("single_k", "sk_pr")
    if isinstance(space, NASBench101):
        return nasbench101.SuperNet(space, shape, single)
    if isinstance(space, NASBench201):
        return nasbench201.SuperNet(shape, single)
    return macronas.SuperNet(shape, single)
