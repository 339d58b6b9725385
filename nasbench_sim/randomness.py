"""Every random number is drawn from a stream with a name, spawned from one seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.space import Keys


def stream(seed: int, *names: str) -> np.random.Generator:
    """The generator of that name: the same for the same seed and names, in any process and any order."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence([seed, *np.frombuffer(digest[:16], "<u4").tolist()]))


@dataclass(frozen=True)
class Streams:
    """The two streams of one run.

    Two strategies with the same seed meet the same ``start``, and draw their own ``choices``.

    Attributes:
        seed: the run's seed.
        name: the strategy's name.
    """

    seed: int
    name: str

    @cached_property
    def start(self) -> np.random.Generator:
        """For first configurations and restarts: the same for every strategy of this seed."""
        return stream(self.seed, "start")

    @cached_property
    def choices(self) -> np.random.Generator:
        """For everything else: the strategy's own."""
        return stream(self.seed, "choices", self.name)


def uniform(seeds: npt.NDArray[np.uint64], keys: Keys, *names: str) -> npt.NDArray[np.float64]:
    """Uniform numbers in (0, 1), ``float64[n]``: a hash of seed, key and name, so no order of calls matters.

    Args:
        seeds: ``uint64[n]``.
        keys: ``uint64[n, 2]``.
        names: what the number is for, such as source, fidelity and repeat.
    """
    digest = hashlib.sha256("/".join(names).encode()).digest()
    bits = mix(seeds.astype(np.uint64) + np.frombuffer(digest[:8], "<u8")[0])
    bits = mix(bits ^ keys[:, 0])
    bits = mix(bits ^ keys[:, 1])
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64 bits (the finaliser of SplitMix64, Steele et al. 2014); returns a new array."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
