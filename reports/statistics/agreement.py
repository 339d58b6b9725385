"""Whether several rankings of the same things agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from reports.statistics.estimates import Estimate

REPETITIONS = 2000


def kendalls_w(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Kendall's coefficient of concordance (Kendall and Babington Smith 1939), corrected for ties; 1: one ranking.

    Args:
        values: ``float64[..., judges, things]``, what each judge ranks the things by.

    Returns:
        ``float64[...]``, 0 to 1; NaN where every judge ties everything, or of fewer than two judges or things.
    """
    table = np.asarray(values, np.float64)
    judges, things = table.shape[-2:]
    if judges < 2 or things < 2:
        return np.full(table.shape[:-2], np.nan)
    ranks = rankdata(table, axis=-1)
    spread = ((ranks.sum(axis=-2) - judges * (things + 1) / 2) ** 2).sum(axis=-1)
    # The most it can be is m times the sum over judges of what each one's own ranks spread.
    most = judges * ((ranks - (things + 1) / 2) ** 2).sum(axis=(-2, -1))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(most > 0, spread / np.where(most > 0, most, 1), np.nan))


def concordance(values: Sequence[npt.ArrayLike], confidence: float = 0.95, repetitions: int = REPETITIONS) -> Estimate:
    """Kendall's W of the rankings of means, with the interval that the runs leave: percentile bootstrap over seeds.

    The resampled unit is the seed, drawn anew for all things and judges together where all have as many, since runs
    of one seed may share their start.  Noise makes rankings less alike, so W errs towards 0 where means are close.

    Args:
        values: of each judge (benchmark) ``float64[things, seeds]``.
        confidence: of the interval.
        repetitions: sets of seeds drawn.
    """
    tables = [np.asarray(one, np.float64) for one in values]
    found = float(kendalls_w(np.array([one.mean(axis=1) for one in tables]))) if tables else float("nan")
    numbers = {one.shape[1] for one in tables}
    fewest = min(numbers, default=0)
    if np.isnan(found) or fewest < 2:
        note = "a rank agreement needs two benchmarks, two things and two seeds"
        return Estimate(found, np.nan, np.nan, confidence, fewest, None, "bootstrap over seeds", note)
    rng = np.random.default_rng(0)
    shared = rng.integers(0, fewest, (repetitions, fewest))
    means = []
    for table in tables:
        drawn = shared if len(numbers) == 1 else rng.integers(0, table.shape[1], (repetitions, table.shape[1]))
        means.append(table[:, drawn].mean(axis=2).T)
    low, high = np.nanquantile(kendalls_w(np.stack(means, axis=1)), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(found, float(low), float(high), confidence, fewest, None, "bootstrap over seeds")
