"""Length-scales and noise of a kernel: those that make the values most likely, or a sample of likely ones.

Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", section 5.4; Murray and Adams 2010, "Slice
sampling covariance hyperparameters of latent Gaussian models", for why to sample by slices; Neal 2003, "Slice
sampling", for how.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_solve, cholesky

from nasbench_sim.oracle import Floats
from nasbench_sim.strategies.kernels import correlation, slope

# A weak prior keeps few values from making a length-scale nothing or endless: normal in the logarithm.
SCALE_CENTRE, SCALE_SPREAD = np.log(0.5), 1.0
NOISE_CENTRE, NOISE_SPREAD = np.log(1e-3), 2.5
LEAST, MOST = np.log(0.02), np.log(50.0)  # length-scales, where points lie between 0 and 1
LEAST_NOISE, MOST_NOISE = np.log(1e-6), np.log(1.0)
STEPS = 40  # of the optimiser, at most
WIDTH = 1.0  # of a slice, to begin with
SHRINKS = 30  # of a slice, at most


class Evidence:
    """How likely values are under a kernel's parameters.

    Parameters are logarithms: a length-scale of each group of columns, then, where it is learned, the noise in units of
    the process's variance.  That variance itself and the mean are the most likely and the empirical one.

    Args:
        form: of the kernel.
        points: ``float64[n, k]``.
        values: ``float64[n]``.
        groups: ``int64[k]``: which columns share a length-scale.
        noise: fixed; None learns it.
    """

    def __init__(
        self, form: str, points: Floats, values: Floats, groups: npt.NDArray[np.int64], noise: float | None
    ) -> None:
        self.form, self.noise, self.residual = form, noise, values - values.mean()
        self.scales = int(groups.max()) + 1
        differences = [points[:, groups == group] for group in range(self.scales)]
        self.apart = np.stack([((one[:, None] - one[None]) ** 2).sum(axis=2) for one in differences])

    @property
    def parameters(self) -> int:
        """How many there are."""
        return self.scales + (self.noise is None)

    def __call__(self, parameters: Floats) -> tuple[float, Floats]:
        """Logarithm of likelihood times prior, up to a constant, and its gradient ``float64[p]``."""
        inverse = np.exp(-2.0 * parameters[: self.scales])
        noise = float(np.exp(parameters[-1])) if self.noise is None else self.noise
        total = np.tensordot(inverse, self.apart, 1)
        matrix = correlation(self.form, total)
        n = len(self.residual)
        matrix[np.diag_indices(n)] += noise
        try:
            lower = cholesky(matrix, lower=True, check_finite=False)
        except LinAlgError:
            return -np.inf, np.zeros(self.parameters)
        weights = cho_solve((lower, True), self.residual, check_finite=False)
        # a floor, since values that are all equal are infinitely likely
        variance = max(float(self.residual @ weights) / n, 1e-300)
        likely = -0.5 * n * np.log(variance) - np.log(np.diagonal(lower)).sum()
        whole = cho_solve((lower, True), np.eye(n), check_finite=False)
        outer = np.outer(weights, weights) / variance - whole
        bent = outer * slope(self.form, total)
        gradient = np.empty(self.parameters)
        gradient[: self.scales] = 0.5 * inverse * np.einsum("ij,gij->g", bent, self.apart)
        scaled = (parameters[: self.scales] - SCALE_CENTRE) / SCALE_SPREAD
        likely -= 0.5 * float(scaled @ scaled)
        gradient[: self.scales] -= scaled / SCALE_SPREAD
        if self.noise is None:
            gradient[-1] = 0.5 * noise * float(np.trace(outer))
            about = (parameters[-1] - NOISE_CENTRE) / NOISE_SPREAD
            likely -= 0.5 * float(about) ** 2
            gradient[-1] -= about / NOISE_SPREAD
        return float(likely), gradient

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of each parameter."""
        return [(LEAST, MOST)] * self.scales + [(LEAST_NOISE, MOST_NOISE)] * (self.noise is None)


def most_likely(evidence: Evidence, start: Floats) -> Floats:
    """Parameters of a maximum, ``float64[p]``, climbed to from ``start``."""
    from scipy.optimize import minimize  # slow to import, and needed only here

    def descend(parameters: Floats) -> tuple[float, Floats]:
        likely, gradient = evidence(parameters)
        return (-likely, -gradient) if np.isfinite(likely) else (1e300, np.zeros_like(gradient))

    low, high = np.array(evidence.bounds).T
    found = minimize(
        descend,
        np.clip(start, low, high),
        jac=True,
        method="L-BFGS-B",
        bounds=evidence.bounds,
        options={"maxiter": STEPS, "ftol": 1e-6, "gtol": 1e-3},
    )
    return np.asarray(found.x)


def likely_ones(evidence: Evidence, start: Floats, rng: np.random.Generator, n: int) -> Floats:
    """A sample of the parameters' posterior by slices, ``float64[n, p]``, one sweep over the parameters each."""
    low, high = np.array(evidence.bounds).T
    here = np.clip(start, low, high)
    level, _ = evidence(here)
    drawn = []
    for _ in range(n):
        for at in range(len(here)):
            under = level - rng.exponential()
            left = here[at] - WIDTH * rng.random()
            right = left + WIDTH
            left, right = max(left, low[at]), min(right, high[at])
            for _ in range(SHRINKS):
                there = here.copy()
                there[at] = left + (right - left) * rng.random()
                reached, _ = evidence(there)
                if reached >= under:
                    here, level = there, reached
                    break
                if there[at] < here[at]:
                    left = there[at]
                else:
                    right = there[at]
        drawn.append(here)
    return np.stack(drawn)
