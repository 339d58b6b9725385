"""How long random search takes to meet one of the best: exact, for any space and any objective.

Bertrand 2019, "Hyper-parameter optimization in deep learning and transfer learning" (thesis), section 2.4.1: drawing
without replacement, the first of M good configurations among N comes as the hypergeometric distribution says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def chance(size: int, good: int, draws: npt.ArrayLike, replacement: bool = False) -> Floats:
    """Probability that one of the good is among the first draws (eq. 2.20 and 2.22), in the shape of ``draws``.

    Args:
        size: N, configurations of the space.
        good: M, how many of them are good enough.
        draws: n, each at least 0; beyond what the space holds every configuration has been met.
        replacement: whether a configuration may be drawn again.

    Raises:
        ValueError: a space without configurations, or more good ones than there are.
    """
    _check(size, good)
    n = np.asarray(draws, np.int64)
    if (n < 0).any():
        raise ValueError("a number of draws is at least 0")
    missed = _missed(size, good, int(n.max(initial=0)), replacement)
    return np.asarray(-np.expm1(missed[np.minimum(n, len(missed) - 1)]))


def draws_needed(size: int, good: int, probability: float, replacement: bool = False) -> int:
    """The least number of draws with a chance above ``probability`` (Table 2.2 of the thesis).

    Raises:
        ValueError: none is enough: nothing is good, or the probability is not between 0 and 1.
    """
    _check(size, good)
    if not good or not 0 <= probability < 1:
        raise ValueError(f"no number of draws finds one of {good} with a probability above {probability:g}")
    most = 64
    while True:
        above = np.flatnonzero(chance(size, good, np.arange(most + 1), replacement) > probability)
        if above.size:
            return int(above[0])
        most *= 2


def first_good(size: int, good: int, replacement: bool = False) -> tuple[float, float]:
    """Mean and standard deviation of the draw that is the first good one.

    Raises:
        ValueError: nothing is good.
    """
    _check(size, good)
    if not good:
        raise ValueError("nothing is good, so no draw is the first good one")
    if replacement:
        share = good / size
        return 1 / share, float(np.sqrt(1 - share) / share)
    mean = (size + 1) / (good + 1)
    variance = good * (size + 1) * (size - good) / ((good + 1) ** 2 * (good + 2))
    return mean, float(np.sqrt(variance))


def first_within(values: npt.ArrayLike, thresholds: Sequence[float]) -> npt.NDArray[np.int64]:
    """The draw, from 1, at which values in the order of drawing first reach each threshold; 0 where none does.

    Args:
        values: ``float64[n]``; NaN for what failed.
        thresholds: reached by what is not above them.
    """
    order = np.fmin.accumulate(np.asarray(values, np.float64))
    reached = [np.flatnonzero(order <= threshold) for threshold in thresholds]
    return np.array([place[0] + 1 if place.size else 0 for place in reached], np.int64)


def _check(size: int, good: int) -> None:
    if size < 1 or not 0 <= good <= size:
        raise ValueError(f"a space of {size} configurations cannot hold {good} good ones")


def _missed(size: int, good: int, most: int, replacement: bool) -> Floats:
    """Logarithm of the probability that all of the first 0, 1, ... draws are not good."""
    if replacement:
        with np.errstate(divide="ignore"):
            return np.asarray(np.arange(most + 1) * np.log1p(-good / size) if good < size else [0.0] + [-np.inf] * most)
    k = np.arange(min(most, size))
    with np.errstate(divide="ignore"):
        steps = np.log1p(-np.minimum(good / (size - k), 1.0))
    return np.concatenate([[0.0], np.cumsum(steps)])
