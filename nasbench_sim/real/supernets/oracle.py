"""Proxies of trained super-nets beside real trainings, where ``nasbench_sim.proxy`` draws them from a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations, Request, Source
from nasbench_sim.real.clocks import TableClock
from nasbench_sim.real.feeding import feed
from nasbench_sim.real.ledger import identity
from nasbench_sim.real.oracle import RealOracle
from nasbench_sim.real.recipes import Recipe
from nasbench_sim.real.supernets import check_supernet, width
from nasbench_sim.real.supernets.training import PER_STEP, Trained, likelihood, train_supernet
from nasbench_sim.spaces.space import Keys
from nasbench_sim.wrapped import Wrapped

SAMPLE = 1000  # cells whose mean training a timing table charges for a super-net's


class SuperNetOracle(Wrapped):
    """A real oracle's answers under "train", and those of super-nets trained on the same data under "proxy".

    Super-nets are trained when the first proxy is asked for, and kept beside the trainings; what a proxy costs is
    known from then on.

    Args:
        oracle: of a space that has super-nets.
        recipe: of a super-net.
        variant: one of ``VARIANTS``.
        supernets: how many; a run has the super-net number (its seed modulo ``supernets``).

    Raises:
        UserError: a space without super-nets, an unknown variant, or no super-net.
    """

    def __init__(self, oracle: RealOracle, recipe: Recipe, variant: str = "bns_ft", supernets: int = 1) -> None:
        super().__init__(oracle)
        check_supernet(oracle.space, oracle.shape, variant)
        if supernets < 1:
            raise UserError(f"{supernets} super-nets answer nothing: at least one is needed")
        self.real, self.recipe, self.variant, self.supernets = oracle, recipe, variant, supernets
        self._nets: list[Trained] = []
        self._records: list[Mapping[str, Any]] = []
        self._known: dict[tuple[int, int, int], float] = {}  # proxies by super-net and key, each asked once

    @property
    def sources(self) -> Mapping[str, Source]:
        """The set-up of "proxy" costs nothing before the super-nets are trained, and their mean from then on."""
        return {**self.oracle.sources, "proxy": Source((1.0,), "proxy evaluations", setup_seconds=self._setup_seconds)}

    @property
    def provenance(self) -> Mapping[str, str]:
        told = ", ".join(f"{name} {value}" for name, value in self.recipe.described.items())
        return {
            **self.oracle.provenance,
            "proxy": f"{self.supernets} super-net(s) trained here, single path, uniform sampling, {self.variant}",
            "super-nets": f"{self.variant}, {self.supernets}; {told}",
        }

    @property
    def status(self) -> list[Mapping[str, Any]]:
        """Of each trained super-net whether it converged, its median proxy, chance and seconds."""
        return self._records

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``; the objective of a proxy is one minus its accuracy."""
        if request.source != "proxy":
            return self.oracle.evaluate(request, run)
        nets = self.trained()
        keys = self.space.key(request.codes) if request.keys is None else request.keys
        n = len(keys)
        numbers = (np.broadcast_to(np.asarray(run, np.uint64), (n,)) % np.uint64(self.supernets)).tolist()
        questions = [(number, *key) for number, key in zip(numbers, keys.tolist(), strict=True)]
        fresh = {question: place for place, question in enumerate(questions) if question not in self._known}
        for number in sorted({question[0] for question in fresh}):
            places = [place for question, place in fresh.items() if question[0] == number]
            for place, proxy in zip(places, nets[number].proxies(request.codes[places]).tolist(), strict=True):
                self._known[questions[place]] = proxy
        error = np.array([1.0 - self._known[question] for question in questions], np.float64)
        index = self.real.index
        return Observations(
            codes=request.codes,
            keys=keys,
            source="proxy",
            objectives=np.column_stack([error] + [np.full(n, np.nan)] * (len(self.objectives) - 1)).reshape(n, -1),
            constraints=np.zeros((n, 0)),
            seconds=self._proxy_seconds(keys),
            failed=np.zeros(n, bool),
            fidelity=np.ones(n),
            held_out=np.zeros((n, len(self.held_out))),
            rows=None if index is None else index.rows(keys),
        )

    def trained(self) -> list[Trained]:
        """The super-nets; those that are missing are trained first."""
        if not self._nets:
            splits = feed(self.real.data, self.real.device)
            for number in range(self.supernets):
                about = {**self.real.about, "recipe": dict(self.recipe.described), "variant": self.variant,
                         "super-net": number, "subspace": getattr(self.space, "subspace", "")}  # fmt: skip
                key = identity(about)
                weights = self.real.ledger.folder / "supernets" / f"{key[:32]}.pt"

                def make(
                    _: Path, weights: Path = weights, number: int = number, about: Mapping[str, object] = about
                ) -> Mapping[str, Any]:
                    found = self._train(splits, number, weights, about)
                    return {
                        "about": about, "status": found.status, "seconds": found.seconds,
                        "proxy_seconds": found.proxy_seconds, "median": found.median, "chance": found.chance,
                    }  # fmt: skip

                self._records.append(self.real.ledger.obtain(key, make))
                self._nets.append(self._train(splits, number, weights, about))  # from its weights
        return self._nets

    def _train(self, splits: Any, number: int, weights: Path, about: Mapping[str, object]) -> Trained:
        return train_supernet(
            self.space, self.real.shape, splits, self.recipe, self.real.device, self.variant, number, weights, about
        )

    @property
    def wall_seconds(self) -> tuple[float, float]:
        """Of training a super-net and of one proxy here, means over the super-nets; 0 before they are trained."""
        if not self._records:
            return 0.0, 0.0
        training, proxy = ([one[name] for one in self._records] for name in ("seconds", "proxy_seconds"))
        return float(np.mean(training)), float(np.mean(proxy))

    @property
    def _setup_seconds(self) -> float:
        if not self._records or self._clock is None:
            return self.wall_seconds[0]
        clock = self._clock
        codes = self.space.sample(np.random.default_rng(0), min(SAMPLE, self.space.size or SAMPLE))
        seconds = clock.seconds(clock.space.key(codes), self.recipe.epochs)
        mean = np.average(seconds, weights=likelihood(self.space, codes, self.variant))
        return float(PER_STEP.get(self.variant, 1) * mean)

    def _proxy_seconds(self, keys: Keys) -> Floats:
        """Of one proxy each, ``float64[n]``."""
        if self._clock is None:
            return np.full(len(keys), self.wall_seconds[1])
        return self._clock.proxy_seconds(keys)

    @property
    def _clock(self) -> TableClock | None:
        """By which super-nets are charged: at their own width, where that was timed."""
        clock = self.real.clock
        return None if clock is None else clock.at(width(self.space, self.real.shape))
