"""A Gaussian process that grows point by point, with its predictions for a fixed set of candidates always at hand.

Bertrand 2019, "Hyper-parameter optimization in deep learning and transfer learning" (thesis), sections 2.2 and 2.3.
With L the Cholesky factor of the points' covariance, V = L^-1 K(points, candidates) has one row per point.  A new point
adds a row to L (eq. 2.18) and one to V, and moves mean and variance of all candidates by it: O(n) per candidate, where
a fit anew costs O(n^3) and O(n^2) per candidate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from nasbench_sim.oracle import Floats
from nasbench_sim.strategies.growing_cholesky import GrowingCholesky
from nasbench_sim.strategies.kernels import Covariance

# Above so many candidates V is kept in single precision: the step is bound by reading it.  Means and variances are
# summed in double precision; the law tests say how far they are off.
DOUBLE = 4096
ROOM = 64


class GaussianProcess:
    """Regression with a constant mean: that of the values, as the thesis has it.

    The process's variance is the one that makes the values most likely under the kernel, in closed form.

    Args:
        covariance: of points; with variance 1.
        noise: variance of the noise in units of the process's.
        candidates: points ``float64[m, k]`` whose prediction is wanted.
    """

    def __init__(self, covariance: Covariance, noise: float, candidates: Floats) -> None:
        self.covariance, self.noise, self.candidates = covariance, noise, candidates
        self.factor = GrowingCholesky()
        m = len(candidates)
        self._dtype: npt.DTypeLike = np.float64 if m <= DOUBLE else np.float32
        self._rows = np.empty((ROOM, m), self._dtype)  # V
        self._points = np.empty((ROOM, candidates.shape[1]))
        self._values = np.empty(ROOM)
        self._whitened = np.empty((ROOM, 2))  # L^-1 of the values, and of ones
        self._explained = np.zeros(m)  # sum of squares of V's columns
        self._sums = np.zeros((2, m))  # of the whitened times V

    @property
    def size(self) -> int:
        """How many points there are."""
        return self.factor.size

    @property
    def points(self) -> Floats:
        """``float64[n, k]``."""
        return self._points[: self.size]

    @property
    def values(self) -> Floats:
        """``float64[n]``."""
        return self._values[: self.size]

    def add(self, points: Floats, values: Floats, places: npt.NDArray[np.int64] | None = None) -> None:
        """Add k points, as one block.

        Args:
            points: ``float64[k, columns]``.
            values: ``float64[k]``.
            places: ``int64[k]`` among the candidates, where the points are some of them; saves solving for their rows.

        Raises:
            ValueError: a point is there twice and the noise is zero.
        """
        n, k = self.size, len(points)
        own = self.covariance(points, points) + self.noise * np.eye(k)
        if places is not None and self._dtype == np.float64:
            below, beside = self.factor.append(self._rows[:n, places].T.astype(np.float64), own)
        else:
            below, beside = self.factor.add(self.covariance(points, self.points), own)
        self._make_room(n + k)
        rows = self.covariance(points, self.candidates)
        if n:
            rows -= below.astype(self._dtype, copy=False) @ self._rows[:n]
        ones = np.stack([values, np.ones(k)], axis=1) - below @ self._whitened[:n]
        if k == 1:
            rows /= beside[0, 0]
            ones /= beside[0, 0]
        else:
            rows = solve_triangular(beside, rows, lower=True, check_finite=False)
            ones = solve_triangular(beside, ones, lower=True, check_finite=False)
        self._rows[n : n + k] = rows
        self._points[n : n + k], self._values[n : n + k], self._whitened[n : n + k] = points, values, ones
        self._explained += np.einsum("km,km->m", rows, rows)
        self._sums += ones.T @ rows

    def revalue(self, values: Floats) -> None:
        """Give the points other values, ``float64[n]``: what was a guess has become known."""
        n = self.size
        self._values[:n] = values
        self._whitened[:n, 0] = self.factor.solve(values)
        self._sums[0] = self._whitened[:n, 0].astype(self._dtype) @ self._rows[:n]

    def shrink(self, size: int) -> None:
        """Forget all points but the first."""
        if size < self.size:
            self.factor.shrink(size)
            rows = self._rows[:size]
            self._explained = np.einsum("km,km->m", rows, rows).astype(np.float64)
            self._sums = (self._whitened[:size].T.astype(self._dtype) @ rows).astype(np.float64)

    @property
    def mean(self) -> float:
        """Of the values; 0 without any."""
        return float(self.values.mean()) if self.size else 0.0

    @property
    def variance(self) -> float:
        """The process's, by maximum likelihood; 1 where the values do not differ."""
        residual = self._whitened[: self.size, 0] - self.mean * self._whitened[: self.size, 1]
        found = float(residual @ residual) / max(self.size, 1)
        return found if found > 0 else 1.0

    def predict(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the noise-free function at the candidates, ``float64[m]`` each."""
        mean = self.mean + self._sums[0] - self.mean * self._sums[1]
        return mean, np.sqrt(self.variance * np.maximum(1.0 - self._explained, 0.0))

    def predict_at(self, points: Floats) -> tuple[Floats, Floats]:
        """The same at any points ``float64[m, k]``, O(n^2) each."""
        rows = self.factor.solve(self.covariance(self.points, points))
        n = self.size
        mean = self.mean + (self._whitened[:n, 0] - self.mean * self._whitened[:n, 1]) @ rows
        return mean, np.sqrt(self.variance * np.maximum(1.0 - (rows**2).sum(axis=0), 0.0))

    def _make_room(self, size: int) -> None:
        room = len(self._rows)
        if size <= room:
            return
        while room < size:
            room *= 2
        for name in ("_rows", "_points", "_values", "_whitened"):
            old = getattr(self, name)
            new = np.empty((room, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)
