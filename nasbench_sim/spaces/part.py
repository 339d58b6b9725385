"""Some configurations of a space and no others, such as those that have been recorded so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.chosen import Chosen
from nasbench_sim.spaces.space import Codes, Neighbourhoods, Space


@dataclass(frozen=True)
class Part(Chosen):
    """The configurations listed, with the neighbours that the whole space gives them, as far as those are listed."""

    @staticmethod
    def of(whole: Space, codes: Codes) -> Part:
        """The configurations of ``codes[n, d]``."""
        return Part(whole, tuple(map(tuple, codes.tolist())))

    def neighbourhoods(self, codes: Codes) -> Neighbourhoods:
        """Those of the whole space that are listed, in its order; there may be none."""
        found = self.whole.neighbourhoods(codes)
        kept = self._places(found.keys) >= 0
        before = np.concatenate([[0], np.cumsum(kept)])
        return Neighbourhoods(found.codes[kept], before[found.offsets].astype(np.int64), found.keys[kept])

    def parameters(self, codes: Codes) -> npt.NDArray[np.int64]:
        """``int64[n]``: the whole space's, of the published network."""
        return np.asarray(self.whole.parameters(codes))  # type: ignore[attr-defined]
