"""Critical values for a test that is looked at several times: one-sided, at looks fixed beforehand.

Lan and DeMets 1983, "Discrete sequential boundaries for clinical trials"; the spending function is of the power
family of Kim and DeMets 1987; the integration is that of Armitage, McPherson and Rowe 1969.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, stdtrit

Floats = npt.NDArray[np.float64]

POWER = 2.0  # between Pocock's bold first look (about 1) and O'Brien and Fleming's timid one (about 3)
NODES = 200  # of the quadrature; the values below are then right to six digits
FAR = 10.0  # standard deviations beyond which a normal density is nothing


def spent(looks: Sequence[int], alpha: float, power: float = POWER) -> Floats:
    """Error probability spent up to each look, ``alpha * (n / n_last) ** power``, ``float64[k]``."""
    share = np.asarray(looks, np.float64) / looks[-1]
    return np.asarray(alpha * share**power)


@cache
def critical_values(looks: tuple[int, ...], alpha: float, power: float = POWER) -> tuple[float, ...]:
    """One standard normal quantile a look: under the null, any is ever exceeded with probability ``alpha``.

    Args:
        looks: observations at each look, increasing.
        alpha: over all looks together, one-sided.
        power: of the spending function.
    """
    share = np.asarray(looks, np.float64) / looks[-1]
    steps = np.diff(spent(looks, alpha, power), prepend=0.0)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    values: list[float] = []
    # Where the score S = Z * sqrt(share) is, given that no boundary was crossed so far: mass at quadrature points.
    score, mass = np.zeros(1), np.ones(1)
    for look, step in enumerate(steps):
        deviation = float(np.sqrt(share[look] - (share[look - 1] if look else 0.0)))
        root = float(np.sqrt(share[look]))
        values.append(_crossed_with(step, score, mass, root, deviation))
        low, high = -FAR * root, values[-1] * root
        here = low + (nodes + 1) / 2 * (high - low)
        density = np.exp(-0.5 * ((here[:, None] - score) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi)) @ mass
        score, mass = here, density * weights * (high - low) / 2
    return tuple(values)


def _crossed_with(probability: float, score: Floats, mass: Floats, root: float, deviation: float) -> float:
    """The boundary that is newly crossed with that probability."""
    return float(brentq(lambda z: mass @ ndtr((score - z * root) / deviation) - probability, 0.0, FAR))


@cache
def levels(looks: tuple[int, ...], alpha: float, power: float = POWER) -> tuple[float, ...]:
    """The same as one-sided significance levels, which also tests with other distributions can use.

    The significance-level approach (Jennison and Turnbull 2000, section 3.8).
    """
    return tuple(float(ndtr(-z)) for z in critical_values(looks, alpha, power))


@cache
def students_quantile(n: int, level: float) -> float:
    """What Student's t with n - 1 degrees of freedom exceeds with that probability."""
    return float(-stdtrit(n - 1, level))
