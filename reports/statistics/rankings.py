"""Strategies ranked: over benchmarks, and over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.anytime import Curve, stratified_curve
from reports.statistics.estimates import Clusters, Floats, Significance

EXCHANGES = 9_999  # drawn, where benchmarks come in clusters


@dataclass(frozen=True)
class Ranking:
    """Strategies ranked on every benchmark, 1 the best.

    Attributes:
        mean_ranks: ``float64[k]``.
        friedman: chi-squared, k - 1 degrees of freedom.
        iman_davenport: the F of Iman and Davenport (1980), less conservative.
        critical_difference: of mean ranks, by Nemenyi; NaN where it cannot be told.
        nemenyi: p of every pair, ``float64[k, k]``; NaN where it cannot be told.
        cliques: largest runs of strategies, by mean rank, that are not told apart; indices.
        blocks: benchmarks without NaN.
        note: what could not be computed, and why.
    """

    mean_ranks: Floats
    friedman: Significance
    iman_davenport: Significance
    critical_difference: float
    nemenyi: Floats
    cliques: tuple[tuple[int, ...], ...]
    blocks: int
    note: str


def friedman(values: npt.ArrayLike, clusters: npt.ArrayLike | None = None, alpha: float = 0.05) -> Ranking:
    """Friedman's test (1937) with Nemenyi's critical difference (1963), as Demsar (JMLR 2006) recommends both.

    The units are benchmarks, one figure each: with labels, those of one cluster (sub-spaces of one table, say) move
    together, ranks are averaged in each cluster, and the p-value is that of exchanging strategies within whole
    clusters (9,999 drawn exchanges); there is then no critical difference.  Both tests are only approximate for few
    benchmarks; Nemenyi's is known to be conservative.

    Args:
        values: ``float64[benchmarks, k]``, minimised; a benchmark with a NaN is left out, and the note counts them.
        clusters: ``int64[benchmarks]``, or None: independent.
        alpha: of the critical difference.

    Returns:
        Without p-values, and with a note, for fewer than three strategies, fewer than two (clusters of) benchmarks,
        or where all strategies tie everywhere.
    """
    table = np.asarray(values, np.float64)
    there = np.asarray(~np.isnan(table).any(axis=1))
    left_out = int((~there).sum())
    table = table[there]
    labels = None if clusters is None else np.asarray(clusters)[there]
    n, k = table.shape
    ranks = stats.rankdata(table, axis=1) if n else np.full((0, k), np.nan)
    mean_ranks = ranks.mean(axis=0) if n else np.full(k, np.nan)
    independent = n if labels is None else len(np.unique(labels))
    note = f"{left_out} of {len(there)} benchmarks have an undefined figure and are left out" if left_out else ""
    if k < 3 or independent < 2 or np.ptp(ranks) == 0:
        note = _no_ranking(k, n, independent) + (f"; {note}" if note else "")
        none = Significance("Friedman", np.nan, np.nan, n, None if labels is None else independent, note)
        unknown = np.full((k, k), np.nan)
        return Ranking(mean_ranks, none, none, float("nan"), unknown, (tuple(range(k)),), n, note)
    if labels is not None:
        test = _friedman_of_clusters(ranks, labels)
        unknown = np.full((k, k), np.nan)
        note = "; ".join(part for part in (note, "no critical difference exists for clusters of benchmarks") if part)
        return Ranking(mean_ranks, test, test, float("nan"), unknown, (), n, note)
    chi = _friedman_statistic(ranks)
    with np.errstate(divide="ignore"):
        f = float((n - 1) * chi / np.float64(n * (k - 1) - chi))
    first = Significance("Friedman", chi, float(stats.chi2.sf(chi, k - 1)), n, None, note)
    second = Significance("Iman-Davenport", f, float(stats.f.sf(f, k - 1, (k - 1) * (n - 1))), n, None, note)
    unit = np.sqrt(k * (k + 1) / (6 * n))
    apart = np.abs(mean_ranks[:, None] - mean_ranks[None])
    nemenyi = np.asarray(stats.studentized_range.sf(np.sqrt(2) * apart / unit, k, np.inf))
    difference = float(stats.studentized_range.ppf(1 - alpha, k, np.inf) / np.sqrt(2) * unit)
    return Ranking(mean_ranks, first, second, difference, nemenyi, _cliques(mean_ranks, difference), n, note)


def ranks_over_time(
    values: Sequence[npt.ArrayLike],
    clusters: Sequence[npt.ArrayLike | None] | None = None,
    confidence: float = 0.95,
) -> list[Curve]:
    """Mean rank of every strategy at every time: ranked seed by seed, mean over seeds and then over benchmarks.

    The interval is that of ``stratified_curve``: seeds are the unit, benchmarks are not.

    Args:
        values: ``float64[k, seeds, t]`` of each benchmark, minimised, strategies on the same seeds; one without a
            value yet (NaN) ranks behind all that have one.
        clusters: ``int64[seeds]`` of each benchmark, or None: independent.
        confidence: of the intervals.

    Returns:
        k curves.
    """
    tables = [np.asarray(one, np.float64) for one in values]
    ranks = [stats.rankdata(np.where(np.isnan(one), np.inf, one), axis=0) for one in tables]
    return [stratified_curve([one[k] for one in ranks], clusters, confidence) for k in range(len(tables[0]))]


def _friedman_statistic(ranks: Floats) -> float:
    """Chi-squared, corrected for ties."""
    n, k = ranks.shape
    spread = ((ranks - (k + 1) / 2) ** 2).sum() / (n * (k - 1))  # (k + 1) k / 12 without ties
    return float(n * ((ranks.mean(axis=0) - (k + 1) / 2) ** 2).sum() / spread)


def _friedman_of_clusters(ranks: Floats, clusters: Clusters, drawn: int = EXCHANGES) -> Significance:
    """Strategies exchanged within whole clusters of benchmarks."""
    rng = np.random.default_rng(0)
    labels, k = np.unique(clusters), ranks.shape[1]
    sums = np.stack([ranks[clusters == label].sum(axis=0) for label in labels])

    def statistic(columns: Floats) -> Floats:
        return np.asarray(((columns / len(ranks) - (k + 1) / 2) ** 2).sum(axis=-1))

    observed = float(statistic(sums.sum(axis=0)))
    exchanged = sum(rng.permuted(np.broadcast_to(row, (drawn, k)), axis=1) for row in sums)
    above = int((statistic(np.asarray(exchanged)) >= observed - 1e-12).sum())
    name = "Friedman by exchange within clusters"
    return Significance(name, observed, (above + 1) / (drawn + 1), len(ranks), len(labels))


def _no_ranking(k: int, n: int, independent: int) -> str:
    if k < 3:
        return f"{k} strategies: ranks need three"
    if independent < 2:
        if n < 2:
            return f"{n} benchmark{'' if n == 1 else 's'}: ranks need two"
        return f"the {n} benchmarks are one cluster, not independent ones: the ranks only describe them"
    return "all strategies tie on every benchmark"


def _cliques(mean_ranks: Floats, difference: float) -> tuple[tuple[int, ...], ...]:
    """Largest runs of neighbours in mean rank that lie within the critical difference."""
    order = np.argsort(mean_ranks, kind="stable")
    found: list[tuple[int, ...]] = []
    for start in range(len(order)):
        near = [int(one) for one in order[start:] if mean_ranks[one] - mean_ranks[order[start]] <= difference]
        if len(near) > 1 and not any(set(near) <= set(other) for other in found):
            found.append(tuple(near))
    return tuple(found)
