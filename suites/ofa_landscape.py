"""An invented landscape over OFA, where no accuracy of its networks is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from nasbench_sim.oracle import Floats, Observations, Request, Source
from nasbench_sim.randomness import stream, uniform
from nasbench_sim.spaces.ofa import DIMENSION, OFA
from nasbench_sim.spaces.space import Codes

BEST, WORST = 0.06, 0.20  # errors between which the landscape lies
EFFECT, NOISE = 0.01, 0.004  # standard deviation of single variables' effects in all, and of one training
SECONDS = 16_200.0  # mean of a training: 450 hours for 100 evaluations (section 5.4 of the study)


class OFALandscape:
    """Errors by a formula; nothing of it was learned from data.

    The error falls with the logarithm of multiply-adds and saturates, each value of each variable adds an effect drawn
    from a fixed seed, and each training adds noise, as one repeat.  Seconds go by multiply-adds.

    Args:
        space: of the codes.
    """

    def __init__(self, space: OFA) -> None:
        self._space = space

    @property
    def space(self) -> OFA:
        return self._space

    @property
    def objectives(self) -> tuple[str, ...]:
        return ("error",)

    @property
    def held_out(self) -> tuple[str, ...]:
        return ("test error",)

    @property
    def optimum(self) -> Floats:
        """NaN: the space cannot be listed."""
        return np.full(1, np.nan)

    @property
    def optimum_objectives(self) -> Floats:
        """NaN, likewise."""
        return np.full(1, np.nan)

    @property
    def size(self) -> None:
        return None

    @property
    def sources(self) -> Mapping[str, Source]:
        return {"train": Source((20.0,), "epochs")}

    @property
    def provenance(self) -> Mapping[str, str]:
        return {
            "table": "the landscape of OFA",
            "kind": "invented",
            "noise": "repeat",
            "clock": "seconds in proportion to multiply-adds, 4.5 hours in the mean, as the study's total implies",
            "landscape": f"errors from {BEST} to {WORST} by multiply-adds, effects {EFFECT}, noise {NOISE}, seed 0",
        }

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        keys = self._space.key(request.codes) if request.keys is None else request.keys
        n = len(keys)
        seeds = np.broadcast_to(np.asarray(run, np.uint64), (n,))
        true = self._error(request.codes)
        noise = NOISE * ndtri(uniform(seeds, keys, "train", "20", str(request.repeat)))
        macs = self._space.macs(request.codes).astype(np.float64)
        return Observations(
            codes=request.codes,
            keys=keys,
            source="train",
            objectives=np.clip(true + noise, 0.0, 1.0)[:, None],
            constraints=np.zeros((n, 0)),
            seconds=SECONDS * macs / self._scale[2],
            failed=np.zeros(n, bool),
            fidelity=np.full(n, 20.0),
            held_out=true[:, None],
        )

    @cached_property
    def _scale(self) -> tuple[float, float, float]:
        """Least and most log multiply-adds of the space, and their mean over a sample, not in logs."""
        extremes = np.array([[0] * DIMENSION, [2] * DIMENSION], np.uint8)
        least, most = np.log(self._space.macs(extremes).astype(np.float64))
        return float(least), float(most), float(self._space.macs(self._space.sample(stream(0, "ofa"), 1000)).mean())

    @cached_property
    def _effects(self) -> Floats:
        """``float64[45, 3]``, summing to nothing over the values of a variable."""
        drawn = stream(0, "ofa", "effects").standard_normal((DIMENSION, 3))
        drawn -= drawn.mean(axis=1, keepdims=True)
        return np.asarray(EFFECT * drawn / np.sqrt((drawn**2).mean(axis=1).sum()))

    def _error(self, codes: Codes) -> Floats:
        """The same for equivalent codes: entries of absent layers add nothing."""
        least, most, _ = self._scale
        large = (np.log(self._space.macs(codes)) - least) / (most - least)
        one_hot = self._space.features(codes)[:, : 3 * DIMENSION].reshape(len(codes), DIMENSION, 3)
        effects = (one_hot * self._effects).sum((1, 2))
        return np.asarray(np.clip(BEST + (WORST - BEST) * np.exp(-3 * large) + effects, 0.0, 1.0))
