"""Covariance functions of Gaussian processes, and configurations as the points that they compare.

Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", chapter 4.  All have variance 1; a Gaussian
process scales them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats
from nasbench_sim.spaces.conditional import ConditionalGrid
from nasbench_sim.spaces.grid import Grid
from nasbench_sim.spaces.listed import Listed
from nasbench_sim.spaces.space import Codes, Space

Covariance = Callable[[Floats, Floats], Floats]
"""From points ``float64[n, k]`` and ``float64[m, k]`` to ``float64[n, m]``, 1 where they are equal."""

FORMS = ("squared exponential", "matern 5/2")
CATEGORIES = ("hamming", "one-hot")


@dataclass(frozen=True)
class Kernel:
    """A stationary kernel with a length-scale for each column.

    Attributes:
        form: one of ``FORMS``.
        scales: ``float64[k]``.
    """

    form: str
    scales: Floats

    def __call__(self, points: Floats, others: Floats) -> Floats:
        return correlation(self.form, squares(points / self.scales, others / self.scales))


def squares(points: Floats, others: Floats) -> Floats:
    """Squared distances, ``float64[n, m]``."""
    apart = (points**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2.0 * (points @ others.T)
    return np.asarray(np.maximum(apart, 0.0))


def correlation(form: str, apart: Floats) -> Floats:
    """The kernel at squared distances in units of the length-scales (thesis's eq. 2.8 and 2.10 with variance 1)."""
    if form == "squared exponential":
        return np.asarray(np.exp(-0.5 * apart))
    root = np.sqrt(5.0 * apart)
    return np.asarray((1.0 + root + root**2 / 3.0) * np.exp(-root))


def slope(form: str, apart: Floats) -> Floats:
    """Minus two times the derivative of ``correlation`` by the squared distance."""
    if form == "squared exponential":
        return np.asarray(np.exp(-0.5 * apart))
    root = np.sqrt(5.0 * apart)
    return np.asarray(5.0 / 3.0 * (1.0 + root) * np.exp(-root))


class Encoding:
    """Configurations of a space as points.

    Of a grid each variable with an order is one column from 0 to 1, on its own scale, and a category several: with
    "hamming" two different values are 1 apart, whichever, and the variable has one length-scale; with "one-hot" each
    value has its own.  Of any other space the points are its features from 0 to 1, with one length-scale for all.

    Args:
        space: to search.
        categories: one of ``CATEGORIES``.
        sample: codes ``[n, d]`` from which the range of features is taken where the space is no grid.

    Raises:
        UserError: an unknown way with categories.
    """

    def __init__(self, space: Space, categories: str, sample: Codes) -> None:
        if categories not in CATEGORIES:
            raise UserError(f"categories are taken by {' or '.join(CATEGORIES)}, not {categories!r}")
        self.space = space
        columns: list[int] = []
        factors: list[float] = []
        grid = isinstance(space, Grid | ConditionalGrid | Listed)
        if grid:
            group = 0
            for variable in space.variables:
                if variable.kind != "categorical":
                    columns.append(group)
                    factors.append(1.0)
                    group += 1
                elif categories == "hamming":
                    columns += [group] * variable.width
                    factors += [np.sqrt(0.5)] * variable.width
                    group += 1
                else:
                    columns += range(group, group + variable.width)
                    factors += [1.0] * variable.width
                    group += variable.width
            for _ in getattr(space, "conditions", ()):  # whether a variable matters
                columns.append(group)
                factors.append(1.0)
                group += 1
            self._least, self._factor = np.zeros(len(columns)), np.array(factors)
        else:
            features = space.features(sample).astype(np.float64)
            width = features.shape[1]
            spread = np.ptp(features, axis=0)
            columns = [0] * width
            self._least = features.min(axis=0)
            # what never differs in the sample is left out; the diameter of all columns together is 1
            used = max(int((spread > 0).sum()), 1)
            self._factor = np.where(spread > 0, 1.0, 0.0) / np.where(spread > 0, spread, 1.0) / np.sqrt(used)
        self.groups: npt.NDArray[np.int64] = np.array(columns, np.int64)

    @property
    def parameters(self) -> int:
        """How many length-scales there are."""
        return int(self.groups.max()) + 1

    def __call__(self, codes: Codes) -> Floats:
        """Points ``float64[n, k]``."""
        return np.asarray((self.space.features(codes) - self._least) * self._factor)
