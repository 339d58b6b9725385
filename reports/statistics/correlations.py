"""Ranks, and how far two orders agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from reports.statistics.estimates import Floats


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN for fewer than two values or without spread."""
    a, b = ranks(x), ranks(y)
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def spearman_p(correlation: float, n: int) -> float:
    """Two-sided p-value of a rank correlation of n pairs, by the t approximation."""
    if n < 3 or np.isnan(correlation):
        return float("nan")
    if abs(correlation) >= 1:
        return 0.0
    return float(2 * stdtr(n - 2, -abs(correlation) * np.sqrt((n - 2) / (1 - correlation**2))))


def ranks(values: npt.ArrayLike) -> Floats:
    """Ranks from 1, ties at their mean, ``float64[n]``."""
    _, place, size = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return np.asarray((last - (size - 1) / 2)[place])
