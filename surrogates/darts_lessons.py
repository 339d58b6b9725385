"""Networks of the DARTS space on which one model can teach another: random ones, good ones, and what lies around them.

Random networks all look alike, so a model that learned from them alone would know nothing of where a search goes.
Half of what is drawn here is therefore what searches ask for: local search, regularized evolution, climbs to the best
neighbour, and changes of the best networks that these found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_sim.oracle import Task
from nasbench_sim.randomness import stream
from nasbench_sim.simulate import simulate_many
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.spaces.variables import widths
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.strategies.regularized_evolution import RegularizedEvolution
from surrogates.darts_climbs import climb
from surrogates.darts_oracle import DARTSOracle

Floats = npt.NDArray[np.float64]
ORIGINS = ("random", "local search", "evolution", "climbs", "changed good ones")
GOOD = 0.05  # share of what searches found that is changed
STEPS = 4  # changes at most
AT_ONCE = 30  # runs in lockstep


@dataclass(frozen=True)
class Lessons:
    """n distinct networks with the teacher's figures.

    Attributes:
        codes: ``uint8[n, 32]``.
        error, seconds: ``float64[n]``, after the last epoch.
        origin: ``int64[n]``, place in ``ORIGINS``.
        best: the lowest error among them.
    """

    codes: Codes
    error: Floats
    seconds: Floats
    origin: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def best(self) -> float:
        return float(self.error.min())


def lessons(
    oracle: DARTSOracle, counts: tuple[int, int, int, int, int], seed: int, report: Callable[[float, str], None]
) -> Lessons:
    """Networks by origin, each once, under the first origin that has it.

    Args:
        oracle: of the teacher.
        counts: how many random networks; runs of local search and of evolution, each of 1,500 evaluations; climbs;
            changed good ones.
        seed: other seeds draw other networks.
        report: told the progress.
    """
    space, last = oracle.space, oracle.model.fidelities[-1]
    random, searches, evolutions, climbs, changed = counts
    found = [space.sample(stream(seed, "lessons", "random"), random)]
    for number, (strategy, runs) in enumerate(((LocalSearch, searches), (RegularizedEvolution, evolutions))):
        parts = []
        task = Task("lessons", oracle, evaluations=1500)
        for start in range(0, runs, AT_ONCE):
            report((number + start / max(1, runs)) / 4, ORIGINS[1 + number])
            # Runs of different lessons share no seed.
            seeds = [seed * 100_000 + run for run in range(start, min(runs, start + AT_ONCE))]
            parts += [trace.codes for trace in simulate_many(task, strategy, seeds, record="all")]
        found.append(np.concatenate(parts))
    report(0.5, ORIGINS[3])
    asked: list[Codes] = []
    starts = space.sample(stream(seed, "lessons", "climbs"), climbs)
    ends, _ = climb(
        space, lambda codes: oracle.model.figures(codes, last)[0], starts, seen=lambda codes, _: asked.append(codes)
    )
    found.append(np.concatenate(asked))
    report(0.75, ORIGINS[4])
    searched = np.concatenate([*found[1:], ends])
    error = oracle.model.figures(searched, last)[0]
    good = searched[error <= np.quantile(error, GOOD)]
    found.append(_changed(space, good, changed, stream(seed, "lessons", "changes")))

    codes = np.concatenate(found)
    origin = np.repeat(np.arange(len(ORIGINS)), [len(part) for part in found])
    _, first = np.unique(space.key(codes), axis=0, return_index=True)
    first.sort()
    codes, origin = codes[first], origin[first]
    error, seconds = oracle.model.figures(codes, last)
    report(1.0, f"{len(codes):,} networks")
    return Lessons(codes, error, seconds, origin)


def without(these: Lessons, others: Lessons, space: Space) -> Lessons:
    """Those networks that are not among the others."""
    keys = np.concatenate([space.key(others.codes), space.key(these.codes)])
    _, first = np.unique(keys, axis=0, return_index=True)
    kept = np.sort(first[first >= len(others)]) - len(others)
    return Lessons(these.codes[kept], these.error[kept], these.seconds[kept], these.origin[kept])


def _changed(space: Space, codes: Codes, count: int, rng: np.random.Generator) -> Codes:
    """Networks that differ from some of ``codes`` in one to ``STEPS`` entries, ``[count, d]``."""
    found = codes[rng.integers(len(codes), size=count)]
    left = rng.integers(1, STEPS + 1, size=count)
    limits, rows = widths(space), np.arange(count)
    while len(rows := rows[left[rows] > 0]):
        tried = found[rows]
        entry = rng.integers(space.dimension, size=len(rows))
        tried[np.arange(len(rows)), entry] = rng.integers(limits[entry])
        taken = space.valid(tried)
        found[rows[taken]] = tried[taken]
        left[rows[taken]] -= 1
    return found
