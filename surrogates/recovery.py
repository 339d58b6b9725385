"""From the best of three repeats to their mean: the spread between repeats, and what a search sees at the top.

One run's log error is taken as normal about the cell's own mean m, with a standard deviation s(m) that depends on
the level alone.  Then the least of three has the expectation m - 0.846 s(m).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.signal import fftconvolve

Floats = npt.NDArray[np.float64]

BEST_OF_THREE = 3 / (2 * np.sqrt(np.pi))  # expected largest of three standard normal numbers, 0.846
BEST_OF_THREE_VARIANCE = 1 + np.sqrt(3) / (2 * np.pi) - 9 / (4 * np.pi)  # and its variance, 0.559
STEP = 1e-4  # of the grid of log errors on which distributions are convolved


@dataclass(frozen=True)
class Spread:
    """Standard deviation between repeats of one cell's log error.

    Attributes:
        low, high: its value up to and from the two ``errors``, with a straight line in the log error between.
        errors: where it changes.
        degrees_of_freedom: of the two estimates.
    """

    low: float
    high: float
    errors: tuple[float, float] = (0.12, 0.16)
    degrees_of_freedom: tuple[int, int] = (0, 0)

    def __call__(self, log_error: Floats) -> Floats:
        return np.interp(log_error, np.log(self.errors), (self.low, self.high))


def estimate_spread(groups: list[Floats], errors: tuple[float, float] = (0.12, 0.16)) -> Spread:
    """Pooled within-cell standard deviations of cells below the middle of ``errors`` and above it.

    Args:
        groups: for each cell the errors of its distinct repeats, two or more.
        errors: see ``Spread``.
    """
    middle = np.sqrt(errors[0] * errors[1])
    squares, freedom = [0.0, 0.0], [0, 0]
    for group in groups:
        logs = np.log(group)
        above = int(np.exp(logs.mean()) > middle)
        squares[above] += float(((logs - logs.mean()) ** 2).sum())
        freedom[above] += len(logs) - 1
    low, high = (float(np.sqrt(s / max(f, 1))) for s, f in zip(squares, freedom, strict=True))
    return Spread(low, high, errors, (freedom[0], freedom[1]))


def mean_from_best_of_three(log_best: Floats, spread: Spread) -> Floats:
    """The mean m of which ``log_best`` = m - 0.846 s(m) is the expected least of three, by fixed-point iteration."""
    mean = log_best.copy()
    for _ in range(30):  # contracts by |0.846 s'| < 0.1 a step
        mean = log_best + BEST_OF_THREE * spread(mean)
    return mean


def widened(values: Floats, width: float) -> Floats:
    """Values moved, in their order, to the quantiles that they would have with N(0, width^2) noise added.

    Predictions spread less than what they predict.  This gives back the distribution, not the single deviations:
    it is increasing, so ranks stay, and changes the bulk least and the ends most.
    """
    return np.asarray(np.interp(values, *_quantile_map(values, width)))


def width_for_least(values: Floats, least: float, widest: float = 0.2) -> float:
    """The width with which the least of the ``widened`` values is ``least``; 0 where it is that low already.

    Raises:
        ValueError: out of reach.
    """

    def excess(width: float) -> float:
        return float(widened(values, width).min()) - least

    if values.min() <= least:
        return 0.0
    if excess(widest) > 0:
        raise ValueError(f"no width up to {widest} brings the least value {values.min():.4f} down to {least:.4f}")
    return float(brentq(excess, STEP, widest, xtol=1e-5))


def _quantile_map(values: Floats, width: float) -> tuple[Floats, Floats]:
    """Distinct sorted values and where each goes: the quantile function of the convolution at its mid-rank."""
    distinct, counts = np.unique(values, return_counts=True)
    share = (np.cumsum(counts) - 0.5 * counts) / len(values)
    margin = 8 * width + 10 * STEP
    edges = np.arange(distinct[0] - margin, distinct[-1] + margin, STEP)
    density, _ = np.histogram(values, edges)
    offsets = STEP * np.arange(-np.ceil(8 * width / STEP), np.ceil(8 * width / STEP) + 1)
    noise = np.exp(-0.5 * (offsets / max(width, STEP / 10)) ** 2)
    smooth = np.maximum(fftconvolve(density.astype(np.float64), noise / noise.sum(), mode="same"), 0)
    reached = np.cumsum(smooth) / smooth.sum()
    # Beyond the last digits the distribution is flat, and a flat stretch has no inverse.
    rising = np.append(True, np.diff(reached) > 1e-12)
    return distinct, np.interp(share, reached[rising], edges[1:][rising])


def distinct_groups(rows: npt.NDArray[np.int64], figures: npt.NDArray[np.floating[Any]]) -> list[Floats]:
    """For each row number that occurs with two or more distinct figures, those figures.

    The same repeat drawn twice must not count twice, and two repeats that agree to all digits are one here; that
    makes the estimated spread a little too large.
    """
    return [
        np.asarray(found, np.float64)
        for row in np.unique(rows)
        if len(found := np.unique(np.round(figures[rows == row], 7))) > 1
    ]


def expected_triple_failures(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """How many of n cells fail in three repeats, if ``first[n]`` and ``second[n]`` are each one repeat's failure.

    A cell's chance p to fail is taken as Beta distributed over the cells (matched to the shares that fail once and
    in both), repeats of a cell as independent given p.
    """
    once = (first.mean() + second.mean()) / 2
    twice = (first & second).mean()
    if once == 0 or twice == 0:
        return 0.0
    ratio = twice / once  # E[p^2] / E[p] = (a + 1) / (a + b + 1)
    total = (1 - ratio) / (ratio - once)  # a + b
    return float(len(first) * twice * (once * total + 2) / (total + 2))
