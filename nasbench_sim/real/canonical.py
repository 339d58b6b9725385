"""Of equivalent codes always the same one, so that what is trained does not depend on which of them was asked."""

from __future__ import annotations

import numpy as np

from nasbench_sim.spaces import darts_cells, macronas, nasbench101_cells, nasbench201, nasbench_macro
from nasbench_sim.spaces.darts import DARTS, DIMENSION
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
from nasbench_sim.spaces.part import Part
from nasbench_sim.spaces.space import Codes, Space


def canonical(space: Space, codes: Codes) -> Codes:
    """``[n, d]``: equal for codes that share a key; of a space where only equal codes do, the codes themselves.

    Of OFA, absent layers are left as they are: they are part of no network.
    """
    if not len(codes):
        return codes
    if isinstance(space, Part):
        return canonical(space.whole, codes)
    if isinstance(space, NASBench101):
        return nasbench101_cells.canonical(codes)
    if isinstance(space, NASBench201) and space.equivalence != "code":
        classes = nasbench201.function_classes() if space.equivalence == "function" else nasbench201.published_classes()
        every = NASBench201().enumerate()
        return every[classes[NASBench201().key(codes)[:, 0].astype(np.int64)]]
    if isinstance(space, MacroNAS) or (isinstance(space, NASBenchMacro) and space.equivalence == "network"):
        networks = macronas.NETWORKS if isinstance(space, MacroNAS) else nasbench_macro.NETWORKS
        return networks.codes(networks.numbers(codes))
    if isinstance(space, DARTS):
        numbers = space.key(codes).astype(np.int64)
        return darts_cells.cells(numbers.ravel(), space.inputs == "any").reshape(-1, DIMENSION)
    return codes
