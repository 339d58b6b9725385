"""What a candidate promises, from the mean and deviation that a Gaussian process predicts; larger is better."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats

ACQUISITIONS = ("PI", "EI", "UCB")
ROOT = np.sqrt(2 * np.pi)
LEAST = 1e-12  # a deviation below it is certainty


def acquisition(name: str, mean: Floats, deviation: Floats, best: float, margin: float, kappa: float) -> Floats:
    """``float64[m]``, for minimisation.

    Args:
        name: "PI", the probability of improvement (Kushner 1964; thesis's eq. 2.13); "EI", its expectation (Jones,
            Schonlau and Welch 1998; eq. 2.14); "UCB", the bound of Srinivas et al. 2010, here a lower one.
        mean: ``float64[m]``.
        deviation: ``float64[m]``.
        best: least value so far.
        margin: by how much PI and EI ask it to be undercut.
        kappa: deviations below the mean at which UCB looks.
    """
    if name == "UCB":
        return np.asarray(kappa * deviation - mean)
    spread = np.maximum(deviation, LEAST)
    by = (best - margin) - mean
    units = by / spread
    below = ndtr(units)
    if name == "PI":
        return np.asarray(below)
    if name == "EI":
        return np.asarray(np.maximum(by * below + spread * np.exp(-0.5 * units**2) / ROOT, 0.0))
    raise UserError(f"acquisition is one of {', '.join(ACQUISITIONS)}, not {name!r}")
