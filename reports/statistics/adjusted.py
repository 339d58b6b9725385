"""Corrections for making many comparisons at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.estimates import Floats


def holm(p_values: npt.ArrayLike) -> Floats:
    """Adjusted p-values that hold the chance of any false one (Holm 1979), ``float64[m]``.

    NaN stays NaN, and still counts among the m: a comparison that could not be made was made.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p)  # NaN last
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, (len(p) - np.arange(len(p))) * p[order]))
    return adjusted


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """Adjusted p-values that hold the expected share of false ones among those found (1995), ``float64[m]``.

    NaN stays NaN and still counts among the m.
    """
    p = np.asarray(p_values, np.float64)
    if not len(p):
        return p.copy()
    adjusted = stats.false_discovery_control(np.where(np.isnan(p), 1.0, p))
    return np.where(np.isnan(p), np.nan, adjusted)
