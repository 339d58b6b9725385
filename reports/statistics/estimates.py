"""What every estimate here is made of: a figure, its interval, and which values are dependent.

The unit that is resampled, or whose spread makes an interval, is always a run, that is a seed of one benchmark; where
runs share something random (a super-net, a fold), it is the group of them, called a cluster.  Benchmarks themselves are
never resampled: nothing here says how a strategy would do on other ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

Floats = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: NaN where it is undefined.
        low: of the interval; NaN where there is none.
        high: of it.
        confidence: of the interval.
        n: defined values behind it (of the smaller sample, where there are two).
        clusters: independent groups that the interval respects (of the sample with fewer); None: all independent.
        method: how the interval was made.
        note: what could not be computed or was done otherwise, and why; empty where nothing was.
    """

    value: float
    low: float
    high: float
    confidence: float
    n: int
    clusters: int | None
    method: str
    note: str = ""


@dataclass(frozen=True)
class Significance:
    """A test.

    Attributes:
        name: of the test as it was made.
        statistic: NaN where it is undefined.
        p_value: two-sided; NaN where there is none, which is never a pass.
        n: values (of both samples) or pairs.
        clusters: independent groups of both samples that it respects; None: all values independent.
        note: as in ``Estimate``.
    """

    name: str
    statistic: float
    p_value: float
    n: int
    clusters: int | None
    note: str = ""


@dataclass(frozen=True)
class Mean:
    """A sample mean and how far it can be trusted.

    Attributes:
        n: values.
        mean: NaN without values.
        variance: of the mean, NaN where it cannot be estimated (one value, or one cluster).
        freedom: degrees of freedom of that variance.
        clusters: independent groups behind it; equal to ``n`` where every value is independent.
    """

    n: int
    mean: float
    variance: float
    freedom: float
    clusters: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's t interval of the mean.

        Simulated with 25 independent values it covers 95% for normal values.  It FAILS for skewed ones: 87% for
        lognormal values (sigma 1), whose mean hangs on rare large ones, and 92% where 30% of the values are 0 and the
        others exponential; with 100 values 92% and 94%, with 10 values 84% and 88%.  Five clusters of five normal
        values: 95%, however much they share.
        """
        return t_interval(self.mean, self.variance, self.freedom, confidence)


def mean(values: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> Mean:
    """Mean of independent values, or of values that are dependent within clusters.

    With k clusters of n_c values and means m_c the variance is ``k / (k - 1) * sum((n_c / n)^2 (m_c - m)^2)`` with
    k - 1 degrees of freedom; for clusters of one size this is the variance of the cluster means divided by k.

    Args:
        values: ``float64[n]``, without NaN.
        clusters: ``int64[n]``, or None where all values are independent.
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    if n == 0:
        return Mean(0, np.nan, np.nan, np.nan, 0)
    centre = float(x.mean())
    if clusters is None:
        return Mean(n, centre, variance(x) / n, float(n - 1), n)
    _, place, size = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    k = len(size)
    if k == 1:
        return Mean(n, centre, np.nan, 0.0, 1)
    deviations = np.bincount(place, x - centre) / n  # (n_c / n) (m_c - m)
    between = 0.0 if np.ptp(x) == 0 else float(k / (k - 1) * (deviations**2).sum())
    return Mean(n, centre, between, float(k - 1), k)


def means(values: Floats, clusters: npt.ArrayLike | None = None) -> tuple[Floats, Floats, float]:
    """The same for many columns at once.

    Args:
        values: ``float64[n, t]``, without NaN.
        clusters: ``int64[n]``, or None.

    Returns:
        Means ``float64[t]``, their variances ``float64[t]`` (NaN where unknown), and the degrees of freedom.
    """
    n = len(values)
    centre = values.mean(axis=0)
    place = np.arange(n) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
    k = int(place.max()) + 1
    if k == 1:
        return centre, np.full_like(centre, np.nan), 0.0
    deviations = np.zeros((k, values.shape[1]))
    np.add.at(deviations, place, (values - centre) / n)
    between = k / (k - 1) * (deviations**2).sum(axis=0)
    return centre, np.where(np.ptp(values, axis=0) == 0, 0.0, between), float(k - 1)


def share(hits: npt.ArrayLike, clusters: npt.ArrayLike | None = None, confidence: float = 0.95) -> Estimate:
    """Mean of values between 0 and 1, such as a success rate, with Wilson's interval (1927).

    With clusters the number of values is divided by the design effect and the t quantile of k - 1 degrees of freedom
    takes the normal one's place (after Korn and Graubard 1998); where all values are equal, and no design effect can
    be estimated, the number of clusters counts.  Simulated with 25 independent values it covers 92% to 97% for true
    shares from 0.05 to 0.9, with 5 clusters of 5 whose logits spread by 0 to 2 between 95% and 99%.

    Args:
        hits: ``float64[n]`` in [0, 1]; halves for ties.
        clusters: ``int64[n]``, or None.
        confidence: of the interval.
    """
    x = np.asarray(hits, np.float64)
    method = "Wilson" if clusters is None else "Wilson, clusters respected"
    if not len(x):
        return Estimate(*(np.nan,) * 3, confidence, 0, None, method, "there is no value")
    found, naive = mean(x, clusters), float(x.mean() * (1 - x.mean()) / len(x))
    size, z = float(len(x)), float(ndtri((1 + confidence) / 2))
    if clusters is not None:
        if found.clusters == 1:
            note = "all values are of one cluster: the spread between clusters is unknown"
            return Estimate(found.mean, np.nan, np.nan, confidence, len(x), 1, method, note)
        size = len(x) * naive / found.variance if naive * found.variance > 0 else float(found.clusters)
        z = float(stdtrit(found.freedom, (1 + confidence) / 2))
    centre = (found.mean + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z * np.sqrt(found.mean * (1 - found.mean) / size + z**2 / (4 * size**2)) / (1 + z**2 / size)
    low, high = max(0.0, float(centre - half)), min(1.0, float(centre + half))
    return Estimate(found.mean, low, high, confidence, len(x), None if clusters is None else found.clusters, method)


def design_effect(values: npt.ArrayLike, clusters: npt.ArrayLike) -> float:
    """Variance of the mean with clusters respected, over the one that takes all values as independent; NaN where 0."""
    x, groups, _ = defined(values, clusters)
    naive = mean(x).variance
    return float(mean(x, groups).variance / naive) if naive > 0 else float("nan")


def t_interval(centre: float, variance: float, freedom: float, confidence: float) -> tuple[float, float]:
    """Student's interval of an estimate with that variance; NaN where it is unknown."""
    half = float(stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(variance)) if freedom > 0 else np.nan
    return centre - half, centre + half


def welch(one: Mean, two: Mean) -> tuple[float, float]:
    """Standard error of a difference of means, and its degrees of freedom (Welch; Satterthwaite 1946)."""
    both = one.variance + two.variance
    if not both > 0:
        return (np.nan, np.nan)
    return float(np.sqrt(both)), float(both**2 / (one.variance**2 / one.freedom + two.variance**2 / two.freedom))


def variance(x: Floats) -> float:
    """Unbiased; exactly 0 for equal values, whatever their mean is rounded to."""
    if len(x) < 2:
        return float("nan")
    return 0.0 if np.ptp(x) == 0 else float(x.var(ddof=1))


def defined(values: npt.ArrayLike, clusters: npt.ArrayLike | None) -> tuple[Floats, Clusters | None, int]:
    """Values that are not NaN, their clusters, and how many were NaN."""
    x = np.asarray(values, np.float64)
    there = ~np.isnan(x)
    return x[there], None if clusters is None else np.asarray(clusters)[there], int((~there).sum())


def why_unknown(one: Mean, two: Mean) -> str:
    """Why two means have no interval for their difference; empty where they have one."""
    for who, sample in (("reference", one), ("method", two)):
        if sample.n == 0:
            return f"the {who} has no defined value: there is nothing to compare"
    for who, sample in (("reference", one), ("method", two)):
        if sample.n == 1:
            return f"the {who} has one value: its spread, and so the interval, is unknown"
        if np.isnan(sample.variance):
            return f"all values of the {who} are of one cluster: the spread between clusters is unknown"
    return ""


def fewest(one: Mean, two: Mean, clustered: tuple[bool, bool]) -> int | None:
    """Clusters of the sample with fewer, among those that have any; None where neither has."""
    counts = [sample.clusters for sample, has in zip((one, two), clustered, strict=True) if has]
    return min(counts) if counts else None
