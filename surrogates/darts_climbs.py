"""Climbs on a figure that is cheap to ask: best-improvement local searches side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nasbench_sim.randomness import stream
from nasbench_sim.spaces.space import Codes, Space

Floats = npt.NDArray[np.float64]


def best_of_climbs(
    space: Space, figure: Callable[[Codes], Floats], climbs: int, *, seed: int = 0
) -> tuple[Codes, float]:
    """The best configuration ``[d]`` that climbs from random starts end at, and its figure (minimised)."""
    ends, values = random_climbs(space, figure, climbs, seed=seed)
    return ends[int(np.argmin(values))], float(values.min())


def random_climbs(
    space: Space, figure: Callable[[Codes], Floats], climbs: int, *, seed: int = 0
) -> tuple[Codes, Floats]:
    """Where climbs from random starts end, ``[climbs, d]``, and the figures there."""
    return climb(space, figure, space.sample(stream(seed, "climbs"), climbs))


def climb(
    space: Space,
    figure: Callable[[Codes], Floats],
    starts: Codes,
    *,
    seen: Callable[[Codes, Floats], None] | None = None,
) -> tuple[Codes, Floats]:
    """Move every start to its best neighbour until none is better.

    Args:
        space: of the configurations.
        figure: of codes ``[n, d]``, minimised, ``float64[n]``.
        starts: ``[n, d]``.
        seen: called with all that is asked on the way.

    Returns:
        The ends ``[n, d]`` and their figures ``float64[n]``.
    """
    ends = np.array(starts)
    values = figure(ends)
    if seen is not None:
        seen(ends.copy(), values.copy())
    climbing = np.arange(len(ends))
    while len(climbing):
        around = space.neighbourhoods(ends[climbing])
        found = figure(around.codes)
        if seen is not None:
            seen(around.codes, found)
        best = np.array([
            start + int(np.argmin(found[start:end]))
            for start, end in zip(around.offsets[:-1].tolist(), around.offsets[1:].tolist(), strict=True)
        ])  # fmt: skip
        better = found[best] < values[climbing]
        climbing, best = climbing[better], best[better]
        ends[climbing], values[climbing] = around.codes[best], found[best]
    return ends, values
