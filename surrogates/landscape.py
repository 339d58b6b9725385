"""How a predicted landscape differs from the measured one: statistics of errors on a sample of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, gammaln
from scipy.stats import kendalltau, spearmanr

from nasbench_sim.randomness import stream
from nasbench_sim.spaces.space import Codes, Keys, Space
from nasbench_sim.tabular.rows import RowIndex

Errors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """Agreement of predicted with measured errors.

    Attributes:
        tau: Kendall's tau (b).
        r2: share of the variance of the log error that is explained.
        spearman_best: Spearman's correlation among the measured best fifth.
    """

    tau: float
    r2: float
    spearman_best: float


def quality(measured: Errors, predicted: Errors) -> Quality:
    """Agreement of two arrays ``[n]`` of errors (any positive figure)."""
    a, b = np.log(measured), np.log(predicted)
    best = a <= np.quantile(a, 0.2)
    return Quality(
        float(kendalltau(a, b).statistic),
        float(1 - np.mean((a - b) ** 2) / np.var(a)),
        float(spearmanr(a[best], b[best]).statistic),
    )


@dataclass(frozen=True)
class Landscape:
    """What a search meets, for one array of errors.

    Attributes:
        local_optima: share of the cells with neighbours in the sample that are better than all of them.
        neighbour_correlation: Spearman's correlation of the error over neighbouring pairs.
        ties: share of the cells whose error another cell has too.
        best_of: n to the expected error of the best of n drawn at random, less the least error.
    """

    local_optima: float
    neighbour_correlation: float
    ties: float
    best_of: dict[int, float]


def neighbour_pairs(space: Space, codes: Codes, keys: Keys) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of rows (cell, neighbour) of which both are in the sample ``codes[n, d]``, two arrays ``int64[m]``."""
    index = RowIndex(keys)
    cells, others = [], []
    for start in range(0, len(codes), 4096):
        reached, offsets, _ = space.neighbourhoods(codes[start : start + 4096])
        rows = index.rows(space.key(reached))
        cell = np.repeat(np.arange(start, start + len(offsets) - 1), np.diff(offsets))
        cells.append(cell[rows >= 0])
        others.append(rows[rows >= 0])
    return np.concatenate(cells), np.concatenate(others)


def landscape(
    errors: Errors,
    pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    draws: tuple[int, ...] = (10, 100, 1000),
) -> Landscape:
    """Statistics of ``errors[n]`` with ``neighbour_pairs``; ``best_of`` for each number of ``draws``."""
    cell, other = pairs
    best_neighbour = np.full(len(errors), np.inf)
    np.minimum.at(best_neighbour, cell, errors[other])
    known = np.isfinite(best_neighbour)
    _, counts = np.unique(errors, return_counts=True)
    return Landscape(
        float((errors < best_neighbour)[known].mean()),
        float(spearmanr(errors[cell], errors[other]).statistic),
        float(counts[counts > 1].sum() / len(errors)),
        {n: expected_best(errors, n) - float(errors.min()) for n in draws},
    )


def share_of_optima(
    space: Space, codes: Codes, keys: Keys, error: Errors, width: float, seed: int, cells: int = 5000
) -> tuple[float, float]:
    """Share of random cells better than all their neighbours, as they are, and rougher.

    Args:
        space: of the neighbours.
        codes: ``[n, d]``, closed under neighbourhood: the whole space.
        keys: ``uint64[n, 2]``.
        error: ``float64[n]``.
        width: standard deviation of independent normal noise on every log error, for the second share.
        seed: of cells and noise.
        cells: how many to look at.
    """
    random = stream(seed, "optima")
    centre = random.choice(len(codes), min(cells, len(codes)), replace=False)
    reached, offsets, _ = space.neighbourhoods(codes[centre])
    rows = RowIndex(keys).rows(space.key(reached))
    rough = np.log(error) + width * random.standard_normal(len(error))
    smooth_share, rough_share = (
        float((values[centre] < np.minimum.reduceat(values[rows], offsets[:-1])).mean()) for values in (error, rough)
    )
    return smooth_share, rough_share


def expected_best(errors: npt.NDArray[np.floating[Any]], n: int) -> float:
    """Expected least error of n distinct rows drawn at random, exactly.

    The i-th best (from 0) of N is the best drawn with probability C(N - 1 - i, n - 1) / C(N, n).
    """
    total = len(errors)
    rank = np.arange(total - n + 1)
    # C(a, n - 1) through the logarithm of the beta function; C(N, n) likewise.
    ways = -np.log(total - rank) - betaln(total - rank - n + 1, n) if n > 1 else np.zeros(len(rank))
    of = gammaln(total + 1) - gammaln(n + 1) - gammaln(total - n + 1)
    return float(np.sort(errors)[: len(rank)] @ np.exp(ways - of))
