"""Objectives brought to a scale that is pinned, so that a hypervolume means the same in every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations, Oracle, Request
from nasbench_sim.tabular.fronts import Front
from nasbench_sim.wrapped import Wrapped


class Normalised(Wrapped):
    """The oracle, with some objectives as ``(value - least) / (most - least)``.

    Args:
        oracle: the one within.
        ranges: by name of the objective: least and most, in its own unit.  Of the task, never of what a run found.
        front: the true one on this scale, where it is known.

    Attributes:
        front: as given; runs carry its hypervolume and reference point.

    Raises:
        UserError: an objective that the oracle does not have, or a range without width.
    """

    def __init__(self, oracle: Oracle, ranges: Mapping[str, tuple[float, float]], front: Front | None = None) -> None:
        super().__init__(oracle)
        self.front = front
        for name, (least, most) in ranges.items():
            if name not in oracle.objectives:
                raise UserError(
                    f"there is no objective {name!r} to normalise: choose from {', '.join(oracle.objectives)}"
                )
            if not -np.inf < least < most < np.inf:
                raise UserError(f"the range of {name} goes from {least:g} to {most:g}: it must have a finite width")
        self.ranges = dict(ranges)
        self._least = np.array([self.ranges.get(name, (0.0, 1.0))[0] for name in oracle.objectives], np.float64)
        self._width = np.array([self.ranges.get(name, (0.0, 1.0))[1] for name in oracle.objectives]) - self._least

    @property
    def optimum_objectives(self) -> Floats:
        return self.normalised(self.oracle.optimum_objectives)

    @property
    def provenance(self) -> Mapping[str, str]:
        scales = (f"{name} {least:g} to {most:g}" for name, (least, most) in self.ranges.items())
        told = {**self.oracle.provenance, "normalised": ", ".join(scales)}
        if self.front is None:
            return told
        point = ", ".join(f"{value:g}" for value in self.front.reference)
        volume = f"{self.front.hypervolume!r} of the true front, {len(self.front.points)} points"
        return {**told, "reference": point, "hypervolume": volume}

    def normalised(self, objectives: Floats) -> Floats:
        """``float64[..., m]`` on the pinned scale."""
        return (objectives - self._least) / self._width

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        answers = self.oracle.evaluate(request, run)
        return replace(answers, objectives=self.normalised(answers.objectives))


def normalised(oracle: Oracle, ranges: Mapping[str, tuple[float, float]], front: Front | None = None) -> Normalised:
    """The oracle with some of its objectives on a pinned scale, see ``Normalised``."""
    return Normalised(oracle, ranges, front)
