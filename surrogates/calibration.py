"""How far a prediction may be off: what the model does not know, and what training itself varies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVELS = 10
NINETY = 1.6448536269514722  # normal deviates that hold 90 % between them
MOST_RELATIVE = 4.0  # times the typical spread between members, that a row's counts at most
LEAST_SHARE = 0.02  # of the total variance that the model always owns to
TRUST = 0.25  # of a row's variance that follows its own spread between members: the most likely of 0, 1/4, 1/2, 1


@dataclass(frozen=True)
class Calibration:
    """Standard deviations of logarithms by the level of the prediction, straight lines between, constant beyond.

    Attributes:
        level: ``float64[k]``, increasing: log predictions.
        total: ``float64[k]``, of a single training run about the ensemble's prediction, such that 1.645 of them
            either way hold 90%.
        noise: ``float64[k]``, between training runs of one configuration, likewise such that 1.645 of them hold 90%,
            since a few runs deviate by much more; None where no repeats are known.
        spread: ``float64[k]``, typical standard deviation between members on configurations they never saw.
        repeats: degrees of freedom behind ``noise``.
    """

    level: Floats
    total: Floats
    noise: Floats | None
    spread: Floats
    repeats: int = 0

    def run_sd(self, predicted: Floats, spread: Floats) -> Floats:
        """Of one training run about the prediction, ``float64[n]``: model and noise together."""
        return np.asarray(np.hypot(self.model_sd(predicted, spread), self.noise_sd(predicted)))

    def model_sd(self, predicted: Floats, spread: Floats) -> Floats:
        """Of what the model does not know, ``float64[n]``; with the noise in it where no repeats are known.

        Args:
            predicted: ``float64[n]``, logarithms.
            spread: ``float64[n]``, between members.
        """
        total, noise = np.interp(predicted, self.level, self.total), self.noise_sd(predicted)
        own = np.sqrt(np.maximum(total**2 - noise**2, LEAST_SHARE * total**2))
        typical = np.maximum(np.interp(predicted, self.level, self.spread), 1e-12)
        relative = np.minimum(spread / typical, MOST_RELATIVE) ** 2
        return np.asarray(own * np.sqrt(1 - TRUST + TRUST * relative))

    def noise_sd(self, predicted: Floats) -> Floats:
        """Between training runs, ``float64[n]``; zero where it is not known."""
        if self.noise is None:
            return np.zeros(len(predicted))
        return np.interp(predicted, self.level, self.noise)

    def as_plain(self) -> dict[str, Any]:
        """As lists and numbers."""
        return {
            "level": self.level.tolist(),
            "total": self.total.tolist(),
            "noise": None if self.noise is None else self.noise.tolist(),
            "spread": self.spread.tolist(),
            "repeats": self.repeats,
        }

    @staticmethod
    def of_plain(found: Mapping[str, Any]) -> Calibration:
        """What ``as_plain`` gave.

        Raises:
            ValueError, KeyError, TypeError: it is not that.
        """
        level, total, spread = (np.array(found[name], np.float64) for name in ("level", "total", "spread"))
        noise = None if found["noise"] is None else np.array(found["noise"], np.float64)
        together = (total, spread) if noise is None else (total, spread, noise)
        if level.ndim != 1 or not len(level) or (np.diff(level) < 0).any():
            raise ValueError("the levels of the calibration are not increasing")
        if any(part.shape != level.shape or not (part >= 0).all() for part in together):
            raise ValueError("the calibration is incomplete")
        return Calibration(level, total, noise, spread, int(found["repeats"]))


def calibrate(
    out_of_fold: Floats,
    runs: Floats,
    fresh: Floats,
    fresh_variance: Floats,
    saved: Floats,
    stated_noise: Floats | None = None,
) -> Calibration:
    """A calibration from predictions of rows that the predicting member had not seen.

    What a member alone is off by is larger than what the ensemble's mean is: the variance between members, which
    shows on configurations without any figure, is what averaging saves.

    Args:
        out_of_fold: ``float64[n]``, log predictions.
        runs: ``float64[n, r]``, logarithms of training runs, NaN where there are fewer than r.
        fresh: ``float64[u]``, log predictions of configurations that no member saw.
        fresh_variance: ``float64[u]``, between members there.
        saved: ``float64[u]``, of it what the ensemble's mean is rid of.
        stated_noise: ``float64[n]``, standard deviation between runs where the table states it.
    """
    parts = _parts(out_of_fold)
    level = np.array([out_of_fold[rows].mean() for rows in parts])
    spread = _by_level(level, fresh, fresh_variance, _typical)
    noise, freedom = _noise(runs, parts, stated_noise)
    total = np.empty(len(parts))
    gained = _by_level(level, fresh, saved)
    for at, rows in enumerate(parts):
        off = np.abs(runs[rows] - out_of_fold[rows, None])
        alone = (np.nanquantile(off, 0.9) / NINETY) ** 2
        least = 0.0 if noise is None else noise[at] ** 2
        total[at] = np.sqrt(max(alone - gained[at], 0.25 * alone, least * (1 + LEAST_SHARE)))
    return Calibration(level, total, noise, np.sqrt(spread), freedom)


def _parts(predicted: Floats) -> list[npt.NDArray[np.int64]]:
    """Rows by level, in ``LEVELS`` parts of equal size, fewer where there are few rows."""
    count = int(np.clip(len(predicted) // 30, 1, LEVELS))
    return [np.sort(rows) for rows in np.array_split(np.argsort(predicted, kind="stable"), count)]


def _noise(runs: Floats, parts: list[npt.NDArray[np.int64]], stated: Floats | None) -> tuple[Floats | None, int]:
    """Standard deviation between runs of one configuration, pooled by level, and its degrees of freedom."""
    if stated is not None and np.isfinite(stated).any():
        known = [stated[rows][np.isfinite(stated[rows])] for rows in parts]
        overall = float(np.sqrt(np.nanmean(stated**2)))
        return np.array([np.sqrt(np.mean(one**2)) if len(one) else overall for one in known]), 0
    count = (~np.isnan(runs)).sum(1)
    if not (count > 1).any():
        return None, 0
    several = count > 1
    mean = np.nansum(runs, axis=1) / np.maximum(count, 1)
    # A run's deviation from the mean of c runs, itself among them, is smaller by sqrt((c - 1) / c).
    off = np.abs(runs - mean[:, None]) * np.sqrt(count / np.maximum(count - 1, 1))[:, None]

    def scale(rows: Any) -> float:
        return float(np.nanquantile(off[rows], 0.9) / NINETY)

    overall = scale(several)
    inside = [rows[several[rows]] for rows in parts]
    freedom = int((count[several] - 1).sum())
    return np.array([scale(rows) if len(rows) >= 20 else overall for rows in inside]), freedom


def _typical(variance: Floats) -> float:
    """The variance of which these are 1 time on average, where none counts more than ``MOST_RELATIVE`` squared times.

    So a level's deviations are on average the level's, and a few outliers do not make them.
    """
    typical = float(variance.mean())
    for _ in range(50):
        typical *= float(np.minimum(variance / max(typical, 1e-300), MOST_RELATIVE**2).mean())
    return typical


def _by_level(level: Floats, at: Floats, value: Floats, of: Callable[[Floats], Any] = np.median) -> Floats:
    """Medians of ``value`` over the points nearest to each level, ``float64[k]``; a few outliers decide nothing."""
    part = np.searchsorted((level[1:] + level[:-1]) / 2, at)
    overall = float(of(value)) if len(value) else 0.0
    inside = [value[part == number] for number in range(len(level))]
    return np.array([of(one) if len(one) >= 10 else overall for one in inside])
