"""The bootstrap: how often each run is drawn, many times over; runs are drawn within their own benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from reports.statistics.estimates import Floats

REPETITIONS = 2_000


def draws(n: int, clusters: npt.ArrayLike | None, repetitions: int, rng: np.random.Generator) -> Floats:
    """How often each of n values is in each bootstrap sample, ``float64[repetitions, n]``.

    As many values, or whole clusters where there are labels, are drawn with replacement as there are.
    """
    place = np.arange(n) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
    k = int(place.max()) + 1
    drawn = rng.integers(k, size=(repetitions, k)) + k * np.arange(repetitions)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=repetitions * k).reshape(repetitions, k)
    return counts[:, place].astype(np.float64)


def percentile_interval(resampled: Floats, independent: Sequence[int], confidence: float) -> tuple[Floats, Floats]:
    """Expanded percentile interval of bootstrap figures (Hesterberg 2015, section 4.3).

    Percentiles of few values are too narrow; the level is moved outwards as far as a t interval is wider than a
    normal one with the biased variance.

    Args:
        resampled: ``float64[repetitions, ...]``.
        independent: values (or clusters) in each benchmark that was resampled.
        confidence: of the interval.

    Returns:
        Low and high, of the shape of one figure; NaN where a benchmark has one value (or cluster).
    """
    values, strata = sum(independent), len(independent)
    if min(independent) < 2:
        none = np.full(resampled.shape[1:], np.nan)
        return none, none
    freedom = values - strata
    tail = float(ndtr(stdtrit(freedom, (1 - confidence) / 2) * np.sqrt(values / freedom)))
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return low, high
