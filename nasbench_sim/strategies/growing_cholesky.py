"""A Cholesky factor, and if wanted its inverse, that grow by blocks.

Bertrand 2019, "Hyper-parameter optimization in deep learning and transfer learning" (thesis), section 2.3: the factor
of n points is a block of that of n + k (eq. 2.18), and so is its inverse (eq. 2.19).  A step costs O(k n^2), where
factoring anew costs O((n + k)^3).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, solve_triangular

from nasbench_sim.oracle import Floats

ROOM = 64  # rows to begin with; doubled whenever they are used up


class GrowingCholesky:
    """The lower factor L of a positive definite matrix K = L L^T to which rows and columns are added.

    With ``inverse`` the inverse of L is kept as well, so that what a new row needs is a product and no triangular
    solution.

    Args:
        inverse: keep it.
    """

    def __init__(self, inverse: bool = False) -> None:
        self.size = 0
        self._lower = np.zeros((ROOM, ROOM))
        self._inverse = np.zeros((ROOM, ROOM)) if inverse else None

    @property
    def lower(self) -> Floats:
        """L, ``float64[n, n]``."""
        return self._lower[: self.size, : self.size]

    @property
    def inverse(self) -> Floats:
        """The inverse of L, ``float64[n, n]``.

        Raises:
            ValueError: it is not kept.
        """
        if self._inverse is None:
            raise ValueError("the inverse is kept only where it is asked for")
        return self._inverse[: self.size, : self.size]

    @property
    def log_determinant(self) -> float:
        """Logarithm of the determinant of K."""
        return float(2 * np.log(np.diagonal(self.lower)).sum())

    def solve(self, right: Floats) -> Floats:
        """L^-1 ``right``, ``float64[n]`` or ``[n, m]``."""
        if not self.size:
            return np.zeros(right.shape)
        if self._inverse is not None:
            return np.asarray(self.inverse @ right)
        return np.asarray(solve_triangular(self.lower, right, lower=True, check_finite=False))

    def add(self, cross: Floats, own: Floats) -> tuple[Floats, Floats]:
        """Add k rows and columns to K.

        Args:
            cross: ``float64[k, n]``, with those that are there.
            own: ``float64[k, k]``, with each other.

        Returns:
            The new blocks of L: ``float64[k, n]`` below the old factor, ``float64[k, k]`` beside it.

        Raises:
            ValueError: the matrix is then no longer positive definite: a point is there twice, and without noise.
        """
        return self.append(self.solve(cross.T).T, own)  # K_(k,n) (L_(n)^T)^-1, eq. 2.18

    def append(self, below: Floats, own: Floats) -> tuple[Floats, Floats]:
        """The same where the block below the old factor, ``float64[k, n]``, is known already."""
        n, k = self.size, len(own)
        corner = own - below @ below.T
        try:
            if k == 1:
                if not corner[0, 0] > 0:
                    raise LinAlgError
                beside = np.sqrt(corner)
            else:
                beside = np.linalg.cholesky(corner)
        except LinAlgError:
            raise ValueError("the matrix is not positive definite: is a point in it twice, without noise?") from None
        self._grow(n + k)
        self._lower[n : n + k, :n] = below
        self._lower[n : n + k, n : n + k] = beside
        if self._inverse is not None:
            corner_inverse = np.linalg.inv(beside)
            self._inverse[n : n + k, :n] = -corner_inverse @ (below @ self._inverse[:n, :n])  # eq. 2.19
            self._inverse[n : n + k, n : n + k] = np.tril(corner_inverse)
        self.size = n + k
        return below, beside

    def shrink(self, size: int) -> None:
        """Forget all rows and columns but the first."""
        self.size = min(self.size, size)

    def _grow(self, size: int) -> None:
        room = len(self._lower)
        while room < size:
            room *= 2
        if room > len(self._lower):
            old = self._lower
            self._lower = np.zeros((room, room))
            self._lower[: len(old), : len(old)] = old
            if self._inverse is not None:
                former = self._inverse
                self._inverse = np.zeros((room, room))
                self._inverse[: len(former), : len(former)] = former
